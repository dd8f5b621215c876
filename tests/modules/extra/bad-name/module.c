/* Its name is not that of its file. */
#include "module.h"

MODULE("good-name", "1.0", "MIT OR Apache-2.0", "");

int module_init(void)
{
    return 0;
}
