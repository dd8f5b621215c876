//! Builds that go on side by side, as two of `scripts/boot` do.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

#[test]
fn the_same_module_built_at_once_is_whole_each_time() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let scratch = std::env::temp_dir().join(format!("lab-modules-{}", std::process::id()));
    let (out, programs) = (scratch.join("out"), scratch.join("bin"));
    std::fs::create_dir_all(&programs).unwrap();
    // All have written their file before the first gives it its name.
    let slow = programs.join("mv");
    std::fs::write(&slow, "#!/bin/sh\nsleep 0.3\nexec /bin/mv \"$@\"\n").unwrap();
    std::fs::set_permissions(&slow, std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    let builds = [0; 4].map(|_| {
        let mut build = Command::new(root.join("tests/modules/build"));
        build.arg(root.join("tests/modules/plainc")).arg(&out).env("PATH", &path).spawn().unwrap()
    });
    for mut build in builds {
        assert!(build.wait().unwrap().success());
    }
    let left: Vec<_> = std::fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["plainc.ko"]);
    std::fs::remove_dir_all(&scratch).unwrap();
}
