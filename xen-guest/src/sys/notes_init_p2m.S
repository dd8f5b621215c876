// The two notes of the second variant.

    .section .note.Xen, "a", @note
    xen_note 15     // INIT_P2M: mmu::layout::INIT_P2M
    .quad 0xffffc80000000000
    xen_note_end
    xen_note 16     // MOD_START_PFN: leave the ramdisk unmapped
    .long 1
    xen_note_end
