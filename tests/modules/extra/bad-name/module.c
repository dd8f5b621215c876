/* Its file is named otherwise. */
#include "module.h"

MODULE("good-name", "1.0", "MIT OR Apache-2.0", "");

int module_init(void)
{
    return 0;
}
