//! Makes the root of the Linux dom0 out of unpacked packages.
//!
//! It holds busybox, the Xen tools, the shared libraries those name (and what these name in turn), and the kernel modules
//! with what they depend on, in the order they load. Nothing of the machine itself goes in, so the same packages give the
//! same archive.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use object::Endianness;
use object::read::elf::{Dyn, ElfFile64, FileHeader};

use crate::setup::release::Release;
use kit::cpio::CpioWriter;
use tools::{file, folder};

/// The first process.
pub(crate) const INIT: &str = include_str!("../../dom0/init");

/// Counts up when what goes into the root changes otherwise than by [`INIT`].
pub(crate) const CONTENT: u32 = 2;

const TOOLS: [&str; 10] = [
    "xl",
    "xenstored",
    "xenconsoled",
    "xenconsole",
    "xen-init-dom0",
    "xenctx",
    "xen-mfndump",
    "xen-diag",
    "lsevtchn",
    "libxl-save-helper",
];
const STORE: [&str; 9] = ["xenstore", "chmod", "exists", "list", "ls", "read", "rm", "watch", "write"];
const MODULES: [&str; 7] =
    ["xen-evtchn", "xen-gntdev", "xen-gntalloc", "xenfs", "virtio_pci", "9pnet_virtio", "9p"];
const LIBRARIES: [&str; 2] = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu"];

/// Makes the archive from a release's packages unpacked in `tree`, and a kernel's unpacked in `linux`.
///
/// # Errors
/// A file is missing from the packages.
pub(crate) fn archive(release: Release, tree: &Path, linux: &Path) -> Result<Vec<u8>> {
    let xen = format!("usr/lib/xen-{}", release.number());
    let mut files = BTreeMap::new();
    for tool in TOOLS {
        files.insert(format!("{xen}/bin/{tool}"), tree.join(&xen).join("bin").join(tool));
    }
    for tool in STORE {
        let name = if tool == "xenstore" { tool.to_owned() } else { format!("xenstore-{tool}") };
        files.insert(format!("usr/bin/{name}"), tree.join("usr/bin").join(&name));
    }
    let own = format!("{xen}/lib/x86_64-linux-gnu");
    let places: Vec<PathBuf> =
        LIBRARIES.into_iter().chain([own.as_str()]).map(|name| tree.join(name)).collect();
    libraries(&places, &mut files)?;
    files.insert("lib64/ld-linux-x86-64.so.2".to_owned(), library(&places, "ld-linux-x86-64.so.2")?);
    // Debian 13 has everything below /usr.
    let busybox = ["bin/busybox", "usr/bin/busybox"].map(|name| tree.join(name));
    let busybox = busybox.into_iter().find(|path| path.is_file()).context("the packages lack busybox")?;
    files.insert("bin/busybox".to_owned(), busybox);
    let order = modules(linux, &mut files)?;

    let mut archive = CpioWriter::default();
    let folders: BTreeSet<&Path> =
        files.keys().flat_map(|name| Path::new(name).ancestors().skip(1)).collect();
    let empty = ["proc", "sys", "dev", "run", "etc", "var"].map(Path::new);
    for folder in folders.into_iter().chain(empty).filter(|folder| !folder.as_os_str().is_empty()) {
        archive.folder(&folder.to_string_lossy());
    }
    archive.link("bin/sh", "busybox");
    archive.link("var/run", "/run");
    archive.link("var/lock", "/run/lock");
    archive.folder("etc/xen");
    archive.file("etc/xen/xl.conf", 0o644, b"");
    archive.file("lib/modules/order", 0o644, order.as_bytes());
    archive.file("init", 0o755, INIT.as_bytes());
    for (name, path) in &files {
        let content = std::fs::read(path).with_context(|| format!("the packages lack {}", path.display()))?;
        archive.file(name, 0o755, &content);
    }
    Ok(archive.finish())
}

/// Adds the libraries that the files need, and what those need.
fn libraries(places: &[PathBuf], files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    let mut waiting: Vec<PathBuf> = files.values().cloned().collect();
    // The C library loads this one by itself when a thread is cancelled; no file names it.
    let mut wanted = vec!["libgcc_s.so.1".to_owned()];
    loop {
        while let Some(name) = wanted.pop() {
            let inside = format!("lib/x86_64-linux-gnu/{name}");
            if files.contains_key(&inside) {
                continue;
            }
            let path = library(places, &name)?;
            files.insert(inside, path.clone());
            waiting.push(path);
        }
        let Some(file) = waiting.pop() else { return Ok(()) };
        wanted.extend(needed(&file)?);
    }
}

fn library(places: &[PathBuf], name: &str) -> Result<PathBuf> {
    let mut paths = places.iter().map(|folder| folder.join(name));
    paths.find(|path| path.is_file()).with_context(|| format!("no package holds {name}"))
}

/// The shared libraries an ELF file names.
fn needed(file: &Path) -> Result<Vec<String>> {
    let bytes = std::fs::read(file).with_context(|| format!("the packages lack {}", file.display()))?;
    let data = bytes.as_slice();
    let elf = ElfFile64::<Endianness, _>::parse(data).with_context(|| file.display().to_string())?;
    let endian = elf.endian();
    let sections = elf.elf_header().sections(endian, data)?;
    let Some((entries, strings)) = sections.dynamic(endian, data)? else { return Ok(Vec::new()) };
    let strings = sections.strings(endian, data, strings)?;
    let names = entries.iter().filter(|entry| entry.tag(endian) == object::elf::DT_NEEDED);
    names.map(|entry| Ok(String::from_utf8_lossy(entry.string(endian, strings)?).into_owned())).collect()
}

/// Adds the kernel modules; gives their names in an order in which each finds what it needs.
fn modules(tree: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<String> {
    let mut found = BTreeMap::new();
    find(&tree.join("lib/modules"), &mut found)?;
    let mut order = Vec::new();
    for module in MODULES {
        load(module, &found, &mut order, files)?;
    }
    Ok(order.join("\n") + "\n")
}

fn load(
    name: &str,
    found: &BTreeMap<String, PathBuf>,
    order: &mut Vec<String>,
    files: &mut BTreeMap<String, PathBuf>,
) -> Result<()> {
    if order.iter().any(|loaded| loaded == name) {
        return Ok(());
    }
    let path =
        found.get(&name.replace('-', "_")).with_context(|| format!("the kernel has no module {name}"))?;
    let bytes = file::bytes(path)?;
    for needed in depends(&bytes) {
        load(&needed, found, order, files)?;
    }
    files.insert(format!("lib/modules/{name}.ko"), path.clone());
    order.push(name.to_owned());
    Ok(())
}

/// What a module says it depends on: the `depends=` string of its `.modinfo`.
fn depends(module: &[u8]) -> Vec<String> {
    let key = b"\0depends=";
    let Some(at) = module.windows(key.len()).position(|window| window == key) else { return Vec::new() };
    let value = module[at + key.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let names = String::from_utf8_lossy(value);
    names.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// All modules below a folder, by name with `_` for `-`.
fn find(folder: &Path, found: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for path in folder::entries(folder)? {
        if path.is_dir() && !path.is_symlink() {
            find(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "ko") {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().replace('-', "_");
            found.insert(name, path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::depends;

    #[test]
    fn what_a_module_depends_on() {
        assert_eq!(depends(b"license=GPL\0depends=9pnet,fscache\0name=9p\0"), ["9pnet", "fscache"]);
        assert!(depends(b"license=GPL\0depends=\0name=x\0").is_empty());
        assert!(depends(b"nothing").is_empty());
    }
}
