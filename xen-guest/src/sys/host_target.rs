//! `entry!` where there is no kernel to enter: the error names the target that was forgotten.

/// Names the payload of a kernel; here, for a target with an operating system, it is an error that says so.
#[macro_export]
macro_rules! entry {
    ($($anything:tt)*) => {
        // It has a panic handler and an allocator: the compiler does not complain of missing ones too.
        extern crate std as _;
        ::core::compile_error!(
            "a Xen PV kernel is built for another target than this one: write `build.target = \"x86_64-unknown-none\"` \
             in .cargo/config.toml of the kernel, or say `cargo build --target x86_64-unknown-none`"
        );
    };
}
