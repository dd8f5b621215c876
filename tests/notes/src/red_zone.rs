//! Code that uses the red zone: the 128 bytes below the stack pointer, which the System V ABI lets a leaf function use.
//!
//! Xen pushes exception frames right there (`create_bounce_frame`), so such a function loses what it put there.
//!
//! *What is not prevented*: a pointer to the red zone that is made with LEA and used later.

use std::collections::BTreeMap;

use iced_x86::{Code, Decoder, DecoderOptions, Instruction, Mnemonic, OpKind, Register};

use crate::image::Image;

/// An access: the instruction's address, and how far below the stack pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Access {
    pub(crate) at: u64,
    pub(crate) below: u64,
}

/// Finds all accesses to the red zone.
pub(crate) fn find(image: &Image<'_>) -> Vec<Access> {
    let mut found = Vec::new();
    let mut instruction = Instruction::default();
    for (start, range) in &image.code {
        let bytes = &image.file[range.clone()];
        let mut decoder = Decoder::with_ip(64, bytes, *start, DecoderOptions::NONE);
        while decoder.can_decode() {
            decoder.decode_out(&mut instruction);
            if let Some(below) = below_stack(&instruction) {
                found.push(Access { at: instruction.ip(), below });
            }
        }
    }
    found
}

/// How far below the stack pointer an instruction accesses memory, if that is in the red zone.
fn below_stack(instruction: &Instruction) -> Option<u64> {
    if instruction.code() == Code::INVALID
        || instruction.memory_base() != Register::RSP
        || instruction.memory_index() != Register::None
        || matches!(instruction.mnemonic(), Mnemonic::Lea | Mnemonic::Nop)
        || is_barrier(instruction)
    {
        return None;
    }
    let has_memory =
        (0..instruction.op_count()).any(|operand| instruction.op_kind(operand) == OpKind::Memory);
    let below = 0_u64.wrapping_sub(instruction.memory_displacement64());
    (has_memory && (1..=128).contains(&below)).then_some(below)
}

/// Linux's barrier: adds 0 to whatever is there.
fn is_barrier(instruction: &Instruction) -> bool {
    instruction.has_lock_prefix()
        && matches!(instruction.mnemonic(), Mnemonic::Add | Mnemonic::Or)
        && matches!(
            instruction.op1_kind(),
            OpKind::Immediate8 | OpKind::Immediate8to32 | OpKind::Immediate8to64
        )
        && instruction.immediate(1) == 0
}

/// What was found, in one line with up to `named` functions.
pub(crate) fn line(found: &[Access], image: &Image<'_>, named: usize) -> Option<String> {
    let first = found.first()?;
    let mut functions: BTreeMap<&str, usize> = BTreeMap::new();
    for access in found {
        *functions.entry(image.function(access.at).unwrap_or("no symbol")).or_default() += 1;
    }
    let names: Vec<String> = functions.keys().take(named).map(|name| (*name).to_owned()).collect();
    let more = if functions.len() > named {
        format!(" and {} more", functions.len() - named)
    } else {
        String::new()
    };
    Some(format!(
        "{} accesses to the red zone in {}{more}, the first {} bytes below the stack pointer at {:#x}",
        found.len(),
        names.join(", "),
        first.below,
        first.at
    ))
}
