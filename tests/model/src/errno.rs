//! Numbers of errors that `mmu` has no name for (`public/errno.h`).

use mmu::Errno;

/// Not allowed.
pub(crate) const EACCES: Errno = Errno(13);
/// Not done for this kind of guest.
pub(crate) const EOPNOTSUPP: Errno = Errno(95);
