//! What several processes share: memory behind a descriptor, and a lock that survives the death of who
//! holds it.

use super::system::{FileOffset, Stat, fstat, mmap};
use super::{OsError, injection, last_error};
use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

/// Memory of the system's that a descriptor stands for; it can be neither shortened nor lengthened.
#[derive(Debug)]
pub(crate) struct SharedFile {
    descriptor: OwnedFd,
}

/// What tells one file from another: device and inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileIdentity(libc::dev_t, libc::ino64_t);

/// What no file of ours is without: nobody can change the size under a mapping, or undo that.
const SEALS: libc::c_int = libc::F_SEAL_SHRINK | libc::F_SEAL_GROW | libc::F_SEAL_SEAL;

fn checked(answer: libc::c_int) -> Result<libc::c_int, OsError> {
    if answer < 0 { Err(last_error()) } else { Ok(answer) }
}

impl SharedFile {
    /// Makes one of `bytes` zeros, which take memory when they are touched.
    pub(crate) fn new(bytes: u64) -> Result<Self, OsError> {
        injection::point()?;
        if super::largest_file().is_some_and(|limit| bytes > limit) {
            return Err(OsError(libc::EFBIG));
        }
        let size = FileOffset::try_from(bytes).map_err(|_| OsError(libc::EFBIG))?;
        let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
        let create = |flags| {
            injection::side_point(libc::EMFILE)?;
            // SAFETY: the name is a C string.
            checked(unsafe { libc::memfd_create(c"wasm_memory".as_ptr(), flags) })
        };
        // Nobody is to execute it; a system may demand that this is said, and an old one does not know it.
        let descriptor =
            create(flags | libc::MFD_NOEXEC_SEAL).or_else(|refused| match refused {
                OsError(libc::EINVAL) => create(flags),
                refused => Err(refused),
            })?;
        // SAFETY: the descriptor is new and nobody else's.
        let descriptor = unsafe { OwnedFd::from_raw_fd(descriptor) };
        injection::side_point(libc::ENOSPC)?;
        // SAFETY: two calls on a live descriptor.
        unsafe {
            checked(libc::ftruncate64(descriptor.as_raw_fd(), size))?;
            injection::side_point(libc::EPERM)?;
            checked(libc::fcntl(descriptor.as_raw_fd(), libc::F_ADD_SEALS, SEALS))?;
        }
        Ok(Self { descriptor })
    }

    /// A reference of our own to what a descriptor of the host's stands for; `None` if it can change its
    /// size.
    pub(crate) fn of_host(descriptor: isize) -> Result<Option<Self>, OsError> {
        injection::point()?;
        let Ok(raw) = RawFd::try_from(descriptor) else { return Err(OsError(libc::EBADF)) };
        injection::side_point(libc::EMFILE)?;
        // SAFETY: fcntl answers for any number; what it returns is new and nobody else's.
        let descriptor = unsafe {
            let copy = checked(libc::fcntl(raw, libc::F_DUPFD_CLOEXEC, 0))?;
            OwnedFd::from_raw_fd(copy)
        };
        // SAFETY: a live descriptor. Files without seals answer with an error.
        let seals = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_GET_SEALS) };
        Ok((seals >= 0 && seals & SEALS == SEALS).then_some(Self { descriptor }))
    }

    /// A new descriptor for the host.
    pub(crate) fn for_host(&self) -> Result<isize, OsError> {
        injection::point()?;
        // SAFETY: a live descriptor.
        let copy =
            checked(unsafe { libc::fcntl(self.descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 0) })?;
        isize::try_from(copy).map_err(|_| OsError(libc::EBADF))
    }

    fn about(&self) -> Result<Stat, OsError> {
        injection::side_point(libc::EIO)?;
        let mut about = MaybeUninit::<Stat>::zeroed();
        // SAFETY: fstat fills the structure, which is all zeros until then.
        unsafe {
            checked(fstat(self.descriptor.as_raw_fd(), about.as_mut_ptr()))?;
            Ok(about.assume_init())
        }
    }

    /// How many bytes there are.
    pub(crate) fn bytes(&self) -> Result<u64, OsError> {
        u64::try_from(self.about()?.st_size).map_err(|_| OsError(libc::EINVAL))
    }

    /// What tells it from all other files.
    pub(crate) fn identity(&self) -> Result<FileIdentity, OsError> {
        let about = self.about()?;
        Ok(FileIdentity(about.st_dev, about.st_ino))
    }

    /// Maps the first `bytes` bytes, readable and writable, wherever the system likes.
    pub(crate) fn map_start(&self, bytes: usize) -> Result<NonNull<u8>, OsError> {
        // SAFETY: without MAP_FIXED no mapping is replaced.
        unsafe { self.map(ptr::null_mut(), bytes, 0, super::READ_WRITE, 0) }
    }

    /// Maps `bytes` bytes from `offset` on over a reservation, where they fault until they are opened.
    ///
    /// # Safety
    /// The range lies in a reservation of the caller's, which nobody uses.
    pub(crate) unsafe fn map_over(
        &self,
        reservation: NonNull<u8>,
        bytes: usize,
        offset: u64,
    ) -> Result<(), OsError> {
        // SAFETY: passed on.
        unsafe { self.map(reservation.as_ptr(), bytes, offset, libc::PROT_NONE, libc::MAP_FIXED) }
            .map(drop)
    }

    /// Maps `bytes` bytes from `offset` on in the place of whatever is in a range, readable and writable; what is written
    /// there stays there.
    ///
    /// # Safety
    /// The range lies in mappings of the caller's, and nobody else uses it now.
    pub(crate) unsafe fn map_private_over(
        &self,
        address: NonNull<u8>,
        bytes: usize,
        offset: u64,
    ) -> Result<(), OsError> {
        injection::point()?;
        let offset = FileOffset::try_from(offset).map_err(|_| OsError(libc::EINVAL))?;
        // SAFETY: the caller's range; a live descriptor.
        let got = unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_FIXED | libc::MAP_NORESERVE;
            let descriptor = self.descriptor.as_raw_fd();
            mmap(address.as_ptr().cast(), bytes, super::READ_WRITE, flags, descriptor, offset)
        };
        if got == libc::MAP_FAILED { Err(last_error()) } else { Ok(()) }
    }

    /// # Safety
    /// With MAP_FIXED, the range is the caller's to replace.
    unsafe fn map(
        &self,
        at: *mut u8,
        bytes: usize,
        offset: u64,
        protection: libc::c_int,
        flags: libc::c_int,
    ) -> Result<NonNull<u8>, OsError> {
        injection::point()?;
        let offset = FileOffset::try_from(offset).map_err(|_| OsError(libc::EINVAL))?;
        // SAFETY: the caller's range, if it is to be replaced; a live descriptor.
        let address = unsafe {
            let (flags, descriptor) = (libc::MAP_SHARED | flags, self.descriptor.as_raw_fd());
            mmap(at.cast(), bytes, protection, flags, descriptor, offset)
        };
        if address == libc::MAP_FAILED {
            return Err(last_error());
        }
        NonNull::new(address.cast()).ok_or(OsError(libc::ENOMEM))
    }
}

/// Makes a range of a mapped [`SharedFile`] read as zero, for all processes, and gives its pages back.
///
/// # Safety
/// The range lies in such a mapping of the caller's.
pub(crate) unsafe fn zero_shared(address: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
    injection::point()?;
    // SAFETY: the caller's range; its contents are to be lost.
    checked(unsafe { libc::madvise(address.as_ptr().cast(), bytes, libc::MADV_REMOVE) }).map(drop)
}

/// What two processes must have in common to use one [`RobustLock`]: the C library that implements it.
pub(crate) const LOCK_KIND: u32 =
    if cfg!(target_env = "musl") { 2 } else { 1 } << 16 | size_of::<RobustLock>() as u32;

unsafe extern "C" {
    fn pthread_mutexattr_setrobust(
        attributes: *mut libc::pthread_mutexattr_t,
        robustness: libc::c_int,
    ) -> libc::c_int;
    fn pthread_mutex_consistent(mutex: *mut libc::pthread_mutex_t) -> libc::c_int;
}

/// A lock in memory that processes share. When a thread that holds it dies, the next one gets it and is
/// told.
#[repr(transparent)]
pub(crate) struct RobustLock(UnsafeCell<libc::pthread_mutex_t>);

// SAFETY: a mutex is there to be used by several threads.
unsafe impl Sync for RobustLock {}

/// What became of an attempt to lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Locked {
    /// The lock is the caller's.
    Clean,
    /// The lock is the caller's, from one who died with it.
    Inherited,
    /// Somebody has it, or it is no lock at all.
    No,
}

impl RobustLock {
    /// Makes a lock of the memory at `place`.
    ///
    /// # Safety
    /// The place is writable and aligned, and nobody uses what is there.
    pub(crate) unsafe fn initialise(place: *mut Self) -> Result<(), OsError> {
        let mut attributes = MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
        let set = |answer: libc::c_int| if answer == 0 { Ok(()) } else { Err(OsError(answer)) };
        // SAFETY: the attributes are initialised first and destroyed last; the place is the caller's.
        unsafe {
            set(libc::pthread_mutexattr_init(attributes.as_mut_ptr()))?;
            let made = set(libc::pthread_mutexattr_setpshared(
                attributes.as_mut_ptr(),
                libc::PTHREAD_PROCESS_SHARED,
            ))
            .and_then(|()| {
                set(pthread_mutexattr_setrobust(
                    attributes.as_mut_ptr(),
                    libc::PTHREAD_MUTEX_ROBUST,
                ))
            })
            .and_then(|()| set(libc::pthread_mutex_init(place.cast(), attributes.as_ptr())));
            libc::pthread_mutexattr_destroy(attributes.as_mut_ptr());
            made
        }
    }

    fn locked(&self, answer: libc::c_int) -> Locked {
        match answer {
            0 => Locked::Clean,
            libc::EOWNERDEAD => {
                // SAFETY: the lock is this thread's now, which is when it can be declared whole.
                unsafe { pthread_mutex_consistent(self.0.get()) };
                Locked::Inherited
            }
            _ => Locked::No,
        }
    }

    /// Waits for the lock.
    ///
    /// By turns of some milliseconds: a holder that is killed between giving the lock up and waking the next one
    /// wakes nobody, if somebody else was faster, and then only the clock helps.
    ///
    /// # Safety
    /// The lock was initialised, and stays mapped while it is held.
    pub(crate) unsafe fn lock(&self) -> Locked {
        const TURN_NS: libc::c_long = 20_000_000;
        loop {
            let mut until = libc::timespec { tv_sec: 0, tv_nsec: 0 };
            // SAFETY: clock_gettime writes into the structure passed; the lock is passed on.
            let answer = unsafe {
                match libc::pthread_mutex_trylock(self.0.get()) {
                    libc::EBUSY => {
                        // The clock that the lock knows; should it jump, this turn is longer or shorter.
                        libc::clock_gettime(libc::CLOCK_REALTIME, &raw mut until);
                        until.tv_nsec = until.tv_nsec.saturating_add(TURN_NS);
                        if until.tv_nsec >= 1_000_000_000 {
                            until.tv_nsec = until.tv_nsec.saturating_sub(1_000_000_000);
                            until.tv_sec = until.tv_sec.saturating_add(1);
                        }
                        libc::pthread_mutex_timedlock(self.0.get(), &raw const until)
                    }
                    answer => answer,
                }
            };
            if answer != libc::ETIMEDOUT {
                return self.locked(answer);
            }
        }
    }

    /// Takes the lock if nobody alive has it.
    ///
    /// # Safety
    /// As [`RobustLock::lock`].
    pub(crate) unsafe fn try_lock(&self) -> Locked {
        // SAFETY: passed on.
        self.locked(unsafe { libc::pthread_mutex_trylock(self.0.get()) })
    }

    /// # Safety
    /// This thread has the lock.
    pub(crate) unsafe fn unlock(&self) {
        // SAFETY: passed on.
        unsafe { libc::pthread_mutex_unlock(self.0.get()) };
    }
}
