//! What a hypercall's result means.

use mmu::{Errno, Partial};

/// Turns the result of a call into an errno, if it is one.
pub(super) fn check(result: i64) -> Result<u64, Errno> {
    match u64::try_from(result) {
        Ok(value) => Ok(value),
        Err(_) => Err(Errno(result.unsigned_abs().min(u16::MAX.into()) as u16)),
    }
}

/// Reads the result of a call with a list: Xen returns how many it did, and a short count is a refusal too.
pub(super) fn stopped(result: i64, done: u32, wanted: usize) -> Result<(), Partial> {
    let done = done as usize;
    match check(result) {
        Ok(_) if done == wanted => Ok(()),
        Ok(_) => Err(Partial { done, errno: Errno(0) }),
        Err(errno) => Err(Partial { done, errno }),
    }
}

#[cfg(test)]
mod tests {
    use mmu::{Errno, Partial};

    use super::{check, stopped};

    #[test]
    fn a_negative_result_is_an_errno() {
        assert_eq!(check(0), Ok(0));
        assert_eq!(check(i64::MAX), Ok(i64::MAX.unsigned_abs()));
        assert_eq!(check(-22), Err(Errno(22)));
        assert_eq!(check(i64::MIN), Err(Errno(u16::MAX)));
    }

    #[test]
    fn a_list_is_done_when_all_of_it_is() {
        assert_eq!(stopped(0, 3, 3), Ok(()));
        assert_eq!(stopped(0, 2, 3), Err(Partial { done: 2, errno: Errno(0) }));
        assert_eq!(stopped(-16, 3, 3), Err(Partial { done: 3, errno: Errno(16) }));
    }
}
