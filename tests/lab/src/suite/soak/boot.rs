//! One boot, drawn from its seed alone.

use crate::machine::options::{Mode, Options};
use crate::machine::size::{MIB, PAGE, text};
use crate::setup::release::Release;
use crate::suite::ramdisk::Ramdisk;
use kit::random::Random as Draw;

/// `then=`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    Poweroff,
    Reboot,
    Idle,
    Crash,
}

/// One boot.
#[derive(Debug, Clone)]
pub(crate) struct Boot {
    pub(crate) seed: u64,
    pub(super) options: Options,
    /// The kernel without the notes INIT_P2M and MOD_START_PFN.
    pub(super) plain: bool,
    pub(super) ramdisk: Ramdisk,
    /// Pages of zeros behind it.
    pub(super) padding: u64,
    /// So many pages of the P2M list, and a ramdisk that puts it across the start of the module window.
    pub(super) across: Option<u64>,
    pub(super) then: Then,
    /// The word `modules=`, if there is one.
    pub(super) modules: Option<&'static str>,
    pub(super) lazy: bool,
    pub(super) moves_list: bool,
    pub(super) e820_host: bool,
    /// As dom0: exactly so many pages of the machine.
    pub(super) dom0_pages: Option<u64>,
}

/// Words for `modules=`, and what is loaded then; `*` is all that the ramdisk has.
pub(super) const MODULES: [(Option<&str>, &[&str]); 7] = [
    (None, &["*"]),
    (Some("all"), &["*"]),
    (Some("none"), &[]),
    (Some("hello"), &["hello"]),
    (Some("client"), &["base", "client"]),
    (Some("plainc,counter,base"), &["base", "counter", "plainc"]),
    (Some("hello,absent"), &["hello"]),
];

/// Processors besides QEMU's own: with less, with other addresses, and one that is an Intel to Xen.
const PROCESSORS: [&str; 5] = [
    "-xsave",
    "-pdpe1gb",
    "phys-bits=39",
    "phys-bits=52",
    "vendor=GenuineIntel,family=6,model=94,stepping=3",
];

impl Boot {
    /// The boot of a seed.
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut draw = Draw::from(seed);
        let mode = if draw.one_in(4) { Mode::DomU } else { Mode::Dom0 };
        let across = draw.one_in(20);
        let mebibytes = mebibytes(&mut draw, mode, across);
        let mut options = Options::new(mode);
        options.memory = mebibytes * MIB;
        options.vcpus = draw.of(&[1, 1, 2, 3]) as u32;
        options.timeout = Some(240);

        let dom0_pages = if across { None } else { dom0_mem(&mut draw, &mut options) };
        let e820_host = mode == Mode::DomU && draw.one_in(3);
        if e820_host {
            options.config.push("e820_host=1".to_owned());
        }
        if mode == Mode::DomU && draw.one_in(4) {
            options.config.push(format!("maxmem={}", mebibytes + draw.between(1, 512)));
        }

        let small = mode == Mode::Dom0 && mebibytes < 160;
        let pages = dom0_pages.unwrap_or(options.memory / PAGE);
        let ramdisk = ramdisk(&mut draw, mebibytes, dom0_pages);
        let ramdisk = if small || across { Ramdisk::Usual } else { ramdisk };
        let padding = if !small && draw.one_in(3) { draw.between(1, pages.min(0x4_0000) / 16) } else { 0 };

        let words = Words::drawn(&mut draw, ramdisk, across);
        options.cmdline = words.line;
        let plain = across || draw.one_in(2);
        // A list of at least 256 pages, of which these lie below the window.
        let across = across.then(|| draw.between(3, 250));
        // Last, so that what else a seed stands for stays as it was.
        options.release = draw.of(&[Release::V4_17, Release::V4_17, Release::V4_14, Release::V4_20]);
        if draw.one_in(3) {
            options.cpu = draw.of(&PROCESSORS).to_owned();
        }
        let Words { then, modules, lazy, moves_list, .. } = words;
        let padding = if across.is_some() { 0 } else { padding };
        Self {
            seed,
            options,
            plain,
            ramdisk,
            padding,
            across,
            then,
            modules,
            lazy,
            moves_list,
            e820_host,
            dom0_pages,
        }
    }

    /// What is booted, to estimate what it takes.
    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// What was drawn, in the words of `scripts/boot` and a few of ours.
    pub(crate) fn line(&self) -> String {
        let Options { mode, memory, vcpus, cmdline, xen_line, config, release, cpu, .. } = &self.options;
        let mut line =
            format!("{} --memory {}", if *mode == Mode::Dom0 { "dom0" } else { "domu" }, text(*memory));
        if *release != Release::default() {
            line += &format!(" --xen-release {}", release.number());
        }
        if !cpu.is_empty() {
            line += &format!(" --cpu {cpu}");
        }
        if *vcpus > 1 {
            line += &format!(" --vcpus {vcpus}");
        }
        if !xen_line.is_empty() {
            line += &format!(" --xen-line {xen_line}");
        }
        config.iter().for_each(|config| line += &format!(" --config {config}"));
        if !cmdline.is_empty() {
            line += &format!(" --cmdline '{cmdline}'");
        }
        line += if self.plain { ", kernel without notes" } else { ", kernel with notes" };
        line += &format!(", ramdisk {:?}", self.ramdisk);
        if self.padding > 0 {
            line += &format!(" and {:#x} pages", self.padding);
        }
        if self.across.is_some() {
            line += ", list across the window's start";
        }
        line
    }
}

/// The memory, in MiB.
fn mebibytes(draw: &mut Draw, mode: Mode, across: bool) -> u64 {
    match mode {
        _ if across => draw.between(1025, 1300),
        // The smallest; any; around a border of tables; where the hole for devices is; above it.
        Mode::Dom0 => match draw.between(0, 11) {
            0 => draw.between(40, 130),
            1..=3 => draw.between(131, 2899),
            4..=5 => draw.beside(&[256, 512, 1024, 2048]),
            6..=8 => draw.between(2900, 4500),
            9..=10 => draw.beside(&[3072, 3584, 4096]),
            _ => draw.between(4501, 6200),
        },
        Mode::DomU => match draw.between(0, 9) {
            0..=2 => draw.between(18, 34),
            3..=5 => draw.between(35, 700),
            6..=7 => draw.beside(&[64, 128, 256, 512, 1024]),
            8 => draw.between(701, 1500),
            _ => draw.beside(&[2048, 3072, 4096]),
        },
    }
}

/// As dom0 sometimes: exactly so many pages of the machine, and perhaps a number that dom0 may grow to.
fn dom0_mem(draw: &mut Draw, options: &mut Options) -> Option<u64> {
    if options.mode != Mode::Dom0 || options.memory < 384 * MIB || !draw.one_in(4) {
        return None;
    }
    let pages = draw.between(96 * MIB / PAGE, options.memory / 2 / PAGE);
    let max = if draw.one_in(2) {
        format!(",max:{}K", 4 * (pages + draw.between(0, 99_999)))
    } else {
        String::new()
    };
    options.xen_line = format!("dom0_mem={}K{max}", 4 * pages);
    Some(pages)
}

/// What is packed takes heap; a small machine's bounds were seen with the usual one.
fn ramdisk(draw: &mut Draw, mebibytes: u64, dom0_pages: Option<u64>) -> Ramdisk {
    let roomy = mebibytes >= 256 && dom0_pages.is_none_or(|pages| pages * PAGE >= 256 * MIB);
    match draw.between(0, 7) {
        0 => Ramdisk::Hello,
        1 => Ramdisk::Microcode,
        2 if roomy => Ramdisk::MicrocodeGzip,
        _ => Ramdisk::Usual,
    }
}

/// The guest's command line, and what it means.
#[derive(Debug)]
struct Words {
    line: String,
    then: Then,
    modules: Option<&'static str>,
    lazy: bool,
    moves_list: bool,
}

impl Words {
    fn drawn(draw: &mut Draw, ramdisk: Ramdisk, across: bool) -> Self {
        let moves_list = !across && !draw.one_in(5);
        let lazy = draw.one_in(2);
        // Once the seed decided about report=json; all boots have it now, and every seed stands for the same boot as before.
        let _json = draw.one_in(4);
        let then = draw.of(&[Then::Poweroff, Then::Poweroff, Then::Reboot, Then::Idle, Then::Crash]);
        let mut modules = MODULES[draw.of(&[0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6])].0;
        if across
            || (ramdisk == Ramdisk::Hello
                && modules.is_some_and(|word| word.contains("client") || word.contains("plainc")))
        {
            modules = Some("hello");
        }
        let mut words = Vec::new();
        words.extend(lazy.then_some("map=lazy").or_else(|| draw.one_in(4).then_some("map=eager")));
        words.extend(
            (!moves_list).then_some("revector=off").or_else(|| draw.one_in(4).then_some("revector=on")),
        );
        words.push("report=json");
        words.extend(match then {
            Then::Poweroff => draw.one_in(2).then_some("then=poweroff"),
            Then::Reboot => Some("then=reboot"),
            Then::Idle => Some("then=idle"),
            Then::Crash => Some("then=crash"),
        });
        let word = modules.map(|modules| format!("modules={modules}"));
        words.extend(word.as_deref());
        Self { line: words.join(" "), then, modules, lazy, moves_list }
    }
}
