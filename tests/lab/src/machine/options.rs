//! What `scripts/boot` was asked to do.
//!
//! Names and defaults are fixed by the project's interface; more may be added. Paths are taken relative to the folder the
//! person stands in, which the scripts pass on in `LAB_FROM`.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use kernel_notes::Builder;
use lexopt::{Arg, Parser, ValueExt};

use crate::build;
use crate::machine::grub;
use crate::machine::size::{MIB, number, size};
use crate::setup::release::Release;

/// How the kernel is booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Through a Linux dom0 and `xl create`.
    DomU,
    /// As dom0 itself.
    Dom0,
}

/// Everything that can be chosen about one run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) mode: Mode,
    /// Bytes: the guest's for a domU, the machine's for dom0.
    pub(crate) memory: u64,
    pub(crate) vcpus: u32,
    pub(crate) kernel: Option<PathBuf>,
    /// Boots a kernel even if its notes contradict themselves.
    pub(crate) unchecked: bool,
    pub(crate) ramdisk: Option<PathBuf>,
    pub(crate) ramdisk_pages: Option<u64>,
    pub(crate) image_pages: Option<u64>,
    pub(crate) cmdline: String,
    pub(crate) xen: Option<PathBuf>,
    pub(crate) release: Release,
    /// As domU: inside a PVH domain, on the release's xen-shim.
    pub(crate) shim: bool,
    /// As domU: loaded by GRUB, which is what `xl` starts.
    pub(crate) grub: bool,
    /// Appended to Xen's own command line.
    pub(crate) xen_line: String,
    /// Lines appended to the guest's configuration for `xl`.
    pub(crate) config: Vec<String>,
    pub(crate) efi: bool,
    pub(crate) icount: bool,
    /// Appended to QEMU's `-cpu`.
    pub(crate) cpu: String,
    /// Appended to QEMU's `-machine`.
    pub(crate) machine: String,
    /// Seconds; chosen by the size of the guest if not given.
    pub(crate) timeout: Option<u64>,
    pub(crate) in_dom0: Option<PathBuf>,
    pub(crate) out: Option<PathBuf>,
    pub(crate) verbose: bool,
}

/// Shown for `--help`; `scripts/lab` shows it without a build.
pub(crate) const USAGE: &str = include_str!("../../../../scripts/help/boot.txt");

impl Options {
    /// A run with nothing chosen but the mode.
    pub(crate) fn new(mode: Mode) -> Self {
        let memory = match mode {
            Mode::DomU => 64 * MIB,
            Mode::Dom0 => 512 * MIB,
        };
        Self {
            mode,
            memory,
            vcpus: 1,
            kernel: None,
            unchecked: false,
            ramdisk: None,
            ramdisk_pages: None,
            image_pages: None,
            cmdline: String::new(),
            xen: None,
            release: Release::default(),
            shim: false,
            grub: false,
            xen_line: String::new(),
            config: Vec::new(),
            efi: false,
            icount: false,
            cpu: String::new(),
            machine: String::new(),
            timeout: None,
            in_dom0: None,
            out: None,
            verbose: false,
        }
    }

    /// Reads the arguments of `scripts/boot`; `None` if help was asked for.
    ///
    /// # Errors
    /// An argument is unknown, lacks its value, or has one that means nothing.
    pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Option<Self>> {
        let mut parser = Parser::from_args(arguments);
        let mut mode = None;
        let mut memory = None;
        let mut chosen = Self::new(Mode::DomU);
        while let Some(argument) = parser.next()? {
            match argument {
                Arg::Value(name) if mode.is_none() && name == "domu" => mode = Some(Mode::DomU),
                Arg::Value(name) if mode.is_none() && name == "dom0" => mode = Some(Mode::Dom0),
                Arg::Long("memory") => memory = Some(value(&mut parser, "memory", memory_size)?),
                Arg::Long("vcpus") => chosen.vcpus = u32::try_from(value(&mut parser, "vcpus", number)?)?,
                Arg::Long("kernel") => chosen.kernel = Some(path(&mut parser)?),
                Arg::Long("unchecked") => chosen.unchecked = true,
                Arg::Long("ramdisk") => chosen.ramdisk = Some(path(&mut parser)?),
                Arg::Long("ramdisk-pages") => {
                    chosen.ramdisk_pages = Some(value(&mut parser, "ramdisk-pages", number)?);
                }
                Arg::Long("image-pages") => {
                    chosen.image_pages = Some(value(&mut parser, "image-pages", number)?)
                }
                Arg::Long("cmdline") => chosen.cmdline = parser.value()?.string()?,
                Arg::Long("xen") => chosen.xen = Some(path(&mut parser)?),
                Arg::Long("xen-release") => chosen.release = Release::parse(&parser.value()?.string()?)?,
                Arg::Long("shim") => chosen.shim = true,
                Arg::Long("through") => chosen.grub = through(&parser.value()?.string()?)?,
                Arg::Long("xen-line") => {
                    let more = parser.value()?.string()?;
                    chosen.xen_line =
                        if chosen.xen_line.is_empty() { more } else { format!("{} {more}", chosen.xen_line) };
                }
                Arg::Long("config") => chosen.config.push(parser.value()?.string()?),
                Arg::Long("efi") => chosen.efi = true,
                Arg::Long("icount") => chosen.icount = true,
                Arg::Long("cpu") => chosen.cpu = parser.value()?.string()?,
                Arg::Long("machine") => chosen.machine = parser.value()?.string()?,
                Arg::Long("timeout") => chosen.timeout = Some(value(&mut parser, "timeout", number)?),
                Arg::Long("in-dom0") => chosen.in_dom0 = Some(path(&mut parser)?),
                Arg::Long("out") => chosen.out = Some(path(&mut parser)?),
                Arg::Short('v') => chosen.verbose = true,
                Arg::Short('h') | Arg::Long("help") => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        let mode = mode.unwrap_or(Mode::DomU);
        // A shim needs some of it for itself.
        let least = if chosen.shim { 128 * MIB } else { Self::new(mode).memory };
        let memory = memory.unwrap_or(least);
        let chosen = Self { mode, memory, ..chosen };
        chosen.check()?;
        Ok(Some(chosen))
    }

    /// The kernel that is booted.
    pub(crate) fn kernel_file(&self) -> PathBuf {
        self.kernel.clone().unwrap_or_else(|| build::kernel(self.mode == Mode::Dom0))
    }

    /// The log of the Xen that the guest runs on.
    pub(crate) fn xen_log(&self) -> &'static str {
        if self.shim { "shim.log" } else { "xen.log" }
    }

    /// Who loads the kernel.
    pub(crate) fn builder(&self) -> Builder {
        match self.mode {
            Mode::DomU if self.grub => Builder::Grub,
            Mode::DomU if !self.shim => Builder::Xl,
            // The shim is a Xen.
            Mode::DomU | Mode::Dom0 => Builder::Xen,
        }
    }

    /// Seconds after which a run is given up.
    pub(crate) fn patience(&self) -> u64 {
        let slow = if self.icount { 4 } else { 1 };
        self.timeout.unwrap_or(slow * (240 + self.memory / (256 * MIB)))
    }

    fn check(&self) -> Result<()> {
        ensure!(self.memory.is_multiple_of(MIB), "memory comes in whole MiB: {} bytes", self.memory);
        ensure!(self.memory > 0 && self.vcpus > 0, "a guest has memory and at least one CPU");
        ensure!(
            self.mode == Mode::DomU || self.in_dom0.is_none(),
            "--in-dom0 needs a domu: with dom0 our kernel is dom0"
        );
        ensure!(self.mode == Mode::DomU || !self.shim, "--shim needs a domu: the shim runs inside a domain");
        if self.grub {
            ensure!(
                self.mode == Mode::DomU && !self.shim,
                "--through needs a domu without --shim: xl starts the loader as a PV guest"
            );
            grub::check_line(&self.cmdline)?;
        }
        for file in [&self.kernel, &self.ramdisk, &self.xen, &self.in_dom0].into_iter().flatten() {
            ensure!(!file.is_dir(), "{} is a folder, not a file", file.display());
            ensure!(file.is_file(), "there is no file {}", file.display());
        }
        ensure!(
            self.mode == Mode::DomU || self.config.is_empty(),
            "--config needs a domu: xl reads it, and dom0 is started by Xen"
        );
        for line in &self.config {
            ensure!(line.contains('='), "--config takes a line of xl.cfg such as maxmem=128, not {line:?}");
        }
        if [&self.cmdline, &self.xen_line].into_iter().chain(&self.config).any(|text| text.contains('\n')) {
            bail!("a command line, and a line of configuration, is one line");
        }
        Ok(())
    }
}

/// Reads what a person wrote for `--through`.
fn through(loader: &str) -> Result<bool> {
    ensure!(loader == "grub", "--through takes grub, not {loader:?}");
    Ok(true)
}

fn value(parser: &mut Parser, name: &str, read: impl Fn(&str) -> Result<u64>) -> Result<u64> {
    read(&parser.value()?.string()?).with_context(|| format!("--{name}"))
}

/// The memory of a guest. A number without a unit is a slip, unless it is that many whole MiB.
fn memory_size(text: &str) -> Result<u64> {
    let bytes = size(text)?;
    if number(text).is_ok() && !bytes.is_multiple_of(MIB) {
        return Err(NoUnit(text.to_owned()).into());
    }
    Ok(bytes)
}

/// A size without a unit.
#[derive(Debug)]
pub(crate) struct NoUnit(pub(crate) String);

impl std::fmt::Display for NoUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} bytes, or {}M?", self.0, self.0)
    }
}

impl std::error::Error for NoUnit {}

fn path(parser: &mut Parser) -> Result<PathBuf> {
    let given = PathBuf::from(parser.value()?);
    Ok(std::env::var_os("LAB_FROM").map_or_else(|| given.clone(), |from| PathBuf::from(from).join(&given)))
}

#[cfg(test)]
mod tests {
    use super::{Builder, Mode, Options, Release};
    use crate::machine::size::{GIB, MIB};

    fn parse(line: &str) -> anyhow::Result<Option<Options>> {
        Options::parse(line.split_whitespace().map(Into::into))
    }

    #[test]
    fn nothing_means_a_small_domu() {
        let options = parse("").unwrap().unwrap();
        assert_eq!((options.mode, options.memory, options.vcpus), (Mode::DomU, 64 * MIB, 1));
        assert_eq!(parse("dom0").unwrap().unwrap().memory, 512 * MIB);
    }

    #[test]
    fn the_source_documents_case() {
        let options =
            parse("domu --memory 128G --image-pages 0xe43 --ramdisk-pages 0x10784 --cmdline revector=off");
        let options = options.unwrap().unwrap();
        assert_eq!(options.memory, 128 * GIB);
        assert_eq!((options.image_pages, options.ramdisk_pages), (Some(0xe43), Some(0x10784)));
        assert_eq!(options.cmdline, "revector=off");
    }

    #[test]
    fn words_for_xen_and_lines_for_xl() {
        let options = parse("dom0 --xen-line dom0_mem=200M,max:400M --vcpus 2").unwrap().unwrap();
        assert_eq!((options.xen_line.as_str(), options.vcpus), ("dom0_mem=200M,max:400M", 2));
        let options = parse("--xen-line xpti=1 --xen-line pv-l1tf=1").unwrap().unwrap();
        assert_eq!(options.xen_line, "xpti=1 pv-l1tf=1");
        let options = parse("--config e820_host=1 domu --config maxmem=128").unwrap().unwrap();
        assert_eq!(options.config, ["e820_host=1", "maxmem=128"]);
    }

    #[test]
    fn words_for_qemu() {
        assert!(
            parse("dom0 --unchecked").unwrap().unwrap().unchecked
                && !parse("dom0").unwrap().unwrap().unchecked
        );
        let options = parse("dom0 --cpu -nx --machine max-ram-below-4g=160M").unwrap().unwrap();
        assert_eq!((options.cpu.as_str(), options.machine.as_str()), ("-nx", "max-ram-below-4g=160M"));
    }

    #[test]
    fn a_shim_takes_memory_of_its_own() {
        assert_eq!(parse("--shim").unwrap().unwrap().memory, 128 * MIB);
        assert_eq!(parse("--shim --memory 64M").unwrap().unwrap().memory, 64 * MIB);
    }

    #[test]
    fn a_loader_between_xl_and_the_kernel() {
        assert!(parse("--through grub").unwrap().unwrap().grub);
        assert!(!parse("").unwrap().unwrap().grub);
    }

    #[test]
    fn who_loads_the_kernel() {
        let by = |line| parse(line).unwrap().unwrap().builder();
        assert_eq!(["", "--through grub"].map(by), [Builder::Xl, Builder::Grub]);
        assert_eq!(["--shim", "dom0"].map(by), [Builder::Xen, Builder::Xen]);
    }

    #[test]
    fn a_release_of_xen() {
        assert_eq!(parse("dom0").unwrap().unwrap().release, Release::V4_17);
        assert_eq!(parse("dom0 --xen-release 4.20").unwrap().unwrap().release, Release::V4_20);
    }

    #[test]
    fn options_may_stand_before_the_mode() {
        assert_eq!(parse("--vcpus 2 dom0 -v").unwrap().unwrap().mode, Mode::Dom0);
    }

    #[test]
    fn usage_errors() {
        for line in [
            "domx",
            "domu dom0",
            "--memory",
            "--memory 64Q",
            "--memory 100K",
            "--memory 0",
            "--memory 64",
            "--memory 0x40",
            "--vcpus 0",
            "--frobnicate",
            "--kernel /no/such/file",
            "--timeout soon",
            "dom0 --in-dom0 /dev/null",
            "--xen-line",
            "--config",
            "--config e820_host",
            "dom0 --config e820_host=1",
            "--xen-release",
            "--xen-release 4.16",
            "dom0 --shim",
            "--through",
            "--through lilo",
            "dom0 --through grub",
            "--shim --through grub",
            "--through grub --cmdline say='a'",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        assert_eq!(parse("--help").unwrap(), None);
        let folder = parse("--kernel /").unwrap_err().to_string();
        assert_eq!(folder, "/ is a folder, not a file");
    }
}
