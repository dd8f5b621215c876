//! What the demonstration does with modules; `docs/modules.md` lists the words of the command line.

use alloc::{format, string::String, vec::Vec};

use xen_guest::{
    Guest, LoadError, MmuError, PageCount, RamdiskModules, Value, VirtAddr,
    layout::FIXMAP,
    log::{self, LevelFilter},
    module::{self, Shelf},
    sys::{TrustedModule, heap_used},
};

use crate::{failed::Failed, report::report};

/// Does what the command line asks for.
pub(crate) fn demonstrate(guest: &mut Guest) -> Result<(), Failed> {
    let line = guest.command_line().clone();
    let wanted = line.value_of("modules");
    if wanted == Some("none") {
        return Ok(());
    }
    let ramdisk = guest.unpack_ramdisk().map_err(|error| Failed::by("ramdisk", &error))?;
    let ramdisk = ramdisk.ok_or_else(|| {
        Failed::because("ramdisk", "there is none; give the guest one that holds modules/NAME.ko")
    })?;
    let modules = ramdisk.modules().map_err(|error| Failed::by("ramdisk", &error))?;
    let names: Vec<&str> = match wanted {
        None | Some("all") => {
            let all = modules.archive().modules().iter().filter(|module| module.shelf == Shelf::All);
            all.map(|module| module.name).collect()
        }
        Some(names) => names.split(',').collect(),
    };
    if names.is_empty() {
        return Err(Failed::because("modules", "the ramdisk holds no modules/NAME.ko"));
    }
    let mut demo = Demo { guest, ramdisk: &modules };
    if let Some(rounds) = line.value_of("rounds").and_then(|rounds| rounds.parse().ok()) {
        demo.rounds(&names, rounds)?;
    }
    if let Some(name) = line.value_of("fill") {
        demo.fill(name)?;
    }
    demo.load_all(&names)?;
    for name in line.value_of("refuse").into_iter().flat_map(|names| names.split(',')) {
        demo.refuse(name)?;
    }
    Ok(())
}

struct Demo<'g> {
    guest: &'g mut Guest,
    ramdisk: &'g RamdiskModules<'g>,
}

/// What must be the same before and after a module was there.
#[derive(Debug, PartialEq, Eq)]
struct State {
    frames: u64,
    mapped: PageCount,
    end: VirtAddr,
    modules: usize,
}

impl Demo<'_> {
    fn state(&self) -> State {
        let guest = &self.guest;
        State {
            frames: guest.free(),
            mapped: guest.mapped(),
            end: guest.modules_end(),
            modules: guest.modules().loaded().len(),
        }
    }

    /// Loads modules and what they need, but for what is loaded.
    fn load_all(&mut self, names: &[&str]) -> Result<(), Failed> {
        let modules = self.ramdisk.in_order(names).map_err(|error| no_module(&error))?;
        for module in modules {
            if self.guest.modules().get(module.name()).is_none() {
                self.load(module).map_err(|error| of_module(module.name(), &error))?;
            }
        }
        Ok(())
    }

    fn load(&mut self, module: TrustedModule<'_>) -> Result<(), LoadError> {
        let (name, before) = (module.name(), self.state());
        match self.guest.load_module(&module) {
            Ok(loaded) => log::info!("module {name} {}: {}", loaded.version(), loaded.region()),
            Err(error) => {
                let after = self.state();
                if after != before {
                    log::error!("module {name} left something behind: {before:?} became {after:?}");
                    report(self.guest, "left", &[("by", Value::Text(&name))]);
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn unload_all(&mut self) -> Result<(), Failed> {
        while let Some(last) = self.guest.modules().loaded().last() {
            let name = String::from(last.name());
            self.guest.unload_module(&name).map_err(|error| of_module(&name, &error))?;
        }
        Ok(())
    }

    /// Loads and unloads the modules many times; nothing may be left of them.
    fn rounds(&mut self, names: &[&str], rounds: u32) -> Result<(), Failed> {
        let before = self.state();
        let level = log::max_level();
        let mut heap = 0;
        for round in 0..rounds {
            self.load_all(names)?;
            self.unload_all()?;
            if round == 0 {
                heap = heap_used();
                log::set_max_level(LevelFilter::Warn);
            }
            let after = self.state();
            if after != before || heap_used() != heap {
                log::set_max_level(level);
                let used = heap_used();
                let words = format!("{before:?}, heap {heap} became {after:?}, heap {used}");
                return Err(Failed::because(&format!("round {round}"), &words));
            }
        }
        log::set_max_level(level);
        let State { frames, .. } = before;
        log::info!(
            "rounds: {rounds} times {names:?} loaded and unloaded: {frames} frames free before and after"
        );
        report(self.guest, "rounds", &[("rounds", Value::Number(rounds.into()))]);
        Ok(())
    }

    /// Loads one module under many names until the window is full.
    fn fill(&mut self, name: &str) -> Result<(), Failed> {
        let before = self.state();
        let module = self.ramdisk.module(name).map_err(|error| no_module(&error))?;
        let mut count = 0;
        let full = loop {
            match self.load(module.with_name(&format!("{name}-{count}"))) {
                Ok(()) => count += 1,
                Err(error) => break error,
            }
        };
        let end = self.guest.modules_end();
        log::info!("fill: {count} modules up to {end:#x}, then {full}");
        let (modules, end_at) = (Value::Number(count), Value::Hex(end.as_u64()));
        let fields = [("modules", modules), ("end", end_at), ("error", Value::Source(&full))];
        report(self.guest, "fill", &fields);
        if !matches!(full, LoadError::Mmu(MmuError::WindowFull { .. })) || end != FIXMAP {
            return Err(Failed::because("fill", &format!("{count} modules up to {end:#x}, then {full}")));
        }
        self.unload_all()?;
        let after = self.state();
        unchanged("fill", &before, &after)
    }

    /// Tries a module that must be refused, with nothing changed.
    fn refuse(&mut self, name: &str) -> Result<(), Failed> {
        let before = self.state();
        let failed = match self.load_all(&[name]) {
            Err(failed) => failed,
            Ok(()) => return Err(Failed::because(name, "was loaded, which should have been refused")),
        };
        log::info!("refused: {}", failed.words);
        failed.fact(self.guest, "refused");
        let after = self.state();
        unchanged(name, &before, &after)
    }
}

fn of_module(name: &str, error: &LoadError) -> Failed {
    Failed::by(&format!("module {name}"), error)
}

fn no_module(error: &module::ModuleError) -> Failed {
    match error {
        module::ModuleError::OfModule { module, cause } => Failed::by(&format!("module {module}"), cause),
        error => Failed::by("modules", error),
    }
}

fn unchanged(what: &str, before: &State, after: &State) -> Result<(), Failed> {
    if after == before {
        return Ok(());
    }
    Err(Failed::because(what, &format!("{before:?} became {after:?}")))
}
