/* A module of 80 MiB of zeros, to fill the module window. */
#include "module.h"

MODULE("bulk", "1.0", "MIT OR Apache-2.0", "");

/* With one page of code it takes 1/19 of the module window. */
static volatile u8 zeroed[20479UL * 4096];

int module_init(void)
{
    if (zeroed[0] != 0 || zeroed[sizeof(zeroed) - 1] != 0)
        return 1;
    zeroed[0] = zeroed[sizeof(zeroed) - 1] = 1;
    return 0;
}
