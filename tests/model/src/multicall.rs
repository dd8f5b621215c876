//! Several hypercalls at once.
//!
//! *What this is*: `do_multicall` (common/multicall.c).
//!
//! *What must hold*: every entry is carried out and has a result of its own; one that fails stops nothing. A multicall
//! inside a multicall is refused as an entry. The count of hypercalls rises by one.

use mmu::Errno;

use crate::call::Hypercall;
use crate::machine::ModelMachine;
use crate::trace::{Traced, TracedCall};

impl ModelMachine {
    /// Makes the hypercall `multicall` and returns what each entry left in its result.
    ///
    /// # Errors
    /// `EINVAL` within another one.
    pub fn multicall(&mut self, entries: Vec<Hypercall<'_>>) -> Result<Vec<i64>, Errno> {
        if self.within_multicall {
            return Err(Errno::EINVAL);
        }
        let (number, count) = (self.calls, entries.len());
        self.calls += 1;
        let refusal = self.refusal();
        self.within_multicall = true;
        let mut results = Vec::new();
        for (i, entry) in entries.into_iter().enumerate() {
            let refused = refusal.filter(|refusal| refusal.done == i);
            results.push(match refused {
                Some(refusal) => -i64::from(refusal.errno.0),
                None => self.hypercall(entry),
            });
        }
        self.within_multicall = false;
        self.trace.add(Traced { number, call: TracedCall::Multicall { count }, result: Ok(()) });
        Ok(results)
    }
}
