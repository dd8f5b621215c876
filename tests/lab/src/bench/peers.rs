//! What other PV kernels need for the same, to hold the figures against.
//!
//! Measured once for this project, on the same Xen and the same QEMU, by a QEMU plugin that counts the instructions of guest and
//! Xen from one address to another; dom0 had exactly the memory named. `scripts/bench` does not measure them again.

use crate::bench::measured::{Measured, STAGES};
use crate::machine::size::{GIB, PAGE};

/// A part of a boot that somebody else does too.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) what: &'static str,
    pub(crate) who: &'static str,
    /// Million instructions on 1, 8, 32 and 128 GiB.
    pub(crate) millions: [u64; 4],
    /// The same of ours.
    pub(crate) ours: &'static [&'static str],
}

/// The sizes of [`Peer::millions`].
pub(crate) const SIZES: [u64; 4] = [GIB, 8 * GIB, 32 * GIB, 128 * GIB];

const P2M: &[&str] = &["p2m", "page tables", "release"];

/// Those that do the like.
pub(crate) const PEERS: [Peer; 3] = [
    Peer {
        what: "direct map",
        who: "Linux 6.1, `init_mem_mapping`",
        millions: [136, 1033, 4394, 17838],
        ours: &["direct map"],
    },
    Peer {
        what: "P2M: copied and mapped (here also: the old one given back)",
        who: "Linux 6.1, `xen_vmalloc_p2m_tree` (it looks through 512 GiB whatever the memory)",
        millions: [1350, 1405, 1521, 1986],
        ours: P2M,
    },
    Peer {
        what: "all up to page tables, allocator and P2M (Mini-OS: only the list of its frames)",
        who: "Mini-OS 2018, `_start` to the end of `init_mm`",
        millions: [211, 1690, 6760, 27044],
        ours: &STAGES,
    },
];

impl Peer {
    /// Instructions a page on a machine of that size, to a hundredth.
    pub(crate) fn hundredths(&self, memory: u64) -> Option<u64> {
        let (millions, _) = self.millions.iter().zip(SIZES).find(|(_, size)| *size == memory)?;
        Some(millions * 1_000_000 * 100 / (memory / PAGE))
    }

    /// What our part of it took.
    pub(crate) fn ours(&self, measured: &Measured) -> u64 {
        let parts = STAGES.iter().zip(&measured.costs).filter(|(stage, _)| self.ours.contains(stage));
        parts.map(|(_, cost)| cost.instructions).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::PEERS;
    use crate::bench::measured::Measured;
    use crate::bench::measured::tests::console;
    use crate::machine::size::{GIB, MIB};

    #[test]
    fn figures_a_page() {
        assert_eq!(PEERS[0].hundredths(GIB), Some(51_879));
        assert_eq!(PEERS[0].hundredths(256 * MIB), None);
        let ours = Measured::of(&console(7, 500)).unwrap();
        assert_eq!(PEERS.each_ref().map(|peer| peer.ours(&ours)), [500, 1500, 5000]);
    }
}
