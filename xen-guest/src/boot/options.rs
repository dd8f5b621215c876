//! What the command line asks of the boot.
//!
//! *What must hold*: unknown words and values are ignored, never fatal; `docs/boot.md` lists the known ones.

use core::mem::offset_of;

use mmu::BuilderP2m;
use start_info::CommandLine;

/// Whether the P2M is copied out of the range after the kernel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Revector {
    /// Copy it, and give the old pages back.
    #[default]
    On,
    /// Leave it where the builder put it.
    Off,
}

/// When memory is mapped at `__va`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mapping {
    /// All of it during the boot.
    #[default]
    Eager,
    /// Chunk by chunk as frames are needed.
    Lazy,
}

/// What the demonstration does at its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Then {
    /// Power off.
    #[default]
    Poweroff,
    /// Ask Xen for a reboot.
    Reboot,
    /// End as if something had gone wrong.
    Crash,
    /// Stay up.
    Idle,
}

/// The words of the command line that this layer knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `revector=on|off`
    pub revector: Revector,
    /// `map=eager|lazy`
    pub mapping: Mapping,
    /// `then=poweroff|reboot|crash|idle`
    pub then: Then,
    /// `report=json`
    pub json: bool,
}

impl Options {
    /// Tells what becomes of the builder's list.
    #[must_use]
    pub(crate) const fn builder_p2m(&self) -> BuilderP2m {
        match self.revector {
            Revector::On => BuilderP2m::Copied,
            Revector::Off => BuilderP2m::Kept,
        }
    }

    /// Reads the options.
    #[must_use]
    pub(crate) fn from_command_line(line: &CommandLine) -> Self {
        Self {
            revector: match line.value_of("revector") {
                Some("off") => Revector::Off,
                _ => Revector::On,
            },
            mapping: match line.value_of("map") {
                Some("lazy") => Mapping::Lazy,
                _ => Mapping::Eager,
            },
            then: match line.value_of("then") {
                Some("reboot") => Then::Reboot,
                Some("crash") => Then::Crash,
                Some("idle") => Then::Idle,
                _ => Then::Poweroff,
            },
            json: line.value_of("report") == Some("json"),
        }
    }
}

/// Returns what follows `key=` on the command line of an unchecked start_info page, as [`CommandLine::value_of`] would.
pub(crate) fn unchecked_value<'p>(page: &'p [u8; 4096], key: &str) -> Option<&'p [u8]> {
    let (_, line) = page.split_at_checked(offset_of!(xen_sys::start_info, cmd_line))?;
    let line = line.iter().position(|&byte| byte == 0).and_then(|end| line.get(..end))?;
    let value = |word: &'p [u8]| word.strip_prefix(key.as_bytes())?.strip_prefix(b"=");
    line.rsplit(u8::is_ascii_whitespace).find_map(value)
}

#[cfg(test)]
mod tests {
    use core::mem::offset_of;

    use super::unchecked_value;

    fn page(line: &[u8]) -> [u8; 4096] {
        let mut page = [b'x'; 4096];
        page[offset_of!(xen_sys::start_info, cmd_line)..][..line.len()].copy_from_slice(line);
        page
    }

    #[test]
    fn the_last_word_counts_as_on_a_line_that_was_checked() {
        let value = |line: &[u8]| unchecked_value(&page(line), "report").map(<[u8]>::to_vec);
        assert_eq!(value(b"report=text then=idle report=json\0report=text\0"), Some(b"json".to_vec()));
        assert_eq!(value(b"\tnoreport=json  report=\xff \0"), Some(b"\xff".to_vec()));
        assert_eq!(value(b"reports=json\0"), None);
        assert_eq!(value(b"\0"), None);
        assert_eq!(value(b"report=json"), None, "a line without its final 0 is not read");
    }
}
