//! This machine's memory, shared out among the runs that go on at the same time.
//!
//! A machine in QEMU costs the pages it touches, so what a run takes is an estimate ([`crate::machine::touched`]). A run waits
//! until what it takes is free; one that takes more than there is would have the system kill something, and is refused.

use std::path::Path;
use std::sync::{Condvar, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use crate::machine::size::{GIB, number};
use tools::file;

/// What is left to share out.
#[derive(Debug)]
pub(crate) struct Ration {
    all: u64,
    free: Mutex<u64>,
    given_back: Condvar,
}

/// What one run has; given back when it is let go of.
#[derive(Debug)]
pub(crate) struct Portion<'r> {
    ration: &'r Ration,
    bytes: u64,
}

impl Ration {
    /// What is available on this machine now.
    ///
    /// # Errors
    /// The system does not tell.
    pub(crate) fn of_this_machine() -> Result<Self> {
        let text = file::text(Path::new("/proc/meminfo"))?;
        Ok(Self::new(available(&text).context("/proc/meminfo has no line MemAvailable")?))
    }

    fn new(all: u64) -> Self {
        Self { all, free: Mutex::new(all), given_back: Condvar::new() }
    }

    /// Waits until `bytes` are free, and takes them.
    ///
    /// # Errors
    /// There is less than that on the whole machine.
    pub(crate) fn take(&self, bytes: u64) -> Result<Portion<'_>> {
        ensure!(
            bytes <= self.all,
            "takes about {} GiB of memory, and this machine has {} GiB available",
            bytes.div_ceil(GIB),
            self.all / GIB
        );
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let mut free =
            self.given_back.wait_while(free, |free| *free < bytes).unwrap_or_else(PoisonError::into_inner);
        *free -= bytes;
        Ok(Portion { ration: self, bytes })
    }
}

impl Drop for Portion<'_> {
    fn drop(&mut self) {
        *self.ration.free.lock().unwrap_or_else(PoisonError::into_inner) += self.bytes;
        self.ration.given_back.notify_all();
    }
}

/// The bytes of the line `MemAvailable`.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    number(line.trim().strip_suffix(" kB")?).ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::time::Duration;

    use super::{Ration, available};

    #[test]
    fn what_the_system_says() {
        assert_eq!(available("MemFree: 1 kB\nMemAvailable:   23068672 kB\n"), Some(22 << 30));
        assert_eq!(available("MemFree: 1 kB\n"), None);
    }

    #[test]
    fn a_run_waits_for_its_memory() {
        let ration = Ration::new(20);
        let first = ration.take(15).unwrap();
        let given_back = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let _second = ration.take(6).unwrap();
                assert!(given_back.load(Ordering::SeqCst));
            });
            std::thread::sleep(Duration::from_millis(30));
            given_back.store(true, Ordering::SeqCst);
            drop(first);
        });
        assert!(ration.take(20).is_ok());
    }

    #[test]
    fn more_than_there_is_is_refused() {
        let error = Ration::new(8 << 30).take(18 << 30).unwrap_err().to_string();
        assert_eq!(error, "takes about 18 GiB of memory, and this machine has 8 GiB available");
    }
}
