//! `entry!` where there is no kernel to enter: the error names the target that was forgotten.

/// Names the payload of a kernel; here, for a target with an operating system, it is an error that says so.
#[macro_export]
macro_rules! entry {
    ($($anything:tt)*) => {
        ::core::compile_error!(
            "a Xen PV kernel is built for another target than this one: write `build.target = \"x86_64-unknown-none\"` \
             in .cargo/config.toml of the kernel, or say `cargo build --target x86_64-unknown-none`"
        );
        // No compiler goes on after a file that it cannot read. Otherwise errors about what the layer lacks here would follow.
        ::core::include!("(nothing more is compiled for this target)");
    };
}
