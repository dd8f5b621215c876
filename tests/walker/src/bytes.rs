//! Little-endian numbers out of byte slices.
//!
//! *What this is*: the two reads that all others use. A read past the end is `None`.

/// Returns the eight-byte number at `offset`.
pub(crate) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    let (number, _) = bytes.get(offset..)?.split_first_chunk::<8>()?;
    Some(u64::from_le_bytes(*number))
}

/// Returns all whole eight-byte numbers of `bytes`, in order.
pub(crate) fn words(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    let (chunks, _) = bytes.as_chunks::<8>();
    chunks.iter().map(|chunk| u64::from_le_bytes(*chunk))
}
