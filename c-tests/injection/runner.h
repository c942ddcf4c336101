/* runner.h: one case again and again, each time with another system call or allocation refused.
 *
 * A case makes what it needs, arms the refusals, calls the function, disarms them, looks at what has become of everything,
 * and deletes what it made. A run with nothing refused tells how many points there are. Then each is refused by itself, and
 * all from each one on. After each run the process must be what it was: heap, mappings, descriptors. */
#ifndef RUNNER_H
#define RUNNER_H

#include <dirent.h>
#include <fcntl.h>

#include "injection/injection.h"
#include "injection/statuses.h"
#include "support/engines.h"

typedef void body_t(const kind_t *kind);

typedef struct {
    const char *function; /* as in abi/exports.txt */
    const char *variant;
    body_t *body;
    uint32_t kinds;  /* a bit for each of kinds[] */
    bool quiet;      /* it takes nothing of the system or the heap, so that nothing can be refused */
    const void *what; /* for a body that several cases have */
} case_t;

static struct {
    const case_t *of;
    const kind_t *kind;
    uint32_t what; /* CALLS or ALLOCATIONS are refused */
    uint64_t let_through, refuse;
    int error; /* with which calls are refused; 0: the likely one of each */
    uint64_t left_through, left_refuse;
    uint64_t met[2], refused;
    uint64_t refused_here; /* since it was last armed */
    bool armed;
    bool is_first; /* nothing that the library opens once for a process is open, when the case arms */
    bool is_fresh; /* nor has the process used the library before */
} run;

static void run_name(char *name, size_t room) {
    snprintf(name, room, "%s (%s%s%s)%s, %s refused: %s%s %" PRIu64, run.of->function, run.of->variant,
             run.of->variant[0] != 0 ? ", " : "", run.kind->name, run.is_fresh ? ", first of a process" : "", run.what == CALLS ? "system calls" : "allocations",
             run.error == EPERM ? "as by a filter, " : "",
             run.refuse == 0   ? "none of"
             : run.refuse == 1 ? "the one after"
                               : "all after",
             run.let_through);
}

/* ---- within a case ---- */

static const char mark[] = "the argument `memory` is NULL";

static void plan(void) {
    run.armed = true;
    wasm_memory_injection_error(run.error);
    wasm_memory_injection_plan(CALLS, 0, 0);
    wasm_memory_injection_plan(ALLOCATIONS, 0, 0);
    wasm_memory_injection_plan(run.what, run.left_through, run.left_refuse);
}

/* The library keeps a descriptor or two, which a host may close. */
static void close_descriptors(void) {
    int number;
    for (number = 3; number < 64; number++) {
        char link[64], name[64];
        ssize_t length;
        snprintf(link, sizeof link, "/proc/self/fd/%d", number);
        length = readlink(link, name, sizeof name - 1);
        if (length <= 0) continue;
        name[length] = 0;
        if (strstr(name, "/pagemap") != NULL || strstr(name, "userfaultfd") != NULL) close(number);
    }
}

static void arm(void) {
    if (run.is_first) close_descriptors();
    wasm_memory_pages(NULL); /* the last error is the mark now */
    errno = 0;
    plan();
}

static void disarm(void) {
    const int kept = errno;
    const uint64_t met = wasm_memory_injection_met(run.what);
    run.refused_here = wasm_memory_injection_refused(run.what);
    run.met[CALLS] += wasm_memory_injection_met(CALLS);
    run.met[ALLOCATIONS] += wasm_memory_injection_met(ALLOCATIONS);
    run.refused += run.refused_here;
    run.left_through -= least(met, run.left_through);
    if (run.left_refuse != UINT64_MAX) run.left_refuse -= run.refused_here;
    wasm_memory_injection_plan(CALLS, 0, 0);
    wasm_memory_injection_plan(ALLOCATIONS, 0, 0);
    run.armed = false;
    errno = kept;
}

static bool is_documented(const char *function, wasm_memory_status_t status) {
    size_t i;
    for (i = 0; i < sizeof documented / sizeof *documented; i++)
        if (strcmp(documented[i].function, function) == 0) return documented[i].statuses >> status & 1;
    return false;
}

/* There is a sentence about the failure, and if it was the system's, its number. */
static void failure_is_told(const char *function, const char *file, int line) {
    const int kept = errno;
    char detail[1024];
    wasm_memory_last_error(detail, sizeof detail);
    check_report(detail[0] != 0 && strcmp(detail, mark) != 0, file, line, function, " failed without a sentence");
    check_report(run.what != CALLS || kept != 0, file, line, function, " failed without an errno");
    check_report(run.refused_here != 0, file, line, function, " failed although nothing was refused");
}

/* What a call that was armed has answered: as it is documented, and as it follows from what was refused. `others`: bits of
   statuses that follow here besides OUT_OF_MEMORY and IO. Returns whether it succeeded. */
static bool answered(const char *function, wasm_memory_status_t status, uint32_t others, const char *file, int line) {
    const uint32_t fitting = others | UINT32_C(1) << WASM_MEMORY_OUT_OF_MEMORY | UINT32_C(1) << WASM_MEMORY_IO;
    const char *const name = wasm_memory_status_name(status);
    if (status == WASM_MEMORY_OK) return true;
    check_report(is_documented(function, status), file, line, name, ": not a status that the header lists");
    check_report(fitting >> status & 1, file, line, name, ": it does not follow from a refusal");
    failure_is_told(function, file, line);
    return false;
}

static bool made(const char *function, const void *object, const char *file, int line) {
    if (object == NULL) failure_is_told(function, file, line);
    return object != NULL;
}

/* Calls with the refusals armed. */
#define ARMED(call) (arm(), run_status = (call), disarm(), answered(run.of->function, run_status, 0, __FILE__, __LINE__))
#define ARMED_MAKES(object, call) \
    (arm(), (object) = (call), disarm(), made(run.of->function, object, __FILE__, __LINE__))
#define ARMED_ONLY(call) (arm(), (call), disarm())
static wasm_memory_status_t run_status;

/* ---- between the runs ---- */

typedef struct {
    uint64_t blocks, bytes, mappings, mapped_bytes, descriptors;
} footprint_t;

static void count_mappings(footprint_t *print) {
    static char text[1 << 16];
    size_t held = 0;
    ssize_t got;
    const int file = open("/proc/self/maps", O_RDONLY);
    while (file >= 0 && (got = read(file, text + held, sizeof text - 1 - held)) > 0) {
        char *line = text, *end;
        held += (size_t)got;
        text[held] = 0;
        while ((end = strchr(line, '\n')) != NULL) {
            char *rest;
            const uint64_t start = strtoull(line, &rest, 16), behind = strtoull(rest + 1, NULL, 16);
            *end = 0;
            if (strstr(line, "[heap]") == NULL && strstr(line, "[stack]") == NULL) {
                print->mappings++;
                print->mapped_bytes += behind - start;
            }
            line = end + 1;
        }
        held = strlen(line);
        memmove(text, line, held + 1);
    }
    if (file >= 0) close(file);
}

static footprint_t footprint(void) {
    footprint_t print;
    int number;
    memset(&print, 0, sizeof print);
    print.blocks = wasm_memory_injection_live_blocks();
    print.bytes = wasm_memory_injection_live_bytes();
    for (number = 0; number < 64; number++) print.descriptors += fcntl(number, F_GETFD) >= 0;
    count_mappings(&print);
    return print;
}

/* What the library gives back late it gives back now, and what it opens once for a process is open. */
static void settle(void) {
    const host_t host = host_default();
    wasm_memory_t *const memory = memory_of(host, pages_32(1, 2));
    wasm_memory_data(memory)[0] = 1;
    wasm_memory_dirty_clear(memory);
    wasm_memory_delete(memory);
    host_delete(host);
}

static void same_footprint(const footprint_t *before) {
    const footprint_t after = footprint();
    CHECK_EQ(after.blocks, before->blocks);
    CHECK_EQ(after.bytes, before->bytes);
    CHECK_EQ(after.mappings, before->mappings);
    CHECK_EQ(after.mapped_bytes, before->mapped_bytes);
    CHECK_EQ(after.descriptors, before->descriptors);
}

static struct {
    uint64_t runs, points[2], failed, functions, quiet;
} total;

static void died(int signal) {
    char name[512];
    run_name(name, sizeof name);
    printf("FAILED %s\n  the process was ended by signal %d%s%s\n", name, signal, run.armed ? ", within the call" : "",
           signal == SIGALRM ? ": it took too long" : "");
    fflush(stdout);
    _exit(3);
}

/* One run; how many checks failed. */
static int run_once(uint32_t what, uint64_t let_through, uint64_t refuse, const footprint_t *before) {
    char name[512];
    run.what = what;
    run.let_through = run.left_through = let_through;
    run.refuse = run.left_refuse = refuse;
    run.met[0] = run.met[1] = run.refused = run.refused_here = 0;
    run_name(name, sizeof name);
    check_state.test = name;
    check_state.failures = 0;
    run.of->body(run.kind);
    settle();
    if (before != NULL) same_footprint(before);
    total.runs++;
    return check_state.failures;
}

/* Whether calls are refused with what a filter of calls answers, too. */
static bool filtered;

/* The runs of a case, each as the first thing that a process does with the library. This process has not used it. */
static void run_fresh(const case_t *of, const kind_t *kind) {
    enum { REFUSED, NOTHING_REFUSED, FAILED };
    uint32_t what;
    int failed = 0;
    run.of = of;
    run.kind = kind;
    run.is_fresh = true;
    for (what = CALLS; what <= ALLOCATIONS; what++) {
        uint64_t way;
        for (way = 0; way < (what == CALLS && filtered ? 4 : 2); way++) {
            uint64_t n;
            int status = 0;
            run.error = way < 2 ? 0 : EPERM;
            for (n = 0; failed < 5; n++) {
                pid_t child;
                fflush(stdout);
                child = fork();
                if (child == 0) {
                    alarm(120);
                    failed = run_once(what, n, way % 2 == 0 ? 1 : UINT64_MAX, NULL);
                    fflush(stdout);
                    _exit(failed != 0 ? FAILED : run.refused != 0 ? REFUSED : NOTHING_REFUSED);
                }
                total.runs++;
                if (waitpid(child, &status, 0) != child || !WIFEXITED(status)) status = FAILED << 8;
                failed += WEXITSTATUS(status) >= FAILED;
                if (WEXITSTATUS(status) != REFUSED) break;
            }
        }
    }
    run.is_fresh = false;
    run.error = 0;
    total.failed += (uint64_t)failed;
}

/* All runs of a case with one kind of engine. */
static void run_case(const case_t *of, const kind_t *kind) {
    footprint_t before;
    uint32_t what;
    int failed = 0;
    run.of = of;
    run.kind = kind;
    alarm(120);
    failed += run_once(CALLS, 0, 0, NULL) != 0;
    failed += run_once(CALLS, 0, 0, NULL) != 0;
    before = footprint();
    failed += run_once(CALLS, 0, 0, &before) != 0;
    for (what = CALLS; what <= ALLOCATIONS; what++) {
        uint64_t points = 0, way;
        if (of->quiet) {
            check_state.test = of->function;
            CHECK_EQ(run.met[CALLS], 0);
            CHECK_EQ(run.met[ALLOCATIONS], 0);
            failed += check_state.failures != 0;
        }
        /* Each alone and all from each one on, with the likely error, and with what a filter of calls answers. (What such a
           filter does not let it open, the library asks for no more; that is for processes of their own.) */
        const bool opens = strcmp(of->variant, "descriptors closed") == 0;
        for (way = 0; way < (what == CALLS && filtered && !opens ? 4 : 2); way++) {
            uint64_t n;
            run.error = way < 2 ? 0 : EPERM;
            for (n = 0; failed < 5; n++) {
                failed += run_once(what, n, way % 2 == 0 ? 1 : UINT64_MAX, &before) != 0;
                if (check_state.failures != 0) before = footprint(); /* told once */
                if (run.refused == 0) break;
            }
            points = most(points, n);
        }
        run.error = 0;
        total.points[what] += points;
    }
    alarm(0);
    check_state.test = NULL;
    total.failed += (uint64_t)failed;
    if (failed >= 5) printf("  and so on: %s is given up\n", of->function);
}

#endif
