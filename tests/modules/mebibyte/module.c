/* The large module with a size of 1 MiB: 256 pages when loaded. */
#define LARGE "mebibyte"
#define FUNCTIONS 8000
#define FILLED (0x48000 - 0x10)
#define ZEROED 0x1a000
#include "../large/module.c"
