//! What follows when something is refused, and whose each page is when nothing was.
//!
//! *What this is*: every hypercall of a boot, and of loading a module, refused once and cut half-way once; every frame
//! denied once. Then the account of all pages after boots that succeed. The builder, the audits and the account share no
//! code with the boot layer.
//!
//! *What must hold*: a boot succeeds, or ends with one line that names the stage and the reason; either way Xen's counts
//! are right and no live table can be written.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests end the test")]

mod account;
mod calls;
mod entries;
mod frames;
mod growth;
mod guests;
mod kept;
mod modules;
mod pages;
mod subject;
