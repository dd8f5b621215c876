//! Where the rings lie in their pages (`public/io/console.h`, `public/io/xs_wire.h`).

use core::mem::offset_of;

use start_info::PAGE_SIZE;

/// A ring in a page: its bytes and its indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RingLayout {
    /// What it is called in errors.
    pub(crate) name: &'static str,
    /// Where its bytes start.
    pub(super) bytes: u16,
    /// How many there are: a power of two, or an index that wraps would jump.
    pub(super) size: u16,
    /// Where its reader's index is.
    pub(super) consumer: u16,
    /// Where its writer's index is.
    pub(super) producer: u16,
}

/// `struct xencons_interface`.
#[repr(C)]
struct ConsolePage {
    input: [u8; 1024],
    output: [u8; 2048],
    input_consumer: u32,
    input_producer: u32,
    output_consumer: u32,
    output_producer: u32,
}

/// `struct xenstore_domain_interface`.
#[cfg(any(feature = "xenstore", test))]
#[repr(C)]
struct XenstorePage {
    requests: [u8; 1024],
    answers: [u8; 1024],
    request_consumer: u32,
    request_producer: u32,
    answer_consumer: u32,
    answer_producer: u32,
    server_features: u32,
    connection: u32,
}

/// What is typed on the console.
pub(crate) const CONSOLE_INPUT: RingLayout = RingLayout {
    name: "console's input",
    bytes: offset_of!(ConsolePage, input) as u16,
    size: (offset_of!(ConsolePage, output) - offset_of!(ConsolePage, input)) as u16,
    consumer: offset_of!(ConsolePage, input_consumer) as u16,
    producer: offset_of!(ConsolePage, input_producer) as u16,
};

/// What the guest writes on the console.
pub(crate) const CONSOLE_OUTPUT: RingLayout = RingLayout {
    name: "console's output",
    bytes: offset_of!(ConsolePage, output) as u16,
    size: (offset_of!(ConsolePage, input_consumer) - offset_of!(ConsolePage, output)) as u16,
    consumer: offset_of!(ConsolePage, output_consumer) as u16,
    producer: offset_of!(ConsolePage, output_producer) as u16,
};

/// What the guest asks of xenstore.
#[cfg(any(feature = "xenstore", test))]
pub(crate) const XENSTORE_REQUESTS: RingLayout = RingLayout {
    name: "xenstore's request",
    bytes: offset_of!(XenstorePage, requests) as u16,
    size: (offset_of!(XenstorePage, answers) - offset_of!(XenstorePage, requests)) as u16,
    consumer: offset_of!(XenstorePage, request_consumer) as u16,
    producer: offset_of!(XenstorePage, request_producer) as u16,
};

/// What xenstore answers.
#[cfg(any(feature = "xenstore", test))]
pub(crate) const XENSTORE_ANSWERS: RingLayout = RingLayout {
    name: "xenstore's answer",
    bytes: offset_of!(XenstorePage, answers) as u16,
    size: (offset_of!(XenstorePage, request_consumer) - offset_of!(XenstorePage, answers)) as u16,
    consumer: offset_of!(XenstorePage, answer_consumer) as u16,
    producer: offset_of!(XenstorePage, answer_producer) as u16,
};

/// Where xenstored says what it can do: a bit for each feature.
#[cfg(any(feature = "xenstore", test))]
pub(crate) const XENSTORE_FEATURES: u16 = offset_of!(XenstorePage, server_features) as u16;
/// Where a reconnection is asked for, and xenstored says that it is done.
#[cfg(any(feature = "xenstore", test))]
pub(crate) const XENSTORE_CONNECTION: u16 = offset_of!(XenstorePage, connection) as u16;

const _: () = {
    assert!(size_of::<ConsolePage>() as u64 <= PAGE_SIZE);
    assert!(CONSOLE_INPUT.bytes == 0 && CONSOLE_INPUT.size == 1024);
    assert!(CONSOLE_INPUT.consumer == 3072 && CONSOLE_INPUT.producer == 3076);
    assert!(CONSOLE_OUTPUT.bytes == 1024 && CONSOLE_OUTPUT.size == 2048);
    assert!(CONSOLE_OUTPUT.consumer == 3080 && CONSOLE_OUTPUT.producer == 3084);
};

#[cfg(any(feature = "xenstore", test))]
const _: () = {
    assert!(size_of::<XenstorePage>() as u64 <= PAGE_SIZE);
    assert!(XENSTORE_REQUESTS.bytes == 0 && XENSTORE_REQUESTS.size == 1024);
    assert!(XENSTORE_REQUESTS.consumer == 2048 && XENSTORE_REQUESTS.producer == 2052);
    assert!(XENSTORE_ANSWERS.bytes == 1024 && XENSTORE_ANSWERS.size == 1024);
    assert!(XENSTORE_ANSWERS.consumer == 2056 && XENSTORE_ANSWERS.producer == 2060);
    assert!(XENSTORE_FEATURES == 2064 && XENSTORE_CONNECTION == 2068);
};

impl RingLayout {
    /// Returns the offset of the byte that an index means.
    pub(super) const fn offset(&self, index: u32) -> u16 {
        self.bytes + (index % self.size as u32) as u16
    }
}
