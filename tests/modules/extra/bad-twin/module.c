/* Exports a symbol that the module base already exports. */
#include "module.h"

MODULE("bad-twin", "1.0", "MIT OR Apache-2.0", "base");

u64 base_add(u64 number)
{
    return number;
}

EXPORT(base_add);

int module_init(void)
{
    return 0;
}
