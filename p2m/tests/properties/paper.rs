//! Memory that keeps what was written, and the guest it belongs to.
//!
//! *What this is*: pages by address. The builder's list is computed from the oracle; what was never written must not be
//! read.

use std::collections::{BTreeMap, HashMap};

use p2m::{
    BootReserved, Frame, FrameAllocator, FrameSource, List, MachineToPhys, Memory, P2mEntry, P2mError,
    Register, Renumbering, Translate, Tree,
};
use p2m::{LinearMap, Word, WordMut};
use start_info::{Index, Mfn, PageCount, Pfn, PfnRange};
use x86_64::VirtAddr;

use crate::facts::facts;

pub(crate) const WINDOW: u64 = 0xffff_8800_0000_0000;
const SCATTER: u64 = 0x2_a5a5;
const HIGH: u64 = 1 << 39;

/// What each page's entry must be.
#[derive(Clone, Debug)]
pub(crate) struct Oracle {
    pub(crate) pages: u64,
    /// Entries that differ from the rule.
    pub(crate) changed: BTreeMap<u64, P2mEntry>,
    /// Runs of missing pages.
    pub(crate) holes: Vec<std::ops::Range<u64>>,
}

impl Oracle {
    pub(crate) fn new(pages: u64, holes: &[std::ops::Range<u64>]) -> Self {
        Self { pages, changed: BTreeMap::new(), holes: holes.to_vec() }
    }

    pub(crate) fn entry_of(&self, pfn: u64) -> P2mEntry {
        if let Some(&entry) = self.changed.get(&pfn) {
            return entry;
        }
        if pfn >= self.pages || self.holes.iter().any(|hole| hole.contains(&pfn)) {
            return P2mEntry::Missing;
        }
        P2mEntry::Ram(machine_frame(pfn))
    }

    /// Tells whether no page of leaf `index` has memory.
    pub(crate) fn leaf_is_missing(&self, index: u64) -> bool {
        let mut pages = index * 512..self.pages.min(index * 512 + 512);
        pages.all(|pfn| self.entry_of(pfn) == P2mEntry::Missing)
    }
}

/// Returns the frame of a page: never a page's number.
pub(crate) fn machine_frame(pfn: u64) -> Mfn {
    Mfn::new(HIGH | (pfn ^ SCATTER))
}

/// The translation for the frames: all of the linear map is memory, whatever the oracle says about the guest's pages.
pub(crate) struct AllMemory;

impl Translate for AllMemory {
    fn entry(&self, _memory: &impl Memory, pfn: Pfn) -> P2mEntry {
        P2mEntry::Ram(machine_frame(pfn.get()))
    }
}

#[derive(Clone, Debug)]
enum Page {
    Uniform(u64),
    /// A page of the builder's list.
    Listed(u64),
    Words(Box<[u64; 512]>),
}

/// The paper memory.
#[derive(Debug)]
pub(crate) struct Paper {
    pages: HashMap<u64, Page>,
    list: std::ops::Range<u64>,
    pub(crate) oracle: Oracle,
}

impl Paper {
    fn word(&self, address: u64) -> u64 {
        let index = address as usize % 4096 / 8;
        match self.page(address) {
            Page::Uniform(value) => value,
            Page::Listed(number) => self.listed(number * 512 + index as u64),
            Page::Words(words) => words[index],
        }
    }

    fn page(&self, address: u64) -> Page {
        if self.list.contains(&address) {
            return Page::Listed((address - self.list.start) / 4096);
        }
        match self.pages.get(&(address / 4096)) {
            Some(page) => page.clone(),
            None => panic!("{address:#x} was read and never written"),
        }
    }

    /// What the builder wrote; after the last page, what was there before.
    fn listed(&self, pfn: u64) -> u64 {
        if pfn < self.oracle.pages {
            self.oracle.entry_of(pfn).encode()
        } else {
            pfn.wrapping_mul(0x9e37_79b9)
        }
    }
}

impl Memory for Paper {
    fn load(&self, word: Word) -> u64 {
        let address = word.address().as_u64();
        if let Some(Page::Words(words)) = self.pages.get(&(address / 4096)) {
            return words[address as usize % 4096 / 8];
        }
        self.word(address)
    }

    fn store(&mut self, word: WordMut<'_>, value: u64) {
        let address = word.address().as_u64();
        assert!(!self.list.contains(&address), "the builder's list was written at {address:#x}");
        let index = address as usize % 4096 / 8;
        if let Some(Page::Words(words)) = self.pages.get_mut(&(address / 4096)) {
            words[index] = value;
            return;
        }
        let start = address & !0xfff;
        let mut words = match self.pages.get(&(address / 4096)) {
            Some(_) => Box::new(std::array::from_fn(|index| self.word(start + index as u64 * 8))),
            // A first store to a page: the rest is unknown.
            None => Box::new([0xdead_dead; 512]),
        };
        words[index] = value;
        self.pages.insert(address / 4096, Page::Words(words));
    }

    fn load_register(&self, register: Register) -> u64 {
        panic!("{register:?} was read, and there are no devices")
    }

    fn store_register(&mut self, register: Register, value: u64) {
        panic!("{register:?} became {value:#x}, and there are no devices")
    }

    fn fill(&mut self, frame: &mut Frame, value: u64) {
        self.pages.insert(frame.address().as_u64() / 4096, Page::Uniform(value));
    }

    fn copy_page(&mut self, source: Word, target: &mut Frame) {
        let page = self.page(source.address().as_u64());
        self.pages.insert(target.address().as_u64() / 4096, page);
    }
}

impl MachineToPhys for Paper {
    fn machine_to_phys(&self, mfn: Mfn) -> Option<u64> {
        mfn.get().checked_sub(HIGH).map(|low| low ^ SCATTER)
    }
}

/// Frames from a part of the linear map that nothing else uses.
pub(crate) struct Stock {
    pub(crate) frames: FrameAllocator,
}

impl FrameSource<Paper> for Stock {
    type Error = P2mError;

    fn take(&mut self, memory: &mut Paper) -> Result<Frame, P2mError> {
        self.frames.take(memory, &AllMemory).ok_or(P2mError::NoFrames)
    }
}

/// Returns the authority, of which a host may have any number.
pub(crate) fn authority() -> p2m::Authority {
    p2m::Authority::take().unwrap()
}

/// Returns the linear map of all frames.
pub(crate) fn window() -> LinearMap {
    LinearMap::of_builder(&authority(), VirtAddr::new(WINDOW), PageCount::new(1 << 30))
}

/// The first page of the stock; it ends below the middle of the guest, where tests have their holes.
const STOCK: u64 = 16;

/// Makes a memory with a list of `pages` pages, a stock of at most `frames` frames, and the tree over the list.
pub(crate) fn tree(pages: u64, frames: u64, holes: &[std::ops::Range<u64>]) -> (Paper, Stock, Tree) {
    let facts = facts(pages);
    let start = facts.p2m_list().at.as_u64();
    let list = start..start + pages.div_ceil(512) * 4096;
    let mut paper = Paper { pages: HashMap::new(), list, oracle: Oracle::new(pages, holes) };
    let mut stock = Stock { frames: FrameAllocator::new(window()) };
    let frames = frames.min(pages / 2 - 10 - STOCK);
    let range = PfnRange::try_new(Pfn::new(STOCK), PageCount::new(frames)).unwrap();
    stock.frames.give(&mut paper, window().free_span(&authority(), range));
    let pages = Renumbering::as_built(List::from_facts(&facts), &BootReserved::at_entry(&facts));
    let tree = Tree::over(&pages, &mut paper, &mut stock).unwrap();
    (paper, stock, tree)
}

/// Makes a memory with the list that start_info names, and a stock of frames far above the guest's pages.
pub(crate) fn paper_over(facts: &start_info::BootFacts, frames: u64) -> (Paper, Stock) {
    let (start, pages) = (facts.p2m_list().at.as_u64(), facts.nr_pages().get());
    let list = start..start + pages.div_ceil(512) * 4096;
    let mut paper = Paper { pages: HashMap::new(), list, oracle: Oracle::new(pages, &[]) };
    let mut stock = Stock { frames: FrameAllocator::new(window()) };
    let range = PfnRange::try_new(Pfn::new(1 << 20), PageCount::new(frames)).unwrap();
    stock.frames.give(&mut paper, window().free_span(&authority(), range));
    (paper, stock)
}

/// Makes an empty memory without a list.
pub(crate) fn blank() -> Paper {
    Paper { pages: HashMap::new(), list: 0..0, oracle: Oracle::new(0, &[]) }
}

/// Reads a word of a page of the linear map.
pub(crate) fn peek(paper: &Paper, pfn: Pfn, index: u64) -> u64 {
    paper.load(window().word(pfn, Index::containing(index)).unwrap())
}

/// Returns pages worth looking at: all of a small guest, edges and a sample of a large one.
pub(crate) fn interesting(pages: u64) -> impl Iterator<Item = u64> {
    let step = if pages > 1 << 20 { 99_991 } else { 1 };
    let edges = [9, 18, 27].into_iter().flat_map(move |shift| {
        let last = pages >> shift << shift;
        [last.saturating_sub(1), last, last + 1, 1 << shift, (1 << shift) - 1]
    });
    (0..pages).step_by(step).chain(edges).chain([pages - 1, pages, pages + 1, pages + 512])
}
