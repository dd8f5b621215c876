//! Why a module was not loaded, or not unloaded.

use alloc::string::String;
use core::fmt;

use start_info::PageCount;

use crate::module;

/// Why a module was not loaded, or not unloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The object was refused.
    Module(module::Error),
    /// There were no pages or no addresses for it.
    Mmu(mmu::Error),
    /// A module of that name is loaded.
    AlreadyLoaded,
    /// A module it needs is not loaded.
    NeedNotLoaded {
        /// That module.
        need: String,
    },
    /// Its init function returned something else than zero.
    Init {
        /// What it returned.
        code: i32,
    },
    /// There is no module of that name to be unloaded.
    NotLoaded,
    /// Other modules use it.
    InUse {
        /// How many.
        users: usize,
        /// The first of them.
        user: String,
    },
    /// It was ended and is no longer loaded, but Xen refuses to take its pages away. They are tried again by the next module
    /// that is loaded or unloaded.
    Lingers {
        /// How many pages.
        pages: PageCount,
        /// Why.
        error: mmu::Error,
    },
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Module(error) => error.fmt(f),
            Self::Mmu(error) => error.fmt(f),
            Self::AlreadyLoaded => write!(f, "a module of that name is loaded already"),
            Self::NeedNotLoaded { need } => write!(f, "module {need}, which it needs, is not loaded"),
            Self::Init { code } => write!(f, "its init returned {code}; it was taken out again"),
            Self::NotLoaded => write!(f, "no module of that name is loaded"),
            Self::InUse { users: 1, user } => write!(f, "module {user} uses it; unload that first"),
            Self::InUse { users, user } => {
                write!(f, "{users} modules use it, {user} among them; unload those first")
            }
            Self::Lingers { pages, error } => {
                write!(f, "it is unloaded, but {pages} pages of it are not given back yet: {error}")
            }
        }
    }
}

impl core::error::Error for LoadError {}

impl From<module::Error> for LoadError {
    fn from(error: module::Error) -> Self {
        Self::Module(error)
    }
}

impl From<mmu::Error> for LoadError {
    fn from(error: mmu::Error) -> Self {
        Self::Mmu(error)
    }
}
