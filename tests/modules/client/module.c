/* Uses the exports of the module base: calls a function written in Rust from C, by name and through a table. */
#include "module.h"

MODULE("client", "1.0", "MIT OR Apache-2.0", "base");

u64 base_add(u64 number);

static u64 (*const volatile table[])(u64) = {base_add};

INIT int module_init(void)
{
    u64 first = base_add(1);
    u64 second = table[0](1);
    SAY("client: base adds for me");
    return second == first + 1 ? 0 : 1;
}

void module_exit(void)
{
    SAY("client: goodbye");
}
