//! Integers that are as wide as a register of a device.

use p2m::Width;

mod sealed {
    /// Nobody outside this file can name it, so nobody can add a width.
    pub trait KnownWidth {}
}

/// An integer that a register can hold: `u8`, `u16`, `u32` or `u64`. One access reads or writes all of it.
pub trait DeviceInteger: sealed::KnownWidth + Copy {
    /// How wide it is.
    const WIDTH: Width;

    /// Takes the low bits of a word.
    fn of_word(word: u64) -> Self;

    /// Returns it as a word.
    fn into_word(self) -> u64;
}

macro_rules! integer {
    ($integer:ty, $width:ident) => {
        impl sealed::KnownWidth for $integer {}
        impl DeviceInteger for $integer {
            const WIDTH: Width = Width::$width;

            fn of_word(word: u64) -> Self {
                word as Self
            }

            fn into_word(self) -> u64 {
                u64::from(self)
            }
        }
    };
}

integer!(u8, Bits8);
integer!(u16, Bits16);
integer!(u32, Bits32);
integer!(u64, Bits64);
