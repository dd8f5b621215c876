//! The nodes in which the toolstack asks.

use alloc::string::String;

use mmu::Errno;

use crate::{
    control::request::ControlRequest,
    platform::Platform,
    xenstore::{answer::WatchEvent, error::XenstoreError, store::Xenstore},
};

const SHUTDOWN: &str = "control/shutdown";
const SYSRQ: &str = "control/sysrq";
/// What the layer does when it is asked to.
const FEATURES: [&str; 2] = ["control/feature-poweroff", "control/feature-reboot"];
/// The token of both watches.
const TOKEN: &str = "xen-guest control";

/// The nodes are watched, and the toolstack knows what the guest can do.
#[derive(Debug)]
pub struct Control(());

impl Control {
    /// Watches the nodes, and says what the guest can do.
    ///
    /// # Errors
    /// As [`Xenstore::watch`]. Not every toolstack lets the guest say what it can do; that is no error.
    pub fn start<P: Platform>(store: &mut Xenstore<'_, P>) -> Result<Self, XenstoreError> {
        for feature in FEATURES {
            match store.write(feature, b"1") {
                Err(XenstoreError::Refused { .. }) => {}
                other => other?,
            }
        }
        for path in [SHUTDOWN, SYSRQ] {
            match store.watch(path, TOKEN) {
                Err(XenstoreError::Refused { errno: Errno::EEXIST, .. }) => {}
                other => other?,
            }
        }
        Ok(Self(()))
    }

    /// Returns what is asked for, if the event of a watch says that something may be, and tells the toolstack that the
    /// guest has seen it. An event of another watch is none.
    ///
    /// # Errors
    /// As [`Control::look`].
    pub fn request<P: Platform>(
        &self,
        store: &mut Xenstore<'_, P>,
        event: &WatchEvent,
    ) -> Result<Option<ControlRequest>, XenstoreError> {
        if event.token == TOKEN { self.look(store) } else { Ok(None) }
    }

    /// Returns what is asked for, whether there was an event or not, and tells the toolstack that the guest has seen it.
    ///
    /// # Errors
    /// As [`Xenstore::transaction`].
    pub fn look<P: Platform>(
        &self,
        store: &mut Xenstore<'_, P>,
    ) -> Result<Option<ControlRequest>, XenstoreError> {
        if let Some(request) = take(store, SHUTDOWN)?.and_then(|word| ControlRequest::from_word(&word)) {
            return Ok(Some(request));
        }
        Ok(take(store, SYSRQ)?.and_then(|word| word.chars().next()).map(ControlRequest::Sysrq))
    }

    /// Blocks until something is asked for. The events of other watches are dropped.
    ///
    /// # Errors
    /// As [`Control::look`] and [`Xenstore::wait_event`].
    pub fn wait<P: Platform>(&self, store: &mut Xenstore<'_, P>) -> Result<ControlRequest, XenstoreError> {
        loop {
            let asked = match store.wait_event() {
                Ok(event) => self.request(store, &event)?,
                // One of ours may have been among them.
                Err(XenstoreError::EventsLost { .. } | XenstoreError::Event(_)) => self.look(store)?,
                Err(error) => return Err(error),
            };
            if let Some(request) = asked {
                return Ok(request);
            }
        }
    }
}

/// Takes the word at a path, if there is one, and leaves an empty one there.
fn take<P: Platform>(store: &mut Xenstore<'_, P>, path: &str) -> Result<Option<String>, XenstoreError> {
    store.transaction(|store| {
        let word = match store.read(path) {
            Err(XenstoreError::Refused { errno: Errno::ENOENT, .. }) => return Ok(None),
            word => word?,
        };
        if word.is_empty() {
            return Ok(None);
        }
        store.write(path, b"")?;
        Ok(Some(String::from_utf8_lossy(&word).into_owned()))
    })
}
