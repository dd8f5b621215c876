//! Files, with their names in every error: `No such file or directory` alone does not help.

use std::fs::File;
use std::path::Path;

use anyhow::{Context, Result};

/// The text in a file; what is not UTF-8 is replaced.
///
/// # Errors
/// It cannot be read.
pub fn text(path: &Path) -> Result<String> {
    Ok(String::from_utf8_lossy(&bytes(path)?).into_owned())
}

/// The bytes in a file.
///
/// # Errors
/// It cannot be read.
pub fn bytes(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).with_context(|| path.display().to_string())
}

/// Makes a file of these bytes.
///
/// # Errors
/// It cannot be written.
pub fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, content).with_context(|| path.display().to_string())
}

/// Makes an empty file, to write to.
///
/// # Errors
/// It cannot be made.
pub fn create(path: &Path) -> Result<File> {
    File::create(path).with_context(|| path.display().to_string())
}

/// Copies a file.
///
/// # Errors
/// One cannot be read or the other cannot be written; the error names both.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::copy(from, to).with_context(|| format!("{} to {}", from.display(), to.display()))?;
    Ok(())
}

/// Gives a file another name.
///
/// # Errors
/// It cannot be done; the error names both.
pub fn rename(from: &Path, to: &Path) -> Result<()> {
    std::fs::rename(from, to).with_context(|| format!("{} to {}", from.display(), to.display()))
}

/// Removes a file if it is there.
///
/// # Errors
/// It is there and cannot be removed.
pub fn remove(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{bytes, copy, create, remove, rename, text, write};

    #[test]
    fn every_error_names_the_file() {
        let nowhere = Path::new("/nonexistent/there");
        let here = std::env::current_exe().unwrap();
        for error in [
            text(nowhere).unwrap_err(),
            bytes(nowhere).unwrap_err(),
            write(nowhere, b"").unwrap_err(),
            create(nowhere).unwrap_err(),
            copy(nowhere, Path::new("/nonexistent/other")).unwrap_err(),
            copy(&here, nowhere).unwrap_err(),
            rename(nowhere, &here).unwrap_err(),
            // A folder of the path that is a file.
            remove(&here.join("there")).unwrap_err(),
            crate::folder::create(&here.join("there")).unwrap_err(),
            crate::folder::entries(nowhere).unwrap_err(),
        ] {
            let line = format!("{error:#}");
            assert!(line.contains("/there") && !line.contains('\n'), "{line}");
        }
        remove(nowhere).unwrap();
    }
}
