/* Preloaded (LD_PRELOAD) before a program starts, it takes mappings until the process may have no more, and gives
 * MISUSE_MAPPINGS of them back. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

__attribute__((constructor)) static void crowd(void) {
    const char *const wanted = getenv("MISUSE_MAPPINGS");
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size_t)1 << 21;
    uint64_t left = wanted != NULL ? strtoull(wanted, NULL, 10) : 0;
    size_t at;
    /* Two mappings for each second page of a range: itself, and the one after it. */
    uint8_t *const range =
        (uint8_t *)mmap(NULL, pages * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (wanted == NULL || range == MAP_FAILED) return;
    for (at = 0; at + 1 < pages && mprotect(range + at * page, page, PROT_READ) == 0;) at += 2;
    if (errno != ENOMEM) _exit(77); /* there is no end of them */
    for (; left > 1 && at >= 2; left -= 2) mprotect(range + (at -= 2) * page, page, PROT_NONE);
}
