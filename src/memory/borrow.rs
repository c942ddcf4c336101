//! Who has the bytes of a memory while a callback works on them: the rule of a `RefCell`.

use super::Memory;
use crate::error::Error;
use core::sync::atomic::{AtomicU32, Ordering};

/// Nobody (0), so many readers, or one writer.
#[derive(Debug, Default)]
pub(super) struct Borrow(AtomicU32);

const ONE_WRITER: u32 = u32::MAX;

impl Borrow {
    /// Fails while somebody else may write.
    #[inline]
    pub(super) fn check_readable(&self) -> Result<(), Error> {
        // Relaxed: the thread that writes is the one that calls, by the rules on threads.
        if self.0.load(Ordering::Relaxed) == ONE_WRITER { Err(Error::Borrowed) } else { Ok(()) }
    }

    /// Fails while somebody else reads or writes.
    #[inline]
    pub(super) fn check_writable(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Relaxed) != 0 { Err(Error::Borrowed) } else { Ok(()) }
    }

    /// One reader more, until the guard goes.
    fn read(&self) -> Result<Reading<'_>, Error> {
        let more = |readers: u32| readers.checked_add(1).filter(|more| *more != ONE_WRITER);
        match self.0.fetch_update(Ordering::Acquire, Ordering::Relaxed, more) {
            Ok(_) => Ok(Reading(self)),
            Err(_) => Err(Error::Borrowed),
        }
    }

    /// The only one, until the guard goes.
    pub(super) fn write(&self) -> Result<Writing<'_>, Error> {
        match self.0.compare_exchange(0, ONE_WRITER, Ordering::Acquire, Ordering::Relaxed) {
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
        self.0.0.store(0, Ordering::Release);
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
