//! The start_info page, as Xen's two builders write it.
//!
//! *What this is*: `struct start_info` of public/xen.h, at the offsets that Xen's compiler gave. The tests decide the
//! values and where things lie.

/// What a page says. Fields that are left at 0 are as the builders leave them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartInfo<'t> {
    /// Written for dom0 rather than by the toolstack.
    pub dom0: bool,
    /// `nr_pages`.
    pub nr_pages: u64,
    /// `shared_info`, a machine address.
    pub shared_info: u64,
    /// `flags`.
    pub flags: u32,
    /// `store_mfn` and `store_evtchn`; a domU has it.
    pub xenstore: (u64, u32),
    /// `console.domU.mfn` and `console.domU.evtchn`; a domU has it.
    pub console: (u64, u32),
    /// `console.dom0.info_off` and `console.dom0.info_size`; dom0 has it.
    pub screen: (u32, u32),
    /// `pt_base` and `nr_pt_frames`.
    pub tables: (u64, u64),
    /// `mfn_list`.
    pub list: u64,
    /// `mod_start` and `mod_len`.
    pub ramdisk: (u64, u64),
    /// `cmd_line`.
    pub command_line: &'t [u8],
    /// `first_p2m_pfn` and `nr_p2m_frames`.
    pub own_list: (u64, u64),
}

impl StartInfo<'_> {
    /// Writes the page.
    #[must_use]
    pub fn page(&self) -> [u8; 4096] {
        let mut page = [0; 4096];
        let mut put = |offset: usize, bytes: &[u8]| page[offset..][..bytes.len()].copy_from_slice(bytes);
        put(0x000, if self.dom0 { b"xen-3.0-x86_64p" } else { b"xen-3.0-x86_64" });
        put(0x020, &self.nr_pages.to_le_bytes());
        put(0x028, &self.shared_info.to_le_bytes());
        put(0x030, &self.flags.to_le_bytes());
        if self.dom0 {
            put(0x048, &self.screen.0.to_le_bytes());
            put(0x04c, &self.screen.1.to_le_bytes());
        } else {
            put(0x038, &self.xenstore.0.to_le_bytes());
            put(0x040, &self.xenstore.1.to_le_bytes());
            put(0x048, &self.console.0.to_le_bytes());
            put(0x050, &self.console.1.to_le_bytes());
        }
        put(0x058, &self.tables.0.to_le_bytes());
        put(0x060, &self.tables.1.to_le_bytes());
        put(0x068, &self.list.to_le_bytes());
        put(0x070, &self.ramdisk.0.to_le_bytes());
        put(0x078, &self.ramdisk.1.to_le_bytes());
        put(0x080, self.command_line);
        put(0x480, &self.own_list.0.to_le_bytes());
        put(0x488, &self.own_list.1.to_le_bytes());
        page
    }
}
