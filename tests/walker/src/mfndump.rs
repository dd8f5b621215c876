//! The listing `xen-mfndump dump-p2m DOMID` prints.
//!
//! *What this is*: its lines as numbers (tools/misc/xen-mfndump.c, dump_p2m_func). Its value is the page type, which is
//! Xen's own: PFN and MFN come from the same list as the core's.
//!
//! *What must hold*: the listing is whole, from its first line to its last. Text before the first line is ignored:
//! other tools print to the same terminal.

use std::fmt;

use crate::{Level, WalkError};

/// What Xen uses a frame for (domctl.h, `XEN_DOMCTL_PFINFO_*`, shifted down).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpedType {
    /// Not a table.
    Plain,
    /// A table of that level, reached from a live root or pinned.
    Table(Level),
    /// Not a page of this domain, broken, or without contents; the number as printed.
    NotUsable(u64),
}

impl fmt::Display for DumpedType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain => f.write_str("plain page"),
            Self::Table(level) => write!(f, "{level} table"),
            Self::NotUsable(number) => write!(f, "unusable page of type {number:#x}"),
        }
    }
}

/// One line of the listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MfnLine {
    /// The guest's number.
    pub pfn: u64,
    /// The list's entry, all ones for a hole.
    pub mfn: u64,
    /// Xen's type for the frame.
    pub kind: DumpedType,
}

/// A whole listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MfnDump {
    /// The number of entries the tool found.
    pub p2m_size: u64,
    /// The entries, as printed.
    pub lines: Vec<MfnLine>,
}

impl MfnDump {
    /// Reads a listing.
    ///
    /// # Errors
    /// - [`WalkError::MfndumpLine`] for a line of another form.
    /// - [`WalkError::MfndumpCut`] for a listing without its last line.
    pub fn parse(text: &str) -> Result<Self, WalkError> {
        let mut numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        let cut = WalkError::MfndumpCut { lines: text.lines().count() };
        if !numbered.any(|(_, line)| line.starts_with("--- Dumping P2M for domain ")) {
            return Err(cut);
        }
        let Some((number, header)) = numbered.next() else { return Err(cut) };
        let p2m_size = p2m_size(header).ok_or(WalkError::MfndumpLine { line: number })?;
        let mut lines = Vec::new();
        for (number, line) in numbered {
            if line.starts_with("--- End of P2M for domain ") {
                return Ok(Self { p2m_size, lines });
            }
            lines.push(MfnLine::parse(line).ok_or(WalkError::MfndumpLine { line: number })?);
        }
        Err(cut)
    }
}

impl MfnLine {
    /// Reads `pfn=0x… ==> mfn=0x… (type 0x…)` and whatever words the tool adds for the type.
    fn parse(line: &str) -> Option<Self> {
        let (pfn, rest) = line.strip_prefix("pfn=")?.split_once(" ==> mfn=")?;
        let (mfn, rest) = rest.split_once(" (type ")?;
        let (kind, _) = rest.split_once(')')?;
        Some(Self { pfn: hex(pfn)?, mfn: hex(mfn)?, kind: page_type(hex(kind)?) })
    }
}

fn p2m_size(header: &str) -> Option<u64> {
    let (_, size) = header.strip_prefix("Guest Width: 8,")?.split_once("P2M size: = ")?;
    size.trim().parse().ok()
}

/// Reads what `%lx` after a literal `0x` prints.
fn hex(text: &str) -> Option<u64> {
    u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

fn page_type(number: u64) -> DumpedType {
    const PINNED: u64 = 8;
    let level = u8::try_from(number & !PINNED).ok().and_then(Level::from_number);
    match level {
        Some(level) => DumpedType::Table(level),
        None if number == 0 => DumpedType::Plain,
        None => DumpedType::NotUsable(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LISTING: &str = "xc: note\n --- Dumping P2M for domain 3 ---\n \
        Guest Width: 8, PT Levels: 4 P2M size: = 4\n  \
        pfn=0x0 ==> mfn=0x1f2a (type 0x0)\n  pfn=0x1 ==> mfn=0x20 (type 0x1) L1\n  \
        pfn=0x2 ==> mfn=0x21 (type 0xc) pinned L4\n  \
        pfn=0x3 ==> mfn=0xffffffffffffffff (type 0xf) invalid\n --- End of P2M for domain 3 ---\n";

    #[test]
    fn reads_every_kind_of_line() {
        let dump = MfnDump::parse(LISTING).unwrap();
        assert_eq!(dump.p2m_size, 4);
        let kinds: Vec<_> = dump.lines.iter().map(|line| line.kind).collect();
        let table = DumpedType::Table;
        assert_eq!(
            kinds,
            [DumpedType::Plain, table(Level::L1), table(Level::L4), DumpedType::NotUsable(0xf)]
        );
        assert_eq!(dump.lines[3], MfnLine { pfn: 3, mfn: u64::MAX, kind: DumpedType::NotUsable(0xf) });
    }

    #[test]
    fn refuses_a_cut_listing_and_a_strange_line() {
        let cut = LISTING.split(" --- End").next().unwrap();
        assert!(matches!(MfnDump::parse(cut), Err(WalkError::MfndumpCut { lines: 7 })));
        let strange = LISTING.replace("(type 0x1) L1", "L1");
        assert!(matches!(MfnDump::parse(&strange), Err(WalkError::MfndumpLine { line: 5 })));
        assert!(matches!(MfnDump::parse("xc: error"), Err(WalkError::MfndumpCut { lines: 1 })));
    }
}
