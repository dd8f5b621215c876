//! Archives in the "newc" form of cpio: ramdisks of kernels, dom0's root.
//!
//! *What this is*: folders, plain files and symbolic links, written with the crate `cpio`. All are owned by root and
//! have no times, so the same content makes the same bytes.
//!
//! *What is not here*: broken archives. Tests that need one change the bytes of a good one.

use cpio::newc::{Builder, trailer};
use std::io::Write;

/// An archive that grows in memory.
#[derive(Clone, Debug, Default)]
pub struct CpioWriter {
    bytes: Vec<u8>,
    entries: u32,
}

const FOLDER: u32 = 0o040_755;
const LINK: u32 = 0o120_777;
const FILE: u32 = 0o100_000;

impl CpioWriter {
    /// An archive of plain files.
    #[must_use]
    pub fn of<N: AsRef<str>, C: AsRef<[u8]>>(files: impl IntoIterator<Item = (N, C)>) -> Vec<u8> {
        let mut archive = Self::default();
        for (name, content) in files {
            archive.file(name.as_ref(), 0o644, content.as_ref());
        }
        archive.finish()
    }

    /// Adds a folder.
    pub fn folder(&mut self, name: &str) {
        self.entry(name, FOLDER, &[]);
    }

    /// Adds a plain file with the permission bits `mode`.
    pub fn file(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entry(name, FILE | (mode & 0o777), content);
    }

    /// Adds a symbolic link to `target`.
    pub fn link(&mut self, name: &str, target: &str) {
        self.entry(name, LINK, target.as_bytes());
    }

    /// Ends the archive and returns its bytes.
    #[must_use]
    #[expect(clippy::expect_used, reason = "a list in memory takes every write")]
    pub fn finish(self) -> Vec<u8> {
        trailer(self.bytes).expect("memory takes every write")
    }

    #[expect(clippy::expect_used, reason = "a list in memory takes every write; no test has a file of 4 GiB")]
    fn entry(&mut self, name: &str, mode: u32, content: &[u8]) {
        self.entries += 1;
        let links = if mode == FOLDER { 2 } else { 1 };
        let len = u32::try_from(content.len()).expect("an archive holds files of less than 4 GiB");
        let entry = Builder::new(name).ino(self.entries).mode(mode).nlink(links);
        let mut entry = entry.write(&mut self.bytes, len);
        entry.write_all(content).expect("memory takes every write");
        entry.finish().expect("memory takes every write");
    }
}

#[cfg(test)]
mod tests {
    use super::CpioWriter;

    #[test]
    fn one_file_byte_by_byte() {
        let mut archive = CpioWriter::default();
        archive.file("a", 0o644, b"xyz");
        let bytes = archive.finish();
        let first = [
            "070701", "00000001", "000081a4", "00000000", "00000000", "00000001", "00000000", "00000003",
            "00000000", "00000000", "00000000", "00000000", "00000002", "00000000",
        ];
        assert_eq!(&bytes[..110], first.concat().as_bytes());
        assert_eq!(&bytes[110..112], b"a\0");
        assert_eq!(&bytes[112..116], b"xyz\0");
        assert_eq!(&bytes[116..122], b"070701");
        assert!(bytes.ends_with(b"TRAILER!!!\0\0\0\0"));
    }

    #[test]
    fn every_entry_starts_at_a_multiple_of_four() {
        for length in 0..9 {
            let mut archive = CpioWriter::default();
            archive.folder("folder");
            archive.file("folder/file", 0o755, &vec![7; length]);
            archive.link("link", "folder/file");
            let bytes = archive.finish();
            let starts: Vec<usize> =
                (0..bytes.len() - 6).filter(|at| &bytes[*at..at + 6] == b"070701").collect();
            assert_eq!(starts.len(), 4);
            assert!(starts.iter().all(|at| at % 4 == 0));
            assert_eq!(bytes.len() % 4, 0);
        }
    }
}
