//! The raw floor: what the machine asks for, without any library in between.

use std::io;
use std::ptr;

use super::{Base, Grow, Host, Plan};
use crate::PAGE;
use crate::row::Result;

/// What a runtime reserves for a memory of 32-bit indexes: any index plus any offset.
const RESERVATION: usize = 8 << 30;

mod native {
    unsafe extern "C" {
        pub safe fn bench_load(cell: &u64) -> u64;
        pub safe fn bench_store(cell: &mut u64, value: u64);
    }
}

/// One load behind a function of a shared library.
pub fn out_of_line_load(cell: &u64) -> u64 {
    native::bench_load(cell)
}

/// One store behind a function of a shared library.
pub fn out_of_line_store(cell: &mut u64, value: u64) {
    native::bench_store(cell, value);
}

/// Address space from the system, given back when dropped.
pub struct System {
    base: *mut u8,
    length: usize,
}

impl System {
    /// Panics if the system refuses.
    pub fn reserve(length: usize, protection: i32) -> Self {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping, at an address that the system chooses, touches nobody's memory.
        let base = unsafe { libc::mmap(ptr::null_mut(), length, protection, flags, -1, 0) };
        assert!(base != libc::MAP_FAILED, "mmap: {}", io::Error::last_os_error());
        Self { base: base.cast(), length }
    }

    pub fn base(&self) -> *mut u8 {
        self.base
    }

    /// Makes `length` bytes from `offset` on readable and writable: whether the system agreed.
    fn open(&self, offset: usize, length: usize) -> bool {
        assert!(offset + length <= self.length);
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: the range lies inside our own mapping, and more rights hurt nobody.
        unsafe { libc::mprotect(self.base.add(offset).cast(), length, protection) == 0 }
    }
}

impl RawMemory {
    /// Hands the pages in `length` bytes from `offset` on back to the system: they read as zero.
    pub fn give_back(&mut self, offset: usize, length: usize) -> bool {
        assert!(offset + length <= self.length);
        let start = self.base().wrapping_add(offset);
        // SAFETY: the range lies inside our own mapping, and nobody refers to its bytes.
        unsafe { libc::madvise(start.cast(), length, libc::MADV_DONTNEED) == 0 }
    }
}

impl Drop for System {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone and nothing points into it any more.
        let result = unsafe { libc::munmap(self.base.cast(), self.length) };
        assert_eq!(result, 0, "munmap: {}", io::Error::last_os_error());
    }
}

/// The shape that runtimes use: reserve 8 GiB without rights, open what the memory has, unmap.
pub struct Raw {
    plan: Plan,
}

pub struct RawMemory {
    region: System,
    length: usize,
}

impl Host for Raw {
    type Memory = RawMemory;

    fn open(plan: Plan) -> Result<Self> {
        Ok(Self { plan })
    }

    fn make(&self) -> RawMemory {
        let region = System::reserve(RESERVATION, libc::PROT_NONE);
        let mut memory = RawMemory { region, length: 0 };
        assert!(memory.grow(self.plan.minimum), "mprotect: {}", io::Error::last_os_error());
        memory
    }
}

impl Base for RawMemory {
    fn base(&self) -> *mut u8 {
        self.region.base()
    }
}

impl Grow for RawMemory {
    fn grow(&mut self, pages: u32) -> bool {
        let more = pages as usize * PAGE;
        let opened = self.region.open(self.length, more);
        self.length += more;
        opened
    }
}
