//! What a module says about itself.
//!
//! *What this is*: the section `.modinfo`, texts `key=value` that each end with a zero byte: `name`, `version`,
//! `license`, `abi`, and, if it needs other modules, `depends` with their names between commas. Other keys are ignored.
//!
//! *What must hold*: the ABI it was built for is the kernel's own; otherwise nothing more of it is read.
//!
//! *What is not prevented*: a module that lies about its licence.

use alloc::vec::Vec;

use crate::module::{error::ModuleError, name::PrintableName, object::elf::Object};

/// The version of what kernel and modules agree on: entry functions, exports and their signatures, sections. It is
/// raised whenever a module built before would no longer work.
pub const ABI: u32 = 1;

/// The section in which a module describes itself.
pub(in crate::module) const INFO: &[u8] = b".modinfo";

/// The most modules that a module may name as those it needs.
const MAX_NEEDS: usize = 32;

/// The longest name of a module.
const MAX_LEN: usize = 32;

/// What a module says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Info<'a> {
    /// Its name.
    pub(crate) name: &'a str,
    /// Its version, for people.
    pub(crate) version: &'a str,
    /// Its licence.
    pub(crate) license: &'a str,
    /// The modules that must be loaded before it.
    pub(crate) needs: Vec<&'a str>,
}

impl<'a> Info<'a> {
    /// Reads what the object in `bytes` says about itself.
    ///
    /// # Errors
    /// The errors of a file that is not an object; [`ModuleError::NoInfo`], [`ModuleError::InfoTwice`] and
    /// [`ModuleError::InfoValue`] with the key, [`ModuleError::Abi`] with both versions.
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self, ModuleError> {
        Self::read(&Object::open(bytes)?)
    }

    pub(in crate::module) fn read(object: &Object<'a>) -> Result<Self, ModuleError> {
        let row = object.rows().find(|(_, row)| object.raw_name(row) == INFO);
        let bytes = match row {
            Some((_, row)) => object.bytes(row)?,
            None => &[],
        };
        let abi = required(bytes, "abi")?;
        let built = abi.parse().map_err(|_| value("abi", abi))?;
        if built != ABI {
            return Err(ModuleError::Abi { built, kernel: ABI });
        }
        let [name, version, license] = ["name", "version", "license"].map(|key| required(bytes, key));
        let (name, version, license) = (name?, version?, license?);
        if !is_name(name) {
            return Err(value("name", name));
        }
        // A module that needs none may omit it.
        let needs = optional(bytes, "depends")?.unwrap_or_default();
        let named = || needs.split(',').filter(|name| !name.is_empty());
        if named().count() > MAX_NEEDS || !named().all(is_name) {
            return Err(value("depends", needs));
        }
        Ok(Self { name, version, license, needs: named().collect() })
    }
}

/// Tells whether a text can be a module's name.
fn is_name(text: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    !text.is_empty() && text.len() <= MAX_LEN && text.bytes().all(known)
}

fn value(key: &'static str, found: &str) -> ModuleError {
    ModuleError::InfoValue { key, found: PrintableName::new(found.as_bytes()) }
}

fn required<'a>(bytes: &'a [u8], key: &'static str) -> Result<&'a str, ModuleError> {
    optional(bytes, key)?.ok_or(ModuleError::NoInfo { key })
}

/// Finds the value of a key, which may appear only once.
fn optional<'a>(bytes: &'a [u8], key: &'static str) -> Result<Option<&'a str>, ModuleError> {
    let mut values = bytes.split(|byte| *byte == 0).filter_map(|text| {
        let rest = text.strip_prefix(key.as_bytes())?;
        rest.strip_prefix(b"=")
    });
    let Some(found) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(ModuleError::InfoTwice { key });
    }
    let text = core::str::from_utf8(found);
    text.map(Some).map_err(|_| ModuleError::InfoValue { key, found: PrintableName::new(found) })
}
