// Where Xen enters: rsi holds the address of start_info, rsp the end of a one-page stack whose lower neighbour is a
// read-only page table. We move to a stack of our own at once, and apply the image's relocations before any Rust code
// runs: it may read addresses from memory. So far the image runs where it was linked.

    .section .text.start, "ax", @progbits
    .code64
    .globl _start
    .type _start, @function
_start:
    cld
    lea rsp, [rip + boot_stack_end]
    xor ebp, ebp
    mov rbx, rsi
    xor eax, eax
    // Once: after the boot the relocations are gone, and what they write is read-only.
    cmp byte ptr [rip + relocated], 0
    jne 1f
    mov byte ptr [rip + relocated], 1
    lea rdx, [rip + image_start]
    movabs rax, offset linked_by_xen_guest_ld
    sub rdx, rax
    lea rdi, [rip + relocations_start]
    lea rsi, [rip + relocations_end]
    call apply_relocations
1:  mov rdi, rbx
    mov rsi, rax
    call xen_guest_entered
    ud2
    .size _start, . - _start

    .section .data.relocated, "aw", @progbits
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
