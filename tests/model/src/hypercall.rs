//! The page-table hypercalls: from lists to single requests.
//!
//! *What this is*: the loops of `do_mmu_update` and `do_mmuext_op` (mm.c), and for every call the count, the trace and
//! the refusals that a test asked for.
//!
//! *What must hold*: requests are carried out in order up to the first refused; the ones before it stay done.

use mmu::{Errno, ExtOp, Hypervisor, Partial, ReleasedMfn, Update, VaUpdate};

use crate::errno::ESRCH;
use crate::machine::ModelMachine;
use crate::trace::{Traced, TracedCall};

/// The domain that asks (xen.h).
const DOMID_SELF: u16 = 0x7ff0;
/// The owner of device memory, and Xen.
const DOMID_IO: u16 = 0x7ff1;
const DOMID_XEN: u16 = 0x7ff2;

/// A hypercall that must be refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refusal {
    pub(crate) at: u64,
    pub(crate) done: usize,
    pub(crate) errno: Errno,
}

impl ModelMachine {
    /// Makes the hypercall `mmu_update` with pairs of a machine address, its low bits the command, and a value.
    ///
    /// # Errors
    /// [`Partial`] at the first request that is refused.
    pub fn update_entries(&mut self, requests: &[(u64, u64)]) -> Result<(), Partial> {
        let call =
            TracedCall::Update { count: requests.len(), last: requests.last().copied().unwrap_or_default() };
        self.carry_out(call, requests.len(), |machine, i| machine.update(requests[i].0, requests[i].1))
    }

    /// Makes the hypercall `mmu_update` for a domain, by its number.
    ///
    /// # Errors
    /// `ESRCH` if there is none with that number (common/page_alloc.c, `get_pg_owner`); else as
    /// [`Self::update_entries`].
    pub fn update_entries_for(&mut self, domain: u16, requests: &[(u64, u64)]) -> Result<(), Partial> {
        match domain {
            DOMID_SELF => self.update_entries(requests),
            DOMID_IO | DOMID_XEN => self
                .guest_bug(&format!("updated entries for domain {domain:#x}, which the model does not know")),
            _ => {
                let call = TracedCall::Update { count: requests.len(), last: (0, domain.into()) };
                self.carry_out(call, 1, |_, _| Err(ESRCH))
            }
        }
    }

    /// Makes the hypercall `mmu_update` with a list at an address of the guest's.
    ///
    /// # Errors
    /// `EFAULT` at the first request that cannot be read or lies in Xen's part (x86_64/uaccess.h, `array_access_ok`);
    /// else as [`Self::update_entries`].
    pub fn update_entries_at(&mut self, address: u64, count: usize) -> Result<(), Partial> {
        let call = TracedCall::Update { count, last: (address, 0) };
        self.carry_out(call, count, |machine, i| {
            let at = address.wrapping_add(i as u64 * 16);
            let word = |at: u64| machine.read(at).map_err(|_| Errno::EFAULT);
            let (target, value) = (word(at)?, word(at.wrapping_add(8))?);
            machine.update(target, value)
        })
    }

    /// Makes the hypercall `mmuext_op` with commands and both arguments of each.
    ///
    /// # Errors
    /// [`Partial`] at the first operation that is refused.
    pub fn extended_operations(&mut self, operations: &[(u32, u64, u64)]) -> Result<(), Partial> {
        let (command, first, _) = operations.first().copied().unwrap_or_default();
        let call = TracedCall::Extended { count: operations.len(), first: (command, first) };
        self.carry_out(call, operations.len(), |machine, i| {
            let (command, first, second) = operations[i];
            machine.extended(command, first, second)
        })
    }

    /// Makes the hypercall `update_va_mapping`.
    ///
    /// # Errors
    /// Xen's reason, with nothing changed.
    pub fn update_address(&mut self, address: u64, value: u64) -> Result<(), Errno> {
        let call = TracedCall::Mapping { address, value };
        self.carry_out_one(call, |machine| machine.update_mapping(address, value))
    }

    /// Carries out a call that is one request.
    pub(crate) fn carry_out_one(
        &mut self,
        call: TracedCall,
        one: impl Fn(&mut Self) -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        self.carry_out(call, 1, |machine, _| one(machine)).map_err(|stopped| stopped.errno)
    }

    /// Carries out a list of requests and returns an error at the first that is refused.
    pub(crate) fn carry_out(
        &mut self,
        call: TracedCall,
        count: usize,
        one: impl FnMut(&mut Self, usize) -> Result<(), Errno>,
    ) -> Result<(), Partial> {
        let result = self.carry_out_some(call, count, one);
        self.refused += u64::from(result.is_err() && !self.within_multicall);
        result
    }

    /// Returns the refusal a test asked for this call, if it did.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.refusals.iter().find(|refusal| refusal.at == self.calls).copied()
    }

    /// Carries out a list of requests and returns how many are done, even if not all are.
    pub(crate) fn carry_out_some(
        &mut self,
        call: TracedCall,
        count: usize,
        mut one: impl FnMut(&mut Self, usize) -> Result<(), Errno>,
    ) -> Result<(), Partial> {
        let number = self.calls;
        self.calls += u64::from(!self.within_multicall);
        let refusal = if self.within_multicall { None } else { self.refusal() };
        let mut result = Ok(());
        for i in 0..count {
            let refused = refusal.filter(|refusal| refusal.done == i).map(|refusal| refusal.errno);
            if let Err(errno) = refused.map_or_else(|| one(self, i), Err) {
                result = Err(Partial { done: i, errno });
                break;
            }
        }
        self.tlb.flush();
        self.settle();
        if !self.within_multicall {
            self.end_of_call();
        }
        self.trace.add(Traced { number, call, result });
        result
    }
}

impl Hypervisor for ModelMachine {
    fn mmu_update(&mut self, updates: &[Update]) -> Result<(), Partial> {
        let requests: Vec<_> = updates.iter().map(|update| (update.target(), update.value())).collect();
        self.update_entries(&requests)
    }

    fn mmuext_op(&mut self, operations: &[ExtOp]) -> Result<(), Partial> {
        let operations: Vec<_> = operations.iter().map(|op| (op.command(), op.first(), 0)).collect();
        self.extended_operations(&operations)
    }

    fn update_va_mapping(&mut self, update: VaUpdate) -> Result<(), Errno> {
        self.update_address(update.address().as_u64(), update.value())
    }

    fn decrease_reservation(&mut self, frames: &[ReleasedMfn]) -> Result<(), Partial> {
        let frames: Vec<u64> = frames.iter().map(|frame| frame.mfn()).collect();
        match self.decrease_extents(&frames, 0) {
            done if done == frames.len() => Ok(()),
            // Xen does not say why.
            done => Err(Partial { done, errno: Errno(0) }),
        }
    }
}
