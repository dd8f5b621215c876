//! All checks of one core, and their joint report.
//!
//! *What this is*: [`examine`] collects the tables of every vCPU, visits every mapping once per root and runs each
//! check on it. *What must hold*: every finding is counted, though only the first of a kind are kept.

use std::{collections::BTreeMap, fmt};

use start_info::Mfn;

use crate::{
    Aliases, CoreFile, ExpectedTables, Finding, Kernel, Level, MfnDump, WalkError, WalkedLeaf, WalkedRegion,
    checks,
    region::Borders,
    walk::{self, Tables},
};

/// Findings kept of one kind: a bug in a guest may break a promise for every page.
const KEPT_OF_A_KIND: u64 = 64;

/// Foreign mappings kept in a summary.
const KEPT_FOREIGN: usize = 64;

/// The findings so far.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    kept: Vec<Finding>,
    counts: BTreeMap<&'static str, u64>,
}

impl Findings {
    pub(crate) fn push(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.name()).or_default();
        *count += 1;
        if *count <= KEPT_OF_A_KIND {
            self.kept.push(finding);
        }
    }
}

/// What a check may look at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'v> {
    pub(crate) core: &'v CoreFile,
    pub(crate) kernel: &'v Kernel,
    pub(crate) expected: &'v ExpectedTables,
    pub(crate) tables: &'v Tables,
}

/// Numbers that show whether a clean report covered what it should.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Pages of the guest.
    pub pages: u64,
    /// The published number of P2M entries.
    pub max_pfn: u64,
    /// Of these, identity entries, for the machine frame of the same number.
    pub identity: u64,
    /// Root tables walked.
    pub roots: u64,
    /// Tables of each level, L1 first.
    pub tables: [u64; 4],
    /// Mapped pages.
    pub mappings: u64,
    /// Of these, writable.
    pub writable: u64,
    /// Of these, executable.
    pub executable: u64,
    /// Mapped pages in each region.
    pub regions: BTreeMap<WalkedRegion, u64>,
    /// Pages of the image left out as guards.
    pub guards: u64,
    /// Direct-map pages of executable memory that are writable.
    pub writable_aliases: u64,
    /// Mappings of frames that are not the guest's.
    pub foreign: u64,
    /// The first of them.
    pub foreign_leaves: Vec<WalkedLeaf>,
    /// Lines of the `xen-mfndump` listing compared.
    pub mfndump_lines: u64,
}

impl Summary {
    fn count(&mut self, leaf: &WalkedLeaf, region: WalkedRegion) {
        self.mappings += 1;
        self.writable += u64::from(leaf.writable);
        self.executable += u64::from(leaf.executable);
        *self.regions.entry(region).or_default() += 1;
        if leaf.pfn.is_none() {
            self.foreign += 1;
            if self.foreign_leaves.len() < KEPT_FOREIGN {
                self.foreign_leaves.push(*leaf);
            }
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [l1, l2, l3, l4] = self.tables;
        writeln!(
            f,
            "pages: {}, published entries: {}, identity: {}",
            self.pages, self.max_pfn, self.identity
        )?;
        writeln!(f, "roots: {}, tables: {l1} L1, {l2} L2, {l3} L3, {l4} L4", self.roots)?;
        writeln!(
            f,
            "mapped pages: {}, writable: {}, executable: {}",
            self.mappings, self.writable, self.executable
        )?;
        for (region, pages) in &self.regions {
            writeln!(f, "  in {region}: {pages}")?;
        }
        writeln!(
            f,
            "guard pages: {}, writable aliases of code: {}, xen-mfndump lines: {}",
            self.guards, self.writable_aliases, self.mfndump_lines
        )?;
        writeln!(f, "mappings of frames that are not the guest's: {}", self.foreign)?;
        for leaf in &self.foreign_leaves {
            writeln!(f, "  {leaf}")?;
        }
        Ok(())
    }
}

/// The outcome of an examination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The first findings of each kind, in the order found.
    pub findings: Vec<Finding>,
    /// All findings, counted by [`Finding::name`].
    pub counts: BTreeMap<&'static str, u64>,
    /// What was looked at.
    pub summary: Summary,
}

impl Report {
    /// Tells whether nothing was found.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.counts.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.summary)?;
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        for (name, count) in self.counts.iter().filter(|(_, count)| **count > KEPT_OF_A_KIND) {
            writeln!(f, "{name}: {} more", count - KEPT_OF_A_KIND)?;
        }
        match self.counts.values().sum::<u64>() {
            0 => writeln!(f, "no findings"),
            total => writeln!(f, "{total} findings"),
        }
    }
}

/// Runs every check on a core; that of the listing only if there is one.
///
/// # Errors
/// - [`WalkError::Io`] for a page that cannot be read.
/// - [`WalkError::RootNotDumped`] if a vCPU's root table is not among the pages.
/// - [`WalkError::TooManyTables`] if the walk does not end in reasonable time.
pub fn examine(
    core: &CoreFile,
    kernel: &Kernel,
    expected: &ExpectedTables,
    mfndump: Option<&MfnDump>,
) -> Result<Report, WalkError> {
    let mut found = Findings::default();
    let roots = kernel_roots(core);
    let mut tables = Tables::default();
    for root in &roots {
        tables.collect(core, *root, &mut found)?;
    }
    // User roots hold tables that must not be written either; their mappings have no layout to compare with.
    for root in core.vcpus().iter().filter_map(|vcpu| vcpu.user_root) {
        tables.collect(core, root, &mut found)?;
    }

    let view = View { core, kernel, expected, tables: &tables };
    let mut summary = Summary {
        pages: core.pages().len() as u64,
        max_pfn: core.published().max_pfn,
        roots: roots.len() as u64,
        tables: [Level::L1, Level::L2, Level::L3, Level::L4].map(|level| tables.count(level)),
        ..Summary::default()
    };
    checks::p2m::check(core, &mut found);
    for root in &roots {
        check_root(&view, *root, &mut summary, &mut found)?;
    }
    let identity = checks::published::check(core, expected, &mut found)?;
    summary.identity = identity.len() as u64;
    if let Some(listing) = mfndump {
        checks::mfndump::check(&view, &identity, listing, &mut found)?;
        summary.mfndump_lines = listing.lines.len() as u64;
    }
    Ok(Report { findings: found.kept, counts: found.counts, summary })
}

/// The different kernel roots, in the order of the vCPUs.
fn kernel_roots(core: &CoreFile) -> Vec<Mfn> {
    let mut roots = Vec::new();
    for vcpu in core.vcpus() {
        if !roots.contains(&vcpu.root) {
            roots.push(vcpu.root);
        }
    }
    roots
}

fn check_root(
    view: &View<'_>,
    root: Mfn,
    summary: &mut Summary,
    found: &mut Findings,
) -> Result<(), WalkError> {
    let borders = Borders::new(view.core, view.expected);
    let mut direct_map = checks::direct_map::DirectMap::new(view);
    let mut image = checks::image::Image::new(view);
    let mut code = checks::alias::Code::default();
    walk::leaves(view.core, view.tables, root, &mut |leaf| {
        let region = borders.region(leaf.slot.va);
        summary.count(leaf, region);
        checks::tables::check(view, leaf, found);
        checks::access::check(leaf, region, found);
        checks::region::check(leaf, region, found);
        direct_map.check(leaf, region, found);
        image.check(leaf, region, found);
        code.note(leaf);
    })?;
    direct_map.finish(found);
    summary.guards += image.finish(found);
    for (leaf, at) in code.writable_aliases(view, root)? {
        summary.writable_aliases += 1;
        if view.expected.aliases == Aliases::Refuse {
            found.push(Finding::WritableAlias { leaf, code: at });
        }
    }
    Ok(())
}
