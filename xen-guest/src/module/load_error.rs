//! Why a module was not loaded, or not unloaded.

use alloc::string::String;
use core::fmt;

use start_info::PageCount;

use crate::module;

/// Why a module was not loaded, or not unloaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LoadError {
    /// The object was refused.
    #[error(transparent)]
    Module(#[from] module::ModuleError),
    /// There were no pages or no addresses for it.
    #[error(transparent)]
    Mmu(#[from] mmu::MmuError),
    /// A module of that name is loaded.
    #[error("a module of that name is loaded already")]
    AlreadyLoaded,
    /// A module it needs is not loaded.
    #[error("module {need}, which it needs, is not loaded")]
    NeedNotLoaded {
        /// That module.
        need: String,
    },
    /// Its init function returned a value other than zero.
    #[error("its init returned {code}; it was taken out again")]
    Init {
        /// What it returned.
        code: i32,
    },
    /// There is no module of that name to be unloaded.
    #[error("no module of that name is loaded")]
    NotLoaded,
    /// Other modules use it.
    #[error("{}", in_use(*.users, .user))]
    InUse {
        /// How many.
        users: usize,
        /// The first of them.
        user: String,
    },
    /// Its exit function ran and it is no longer loaded, but Xen refuses to take its pages away. The next load or
    /// unload of a module tries again.
    #[error("it is unloaded, but {pages} pages of it are not given back yet: {error}")]
    Lingers {
        /// How many pages.
        pages: PageCount,
        /// Why.
        error: mmu::MmuError,
    },
}

fn in_use(users: usize, user: &str) -> impl fmt::Display {
    fmt::from_fn(move |f| match users {
        1 => write!(f, "module {user} uses it; unload that first"),
        _ => write!(f, "{users} modules use it, {user} among them; unload those first"),
    })
}
