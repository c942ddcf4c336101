//! wasm2c's own runtime, compiled from the sources of the package `wabt`, and code it generated.

use std::cell::RefCell;
use std::io;
use std::mem;
use std::ptr;

use super::{Base, Bounds, Grow, Host, Plan};
use crate::row::Result;

pub const NAME: &str = "wasm2c";

/// What `wasm_rt_allocate_memory` reserves when it guards.
const RESERVATION: usize = 8 << 30;

/// `wasm_rt_memory_t` of `wasm-rt.h`: generated code reads its fields.
#[repr(C)]
pub struct Raw {
    pub data: *mut u8,
    pages: u32,
    max_pages: u32,
    pub size: u32,
}

/// An instance of `native/loops.wat`.
pub enum Loops {}

mod abi {
    use super::{Loops, Raw};

    unsafe extern "C" {
        pub fn wasm2c_guarded_allocate_memory(memory: *mut Raw, pages: u32, maximum: u32);
        pub fn wasm2c_guarded_grow_memory(memory: *mut Raw, pages: u32) -> u32;
        pub fn wasm2c_guarded_free_memory(memory: *mut Raw);
        pub fn wasm2c_checked_allocate_memory(memory: *mut Raw, pages: u32, maximum: u32);
        pub fn wasm2c_checked_grow_memory(memory: *mut Raw, pages: u32) -> u32;
        pub fn wasm2c_checked_free_memory(memory: *mut Raw);
        pub fn wasm2c_checked_loops_new() -> *mut Loops;
        pub fn wasm2c_checked_loops_load(loops: *mut Loops, count: u64) -> u32;
        pub fn wasm2c_checked_loops_store(loops: *mut Loops, count: u64);
        pub fn wasm2c_checked_loops_delete(loops: *mut Loops);
    }
}

thread_local! {
    /// The rests of reservations: this runtime unmaps only as much as the memory was long.
    static RESTS: RefCell<Vec<(usize, usize)>> = const { RefCell::new(Vec::new()) };
}

pub struct Wasm2c {
    plan: Plan,
}

pub struct Memory {
    pub raw: Raw,
    guarded: bool,
}

impl Host for Wasm2c {
    type Memory = Memory;

    /// 256 rests of 8 GiB are 2 TiB, which every address space has.
    const CYCLES: u64 = 256;

    fn open(plan: Plan) -> Result<Self> {
        Ok(Self { plan })
    }

    fn make(&self) -> Memory {
        let Plan { bounds, minimum, maximum } = self.plan;
        let raw = Raw { data: ptr::null_mut(), pages: 0, max_pages: 0, size: 0 };
        let mut memory = Memory { raw, guarded: bounds != Bounds::Checked };
        // SAFETY: both fill the structure, or end the process.
        unsafe {
            if memory.guarded {
                abi::wasm2c_guarded_allocate_memory(&mut memory.raw, minimum, maximum);
            } else {
                abi::wasm2c_checked_allocate_memory(&mut memory.raw, minimum, maximum);
            }
        }
        memory
    }

    fn tidy(&self) {
        for (start, length) in RESTS.take() {
            // SAFETY: the range is what the runtime left of a reservation whose memory is gone.
            let result = unsafe { libc::munmap(start as *mut libc::c_void, length) };
            assert_eq!(result, 0, "munmap: {}", io::Error::last_os_error());
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the memory was allocated by the same half of the runtime.
        unsafe {
            if self.guarded {
                let length = self.raw.size as usize;
                let rest = (self.raw.data as usize + length, RESERVATION - length);
                RESTS.with_borrow_mut(|rests| rests.push(rest));
                abi::wasm2c_guarded_free_memory(&mut self.raw);
            } else {
                abi::wasm2c_checked_free_memory(&mut self.raw);
            }
        }
    }
}

impl Base for Memory {
    fn base(&self) -> *mut u8 {
        self.raw.data
    }
}

impl Grow for Memory {
    fn grow(&mut self, pages: u32) -> bool {
        // SAFETY: the memory is live.
        let previous = unsafe {
            if self.guarded {
                abi::wasm2c_guarded_grow_memory(&mut self.raw, pages)
            } else {
                abi::wasm2c_checked_grow_memory(&mut self.raw, pages)
            }
        };
        previous != u32::MAX
    }
}

/// The generated loops over a memory of one page, with explicit checks.
pub struct Generated(*mut Loops);

impl Generated {
    pub fn new() -> Result<Self> {
        // SAFETY: it has no conditions.
        let loops = unsafe { abi::wasm2c_checked_loops_new() };
        if loops.is_null() { Err("wasm2c: out of memory".into()) } else { Ok(Self(loops)) }
    }

    pub fn load(&mut self, count: u64) -> u32 {
        // SAFETY: the instance is live, as below, and the loop stays in its page.
        unsafe { abi::wasm2c_checked_loops_load(self.0, count) }
    }

    pub fn store(&mut self, count: u64) {
        // SAFETY: as above.
        unsafe { abi::wasm2c_checked_loops_store(self.0, count) }
    }
}

impl Drop for Generated {
    fn drop(&mut self) {
        let loops = mem::replace(&mut self.0, ptr::null_mut());
        // SAFETY: the instance is ours.
        unsafe { abi::wasm2c_checked_loops_delete(loops) }
    }
}
