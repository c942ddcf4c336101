/* See wasi.h. */
#define _POSIX_C_SOURCE 200809L

#include "wasi.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* The numbers of WASI's interface (preview 1) that are used here. */
enum {
    ERRNO_SUCCESS = 0,
    ERRNO_AGAIN = 6,
    ERRNO_BADF = 8,
    ERRNO_FAULT = 21,
    ERRNO_FBIG = 22,
    ERRNO_INTR = 27,
    ERRNO_INVAL = 28,
    ERRNO_IO = 29,
    ERRNO_ISDIR = 31,
    ERRNO_NOSPC = 51,
    ERRNO_NOTDIR = 54,
    ERRNO_NOTSUP = 58,
    ERRNO_OVERFLOW = 61,
    ERRNO_PIPE = 64,
    ERRNO_SPIPE = 70
};

enum { FILETYPE_UNKNOWN = 0, FILETYPE_BLOCK = 1, FILETYPE_CHARACTER = 2, FILETYPE_DIRECTORY = 3, FILETYPE_REGULAR = 4 };

enum { FDFLAG_APPEND = 1, FDFLAG_NONBLOCK = 4 };

enum { RIGHT_READ = 1 << 1, RIGHT_SEEK = 1 << 2, RIGHT_SET_FLAGS = 1 << 3, RIGHT_TELL = 1 << 5, RIGHT_WRITE = 1 << 6 };

enum { WHENCE_SET = 0, WHENCE_CURRENT = 1, WHENCE_END = 2 };

enum { VECTOR_BYTES = 8, POINTER_BYTES = 4 };

bool wasi_init(wasi_t *wasi, int argument_count, char *const *arguments) {
    uint64_t bytes = 0;
    for (int i = 0; i < argument_count; i++) {
        bytes += strlen(arguments[i]) + 1;
    }
    if (argument_count < 0 || bytes > UINT32_MAX) {
        return false;
    }
    memset(wasi, 0, sizeof *wasi);
    wasi->arguments = arguments;
    wasi->argument_count = (uint32_t)argument_count;
    return true;
}

/* --- the guest's memory ------------------------------------------------------------------------------------------ */

/* Our statuses as WASI says them. Only bounds can be wrong: the handle and the buffers are ours. */
static uint32_t touched(wasm_memory_status_t status) {
    return status == WASM_MEMORY_OK ? ERRNO_SUCCESS : ERRNO_FAULT;
}

static uint32_t put_u32(wasi_t *wasi, uint64_t address, uint32_t value) {
    return touched(wasm_memory_store_u32(wasi->memory, address, value));
}

/*
 * Is [address, address + length) in the guest's memory? Asked before a stream is touched, because bytes that were read
 * from a pipe cannot be put back. A memory has no holes and begins at 0, so the last byte answers for all.
 */
static bool in_memory(const wasi_t *wasi, uint64_t address, uint64_t length) {
    uint8_t ignored = 0;
    return length == 0 || wasm_memory_load_u8(wasi->memory, address + length - 1, &ignored) == WASM_MEMORY_OK;
}

/* One element of a guest's array of (address, length) pairs. */
static uint32_t get_vector(const wasi_t *wasi, uint64_t address, uint32_t *out_address, uint32_t *out_length) {
    if (wasm_memory_load_u32(wasi->memory, address, out_address) != WASM_MEMORY_OK) {
        return ERRNO_FAULT;
    }
    return touched(wasm_memory_load_u32(wasi->memory, address + POINTER_BYTES, out_length));
}

/* --- arguments and environment ----------------------------------------------------------------------------------- */

uint32_t Z_wasi_snapshot_preview1Z_args_sizes_get(wasi_t *wasi, uint32_t out_count, uint32_t out_bytes) {
    uint64_t bytes = 0; /* fits 32 bits: wasi_init saw to it */
    for (uint32_t i = 0; i < wasi->argument_count; i++) {
        bytes += strlen(wasi->arguments[i]) + 1;
    }
    uint32_t error = put_u32(wasi, out_count, wasi->argument_count);
    return error != ERRNO_SUCCESS ? error : put_u32(wasi, out_bytes, (uint32_t)bytes);
}

uint32_t Z_wasi_snapshot_preview1Z_args_get(wasi_t *wasi, uint32_t pointers, uint32_t bytes) {
    uint64_t pointer = pointers;
    uint64_t text = bytes;
    for (uint32_t i = 0; i < wasi->argument_count; i++) {
        size_t length = strlen(wasi->arguments[i]) + 1;
        if (wasm_memory_write(wasi->memory, text, wasi->arguments[i], length) != WASM_MEMORY_OK) {
            return ERRNO_FAULT;
        }
        /* It was written there, so the address fits 32 bits. */
        uint32_t error = put_u32(wasi, pointer, (uint32_t)text);
        if (error != ERRNO_SUCCESS) {
            return error;
        }
        pointer += POINTER_BYTES;
        text += length;
    }
    return ERRNO_SUCCESS;
}

uint32_t Z_wasi_snapshot_preview1Z_environ_sizes_get(wasi_t *wasi, uint32_t out_count, uint32_t out_bytes) {
    uint32_t error = put_u32(wasi, out_count, 0);
    return error != ERRNO_SUCCESS ? error : put_u32(wasi, out_bytes, 0);
}

uint32_t Z_wasi_snapshot_preview1Z_environ_get(wasi_t *wasi, uint32_t pointers, uint32_t bytes) {
    /* No variables: nothing to write, whatever the addresses. */
    (void)wasi;
    (void)pointers;
    (void)bytes;
    return ERRNO_SUCCESS;
}

/* --- streams ----------------------------------------------------------------------------------------------------- */

/* The guest's descriptors 0, 1, 2 are ours of the same number; it has no others. */
static bool is_open(const wasi_t *wasi, uint32_t fd) {
    return fd < sizeof wasi->closed / sizeof wasi->closed[0] && !wasi->closed[fd];
}

static uint32_t from_errno(void) {
    switch (errno) {
    case EAGAIN: return ERRNO_AGAIN;
    case EBADF: return ERRNO_BADF;
    case EFBIG: return ERRNO_FBIG;
    case EINTR: return ERRNO_INTR;
    case EINVAL: return ERRNO_INVAL;
    case EISDIR: return ERRNO_ISDIR;
    case ENOSPC: return ERRNO_NOSPC;
    case EOVERFLOW: return ERRNO_OVERFLOW;
    case EPIPE: return ERRNO_PIPE;
    case ESPIPE: return ERRNO_SPIPE;
    default: return ERRNO_IO;
    }
}

uint32_t Z_wasi_snapshot_preview1Z_fd_close(wasi_t *wasi, uint32_t fd) {
    if (!is_open(wasi, fd)) {
        return ERRNO_BADF;
    }
    /* Only the guest loses it; the host may still have something to say. */
    wasi->closed[fd] = true;
    return ERRNO_SUCCESS;
}

/* Moves bytes between a stream and guest memory [address, +length); *moved counts them, also if an error ends it. */
typedef uint32_t (*transfer_t)(wasi_t *wasi, int fd, uint64_t address, uint32_t length, uint32_t *moved);

static uint32_t pull(wasi_t *wasi, int fd, uint64_t address, uint32_t length, uint32_t *moved) {
    size_t room = length < sizeof wasi->transfer ? length : sizeof wasi->transfer;
    /* One read only: what is there now is the answer, and a terminal may have no more to give. */
    ssize_t got = read(fd, wasi->transfer, room);
    if (got < 0) {
        return from_errno();
    }
    *moved = (uint32_t)got;
    return touched(wasm_memory_write(wasi->memory, address, wasi->transfer, (size_t)got));
}

static uint32_t push(wasi_t *wasi, int fd, uint64_t address, uint32_t length, uint32_t *moved) {
    while (*moved < length) {
        size_t rest = length - *moved;
        size_t room = rest < sizeof wasi->transfer ? rest : sizeof wasi->transfer;
        if (wasm_memory_read(wasi->memory, address + *moved, wasi->transfer, room) != WASM_MEMORY_OK) {
            return ERRNO_FAULT;
        }
        ssize_t put = write(fd, wasi->transfer, room);
        if (put < 0) {
            return from_errno();
        }
        *moved += (uint32_t)put;
        if ((size_t)put < room) {
            break;
        }
    }
    return ERRNO_SUCCESS;
}

/* fd_read and fd_write: the guest's vectors in order, until one is not served whole. */
static uint32_t transfer(wasi_t *wasi, uint32_t fd, uint32_t vectors, uint32_t count, uint32_t out, transfer_t move) {
    if (!is_open(wasi, fd)) {
        return ERRNO_BADF;
    }
    if (!in_memory(wasi, out, POINTER_BYTES)) {
        return ERRNO_FAULT;
    }
    uint32_t total = 0;
    uint32_t error = ERRNO_SUCCESS;
    for (uint32_t i = 0; i < count && error == ERRNO_SUCCESS; i++) {
        uint32_t address = 0;
        uint32_t length = 0;
        error = get_vector(wasi, vectors + (uint64_t)i * VECTOR_BYTES, &address, &length);
        if (error != ERRNO_SUCCESS || length == 0) {
            continue;
        }
        /* A total that its 32 bits could not tell is refused, as is a range that is not the guest's. */
        if (!in_memory(wasi, address, length)) {
            error = ERRNO_FAULT;
        } else if (length > UINT32_MAX - total) {
            error = ERRNO_INVAL;
        } else {
            uint32_t moved = 0;
            error = move(wasi, (int)fd, address, length, &moved);
            total += moved;
            if (moved < length) {
                break;
            }
        }
    }
    /* What has moved has moved: an error after it is told by the next call, as POSIX does. */
    if (error != ERRNO_SUCCESS && total == 0) {
        return error;
    }
    return put_u32(wasi, out, total);
}

uint32_t Z_wasi_snapshot_preview1Z_fd_read(wasi_t *wasi, uint32_t fd, uint32_t vectors, uint32_t count, uint32_t out) {
    return transfer(wasi, fd, vectors, count, out, pull);
}

uint32_t Z_wasi_snapshot_preview1Z_fd_write(wasi_t *wasi, uint32_t fd, uint32_t vectors, uint32_t count, uint32_t out) {
    return transfer(wasi, fd, vectors, count, out, push);
}

uint32_t Z_wasi_snapshot_preview1Z_fd_seek(wasi_t *wasi, uint32_t fd, uint64_t offset, uint32_t whence, uint32_t out) {
    static const int ours[] = {[WHENCE_SET] = SEEK_SET, [WHENCE_CURRENT] = SEEK_CUR, [WHENCE_END] = SEEK_END};
    if (!is_open(wasi, fd)) {
        return ERRNO_BADF;
    }
    if (whence > WHENCE_END) {
        return ERRNO_INVAL;
    }
    if (!in_memory(wasi, out, sizeof(uint64_t))) {
        return ERRNO_FAULT;
    }
    /* The parameter is signed in WASI; wasm2c has one type for all 64 bits. */
    int64_t signed_offset = 0;
    memcpy(&signed_offset, &offset, sizeof signed_offset);
    off_t position = lseek((int)fd, (off_t)signed_offset, ours[whence]);
    if (position < 0) {
        return from_errno();
    }
    return touched(wasm_memory_store_u64(wasi->memory, out, (uint64_t)position));
}

/* The flags of a stream as WASI counts them; negative if it has none because it is not open here. */
static int flags_of(int fd) {
    int ours = fcntl(fd, F_GETFL);
    if (ours < 0) {
        return -1;
    }
    return ((ours & O_APPEND) != 0 ? FDFLAG_APPEND : 0) | ((ours & O_NONBLOCK) != 0 ? FDFLAG_NONBLOCK : 0);
}

uint32_t Z_wasi_snapshot_preview1Z_fd_fdstat_get(wasi_t *wasi, uint32_t fd, uint32_t out) {
    /* Layout: type u8 at 0, flags u16 at 2, rights u64 at 8, rights of what is opened through it u64 at 16. */
    unsigned char result[24] = {0};
    struct stat status;
    if (!is_open(wasi, fd)) {
        return ERRNO_BADF;
    }
    int flags = flags_of((int)fd);
    if (flags < 0 || fstat((int)fd, &status) != 0) {
        return from_errno();
    }

    /* WASI's C library takes a character device that cannot seek for a terminal, so the right to seek tells them apart. */
    bool terminal = isatty((int)fd) == 1;
    unsigned rights = RIGHT_SET_FLAGS | (fd == 0 ? RIGHT_READ : RIGHT_WRITE) | (terminal ? 0 : RIGHT_SEEK | RIGHT_TELL);
    unsigned char type = S_ISREG(status.st_mode)   ? FILETYPE_REGULAR
                         : S_ISCHR(status.st_mode) ? FILETYPE_CHARACTER
                         : S_ISDIR(status.st_mode) ? FILETYPE_DIRECTORY
                         : S_ISBLK(status.st_mode) ? FILETYPE_BLOCK
                                                   : FILETYPE_UNKNOWN;
    /* Little-endian by bytes; nothing here is above 255. */
    result[0] = type;
    result[2] = (unsigned char)flags;
    result[8] = (unsigned char)rights;
    return touched(wasm_memory_write(wasi->memory, out, result, sizeof result));
}

uint32_t Z_wasi_snapshot_preview1Z_fd_fdstat_set_flags(wasi_t *wasi, uint32_t fd, uint32_t flags) {
    if (!is_open(wasi, fd)) {
        return ERRNO_BADF;
    }
    int now = flags_of((int)fd);
    if (now < 0) {
        return from_errno();
    }
    /* The streams are shared with whoever started us; a guest does not get to change them under them. */
    return (uint32_t)now == flags ? ERRNO_SUCCESS : ERRNO_NOTSUP;
}

/* --- directories: none ------------------------------------------------------------------------------------------- */

/* A call that wants an open directory in `fd`. A stream is not one, and there is nothing else. */
static uint32_t not_a_directory(const wasi_t *wasi, uint32_t fd) {
    return is_open(wasi, fd) ? ERRNO_NOTDIR : ERRNO_BADF;
}

uint32_t Z_wasi_snapshot_preview1Z_fd_prestat_get(wasi_t *wasi, uint32_t fd, uint32_t out) {
    /* A program asks for 3, 4, ... until `badf`: that is how it learns which directories it was given. */
    (void)out;
    return not_a_directory(wasi, fd);
}

uint32_t Z_wasi_snapshot_preview1Z_fd_prestat_dir_name(wasi_t *wasi, uint32_t fd, uint32_t path, uint32_t length) {
    (void)path;
    (void)length;
    return not_a_directory(wasi, fd);
}

uint32_t Z_wasi_snapshot_preview1Z_path_filestat_get(wasi_t *wasi, uint32_t fd, uint32_t flags, uint32_t path,
                                                     uint32_t length, uint32_t out) {
    (void)flags;
    (void)path;
    (void)length;
    (void)out;
    return not_a_directory(wasi, fd);
}

uint32_t Z_wasi_snapshot_preview1Z_path_filestat_set_times(wasi_t *wasi, uint32_t fd, uint32_t flags, uint32_t path,
                                                           uint32_t length, uint64_t accessed, uint64_t modified,
                                                           uint32_t which) {
    (void)flags;
    (void)path;
    (void)length;
    (void)accessed;
    (void)modified;
    (void)which;
    return not_a_directory(wasi, fd);
}

uint32_t Z_wasi_snapshot_preview1Z_path_open(wasi_t *wasi, uint32_t fd, uint32_t lookup, uint32_t path, uint32_t length,
                                             uint32_t how, uint64_t rights, uint64_t inherited, uint32_t flags,
                                             uint32_t out) {
    (void)lookup;
    (void)path;
    (void)length;
    (void)how;
    (void)rights;
    (void)inherited;
    (void)flags;
    (void)out;
    return not_a_directory(wasi, fd);
}

uint32_t Z_wasi_snapshot_preview1Z_path_remove_directory(wasi_t *wasi, uint32_t fd, uint32_t path, uint32_t length) {
    (void)path;
    (void)length;
    return not_a_directory(wasi, fd);
}

uint32_t Z_wasi_snapshot_preview1Z_path_unlink_file(wasi_t *wasi, uint32_t fd, uint32_t path, uint32_t length) {
    (void)path;
    (void)length;
    return not_a_directory(wasi, fd);
}

/* --- the end ----------------------------------------------------------------------------------------------------- */

void Z_wasi_snapshot_preview1Z_proc_exit(wasi_t *wasi, uint32_t code) {
    wasi->exit_code = code;
    /* Between here and the setjmp lie only frames of the guest, which hold nothing that would have to be released. */
    longjmp(wasi->on_exit, 1);
}
