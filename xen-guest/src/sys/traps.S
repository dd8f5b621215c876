// Exception entries. Xen pushes rcx and r11 above the hardware's frame (entry.S, create_bounce_frame) and does not skip a red
// zone. All vectors and callbacks build one frame: the general registers, the vector, the error code or 0, and what the hardware has.

    .macro trap vector, code
    .balign 16
trap_\vector:
    pop rcx
    pop r11
    .if \code == 0
    push 0
    .endif
    push \vector
    jmp trap_common
    .endm

    .text
    .irp vector, 0,1,2,3,4,5,6,7,9,15,16,18,19,20
    trap \vector, 0
    .endr
    .irp vector, 8,10,11,12,13,14,17,21
    trap \vector, 1
    .endr

// The failsafe callback: four selectors lie above rcx and r11 (entry.S, failsafe_callback).
    .balign 16
    .globl failsafe_entry
failsafe_entry:
    pop rcx
    pop r11
    add rsp, 32
    push 0
    push 0x100
    jmp trap_common

// The upcall: an event. Its frame is that of an exception without a code.
    .balign 16
    .globl upcall_entry
upcall_entry:
    pop rcx
    pop r11
    push 0
    push 0x101

trap_common:
    cld
    push rax
    push rbx
    push rcx
    push rdx
    push rsi
    push rdi
    push rbp
    push r8
    push r9
    push r10
    push r11
    push r12
    push r13
    push r14
    push r15
    mov rdi, rsp
    mov rbx, rsp
    // An upcall goes on afterwards: nothing on the stack may be lost.
    cmp qword ptr [rsp + 15 * 8], 0x101
    je 1f
    // After a stack overflow the frame may lie below the guard page, in what is not the stack's. The middle of the stack
    // holds nothing that is needed any more, and the innermost callers are below it.
    lea rax, [rip + boot_stack]
    sub rax, rsp
    dec rax
    cmp rax, 8192
    jae 1f
    lea rsp, [rip + boot_stack + 0x10000]
1:
    and rsp, -16
    call xen_guest_trap
    mov rsp, rbx
    pop r15
    pop r14
    pop r13
    pop r12
    pop r11
    pop r10
    pop r9
    pop r8
    pop rbp
    pop rdi
    pop rsi
    pop rdx
    pop rcx
    pop rbx
    pop rax
    add rsp, 16
    // rflags.IF says whether Xen lets events through afterwards, and it looks for one that came meanwhile.
    // HYPERVISOR_iret wants rax, r11, rcx and flags on top of the hardware's frame (public/arch-x86/xen-x86_64.h,
    // struct iret_context).
    push 0
    push rcx
    push r11
    push rax
    mov eax, 23
    syscall
    ud2

// Reads a word that may not be mapped. rax: the word; rdx: whether there was one. A page fault at the load goes on at
// word_missing.
    .globl load_word_or_none
    .type load_word_or_none, @function
load_word_or_none:
    mov edx, 1
    .globl load_word_at
load_word_at:
    mov rax, [rdi]
    ret
    .globl load_word_missing
load_word_missing:
    xor edx, edx
    xor eax, eax
    ret
    .size load_word_or_none, . - load_word_or_none

    .section .data.rel.ro.traps, "aw", @progbits
    .balign 8
    .globl trap_entries
trap_entries:
    .irp vector, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21
    .quad \vector, trap_\vector
    .endr
    .globl trap_entries_end
trap_entries_end:
