//! Time: Xen's system time and wall clock, as pure arithmetic.

#[cfg(any(target_os = "none", test))]
pub(crate) mod clock;
pub(crate) mod instant;
