//! Debian packages as files: what they are called, and what is in them.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use tools::{file, folder, process};

const LIMIT: Duration = Duration::from_secs(600);
/// An `ar` archive starts so; each member has a header of so many bytes, with its name at its start and its size at 48.
const AR: &[u8] = b"!<arch>\n";
const HEADER: usize = 60;

/// Unpacks every package in `store` into `into`.
///
/// # Errors
/// One cannot be unpacked.
pub(crate) fn unpack_all(store: &Path, into: &Path) -> Result<()> {
    unpack(&folder::entries(store)?, into)
}

/// Unpacks packages into `into`: with dpkg, or where there is none, with tar.
///
/// # Errors
/// One cannot be unpacked.
pub(crate) fn unpack(files: &[PathBuf], into: &Path) -> Result<()> {
    folder::create(into)?;
    for file in files {
        if process::on_path("dpkg-deb") {
            process::run("dpkg-deb -x", Command::new("dpkg-deb").arg("-x").arg(file).arg(into), LIMIT)?;
        } else {
            with_tar(file, into).with_context(|| format!("cannot unpack {}", file.display()))?;
        }
    }
    Ok(())
}

fn with_tar(package: &Path, into: &Path) -> Result<()> {
    let package = file::bytes(package)?;
    let (name, data) = content(&package)?;
    // tar finds out by itself how it is packed only if it may read it twice.
    let kind = if name.ends_with(".xz") {
        "--xz"
    } else if name.ends_with(".zst") {
        "--zstd"
    } else {
        "--gzip"
    };
    let mut tar = Command::new("tar");
    let mut tar =
        tar.arg(kind).args(["-xf", "-", "-C"]).arg(into).stdin(Stdio::piped()).spawn().context("tar")?;
    // If tar ends early, its exit status says so.
    drop(tar.stdin.take().map(|mut pipe| std::io::Write::write_all(&mut pipe, data)));
    let status = tar.wait()?;
    ensure!(status.success(), "tar says {status}");
    Ok(())
}

/// The member of a package that holds its files, by name and bytes.
fn content(package: &[u8]) -> Result<(String, &[u8])> {
    let mut rest = package.strip_prefix(AR).context("this is no Debian package")?;
    while let Some((header, behind)) = rest.split_at_checked(HEADER) {
        let text = |part: &[u8]| String::from_utf8_lossy(part).trim().trim_end_matches('/').to_owned();
        let size: usize = text(&header[48..58]).parse().context("a member of no size")?;
        let (member, next) = behind.split_at_checked(size).context("it is cut off")?;
        let name = text(&header[..16]);
        if name.starts_with("data.tar") {
            return Ok((name, member));
        }
        // Members start at even places.
        rest = next.get(size % 2..).unwrap_or_default();
    }
    bail!("it holds no files")
}

/// The files of one package among those in a folder: `NAME_VERSION_ARCHITECTURE.deb`. A `*` in the name stands for anything.
pub(crate) fn find(folder: &Path, package: &str) -> Option<PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.flatten();
    entries.map(|entry| entry.path()).find(|path| {
        path.extension().is_some_and(|extension| extension == "deb")
            && path.file_name().is_some_and(|name| is_of(&name.to_string_lossy(), package))
    })
}

fn is_of(file: &str, package: &str) -> bool {
    let Some((name, _)) = file.split_once('_') else { return false };
    match package.split_once('*') {
        None => name == package,
        Some((front, back)) => name.strip_prefix(front).is_some_and(|rest| rest.ends_with(back)),
    }
}

#[cfg(test)]
mod tests {
    use super::{content, is_of};

    #[test]
    fn whose_file_it_is() {
        assert!(is_of("libc6_2.36-9_amd64.deb", "libc6"));
        assert!(!is_of("libc6-dev_2.36-9_amd64.deb", "libc6"));
        assert!(is_of("linux-image-6.1.0-50-amd64_6.1.176-1_amd64.deb", "linux-image-6.*-amd64"));
        assert!(!is_of("linux-image-amd64_6.1.176-1_amd64.deb", "linux-image-6.*-amd64"));
        assert!(!is_of("readme", "readme"));
    }

    fn member(name: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = format!("{name:16}{:32}{:10}`\n", "", data.len()).into_bytes();
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(2), b'\n');
        bytes
    }

    #[test]
    fn the_files_in_a_package() {
        let front =
            [b"!<arch>\n".as_slice(), &member("debian-binary", b"2.0\n"), &member("control.tar.xz", b"abc")];
        let package = [front.concat(), member("data.tar.xz", b"hello")].concat();
        assert_eq!(content(&package).unwrap(), ("data.tar.xz".to_owned(), b"hello".as_slice()));
        assert!(content(&package[..package.len() - 3]).is_err());
        assert!(content(&front.concat()).is_err());
        assert!(content(b"hello").is_err());
    }
}
