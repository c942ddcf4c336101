//! Bounds-checked access from the host: all of an access happens, or nothing of it.

use super::Memory;
use super::bulk::copy_many;
use super::overlay::Denied;
use crate::error::Error;
use crate::racy::{self, Word};

/// A number that a load or store instruction moves; little-endian in memory on every host. The
/// integers, floats and vectors of WebAssembly are it, and nothing else can be.
pub trait Scalar: Copy + sealed::LittleEndian {}

mod sealed {
    /// # Safety
    /// `load_le` and `store_le` touch exactly `size_of::<Self>()` bytes, which others may use meanwhile.
    #[allow(clippy::missing_safety_doc, reason = "see the trait: a place of live bytes")]
    pub unsafe trait LittleEndian: Copy {
        unsafe fn load_le(from: *const u8) -> Self;
        unsafe fn store_le(to: *mut u8, value: Self);
    }
}
use sealed::LittleEndian;

macro_rules! scalars {
    ($($number:ty, $word:ty);*) => {$(
        impl Scalar for $number {}
        // SAFETY: the word has the number's size.
        unsafe impl LittleEndian for $number {
            #[inline]
            unsafe fn load_le(from: *const u8) -> Self {
                // SAFETY: passed on.
                Self::from_ne_bytes(unsafe { <$word>::load(from) }.to_le().to_ne_bytes())
            }

            #[inline]
            unsafe fn store_le(to: *mut u8, value: Self) {
                // SAFETY: passed on.
                unsafe { <$word>::store(to, <$word>::from_ne_bytes(value.to_ne_bytes()).to_le()) }
            }
        }
    )*};
}

scalars!(u8, u8; u16, u16; u32, u32; u64, u64; f32, u32; f64, u64);

/// The sixteen bytes of a v128, as they lie in memory.
pub type V128 = [u8; 16];

impl Scalar for V128 {}
// SAFETY: sixteen bytes.
unsafe impl LittleEndian for V128 {
    #[inline]
    unsafe fn load_le(from: *const u8) -> Self {
        // SAFETY: passed on.
        unsafe { u128::load(from) }.to_ne_bytes()
    }

    #[inline]
    unsafe fn store_le(to: *mut u8, value: Self) {
        // SAFETY: passed on.
        unsafe { u128::store(to, u128::from_ne_bytes(value)) }
    }
}

/// Copies `length` bytes between ranges that may overlap.
///
/// Hosts mostly move a few words: those are copied here, by two moves that overlap when they must,
/// with both read before one is written. The call of libc's `memmove` would cost more than the work.
///
/// # Safety
/// `from` is valid for reads and `to` for writes of `length` bytes; others use them only if `is_racy`, or
/// if they are few.
#[inline]
unsafe fn copy(from: *const u8, to: *mut u8, length: usize, is_racy: bool) {
    // SAFETY: the caller's ranges.
    unsafe {
        if (4..=16).contains(&length) {
            racy::copy(from, to, length);
        } else {
            copy_many(from, to, length, is_racy);
        }
    }
}

impl Memory {
    /// The one bounds check: where `length` bytes at `offset` start in this process, when all of
    /// them lie in the memory.
    #[inline]
    pub(super) fn range(&self, offset: u64, length: u64) -> Result<*mut u8, Error> {
        let memory_bytes = self.view().byte_length();
        if lies_in(offset, length, memory_bytes) {
            #[allow(clippy::cast_possible_truncation, reason = "offset <= a usize, see lies_in")]
            Ok(self.base().wrapping_add(offset as usize))
        } else {
            self.range_after_all(offset, length)
        }
    }

    /// The same where the length that was known here does not suffice: another process may have made the
    /// memory grow.
    #[cold]
    #[inline(never)]
    fn range_after_all(&self, offset: u64, length: u64) -> Result<*mut u8, Error> {
        let memory_bytes = self.byte_length();
        if lies_in(offset, length, memory_bytes) {
            #[allow(clippy::cast_possible_truncation, reason = "offset <= a usize, see lies_in")]
            return Ok(self.base().wrapping_add(offset as usize));
        }
        Err(Error::OutOfBounds { offset, length, memory_bytes: memory_bytes as u64 })
    }

    /// Where the bytes start that are to be read.
    #[inline]
    pub(super) fn readable(&self, offset: u64, length: u64) -> Result<*mut u8, Denied> {
        if !self.borrow.is_free_to_read() {
            return self.readable_part(offset, length);
        }
        Ok(self.range(offset, length)?)
    }

    /// Where the bytes start that are to be written.
    #[inline]
    pub(super) fn writable(&self, offset: u64, length: u64) -> Result<*mut u8, Denied> {
        if !self.borrow.is_free_to_write() {
            return self.writable_part(offset, length);
        }
        Ok(self.range(offset, length)?)
    }

    /// Copies `length` bytes at `offset` to `to`.
    ///
    /// # Safety
    /// `to` is valid for writes of `length` bytes.
    #[inline]
    pub unsafe fn read_to(&self, offset: u64, to: *mut u8, length: usize) -> Result<(), Error> {
        match self.readable(offset, length as u64) {
            // SAFETY: all bytes were found in the memory, so they are open; the caller vouches for
            // `to`. It may point into a memory, so the ranges may overlap.
            Ok(from) => unsafe { copy(from, to, length, self.is_shared()) },
            // SAFETY: the same.
            Err(denied) => return unsafe { self.read_denied(denied, offset, to, length) },
        }
        Ok(())
    }

    /// Copies `length` bytes from `from` to `offset`.
    ///
    /// # Safety
    /// `from` is valid for reads of `length` bytes.
    #[inline]
    pub unsafe fn write_from(
        &self,
        offset: u64,
        from: *const u8,
        length: usize,
    ) -> Result<(), Error> {
        match self.writable(offset, length as u64) {
            // SAFETY: as in read_to.
            Ok(to) => unsafe { copy(from, to, length, self.is_shared()) },
            // SAFETY: as in read_to.
            Err(denied) => return unsafe { self.write_denied(denied, offset, from, length) },
        }
        Ok(())
    }

    /// Copies the bytes at `offset` into `buffer`; on failure the buffer keeps what it held.
    pub fn read(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
        // SAFETY: the slice is valid for writes.
        unsafe { self.read_to(offset, buffer.as_mut_ptr(), buffer.len()) }
    }

    /// Copies `bytes` to `offset`; on failure nothing is written.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        // SAFETY: the slice is valid for reads.
        unsafe { self.write_from(offset, bytes.as_ptr(), bytes.len()) }
    }

    /// A load instruction: the number at `offset`, which needs no alignment.
    #[inline]
    pub fn load<T: Scalar>(&self, offset: u64) -> Result<T, Error> {
        match self.readable(offset, size_of::<T>() as u64) {
            // SAFETY: the bytes were found in the memory.
            Ok(from) => Ok(unsafe { T::load_le(from) }),
            Err(denied) => self.load_denied(denied, offset),
        }
    }

    #[cold]
    #[inline(never)]
    fn load_denied<T: Scalar>(&self, denied: Denied, offset: u64) -> Result<T, Error> {
        let mut bytes = [0u8; size_of::<V128>()];
        // SAFETY: no number has more bytes than the largest.
        unsafe {
            self.read_denied(denied, offset, bytes.as_mut_ptr(), size_of::<T>())?;
            Ok(T::load_le(bytes.as_ptr()))
        }
    }

    /// A store instruction: `value` to `offset`, which needs no alignment.
    #[inline]
    pub fn store<T: Scalar>(&self, offset: u64, value: T) -> Result<(), Error> {
        match self.writable(offset, size_of::<T>() as u64) {
            // SAFETY: the bytes were found in the memory.
            Ok(to) => unsafe { T::store_le(to, value) },
            Err(denied) => return self.store_denied(denied, offset, value),
        }
        Ok(())
    }

    #[cold]
    #[inline(never)]
    fn store_denied<T: Scalar>(&self, denied: Denied, offset: u64, value: T) -> Result<(), Error> {
        let mut bytes = [0u8; size_of::<V128>()];
        // SAFETY: no number has more bytes than the largest.
        unsafe {
            T::store_le(bytes.as_mut_ptr(), value);
            self.write_denied(denied, offset, bytes.as_ptr(), size_of::<T>())
        }
    }
}

/// Whether `length` bytes at `offset` lie in a memory of `memory_bytes`. No sum that could wrap: the first
/// comparison is true when the difference is formed. An offset that passes fits a usize.
#[inline]
const fn lies_in(offset: u64, length: u64, memory_bytes: usize) -> bool {
    let memory_bytes = memory_bytes as u64;
    offset <= memory_bytes && length <= memory_bytes.wrapping_sub(offset)
}
