/* A module in C: all kinds of memory, the kernel's heap, and calls that the compiler inserts. */
#include "module.h"

MODULE("plainc", "2.1", "MIT OR Apache-2.0", "");

struct pair {
    u64 key, value[20];
};

static struct pair variable = {7, {1, 2, 3}};
static u64 zeroed[3000];
static u64 twice(u64 number) { return 2 * number; }
static u64 thrice(u64 number) { return 3 * number; }
static u64 (*const volatile steps[])(u64) = {twice, thrice, twice};
static void *kept;

INIT_DATA static u64 once[] = {1, 10, 100};

INIT int module_init(void)
{
    struct pair copy = variable; /* a call of memcpy, perhaps */
    u64 sum = 0;
    for (u32 i = 0; i < 3000; i++)
        sum += zeroed[i];
    for (u32 i = 0; i < 3; i++)
        sum += steps[i](once[i]) * copy.value[i];
    kept = xen_guest_alloc(5000, 64);
    if (!kept || (u64)kept % 64)
        return 1;
    memset(kept, 0x5a, 5000);
    SAY("plainc: hello from C");
    return sum == 2 + 2 * 30 + 3 * 200 && ((u8 *)kept)[4999] == 0x5a ? 0 : 2;
}

void module_exit(void)
{
    xen_guest_free(kept, 5000, 64);
    SAY("plainc: goodbye from C");
}
