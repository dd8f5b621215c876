// The ELF notes by which Xen's builders know the kernel (public/elfnote.h).

    .macro xen_note number
    .balign 4
    .long 4
    .long 2f - 1f
    .long \number
    .asciz "Xen"
1:
    .endm

    .macro xen_note_end
2:
    .balign 4
    .endm

    .section .note.Xen, "a", @note
    xen_note 6      // GUEST_OS
    .asciz "xen-guest"
    xen_note_end
    xen_note 7      // GUEST_VERSION
    .asciz "0.1"
    xen_note_end
    xen_note 8      // LOADER
    .asciz "generic"
    xen_note_end
    xen_note 5      // XEN_VERSION
    .asciz "xen-3.0"
    xen_note_end
    xen_note 2      // HYPERCALL_PAGE
    .quad note_hypercall_page
    xen_note_end
    xen_note 3      // VIRT_BASE
    .quad {virt_base}
    xen_note_end
    xen_note 4      // PADDR_OFFSET
    .quad 0
    xen_note_end
    xen_note 1      // ENTRY
    .quad note_entry
    xen_note_end
    xen_note 10     // FEATURES
    .asciz "!writable_page_tables"
    xen_note_end
    xen_note 9      // PAE_MODE
    .asciz "yes"
    xen_note_end
    xen_note 13     // L1_MFN_VALID: mask and value of a present entry
    .quad 1, 1
    xen_note_end
    xen_note 14     // SUSPEND_CANCEL
    .long 1
    xen_note_end
    xen_note 17     // SUPPORTED_FEATURES: writable_page_tables, which FEATURES requires, and dom0
    .long (1 << 0) | (1 << 11)
    xen_note_end
