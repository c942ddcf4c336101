/*
 * Included before every source of bzip2 when it is compiled for WASI (clang's -include): the one call it makes that
 * WASI's C library does not have.
 */
#ifndef WASM2C_HOST_BZIP2_GUEST_H
#define WASM2C_HOST_BZIP2_GUEST_H

#include <errno.h>
#include <sys/types.h>

/* WASI's files have no owner. bzip2 tries to hand on the input's owner and does not mind a refusal. */
static inline int fchown(int descriptor, uid_t owner, gid_t group) {
    (void)descriptor;
    (void)owner;
    (void)group;
    errno = ENOSYS;
    return -1;
}

#endif
