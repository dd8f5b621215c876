//! The walker's command line: examines a core and prints the findings.
//!
//! Exit status: 0 for no findings, 1 for findings, 2 if a file or the command line cannot be used.

use std::{fs, io, path::PathBuf, process::ExitCode};

use core_walk::{Aliases, CoreFile, ExpectedTables, Kernel, MfnDump, Report, WalkError, examine};
use lexopt::prelude::{Long, Short, Value, ValueExt as _};
use x86_64::VirtAddr;

const USAGE: &str = "\
usage: xen-guest-walk DUMP --kernel ELF --image-end HEX --module-end HEX
                      [--mfndump FILE] [--allow HEX..HEX]… [--strict-alias]

  DUMP            a core written by `xl dump-core` of a paused PV guest
  --kernel        the ELF file that was booted
  --image-end     where the image ends, --module-end where the last module does (both in the guest's log)
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
    expected: ExpectedTables,
}

impl Request {
    /// Reads the command line; `None` if it asks for help.
    fn from_command_line() -> Result<Option<Self>, lexopt::Error> {
        let (mut dump, mut kernel, mut mfndump) = (None, None, None);
        let (mut image_end, mut module_end) = (None, None);
        let mut allowed = Vec::new();
        let mut aliases = Aliases::Count;
        let mut parser = lexopt::Parser::from_env();
        while let Some(argument) = parser.next()? {
            match argument {
                Value(path) if dump.is_none() => dump = Some(PathBuf::from(path)),
                Long("kernel") => kernel = Some(PathBuf::from(parser.value()?)),
                Long("mfndump") => mfndump = Some(PathBuf::from(parser.value()?)),
                Long("image-end") => image_end = Some(parser.value()?.parse_with(address)?),
                Long("module-end") => module_end = Some(parser.value()?.parse_with(address)?),
                Long("allow") => allowed.push(parser.value()?.parse_with(range)?),
                Long("strict-alias") => aliases = Aliases::Refuse,
                Short('h') | Long("help") => return Ok(None),
                _ => return Err(argument.unexpected()),
            }
        }
        let image_end = image_end.ok_or("missing --image-end")?;
        let module_end = module_end.ok_or("missing --module-end")?;
        Ok(Some(Self {
            dump: dump.ok_or("missing DUMP")?,
            kernel: kernel.ok_or("missing --kernel")?,
            mfndump,
            expected: ExpectedTables { allowed, aliases, ..ExpectedTables::new(image_end, module_end) },
        }))
    }

    fn run(&self) -> Result<Report, WalkError> {
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
        examine(&core, &kernel, &self.expected, listing.as_ref())
    }
}

fn address(text: &str) -> Result<VirtAddr, String> {
    let digits = text.strip_prefix("0x").unwrap_or(text).replace('_', "");
    let number = u64::from_str_radix(&digits, 16).map_err(|error| error.to_string())?;
    VirtAddr::try_new(number).map_err(|_| String::from("not a canonical address"))
}

fn range(text: &str) -> Result<std::ops::Range<VirtAddr>, String> {
    let (start, end) = text.split_once("..").ok_or("not of the form HEX..HEX")?;
    Ok(address(start)?..address(end)?)
}
