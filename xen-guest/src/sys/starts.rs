//! Where the regions start that can move, for whoever reports a fault.
//!
//! *What this is*: the starts by the settled layout, and before it is settled the usual ones. A trap may come at any time, so
//! there is no lock; between two stores it sees a region at its usual place, where nothing is mapped yet.

use core::sync::atomic::{AtomicU64, Ordering};

use mmu::layout::Bases;

const FIXED: Starts = Starts::of(&Bases::FIXED);

static DIRECT_MAP: AtomicU64 = AtomicU64::new(FIXED.direct_map);
static LINEAR_P2M: AtomicU64 = AtomicU64::new(FIXED.linear_p2m);
static IO_MAP: AtomicU64 = AtomicU64::new(FIXED.io_map);
static PAYLOAD: AtomicU64 = AtomicU64::new(FIXED.payload);

/// Where the regions start that can move.
#[derive(Clone, Copy, Debug)]
pub(super) struct Starts {
    pub(super) direct_map: u64,
    pub(super) linear_p2m: u64,
    pub(super) io_map: u64,
    pub(super) payload: u64,
}

impl Starts {
    pub(super) const fn of(bases: &Bases) -> Self {
        Self {
            direct_map: bases.direct_map().as_u64(),
            linear_p2m: bases.linear_p2m().as_u64(),
            io_map: bases.io_map().as_u64(),
            payload: bases.payload().as_u64(),
        }
    }

    /// Returns what was noted last.
    pub(super) fn noted() -> Self {
        Self {
            direct_map: DIRECT_MAP.load(Ordering::Relaxed),
            linear_p2m: LINEAR_P2M.load(Ordering::Relaxed),
            io_map: IO_MAP.load(Ordering::Relaxed),
            payload: PAYLOAD.load(Ordering::Relaxed),
        }
    }

    /// Notes them.
    #[cfg(target_os = "none")]
    pub(super) fn note(self) {
        DIRECT_MAP.store(self.direct_map, Ordering::Relaxed);
        LINEAR_P2M.store(self.linear_p2m, Ordering::Relaxed);
        IO_MAP.store(self.io_map, Ordering::Relaxed);
        PAYLOAD.store(self.payload, Ordering::Relaxed);
    }
}
