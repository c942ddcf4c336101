//! Memories that the host makes: the tables of its callbacks.

use super::boundary::quietly;
use super::config::wasm_config_t;
use super::memorytype::wasm_memorytype_t;
use super::sized::{Extensible, fields, read, struct_size};
use super::status::{WASM_MEMORY_OK, refusal, wasm_memory_status_t};
use crate::alloc::try_box;
use crate::creator::{Breach, LinearMemory, MemoryCreator};
use crate::error::Error;
use crate::sys::Purpose;
use crate::types::MemoryType;
use core::ffi::c_void;
use core::ops::Range;
use core::ptr;

/// The bytes of one memory, which the host provides. Its callbacks run on the calling thread, under no
/// lock; `grow_to` on one thread at a time, the others on several at once.
///
/// What the host promises: from `as_ptr` on, `byte_size` bytes are readable and writable until the next
/// `grow_to` or the finalizer; `as_ptr` is a multiple of the host's page size (`map_alignment_bytes` in the
/// stats) and stays, unless `memory_may_move` was set; bytes that are new to the guest are zero.
#[allow(non_camel_case_types, reason = "the C name")]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_linear_memory_t {
    /// Set to `sizeof(wasm_linear_memory_t)`.
    pub struct_size: usize,
    /// Passed to the callbacks.
    pub env: *mut c_void,
    /// How many bytes are accessible now; under GUARDED exactly as many as were asked for. Required.
    pub byte_size: Option<unsafe extern "C" fn(env: *mut c_void) -> usize>,
    /// Whether there is a most that the memory can have, and which. May be NULL: there is none.
    pub maximum_byte_size: Option<unsafe extern "C" fn(env: *mut c_void, out: *mut usize) -> bool>,
    /// Makes at least `new_size` bytes accessible (exactly so many under GUARDED), or answers why not and changes
    /// nothing; `PENDING` and `ASYNC_REQUIRED` are no answers. While it runs the memory's bytes count as lent:
    /// what reads or writes them answers `BORROWED`. Required.
    pub grow_to:
        Option<unsafe extern "C" fn(env: *mut c_void, new_size: usize) -> wasm_memory_status_t>,
    /// Where the bytes are. Required.
    pub as_ptr: Option<unsafe extern "C" fn(env: *mut c_void) -> *mut u8>,
    /// The addresses that belong to the memory, guards included. Required under GUARDED, where what lies in
    /// them past `byte_size` must fault; else it may be NULL: the bytes alone.
    pub wasm_accessible: Option<
        unsafe extern "C" fn(env: *mut c_void, out_start: *mut *mut u8, out_length: *mut usize),
    >,
    /// Called once, when the memory is gone. May be NULL.
    pub finalizer: Option<unsafe extern "C" fn(env: *mut c_void)>,
}

/// Who makes the memories of an engine. Its callbacks run on the calling thread, several at once if several
/// threads call, under no lock.
#[allow(non_camel_case_types, reason = "the C name")]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_memory_allocator_t {
    /// Set to `sizeof(wasm_memory_allocator_t)`.
    pub struct_size: usize,
    /// Passed to the callbacks.
    pub env: *mut c_void,
    /// Makes a memory of `minimum` zero bytes that can become `maximum` bytes large (`SIZE_MAX`: the type has no
    /// maximum), or answers why not (never `PENDING` or `ASYNC_REQUIRED`). Under GUARDED the span of `reserved_bytes` and, behind them,
    /// `guard_bytes` must be the memory's own, and what lies in it past the size must fault; else both are 0.
    /// It fills `out`, which has 256 zeroed bytes, and sets its `struct_size`. `type` is valid during the
    /// call. Required.
    pub new_memory: Option<
        unsafe extern "C" fn(
            env: *mut c_void,
            r#type: *const wasm_memorytype_t,
            minimum: usize,
            maximum: usize,
            reserved_bytes: usize,
            guard_bytes: usize,
            out: *mut wasm_linear_memory_t,
        ) -> wasm_memory_status_t,
    >,
    /// Called once, when the engine, its stores and the last of its memories are gone. May be NULL.
    pub finalizer: Option<unsafe extern "C" fn(env: *mut c_void)>,
}

type ByteSize = unsafe extern "C" fn(*mut c_void) -> usize;
type MaximumByteSize = unsafe extern "C" fn(*mut c_void, *mut usize) -> bool;
type GrowTo = unsafe extern "C" fn(*mut c_void, usize) -> wasm_memory_status_t;
type AsPtr = unsafe extern "C" fn(*mut c_void) -> *mut u8;
type WasmAccessible = unsafe extern "C" fn(*mut c_void, *mut *mut u8, *mut usize);
type Finalizer = unsafe extern "C" fn(*mut c_void);
type NewMemory = unsafe extern "C" fn(
    *mut c_void,
    *const wasm_memorytype_t,
    usize,
    usize,
    usize,
    usize,
    *mut wasm_linear_memory_t,
) -> wasm_memory_status_t;

// SAFETY: repr(C), starts with its size, the fields after it listed.
unsafe impl Extensible for wasm_linear_memory_t {
    const FIELDS: &'static [(usize, usize)] = fields!(wasm_linear_memory_t {
        env: *mut c_void,
        byte_size: Option<ByteSize>,
        maximum_byte_size: Option<MaximumByteSize>,
        grow_to: Option<GrowTo>,
        as_ptr: Option<AsPtr>,
        wasm_accessible: Option<WasmAccessible>,
        finalizer: Option<Finalizer>,
    });
}

// SAFETY: repr(C), starts with its size, the fields after it listed.
unsafe impl Extensible for wasm_memory_allocator_t {
    const FIELDS: &'static [(usize, usize)] = fields!(wasm_memory_allocator_t {
        env: *mut c_void,
        new_memory: Option<NewMemory>,
        finalizer: Option<Finalizer>,
    });
}

/// What the host must be called with in the end, exactly once.
struct Env {
    env: *mut c_void,
    finalizer: Option<Finalizer>,
}

// SAFETY: the contract of the ABI: callbacks may be called on any thread.
unsafe impl Send for Env {}
// SAFETY: as above.
unsafe impl Sync for Env {}

impl Drop for Env {
    fn drop(&mut self) {
        if let Some(finalizer) = self.finalizer {
            // SAFETY: the contract of the ABI; nobody has the table any more.
            unsafe { finalizer(self.env) };
        }
    }
}

struct HostMemory {
    host: Env,
    byte_size: ByteSize,
    maximum_byte_size: Option<MaximumByteSize>,
    grow_to: GrowTo,
    as_ptr: AsPtr,
    wasm_accessible: Option<WasmAccessible>,
}

// SAFETY: the contract of the ABI, as the documentation of wasm_linear_memory_t states it.
unsafe impl LinearMemory for HostMemory {
    fn byte_size(&self) -> usize {
        // SAFETY: the contract of the ABI: a callback that takes the table's env; so in all that follow.
        unsafe { (self.byte_size)(self.host.env) }
    }

    fn maximum_byte_size(&self) -> Option<usize> {
        let mut maximum = 0;
        let ask = self.maximum_byte_size?;
        // SAFETY: see above.
        unsafe { ask(self.host.env, &raw mut maximum) }.then_some(maximum)
    }

    fn grow_to(&self, new_size: usize) -> Result<(), Error> {
        // SAFETY: see above.
        match unsafe { (self.grow_to)(self.host.env, new_size) } {
            WASM_MEMORY_OK => Ok(()),
            status => Err(refusal(status, "grow_to", Purpose::Grow, new_size)),
        }
    }

    fn as_ptr(&self) -> *mut u8 {
        // SAFETY: see above.
        unsafe { (self.as_ptr)(self.host.env) }
    }

    fn wasm_accessible(&self) -> Range<usize> {
        let (start, length) = match self.wasm_accessible {
            None => (self.as_ptr(), self.byte_size()),
            Some(ask) => {
                let (mut start, mut length) = (ptr::null_mut(), 0);
                // SAFETY: see above.
                unsafe { ask(self.host.env, &raw mut start, &raw mut length) };
                (start, length)
            }
        };
        start.addr()..start.addr().saturating_add(length)
    }
}

struct HostAllocator {
    host: Env,
    new_memory: NewMemory,
}

// SAFETY: the contract of the ABI, as the documentation of wasm_memory_allocator_t states it.
unsafe impl MemoryCreator for HostAllocator {
    fn new_memory(
        &self,
        ty: &MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved_bytes: usize,
        guard_bytes: usize,
    ) -> Result<Box<dyn LinearMemory>, Error> {
        // Aligned like the table, and larger, for a host that knows more fields of it.
        let mut room = [0u64; 32];
        const { assert!(size_of::<wasm_linear_memory_t>() <= 256) };
        let out = room.as_mut_ptr().cast::<wasm_linear_memory_t>();
        let ty = wasm_memorytype_t::new(*ty);
        let maximum = maximum.unwrap_or(usize::MAX);
        // SAFETY: the contract of the ABI: a callback that takes the table's env.
        let status = unsafe {
            (self.new_memory)(
                self.host.env,
                &raw const ty,
                minimum,
                maximum,
                reserved_bytes,
                guard_bytes,
                out,
            )
        };
        if status != WASM_MEMORY_OK {
            return Err(refusal(status, "new_memory", Purpose::Reserve, minimum));
        }
        // SAFETY: the room starts with a number.
        let size = unsafe { out.cast::<usize>().read() };
        let empty = wasm_linear_memory_t {
            struct_size: 0,
            env: ptr::null_mut(),
            byte_size: None,
            maximum_byte_size: None,
            grow_to: None,
            as_ptr: None,
            wasm_accessible: None,
            finalizer: None,
        };
        let size_is_wrong = size < size_of::<usize>() || size > size_of_val(&room);
        // With a wrong size too: the room was zero, so what the host put there can be told.
        let known = if size_is_wrong { size_of::<wasm_linear_memory_t>() } else { size };
        // SAFETY: the room is larger than the table, which is all that is read of it.
        let table = unsafe { read(out, known, empty) };
        // Handed over: from here on its finalizer runs, whatever is wrong with it.
        let host = Env { env: table.env, finalizer: table.finalizer };
        let breach = |breach| Error::HostContract(breach);
        if size_is_wrong {
            return Err(breach(Breach::StructSize(size)));
        }
        let missing = |member| breach(Breach::MissingMember(member));
        Ok(try_box(HostMemory {
            byte_size: table.byte_size.ok_or_else(|| missing("byte_size"))?,
            maximum_byte_size: table.maximum_byte_size,
            grow_to: table.grow_to.ok_or_else(|| missing("grow_to"))?,
            as_ptr: table.as_ptr.ok_or_else(|| missing("as_ptr"))?,
            wasm_accessible: table.wasm_accessible,
            host,
        })?)
    }
}

/// Lets the host make all memories of the engine: from an arena of its own, from huge pages, over a file.
///
/// Under `WASM_MEMORY_BOUNDS_GUARDED` the host is asked for the reservation and the guards that the engine's
/// options say; under AUTO and CHECKED it is not, and the memories are CHECKED. What the host makes is looked
/// at when it is made and each time it has grown, and is refused with `HOST_CONTRACT` when it cannot be
/// right. (A base that moved without leave is the memory's base from then on all the same, for the old place
/// may be gone; such a memory should be deleted.) Shared types are `UNSUPPORTED`. Erasing and discarding write zeros.
///
/// Parameters: `config`: NULL is ignored, and the finalizer does not run. `allocator`: copied, in place of the
/// one set before; NULL: the library makes the memories again. One without `new_memory`, or with a
/// `struct_size` that does not reach it, makes `wasm_engine_new_with_config` return NULL
/// (`INVALID_ARGUMENT`), and its finalizer does not run.
/// Returns: nothing.
/// Ownership: `env` passes to the finalizer, which is called exactly once: when another allocator is set, when
/// the config is deleted or makes no engine, or when the engine, its stores and its memories are gone.
/// Threads: one at a time for one config.
/// Invalidates: the allocator before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_config_memory_allocator_set(
    config: *mut wasm_config_t,
    allocator: *const wasm_memory_allocator_t,
) {
    if config.is_null() {
        return;
    }
    quietly(|| {
        // SAFETY: the contract of the ABI: a table.
        let made = (!allocator.is_null()).then(|| unsafe { host_allocator(allocator) });
        // SAFETY: passed on.
        let config = unsafe { config.as_mut() };
        // The old one goes after the config has the new one.
        drop(config.map(|config| core::mem::replace(&mut config.allocator, made)));
    });
}

unsafe fn host_allocator(
    allocator: *const wasm_memory_allocator_t,
) -> Result<Box<dyn MemoryCreator>, Error> {
    let empty = wasm_memory_allocator_t {
        struct_size: 0,
        env: ptr::null_mut(),
        new_memory: None,
        finalizer: None,
    };
    // SAFETY: the contract of the ABI: a table, which starts with its size.
    let size = unsafe { struct_size(allocator) }.unwrap_or(0);
    // SAFETY: the contract of the ABI: so many bytes.
    let table = unsafe { read(allocator, size, empty) };
    let new_memory = table.new_memory.ok_or(Error::InvalidArgument {
        name: "memory_allocator",
        value: size as u64,
        expected: "the value is its struct_size, within which there is no new_memory; set that, and struct_size \
                   to sizeof of the table",
    })?;
    let host = Env { env: table.env, finalizer: table.finalizer };
    Ok(try_box(HostAllocator { host, new_memory })?)
}
