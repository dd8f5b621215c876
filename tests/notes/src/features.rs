//! The features a kernel supports or requires (`public/features.h`).

/// Names by their bits.
const NAMES: [&str; 21] = [
    "writable_page_tables",
    "writable_descriptor_tables",
    "auto_translated_physmap",
    "supervisor_mode_kernel",
    "pae_pgdir_above_4gb",
    "mmu_pt_update_preserve_ad",
    "highmem_assist",
    "gnttab_map_avail_bits",
    "hvm_callback_vector",
    "hvm_safe_pvclock",
    "hvm_pirqs",
    "dom0",
    "grant_map_identity",
    "memory_op_vnode_supported",
    "ARM_SMCCC_supported",
    "linux_rsdp_unrestricted",
    "not_direct_mapped",
    "direct_mapped",
    "runstate_phys_area",
    "vcpu_time_phys_area",
    "dm_msix_all_writes",
];
/// Those that the text of FEATURES may name (libelf, `elf_xen_feature_names`).
const IN_TEXT: [usize; 7] = [0, 1, 2, 3, 4, 8, 11];

/// The bit of `dom0`.
pub(crate) const DOM0: u64 = 1 << 11;
/// The bit of `supervisor_mode_kernel`.
pub(crate) const SUPERVISOR_MODE: u64 = 1 << 3;
/// The bit of `auto_translated_physmap`.
pub(crate) const AUTO_TRANSLATED: u64 = 1 << 2;

/// What a text of FEATURES says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Features {
    pub(crate) supported: u64,
    pub(crate) required: u64,
    /// Names with `!` that Xen does not know: it refuses the kernel.
    pub(crate) unknown_required: Vec<String>,
    /// Names that Xen passes over.
    pub(crate) unknown: Vec<String>,
}

impl Features {
    /// Reads names separated by `|`.
    pub(crate) fn parse(text: &str) -> Self {
        let mut features = Self::default();
        for word in text.split('|').filter(|word| !word.is_empty()) {
            let (name, required) = word.strip_prefix('!').map_or((word, false), |name| (name, true));
            match (IN_TEXT.iter().find(|bit| NAMES[**bit] == name), required) {
                (Some(bit), _) => {
                    features.supported |= 1 << bit;
                    features.required |= u64::from(required) << bit;
                }
                (None, true) => features.unknown_required.push(name.to_owned()),
                (None, false) => features.unknown.push(name.to_owned()),
            }
        }
        features
    }
}

/// Names the features of a bitmap.
pub(crate) fn names(bits: u64) -> String {
    let name = |bit: usize| NAMES.get(bit).map_or_else(|| format!("bit {bit}"), |name| (*name).to_owned());
    let names: Vec<String> = (0..64).filter(|bit| bits & 1 << bit != 0).map(name).collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}
