/* Needs bad-circle-a, which needs this one. */
#include "module.h"

MODULE("bad-circle-b", "1.0", "MIT OR Apache-2.0", "bad-circle-a");

int module_init(void)
{
    return 0;
}
