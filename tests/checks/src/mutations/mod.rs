//! `scripts/mutations`: breaks the boot code on purpose, one way at a time, and expects a test to notice.
//!
//! *What this is*: `tests/mutations/list.txt` holds the breaks. Each is made in a copy of the tree below
//! `target/mutations`, the host tests run there until the first fails, and the break is undone.
//!
//! *What must hold*: the tests pass in the unbroken copy; otherwise a failure would prove nothing. A file of the copy
//! is written only if it changes, and then gets a new time, also when a break is undone: cargo compares times, not
//! contents.
//!
//! *What is not prevented*: a break that is caught by luck: some tests choose their guests at random.

mod copied;
mod list;
mod rounds;
mod verdict;

use std::ffi::OsString;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use rustix::process::{Resource, Rlimit};

use tools::kernel_target;
use tools::usage::Usage;

use crate::changed::Changed;
use copied::Copied;
use list::{Mutation, spread};
use verdict::{Tally, Verdict};

/// The first build of the copy, and all tests.
const LIMIT_UNMUTATED: Duration = Duration::from_secs(1800);
/// The least time limit of a round with a break. If the round without one took more than a third of it, the limit is
/// three times that time; otherwise a slow machine would end a round that finds nothing, and the break would count as
/// caught.
const LIMIT: Duration = Duration::from_secs(600);

/// The most time for all breaks of changed files, as part of `scripts/check`.
const QUICK: Duration = Duration::from_secs(180);

/// Makes the breaks whose titles contain one of the arguments, all if there is none.
///
/// # Errors
/// The list does not fit the sources, or the tests fail without a break.
pub(crate) fn mutations(arguments: &[OsString]) -> Result<ExitCode> {
    kernel_target::ensure()?;
    let list = list::read()?;
    let wanted: Vec<&str> = arguments.iter().filter_map(|part| part.to_str()).collect();
    if wanted == ["--changed"] {
        return changed(&list);
    }
    let chosen: Vec<&Mutation> = (list.iter())
        .filter(|mutation| wanted.is_empty() || wanted.iter().any(|part| mutation.title.contains(part)))
        .collect();
    if chosen.is_empty() {
        return Err(Usage {
            script: "mutations",
            wrong: format!("no break has {} in its title", wanted.join(" or ")),
            instead: "scripts/mutations [--changed | PART-OF-A-TITLE…]; grep ^== tests/mutations/list.txt lists the titles"
                .to_owned(),
        }
        .into());
    }
    let copy = Copied::of_the_work_tree()?;
    // All are checked before the first is tried, because a run takes long.
    chosen.iter().try_for_each(|mutation| copy.mutated(mutation).map(drop))?;

    let started = Instant::now();
    bound_processor_time()?;
    match copy.tested(None, LIMIT_UNMUTATED, None)? {
        Verdict::Survived => {}
        failed => bail!("without a break the tests already fail, {failed}; see {}", copy.log().display()),
    }
    let limit = LIMIT.max(3 * started.elapsed());
    tools::say!("{:62} {:4} s  all tests pass", "(no break)", started.elapsed().as_secs());
    let mut tally = Tally::default();
    for mutation in &chosen {
        let started = Instant::now();
        tally.add(mutation, &copy.tested_with(mutation, limit, None)?, started.elapsed());
    }
    tools::say!("all in {} s", started.elapsed().as_secs());
    Ok(tally.end())
}

/// Makes the breaks of files that differ from the main branch, as many as there is time for. `scripts/test` checks that
/// the tests pass without a break.
fn changed(list: &[Mutation]) -> Result<ExitCode> {
    let Changed { base, files } = Changed::files()?;
    let chosen = spread(list, &files);
    if chosen.is_empty() {
        tools::say!("no file for which there is a break differs from {base}: nothing to be broken");
        return Ok(ExitCode::SUCCESS);
    }
    let deadline = Instant::now() + QUICK;
    let copy = Copied::of_the_work_tree()?;
    chosen.iter().try_for_each(|mutation| copy.mutated(mutation).map(drop))?;
    bound_processor_time()?;
    let (mut tally, mut tried) = (Tally::default(), 0);
    for mutation in &chosen {
        let started = Instant::now();
        let verdict = copy.tested_with(mutation, LIMIT, Some(deadline))?;
        if Instant::now() >= deadline {
            break;
        }
        tried += 1;
        tally.add(mutation, &verdict, started.elapsed());
    }
    if tried < chosen.len() {
        tools::say!(
            "{tried} of {} breaks of files that differ from {base} tried in {} s; all: scripts/mutations",
            chosen.len(),
            QUICK.as_secs()
        );
    }
    Ok(tally.end())
}

/// If the lab itself is killed, nobody ends an endless loop, so its processor time is limited.
fn bound_processor_time() -> Result<()> {
    let bound = Some(2 * LIMIT_UNMUTATED.as_secs());
    Ok(rustix::process::setrlimit(Resource::Cpu, Rlimit { current: bound, maximum: bound })?)
}
