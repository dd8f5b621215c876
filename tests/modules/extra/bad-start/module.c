/* Calls, at its end, code that was given back after its start. */
#include "module.h"

MODULE("bad-start", "1.0", "MIT OR Apache-2.0", "");

INIT static int gone(void)
{
    SAY("bad-start: the code of the start is still there");
    return 0;
}

int (*volatile pointer)(void) = gone;

int module_init(void)
{
    return 0;
}

void module_exit(void)
{
    SAY("bad-start: calling code of the start at the end");
    pointer();
    SAY("bad-start: that was allowed");
}
