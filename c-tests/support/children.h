/* children.h: tests that need a process of their own, and what the kernel knows about this one. */
#ifndef CHILDREN_H
#define CHILDREN_H

#include "check.h"

#ifdef _WIN32

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>
#undef near /* words of ours */
#undef far

/* There are no such children here, nor what these tell or do. The linker misses them where a test that is run needs
   one: it is to be run by RUN_IN_CHILDREN. */
int in_child(void (*body)(void *), void *env);
void limit_address_space(uint64_t bytes);
uint64_t process_kib(const char *name);
uint64_t process_mappings(void);
#define RUN_IN_CHILDREN(name) printf("left out here: %s\n", #name)

/* Runs a test that Wine cannot pass: of memories of gigabytes, because to tell which pages of one are in memory, it looks
   at all that follow each; and of pages that go back, because there they do so only with their reservation. */
#define RUN_UNLESS_WINE(name)                                                          \
    do {                                                                               \
        if (GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version") != NULL) \
            printf("left out under Wine: %s\n", #name);                                \
        else                                                                           \
            RUN(name);                                                                 \
    } while (0)

static jmp_buf probe_return;

/* longjmp to a frame unwinds, and from a handler finds nothing to unwind by; to none in particular, it jumps. */
static inline void without_unwinding(jmp_buf *jump) { ((_JUMP_BUFFER *)jump)->Frame = 0; }

static LONG CALLBACK probe_caught(EXCEPTION_POINTERS *exception) {
    if (exception->ExceptionRecord->ExceptionCode != EXCEPTION_ACCESS_VIOLATION) return EXCEPTION_CONTINUE_SEARCH;
    longjmp(probe_return, 1);
}

/* Whether reading, or writing back, the byte at `address` raises an access violation. A handler is set for the probe
   alone. */
static inline bool faults(volatile uint8_t *address, bool write) {
    void *const handler = AddVectoredExceptionHandler(1, probe_caught);
    volatile bool caught = true;
    if (setjmp(probe_return) == 0) {
        without_unwinding(&probe_return);
        if (write)
            *address = *address;
        else
            (void)*address;
        caught = false;
    }
    RemoveVectoredExceptionHandler(handler);
    return caught;
}

#else

/* Runs a test that needs children or limits, where there are any. */
#define RUN_IN_CHILDREN(name) RUN(name)
#define RUN_UNLESS_WINE(name) RUN(name)

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs `body` in a child with a count of failures of its own. Returns its exit status, or minus the signal that ended
   it; the checks that failed in it have been printed, and make the status 1. */
static inline int in_child(void (*body)(void *), void *env) {
    int status = 0;
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        check_state.failures = 0;
        body(env);
        fflush(stdout);
        _exit(check_state.failures != 0);
    }
    if (child < 0 || waitpid(child, &status, 0) != child) return 255;
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

/* AddressSanitizer takes terabytes of address space for its shadow, and dies where it can get no more. */
static inline bool under_address_sanitizer(void) {
#if defined(__SANITIZE_ADDRESS__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return true;
#else
    return false;
#endif
#else
    return false;
#endif
}

static inline void limit_address_space(uint64_t bytes) {
    const struct rlimit limit = {(rlim_t)bytes, (rlim_t)bytes};
    CHECK_EQ(setrlimit(RLIMIT_AS, &limit), 0);
}

static sigjmp_buf probe_return;
static void probe_caught(int signal) { siglongjmp(probe_return, signal); }

/* Whether reading, or writing back, the byte at `address` raises SIGSEGV or SIGBUS. Handlers are set for the probe
   alone. */
static inline bool faults(volatile uint8_t *address, bool write) {
    struct sigaction catcher, old_segv, old_bus;
    volatile bool caught = true;
    memset(&catcher, 0, sizeof catcher);
    catcher.sa_handler = probe_caught;
    sigemptyset(&catcher.sa_mask);
    sigaction(SIGSEGV, &catcher, &old_segv);
    sigaction(SIGBUS, &catcher, &old_bus);
    if (sigsetjmp(probe_return, 1) == 0) {
        if (write)
            *address = *address;
        else
            (void)*address;
        caught = false;
    }
    sigaction(SIGSEGV, &old_segv, NULL);
    sigaction(SIGBUS, &old_bus, NULL);
    return caught;
}

/* A number that the kernel reports about this process in kB, such as "VmSize:" or "VmRSS:"; 0 if there is none. */
static inline uint64_t process_kib(const char *name) {
    char line[256];
    uint64_t kib = 0;
    FILE *const file = fopen("/proc/self/status", "r");
    if (file == NULL) return 0;
    while (fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0) kib = strtoull(line + strlen(name), NULL, 10);
    fclose(file);
    return kib;
}

static inline uint64_t process_mappings(void) {
    uint64_t count = 0;
    int byte;
    FILE *const file = fopen("/proc/self/maps", "r");
    if (file == NULL) return 0;
    while ((byte = fgetc(file)) != EOF) count += byte == '\n';
    fclose(file);
    return count;
}

#endif
#endif
