//! Has every kernel that uses this crate linked by `xen-guest.ld`, and says whether it is optimized.

use std::env::var;

const SCRIPT: &str = "xen-guest.ld";

fn main() {
    println!("cargo:rerun-if-changed={SCRIPT}");
    println!("cargo:rustc-check-cfg=cfg(unoptimized)");
    if var("CARGO_CFG_TARGET_OS").as_deref() == Ok("none") {
        println!("cargo:rustc-link-search=native={}", env!("CARGO_MANIFEST_DIR"));
        println!("cargo:rustc-link-lib=dylib:+verbatim={SCRIPT}");
    }
    if var("OPT_LEVEL").as_deref() == Ok("0") {
        println!("cargo:rustc-cfg=unoptimized");
    }
}
