/* A module of many MiB with relocations in every part; mebibyte is a smaller one. The assembler makes the content: many
 * small functions that call one function, a table of their addresses among constants, and another among variables. At the
 * start every function is called through both tables, so a single wrong relocation is found.
 */
#include "module.h"

#ifndef LARGE
#define LARGE "large"
#define FUNCTIONS 16384
#define FILLED 0x200000
#define ZEROED 0x200000
#endif

MODULE(LARGE, "1.0", "MIT OR Apache-2.0", "");

#define TEXT(number) TEXT_OF(number)
#define TEXT_OF(number) #number

/* Each function starts at a multiple of 64 bytes, adds 1 by a call to another section, then its own number. */
__asm__(
    ".section .text.many, \"ax\", @progbits\n"
    ".balign 64\n"
    "many:\n"
    ".set number, 0\n"
    ".rept " TEXT(FUNCTIONS) "\n"
    ".balign 64\n"
    "    mov %rdi, %rax\n"
    "    call add_one\n"
    "    lea number(%rax), %rax\n"
    "    ret\n"
    ".set number, number + 1\n"
    ".endr\n"
    ".section .text.one, \"ax\", @progbits\n"
    "add_one:\n"
    "    add $1, %rax\n"
    "    addq $1, calls\n"
    "    ret\n"
    ".section .rodata.table, \"a\", @progbits\n"
    ".balign 8\n"
    "constants:\n"
    ".set number, 0\n"
    ".rept " TEXT(FUNCTIONS) "\n"
    "    .quad many + 64 * number\n"
    ".set number, number + 1\n"
    ".endr\n"
    ".section .data.table, \"aw\", @progbits\n"
    ".balign 8\n"
    "variables:\n"
    ".set number, 0\n"
    ".rept " TEXT(FUNCTIONS) "\n"
    "    .quad many + 64 * number\n"
    ".set number, number + 1\n"
    ".endr\n"
    ".section .bss.calls, \"aw\", @nobits\n"
    ".balign 8\n"
    "calls: .skip 8\n"
    ".text\n");

typedef u64 function(u64);
extern function *const constants[FUNCTIONS];
extern function *variables[FUNCTIONS];
extern u64 calls;

/* Bytes that must be copied, not zeroed. */
static const u8 filled[FILLED] = {[0] = 1, [FILLED / 2 + 1] = 2, [FILLED - 1] = 3};
static volatile u8 zeroed[ZEROED];

/* Keeps the compiler from knowing the value. */
static u8 filled_at(u64 at) { return *(const volatile u8 *)&filled[at]; }

INIT int module_init(void)
{
    u64 sum = 0;
    for (u64 i = 0; i < FUNCTIONS; i++) {
        sum += constants[i](0);
        sum += variables[i](0);
    }
    if (sum != (u64)FUNCTIONS * (FUNCTIONS + 1) || calls != 2 * (u64)FUNCTIONS)
        return 1;
    if (filled_at(0) != 1 || filled_at(FILLED / 2 + 1) != 2 || filled_at(FILLED - 1) != 3 || filled_at(1) != 0)
        return 2;
    for (u64 i = 0; i < ZEROED; i += 4096) {
        if (zeroed[i] != 0)
            return 3;
        zeroed[i] = 1;
    }
    SAY(LARGE ": every function answers");
    return 0;
}
