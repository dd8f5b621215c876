//! The parts of a module, and the largest alignment in one.

/// The largest alignment a section may ask for: a large page, the most a mapping could keep.
pub(in crate::module) const ALIGNMENT_LIMIT: u64 = 2 << 20;

/// What a part of a module is for, and so which protection it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PartKind {
    /// Code: read and execute.
    Text,
    /// Constants: read only.
    Rodata,
    /// Variables, with initial bytes or zero: read and write.
    Data,
    /// Code that is not needed once the module has started, `.init.text`: read and execute, then gone.
    InitText,
    /// Constants and variables that go with it, `.init.data` and the like: read and write, then gone.
    InitData,
}

impl PartKind {
    /// All parts in the order they lie in.
    pub(crate) const ALL: [Self; PARTS] =
        [Self::Text, Self::Rodata, Self::Data, Self::InitText, Self::InitData];

    /// Tells whether the part is given back once the module has started.
    #[must_use]
    pub(crate) const fn is_init(self) -> bool {
        matches!(self, Self::InitText | Self::InitData)
    }

    /// Tells whether the part is code.
    #[must_use]
    pub(crate) const fn is_code(self) -> bool {
        matches!(self, Self::Text | Self::InitText)
    }
}

/// How many parts a module has.
pub(in crate::module) const PARTS: usize = 5;
