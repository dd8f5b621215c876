//! What is typed on the console.

use crate::{guest::Guest, platform::Platform, ring::error::RingError};

impl<P: Platform> Guest<P> {
    /// Takes what was typed on the console, as many bytes as there are and as fit, and returns how many. It does not
    /// wait. As dom0 these are the bytes typed at Xen's console while it belongs to dom0 (Ctrl-a three times).
    ///
    /// # Errors
    /// [`RingError`] while the ring's indices claim more than it holds. Nothing is lost then but what the other side broke.
    pub fn read_console(&mut self, bytes: &mut [u8]) -> Result<usize, RingError> {
        let Some((ring, input)) = &mut self.parts.rings.console else {
            return Ok(self.platform.read_hypervisor_console(bytes));
        };
        let read = input.read(&mut self.platform.shared(&ring.page), bytes)?;
        if read > 0 {
            // There is room again.
            self.platform.notify(ring.port);
        }
        Ok(read)
    }
}
