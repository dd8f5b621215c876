//! Real Xen, as the boot uses it.
//!
//! *What this is*: the implementation of the traits of `p2m`, `mmu` and [`crate::Platform`] by loads, stores and
//! hypercalls.
//!
//! *What must hold*: only the boot and the [`crate::Guest`] call these methods. A payload has no [`Xen`]; so the words,
//! requests and shared pages that reach one were made by the layer from what it owns.

use mmu::{
    Errno, ExtOp, FixmapPage, Hypervisor, Partial, RamdiskPages, Region, ReleasedMfn, Update, VaUpdate,
    layout::Bases,
};
use p2m::{Frame, LinearMap, MachineToPhys, Memory, Register, SharedPage, Word, WordMut};
use start_info::{MemoryMap, Mfn};

#[cfg(feature = "modules")]
use crate::{platform::EntryPoint, sys::module};
use crate::{
    platform::{MapOf, NoMap, Platform, Published},
    ring::words::SharedWords,
    sys::{
        abi::{DOMID_SELF, M2P, M2P_ENTRIES, UVMF_INVLPG},
        console, event,
        hypercall::hypercall,
        mask, memory,
        outcome::{check, stopped},
        ramdisk,
        ring::PageWords,
        sched,
        shared_info::SharedInfo,
        starts::Starts,
        traps::MODULES,
        word_or_none::load_or_none,
        words,
        xen::Xen,
    },
};

impl Memory for Xen {
    fn load(&self, word: Word) -> u64 {
        words::load(word)
    }

    fn store(&mut self, word: WordMut<'_>, value: u64) {
        words::store(&word, value);
    }

    fn load_words(&self, first: Word, words: &mut [u64]) -> usize {
        words::load_words(first, words)
    }

    fn store_words(&mut self, frame: &mut Frame, words: &[u64; 512]) {
        words::store_words(frame, words);
    }

    fn load_register(&self, register: Register) -> u64 {
        words::load_register(&register)
    }

    fn store_register(&mut self, register: Register, value: u64) {
        words::store_register(&register, value);
    }

    fn copy_page(&mut self, source: Word, target: &mut Frame) {
        words::copy_page(source, target);
    }
}

impl MachineToPhys for Xen {
    fn machine_to_phys(&self, mfn: Mfn) -> Option<u64> {
        (mfn.get() < M2P_ENTRIES).then(|| load_or_none(M2P + mfn.get() * 8)).flatten()
    }
}

impl Hypervisor for Xen {
    fn mmu_update(&mut self, updates: &[Update]) -> Result<(), Partial> {
        let mut done = 0_u32;
        let arguments =
            [updates.as_ptr() as u64, updates.len() as u64, &raw mut done as u64, u64::from(DOMID_SELF)];
        // SAFETY: `updates` is laid out as Xen's mmu_update (asserted in mmu::hv) and can be made by `mmu` only, which
        // upholds the rules of tables by types; `done` is a u32 of ours.
        let result = unsafe { hypercall(xen_sys::__HYPERVISOR_mmu_update, arguments) };
        stopped(result, done, updates.len())
    }

    fn mmuext_op(&mut self, operations: &[ExtOp]) -> Result<(), Partial> {
        let mut done = 0_u32;
        let arguments = [
            operations.as_ptr() as u64,
            operations.len() as u64,
            &raw mut done as u64,
            u64::from(DOMID_SELF),
        ];
        // SAFETY: as for mmu_update: `ExtOp` has Xen's layout and is made by `mmu` only.
        let result = unsafe { hypercall(xen_sys::__HYPERVISOR_mmuext_op, arguments) };
        stopped(result, done, operations.len())
    }

    fn update_va_mapping(&mut self, update: VaUpdate) -> Result<(), Errno> {
        let arguments = [update.address().as_u64(), update.value(), UVMF_INVLPG, 0];
        // SAFETY: `VaUpdate` is made by `mmu` only: for fixmap slots, for the guard page, for a leaf of the linear P2M,
        // which nothing of ours reads, and to make a page writable whose owner holds it and that is a table no more.
        check(unsafe { hypercall(xen_sys::__HYPERVISOR_update_va_mapping, arguments) }).map(|_| ())
    }

    fn decrease_reservation(&mut self, frames: &[ReleasedMfn]) -> Result<(), Partial> {
        memory::give_back(frames)
    }
}

impl Platform for Xen {
    fn write_console(&mut self, text: &str) {
        console::write(text);
    }

    fn attach_console(&mut self, page: SharedPage, port: u32) {
        console::attach(page, port);
    }

    fn shared<'w>(&'w mut self, page: &'w SharedPage) -> impl SharedWords + 'w {
        PageWords(page)
    }

    fn read_hypervisor_console(&mut self, bytes: &mut [u8]) -> usize {
        console::read_hypervisor(bytes)
    }

    fn notify(&mut self, port: u32) {
        event::notify(port);
    }

    fn give_way(&mut self) {
        sched::give_way();
    }

    fn patience(&self) -> u32 {
        console::PATIENCE
    }

    fn wait_for(&mut self, port: u32) {
        let Some(shared_info) = &mut self.shared_info else { return sched::give_way() };
        if !shared_info.take_pending(port) {
            sched::wait_for(port);
            shared_info.take_pending(port);
        }
    }

    fn attach_shared_info(&mut self, page: FixmapPage) {
        let page = SharedInfo::new(&page);
        self.shared_info = Some(page);
        mask::attach(page);
    }

    fn publish(&mut self, published: &Published) {
        if let Some(shared_info) = &mut self.shared_info {
            shared_info.publish(published);
        }
    }

    fn memory_map(&mut self, of: MapOf) -> Result<Option<&'static MemoryMap>, NoMap> {
        if let Some(map) = memory::known(of) {
            return Ok(Some(map));
        }
        memory::map(of)
    }

    fn ramdisk(&self, window: &LinearMap, ramdisk: &RamdiskPages) -> Option<&'static [u8]> {
        ramdisk::bytes(window, ramdisk.pfns(), ramdisk.bytes())
    }

    #[cfg(feature = "modules")]
    fn start_module(&mut self, init: EntryPoint) -> i32 {
        module::start(init)
    }

    #[cfg(feature = "modules")]
    fn end_module(&mut self, exit: EntryPoint) {
        module::end(exit);
    }

    fn note_bases(&mut self, bases: &Bases) {
        Starts::of(bases).note();
    }

    fn note_module(&mut self, name: &str, region: Region) {
        MODULES.note(name, region);
    }

    fn forget_module(&mut self, region: Region) {
        MODULES.forget(region);
    }

    fn hypercalls(&self) -> u64 {
        crate::sys::hypercall::made()
    }

    fn refused(&self) -> u64 {
        crate::sys::hypercall::refused()
    }

    fn ticks(&self) -> u64 {
        // SAFETY: rdtsc reads a counter; Xen lets a PV guest execute it or emulates it.
        unsafe { core::arch::x86_64::_rdtsc() }
    }
}
