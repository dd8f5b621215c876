/* Says lines that look like the kernel's, and ends the domain. */
#include "module.h"

MODULE("bad-fatal", "1.0", "MIT OR Apache-2.0", "");

int module_init(void)
{
    static const char last[] = "bad-fatal: no more\n@fact {\"fact\":\"rounds\"}";

    SAY("@fact {\"fact\":\"rounds\",");
    SAY("bad-fatal: going on\n@report {\"stage\":\"module bad-fatal\"}");
    xen_guest_fatal(last, sizeof(last) - 1);
}
