//! The structures of the header that the targets fill or read.

use crate::P;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Stats {
    pub struct_size: usize,
    pub byte_length: u64,
    pub reserved_bytes: u64,
    pub guard_bytes: u64,
    pub committed_bytes: u64,
    pub peak_bytes: u64,
    pub grow_count: u64,
    pub grow_failures: u64,
    pub waiters: u64,
    pub map_alignment_bytes: u64,
    pub bounds: i32,
    pub may_move: bool,
    pub shared: bool,
    pub resident_bytes: u64,
    pub dirty_granule_bytes: u64,
}

#[repr(C)]
pub struct PoolOptions {
    pub struct_size: usize,
    pub slots: u64,
    pub slot_bytes: u64,
    pub keep_resident_bytes: u64,
    pub decommit_batch: u64,
    pub overflow: bool,
}

#[repr(C)]
pub struct PoolStats {
    pub struct_size: usize,
    pub live: u64,
    pub warm: u64,
    pub cold: u64,
    pub retired: u64,
    pub hits: u64,
    pub misses: u64,
    pub reserved_bytes: u64,
    pub resident_bytes: u64,
}

#[repr(C)]
pub struct Limits {
    pub struct_size: usize,
    pub max_memory_bytes: u64,
    pub max_total_bytes: u64,
    pub max_memories: u64,
}

#[repr(C)]
pub struct Limiter {
    pub struct_size: usize,
    pub env: P,
    pub memory_growing: Option<unsafe extern "C" fn(P, u64, u64, u64) -> bool>,
    pub memory_grow_failed: Option<unsafe extern "C" fn(P, i32, *const core::ffi::c_char)>,
    pub finalizer: Option<unsafe extern "C" fn(P)>,
}

#[repr(C)]
pub struct LimiterAsync {
    pub struct_size: usize,
    pub env: P,
    pub memory_growing: Option<unsafe extern "C" fn(P, u64, u64, u64, P)>,
    pub memory_grow_failed: Option<unsafe extern "C" fn(P, i32, *const core::ffi::c_char)>,
    pub finalizer: Option<unsafe extern "C" fn(P)>,
}

#[repr(C)]
pub struct LinearMemory {
    pub struct_size: usize,
    pub env: P,
    pub byte_size: Option<unsafe extern "C" fn(P) -> usize>,
    pub maximum_byte_size: Option<unsafe extern "C" fn(P, *mut usize) -> bool>,
    pub grow_to: Option<unsafe extern "C" fn(P, usize) -> i32>,
    pub as_ptr: Option<unsafe extern "C" fn(P) -> *mut u8>,
    pub wasm_accessible: Option<unsafe extern "C" fn(P, *mut *mut u8, *mut usize)>,
    pub finalizer: Option<unsafe extern "C" fn(P)>,
}

type NewMemory = unsafe extern "C" fn(P, P, usize, usize, usize, usize, *mut LinearMemory) -> i32;

#[repr(C)]
pub struct Allocator {
    pub struct_size: usize,
    pub env: P,
    pub new_memory: Option<NewMemory>,
    pub finalizer: Option<unsafe extern "C" fn(P)>,
}

#[repr(C)]
pub struct Segment {
    pub offset: u64,
    pub bytes: *const u8,
    pub length: usize,
}

#[repr(C)]
pub struct TypeLimits {
    pub min: u32,
    pub max: u32,
}

#[repr(C)]
pub struct TypeVec {
    pub size: usize,
    pub data: *mut P,
}

/// Memories of a host's own: anonymous mappings of a fixed size, of which more and more counts.
pub mod host {
    use super::{Allocator, LinearMemory};
    use crate::P;
    use crate::ffi::{OK, OUT_OF_MEMORY};
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// What one can have at most.
    pub const ROOM: usize = 1 << 22;
    pub static LIVE: AtomicUsize = AtomicUsize::new(0);

    struct Made {
        base: *mut u8,
        size: usize,
    }

    unsafe extern "C" fn byte_size(env: P) -> usize {
        // SAFETY: the env is the `Made` that `new_memory` made.
        unsafe { (*env.cast::<Made>()).size }
    }

    unsafe extern "C" fn grow_to(env: P, size: usize) -> i32 {
        if size > ROOM {
            return OUT_OF_MEMORY;
        }
        // SAFETY: as above.
        unsafe { (*env.cast::<Made>()).size = size };
        OK
    }

    unsafe extern "C" fn as_ptr(env: P) -> *mut u8 {
        // SAFETY: as above.
        unsafe { (*env.cast::<Made>()).base }
    }

    unsafe extern "C" fn finalizer(env: P) {
        // SAFETY: called once, with the `Made` that `new_memory` made.
        unsafe {
            let made = Box::from_raw(env.cast::<Made>());
            libc::munmap(made.base.cast(), ROOM);
        }
        LIVE.fetch_sub(1, Ordering::Relaxed);
    }

    unsafe extern "C" fn new_memory(
        _env: P,
        _type: P,
        minimum: usize,
        _maximum: usize,
        reserved: usize,
        guard: usize,
        out: *mut LinearMemory,
    ) -> i32 {
        // No guards are made here: who wants some is told that there is no room.
        if minimum > ROOM || reserved != 0 || guard != 0 {
            return OUT_OF_MEMORY;
        }
        // SAFETY: a new mapping; `out` is the library's and has room for the structure.
        unsafe {
            let base = libc::mmap(
                core::ptr::null_mut(),
                ROOM,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
                -1,
                0,
            );
            if base == libc::MAP_FAILED {
                return OUT_OF_MEMORY;
            }
            let made = Box::new(Made { base: base.cast(), size: minimum });
            out.write(LinearMemory {
                struct_size: size_of::<LinearMemory>(),
                env: Box::into_raw(made).cast(),
                byte_size: Some(byte_size),
                maximum_byte_size: None,
                grow_to: Some(grow_to),
                as_ptr: Some(as_ptr),
                wasm_accessible: None,
                finalizer: Some(finalizer),
            });
        }
        LIVE.fetch_add(1, Ordering::Relaxed);
        OK
    }

    pub fn allocator() -> Allocator {
        Allocator {
            struct_size: size_of::<Allocator>(),
            env: core::ptr::null_mut(),
            new_memory: Some(new_memory),
            finalizer: None,
        }
    }
}
