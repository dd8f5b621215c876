//! Bugs that PV guests had, one test each.
//!
//! *What this is*: the corpus of field.md, section 8. Each test says what happened then, builds the guest that showed
//! it, and checks the property that was broken. The ids are Linux commits, where there is one.
//!
//! *What needs a later feature*, and what is tested of it today:
//! - the host's E820 in dom0 ("E820/NVS at 16 MB"): a conflict of areas is one line with both ranges;
//! - dom0 moving its pages to match it ("2015-01 dom0"): nothing in use is handed out or changed beside a hole;
//! - save, restore and cancel ("Mirage #883"): what a save needs is there after the boot;
//! - ballooning ("Qubes #1136"): the share of memory that goes to bookkeeping, and none in the P2M for absent memory.
//!
//! "XSA-466" is about instructions that run only on Xen; the test is that no code of ours calls the hypercall page.
//! "VMI seed 000" cannot compile (`tests/compile_fail/programs/layout`): tested is what Xen would answer.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests end the test")]

#[path = "../common/account.rs"]
mod account;
mod booted;
mod layout;
mod memory;
mod p2m_bugs;
mod tables;
