//! Bounds-checked access from the host: all of an access happens, or nothing of it.

use super::Memory;
use crate::error::Error;

/// A number that a load or store instruction moves; little-endian in memory on every host. The
/// integers, floats and vectors of WebAssembly are it, and nothing else can be.
pub trait Scalar: Copy + sealed::LittleEndian {}

mod sealed {
    /// # Safety
    /// `Bytes` is an array of as many `u8` as the number has bytes: what the bounds check counts
    /// is what the access moves, and any bytes of a memory are a value of it.
    pub unsafe trait LittleEndian: Copy {
        type Bytes: Copy;
        fn from_le(bytes: Self::Bytes) -> Self;
        fn to_le(self) -> Self::Bytes;
    }
}
use sealed::LittleEndian;

macro_rules! scalars {
    ($($number:ty),*) => {$(
        impl Scalar for $number {}
        // SAFETY: the array has the number's size.
        unsafe impl LittleEndian for $number {
            type Bytes = [u8; size_of::<$number>()];
            #[inline]
            fn from_le(bytes: Self::Bytes) -> Self {
                Self::from_le_bytes(bytes)
            }
            #[inline]
            fn to_le(self) -> Self::Bytes {
                self.to_le_bytes()
            }
        }
    )*};
}

scalars!(u8, u16, u32, u64, f32, f64);

/// The sixteen bytes of a v128, as they lie in memory.
pub type V128 = [u8; 16];

impl Scalar for V128 {}
// SAFETY: it is the array itself.
unsafe impl LittleEndian for V128 {
    type Bytes = Self;
    #[inline]
    fn from_le(bytes: Self) -> Self {
        bytes
    }
    #[inline]
    fn to_le(self) -> Self {
        self
    }
}

/// Copies `length` bytes between ranges that may overlap.
///
/// Hosts mostly move a few words: those are copied here, by two moves that overlap when they must,
/// with both read before one is written. The call of libc's `memmove` would cost more than the work.
///
/// # Safety
/// `from` is valid for reads and `to` for writes of `length` bytes.
#[inline]
unsafe fn copy(from: *const u8, to: *mut u8, length: usize) {
    /// Copies between one and two `T` of bytes.
    #[inline]
    unsafe fn ends<T: Copy>(from: *const u8, to: *mut u8, length: usize) {
        let last = length.wrapping_sub(size_of::<T>());
        // SAFETY: the length is at least that of a T, so both moves lie in both ranges.
        unsafe {
            let head = from.cast::<T>().read_unaligned();
            let tail = from.add(last).cast::<T>().read_unaligned();
            to.cast::<T>().write_unaligned(head);
            to.add(last).cast::<T>().write_unaligned(tail);
        }
    }
    // SAFETY: the caller's ranges, and the lengths that `ends` asks for.
    unsafe {
        match length {
            8..=16 => ends::<u64>(from, to, length),
            4..=7 => ends::<u32>(from, to, length),
            _ => from.copy_to(to, length),
        }
    }
}

impl Memory {
    /// The one bounds check: where `length` bytes at `offset` start in this process, when all of
    /// them lie in the memory.
    #[inline]
    pub(super) fn range(&self, offset: u64, length: u64) -> Result<*mut u8, Error> {
        let memory_bytes = self.byte_length() as u64;
        // memory_bytes - offset cannot wrap, because the first comparison is true by then; and
        // offset fits usize, because it is at most the length of a memory that exists.
        if offset <= memory_bytes && length <= memory_bytes.wrapping_sub(offset) {
            #[allow(clippy::cast_possible_truncation, reason = "offset <= a usize, see above")]
            Ok(self.base().wrapping_add(offset as usize))
        } else {
            Err(Error::OutOfBounds { offset, length, memory_bytes })
        }
    }

    /// Where the bytes start that are to be read.
    #[inline]
    pub(super) fn readable(&self, offset: u64, length: u64) -> Result<*mut u8, Error> {
        self.borrow.check_readable()?;
        self.range(offset, length)
    }

    /// Where the bytes start that are to be written.
    #[inline]
    pub(super) fn writable(&self, offset: u64, length: u64) -> Result<*mut u8, Error> {
        self.borrow.check_writable()?;
        self.range(offset, length)
    }

    /// Copies `length` bytes at `offset` to `to`.
    ///
    /// # Safety
    /// `to` is valid for writes of `length` bytes.
    #[inline]
    pub unsafe fn read_to(&self, offset: u64, to: *mut u8, length: usize) -> Result<(), Error> {
        let from = self.readable(offset, length as u64)?;
        // SAFETY: `range` found all bytes in the memory, so they are open; the caller vouches for
        // `to`. It may point into a memory, so the ranges may overlap.
        unsafe { copy(from, to, length) };
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
        let to = self.writable(offset, length as u64)?;
        // SAFETY: as in read_to.
        unsafe { copy(from, to, length) };
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
        let from = self.readable(offset, size_of::<T>() as u64)?;
        // SAFETY: `range` found the bytes in the memory; LittleEndian has
        // T::Bytes be as many, of any value.
        Ok(T::from_le(unsafe { from.cast::<T::Bytes>().read_unaligned() }))
    }

    /// A store instruction: `value` to `offset`, which needs no alignment.
    #[inline]
    pub fn store<T: Scalar>(&self, offset: u64, value: T) -> Result<(), Error> {
        let to = self.writable(offset, size_of::<T>() as u64)?;
        // SAFETY: `range` found the bytes in the memory.
        unsafe { to.cast::<T::Bytes>().write_unaligned(value.to_le()) };
        Ok(())
    }
}
