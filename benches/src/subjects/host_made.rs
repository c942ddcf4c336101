//! The library with memories that the host makes: an allocator with one block, for one memory at a
//! time.

use std::cell::Cell;
use std::ffi::c_void;
use std::{mem, ptr};

use super::floor::System;
use super::ours::{Memory, Policy, Store, abi};
use super::{Host, Plan};
use crate::row::Result;

/// More than any row grows to. Nobody touches most of it.
const CAPACITY: usize = 1 << 30;

/// The host's side: the bytes, and how many of them are the memory's.
struct Block {
    region: System,
    length: Cell<usize>,
}

/// A host whose engine takes the bytes of its memories from a block.
pub struct HostMade {
    store: Store,
    policy: Policy,
}

impl Host for HostMade {
    type Memory = Memory;

    fn open(plan: Plan) -> Result<Self> {
        let region = System::reserve(CAPACITY, libc::PROT_READ | libc::PROT_WRITE);
        let block = Box::new(Block { region, length: Cell::new(0) });
        let allocator = abi::Allocator {
            struct_size: mem::size_of::<abi::Allocator>(),
            env: Box::into_raw(block).cast(),
            new_memory: Some(new_memory),
            finalizer: Some(finalize),
        };
        let policy = Policy::open_with(plan, |config| {
            // SAFETY: the configuration is live and the table is copied.
            unsafe { abi::wasm_config_memory_allocator_set(config, &allocator) }
        })?;
        Ok(Self { store: policy.store(), policy })
    }

    fn make(&self) -> Memory {
        self.policy.memory(&self.store)
    }
}

/// SAFETY: `env` is that of the table above, and the finalizer has not run.
unsafe fn block<'a>(env: *mut c_void) -> &'a Block {
    // SAFETY: see above.
    unsafe { &*env.cast::<Block>() }
}

unsafe extern "C" fn new_memory(
    env: *mut c_void,
    _type: *const abi::MemoryType,
    minimum: usize,
    _maximum: usize,
    _reserved_bytes: usize,
    _guard_bytes: usize,
    out: *mut abi::LinearMemory,
) -> i32 {
    // The rows write nothing into these memories: the block is as zero as it was.
    // SAFETY: the library hands on our own `env`, here and below.
    let status = unsafe { grow_to(env, minimum) };
    if status == abi::OK {
        let made = abi::LinearMemory {
            struct_size: mem::size_of::<abi::LinearMemory>(),
            env,
            byte_size: Some(byte_size),
            maximum_byte_size: Some(maximum_byte_size),
            grow_to: Some(grow_to),
            as_ptr: Some(as_ptr),
            wasm_accessible: None,
            finalizer: None,
        };
        // SAFETY: the library has room for it.
        unsafe { ptr::write(out, made) }
    }
    status
}

unsafe extern "C" fn byte_size(env: *mut c_void) -> usize {
    // SAFETY: as above.
    unsafe { block(env) }.length.get()
}

unsafe extern "C" fn maximum_byte_size(_env: *mut c_void, out: *mut usize) -> bool {
    // SAFETY: `out` is a place for the answer.
    unsafe { ptr::write(out, CAPACITY) };
    true
}

unsafe extern "C" fn grow_to(env: *mut c_void, new_size: usize) -> i32 {
    if new_size > CAPACITY {
        return abi::OUT_OF_MEMORY;
    }
    // SAFETY: as above.
    unsafe { block(env) }.length.set(new_size);
    abi::OK
}

unsafe extern "C" fn as_ptr(env: *mut c_void) -> *mut u8 {
    // SAFETY: as above.
    unsafe { block(env) }.region.base()
}

unsafe extern "C" fn finalize(env: *mut c_void) {
    // SAFETY: it was a box, and this runs once, when nobody uses it any more.
    drop(unsafe { Box::from_raw(env.cast::<Block>()) });
}
