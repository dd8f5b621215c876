// The two notes of the second variant.

    .section .note.Xen, "a", @note
    xen_note 15     // INIT_P2M
    .quad {init_p2m}
    xen_note_end
    xen_note 16     // MOD_START_PFN: leave the ramdisk unmapped
    .long 1
    xen_note_end
