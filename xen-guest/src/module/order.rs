//! The order in which modules are loaded.
//!
//! *What this is*: from the modules wanted, and what each says it needs, a list in which each comes after those it
//! needs. Needed modules are listed too.
//!
//! *What must hold*: nothing is loaded before the whole list is known, so a circle or a missing module is reported
//! first.
//!
//! *What is not prevented*: a module that uses a symbol of another without naming it. It is linked if it comes later.

use alloc::{string::String, vec::Vec};

use crate::module::{
    error::ModuleError,
    name::PrintableName,
    object::info::Info,
    ramdisk::archive::{Archive, Module},
};

/// Lists the modules `wanted` and all they need, each after those it needs.
///
/// # Errors
/// [`ModuleError::NoSuchModule`] for a module that is wanted and [`ModuleError::NoSuchNeed`] for one that is needed and
/// missing, [`ModuleError::Circle`] with the modules in it, [`ModuleError::OtherName`] for a file whose name differs
/// from its module's, and those of [`Info::of`], with the module's name in front.
pub(crate) fn order<'a>(archive: &Archive<'a>, wanted: &[&str]) -> Result<Vec<Module<'a>>, ModuleError> {
    let entries = archive.modules().len();
    let mut states = Vec::new();
    states.try_reserve_exact(entries).map_err(|_| ModuleError::NoMemory { entries })?;
    states.resize(entries, State::New);
    let mut order = Order { archive, states, open: Vec::new(), done: Vec::new() };
    for name in wanted {
        let (at, module) = archive.find(name).ok_or_else(|| archive.absent(name))?;
        if order.state(at) == State::New {
            order.open(at, module)?;
            order.close_all()?;
        }
    }
    Ok(order.done)
}

/// What was done about a module so far.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing.
    New,
    /// Its needs are being listed.
    Open,
    /// It is listed.
    Done,
}

/// A module whose needs are not all listed yet.
struct Open<'a> {
    /// Its index in the archive.
    at: usize,
    module: Module<'a>,
    needs: Vec<&'a str>,
}

struct Order<'s, 'a> {
    archive: &'s Archive<'a>,
    /// Indexed by a module's place in the archive, so that no list is searched.
    states: Vec<State>,
    /// Each is needed by the one before it.
    open: Vec<Open<'a>>,
    done: Vec<Module<'a>>,
}

impl<'a> Order<'_, 'a> {
    /// Returns the state of a module; one that was never entered is new.
    fn state(&self, at: usize) -> State {
        self.states.get(at).copied().unwrap_or(State::New)
    }

    fn enter(&mut self, at: usize, state: State) {
        if let Some(old) = self.states.get_mut(at) {
            *old = state;
        }
    }

    fn open(&mut self, at: usize, module: Module<'a>) -> Result<(), ModuleError> {
        let info = Info::of(module.bytes).map_err(|cause| cause.of_module(module.name))?;
        if info.name != module.name {
            let [file, module] = [module.name, info.name].map(|name| PrintableName::new(name.as_bytes()));
            return Err(ModuleError::OtherName { file, module });
        }
        let mut needs = info.needs;
        needs.reverse();
        self.enter(at, State::Open);
        self.open.push(Open { at, module, needs });
        Ok(())
    }

    /// Lists all open modules, opening what they need.
    fn close_all(&mut self) -> Result<(), ModuleError> {
        while let Some(last) = self.open.last_mut() {
            let (at, module) = (last.at, last.module);
            let Some(need) = last.needs.pop() else {
                self.done.push(module);
                self.open.pop();
                self.enter(at, State::Done);
                continue;
            };
            let Some((at, needed)) = self.archive.find(need) else {
                let [module, need] = [module.name, need].map(|name| PrintableName::new(name.as_bytes()));
                return Err(ModuleError::NoSuchNeed { module, need });
            };
            match self.state(at) {
                State::Done => {}
                State::Open => return Err(self.circle(at)),
                State::New => self.open(at, needed)?,
            }
        }
        Ok(())
    }

    /// Names the open modules, starting with the one at index `at` of the archive.
    fn circle(&self, at: usize) -> ModuleError {
        let mut members = String::new();
        let from_it = || self.open.iter().skip_while(|open| open.at != at);
        for open in from_it().chain(from_it().next()) {
            if !members.is_empty() {
                members.push_str(" needs ");
            }
            members.push_str(open.module.name);
        }
        ModuleError::Circle { members: PrintableName::new(members.as_bytes()) }
    }
}
