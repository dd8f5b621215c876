/* Calls a function that nobody exports. */
#include "module.h"

MODULE("bad-symbol", "1.0", "MIT OR Apache-2.0", "");

void nobody_has_this(void);

int module_init(void)
{
    nobody_has_this();
    return 0;
}
