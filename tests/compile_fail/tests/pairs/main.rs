//! Each rule that the types keep: a program that breaks it must not compile, its twin must.
//!
//! *What this is*: every file of `programs/` holds two programs that differ in one line, so the compiler refuses only
//! that line. Those in `programs/kernel` are built for the target without an operating system.
//!
//! *What must hold*: the broken program has one error, with the code the file names and on the line the file marks; the
//! twin has neither errors nor warnings. The code is read from the compiler's JSON, which has it on stable too, so
//! nightly would check nothing more. (A `compile_fail` doctest on stable accepts any error.)
//!
//! *What is not noticed*: a rule without a program.

mod compiler;
mod crates;
mod program;
mod verdict;

#[cfg(test)]
mod pairs {
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        thread,
    };

    use anyhow::{Result, ensure};

    use crate::{
        compiler,
        crates::Crates,
        program::{self, Program, Target},
        verdict::judge,
    };

    #[test]
    fn every_broken_program_is_refused_for_its_reason_and_its_twin_is_not() -> Result<()> {
        let programs = program::all()?;
        ensure!(!programs.is_empty(), "programs/ is empty");
        let (host, bare) = (Crates::check(Target::Host)?, Crates::check(Target::Bare)?);
        let complaints = in_parallel(&programs, |program| {
            let crates = match program.target() {
                Target::Host => &host,
                Target::Bare => &bare,
            };
            let broken = compiler::run(crates, program, "broken", &program.broken())?;
            let twin = compiler::run(crates, program, "twin", &program.twin())?;
            Ok(judge(program, &broken, &twin))
        })?;
        for program in &programs {
            println!("{:<16} {:<36} {}", program.code(), program.name(), program.rule());
        }
        println!("{} pairs", programs.len());
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
        Ok(())
    }

    /// Compiles as many pairs at a time as there are processors, and returns all complaints.
    fn in_parallel(
        programs: &[Program],
        check: impl Fn(&Program) -> Result<Vec<String>> + Sync,
    ) -> Result<Vec<String>> {
        let next = AtomicUsize::new(0);
        let work = || -> Result<Vec<String>> {
            let mut complaints = Vec::new();
            while let Some(program) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
                complaints.extend(check(program)?);
            }
            Ok(complaints)
        };
        thread::scope(|scope| {
            let workers = thread::available_parallelism().map_or(1, usize::from);
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let mut complaints = Vec::new();
            for worker in workers {
                complaints.extend(worker.join().map_err(|_| anyhow::anyhow!("a worker panicked"))??);
            }
            Ok(complaints)
        })
    }
}
