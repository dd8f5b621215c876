//! What Xen says when it refuses.
//!
//! *What this is*: the error numbers of `public/errno.h` that have a name here, and how far a list of requests got.

use core::fmt;

/// The number of an error that Xen returned, positive as in `public/errno.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub u16);

impl Errno {
    /// Not permitted: device memory the domain has no right to, or a call only the control domain may make.
    pub const EPERM: Self = Self(1);
    /// There is no such thing.
    pub const ENOENT: Self = Self(2);
    /// To be tried again.
    pub const EAGAIN: Self = Self(11);
    /// Out of memory.
    pub const ENOMEM: Self = Self(12);
    /// Bad pointer.
    pub const EFAULT: Self = Self(14);
    /// It may not be accessed.
    pub const EACCES: Self = Self(13);
    /// It exists already.
    pub const EEXIST: Self = Self(17);
    /// The frame is in use in another way, or not this domain's.
    pub const EBUSY: Self = Self(16);
    /// The entry, the table or the argument breaks a rule.
    pub const EINVAL: Self = Self(22);
    /// No such hypercall.
    pub const ENOSYS: Self = Self(38);
    /// The requested operation does not exist here.
    pub const EOPNOTSUPP: Self = Self(95);

    const fn name(self) -> Option<&'static str> {
        Some(match self.0 {
            1 => "EPERM",
            2 => "ENOENT",
            3 => "ESRCH",
            5 => "EIO",
            7 => "E2BIG",
            11 => "EAGAIN",
            12 => "ENOMEM",
            13 => "EACCES",
            14 => "EFAULT",
            16 => "EBUSY",
            17 => "EEXIST",
            21 => "EISDIR",
            22 => "EINVAL",
            28 => "ENOSPC",
            30 => "EROFS",
            38 => "ENOSYS",
            39 => "ENOTEMPTY",
            95 => "EOPNOTSUPP",
            106 => "EISCONN",
            _ => return None,
        })
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} (-{})", self.0),
            None => write!(f, "error -{}", self.0),
        }
    }
}

/// A list of requests of which Xen refused one. Those before it are done, it and those after it are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial {
    /// How many requests were carried out.
    pub done: usize,
    /// Why the next one was refused.
    pub errno: Errno,
}
