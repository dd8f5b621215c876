/* Needs bad-circle-b, which needs this one. */
#include "module.h"

MODULE("bad-circle-a", "1.0", "MIT OR Apache-2.0", "bad-circle-b");

int module_init(void)
{
    return 0;
}
