//! Who is measured: the library, the floor, and the peers, behind the same few traits, so that one
//! piece of code drives every column of a row.

pub mod floor;
pub mod host_made;
pub mod in_place;
pub mod ours;
#[cfg(wasm2c)]
pub mod wasm2c;
#[cfg(feature = "peers")]
pub mod wasmi;
#[cfg(feature = "peers")]
pub mod wasmtime;
#[cfg(feature = "peers")]
pub mod wasmtime_pool;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::probe::NO_LIMIT;
use crate::row::Result;

/// How a memory keeps guest code inside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// What the subject does when it is not told.
    Default,
    /// By pages that fault.
    Guarded,
    /// By compares in the code.
    Checked,
}

/// The memories that a host makes. 32-bit index, pages of 64 KiB, not shared.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub bounds: Bounds,
    pub minimum: u32,
    pub maximum: u32,
}

impl Plan {
    /// One page that may not grow.
    pub fn one_page() -> Self {
        Self { bounds: Bounds::Default, minimum: 1, maximum: 1 }
    }
}

/// Makes memories. What a runtime does once and not for each memory happens in `open`.
pub trait Host: Sized + 'static {
    type Memory: Base + 'static;

    /// The most memories that may be made and dropped before `tidy` must be called.
    const CYCLES: u64 = NO_LIMIT;

    fn open(plan: Plan) -> Result<Self>;

    /// Dropping the memory deletes it. Panics if it cannot be made.
    fn make(&self) -> Self::Memory;

    /// Gives back what the subject itself leaves behind. Nobody times it.
    fn tidy(&self) {}

    /// One memory, made and touched to its last byte, so that no page of it is new to the system.
    fn warm(plan: Plan) -> Result<Self::Memory> {
        let [memory] = Self::warm_together(plan)?;
        Ok(memory)
    }

    /// The same of several memories, made one after the other by one host.
    fn warm_together<const N: usize>(plan: Plan) -> Result<[Self::Memory; N]> {
        let host = Self::open(plan)?;
        let memories = [(); N].map(|()| host.make());
        let bytes = crate::PAGE * plan.minimum as usize;
        for memory in &memories {
            // SAFETY: a new memory is as long as its minimum.
            unsafe { memory.base().write_bytes(1, bytes) };
        }
        Ok(memories)
    }
}

/// What a memory holds when it is new or reset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    Zeros,
    /// In every byte [`Fill::byte`].
    Image,
}

impl Fill {
    pub fn byte(self) -> u8 {
        match self {
            Self::Zeros => 0,
            Self::Image => 0x5a,
        }
    }
}

/// Makes memories where earlier ones were. How long they are and what they hold was said before.
pub trait Reuse: 'static {
    type Memory: Base + 'static;

    /// Dropping the memory deletes it. Panics if it cannot be made.
    fn make(&self) -> Self::Memory;
}

/// Back to what a memory held when it was new.
pub trait Reset: Base + 'static {
    fn reset(&mut self) -> bool;
}

/// Where the bytes are.
pub trait Base {
    fn base(&self) -> *mut u8;
}

/// The three questions of every runtime.
pub trait Observe: Base {
    fn data_size(&self) -> usize;
    fn pages(&self) -> u64;
}

/// Eight bytes in, eight bytes out. Each says whether it succeeded.
pub trait Access {
    fn read(&self, offset: u32, buffer: &mut [u8; 8]) -> bool;
    fn write(&mut self, offset: u32, bytes: &[u8; 8]) -> bool;
    fn load(&self, offset: u32, value: &mut u64) -> bool;
    fn store(&mut self, offset: u32, value: u64) -> bool;
}

/// Many bytes at once.
pub trait Bulk {
    fn fill(&mut self, offset: u32, value: u8, length: usize) -> bool;
    fn copy_within(&mut self, destination: u32, source: u32, length: usize) -> bool;
}

/// Bytes from one memory to another.
pub trait Transfer {
    fn copy_from(&mut self, destination: u32, from: &Self, source: u32, length: usize) -> bool;
}

/// Bytes back to zero.
pub trait Zero {
    fn zero(&mut self, offset: u32, length: usize) -> bool;
    /// All of them.
    fn erase(&mut self) -> bool;
}

/// The bytes, lent to a function that looks where they are.
pub trait Lend {
    fn with_data(&self) -> bool;
}

/// Where the bytes are, and the data of the store that they are in: something of both.
pub trait DataAndStore {
    fn data_and_store(&mut self) -> usize;
}

/// More pages: whether there are.
pub trait Grow {
    fn grow(&mut self, pages: u32) -> bool;
}

/// More pages, also while other threads ask for some.
pub trait GrowTogether: Send + Sync + 'static {
    /// Whether there are.
    fn grow(&self, pages: u32) -> bool;
    fn pages(&self) -> u64;
}

/// Makes memories that threads share.
pub trait SharedHost: Sized + 'static {
    type Memory: Send + Sync + 'static;

    fn open(plan: Plan) -> Result<Self>;

    /// Dropping the memory deletes it. Panics if it cannot be made.
    fn make(&self) -> Self::Memory;
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waited {
    Woken,
    Differs,
    TimedOut,
}

/// A timeout, in nanoseconds, that never comes.
pub const FOR_EVER: i64 = -1;

/// Waiting until somebody says that a word has changed.
pub trait Wait<W>: Base + Send + Sync + 'static {
    /// Waits only if the word is still what is expected.
    fn wait(&self, offset: u64, expected: W, timeout: i64) -> Waited;
}

/// Waking who waits.
pub trait Notify: Base + Send + Sync + 'static {
    /// At most so many: how many there were.
    fn notify(&self, offset: u64, count: u32) -> u32;
}

/// What can be waited for: a number that is loaded and stored as one.
pub trait Word: Copy + Eq + Send + 'static {
    /// The number of a turn. It may wrap.
    fn of(turn: u64) -> Self;

    /// # Safety
    /// There is an aligned word, and everyone accesses it atomically.
    unsafe fn load(at: *mut u8) -> Self;

    /// # Safety
    /// As above.
    unsafe fn store(at: *mut u8, value: Self);
}

impl Word for u32 {
    fn of(turn: u64) -> Self {
        turn as u32
    }

    unsafe fn load(at: *mut u8) -> Self {
        // SAFETY: see above.
        unsafe { AtomicU32::from_ptr(at.cast()) }.load(Ordering::SeqCst)
    }

    unsafe fn store(at: *mut u8, value: Self) {
        // SAFETY: see above.
        unsafe { AtomicU32::from_ptr(at.cast()) }.store(value, Ordering::SeqCst);
    }
}

impl Word for u64 {
    fn of(turn: u64) -> Self {
        turn
    }

    unsafe fn load(at: *mut u8) -> Self {
        // SAFETY: see above.
        unsafe { AtomicU64::from_ptr(at.cast()) }.load(Ordering::SeqCst)
    }

    unsafe fn store(at: *mut u8, value: Self) {
        // SAFETY: see above.
        unsafe { AtomicU64::from_ptr(at.cast()) }.store(value, Ordering::SeqCst);
    }
}

/// The eight-byte atomic accesses, and one of four bytes: what was there, except for the store.
pub trait Atomics {
    fn load64(&self) -> u64;
    fn store64(&self, value: u64);
    fn add64(&self, operand: u64) -> u64;
    fn add32(&self, operand: u32) -> u32;
    fn cmpxchg64(&self, expected: u64, replacement: u64) -> u64;
}
