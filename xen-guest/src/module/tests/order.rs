//! Modules are loaded after what they need, or not at all.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use crate::module::{Archive, ModuleError, RamdiskBytes, Shelf, order};
use kit::cpio;
use kit::module::saying;

/// Makes an archive of modules, each with what it needs.
fn ramdisk(modules: &[(&str, &str)]) -> Vec<u8> {
    let files = modules.iter().map(|(name, needs)| {
        let info = format!("name={name}\0version=1\0license=MIT\0abi=1\0depends={needs}");
        (format!("modules/{name}.ko"), saying(info.as_bytes()).bytes())
    });
    cpio::CpioWriter::of(files)
}

fn ordered(modules: &[(&str, &str)], wanted: &[&str]) -> Result<Vec<String>, ModuleError> {
    let bytes = ramdisk(modules);
    let ramdisk = RamdiskBytes::new(&bytes).unwrap();
    let archive = Archive::new(&ramdisk).unwrap();
    Ok(order(&archive, wanted)?.iter().map(|module| module.name.to_string()).collect())
}

const GRAPH: [(&str, &str); 5] = [("a", "b,c"), ("b", "d"), ("c", "d"), ("d", ""), ("e", "a")];

#[test]
fn what_is_needed_comes_first() {
    assert_eq!(ordered(&GRAPH, &["a"]).unwrap(), ["d", "b", "c", "a"]);
    assert_eq!(ordered(&GRAPH, &["c", "e", "a", "c"]).unwrap(), ["d", "c", "b", "a", "e"]);
    assert_eq!(ordered(&GRAPH, &[]).unwrap(), [""; 0]);
    // A chain too long for recursion.
    let names: Vec<String> = (0..2000).map(|rank| format!("m{rank}")).collect();
    let next = names.iter().skip(1).map(String::as_str).chain([""]);
    let chain: Vec<(&str, &str)> = names.iter().map(String::as_str).zip(next).collect();
    let order = ordered(&chain, &["m0"]).unwrap();
    assert_eq!((order.len(), order[0].as_str(), order[1999].as_str()), (2000, "m1999", "m0"));
}

#[test]
fn circles_and_what_is_absent_are_named() {
    let says = |modules: &[_], wanted, line: &str| {
        assert_eq!(ordered(modules, &[wanted]).unwrap_err().to_string(), line);
    };
    says(&[("a", "a")], "a", "modules need each other: a needs a");
    let circle = [("x", "a"), ("a", "b"), ("b", "c"), ("c", "a")];
    says(&circle, "x", "modules need each other: a needs b needs c needs a");
    says(&[("a", "b")], "a", "module a needs b, which the ramdisk does not have");
    says(&[("a", "b")], "z", "the ramdisk has no modules/z.ko among its 1 modules");
}

#[test]
fn a_module_bears_its_files_name_and_the_kernels_abi() {
    let info = b"name=other\0version=1\0license=MIT\0abi=1";
    let bytes = cpio::CpioWriter::of([("modules/a.ko", saying(info).bytes())]);
    let ramdisk = RamdiskBytes::new(&bytes).unwrap();
    let error = order(&Archive::new(&ramdisk).unwrap(), &["a"]).unwrap_err();
    assert_eq!(error.to_string(), "modules/a.ko calls itself other; name the file other.ko");
    let bytes = cpio::CpioWriter::of([("modules/a.ko", saying(b"abi=7").bytes())]);
    let ramdisk = RamdiskBytes::new(&bytes).unwrap();
    let error = order(&Archive::new(&ramdisk).unwrap(), &["a"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "module a: module was built for ABI 7 of the kernel, this kernel has ABI 1"
    );
}

#[test]
fn the_extra_folder_is_only_for_what_is_named() {
    let good = |name: &str| {
        let info = format!("name={name}\0version=1\0license=MIT\0abi=1");
        saying(info.as_bytes()).bytes()
    };
    let files = [("modules/a.ko", good("a")), ("./modules-extra/b.ko", good("b"))];
    let bytes = cpio::CpioWriter::of(files);
    let ramdisk = RamdiskBytes::new(&bytes).unwrap();
    let archive = Archive::new(&ramdisk).unwrap();
    let shelves: Vec<Shelf> = archive.modules().iter().map(|module| module.shelf).collect();
    assert_eq!(shelves, [Shelf::All, Shelf::Named]);
    assert_eq!(order(&archive, &["b"]).unwrap().len(), 1);
    let twice = cpio::CpioWriter::of([("modules/a.ko", good("a")), ("modules-extra/a.ko", good("a"))]);
    let ramdisk = RamdiskBytes::new(&twice).unwrap();
    let error = Archive::new(&ramdisk).unwrap_err();
    assert_eq!(error.to_string(), "the ramdisk has two modules named a");
}
