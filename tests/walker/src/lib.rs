//! A second opinion on a guest's page tables, taken from a core file.
//!
//! *What this is*: `xl dump-core` writes every page of a paused PV guest and the P2M the toolstack read. [`examine`]
//! walks the page tables in that file from the vCPUs' CR3 and checks them against what the boot layer promises. It
//! shares only the number types with the boot layer, so an error in the layer's arithmetic is not repeated here.
//!
//! *What must hold*: the guest was paused while it was dumped (`xl dump-core` without `-L`), and the caller knows where
//! image and modules end and which places were chosen at boot (the guest's log says it).
//!
//! *What is not prevented*: `.xen_p2m` is itself read through the guest's published list, so a list that is wrong in
//! the same way as the direct map passes if every frame in it belongs to the guest. `xen-mfndump` adds Xen's own types
//! of those frames; pass its output too. Stale TLB entries are invisible.

#![forbid(unsafe_code)]

mod bytes;
mod checks;
mod core_file;
mod entry;
mod error;
mod expected;
mod finding;
mod kernel;
mod level;
mod mfndump;
mod published;
mod region;
mod report;
mod vcpu;
mod walk;

pub use core_file::{CoreEntry, CoreFile};
pub use entry::WalkedEntry;
pub use error::WalkError;
pub use expected::{Aliases, ExpectedTables};
pub use finding::Finding;
pub use kernel::{Kernel, KernelAccess, Segment};
pub use level::Level;
pub use mfndump::{DumpedType, MfnDump, MfnLine};
pub use published::{ListForm, ListPart, PublishedP2m};
pub use region::WalkedRegion;
pub use report::{Report, Summary, examine};
pub use vcpu::Vcpu;
pub use walk::{Slot, WalkedLeaf};
