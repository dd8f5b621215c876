//! The probe guest: boots, runs every probe of `conformance` on real Xen, logs one line for each, and a verdict.

#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod call;
#[cfg(target_os = "none")]
mod kernel;
#[cfg(target_os = "none")]
mod live;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("this is a kernel: scripts/test conformance-domu conformance-dom0 runs it");
}
