//! Follows a file that another process lets grow.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::PathBuf;

use anyhow::{Context, Result};

/// A file that may not exist yet, read up to where its last whole line ends.
#[derive(Debug)]
pub(crate) struct Follower {
    path: PathBuf,
    file: Option<File>,
    rest: Vec<u8>,
}

impl Follower {
    /// Will follow the file at `path`.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: None, rest: Vec::new() }
    }

    /// The whole lines that have been added since the last call, without the returns around them: GRUB puts one after each
    /// line's end.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn lines(&mut self) -> Result<Vec<String>> {
        if self.file.is_none() {
            self.file = match File::open(&self.path) {
                Ok(file) => Some(file),
                Err(error) if error.kind() == ErrorKind::NotFound => None,
                Err(error) => return Err(error).with_context(|| self.path.display().to_string()),
            };
        }
        let Some(file) = &mut self.file else { return Ok(Vec::new()) };
        file.read_to_end(&mut self.rest).with_context(|| self.path.display().to_string())?;
        let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') else { return Ok(Vec::new()) };
        let whole: Vec<u8> = self.rest.drain(..=end).collect();
        Ok(String::from_utf8_lossy(&whole).lines().map(|line| line.trim_matches('\r').to_owned()).collect())
    }

    /// The last line, which has no end.
    pub(crate) fn rest(&mut self) -> Option<String> {
        let rest = std::mem::take(&mut self.rest);
        (!rest.is_empty()).then(|| String::from_utf8_lossy(&rest).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::Follower;

    #[test]
    fn lines_as_they_are_completed() {
        let path = std::env::temp_dir().join(format!("lab-follow-{}", std::process::id()));
        let mut follower = Follower::new(path.clone());
        assert!(follower.lines().unwrap().is_empty());
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(b"one\r\n\rtwo\nth").unwrap();
        assert_eq!(follower.lines().unwrap(), ["one", "two"]);
        assert!(follower.lines().unwrap().is_empty());
        file.write_all(b"ree\nrest").unwrap();
        assert_eq!(follower.lines().unwrap(), ["three"]);
        assert_eq!(follower.rest().as_deref(), Some("rest"));
        std::fs::remove_file(path).unwrap();
    }
}
