//! Folders as a whole.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// Makes a folder and its parents, unless it is there.
///
/// # Errors
/// It cannot be made.
pub fn create(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())
}

/// The entries of a folder, in the order of their names.
///
/// # Errors
/// It cannot be read.
pub fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let name = || folder.display().to_string();
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(name)? {
        paths.push(entry.with_context(name)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Removes a folder if it is there.
///
/// # Errors
/// It is there and cannot be removed.
pub fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// The bytes of all files in it and below; what cannot be read counts as zero.
pub fn size(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let bytes = entries.filter_map(|entry| {
        let about = entry.metadata().ok()?;
        Some(if about.is_dir() { size(&entry.path()) } else { about.len() })
    });
    bytes.sum()
}
