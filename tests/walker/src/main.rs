//! The walker's command line: examines a core and prints the findings.
//!
//! Exit status: 0 for no findings, 1 for findings, 2 if a file or the command line cannot be used.

use std::{fs, io, ops::Range, path::PathBuf, process::ExitCode};

use core_walk::{Aliases, CoreFile, ExpectedTables, Kernel, MfnDump, Report, WalkError, examine};
use lexopt::prelude::{Long, Short, Value, ValueExt as _};
use x86_64::VirtAddr;

const USAGE: &str = "\
usage: xen-guest-walk DUMP --kernel ELF --image-end HEX --module-end HEX
                      [--slide HEX] [--direct-map HEX] [--linear-p2m HEX] [--devices HEX] [--payload HEX]
                      [--mfndump FILE] [--allow HEX..HEX]… [--strict-alias]

  DUMP            a core written by `xl dump-core` of a paused PV guest
  --kernel        the ELF file that was booted
  --image-end     where the image ends, --module-end where the last module does (both in the guest's log)
  --slide         how far the image runs from where it was linked (in the guest's fact kaslr): 0 if not given
  --direct-map, --linear-p2m, --devices, --payload
                  where these regions start (in the guest's facts region), if it chose their places
  --mfndump       the output of `xen-mfndump dump-p2m DOMID`
  --allow         mappings in that range are no finding by themselves
  --strict-alias  a writable direct-map page of executable memory is a finding";

fn main() -> ExitCode {
    let request = match Request::from_command_line() {
        Ok(Some(request)) => request,
        Ok(None) => return say(&mut io::stdout(), USAGE, 0),
        Err(error) => return say(&mut io::stderr(), &format!("xen-guest-walk: {error}\n{USAGE}"), 2),
    };
    match request.run() {
        Ok(report) if report.is_clean() => say(&mut io::stdout(), &report.to_string(), 0),
        Ok(report) => say(&mut io::stdout(), &report.to_string(), 1),
        Err(error) => say(&mut io::stderr(), &format!("xen-guest-walk: {error}"), 2),
    }
}

/// Prints a text and returns the status; a reader that went away does not change the verdict.
fn say(to: &mut dyn io::Write, text: &str, status: u8) -> ExitCode {
    let _ = writeln!(to, "{}", text.trim_end());
    ExitCode::from(status)
}

/// What the command line asks for.
struct Request {
    dump: PathBuf,
    kernel: PathBuf,
    mfndump: Option<PathBuf>,
    slide: u64,
    image_end: VirtAddr,
    module_end: VirtAddr,
    places: Places,
    allowed: Vec<Range<VirtAddr>>,
    aliases: Aliases,
}

/// Where regions start that are not at their usual places.
#[derive(Default)]
struct Places {
    direct_map: Option<VirtAddr>,
    linear_p2m: Option<VirtAddr>,
    devices: Option<VirtAddr>,
    payload: Option<VirtAddr>,
}

impl Request {
    /// Reads the command line; `None` if it asks for help.
    fn from_command_line() -> Result<Option<Self>, lexopt::Error> {
        let (mut dump, mut kernel, mut mfndump) = (None, None, None);
        let (mut slide, mut image_end, mut module_end) = (0, None, None);
        let mut places = Places::default();
        let mut allowed = Vec::new();
        let mut aliases = Aliases::Count;
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Value(path) if dump.is_none() => dump = Some(PathBuf::from(path)),
                Long("kernel") => kernel = Some(PathBuf::from(parser.value()?)),
                Long("mfndump") => mfndump = Some(PathBuf::from(parser.value()?)),
                Long("slide") => slide = parser.value()?.parse_with(number)?,
                Long("image-end") => image_end = Some(parser.value()?.parse_with(address)?),
                Long("module-end") => module_end = Some(parser.value()?.parse_with(address)?),
                Long("direct-map") => places.direct_map = Some(parser.value()?.parse_with(address)?),
                Long("linear-p2m") => places.linear_p2m = Some(parser.value()?.parse_with(address)?),
                Long("devices") => places.devices = Some(parser.value()?.parse_with(address)?),
                Long("payload") => places.payload = Some(parser.value()?.parse_with(address)?),
                Long("allow") => allowed.push(parser.value()?.parse_with(range)?),
                Long("strict-alias") => aliases = Aliases::Refuse,
                Short('h') | Long("help") => return Ok(None),
                _ => return Err(argument.unexpected()),
            }
        }
        Ok(Some(Self {
            image_end: image_end.ok_or("missing --image-end")?,
            module_end: module_end.ok_or("missing --module-end")?,
            dump: dump.ok_or("missing DUMP")?,
            kernel: kernel.ok_or("missing --kernel")?,
            mfndump,
            slide,
            places,
            allowed,
            aliases,
        }))
    }

    fn run(self) -> Result<Report, WalkError> {
        let core = CoreFile::open(&self.dump)?;
        let kernel = Kernel::open(&self.kernel)?;
        let listing = match &self.mfndump {
            Some(path) => {
                let text = fs::read_to_string(path)
                    .map_err(|cause| WalkError::Io { what: "the xen-mfndump listing", cause })?;
                Some(MfnDump::parse(&text)?)
            }
            None => None,
        };
        examine(&core, &kernel, &self.expected(&kernel), listing.as_ref())
    }

    fn expected(self, kernel: &Kernel) -> ExpectedTables {
        let start = VirtAddr::new_truncate(kernel.start().as_u64().wrapping_add(self.slide));
        let usual = ExpectedTables::new(start..self.image_end, self.module_end).slid_by(self.slide);
        let Places { direct_map, linear_p2m, devices, payload } = self.places;
        ExpectedTables {
            direct_map: direct_map.unwrap_or(usual.direct_map),
            linear_p2m,
            devices: devices.map_or_else(|| usual.devices.clone(), ExpectedTables::slot),
            payload: payload.map_or_else(|| usual.payload.clone(), ExpectedTables::slot),
            allowed: self.allowed,
            aliases: self.aliases,
            ..usual
        }
    }
}

fn number(text: &str) -> Result<u64, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text).replace('_', "");
    u64::from_str_radix(&digits, 16).map_err(|error| error.to_string())
}

fn address(text: &str) -> Result<VirtAddr, String> {
    VirtAddr::try_new(number(text)?).map_err(|_| String::from("not a canonical address"))
}

fn range(text: &str) -> Result<Range<VirtAddr>, String> {
    let (start, end) = text.split_once("..").ok_or("not of the form HEX..HEX")?;
    Ok(address(start)?..address(end)?)
}
