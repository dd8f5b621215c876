//! The order in which modules are loaded.
//!
//! *What this is*: from the modules wanted, and what each says it needs, a list in which each comes after those. What is
//! needed is wanted too.
//!
//! *What must hold*: nothing is loaded before the whole list is known; a circle or an absent module is told first.
//!
//! *What is not prevented*: a module that uses a symbol of another without naming it. It is linked if it comes later.

use alloc::{string::String, vec::Vec};

use super::archive::{Archive, Module};
use super::error::{Error, Name};
use super::info::Info;

/// Lists the modules `wanted` and all they need, each after those it needs.
///
/// # Errors
/// [`Error::NoSuchModule`] for a module that is wanted and [`Error::NoSuchNeed`] for one that is needed and not there,
/// [`Error::Circle`] with the modules in it, [`Error::OtherName`] for a file named otherwise than its module, and those of
/// [`Info::of`], with the module's name in front.
pub fn order<'a>(archive: &Archive<'a>, wanted: &[&str]) -> Result<Vec<Module<'a>>, Error> {
    let mut order = Order { archive, open: Vec::new(), done: Vec::new() };
    for name in wanted {
        let module = archive.module(name)?;
        if !order.has(module.name) {
            order.open(module)?;
            order.close_all()?;
        }
    }
    Ok(order.done)
}

/// A module whose needs are not all listed yet.
struct Open<'a> {
    module: Module<'a>,
    needs: Vec<&'a str>,
}

struct Order<'s, 'a> {
    archive: &'s Archive<'a>,
    /// Each is needed by the one before it.
    open: Vec<Open<'a>>,
    done: Vec<Module<'a>>,
}

impl<'a> Order<'_, 'a> {
    fn has(&self, name: &str) -> bool {
        self.done.iter().any(|module| module.name == name)
    }

    fn open(&mut self, module: Module<'a>) -> Result<(), Error> {
        let info = Info::of(module.bytes).map_err(|cause| cause.of_module(module.name))?;
        if info.name != module.name {
            let [file, module] = [module.name, info.name].map(|name| Name::new(name.as_bytes()));
            return Err(Error::OtherName { file, module });
        }
        let mut needs = info.needs;
        needs.reverse();
        self.open.push(Open { module, needs });
        Ok(())
    }

    /// Lists all open modules, opening what they need.
    fn close_all(&mut self) -> Result<(), Error> {
        while let Some(last) = self.open.last_mut() {
            let module = last.module;
            let Some(need) = last.needs.pop() else {
                self.done.push(module);
                self.open.pop();
                continue;
            };
            if self.has(need) {
                continue;
            }
            if let Some(at) = self.open.iter().position(|open| open.module.name == need) {
                return Err(self.circle(at));
            }
            let found = self.archive.module(need);
            let [by, name] = [module.name, need].map(|name| Name::new(name.as_bytes()));
            self.open(found.map_err(|_| Error::NoSuchNeed { module: by, need: name })?)?;
        }
        Ok(())
    }

    fn circle(&self, at: usize) -> Error {
        let mut members = String::new();
        for open in self.open.iter().skip(at).chain(self.open.get(at)) {
            if !members.is_empty() {
                members.push_str(" needs ");
            }
            members.push_str(open.module.name);
        }
        Error::Circle { members: Name::new(members.as_bytes()) }
    }
}
