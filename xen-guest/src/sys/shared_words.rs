//! The words of events and time in shared_info.
//!
//! *What must hold*: Xen changes them at any time, so each access is one atomic load, store or exchange. What the scan clears is
//! cleared by a locked instruction: no load after it is made before it.

use core::sync::atomic::Ordering;

use crate::{
    event::scan::{EventWords, PORTS},
    sys::{
        abi::{
            EVTCHN_MASK, EVTCHN_PENDING, PENDING_SELECTOR, TIME_FACTOR, TIME_SHIFT, TIME_STAMP, TIME_SYSTEM,
            TIME_VERSION, UPCALL_MASK, UPCALL_PENDING, WALL_HIGH, WALL_LOW, WALL_NANOS, WALL_VERSION,
        },
        shared_info::SharedInfo,
    },
    time::clock::{TimeWords, WallWords},
};

impl SharedInfo {
    /// Masks events as a whole; tells whether they were masked.
    pub(super) fn mask(&self) -> bool {
        self.byte(UPCALL_MASK).swap(1, Ordering::SeqCst) != 0
    }

    /// Lets events through; tells whether one is marked, so that Xen must be asked for an upcall.
    pub(super) fn unmask(&self) -> bool {
        self.byte(UPCALL_MASK).swap(0, Ordering::SeqCst);
        self.byte(UPCALL_PENDING).load(Ordering::SeqCst) != 0
    }

    /// Masks a port.
    pub(super) fn mask_port(&self, port: u32) {
        if port < PORTS {
            let (offset, bit) = place(port);
            self.field(EVTCHN_MASK + offset).fetch_or(bit, Ordering::SeqCst);
        }
    }

    /// Masks every port.
    pub(super) fn mask_all_ports(&self) {
        for port in (0..PORTS).step_by(u64::BITS as usize) {
            self.field(EVTCHN_MASK + place(port).0).store(u64::MAX, Ordering::SeqCst);
        }
    }
}

/// The offset of a port's word, and its bit in that.
fn place(port: u32) -> (u64, u64) {
    (u64::from(port / u64::BITS) * 8, 1 << (port % u64::BITS))
}

impl EventWords for SharedInfo {
    fn take_any(&mut self) -> bool {
        // A locked instruction: nothing comes before it.
        self.byte(UPCALL_PENDING).swap(0, Ordering::SeqCst) != 0
    }

    fn take_selector(&mut self) -> u64 {
        self.field(PENDING_SELECTOR).swap(0, Ordering::SeqCst)
    }

    fn ready(&mut self, word: usize) -> u64 {
        let word = word as u64 * 8;
        let mask = self.field(EVTCHN_MASK + word).load(Ordering::SeqCst);
        self.field(EVTCHN_PENDING + word).load(Ordering::SeqCst) & !mask
    }

    fn clear(&mut self, port: u32) {
        let (offset, bit) = place(port);
        self.field(EVTCHN_PENDING + offset).fetch_and(!bit, Ordering::SeqCst);
    }
}

impl TimeWords for SharedInfo {
    fn version(&self) -> u32 {
        self.half(TIME_VERSION).load(Ordering::Acquire)
    }

    fn stamp(&self) -> u64 {
        self.field(TIME_STAMP).load(Ordering::Acquire)
    }

    fn system_time(&self) -> u64 {
        self.field(TIME_SYSTEM).load(Ordering::Acquire)
    }

    fn factor(&self) -> u32 {
        self.half(TIME_FACTOR).load(Ordering::Acquire)
    }

    fn shift(&self) -> i8 {
        self.byte(TIME_SHIFT).load(Ordering::Acquire).cast_signed()
    }
}

impl WallWords for SharedInfo {
    fn version(&self) -> u32 {
        self.half(WALL_VERSION).load(Ordering::Acquire)
    }

    fn low(&self) -> u32 {
        self.half(WALL_LOW).load(Ordering::Acquire)
    }

    fn high(&self) -> u32 {
        self.half(WALL_HIGH).load(Ordering::Acquire)
    }

    fn nanos(&self) -> u32 {
        self.half(WALL_NANOS).load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
    use std::thread;
    use std::vec::Vec;

    use super::SharedInfo;
    use crate::event::scan::{PORTS, scan};
    use crate::sys::buffer::Buffer;
    use crate::time::clock::{system_time, wall_clock_start};

    // By number, as in `public/xen.h`, because this tests the constants of `abi`.
    const SELECTOR: u64 = 8;
    const PENDING: u64 = 0x800;
    const MASK: u64 = 0xa00;

    fn info(buffer: &Buffer) -> SharedInfo {
        SharedInfo::at(buffer.address())
    }

    /// As Xen does it (common/event_2l.c); tells whether it was pending.
    fn send(buffer: &Buffer, port: u32) -> bool {
        let (word, bit) = (u64::from(port / 64), 1 << (port % 64));
        let merged = buffer.word(PENDING + word * 8).fetch_or(bit, Ordering::SeqCst) & bit != 0;
        let masked = buffer.word(MASK + word * 8).load(Ordering::SeqCst) & bit != 0;
        if !merged && !masked && buffer.word(SELECTOR).fetch_or(1 << word, Ordering::SeqCst) >> word & 1 == 0
        {
            // A byte, as Xen writes it.
            info(buffer).byte(0).store(1, Ordering::SeqCst);
        }
        merged
    }

    #[test]
    fn a_port_is_found_in_xens_words_unless_it_is_masked() {
        let buffer = Buffer::new(1);
        let mut page = info(&buffer);
        for port in [0, 1, 63, 64, 2047, PORTS - 1] {
            assert!(!send(&buffer, port));
            let mut found = Vec::new();
            scan(&mut page, |port| found.push(port));
            assert_eq!(found, [port]);
            page.mask_port(port);
            assert!(!send(&buffer, port));
            scan(&mut page, |_| panic!("{port} is masked"));
        }
        // No other word was masked.
        let masked: u32 =
            (0..64).map(|word| buffer.word(MASK + word * 8).load(Ordering::SeqCst).count_ones()).sum();
        assert_eq!(masked, 6);
        page.mask_port(PORTS);
        page.mask_all_ports();
        assert!((0..64).all(|word| buffer.word(MASK + word * 8).load(Ordering::SeqCst) == u64::MAX));
        let behind = [MASK - 8, MASK + 64 * 8].map(|offset| buffer.word(offset).load(Ordering::SeqCst));
        assert_eq!(behind, [1 << 63, 0]);
    }

    #[test]
    fn the_mask_is_the_second_byte_and_what_came_meanwhile_is_told() {
        let buffer = Buffer::new(1);
        let page = info(&buffer);
        assert_eq!([page.mask(), page.mask()], [false, true]);
        assert_eq!(buffer.bytes(0, 4), [0, 1, 0, 0]);
        assert!(!page.unmask());
        page.mask();
        send(&buffer, 9);
        assert!(page.unmask());
        assert_eq!(buffer.bytes(0, 4), [1, 0, 0, 0]);
    }

    /// Another processor sends while this one scans. Each event is delivered, or was one with another.
    #[test]
    fn what_another_processor_sends_meanwhile_is_not_lost() {
        let rounds: u32 = if cfg!(miri) { 40 } else { 20_000 };
        let buffer = Buffer::new(1);
        let (sent, done) = (AtomicU64::new(0), AtomicBool::new(false));
        let delivered = thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..rounds {
                    let merged = send(&buffer, round.wrapping_mul(37) % 200);
                    sent.fetch_add(u64::from(!merged), Ordering::SeqCst);
                }
                done.store(true, Ordering::SeqCst);
            });
            let (mut page, mut delivered) = (info(&buffer), 0);
            loop {
                let is_last = done.load(Ordering::SeqCst);
                scan(&mut page, |_| delivered += 1);
                if is_last {
                    break delivered;
                }
            }
        });
        assert_eq!(delivered, sent.load(Ordering::SeqCst));
    }

    #[test]
    fn time_is_read_where_xen_writes_it() {
        let buffer = Buffer::new(1);
        buffer.set_half(0x20, 6);
        buffer.word(0x28).store(1000, Ordering::SeqCst);
        buffer.word(0x30).store(77, Ordering::SeqCst);
        buffer.set_half(0x38, 1 << 31);
        // The shift is a signed byte, and a byte of flags follows it.
        buffer.set_bytes(0x3c, &[0xff, 1, 9, 9]);
        assert_eq!(system_time(&info(&buffer), || 1400), 77 + 100);
        buffer.set_bytes(0xc00, &[2, 0, 0, 0, 5, 0, 0, 0, 9, 0, 0, 0, 1, 0, 0, 0]);
        assert_eq!(wall_clock_start(&info(&buffer)), Duration::new((1 << 32) + 5, 9));
    }
}
