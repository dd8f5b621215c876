//! Error numbers that `mmu` does not name (`public/errno.h`).

use mmu::Errno;

/// No such domain.
pub(crate) const ESRCH: Errno = Errno(3);
/// No such frame.
pub(crate) const ENXIO: Errno = Errno(6);
/// More than allowed.
pub(crate) const E2BIG: Errno = Errno(7);
/// There is one already.
pub(crate) const EEXIST: Errno = Errno(17);
/// No room for one more.
pub(crate) const ENOSPC: Errno = Errno(28);
/// Not supported for this kind of guest.
pub(crate) const EOPNOTSUPP: Errno = Errno(95);
