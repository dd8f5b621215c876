//! The fields of the start_info page, as Xen wrote them.
//!
//! *What this is*: the one place that knows where each field lies. The offsets come from `xen-sys`; the assertions
//! below repeat them from Xen's compiled header, so a binding generated for another layout does not build.
//!
//! *What must hold*: nothing. Any 4096 bytes can be read as [`Fields`].
//!
//! *What is not prevented*: nonsense in a field. The modules that use it check it.

use core::mem::offset_of;
use xen_sys::start_info as Layout;

use crate::PAGE_SIZE;

const PAGE_BYTES: usize = PAGE_SIZE as usize;

/// The end of the part every domain has; in dom0 the description of the screen follows.
pub(crate) const START_INFO_BYTES: usize = size_of::<Layout>();

/// The size of the command line, its NUL included.
pub(crate) const COMMAND_LINE_BYTES: usize = xen_sys::MAX_GUEST_CMDLINE as usize;

const _: () = {
    assert!(START_INFO_BYTES == 1168);
    assert!(offset_of!(Layout, magic) == 0x000);
    assert!(offset_of!(Layout, nr_pages) == 0x020);
    assert!(offset_of!(Layout, shared_info) == 0x028);
    assert!(offset_of!(Layout, flags) == 0x030);
    assert!(offset_of!(Layout, store_mfn) == 0x038);
    assert!(offset_of!(Layout, store_evtchn) == 0x040);
    assert!(offset_of!(Layout, console.domU.mfn) == 0x048);
    assert!(offset_of!(Layout, console.domU.evtchn) == 0x050);
    assert!(offset_of!(Layout, console.dom0.info_off) == 0x048);
    assert!(offset_of!(Layout, console.dom0.info_size) == 0x04c);
    assert!(offset_of!(Layout, pt_base) == 0x058);
    assert!(offset_of!(Layout, nr_pt_frames) == 0x060);
    assert!(offset_of!(Layout, mfn_list) == 0x068);
    assert!(offset_of!(Layout, mod_start) == 0x070);
    assert!(offset_of!(Layout, mod_len) == 0x078);
    assert!(offset_of!(Layout, cmd_line) == 0x080);
    assert!(offset_of!(Layout, first_p2m_pfn) == 0x480);
    assert!(offset_of!(Layout, nr_p2m_frames) == 0x488);
    assert!(COMMAND_LINE_BYTES == 1024);
};

/// The fields under their names in Xen's header (xen.h, `struct start_info`).
pub(crate) struct Fields {
    pub(crate) magic: [u8; 32],
    pub(crate) nr_pages: u64,
    pub(crate) shared_info: u64,
    pub(crate) flags: u32,
    pub(crate) store_mfn: u64,
    pub(crate) store_evtchn: u32,
    /// `console.domU`; shares its bytes with `console.dom0`, the flags say which of the two is valid.
    pub(crate) console_mfn: u64,
    pub(crate) console_evtchn: u32,
    /// `console.dom0`.
    pub(crate) console_info_off: u32,
    pub(crate) console_info_size: u32,
    pub(crate) pt_base: u64,
    pub(crate) nr_pt_frames: u64,
    pub(crate) mfn_list: u64,
    pub(crate) mod_start: u64,
    pub(crate) mod_len: u64,
    pub(crate) cmd_line: [u8; COMMAND_LINE_BYTES],
    pub(crate) first_p2m_pfn: u64,
    pub(crate) nr_p2m_frames: u64,
}

impl Fields {
    /// Copies the fields out of the page.
    pub(crate) fn read(page: &[u8; PAGE_BYTES]) -> Self {
        Self {
            magic: bytes::<{ offset_of!(Layout, magic) }, _>(page),
            nr_pages: long::<{ offset_of!(Layout, nr_pages) }>(page),
            shared_info: long::<{ offset_of!(Layout, shared_info) }>(page),
            flags: int::<{ offset_of!(Layout, flags) }>(page),
            store_mfn: long::<{ offset_of!(Layout, store_mfn) }>(page),
            store_evtchn: int::<{ offset_of!(Layout, store_evtchn) }>(page),
            console_mfn: long::<{ offset_of!(Layout, console.domU.mfn) }>(page),
            console_evtchn: int::<{ offset_of!(Layout, console.domU.evtchn) }>(page),
            console_info_off: int::<{ offset_of!(Layout, console.dom0.info_off) }>(page),
            console_info_size: int::<{ offset_of!(Layout, console.dom0.info_size) }>(page),
            pt_base: long::<{ offset_of!(Layout, pt_base) }>(page),
            nr_pt_frames: long::<{ offset_of!(Layout, nr_pt_frames) }>(page),
            mfn_list: long::<{ offset_of!(Layout, mfn_list) }>(page),
            mod_start: long::<{ offset_of!(Layout, mod_start) }>(page),
            mod_len: long::<{ offset_of!(Layout, mod_len) }>(page),
            cmd_line: bytes::<{ offset_of!(Layout, cmd_line) }, _>(page),
            first_p2m_pfn: long::<{ offset_of!(Layout, first_p2m_pfn) }>(page),
            nr_p2m_frames: long::<{ offset_of!(Layout, nr_p2m_frames) }>(page),
        }
    }
}

fn long<const AT: usize>(page: &[u8; PAGE_BYTES]) -> u64 {
    u64::from_le_bytes(bytes::<AT, _>(page))
}

fn int<const AT: usize>(page: &[u8; PAGE_BYTES]) -> u32 {
    u32::from_le_bytes(bytes::<AT, _>(page))
}

fn bytes<const AT: usize, const LEN: usize>(page: &[u8; PAGE_BYTES]) -> [u8; LEN] {
    const { assert!(AT + LEN <= PAGE_BYTES) };
    // The line above makes the fallback unreachable; indexing would leave a path to a panic instead.
    page.get(AT..).and_then(|tail| tail.first_chunk()).copied().unwrap_or([0; LEN])
}
