//! The raw floor: what the machine asks for, without any library in between.

use std::cell::UnsafeCell;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{
    Atomics, Base, FOR_EVER, Grow, GrowTogether, Host, Notify, Plan, SharedHost, Wait, Waited,
};
use crate::PAGE;
use crate::row::Result;

/// What a runtime reserves for a memory of 32-bit indexes: any index plus any offset.
const RESERVATION: usize = 8 << 30;

mod native {
    unsafe extern "C" {
        pub safe fn bench_load(cell: &u64) -> u64;
        pub safe fn bench_store(cell: &mut u64, value: u64);
        pub fn bench_atomic_load64(cell: *const u64) -> u64;
        pub fn bench_atomic_store64(cell: *mut u64, value: u64);
        pub fn bench_atomic_add64(cell: *mut u64, operand: u64) -> u64;
        pub fn bench_atomic_add32(cell: *mut u32, operand: u32) -> u32;
        pub fn bench_atomic_cmpxchg64(cell: *mut u64, expected: u64, replacement: u64) -> u64;
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

    /// A file's first bytes, which may be written. Panics if the system refuses.
    pub fn view(file: &File, length: usize, flags: i32) -> Self {
        let read_write = libc::PROT_READ | libc::PROT_WRITE;
        let descriptor = file.as_raw_fd();
        // SAFETY: as above.
        let base = unsafe { libc::mmap(ptr::null_mut(), length, read_write, flags, descriptor, 0) };
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

// SAFETY: it is a range of addresses, which any thread may ask for and give back; what is done with
// the bytes is the business of those who do it.
unsafe impl Send for System {}
// SAFETY: as above.
unsafe impl Sync for System {}

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

/// A page whose words threads wait for by the system's own call, and nothing else.
pub struct Futexes(System);

impl Futexes {
    pub fn new() -> Self {
        Self(System::reserve(PAGE, libc::PROT_READ | libc::PROT_WRITE))
    }

    fn word(&self, offset: u64) -> *mut u32 {
        assert!(offset < PAGE as u64 && offset.is_multiple_of(4));
        self.0.base().wrapping_add(offset as usize).cast()
    }
}

impl Base for Futexes {
    fn base(&self) -> *mut u8 {
        self.0.base()
    }
}

impl Wait<u32> for Futexes {
    fn wait(&self, offset: u64, expected: u32, timeout: i64) -> Waited {
        let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
        let time =
            libc::timespec { tv_sec: timeout / 1_000_000_000, tv_nsec: timeout % 1_000_000_000 };
        let relative = if timeout == FOR_EVER { ptr::null() } else { &raw const time };
        // SAFETY: the word is ours and lives, and so does the timeout, which NULL omits.
        let result = unsafe {
            libc::syscall(libc::SYS_futex, self.word(offset), operation, expected, relative)
        };
        // SAFETY: each thread has an errno.
        match (result, unsafe { *libc::__errno_location() }) {
            (0, _) | (_, libc::EINTR) => Waited::Woken,
            (_, libc::EAGAIN) => Waited::Differs,
            (_, libc::ETIMEDOUT) => Waited::TimedOut,
            (_, _) => panic!("futex: {}", io::Error::last_os_error()),
        }
    }
}

impl Notify for Futexes {
    fn notify(&self, offset: u64, count: u32) -> u32 {
        let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
        // SAFETY: the word is ours and lives.
        let result = unsafe { libc::syscall(libc::SYS_futex, self.word(offset), operation, count) };
        assert!(result >= 0, "futex: {}", io::Error::last_os_error());
        result as u32
    }
}

/// One instruction each, on one word, behind a function of a shared library.
#[derive(Default)]
pub struct OutOfLine(Box<UnsafeCell<u64>>);

impl Atomics for OutOfLine {
    fn load64(&self) -> u64 {
        // SAFETY: the word lives, and nobody accesses it in another way; so below.
        unsafe { native::bench_atomic_load64(self.0.get()) }
    }

    fn store64(&self, value: u64) {
        // SAFETY: as above.
        unsafe { native::bench_atomic_store64(self.0.get(), value) }
    }

    fn add64(&self, operand: u64) -> u64 {
        // SAFETY: as above.
        unsafe { native::bench_atomic_add64(self.0.get(), operand) }
    }

    fn add32(&self, operand: u32) -> u32 {
        // SAFETY: as above; the word has room for a smaller one.
        unsafe { native::bench_atomic_add32(self.0.get().cast(), operand) }
    }

    fn cmpxchg64(&self, expected: u64, replacement: u64) -> u64 {
        // SAFETY: as above.
        unsafe { native::bench_atomic_cmpxchg64(self.0.get(), expected, replacement) }
    }
}

/// Address space without rights that threads open page by page: each takes the next length and asks
/// the system for what is in between.
pub struct RawShared;

pub struct RawSharedMemory {
    region: System,
    length: AtomicUsize,
}

impl SharedHost for RawShared {
    type Memory = RawSharedMemory;

    fn open(_plan: Plan) -> Result<Self> {
        Ok(Self)
    }

    fn make(&self) -> RawSharedMemory {
        let region = System::reserve(RESERVATION, libc::PROT_NONE);
        let memory = RawSharedMemory { region, length: AtomicUsize::new(0) };
        assert!(memory.grow(1), "mprotect: {}", io::Error::last_os_error());
        memory
    }
}

impl GrowTogether for RawSharedMemory {
    fn grow(&self, pages: u32) -> bool {
        let more = pages as usize * PAGE;
        let length = self.length.fetch_add(more, Ordering::SeqCst);
        self.region.open(length, more)
    }

    fn pages(&self) -> u64 {
        (self.length.load(Ordering::SeqCst) / PAGE) as u64
    }
}
