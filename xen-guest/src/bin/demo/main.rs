//! The demonstration kernel: boots, checks itself, looks at the host as dom0, loads modules, and says how it went.

#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod failed;
#[cfg(target_os = "none")]
mod host;
#[cfg(target_os = "none")]
mod idle;
#[cfg(target_os = "none")]
mod kernel;
#[cfg(target_os = "none")]
mod mapped;
#[cfg(target_os = "none")]
mod modules;
#[cfg(target_os = "none")]
mod processor;
#[cfg(target_os = "none")]
mod report;
#[cfg(target_os = "none")]
mod spaces;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("this is a kernel: scripts/boot runs it");
}
