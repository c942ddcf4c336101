/*
 * What the hosts in C have in common: they read commands from standard input, and answer each line with one line.
 *
 *     run MEMORY INPUT OUTPUT ARGUMENT...     the program once, with its streams at files
 *         ran EXIT_STATUS WHOLE_NS RUN_NS CPU_NS FAULTS PAGES MADE
 *     rate MEMORY THREADS MILLISECONDS        instances made, touched and dropped for so long
 *         rate COUNT NANOSECONDS MADE
 *
 * MEMORY says whose memories: `own` (the host's) or `ours` (wasm_memory's), and what else the host knows. MADE is the
 * number of memories that wasm_memory made meanwhile: the proof of whose they were. A host that fails says
 * why on standard error and ends with status 1.
 */
#ifndef HOSTS_SERVE_H
#define HOSTS_SERVE_H

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

typedef struct ran {
    int exit_status;
    uint64_t whole_ns; /* from nothing to nothing: instance made, run, dropped */
    uint64_t run_ns;   /* the guest's own code */
    uint64_t cpu_ns;   /* processor time of the process, of the whole */
    uint64_t faults;   /* page faults meanwhile, of the whole */
    uint64_t pages;    /* of 64 KiB, at the end */
    uint64_t made;
} ran_t;

typedef struct rate {
    uint64_t count;
    uint64_t nanoseconds;
    uint64_t made;
} rate_t;

/* What a host has to have. `arguments` are the program's, its name first, and end with NULL. */
static ran_t host_run(const char *memory, const char *input, const char *output, int count, const char **arguments);
static rate_t host_rate(const char *memory, unsigned threads, unsigned milliseconds);

static _Noreturn void give_up(const char *what, ...) {
    va_list values;
    va_start(values, what);
    vfprintf(stderr, what, values);
    fputc('\n', stderr);
    va_end(values);
    exit(1);
}

static inline uint64_t clock_ns(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static inline uint64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

static inline uint64_t cpu_now(void) { return clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

static inline uint64_t faults_now(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (uint64_t)usage.ru_minflt;
}

/* What `ours-kept` keeps of a deleted memory. */
enum { KEPT_BYTES = 64 << 20 };

enum { MOST_WORDS = 32 };

static void serve(void) {
    char line[4096];
    while (fgets(line, sizeof line, stdin) != NULL) {
        const char *words[MOST_WORDS + 1] = {NULL};
        int count = 0;
        for (char *word = strtok(line, " \n"); word != NULL && count < MOST_WORDS; word = strtok(NULL, " \n")) {
            words[count++] = word;
        }
        if (count >= 5 && strcmp(words[0], "run") == 0) {
            ran_t ran = host_run(words[1], words[2], words[3], count - 4, words + 4);
            printf("ran %d %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
                   ran.exit_status, ran.whole_ns, ran.run_ns, ran.cpu_ns, ran.faults, ran.pages, ran.made);
        } else if (count == 4 && strcmp(words[0], "rate") == 0) {
            rate_t rate = host_rate(words[1], (unsigned)strtoul(words[2], NULL, 10),
                                    (unsigned)strtoul(words[3], NULL, 10));
            printf("rate %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", rate.count, rate.nanoseconds, rate.made);
        } else {
            give_up("no such command: %s with %d words", count > 0 ? words[0] : "nothing", count);
        }
        fflush(stdout);
    }
}

#endif
