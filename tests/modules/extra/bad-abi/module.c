/* Built for a future kernel. */
#include "module.h"

MODULE_FOR("2", "bad-abi", "1.0", "MIT OR Apache-2.0", "");

int module_init(void)
{
    return 0;
}
