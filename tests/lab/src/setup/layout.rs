//! What older versions of the lab left in `target/lab`, where this one has it elsewhere: it is removed.
//!
//! *What must hold*: nothing goes that the lab did not make. A stamp of those versions says what they made and is known by how it
//! begins; it goes last, so that a removal that was cut off goes on the next time. *Added to* whenever something moves.

use std::path::Path;

use anyhow::Result;

use tools::{file, folder};

/// A stamp, and what was made with it. Up to the first release that could be chosen, the files of the only one lay in `target/lab` itself.
const OLD: [(&str, &[&str]); 2] =
    [("stamp", &["dom0.cpio", "vmlinuz", "xen.efi", "xen.elf"]), ("tree.stamp", &["tree"])];
/// How those stamps begin: with the list of packages.
const BEGINS: &str = "[\"busybox-static\", ";

/// Removes what is of an older layout.
///
/// # Errors
/// It cannot be removed.
pub(crate) fn remove_old(lab: &Path) -> Result<()> {
    for (stamp, made) in OLD {
        let stamp = lab.join(stamp);
        if !std::fs::read_to_string(&stamp).is_ok_and(|text| text.starts_with(BEGINS)) {
            continue;
        }
        tools::note!(
            "setup: removing what an older version of the lab made in {}: {}",
            lab.display(),
            made.join(" ")
        );
        for name in made {
            let path = lab.join(name);
            if path.is_dir() && !path.is_symlink() { folder::remove(&path) } else { file::remove(&path) }?;
        }
        file::remove(&stamp)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::remove_old;

    fn names(lab: &Path) -> String {
        let names = tools::folder::entries(lab).unwrap();
        let names = names.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned());
        names.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_an_older_version_made_goes_and_nothing_else() {
        let lab = std::env::temp_dir().join(format!("lab-layout-{}", std::process::id()));
        std::fs::create_dir_all(lab.join("tree/boot")).unwrap();
        for name in ["dom0.cpio", "mine", "vmlinuz", "xen.efi", "xen.elf", "tree/boot/xen.gz"] {
            std::fs::write(lab.join(name), name).unwrap();
        }
        let all = names(&lab);
        // Nobody's, or somebody else's.
        remove_old(&lab).unwrap();
        assert_eq!(names(&lab), all);
        std::fs::write(lab.join("stamp"), "mine too").unwrap();
        remove_old(&lab).unwrap();
        assert_eq!(names(&lab), "dom0.cpio mine stamp tree vmlinuz xen.efi xen.elf");
        std::fs::write(lab.join("stamp"), "[\"busybox-static\", \"libc6\"] linux-image-amd64\n1\n").unwrap();
        remove_old(&lab).unwrap();
        assert_eq!(names(&lab), "mine tree");
        std::fs::write(lab.join("tree.stamp"), "[\"busybox-static\", \"libc6\"] linux-image-amd64").unwrap();
        remove_old(&lab).unwrap();
        assert_eq!(names(&lab), "mine");
        std::fs::remove_dir_all(lab).unwrap();
    }
}
