//! Exceptions of the payload's own.

use crate::{
    guest::Guest,
    sys::{self, ExceptionHandler},
};

impl Guest {
    /// Sets what is called for an exception, in place of what was set before; `None` leaves all to the layer's report.
    pub fn on_exception(&mut self, handler: Option<ExceptionHandler>) {
        sys::set_exception_handler(handler);
    }
}
