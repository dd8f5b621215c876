//! The modules that are loaded.
//!
//! *What this is*: which modules are in the module window, what each lends to others, which others it uses, and what
//! loading it cost. It decides which may be loaded and unloaded; it loads nothing itself.
//!
//! *What must hold*: no two modules have the same name, no symbol has two exporters, the kernel included, and a module
//! stays while another one, loaded later, uses it.
//!
//! *What is not prevented*: pointers that modules pass to each other in other ways than by symbols.

use alloc::{
    borrow::ToOwned,
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use core::fmt;

use mmu::{MappedModule, Region};
use start_info::PageCount;
use x86_64::VirtAddr;

use crate::{
    module::{Export, Lent, ModuleError, Plan, PrintableName, load_error::LoadError},
    report::json::JsonText,
};

/// What loading a module cost, in ticks of the time stamp counter and hypercalls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Ticks for reading the object.
    pub plan: u64,
    /// Ticks for the relocations.
    pub relocate: u64,
    /// Ticks for filling and mapping the pages.
    pub map: u64,
    /// Hypercalls for tables, protection, mapping and flushes.
    pub hypercalls: u64,
    /// Page tables taken.
    pub tables: u64,
    /// The time stamp counter when it was loaded.
    pub at: u64,
}

/// A module in the window.
#[derive(Debug)]
pub struct Loaded {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) license: String,
    pub(crate) mapped: MappedModule,
    /// How many pages it had before its init pages were given back.
    pub(crate) pages: PageCount,
    /// The size of its file.
    pub(crate) size: usize,
    pub(crate) relocations: usize,
    pub(crate) symbols: usize,
    pub(crate) exit: Option<VirtAddr>,
    /// What it lends; empty once it is in the table, which keeps all exports in one place.
    pub(crate) exports: Vec<(String, VirtAddr)>,
    /// The modules it uses.
    pub(crate) uses: Vec<String>,
    pub(crate) cost: Cost,
}

impl Loaded {
    /// Returns its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Returns its licence.
    #[must_use]
    pub fn license(&self) -> &str {
        &self.license
    }

    /// Returns its addresses.
    #[must_use]
    pub fn region(&self) -> Region {
        self.mapped.region()
    }

    /// Returns what loading it cost.
    #[must_use]
    pub const fn cost(&self) -> Cost {
        self.cost
    }
}

/// All loaded modules, in the order they were loaded.
#[derive(Debug)]
pub struct ModuleTable {
    loaded: Vec<Loaded>,
    /// What all modules lend.
    lent: BTreeMap<String, Exported>,
    /// What the layer lends, and what the kernel lends in addition.
    exports: [&'static [Export]; 2],
}

/// A symbol that a module lends.
#[derive(Clone, Copy, Debug)]
struct Exported {
    at: VirtAddr,
    /// Where its module starts: no two modules start at one address.
    module: VirtAddr,
}

impl ModuleTable {
    /// Makes an empty table; these functions are lent to its modules.
    pub(crate) const fn new(exports: &'static [Export]) -> Self {
        Self { loaded: Vec::new(), lent: BTreeMap::new(), exports: [exports, &[]] }
    }

    /// Lends these functions too, replacing those of an earlier call.
    pub(crate) const fn lend(&mut self, exports: &'static [Export]) {
        self.exports[1] = exports;
    }

    /// Returns what the kernel lends, searchable by name.
    pub(crate) fn kernel(&self) -> Result<Lent<'static>, ModuleError> {
        Lent::new(&self.exports)
    }

    /// Returns the modules, in the order they were loaded.
    #[must_use]
    pub fn loaded(&self) -> &[Loaded] {
        &self.loaded
    }

    /// Returns the module of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Loaded> {
        self.loaded.iter().find(|module| module.name == name)
    }

    /// Returns the names of the modules that use another one.
    pub(crate) fn users(&self, name: &str) -> impl Iterator<Item = &str> {
        let users = self.loaded.iter().filter(move |module| module.uses.iter().any(|used| used == name));
        users.map(|module| module.name.as_str())
    }

    /// Returns the module that starts there.
    fn starting(&self, at: VirtAddr) -> Option<&Loaded> {
        self.loaded.iter().find(|module| module.region().start() == at)
    }

    /// Returns where a symbol is: in the kernel, or else in a module.
    pub(crate) fn resolve(&self, kernel: &Lent<'_>, symbol: &str) -> Option<VirtAddr> {
        kernel.find(symbol).or_else(|| self.lent.get(symbol).map(|exported| exported.at))
    }

    /// Checks that a module may be loaded, and returns the names of those it will use.
    pub(crate) fn admit(
        &mut self,
        name: &str,
        plan: &Plan<'_>,
        kernel: &Lent<'_>,
    ) -> Result<Vec<String>, LoadError> {
        if self.get(name).is_some() {
            return Err(LoadError::AlreadyLoaded);
        }
        let mut uses: Vec<String> = Vec::new();
        for need in &plan.info().needs {
            if self.get(need).is_none() {
                return Err(LoadError::NeedNotLoaded { need: (*need).to_owned() });
            }
            add(&mut uses, need);
        }
        let mut lenders = BTreeSet::new();
        for symbol in plan.imports().filter(|symbol| kernel.find(symbol).is_none()) {
            lenders.extend(self.lent.get(symbol).map(|exported| exported.module));
        }
        for module in self.loaded.iter().filter(|module| lenders.contains(&module.region().start())) {
            add(&mut uses, &module.name);
        }
        for (symbol, _) in plan.exports() {
            let holder = match (kernel.find(symbol), self.lent.get(symbol)) {
                (Some(_), _) => "the kernel",
                (None, Some(exported)) => self.starting(exported.module).map_or("a module", Loaded::name),
                (None, None) => continue,
            };
            let [symbol, holder] = [symbol, holder].map(|name| PrintableName::new(name.as_bytes()));
            return Err(ModuleError::ExportTwice { symbol, holder }.into());
        }
        self.loaded.try_reserve(1).map_err(|_| ModuleError::NoMemory { entries: self.loaded.len() + 1 })?;
        Ok(uses)
    }

    pub(crate) fn add(&mut self, mut module: Loaded) {
        let start = module.region().start();
        let exports = core::mem::take(&mut module.exports);
        self.lent.extend(exports.into_iter().map(|(name, at)| (name, Exported { at, module: start })));
        self.loaded.push(module);
    }

    /// Removes a module that nobody uses from the table.
    pub(crate) fn remove(&mut self, name: &str) -> Result<Loaded, LoadError> {
        let rank = self.loaded.iter().position(|module| module.name == name);
        let rank = rank.ok_or(LoadError::NotLoaded)?;
        if let Some(user) = self.users(name).next() {
            return Err(LoadError::InUse { users: self.users(name).count(), user: user.to_owned() });
        }
        let module = self.loaded.remove(rank);
        let start = module.region().start();
        self.lent.retain(|_, exported| exported.module != start);
        Ok(module)
    }

    /// Shows the modules as JSON, one line each.
    #[must_use]
    pub const fn json(&self) -> ModulesJson<'_> {
        ModulesJson(self)
    }
}

fn add(names: &mut Vec<String>, name: &str) {
    if !names.iter().any(|other| other == name) {
        names.push(name.to_owned());
    }
}

impl fmt::Display for ModuleTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "  module           from               to                    size  pages  kept  relocs  symbols  \
             users  hypercalls      ticks  per reloc  per page"
        )?;
        for module in &self.loaded {
            let Loaded { name, size, relocations, symbols, cost, .. } = module;
            let (region, users) = (module.region(), self.users(name).count());
            let (pages, kept) = (module.pages.get(), module.mapped.pages().get());
            let [per_relocation, per_page] = module.rates();
            write!(
                f,
                "\n  {name:<16} {:016x}  {:016x}  {size:>9}  {pages:>5}  {kept:>4}  {relocations:>6}  {symbols:>7}  \
                 {users:>5}  {:>10}  {:>9}  {per_relocation:>9}  {per_page:>8}",
                region.start(),
                region.last(),
                cost.hypercalls,
                cost.total(),
            )?;
        }
        Ok(())
    }
}

impl Cost {
    /// Returns all ticks.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.plan.saturating_add(self.relocate).saturating_add(self.map)
    }
}

impl Loaded {
    /// Returns the ticks for each relocation and for each page.
    #[must_use]
    pub fn rates(&self) -> [u64; 2] {
        let each = |ticks: u64, count: u64| ticks / count.max(1);
        [each(self.cost.relocate, self.relocations as u64), each(self.cost.map, self.pages.get())]
    }
}

/// The modules as JSON lines, in the form of the boot's stages.
#[derive(Debug)]
pub struct ModulesJson<'t>(&'t ModuleTable);

impl fmt::Display for ModulesJson<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (rank, module) in self.0.loaded.iter().enumerate() {
            let Loaded { name, size, pages, relocations, symbols, cost, .. } = module;
            let (region, frames) = (module.region(), pages.get() + cost.tables);
            let [per_relocation, per_page] = module.rates();
            write!(
                f,
                "{}@report {{\"stage\":\"module {}\",\"tsc\":{},\"took\":{},\"hypercalls\":{},\"frames\":{frames},\
                 \"start\":\"{:#x}\",\"last\":\"{:#x}\",\"size\":{size},\"pages\":{pages},\"relocations\":{relocations},\
                 \"symbols\":{symbols},\"per_relocation\":{per_relocation},\"per_page\":{per_page}}}",
                if rank == 0 { "" } else { "\n" },
                JsonText(name),
                cost.at,
                cost.total(),
                cost.hypercalls,
                region.start(),
                region.last(),
            )?;
        }
        Ok(())
    }
}
