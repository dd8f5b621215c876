/* Fails its init: it must be removed without a call of its exit function. */
#include "module.h"

MODULE("bad-init", "1.0", "MIT OR Apache-2.0", "");

static volatile u32 zeroed[5000];

INIT int module_init(void)
{
    zeroed[4999] = 1;
    SAY("bad-init: I will not start");
    return -7;
}

void module_exit(void)
{
    SAY("bad-init: the exit of a module that never started was called");
}
