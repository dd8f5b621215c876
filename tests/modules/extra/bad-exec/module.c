/* Executes its data. */
#include "module.h"

MODULE("bad-exec", "1.0", "MIT OR Apache-2.0", "");

static u8 code[16] = {0xc3};

int module_init(void)
{
    void (*volatile call)(void) = (void (*)(void))(u64)code;
    SAY("bad-exec: executing my own data");
    call();
    return 0;
}
