//! EFI's time.
//!
//! *What must hold*: a [`Time`] is a day that exists, and a time on it (UEFI 2.10, 8.3, `EFI_TIME`).
//!
//! *What is not prevented*: a clock that is wrong.

use core::fmt;

use crate::firmware::{
    error::FirmwareError,
    memory::{int, short},
};

/// `EFI_UNSPECIFIED_TIMEZONE`.
const NO_ZONE: i16 = 0x7ff;

/// A date and a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time {
    /// 1900 to 9999.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to the last day of the month.
    pub day: u8,
    /// 0 to 23.
    pub hour: u8,
    /// 0 to 59.
    pub minute: u8,
    /// 0 to 59.
    pub second: u8,
    /// Below 10^9.
    pub nanosecond: u32,
    /// Minutes that local time is behind UTC (UTC = local time + zone), -1440 to 1440; `None` where the firmware does
    /// not say.
    pub zone: Option<i16>,
    /// Whether daylight saving applies to it (bit 0), and is in effect (bit 1).
    pub daylight: u8,
}

impl Time {
    /// Reads the 16 bytes of an `EFI_TIME`, which are those of `struct xenpf_efi_time` (platform.h).
    ///
    /// # Errors
    /// [`FirmwareError::Time`] when there is no such date or time.
    pub(crate) fn parse(bytes: &[u8; 16]) -> Result<Self, FirmwareError> {
        let [_, _, month, day, hour, minute, second, _, _, _, _, _, _, _, daylight, _] = *bytes;
        let (year, nanosecond) = (short(bytes, 0), int(bytes, 8));
        let zone = short(bytes, 12).cast_signed();
        let date = (1900..=9999).contains(&year) && (1..=days(year, month)).contains(&day);
        let time = hour < 24 && minute < 60 && second < 60 && nanosecond < 1_000_000_000;
        if !date || !time || !((-1440..=1440).contains(&zone) || zone == NO_ZONE) {
            return Err(FirmwareError::Time {
                date: (year, month, day),
                time: (hour, minute, second),
                nanosecond,
                zone,
            });
        }
        let zone = (zone != NO_ZONE).then_some(zone);
        Ok(Self { year, month, day, hour, minute, second, nanosecond, zone, daylight })
    }
}

/// Returns the days of a month; 0 for a month that does not exist.
const fn days(year: u16, month: u8) -> u8 {
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        _ => 0,
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { year, month, day, hour, minute, second, .. } = self;
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")?;
        match self.zone {
            Some(0) => f.write_str(" UTC"),
            Some(zone) => write!(f, " (UTC {:+} min)", -zone),
            None => f.write_str(" (zone not given)"),
        }
    }
}
