//! The rest of what a boot needs from a machine.
//!
//! *What this is*: `xen_guest::Platform`: consoles, shared_info, the ramdisk, counters.
//!
//! *What must hold*: what the guest attaches must be the page it says, at the address it says. A ramdisk that is read
//! must not have been overwritten.

use mmu::{
    Errno, FixmapPage, RamdiskPages, Region,
    layout::{Bases, KERNEL_MAP},
};
use p2m::{LinearMap, SharedPage};
use start_info::MemoryMap;
use xen_guest::{EntryPoint, MapOf, NoMap, Platform, Published, SharedWords, Simulated};

use crate::machine::ModelMachine;

/// Words of shared_info (arch-x86/xen.h, `struct arch_shared_info`, from byte 0xc10 on).
pub(crate) const MAX_PFN: usize = 0xc10 / 8;
pub(crate) const FRAME_LIST_LIST: usize = 0xc18 / 8;
pub(crate) const P2M_CR3: usize = 0xc28 / 8;
pub(crate) const P2M_VADDR: usize = 0xc30 / 8;
pub(crate) const P2M_GENERATION: usize = 0xc38 / 8;

/// Nobody is slow here.
const PATIENCE: u32 = 20_000;

impl Simulated for ModelMachine {}

impl Platform for ModelMachine {
    fn write_console(&mut self, text: &str) {
        if let Some(at) = self.ring_at {
            // Every piece of text writes the ring's producer index.
            match self.live_leaf(at) {
                Ok(leaf) if leaf.writable && Some(leaf.pte.mfn()) == self.ring => {}
                other => self.guest_bug(&format!("wrote to the console ring at {at:#x}, which is {other:?}")),
            }
        }
        self.console.push_str(text);
    }

    fn attach_console(&mut self, page: SharedPage, port: u32) {
        self.ring_at = Some(page.address().as_u64());
        self.ring_port = Some(port);
        self.write_console("");
    }

    fn shared<'w>(&'w mut self, page: &'w SharedPage) -> impl SharedWords + 'w {
        self.words_of_ring(page)
    }

    fn read_hypervisor_console(&mut self, bytes: &mut [u8]) -> usize {
        self.type_into(bytes)
    }

    fn notify(&mut self, port: u32) {
        // As in a kernel, a refusal is ignored.
        let _refused = self.event_operation(xen_sys::EVTCHNOP_send, port);
        self.others_run();
    }

    fn give_way(&mut self) {
        let _refused = self.sched_operation(xen_sys::SCHEDOP_yield, 0);
        self.others_run();
    }

    fn patience(&self) -> u32 {
        PATIENCE
    }

    fn wait_for(&mut self, port: u32) {
        let _refused = self.poll(&[port]);
        self.others_run();
        self.check_woken(port);
    }

    fn attach_shared_info(&mut self, page: FixmapPage) {
        self.shared_info_at = Some(page.address().as_u64());
    }

    fn publish(&mut self, published: &Published) {
        let Some(at) = self.shared_info_at else {
            self.guest_bug("published the P2M before it attached shared_info");
        };
        match self.live_leaf(at) {
            Ok(leaf) if leaf.pte.mfn() == self.shared_info() => {}
            other => self.guest_bug(&format!("took {at:#x} for shared_info, but it is {other:?}")),
        }
        let generation = self.peek(self.shared_info(), P2M_GENERATION).unwrap_or_default();
        for (word, value) in [
            (MAX_PFN, published.max_pfn),
            (FRAME_LIST_LIST, published.frame_list_list),
            (P2M_VADDR, published.p2m_vaddr.as_u64()),
            (P2M_GENERATION, generation + 2),
            (P2M_CR3, published.p2m_cr3),
        ] {
            if let Err(errno) = self.write(at + word as u64 * 8, value) {
                self.guest_bug(&format!("wrote to shared_info at {at:#x}: {errno}"));
            }
        }
        self.published = Some(*published);
    }

    fn memory_map(&mut self, of: MapOf) -> Result<Option<&'static MemoryMap>, NoMap> {
        let entries = match of {
            MapOf::Machine => ModelMachine::machine_memory_map(self, Some(usize::MAX)),
            MapOf::Domain => ModelMachine::memory_map(self, usize::MAX),
        };
        match entries {
            Ok(entries) => {
                let map = MemoryMap::from_entries(entries.iter().copied())?;
                // Never freed, like the guest's own.
                Ok(Some(Box::leak(Box::new(map))))
            }
            Err(Errno::ENOSYS) if of == MapOf::Domain => Ok(None),
            Err(errno) => Err(NoMap::Refused(errno)),
        }
    }

    fn ramdisk(&self, window: &LinearMap, ramdisk: &RamdiskPages) -> Option<&'static [u8]> {
        for (offset, pfn) in (0..).zip(ramdisk.pfns().iter()) {
            let address = window.address(pfn)?.as_u64();
            self.check_ramdisk_page(offset, address);
        }
        let first = ramdisk.pfns().iter().next().and_then(|pfn| window.address(pfn));
        self.lent.set(first.map(|address| address.as_u64()));
        self.ramdisk.get(..ramdisk.bytes() as usize)
    }

    fn start_module(&mut self, init: EntryPoint) -> i32 {
        self.check_entered(&init);
        self.init_code
    }

    fn end_module(&mut self, exit: EntryPoint) {
        self.check_entered(&exit);
        self.modules_ended += 1;
    }

    fn note_bases(&mut self, bases: &Bases) {
        self.bases_noted = Some(*bases);
    }

    fn note_module(&mut self, name: &str, region: Region) {
        if let Some((other, taken)) = self.modules_noted.iter().find(|(_, taken)| taken.overlaps(&region)) {
            self.guest_bug(&format!("noted {name} at {region}, where {other} is noted at {taken}"));
        }
        self.modules_noted.push((name.into(), region));
    }

    fn forget_module(&mut self, region: Region) {
        // Found by its start, as in the handler's table: a module may have given pages back since.
        let start = region.start();
        match self.modules_noted.iter().position(|(_, noted)| noted.start() == start) {
            Some(rank) => drop(self.modules_noted.remove(rank)),
            None => self.guest_bug(&format!("forgot {region}, which was not noted")),
        }
    }

    fn hypercalls(&self) -> u64 {
        self.calls
    }

    fn refused(&self) -> u64 {
        self.refused
    }

    fn ticks(&self) -> u64 {
        if self.timeless {
            return 0;
        }
        self.ticks.set(self.ticks.get() + 1);
        self.ticks.get() + self.calls * 1000
    }
}

impl ModelMachine {
    /// A module must be entered in its own code, and a trap there must be reported with its name.
    fn check_entered(&self, entry: &EntryPoint) {
        let address = entry.address().as_u64();
        if !self.live_leaf(address).is_ok_and(|leaf| leaf.executable) {
            self.guest_bug(&format!("entered a module at {address:#x}, where nothing can be executed"));
        }
        let contains = |region: &Region| (region.start().as_u64()..=region.last()).contains(&address);
        if !self.modules_noted.iter().any(|(_, region)| contains(region)) {
            self.guest_bug(&format!("entered a module at {address:#x} that no trap would name"));
        }
    }

    fn check_ramdisk_page(&self, offset: usize, address: u64) {
        let Some(page) = self.ramdisk.get(offset * 4096..(offset + 1) * 4096) else {
            self.guest_bug(&format!("took page {offset} of the ramdisk, which has less"));
        };
        for (index, word) in page.as_chunks::<8>().0.iter().enumerate() {
            match self.read(address + index as u64 * 8) {
                Ok(found) if found == u64::from_le_bytes(*word) => {}
                other => self
                    .guest_bug(&format!("destroyed the ramdisk's page {offset} at {address:#x}: {other:x?}")),
            }
        }
    }

    /// Returns the address of the image's page 0, where the guest's VIRT_BASE note says.
    #[must_use]
    pub const fn virt_base() -> u64 {
        KERNEL_MAP.as_u64()
    }
}
