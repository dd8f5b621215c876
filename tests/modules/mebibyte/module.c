/* The large module at the size of 1 MiB: 256 pages when it is loaded. */
#define LARGE "mebibyte"
#define FUNCTIONS 8000
#define FILLED (0x48000 - 0x10)
#define ZEROED 0x1a000
#include "../large/module.c"
