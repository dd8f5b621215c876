/* Writes to its own text. */
#include "module.h"

MODULE("bad-write", "1.0", "MIT OR Apache-2.0", "");

int module_init(void)
{
    volatile u8 *text = (volatile u8 *)&module_init;
    SAY("bad-write: writing to my own text");
    *text = 0xc3;
    return 0;
}
