/* What a module written in C needs: a way to describe it, and the kernel's functions.
 *
 * MODULE(name, version, license, depends) once, at file level; EXPORT(symbol) for each function or object of external
 * linkage that other modules may use. The kernel refuses a module whose ABI number is not its own.
 */
#ifndef MODULE_H
#define MODULE_H

typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;
typedef unsigned long size_t;

#define MODULE_ABI "1"

#define MODULE(name, version, license, depends)                                                                      \
    MODULE_FOR(MODULE_ABI, name, version, license, depends)
#define MODULE_FOR(abi, name, version, license, depends)                                                             \
    static const char module_info[] __attribute__((section(".modinfo"), used)) =                                     \
        "name=" name "\0version=" version "\0license=" license "\0abi=" abi "\0depends=" depends

#define EXPORT(symbol)                                                                                                \
    static const void *const module_export_##symbol __attribute__((section(".modexport"), used)) =                    \
        (const void *)&symbol

/* Code and data of the start: released once module_init has returned 0. */
#define INIT __attribute__((section(".init.text")))
#define INIT_DATA __attribute__((section(".init.data")))

/* The kernel's functions. */
void xen_guest_log(const char *text, size_t len);
_Noreturn void xen_guest_fatal(const char *text, size_t len);
void *xen_guest_alloc(size_t size, size_t align);
void xen_guest_free(void *memory, size_t size, size_t align);
void *memcpy(void *to, const void *from, size_t len);
void *memmove(void *to, const void *from, size_t len);
void *memset(void *to, int byte, size_t len);
int memcmp(const void *one, const void *other, size_t len);

#define SAY(text) xen_guest_log(text, sizeof(text) - 1)

/* What a module defines. */
int module_init(void);
void module_exit(void);

#endif
