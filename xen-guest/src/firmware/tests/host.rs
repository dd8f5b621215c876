//! A host with firmware written by the tests.

use std::{collections::BTreeMap, vec::Vec};

use mmu::Errno;
use start_info::Maddr;

use crate::firmware::{EfiAnswer, EfiCalls, Guid, MachineMemory, Status, VariableName};

/// Runs of bytes at machine addresses; what lies outside cannot be read.
#[derive(Clone, Debug, Default)]
pub(super) struct Memory {
    runs: BTreeMap<u64, Vec<u8>>,
    pub(super) reads: usize,
    pub(super) bytes: usize,
}

impl Memory {
    /// The first MiB of a BIOS host, empty.
    pub(super) fn bios() -> Self {
        let mut memory = Self::default();
        memory.put(0, &std::vec![0; 0x10_0000]);
        memory
    }

    /// Puts bytes over existing ones, or as a new run.
    pub(super) fn put(&mut self, at: u64, bytes: &[u8]) {
        if let Some((start, run)) = self.runs.range_mut(..=at).next_back() {
            let offset = (at - start) as usize;
            if let Some(target) = run.get_mut(offset..offset + bytes.len()) {
                target.copy_from_slice(bytes);
                return;
            }
        }
        self.runs.insert(at, bytes.to_vec());
    }

    /// Adds 1 to a byte.
    pub(super) fn spoil(&mut self, at: u64) {
        let byte = self.found(at, 1).and_then(|bytes| bytes.first().copied());
        self.put(at, &[byte.unwrap_or_default().wrapping_add(1)]);
    }

    fn found(&self, at: u64, len: usize) -> Option<&[u8]> {
        let (start, run) = self.runs.range(..=at).next_back()?;
        run.get((at - start) as usize..)?.get(..len)
    }
}

impl MachineMemory for Memory {
    fn read(&mut self, at: Maddr, bytes: &mut [u8]) -> Result<(), mmu::MmuError> {
        self.reads += 1;
        self.bytes += bytes.len();
        let at = at.get();
        let pages = (at % 4096 + bytes.len() as u64).div_ceil(4096);
        assert!(bytes.len() <= 36 || pages == 1, "{} bytes at {at:#x} are no piece of a page", bytes.len());
        match self.found(at, bytes.len()) {
            Some(found) => {
                bytes.copy_from_slice(found);
                Ok(())
            }
            None => Err(mmu::MmuError::OutOfOrder { address: at }),
        }
    }
}

/// Sets the byte at `place` so that all add up to 0.
pub(super) fn add_up(bytes: &mut [u8], place: usize) {
    bytes[place] = 0;
    let sum = bytes.iter().copied().fold(0, u8::wrapping_add);
    bytes[place] = sum.wrapping_neg();
}

/// A table with its header and a right checksum.
pub(super) fn table(name: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut bytes = std::vec![0x20; 36];
    bytes[..4].copy_from_slice(name);
    bytes[4..8].copy_from_slice(&(36 + body.len() as u32).to_le_bytes());
    bytes.extend_from_slice(body);
    add_up(&mut bytes, 9);
    bytes
}

/// A root pointer of 20 or 36 bytes with a right checksum.
pub(super) fn rsdp(rsdt: u32, xsdt: Option<u64>) -> Vec<u8> {
    let mut bytes = b"RSD PTR \0BOCHS \0".to_vec();
    bytes.extend_from_slice(&rsdt.to_le_bytes());
    if let Some(xsdt) = xsdt {
        bytes[15] = 2;
        bytes.extend_from_slice(&36_u32.to_le_bytes());
        bytes.extend_from_slice(&xsdt.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
    }
    add_up(&mut bytes[..20], 8);
    if xsdt.is_some() {
        add_up(&mut bytes, 32);
    }
    bytes
}

/// EFI as Xen reports it.
#[derive(Clone, Debug)]
pub(super) struct Efi {
    pub(super) version: Result<u32, Errno>,
    pub(super) runtime: Result<u32, Errno>,
    pub(super) vendor: Result<Vec<u16>, Errno>,
    pub(super) configuration: Result<(u64, u32), Errno>,
    pub(super) time: Result<EfiAnswer<[u8; 16]>, Errno>,
    pub(super) variable: Result<EfiAnswer<(u32, u64)>, Errno>,
    pub(super) asked: Vec<(Vec<u16>, Guid)>,
}

impl Efi {
    pub(super) fn ovmf() -> Self {
        // 2026-02-28 23:59:58, UTC.
        let time = [0xea, 7, 2, 28, 23, 59, 58, 0xee, 0, 0, 0, 0, 0, 0, 0, 0xee];
        Self {
            version: Ok(2 << 16 | 70),
            runtime: Ok(2 << 16 | 31),
            vendor: Ok("EDK II".encode_utf16().chain([0]).collect()),
            configuration: Ok((0x7f9e_ec98, 10)),
            time: Ok(EfiAnswer { status: Status::SUCCESS, value: time }),
            variable: Ok(EfiAnswer { status: Status::SUCCESS, value: (7, 4) }),
            asked: Vec::new(),
        }
    }
}

impl EfiCalls for Efi {
    fn efi_version(&mut self) -> Result<u32, Errno> {
        self.version
    }

    fn efi_runtime_version(&mut self) -> Result<u32, Errno> {
        self.runtime
    }

    fn efi_configuration(&mut self) -> Result<(u64, u32), Errno> {
        self.configuration
    }

    fn efi_vendor(&mut self, name: &mut [u16]) -> Result<u32, Errno> {
        let vendor = self.vendor.clone()?;
        name.iter_mut().zip(vendor).for_each(|(to, from)| *to = from);
        Ok(0x1_0000)
    }

    fn efi_get_time(&mut self) -> Result<EfiAnswer<[u8; 16]>, Errno> {
        self.time
    }

    fn efi_get_variable(
        &mut self,
        name: &VariableName,
        owner: Guid,
        bytes: &mut [u8],
    ) -> Result<EfiAnswer<(u32, u64)>, Errno> {
        self.asked.push((name.units().to_vec(), owner));
        bytes.iter_mut().zip((0..=u8::MAX).cycle()).for_each(|(byte, value)| *byte = value);
        self.variable
    }
}
