//! GRUB for Xen as the kernel of a domU, with our kernel and ramdisk inside it.
//!
//! *What this is*: `grub-mkstandalone` makes one ELF file of GRUB, its modules, a menu and our files. `xl` starts it as a PV guest, and it
//! puts our kernel in its own place, laid out by rules of its own (docs/decisions/0027-what-a-builder-must-leave.md).
//!
//! *What must hold*: GRUB's tools run on the libraries of their own suite, so that they run on any machine. If GRUB cannot load a file, it
//! says so on the guest's console and ends the guest.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use tools::{file, folder, process};

const LIMIT: Duration = Duration::from_secs(120);
/// Where Debian has libraries.
const LIBRARIES: [&str; 2] = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];

/// What GRUB is given.
#[derive(Debug)]
pub(crate) struct Loaded<'a> {
    pub(crate) kernel: &'a Path,
    pub(crate) line: &'a str,
    /// `None` for no ramdisk.
    pub(crate) ramdisk: Option<&'a Path>,
}

/// Makes the image from the packages unpacked in `tree`; other files go into `work`.
///
/// # Errors
/// A program of GRUB's is missing or fails.
pub(crate) fn image(tree: &Path, work: &Path, loaded: &Loaded<'_>) -> Result<Vec<u8>> {
    let (menu, to) = (work.join("grub.cfg"), work.join("grub"));
    folder::create(work)?;
    file::write(&menu, self::menu(loaded))?;
    let places = std::env::join_paths(LIBRARIES.map(|place| tree.join(place)))?;
    let mut tool = Command::new(tree.join("lib64/ld-linux-x86-64.so.2"));
    tool.arg("--library-path").arg(places).arg(tree.join("usr/bin/grub-mkstandalone"));
    tool.args(["--format=x86_64-xen", "--compress=no", "--locales=", "--themes=", "--fonts="]);
    tool.arg("--directory").arg(tree.join("usr/lib/grub/x86_64-xen")).arg("--output").arg(&to);
    // Each is NAME=FILE; GRUB finds its menu by the name.
    let files = [
        ("boot/grub/grub.cfg", Some(menu.as_path())),
        ("kernel", Some(loaded.kernel)),
        ("ramdisk", loaded.ramdisk),
    ];
    for (name, from) in files {
        tool.args(from.map(|from| format!("{name}={}", from.display())));
    }
    process::run("grub-mkstandalone", &mut tool, LIMIT)?;
    file::bytes(&to)
}

/// The commands GRUB carries out. The terminal is dumb and gets an empty line last, so that our kernel's first line is
/// a line of its own, without GRUB's colours.
fn menu(loaded: &Loaded<'_>) -> String {
    let words: Vec<String> = loaded.line.split_whitespace().map(|word| format!(" '{word}'")).collect();
    let linux = format!("linux (memdisk)/kernel{}", words.concat());
    let initrd = if loaded.ramdisk.is_some() { "initrd (memdisk)/ramdisk" } else { "true" };
    format!("terminfo console dumb\nif {linux}; then if {initrd}; then echo; boot; fi; fi\nhalt\n")
}

/// Refuses a command line that GRUB would not pass on as it is: it puts a backslash before each of these.
///
/// # Errors
/// The line has one of them.
pub(crate) fn check_line(line: &str) -> Result<()> {
    ensure!(
        !line.contains(['\'', '"', '\\']),
        "GRUB does not pass on quotes and backslashes as they are; --cmdline {line:?} has some, so leave out --through"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Loaded, check_line, menu};

    #[test]
    fn what_grub_is_asked_to_do() {
        let kernel = Path::new("/k");
        let mut loaded = Loaded { kernel, line: "then=idle  map=lazy", ramdisk: Some(kernel) };
        let with = menu(&loaded);
        assert!(with.contains(
            "\nif linux (memdisk)/kernel 'then=idle' 'map=lazy'; then if initrd (memdisk)/ramdisk; "
        ));
        assert!(with.ends_with("\nhalt\n"));
        loaded.ramdisk = None;
        assert!(!menu(&loaded).contains("initrd"));
    }

    #[test]
    fn lines_that_grub_would_change() {
        assert!(check_line("modules=hello,counter then=idle").is_ok());
        for line in ["say=\"a b\"", "a'b", "a\\b"] {
            assert!(check_line(line).is_err(), "{line}");
        }
    }
}
