//! A guest that lives: it counts events, sleeps, is interrupted at any place, and handles its own exceptions, on real Xen.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
mod interrupted;
#[cfg(target_os = "none")]
mod kernel;
#[cfg(target_os = "none")]
mod loopback;
#[cfg(target_os = "none")]
mod refused;
#[cfg(target_os = "none")]
mod slept;
#[cfg(target_os = "none")]
mod trapped;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("this is a kernel: scripts/test events-domu events-dom0 runs it");
}
