//! The registers that Xen prints when it ends a PV guest, and what they mean.
//!
//! A guest whose stack overflows cannot report that: Xen has no place for the exception's frame, and ends it.

use crate::run::names::Names;

/// What of a dump matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dump {
    pub(crate) rip: u64,
    rsp: u64,
    cr2: u64,
}

impl Dump {
    /// Finds the last dump of a PV guest in Xen's log.
    pub(crate) fn last(xen: &str) -> Option<Self> {
        let at = xen.rfind("CONTEXT: pv guest")?;
        let (before, after) = xen.split_at(at);
        let rip = &before[before.rfind("RIP:")?..];
        let number = |text: &str| u64::from_str_radix(text.get(..16)?, 16).ok();
        let value = |name: &str| number(after.split_once(name)?.1.trim_start());
        Some(Self { rip: number(rip.split_once("[<")?.1)?, rsp: value("rsp:")?, cr2: value("cr2:")? })
    }

    /// Says where the guest was, and what the last fault's address shows.
    pub(crate) fn explained(self, names: &Names) -> Vec<String> {
        let Self { rip, rsp, cr2 } = self;
        let mut lines =
            vec![format!("Xen ended it at rip {rip:#x}, with rsp {rsp:#x} and the last fault at {cr2:#x}:")];
        lines.extend(names.frames(rip));
        lines.extend(self.overflow(names));
        lines
    }

    /// Says whether the stack overflowed.
    pub(crate) fn overflow(self, names: &Names) -> Option<String> {
        let Self { rip, rsp, cr2 } = self;
        if !names.is_code(rip) {
            return None;
        }
        let guard = names.address_of("boot_stack_guard").zip(names.address_of("boot_stack"));
        let function = names.symbol(rip).unwrap_or("code without a symbol");
        match guard {
            Some((start, end)) if (start..end).contains(&cr2) => {
                Some(format!("{cr2:#x} is in the guard page: stack overflow in {function}"))
            }
            None if cr2.abs_diff(rsp) < 4096 => {
                Some(format!("{cr2:#x} is next to the stack pointer: perhaps a stack overflow in {function}"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use kit::kernel::{BASE, KernelFile};

    use super::{Dump, Names};

    const XEN: &str = "\
(XEN) Domain 1 (vcpu#0) crashed on cpu#0:
(XEN) CPU:    0
(XEN) RIP:    e033:[<ffffffff81000008>]
(XEN) RFLAGS: 0000000000000286   EM: 1   CONTEXT: pv guest (d1v0)
(XEN) rbp: ffffffff81003010   rsp: ffffffff81002ff0   r8:  0000000000000000
(XEN) cr3: 000000004cdd9000   cr2: ffffffff81002ff0
";

    fn explained(functions: &[(&str, u64)], xen: &str) -> String {
        let mut kernel = KernelFile::good();
        kernel.sections.push((".text".into(), 1, 6, BASE + 0x100_0000, vec![0x90; 0x1000]));
        kernel.functions = functions.iter().map(|(name, at)| ((*name).into(), BASE + at, 0x100)).collect();
        let path = std::env::temp_dir().join(format!("lab-dump-{}-{}", functions.len(), std::process::id()));
        std::fs::write(&path, kernel.bytes()).unwrap();
        let names = Names::of(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        let overflow = Dump::last(xen).unwrap().overflow(&names);
        let other = Dump { rip: 0x1000, ..Dump::last(xen).unwrap() };
        assert_eq!(other.overflow(&names), None);
        assert!(overflow.is_none_or(|words| words.contains("stack overflow in deep")));
        Dump::last(xen).unwrap().explained(&names).join("\n")
    }

    #[test]
    fn an_overflow_of_the_stack_is_known_by_the_guard_page() {
        let all = [("deep", 0x100_0000), ("boot_stack_guard", 0x100_2000), ("boot_stack", 0x100_3000)];
        let text = explained(&all, XEN);
        assert!(text.contains("0xffffffff81000008 deep\n"), "{text}");
        assert!(text.ends_with("is in the guard page: stack overflow in deep"), "{text}");
        let elsewhere = explained(&all, &XEN.replace("cr2: ffffffff81002ff0", "cr2: ffffffff81001ff0"));
        assert!(!elsewhere.contains("overflow"), "{elsewhere}");
        // Another kernel has another name for its stack.
        for (fault, is_near) in
            [(0x2ff0, true), (0x2fe8, true), (0x1ff1, true), (0x1ff0, false), (0x3ff0, false)]
        {
            let xen = XEN.replace("cr2: ffffffff81002ff0", &format!("cr2: ffffffff8100{fault:x}"));
            let said = explained(&all[..1], &xen);
            assert_eq!(said.ends_with("perhaps a stack overflow in deep"), is_near, "{said}");
        }
    }

    /// The guard page is where the image ran.
    #[test]
    fn an_overflow_is_known_in_an_image_that_slid() {
        let all = [("deep", 0x100_0000), ("boot_stack_guard", 0x100_2000), ("boot_stack", 0x100_3000)];
        let mut kernel = KernelFile::good();
        kernel.sections.push((".text".into(), 1, 6, BASE + 0x100_0000, vec![0x90; 0x1000]));
        kernel.functions = all.iter().map(|(name, at)| ((*name).into(), BASE + at, 0x100)).collect();
        let path = std::env::temp_dir().join(format!("lab-dump-slid-{}", std::process::id()));
        std::fs::write(&path, kernel.bytes()).unwrap();
        let names = Names::of(&path).unwrap().slid_by(0x900_0000);
        std::fs::remove_file(path).unwrap();
        let slid = Dump::last(&XEN.replace("ffffffff81", "ffffffff8a")).unwrap();
        let said = slid.overflow(&names).unwrap();
        assert_eq!(said, "0xffffffff8a002ff0 is in the guard page: stack overflow in deep");
        assert_eq!(Dump::last(XEN).unwrap().overflow(&names), None);
    }

    #[test]
    fn a_log_without_a_whole_dump_has_none() {
        assert_eq!(Dump::last("(XEN) x\n"), None);
        assert_eq!(Dump::last(&XEN[..XEN.len() - 40]), None);
        assert_eq!(Dump::last(XEN).unwrap().rip, 0xffff_ffff_8100_0008);
    }
}
