//! Where modules come from: the archives of a ramdisk, unpacked.

pub(crate) mod archive;
pub(crate) mod error;
pub(crate) mod gzip;
pub(crate) mod unpacked;
