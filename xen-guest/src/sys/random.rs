//! Random words, before there is anything but a stack.
//!
//! *What must hold*: an instruction is used only if CPUID, as Xen shows it, says the processor has it.
//!
//! *What is not prevented*: an instruction that is broken in another way than to repeat itself, as RDRAND of some AMD
//! processors does after a suspend.

use core::arch::x86_64::{_rdrand64_step, _rdseed64_step};

use crate::{
    boot::{
        demands::Asked,
        kaslr::{RandomWords, Source},
        weak,
    },
    platform::Platform,
    sys::{asked::Host, xen::Xen},
};

/// CPUID leaf 1, ECX.
const RDRAND: u32 = 1 << 30;
/// CPUID leaf 7, EBX.
const RDSEED: u32 = 1 << 18;
/// How often an instruction that has no word ready is repeated. Intel's manual says 10 for RDRAND; RDSEED can be used up
/// by others.
const TRIES: usize = 1000;

/// Gathers random words from the best source there is; `page` is start_info, for the last of them.
pub(super) fn words(xen: &Xen, page: &[u8; 4096]) -> RandomWords {
    let last = Host.cpuid(0).eax;
    let rdrand = last >= 1 && Host.cpuid(1).ecx & RDRAND != 0;
    let rdseed = last >= 7 && Host.cpuid(7).ebx & RDSEED != 0;
    let seeds = if rdseed { drawn(seed) } else { None };
    if let Some(words) = seeds {
        return RandomWords { words, source: Source::Rdseed };
    }
    let numbers = if rdrand { drawn(number) } else { None };
    if let Some(words) = numbers {
        return RandomWords { words, source: Source::Rdrand };
    }
    // How long Xen takes for an instruction that it emulates varies a little.
    let mut tick = || {
        let _same = Host.cpuid(0);
        xen.ticks()
    };
    RandomWords { words: weak::words(page, &mut tick), source: Source::Weak }
}

/// Draws as many words as are needed; `None` if there are none, or if one comes twice.
fn drawn(draw: fn() -> Option<u64>) -> Option<[u64; 5]> {
    let mut words = [0; 5];
    for word in &mut words {
        *word = (0..TRIES).find_map(|_| draw())?;
    }
    let is_again = |(index, word): (usize, &u64)| words.iter().take(index).any(|before| before == word);
    (!words.iter().enumerate().any(is_again)).then_some(words)
}

fn seed() -> Option<u64> {
    #[target_feature(enable = "rdseed")]
    fn step() -> Option<u64> {
        let mut word = 0;
        (_rdseed64_step(&mut word) == 1).then_some(word)
    }
    // SAFETY: CPUID says that the processor has RDSEED: `words` asks before it takes this.
    unsafe { step() }
}

fn number() -> Option<u64> {
    #[target_feature(enable = "rdrand")]
    fn step() -> Option<u64> {
        let mut word = 0;
        (_rdrand64_step(&mut word) == 1).then_some(word)
    }
    // SAFETY: CPUID says that the processor has RDRAND: `words` asks before it takes this.
    unsafe { step() }
}
