//! The head of a message (`public/io/xs_wire.h`, `struct xsd_sockmsg`).

/// How many bytes a head has.
pub(super) const HEADER_LEN: usize = 16;
/// How many bytes may follow a head (`XENSTORE_PAYLOAD_MAX`).
pub(super) const MAX_PAYLOAD: usize = 4096;

/// The kinds of messages that are sent or understood here (`enum xsd_sockmsg_type`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(crate) enum MessageKind {
    Directory = 1,
    Read = 2,
    GetPermissions = 3,
    Watch = 4,
    Unwatch = 5,
    TransactionStart = 6,
    TransactionEnd = 7,
    Write = 11,
    Mkdir = 12,
    Remove = 13,
    WatchEvent = 15,
    Error = 16,
    ResetWatches = 21,
}

/// The head of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    pub(super) kind: u32,
    /// The request's number, which its answer repeats; 0 for an event.
    pub(super) id: u32,
    /// The transaction it belongs to, or 0.
    pub(super) transaction: u32,
    /// How many bytes follow.
    pub(super) len: u32,
}

impl Header {
    /// Reads the fields from bytes. They can be anything.
    pub(super) const fn from_bytes(bytes: [u8; HEADER_LEN]) -> Self {
        let [k0, k1, k2, k3, i0, i1, i2, i3, t0, t1, t2, t3, l0, l1, l2, l3] = bytes;
        Self {
            kind: u32::from_le_bytes([k0, k1, k2, k3]),
            id: u32::from_le_bytes([i0, i1, i2, i3]),
            transaction: u32::from_le_bytes([t0, t1, t2, t3]),
            len: u32::from_le_bytes([l0, l1, l2, l3]),
        }
    }

    /// Returns the bytes, a word at a time.
    pub(super) const fn to_bytes(self) -> [[u8; 4]; 4] {
        [
            self.kind.to_le_bytes(),
            self.id.to_le_bytes(),
            self.transaction.to_le_bytes(),
            self.len.to_le_bytes(),
        ]
    }

    /// Tells whether it is a message of that kind.
    pub(super) const fn is(self, kind: MessageKind) -> bool {
        self.kind == kind as u32
    }
}
