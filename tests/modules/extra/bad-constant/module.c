/* Writes to its constants. */
#include "module.h"

MODULE("bad-constant", "1.0", "MIT OR Apache-2.0", "");

static const u32 constant[4] = {1, 2, 3, 4};

int module_init(void)
{
    volatile u32 *pointer = (volatile u32 *)(u64)constant;
    SAY("bad-constant: writing to my own constants");
    pointer[1] = 5;
    return 0;
}
