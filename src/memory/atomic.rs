//! Atomic operations, wait and notify.
//!
//! The order of the checks is the specification's: alignment, then (for waits) sharedness, then bounds.

use super::Memory;
use super::shared::{Queue, Shared};
use crate::error::Error;
use crate::sys;
use crate::wait::Outcome;
use core::sync::atomic::Ordering::SeqCst;
use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, fence};
use core::time::Duration;

/// What a read-modify-write operation does with the old value and its operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RmwOp {
    /// The sum, modulo 2^N.
    Add,
    /// The old value less the operand, modulo 2^N.
    Sub,
    /// Bitwise and.
    And,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// The operand.
    Xchg,
}

/// How a wait went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitResult {
    /// A notify woke it, and counted it.
    Ok,
    /// The value was not the expected one.
    Mismatch,
    /// The time was over before a notify came.
    TimedOut,
}

/// An integer that atomic instructions work on; little-endian in memory on every host. Those of
/// WebAssembly's widths are it, and nothing else can be.
pub trait AtomicInteger: Copy + Eq + sealed::Atomic {}

mod sealed {
    use super::RmwOp;

    /// # Safety
    /// The operations touch exactly `size_of::<Self>()` bytes.
    #[allow(clippy::missing_safety_doc, reason = "see the trait: an aligned place of live bytes")]
    pub unsafe trait Atomic: Sized {
        unsafe fn load(from: *mut u8) -> Self;
        unsafe fn store(to: *mut u8, value: Self);
        unsafe fn rmw(at: *mut u8, op: RmwOp, operand: Self) -> Self;
        unsafe fn cmpxchg(at: *mut u8, expected: Self, replacement: Self) -> Self;
    }
}

macro_rules! atomic_integers {
    ($($integer:ty, $atomic:ty);*) => {$(
        impl AtomicInteger for $integer {}

        // SAFETY: the atomic has the integer's size. Its accesses may meet others of another width, by the guest
        // or by another call, which the processor defines: each of them is one instruction.
        unsafe impl sealed::Atomic for $integer {
            #[inline]
            unsafe fn load(from: *mut u8) -> Self {
                // SAFETY: the caller's place.
                Self::from_le(unsafe { <$atomic>::from_ptr(from.cast()) }.load(SeqCst))
            }

            #[inline]
            unsafe fn store(to: *mut u8, value: Self) {
                // SAFETY: the caller's place.
                unsafe { <$atomic>::from_ptr(to.cast()) }.store(value.to_le(), SeqCst);
            }

            #[inline]
            unsafe fn rmw(at: *mut u8, op: RmwOp, operand: Self) -> Self {
                // SAFETY: the caller's place.
                let place = unsafe { <$atomic>::from_ptr(at.cast()) };
                let swapped = operand.to_le();
                Self::from_le(match op {
                    // Carries run through the bytes in the order of the host.
                    RmwOp::Add if cfg!(target_endian = "big") => {
                        update(|old, new| place.compare_exchange_weak(old, new, SeqCst, SeqCst),
                               place.load(SeqCst), |old| Self::from_le(old).wrapping_add(operand).to_le())
                    }
                    RmwOp::Sub if cfg!(target_endian = "big") => {
                        update(|old, new| place.compare_exchange_weak(old, new, SeqCst, SeqCst),
                               place.load(SeqCst), |old| Self::from_le(old).wrapping_sub(operand).to_le())
                    }
                    RmwOp::Add => place.fetch_add(operand, SeqCst),
                    RmwOp::Sub => place.fetch_sub(operand, SeqCst),
                    RmwOp::And => place.fetch_and(swapped, SeqCst),
                    RmwOp::Or => place.fetch_or(swapped, SeqCst),
                    RmwOp::Xor => place.fetch_xor(swapped, SeqCst),
                    RmwOp::Xchg => place.swap(swapped, SeqCst),
                })
            }

            #[inline]
            unsafe fn cmpxchg(at: *mut u8, expected: Self, replacement: Self) -> Self {
                // SAFETY: the caller's place.
                let place = unsafe { <$atomic>::from_ptr(at.cast()) };
                let (expected, replacement) = (expected.to_le(), replacement.to_le());
                match place.compare_exchange(expected, replacement, SeqCst, SeqCst) {
                    Ok(old) | Err(old) => Self::from_le(old),
                }
            }
        }
    )*};
}

atomic_integers!(u8, AtomicU8; u16, AtomicU16; u32, AtomicU32; u64, AtomicU64);

/// Replaces a value by what `change` makes of it; returns the old one.
#[inline]
fn update<T: Copy>(
    mut replace: impl FnMut(T, T) -> Result<T, T>,
    mut old: T,
    change: impl Fn(T) -> T,
) -> T {
    loop {
        match replace(old, change(old)) {
            Ok(old) => return old,
            Err(now) => old = now,
        }
    }
}

/// `atomic.fence`: orders what the calling thread does before with what it does after, for all threads.
pub fn atomic_fence() {
    fence(SeqCst);
}

impl Memory {
    /// Only what lies at a multiple of its size can be accessed atomically. (A base is at a multiple of all.)
    #[inline]
    fn aligned<T: AtomicInteger>(offset: u64) -> Result<(), Error> {
        let width = size_of::<T>() as u64;
        if offset & width.wrapping_sub(1) == 0 {
            Ok(())
        } else {
            Err(Error::Unaligned { offset, width })
        }
    }

    /// An atomic load: the integer at `offset`.
    #[inline]
    pub fn atomic_load<T: AtomicInteger>(&self, offset: u64) -> Result<T, Error> {
        Self::aligned::<T>(offset)?;
        let width = size_of::<T>() as u64;
        let from =
            self.readable(offset, width).or_else(|denied| self.after_all(denied, offset, width))?;
        // SAFETY: aligned, and the bytes were found in the memory.
        Ok(unsafe { T::load(from) })
    }

    /// An atomic store.
    #[inline]
    pub fn atomic_store<T: AtomicInteger>(&self, offset: u64, value: T) -> Result<(), Error> {
        Self::aligned::<T>(offset)?;
        let width = size_of::<T>() as u64;
        let to =
            self.writable(offset, width).or_else(|denied| self.after_all(denied, offset, width))?;
        // SAFETY: aligned, and the bytes were found in the memory.
        unsafe { T::store(to, value) };
        Ok(())
    }

    /// An atomic read-modify-write operation. Returns the old value.
    ///
    /// ```
    /// use wasm_memory::{Engine, Error, IndexType, MemoryType, PageSize, Policy, RmwOp, SharedMemory};
    ///
    /// let engine = Engine::new(Policy::default())?;
    /// let ty = MemoryType::custom(IndexType::I32, PageSize::Wasm, 1, Some(1), true)?;
    /// let memory = SharedMemory::new(&engine, ty)?;
    /// std::thread::scope(|scope| {
    ///     for _ in 0..4 {
    ///         scope.spawn(|| (0..1000).try_for_each(|_| memory.atomic_rmw(RmwOp::Add, 8, 1u32).map(drop)));
    ///     }
    /// });
    /// assert_eq!(memory.atomic_load::<u32>(8)?, 4000);
    /// // The old value tells whether it was replaced.
    /// assert_eq!(memory.atomic_cmpxchg(8, 4000u32, 7)?, 4000);
    /// assert_eq!(memory.atomic_load::<u32>(9), Err(Error::Unaligned { offset: 9, width: 4 }));
    /// # Ok::<(), Error>(())
    /// ```
    #[inline]
    pub fn atomic_rmw<T: AtomicInteger>(
        &self,
        op: RmwOp,
        offset: u64,
        operand: T,
    ) -> Result<T, Error> {
        Self::aligned::<T>(offset)?;
        let width = size_of::<T>() as u64;
        let at =
            self.writable(offset, width).or_else(|denied| self.after_all(denied, offset, width))?;
        // SAFETY: aligned, and the bytes were found in the memory.
        Ok(unsafe { T::rmw(at, op, operand) })
    }

    /// An atomic compare-and-exchange: replaces the value if it is the expected one. Returns the old value.
    #[inline]
    pub fn atomic_cmpxchg<T: AtomicInteger>(
        &self,
        offset: u64,
        expected: T,
        replacement: T,
    ) -> Result<T, Error> {
        Self::aligned::<T>(offset)?;
        let width = size_of::<T>() as u64;
        let at =
            self.writable(offset, width).or_else(|denied| self.after_all(denied, offset, width))?;
        // SAFETY: aligned, and the bytes were found in the memory.
        Ok(unsafe { T::cmpxchg(at, expected, replacement) })
    }

    /// What makes this memory a shared one.
    #[inline]
    fn expect_shared(&self) -> Result<&Shared, Error> {
        self.shared().ok_or(Error::NotShared)
    }

    /// A wait as far as that goes without waiting: `None` if the value is the expected one and `timeout_ns` is
    /// not 0.
    #[inline]
    pub(crate) fn wait_now<T: AtomicInteger>(
        &self,
        offset: u64,
        expected: T,
        timeout_ns: i64,
    ) -> Result<Option<WaitResult>, Error> {
        Self::aligned::<T>(offset)?;
        let shared = self.expect_shared()?;
        let at = self.range(offset, size_of::<T>() as u64)?;
        if shared.queue.is_closed() {
            return Err(Error::Closed);
        }
        // SAFETY: aligned, and the bytes were found in the memory.
        if unsafe { T::load(at) } != expected {
            return Ok(Some(WaitResult::Mismatch));
        }
        Ok((timeout_ns == 0).then_some(WaitResult::TimedOut))
    }

    /// The rest of a wait for which [`Memory::wait_now`] had no answer.
    #[cold]
    pub(crate) fn wait_asleep<T: AtomicInteger>(
        &self,
        offset: u64,
        expected: T,
        timeout_ns: i64,
    ) -> Result<WaitResult, Error> {
        let shared = self.expect_shared()?;
        let at = self.range(offset, size_of::<T>() as u64)?;
        // Negative: for ever. What the clock will never show is for ever, too.
        let timeout = u64::try_from(timeout_ns).ok();
        let deadline =
            timeout.and_then(|timeout| sys::monotonic_nanoseconds().checked_add(timeout));
        // SAFETY: aligned, as `wait_now` found, and the bytes were found in the memory.
        let is_equal = || unsafe { T::load(at) } == expected;
        match shared.queue.wait(offset, is_equal, deadline)? {
            Outcome::Notified => Ok(WaitResult::Ok),
            Outcome::Mismatch => Ok(WaitResult::Mismatch),
            Outcome::TimedOut => Ok(WaitResult::TimedOut),
            Outcome::Interrupted => Err(Error::Interrupted),
            Outcome::Closed => Err(Error::Closed),
            Outcome::TooMany => Err(Error::TooManyWaiters { offset }),
        }
    }

    fn wait<T: AtomicInteger>(
        &self,
        offset: u64,
        expected: T,
        timeout: Option<Duration>,
    ) -> Result<WaitResult, Error> {
        let nanoseconds = |timeout: Duration| i64::try_from(timeout.as_nanos()).unwrap_or(-1);
        let timeout_ns = timeout.map_or(-1, nanoseconds);
        match self.wait_now(offset, expected, timeout_ns)? {
            Some(result) => Ok(result),
            None => self.wait_asleep(offset, expected, timeout_ns),
        }
    }

    /// `memory.atomic.wait32`: if the integer at `offset` is the expected one, waits until a notify wakes the
    /// thread, or until `timeout` is over; `None`: for ever. It wakes for no other reason, but for
    /// [`Error::Interrupted`] and [`Error::Closed`].
    ///
    /// ```
    /// use std::thread;
    /// use std::time::Duration;
    /// use wasm_memory::{Engine, Error, IndexType, MemoryType, PageSize, Policy, SharedMemory, WaitResult};
    ///
    /// let engine = Engine::new(Policy::default())?;
    /// let ty = MemoryType::custom(IndexType::I32, PageSize::Wasm, 1, Some(1), true)?;
    /// let memory = SharedMemory::new(&engine, ty)?;
    /// assert_eq!(memory.atomic_wait32(0, 1, None)?, WaitResult::Mismatch);
    /// assert_eq!(memory.atomic_wait32(0, 0, Some(Duration::from_millis(1)))?, WaitResult::TimedOut);
    ///
    /// let wait = |memory: &SharedMemory| {
    ///     let memory = memory.clone();
    ///     thread::spawn(move || memory.atomic_wait32(0, 0, None))
    /// };
    /// // A guest that waits is woken by a guest that notifies, ...
    /// let waiting = wait(&memory);
    /// while memory.atomic_notify(0, 1)? == 0 {
    ///     thread::yield_now();
    /// }
    /// assert_eq!(waiting.join().unwrap(), Ok(WaitResult::Ok));
    /// // ... and by a host that wants its thread back, for now or for good.
    /// let waiting = wait(&memory);
    /// while memory.interrupt_waiters()? == 0 {
    ///     thread::yield_now();
    /// }
    /// assert_eq!(waiting.join().unwrap(), Err(Error::Interrupted));
    /// memory.close_waiters()?;
    /// assert_eq!(memory.atomic_wait32(0, 0, None), Err(Error::Closed));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn atomic_wait32(
        &self,
        offset: u64,
        expected: u32,
        timeout: Option<Duration>,
    ) -> Result<WaitResult, Error> {
        self.wait(offset, expected, timeout)
    }

    /// `memory.atomic.wait64`: the same for eight bytes.
    pub fn atomic_wait64(
        &self,
        offset: u64,
        expected: u64,
        timeout: Option<Duration>,
    ) -> Result<WaitResult, Error> {
        self.wait(offset, expected, timeout)
    }

    /// `memory.atomic.notify`: wakes the first `count` threads that wait on `offset`, in whichever width, and
    /// says how many there were: 0 on a memory that is not shared.
    #[inline]
    pub fn atomic_notify(&self, offset: u64, count: u32) -> Result<u32, Error> {
        Self::aligned::<u32>(offset)?;
        self.range(offset, size_of::<u32>() as u64)?;
        match self.shared() {
            Some(shared) if count != 0 => shared.queue.notify(offset, count),
            _ => Ok(0),
        }
    }

    /// Ends all waits on the memory with [`Error::Interrupted`], and says how many they were.
    pub fn interrupt_waiters(&self) -> Result<u32, Error> {
        self.expect_shared()?.queue.interrupt()
    }

    /// Ends all waits on the memory with [`Error::Closed`], and every later one.
    pub fn close_waiters(&self) -> Result<(), Error> {
        self.expect_shared()?.queue.close()
    }
}

const BROKEN: Error =
    Error::Internal("the queue of waiters in an exported memory has been destroyed");

impl Queue {
    #[inline]
    fn is_closed(&self) -> bool {
        match self {
            Self::Local(queue) => queue.is_closed(),
            Self::Crossing(exported) => exported.queue.is_closed(),
        }
    }

    fn wait(
        &self,
        offset: u64,
        is_equal: impl Fn() -> bool,
        deadline: Option<u64>,
    ) -> Result<Outcome, Error> {
        match self {
            Self::Local(queue) => Ok(queue.wait(offset, is_equal, deadline)),
            Self::Crossing(exported) => {
                exported.queue.wait(offset, is_equal, deadline).ok_or(BROKEN)
            }
        }
    }

    #[inline]
    fn notify(&self, offset: u64, count: u32) -> Result<u32, Error> {
        match self {
            Self::Local(queue) => Ok(queue.notify(offset, count)),
            Self::Crossing(exported) => exported.queue.notify(offset, count).ok_or(BROKEN),
        }
    }

    fn interrupt(&self) -> Result<u32, Error> {
        match self {
            Self::Local(queue) => Ok(queue.interrupt()),
            Self::Crossing(exported) => exported.queue.interrupt().ok_or(BROKEN),
        }
    }

    fn close(&self) -> Result<(), Error> {
        match self {
            Self::Local(queue) => {
                queue.close();
                Ok(())
            }
            Self::Crossing(exported) => exported.queue.close().ok_or(BROKEN),
        }
    }

    /// How many threads wait now.
    pub(super) fn waiters(&self) -> u64 {
        match self {
            Self::Local(queue) => queue.waiters(),
            Self::Crossing(exported) => exported.queue.waiters().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_swapped_bytes_carry_in_the_order_of_the_memory() {
        // What a host does whose own order is the other one: the sum is formed of the value, not of its bytes.
        let place = AtomicU32::new(0x0000_00ff_u32.swap_bytes());
        let add = |old: u32| old.swap_bytes().wrapping_add(1).swap_bytes();
        let replace = |old, new| place.compare_exchange_weak(old, new, SeqCst, SeqCst);
        assert_eq!(update(replace, place.load(SeqCst), add).swap_bytes(), 0xff);
        assert_eq!(place.load(SeqCst).swap_bytes(), 0x100);
    }
}
