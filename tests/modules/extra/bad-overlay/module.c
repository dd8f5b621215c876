/* Has a section that is writable and executable. */
#include "module.h"

MODULE("bad-overlay", "1.0", "MIT OR Apache-2.0", "");

__asm__(".section .overlay, \"awx\", @progbits\n.globl overlay\noverlay: ret\n.text\n");
void overlay(void);

int module_init(void)
{
    overlay();
    return 0;
}
