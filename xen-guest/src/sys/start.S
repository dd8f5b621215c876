// Where Xen enters: rsi holds the address of start_info, rsp the end of a one-page stack whose lower neighbour is a
// read-only page table. We move to a stack of our own at once.

    .section .text.start, "ax", @progbits
    .code64
    .globl _start
    .type _start, @function
_start:
    cld
    lea rsp, [rip + boot_stack_end]
    xor ebp, ebp
    mov rdi, rsi
    call xen_guest_entered
    ud2
    .size _start, . - _start

// The hypercall page of the ELF note. Xen fills it; this layer does not call it, because a bare syscall does the same.
    .section .text.hypercall_page, "ax", @progbits
    .balign 4096
    .globl hypercall_page
    .type hypercall_page, @object
hypercall_page:
    .fill 4096, 1, 0xcc
    .size hypercall_page, 4096

// The stack, and below it the page whose mapping is taken away first of all.
    .section .bss.stack, "aw", @nobits
    .balign 4096
    .globl boot_stack_guard
    .type boot_stack_guard, @object
boot_stack_guard:
    .skip 4096
    .size boot_stack_guard, 4096
    .globl boot_stack
    .type boot_stack, @object
boot_stack:
    .skip 0x10000
    .globl boot_stack_middle
boot_stack_middle:
    .skip 0x10000
    .size boot_stack, 0x20000
    .globl boot_stack_end
boot_stack_end:
