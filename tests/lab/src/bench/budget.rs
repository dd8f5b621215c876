//! What each stage of a boot may cost, and the check that none grows faster than the memory.
//!
//! A budget is a constant and so much for each page of the guest, about a tenth above what was measured
//! (docs/performance.md).

use crate::bench::measured::{KASLR, Measured, STAGES};
use crate::machine::size::{GIB, text};

/// What a stage may cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Budget {
    pub(crate) fixed: u64,
    /// For a hundred pages.
    pub(crate) hundred_pages: u64,
}

/// A way to boot.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) name: &'static str,
    /// Its words on the command line.
    pub(crate) words: &'static str,
    /// One for each of [`STAGES`].
    pub(crate) budgets: [Budget; STAGES.len()],
    /// The growth is looked at from this size on.
    pub(crate) grows_from: u64,
}

const fn budget(fixed: u64, hundred_pages: u64) -> Budget {
    Budget { fixed, hundred_pages }
}

/// The builder's tables are walked once more, and the image's pages mapped.
const CHOICE: Budget = budget(200_000, 0);
/// What an address that is chosen may cost in all, the second pass of the relocations included.
const CHOSEN: u64 = 3_000_000;
const START_INFO: Budget = budget(6_300, 0);
const CHECK: Budget = budget(1_700, 0);
const MAP: Budget = budget(16_000, 0);
/// A hole of 1 GiB below 4 GiB at most.
const RENUMBER: Budget = budget(100_000_000, 0);
/// The same memory given back.
const GIVE_BACK: Budget = budget(256_000_000, 0);
/// The walk of the builder's tables, and of its mapping from the boot stack on, compared with the list: 1,152 pages at most,
/// by Xen's rule.
const LAYOUT: Budget = budget(95_000, 0);
/// With three hypercalls that set up events.
const SHARED_INFO: Budget = budget(4_900, 0);
const EAGER: Budget = budget(100_000, 45_500);
/// The first 20 MiB.
const LAZY: Budget = budget(1_850_000, 0);
/// Finding the leaves of the list, 512 pages each.
const ADOPT: Budget = budget(200_000, 36);
/// Leaves with moved pages in them are put together entry by entry.
const COPY: Budget = budget(27_000_000, 330);
/// The image is in them, page by page.
const TABLES: Budget = budget(240_000, 0);
const TABLES_AND_LINEAR_P2M: Budget = budget(300_000, 107);
/// The old list is given back too.
const RELEASE: Budget = budget(1_350_000, 290);

/// The budgets of all stages; those that are the same in every way are not named.
const fn stages(
    renumber: Budget,
    direct_map: Budget,
    p2m: Budget,
    page_tables: Budget,
    release: Budget,
) -> [Budget; STAGES.len()] {
    [START_INFO, CHECK, MAP, LAYOUT, renumber, direct_map, p2m, page_tables, release, SHARED_INFO]
}

/// The ways that are measured.
pub(crate) const WAYS: [Way; 5] = [
    Way {
        name: "eager, P2M copied",
        words: "map=eager revector=on",
        budgets: stages(RENUMBER, EAGER, COPY, TABLES_AND_LINEAR_P2M, RELEASE),
        grows_from: GIB,
    },
    Way {
        name: "eager, P2M adopted",
        words: "map=eager revector=off",
        budgets: stages(GIVE_BACK, EAGER, ADOPT, TABLES, budget(1_300_000, 23)),
        grows_from: GIB,
    },
    Way {
        name: "lazy, P2M copied",
        words: "map=lazy revector=on",
        budgets: stages(
            RENUMBER,
            LAZY,
            // From some memory on the copies take a chunk of 1 GiB, which is mapped for them in this stage.
            budget(146_000_000, 330),
            TABLES_AND_LINEAR_P2M,
            RELEASE,
        ),
        grows_from: 8 * GIB,
    },
    Way {
        name: "lazy, P2M adopted",
        words: "map=lazy revector=off",
        budgets: stages(
            GIVE_BACK,
            LAZY,
            ADOPT,
            TABLES,
            // The chunk of 1 GiB in which the list lies is mapped, because its tables are looked at.
            budget(152_000_000, 23),
        ),
        grows_from: 8 * GIB,
    },
    Way {
        name: "eager, P2M copied, address chosen",
        words: "map=eager revector=on kaslr=on",
        budgets: stages(RENUMBER, EAGER, COPY, TABLES_AND_LINEAR_P2M, RELEASE),
        grows_from: GIB,
    },
];
/// The way with a chosen address, and the one that differs from it in that alone.
pub(crate) const CHOICES: (usize, usize) = (4, 0);

/// Below this many instructions a page a stage may grow as it likes.
const FLOOR: u64 = 1;
/// How much more a page may cost on the larger of two machines, in percent.
const GROWTH: u64 = 20;

/// What is over budget, a line each: `runs` are those of one way, by the size of the machine.
pub(crate) fn exceeded(way: &Way, runs: &[(u64, Measured)]) -> Vec<String> {
    let mut lines = Vec::new();
    for (memory, measured) in runs {
        if let Some(cost) = measured.kaslr.filter(|cost| cost.instructions > CHOICE.fixed) {
            lines.push(format!(
                "stage {KASLR}, dom0 of {}, {}: {} instructions, budget {}",
                text(*memory),
                way.name,
                cost.instructions,
                CHOICE.fixed
            ));
        }
        for ((stage, cost), budget) in STAGES.iter().zip(&measured.costs).zip(&way.budgets) {
            let allowed = budget.fixed + budget.hundred_pages * measured.pages / 100;
            if cost.instructions > allowed {
                lines.push(format!(
                    "stage {stage}, dom0 of {}, {}: {} instructions, budget {allowed}",
                    text(*memory),
                    way.name,
                    cost.instructions
                ));
            }
        }
    }
    let large = runs.iter().filter(|(memory, _)| *memory >= way.grows_from);
    for ((small_memory, small), (memory, measured)) in large.clone().zip(large.skip(1)) {
        for (index, stage) in STAGES.iter().enumerate() {
            let (before, now) = (small.costs[index].instructions, measured.costs[index].instructions);
            let grown = u128::from(now) * u128::from(small.pages) * 100
                > u128::from(before) * u128::from(measured.pages) * u128::from(100 + GROWTH);
            // The hole for devices is there from 4 GiB on, whatever lies above it.
            let first_hole =
                ["renumber", "p2m"].contains(stage) && *small_memory < 4 * GIB && *memory > 4 * GIB;
            if now > FLOOR * measured.pages && grown && !first_hole {
                lines.push(format!(
                    "stage {stage}, {}: {} instructions a page on {}, {} on {}: it grows faster than the memory",
                    way.name,
                    before / small.pages,
                    text(*small_memory),
                    now / measured.pages,
                    text(*memory),
                ));
            }
        }
    }
    lines
}

/// What a chosen address costs too much, a line each: `chosen` and `fixed` are runs on machines of the same sizes.
pub(crate) fn chosen_exceeds(chosen: &[(u64, Measured)], fixed: &[(u64, Measured)]) -> Vec<String> {
    let more = |((memory, chosen), (_, fixed)): (&(u64, Measured), &(u64, Measured))| {
        let [chosen, fixed] = [chosen, fixed].map(|measured| measured.until_payload);
        (chosen > fixed + CHOSEN).then(|| {
            format!(
                "dom0 of {}: a chosen address costs {} instructions, budget {CHOSEN}",
                text(*memory),
                chosen - fixed
            )
        })
    };
    chosen.iter().zip(fixed).filter_map(more).collect()
}

#[cfg(test)]
mod tests {
    use super::{WAYS, chosen_exceeds, exceeded};
    use crate::bench::measured::tests::console;
    use crate::bench::measured::{Cost, Measured};
    use crate::machine::size::GIB;

    const PAGES: u64 = GIB / 4096;

    fn run(memory: u64, direct_map: u64) -> (u64, Measured) {
        let mut measured = Measured::of(&console(memory / 4096, 1000)).unwrap();
        measured.costs[5].instructions = direct_map;
        (memory, measured)
    }

    #[test]
    fn a_boot_within_budget() {
        assert_eq!(exceeded(&WAYS[0], &[run(GIB, 418 * PAGES), run(8 * GIB, 8 * 418 * PAGES)]), [""; 0]);
    }

    #[test]
    fn a_stage_over_budget_is_named_with_both_figures() {
        let lines = exceeded(&WAYS[0], &[run(GIB, 500 * PAGES)]);
        let allowed = 100_000 + 455 * PAGES;
        let line = format!(
            "stage direct map, dom0 of 1G, eager, P2M copied: {} instructions, budget {allowed}",
            500 * PAGES
        );
        assert_eq!(lines, [line]);
    }

    #[test]
    fn a_stage_that_grows_faster_than_the_memory_is_named() {
        let lines = exceeded(&WAYS[0], &[run(GIB, 100 * PAGES), run(8 * GIB, 8 * 125 * PAGES)]);
        let line = "stage direct map, eager, P2M copied: 100 instructions a page on 1G, 125 on 8G: it grows faster than \
                    the memory";
        assert_eq!(lines, [line]);
        // Smaller machines are all constants, and less than an instruction a page is nothing.
        assert_eq!(exceeded(&WAYS[0], &[run(GIB / 4, 10 * PAGES), run(GIB, 100 * PAGES)]), [""; 0]);
        assert_eq!(exceeded(&WAYS[0], &[run(GIB, 1), run(8 * GIB, PAGES)]), [""; 0]);
    }

    #[test]
    fn a_chosen_address_that_costs_too_much_is_named() {
        let at = |until_payload| vec![(GIB, Measured { until_payload, ..run(GIB, 1).1 })];
        assert_eq!(chosen_exceeds(&at(5_000_000), &at(2_000_000)), [""; 0]);
        let line = "dom0 of 1G: a chosen address costs 3000001 instructions, budget 3000000";
        assert_eq!(chosen_exceeds(&at(5_000_001), &at(2_000_000)), [line]);
        let mut dear = run(GIB, 1);
        dear.1.kaslr = Some(Cost { instructions: 200_001, ..Cost::default() });
        let line =
            "stage kaslr, dom0 of 1G, eager, P2M copied, address chosen: 200001 instructions, budget 200000";
        assert_eq!(exceeded(&WAYS[4], &[dear]), [line]);
    }
}
