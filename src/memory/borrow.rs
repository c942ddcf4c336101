//! Who has the bytes of a memory while a callback works on them: the rule of a `RefCell`.

use super::Memory;
use crate::error::Error;
use core::sync::atomic::{AtomicU32, Ordering};

/// Nobody (0), so many readers, or one writer; and whether there are ranges that not everybody may use as they like.
#[derive(Debug, Default)]
pub(super) struct Borrow(AtomicU32);

/// There are mappings or protections: see `overlay`.
const OVERLAID: u32 = 1 << 31;
const ONE_WRITER: u32 = 1 << 30;

impl Borrow {
    /// Whether all bytes can be read, without a further look.
    #[inline]
    pub(super) fn is_free_to_read(&self) -> bool {
        // Relaxed: the thread that writes is the one that calls, by the rules on threads.
        self.0.load(Ordering::Relaxed) < ONE_WRITER
    }

    /// Whether all bytes can be written, without a further look.
    #[inline]
    pub(super) fn is_free_to_write(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }

    /// Fails while somebody else may write.
    #[inline]
    pub(super) fn check_readable(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) & ONE_WRITER != 0 { Err(Error::Borrowed) } else { Ok(()) }
    }

    /// Fails while somebody else reads or writes.
    #[inline]
    pub(super) fn check_writable(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) & !OVERLAID != 0 { Err(Error::Borrowed) } else { Ok(()) }
    }

    /// Whether there are mappings or protections.
    #[inline]
    pub(super) fn is_overlaid(&self) -> bool {
        self.0.load(Ordering::Relaxed) & OVERLAID != 0
    }

    /// Says whether there are mappings or protections. Nobody borrows meanwhile.
    pub(super) fn set_overlaid(&self, overlaid: bool) {
        if overlaid {
            self.0.fetch_or(OVERLAID, Ordering::Relaxed);
        } else {
            self.0.fetch_and(!OVERLAID, Ordering::Relaxed);
        }
    }

    /// One reader more, until the guard goes.
    fn read(&self) -> Result<Reading<'_>, Error> {
        let more = |state: u32| {
            let more = state.checked_add(1)?;
            (state & ONE_WRITER == 0 && more & ONE_WRITER == 0).then_some(more)
        };
        match self.0.fetch_update(Ordering::Acquire, Ordering::Relaxed, more) {
            Ok(_) => Ok(Reading(self)),
            Err(_) => Err(Error::Borrowed),
        }
    }

    /// The only one, until the guard goes.
    pub(super) fn write(&self) -> Result<Writing<'_>, Error> {
        let alone = |state: u32| (state & !OVERLAID == 0).then_some(state | ONE_WRITER);
        match self.0.fetch_update(Ordering::Acquire, Ordering::Relaxed, alone) {
            Ok(_) => Ok(Writing(self)),
            Err(_) => Err(Error::Borrowed),
        }
    }
}

struct Reading<'a>(&'a Borrow);

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Release);
    }
}

pub(super) struct Writing<'a>(&'a Borrow);

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.0.fetch_and(!ONE_WRITER, Ordering::Release);
    }
}

impl Memory {
    /// The bytes of a shared memory cannot be lent: other threads use them without asking.
    fn refuse_shared(&self) -> Result<(), Error> {
        if self.is_shared() {
            return Err(Error::Shared(
                "its bytes cannot be lent to one callback, because other threads may change them: use read, write \
                 and atomic operations",
            ));
        }
        Ok(())
    }

    /// Lends the bytes for reading, as start and length. Until `body` returns, everything that
    /// writes or grows fails with [`Error::Borrowed`].
    ///
    /// It lends a pointer because guests have some too: whether a slice may be made of it, the caller knows.
    ///
    /// ```
    /// use wasm_memory::{Engine, Error, IndexType, Memory, MemoryType, Policy};
    ///
    /// let engine = Engine::new(Policy::default())?;
    /// let memory = Memory::new(&engine, MemoryType::new(IndexType::I32, 1, None)?)?;
    /// memory.write(0, b"some words in a memory")?;
    /// let words = memory.with_data(|start, length| {
    ///     assert_eq!(memory.store(0, 1u8), Err(Error::Borrowed));
    ///     // SAFETY: no guest runs now, and nothing else writes while the bytes are lent.
    ///     let bytes = unsafe { std::slice::from_raw_parts(start, length) };
    ///     bytes.iter().filter(|byte| **byte == b' ').count() + 1
    /// })?;
    /// assert_eq!(words, 5);
    /// memory.store(0, b'S')?; // they are back
    /// # Ok::<(), Error>(())
    /// ```
    pub fn with_data<T>(&self, body: impl FnOnce(*const u8, usize) -> T) -> Result<T, Error> {
        self.refuse_shared()?;
        let _reading = self.borrow.read()?;
        Ok(body(self.base(), self.byte_length()))
    }

    /// Lends the bytes for writing, as start and length. Until `body` returns, everything that
    /// reads, writes or grows fails with [`Error::Borrowed`].
    pub fn with_data_mut<T>(&self, body: impl FnOnce(*mut u8, usize) -> T) -> Result<T, Error> {
        self.refuse_shared()?;
        let _writing = self.borrow.write()?;
        Ok(body(self.base(), self.byte_length()))
    }

    /// Start and length, unless the bytes are lent: the pointer may be written through.
    pub fn data(&self) -> Result<(*mut u8, usize), Error> {
        self.borrow.check_writable()?;
        Ok((self.base(), self.byte_length()))
    }
}
