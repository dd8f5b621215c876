/* Calls an address in the module window where nothing is mapped. */
#include "module.h"

MODULE("bad-jump", "1.0", "MIT OR Apache-2.0", "");

int module_init(void)
{
    void (*volatile call)(void) = (void (*)(void))0xffffffffb0000000;
    SAY("bad-jump: calling what is not mapped");
    call();
    return 0;
}
