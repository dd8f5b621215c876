//! Files that are not a core, or not a whole one.

use core_walk::{CoreFile, Kernel, WalkError, examine};

use crate::domain::{FOREIGN, TempFile, domain_kernel, put};
use crate::{expected, sound};

fn open(core: &[u8]) -> Result<CoreFile, WalkError> {
    CoreFile::open(&TempFile::new(core).0)
}

/// Replaces the first occurrence of `from`.
fn patch(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|part| part == from).unwrap();
    let mut patched = bytes.to_vec();
    patched[at..at + to.len()].copy_from_slice(to);
    patched
}

#[test]
fn files_that_are_no_core_of_a_pv_guest_are_refused() {
    let core = sound().core();
    assert!(open(&core).is_ok());
    assert!(matches!(open(b"no ELF"), Err(WalkError::Elf { .. })));
    assert!(matches!(open(&domain_kernel()), Err(WalkError::Header { field: "e_type", .. })));
    let pae = patch(&core, &[4, 0, 62, 0], &[4, 0, 3, 0]);
    assert!(matches!(open(&pae), Err(WalkError::Header { field: "e_machine", .. })));
    let hvm = patch(&core, &0xf00f_ebed_u64.to_le_bytes(), &0xf00f_ebee_u64.to_le_bytes());
    assert!(matches!(open(&hvm), Err(WalkError::Header { field: "xch_magic", .. })));
    let other_name = patch(&core, b".xen_p2m\0", b".xen_pfn\0");
    assert!(matches!(open(&other_name), Err(WalkError::NoSection { name: ".xen_p2m" })));
    let format = patch(&core, &[3, 0, 0, 2, b'X', b'e', b'n', 0, 1], &[3, 0, 0, 2, b'X', b'e', b'n', 0, 2]);
    assert!(matches!(open(&format), Err(WalkError::Header { field: "format version", .. })));
    let missing = CoreFile::open(std::path::Path::new("/nonexistent/core"));
    assert!(matches!(missing, Err(WalkError::Io { .. })));
}

#[test]
fn cut_and_inconsistent_cores_are_refused_without_a_panic() {
    let domain = sound();
    let core = domain.core();
    let file_start = &core[..16 * 1024];
    for len in (0..file_start.len()).step_by(97) {
        assert!(open(&core[..len]).is_err(), "{len}");
    }
    assert!(open(&core[..core.len() - 2048]).is_err());

    let mut no_root = domain.clone();
    put(&mut no_root.context, 0x1378 + 24, FOREIGN << 12);
    let core = open(&no_root.core()).unwrap();
    let kernel = Kernel::parse(&domain_kernel()).unwrap();
    let refused = examine(&core, &kernel, &expected(), None);
    assert!(matches!(refused, Err(WalkError::RootNotDumped { .. })));
    let mut no_vcpu = domain.clone();
    no_vcpu.context.clear();
    assert!(matches!(open(&no_vcpu.core()), Err(WalkError::NoVcpu)));
    for cr3 in [0, 0x123, u64::MAX] {
        let mut domain = domain.clone();
        put(&mut domain.context, 0x1378 + 24, cr3);
        assert!(matches!(open(&domain.core()), Err(WalkError::Cr3 { vcpu: 0, .. })));
    }
}
