//! Ranges of a memory with a file in them, or with other rights.

use super::boundary::status;
use super::memory::{memory_of, wasm_memory_t};
use super::status::wasm_memory_status_t;
use crate::error::Error;
use crate::sys::{FileMapping, Protection};

/// What may be done with a range: `WASM_MEMORY_PROT_NONE`, `_READ` or `_READ_WRITE`.
#[allow(non_camel_case_types, reason = "the C name")]
pub type wasm_memory_protection_t = i32;

/// Nothing: every access of the guest faults.
pub const WASM_MEMORY_PROT_NONE: wasm_memory_protection_t = 0;
/// Reading; a write of the guest faults.
pub const WASM_MEMORY_PROT_READ: wasm_memory_protection_t = 1;
/// Reading and writing.
pub const WASM_MEMORY_PROT_READ_WRITE: wasm_memory_protection_t = 2;

/// A file is mapped to be read; a write of the guest faults.
pub const WASM_MEMORY_MAP_READ_ONLY: u32 = 1;
/// What is written stays in the memory.
pub const WASM_MEMORY_MAP_COPY_ON_WRITE: u32 = 2;
/// What is written goes into the file.
pub const WASM_MEMORY_MAP_SHARED: u32 = 3;

/// Maps a file into a range of a memory, in the place of what is there: bytes, other mappings, protections.
///
/// The mapping stays when the memory grows, and goes with `wasm_memory_unmap`, `wasm_memory_reset`, another mapping or the
/// memory. While there is one, the memory does not move. Discard and erase write zeros into it
/// (`WASM_MEMORY_MAP_SHARED`: into the file) and keep it. Reads, writes, fills and copies through this interface are
/// done by the kernel there: should the file become shorter than its mapping, they answer `IO`, and atomic accesses are
/// preceded by a look. (Should that happen, or the kernel refuse, in the middle of a call, some of the bytes have been written.)
/// The guest, and the host through pointers, is then ended by a signal, as with any
/// mapping of a file.
///
/// Parameters: `memory`: not consumed; nothing is changed on failure. `offset`, `file_offset`, `length`: in bytes, multiples of
/// `map_alignment_bytes` (stats). `fd`: a regular file, open for reading, and for `WASM_MEMORY_MAP_SHARED` for writing.
/// `flags`: one of `WASM_MEMORY_MAP_READ_ONLY`, `WASM_MEMORY_MAP_COPY_ON_WRITE`, `WASM_MEMORY_MAP_SHARED`.
/// Returns: `OK` (for no bytes too, which changes nothing), `NULL_ARGUMENT`, `INVALID_ARGUMENT` (flags), `SHARED` (not in
/// shared memories), `UNSUPPORTED` (host-made memories; those on the heap, where the process had no address space left;
/// systems on which this version cannot), `BORROWED`, `UNALIGNED`, `OUT_OF_BOUNDS`, `IO` (the descriptor is closed, not of a
/// regular file of ordinary pages or not open for this; the file ends before `file_offset + length`, its last page filled
/// up; the file system refuses), `OUT_OF_MEMORY`.
/// Ownership: the descriptor stays the caller's and may be closed after the call.
/// Threads: one at a time.
/// Invalidates: the contents of the range.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_map_file(
    memory: *mut wasm_memory_t,
    offset: u64,
    fd: isize,
    file_offset: u64,
    length: u64,
    flags: u32,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: passed on.
        let memory = unsafe { memory_of(memory) }?;
        let how = match flags {
            WASM_MEMORY_MAP_READ_ONLY => FileMapping::ReadOnly,
            WASM_MEMORY_MAP_COPY_ON_WRITE => FileMapping::CopyOnWrite,
            WASM_MEMORY_MAP_SHARED => FileMapping::Shared,
            unknown => {
                return Err(Error::InvalidArgument {
                    name: "flags",
                    value: unknown.into(),
                    expected: "use WASM_MEMORY_MAP_READ_ONLY (1), _COPY_ON_WRITE (2) or _SHARED (3)",
                });
            }
        };
        memory.map_file(offset, fd, file_offset, length, how)
    })
}

/// Makes a range zeros that can be read and written, whatever was there: bytes, a file, a protection.
///
/// Parameters: `memory`: not consumed; nothing is changed on failure. `offset`, `length`: in bytes, multiples of
/// `map_alignment_bytes` (stats).
/// Returns: `OK`, `NULL_ARGUMENT`, `SHARED`, `UNSUPPORTED` (host-made memories; those on the heap), `BORROWED`,
/// `UNALIGNED`, `OUT_OF_BOUNDS`, `OUT_OF_MEMORY`.
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: the contents of the range.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_unmap(
    memory: *mut wasm_memory_t,
    offset: u64,
    length: u64,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    status(|| unsafe { memory_of(memory) }?.unmap(offset, length))
}

/// Sets what may be done with a range, by the guest and through this interface, whose functions answer `PROTECTED` where
/// the guest would fault. The bytes stay. Protections stay when the memory grows, and go with another protection,
/// `wasm_memory_unmap`, `wasm_memory_map_file` or `wasm_memory_reset`. While there is one, the memory does not move.
///
/// Parameters: `memory`: not consumed; nothing is changed on failure. `offset`, `length`: in bytes, multiples of
/// `map_alignment_bytes` (stats). `protection`: a constant.
/// Returns: `OK` (for no bytes too), `NULL_ARGUMENT`, `INVALID_ARGUMENT` (protection), `SHARED`, `UNSUPPORTED` (host-made
/// memories; those on the heap), `BORROWED`, `UNALIGNED`, `OUT_OF_BOUNDS`, `PROTECTED` (a file is mapped there for
/// reading only, which cannot become writable), `OUT_OF_MEMORY` (each range takes mappings of the process; should the
/// system have done half of it and refuse to undo that, what the old or the new protection forbids stays forbidden).
/// Ownership: none passes.
/// Threads: one at a time.
/// Invalidates: nothing.
/// Specification: the memory control proposal, `memory.protect`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_protect(
    memory: *mut wasm_memory_t,
    offset: u64,
    length: u64,
    protection: wasm_memory_protection_t,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: passed on.
        let memory = unsafe { memory_of(memory) }?;
        let protection = match protection {
            WASM_MEMORY_PROT_NONE => Protection::None,
            WASM_MEMORY_PROT_READ => Protection::Read,
            WASM_MEMORY_PROT_READ_WRITE => Protection::ReadWrite,
            unknown => {
                return Err(Error::InvalidArgument {
                    name: "protection",
                    value: u64::from(unknown.cast_unsigned()),
                    expected: "use WASM_MEMORY_PROT_NONE (0), _READ (1) or _READ_WRITE (2)",
                });
            }
        };
        memory.protect(offset, length, protection)
    })
}
