// Where Xen enters: rsi holds the address of start_info, rsp the end of a one-page stack whose lower neighbour is a
// read-only page table. We move to a stack of our own at once, and apply the image's relocations before any Rust code
// runs: it may read addresses from memory. Then xen_guest_slide chooses the address to run at. If it is another one, the
// relocations are applied once more, for that address, and execution goes on there, on the same stack at its new address.

    .section .text.start, "ax", @progbits
    .code64
    .globl _start
    .type _start, @function
_start:
    cld
    lea rsp, [rip + boot_stack_end]
    xor ebp, ebp
    mov rbx, rsi
    xor r12d, r12d
    // Once: after the boot the relocations are gone, and what they write is read-only.
    cmp byte ptr [rip + relocated], 0
    jne 1f
    mov byte ptr [rip + relocated], 1
    // So far the image runs where it was linked: rdx is 0.
    lea rdx, [rip + image_start]
    movabs rax, offset linked_by_xen_guest_ld
    sub rdx, rax
    mov rcx, rdx
    lea rdi, [rip + relocations_start]
    lea rsi, [rip + relocations_end]
    call apply_relocations
    // A refused one ends the boot: nothing is moved before.
    mov r12, rax
    test rax, rax
    jnz 1f
    mov rdi, rbx
    call xen_guest_slide
    test rax, rax
    jz 1f
    // The words are written where they can be written, with the addresses that they will have.
    mov [rip + image_slide], rax
    lea rdi, [rip + relocations_start]
    lea rsi, [rip + relocations_end]
    xor edx, edx
    mov rcx, rax
    mov r13, rax
    call apply_relocations
    add rsp, r13
    lea rax, [rip + 1f]
    add rax, r13
    jmp rax
1:  mov rdi, rbx
    mov rsi, r12
    call xen_guest_entered
    ud2
    .size _start, . - _start

    .section .data.relocated, "aw", @progbits
    .balign 8
    .globl image_slide
    .type image_slide, @object
// How far the image is from where it was linked.
image_slide:
    .quad 0
    .size image_slide, 8
relocated:
    .byte 0

// The hypercall page of the ELF note. Xen fills it; this layer does not call it, because a bare syscall does the same.
    .section .text.hypercall_page, "ax", @progbits
    .balign 4096
    .globl hypercall_page
    .type hypercall_page, @object
hypercall_page:
    .fill 4096, 1, 0xcc
    .size hypercall_page, 4096
