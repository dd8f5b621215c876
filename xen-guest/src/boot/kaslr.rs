//! Before the first stage: the address of the image is chosen at random.
//!
//! *What this is*: [`choose_address`] runs where the domain builder has mapped the image, and maps it where it is drawn. The
//! code that comes after it is entered there and knows no other address, so nothing has to be corrected later. Frames are not
//! copied; the builder's mapping of them stays until its tables are left.
//!
//! *What must hold*: no address of the image that was taken before outlives this, but where the image stays.
//!
//! *What is not prevented*: a start_info that is refused. The image stays then, and the first stage says why.

use core::fmt;

use mmu::{BuilderTables, ImageRoom, MmuError, Unmoved, layout::Bases, map_image_at};
use p2m::{Authority, List};
use start_info::{BootFacts, KernelEntry, PageCount};

use crate::{
    boot::{image::Image, options::unchecked_value, stage::Stage},
    platform::Platform,
    report::{
        fact::{Fact, Value},
        timeline::StageCost,
    },
};

/// Where random words come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The processor's RDSEED.
    Rdseed,
    /// The processor's RDRAND.
    Rdrand,
    /// What a guest can gather: time stamps, and the machine frames it was given. Somebody who knows the host may guess these.
    Weak,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rdseed => "rdseed",
            Self::Rdrand => "rdrand",
            Self::Weak => "weak",
        })
    }
}

/// Random words: the first for the image's address, the others for the other regions'.
#[derive(Clone, Copy, Debug)]
pub struct RandomWords {
    /// The words.
    pub words: [u64; 5],
    /// Where they come from.
    pub source: Source,
}

/// What became of the image's address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Choice {
    /// It is the builder's: `kaslr=off`, or a start_info that is about to be refused.
    Builders,
    /// It was drawn.
    Drawn(Source),
    /// It is the builder's, because the image could not be mapped elsewhere. The other regions' places are drawn all the same.
    Stayed(MmuError, Source),
}

/// How the image's address was chosen.
#[derive(Clone, Copy, Debug)]
pub struct Kaslr {
    choice: Choice,
    /// How many addresses there were to choose from.
    bases: PageCount,
    /// How many pages after the boot stack are page tables since, or may be.
    tables: PageCount,
    /// What it cost; `None` if nothing was chosen.
    cost: Option<StageCost>,
}

impl Kaslr {
    /// The image stays where the builder has mapped it.
    pub const OFF: Self =
        Self { choice: Choice::Builders, bases: PageCount::ZERO, tables: PageCount::ZERO, cost: None };

    pub(crate) const fn tables(&self) -> PageCount {
        self.tables
    }

    pub(crate) const fn cost(&self) -> Option<StageCost> {
        self.cost
    }

    /// Returns why the image stayed, though it was to move.
    #[must_use]
    pub const fn stayed(&self) -> Option<&MmuError> {
        match &self.choice {
            Choice::Stayed(error, _) => Some(error),
            Choice::Builders | Choice::Drawn(_) => None,
        }
    }

    /// Returns what a person has to know, if anything was chosen. It gives no address away.
    pub(crate) fn line(&self) -> Option<impl fmt::Display + '_> {
        let (stayed, source) = match &self.choice {
            Choice::Builders => return None,
            Choice::Drawn(source) => (None, source),
            Choice::Stayed(error, source) => (Some(error), source),
        };
        let bases = self.bases;
        Some(fmt::from_fn(move |f| match (stayed, source) {
            (Some(error), _) => {
                write!(f, "kaslr: the image stays, and the other regions are drawn by {source}: {error}")
            }
            (None, Source::Rdseed | Source::Rdrand) => {
                write!(f, "kaslr: the image is at one of {bases} addresses, drawn by {source}")
            }
            (None, Source::Weak) => write!(
                f,
                "kaslr: the image is at one of {bases} addresses, weakly drawn: the processor has neither RDSEED nor RDRAND"
            ),
        }))
    }
}

/// The choice as a fact, with how far the image is from where it was linked.
pub(crate) struct KaslrFact<'i>(pub(crate) &'i Image);

impl fmt::Display for KaslrFact<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(Image { kaslr: Kaslr { choice, bases, .. }, map, .. }) = self;
        let slide = ("slide", Value::Hex(map.slide()));
        let bases = ("bases", Value::Number(bases.get()));
        let source: &dyn fmt::Display = match choice {
            Choice::Builders => &"off",
            Choice::Drawn(source) => source,
            Choice::Stayed(..) => &"none",
        };
        let source = ("source", Value::Text(source));
        match choice {
            Choice::Stayed(error, others) => {
                let (stayed, others) = (("stayed", Value::Text(error)), ("others", Value::Text(others)));
                write!(f, "{}", Fact::new("kaslr", &[slide, bases, source, stayed, others]))
            }
            Choice::Builders | Choice::Drawn(_) => {
                write!(f, "{}", Fact::new("kaslr", &[slide, bases, source]))
            }
        }
    }
}

/// Maps the image at an address drawn by `random`, unless the command line says `kaslr=off`, and returns the image as it is
/// mapped there. Whoever calls this continues at [`Image::map`]. The arguments are those of [`crate::boot()`].
pub fn choose_address<P: Platform>(
    platform: &mut P,
    page: &[u8; 4096],
    entry: &KernelEntry,
    image: &Image,
    random: impl FnOnce(&P) -> RandomWords,
) -> Image {
    let (ticks, hypercalls) = (platform.ticks(), platform.hypercalls());
    if unchecked_value(page, "kaslr") == Some(b"off") {
        return *image;
    }
    let Ok(facts) = BootFacts::parse(page, entry) else { return *image };
    let random = random(platform);
    let moved = Authority::lend(|authority| moved(authority, platform, &facts, image, &random));
    let mut image = moved.unwrap_or(*image);
    let ended = platform.ticks();
    image.kaslr.cost = Some(StageCost {
        stage: Stage::Kaslr,
        ticks: ended,
        took: ended.saturating_sub(ticks),
        hypercalls: platform.hypercalls().saturating_sub(hypercalls),
        frames: 0,
    });
    image
}

fn moved<P: Platform>(
    authority: Authority,
    platform: &mut P,
    facts: &BootFacts,
    image: &Image,
    random: &RandomWords,
) -> Image {
    let list = List::from_facts(facts);
    // What is wrong with the builder's tables, the boot finds again, and says so.
    let usual = &Bases::FIXED;
    let Ok(builder) = BuilderTables::adopt(authority, platform, &list, facts, usual) else { return *image };
    let room = ImageRoom::after(builder.end(), facts.image());
    let [word, drawn @ ..] = random.words;
    let stayed = |tables, error| {
        let kaslr =
            Kaslr { choice: Choice::Stayed(error, random.source), bases: room.bases(), tables, cost: None };
        // The other regions can move all the same.
        Image { kaslr, drawn: Some(drawn), ..*image }
    };
    let map = match room.draw(word) {
        Ok(map) => map,
        Err(error) => return stayed(PageCount::ZERO, error),
    };
    let there = Image { map, drawn: Some(drawn), ..*image };
    match map_image_at(builder, platform, &list, facts, &there.mapped()) {
        Ok(tables) => {
            let kaslr =
                Kaslr { choice: Choice::Drawn(random.source), bases: room.bases(), tables, cost: None };
            Image { kaslr, ..there }
        }
        Err(Unmoved { error, tables }) => stayed(tables, error),
    }
}
