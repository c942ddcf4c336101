/* under CONDITION... -- PROGRAM [ARGUMENT...]: runs a program in a process that is denied something.
 *
 *   ENOSYS:NAME,...  the kernel's calls of these names fail so; EPERM: and others likewise, see `errors`. `scan` is the
 *                    ioctl that scans the page map, `procfs` each opening of a file.
 *   as=MB data=MB nofile=N fsize=MB memlock=KB  a limit of the process
 *   no-proc          nothing is mounted on /proc
 *
 * Exits with 77 if the condition cannot be had here. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#if !defined(__linux__)

int main(void) {
    puts("skipped: it makes calls of the Linux kernel fail");
    return 77;
}

#else

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* Headers may be older than the kernel; the newer numbers are the same on all architectures. */
#ifndef SYS_process_madvise
#define SYS_process_madvise 440
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* Type 'f', number 16, whatever the size of the structure. */
#define PAGE_MAP_SCAN 0x6610

static const struct {
    const char *name;
    long number;
} calls[] = {
    {"memfd_create", SYS_memfd_create},
    {"userfaultfd", SYS_userfaultfd},
    {"scan", SYS_ioctl},
    {"ioctl", SYS_ioctl},
    {"membarrier", SYS_membarrier},
    {"madvise", SYS_madvise},
    {"process_madvise", SYS_process_madvise},
    {"process_vm_readv", SYS_process_vm_readv},
    {"process_vm_writev", SYS_process_vm_writev},
    {"futex_waitv", SYS_futex_waitv},
    {"mincore", SYS_mincore},
    {"mremap", SYS_mremap},
    {"fallocate", SYS_fallocate},
    {"copy_file_range", SYS_copy_file_range},
    {"getrandom", SYS_getrandom},
    {"sched_getaffinity", SYS_sched_getaffinity},
    {"prlimit", SYS_prlimit64},
    {"fstatfs", SYS_fstatfs},
    {"pipe2", SYS_pipe2},
};

static const struct {
    const char *name;
    int number;
} errors[] = {{"ENOSYS", ENOSYS}, {"EPERM", EPERM},   {"EACCES", EACCES}, {"EINVAL", EINVAL}, {"ENOMEM", ENOMEM},
              {"EAGAIN", EAGAIN}, {"EMFILE", EMFILE}, {"ENOTTY", ENOTTY}, {"EFAULT", EFAULT}};

static int impossible(const char *what) {
    printf("skipped: %s is refused here: %s\n", what, strerror(errno));
    return 77;
}

static bool refuse_call(long number, bool is_scan, int error) {
    struct sock_filter filter[8] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, is_scan ? 0xffff : 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, is_scan ? PAGE_MAP_SCAN : 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const struct sock_fprog program = {7, filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* "ERROR:NAME,NAME,...": 0, 77, or 2 for words that mean nothing. */
static int refuse_calls(char *condition) {
    char *const colon = strchr(condition, ':');
    char *name;
    size_t i;
    int error = 0;
    *colon = 0;
    for (i = 0; i < sizeof errors / sizeof *errors; i++)
        if (strcmp(errors[i].name, condition) == 0) error = errors[i].number;
    if (error == 0) return 2;
    for (name = strtok(colon + 1, ","); name != NULL; name = strtok(NULL, ",")) {
        for (i = 0; i < sizeof calls / sizeof *calls && strcmp(calls[i].name, name) != 0; i++) continue;
        if (i == sizeof calls / sizeof *calls) return 2;
        if (!refuse_call(calls[i].number, strcmp(name, "scan") == 0, error)) return impossible("a seccomp filter");
        /* These arguments would be refused by the kernel otherwise, with another error. */
        if (syscall(calls[i].number, -1L, (long)PAGE_MAP_SCAN, -1L, -1L, -1L, -1L) != -1 || errno != error) {
            fprintf(stderr, "under: %s is not refused\n", name);
            return 2;
        }
    }
    return 0;
}

static int hide_proc(void) {
    struct stat about;
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0 && unshare(CLONE_NEWNS) != 0) return impossible("a namespace");
    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (mount("none", "/proc", "tmpfs", 0, NULL) != 0 || stat("/proc/self", &about) == 0)
        return impossible("hiding /proc");
    return 0;
}

static int limit(const char *name, uint64_t number) {
    static const struct {
        const char *name;
        int resource;
        uint64_t unit;
    } limits[] = {{"as", RLIMIT_AS, UINT64_C(1) << 20},
                  {"data", RLIMIT_DATA, UINT64_C(1) << 20},
                  {"fsize", RLIMIT_FSIZE, UINT64_C(1) << 20},
                  {"memlock", RLIMIT_MEMLOCK, 1024},
                  {"nofile", RLIMIT_NOFILE, 1}};
    size_t i;
    for (i = 0; i < sizeof limits / sizeof *limits; i++)
        if (strcmp(limits[i].name, name) == 0) {
            const struct rlimit wanted = {(rlim_t)(number * limits[i].unit), (rlim_t)(number * limits[i].unit)};
            return setrlimit(limits[i].resource, &wanted) == 0 ? 0 : impossible(name);
        }
    return 2;
}

int main(int argc, char **argv) {
    int i, status = 0;
    for (i = 1; i < argc && strcmp(argv[i], "--") != 0 && status == 0; i++) {
        char *const equals = strchr(argv[i], '=');
        if (strcmp(argv[i], "no-proc") == 0) {
            status = hide_proc();
        } else if (equals != NULL) {
            *equals = 0;
            status = limit(argv[i], strtoull(equals + 1, NULL, 10));
        } else {
            status = strchr(argv[i], ':') != NULL ? refuse_calls(argv[i]) : 2;
        }
    }
    if (status == 77) return 77;
    if (status != 0 || i + 1 >= argc) {
        fprintf(stderr, "usage: under CONDITION... -- PROGRAM [ARGUMENT...]\n");
        return 2;
    }
    execv(argv[i + 1], argv + i + 1);
    perror(argv[i + 1]);
    return 126;
}

#endif
