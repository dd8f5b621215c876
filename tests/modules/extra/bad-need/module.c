/* Needs a module that does not exist. */
#include "module.h"

MODULE("bad-need", "1.0", "MIT OR Apache-2.0", "absent");

int module_init(void)
{
    return 0;
}
