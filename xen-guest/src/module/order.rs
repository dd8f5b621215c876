//! The order in which modules are loaded.
//!
//! *What this is*: from the modules wanted, and what each says it needs, a list in which each comes after those. What is
//! needed is wanted too.
//!
//! *What must hold*: nothing is loaded before the whole list is known; a circle or an absent module is told first.
//!
//! *What is not prevented*: a module that uses a symbol of another without naming it. It is linked if it comes later.

use alloc::{collections::BTreeMap, string::String, vec::Vec};

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
    let present = archive.modules().iter().map(|module| (module.name, *module)).collect();
    let mut order = Order { present, states: BTreeMap::new(), open: Vec::new(), done: Vec::new() };
    for name in wanted {
        let module = match order.present.get(name) {
            Some(module) => *module,
            None => archive.module(name)?,
        };
        if !order.states.contains_key(module.name) {
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

/// How far a module is.
#[derive(Clone, Copy)]
enum State {
    /// Open, at this place.
    Open(usize),
    /// Listed.
    Done,
}

struct Order<'a> {
    present: BTreeMap<&'a str, Module<'a>>,
    states: BTreeMap<&'a str, State>,
    /// Each is needed by the one before it.
    open: Vec<Open<'a>>,
    done: Vec<Module<'a>>,
}

impl<'a> Order<'a> {
    fn open(&mut self, module: Module<'a>) -> Result<(), Error> {
        let info = Info::of(module.bytes).map_err(|cause| cause.of_module(module.name))?;
        if info.name != module.name {
            let [file, module] = [module.name, info.name].map(|name| Name::new(name.as_bytes()));
            return Err(Error::OtherName { file, module });
        }
        let mut needs = info.needs;
        needs.reverse();
        self.states.insert(module.name, State::Open(self.open.len()));
        self.open.push(Open { module, needs });
        Ok(())
    }

    /// Lists all open modules, opening what they need.
    fn close_all(&mut self) -> Result<(), Error> {
        while let Some(last) = self.open.last_mut() {
            let module = last.module;
            let Some(need) = last.needs.pop() else {
                self.states.insert(module.name, State::Done);
                self.done.push(module);
                self.open.pop();
                continue;
            };
            match self.states.get(need) {
                Some(State::Done) => {}
                Some(State::Open(at)) => return Err(self.circle(*at)),
                None => {
                    let [by, name] = [module.name, need].map(|name| Name::new(name.as_bytes()));
                    let found = self.present.get(need).copied();
                    self.open(found.ok_or(Error::NoSuchNeed { module: by, need: name })?)?;
                }
            }
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
