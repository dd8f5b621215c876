//! The guest's xenstore.

use crate::{
    guest::Guest,
    platform::Platform,
    xenstore::{error::XenstoreError, store::Xenstore},
};

impl<P: Platform> Guest<P> {
    /// Returns xenstore. Values and events are on the heap, so there must be one (`Guest::heap`, or a kernel's own).
    ///
    /// # Errors
    /// [`XenstoreError::Missing`] as dom0: it has no ring to xenstored.
    pub fn xenstore(&mut self) -> Result<Xenstore<'_, P>, XenstoreError> {
        let Self { platform, parts } = self;
        let ring = parts.rings.xenstore.as_ref().ok_or(XenstoreError::Missing)?;
        Ok(Xenstore::new(platform, ring, &mut parts.store))
    }
}
