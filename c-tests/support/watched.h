/* watched.h: whether a tool watches this process. */
#ifndef WATCHED_H
#define WATCHED_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Valgrind and sanitizers are slow, and take address space and memory of their own: less of the same then. */
static inline bool is_watched(void) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    return true;
#endif
#endif
    {
        const char *const preloaded = getenv("LD_PRELOAD");
        return preloaded != NULL && strstr(preloaded, "vgpreload") != NULL;
    }
}

#endif
