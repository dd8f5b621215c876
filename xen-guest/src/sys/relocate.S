// Applies the relocations of a position-independent image.
// rdi, rsi: the first one (Elf64_Rela) and the end of the last; rdx: how far from where it was linked the image can be
// written; rcx: how far from there it will run.
// rax: 0, or r_info of one that is of another kind than R_X86_64_RELATIVE. Such a one is skipped.
    .text
    .globl apply_relocations
    .type apply_relocations, @function
apply_relocations:
    xor eax, eax
1:  cmp rdi, rsi
    jae 4f
    cmp qword ptr [rdi + 8], 8
    jne 2f
    mov r9, [rdi]
    mov r8, [rdi + 16]
    add r8, rcx
    mov [r9 + rdx], r8
    jmp 3f
2:  mov rax, [rdi + 8]
3:  add rdi, 24
    jmp 1b
4:  ret
    .size apply_relocations, . - apply_relocations
