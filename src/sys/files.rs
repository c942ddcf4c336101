//! Files of the host's: mapped into ranges of ours, and copied from without the signal that comes when a file has
//! become too short for its mapping.

use super::system::{FileOffset, Stat, fstat, is_mapped, mmap};
use super::{FileMapping, OsError, injection, last_error};
use core::mem::MaybeUninit;
use core::ptr::NonNull;

/// A descriptor of the host's, which stays the host's.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostFile(libc::c_int);

impl HostFile {
    /// The regular file behind a number, with its length in bytes; `None` if it is something else, or consists of huge
    /// pages.
    pub(crate) fn new(descriptor: isize) -> Result<Option<(Self, u64)>, OsError> {
        injection::point()?;
        let raw = libc::c_int::try_from(descriptor).map_err(|_| OsError(libc::EBADF))?;
        let mut about = MaybeUninit::<Stat>::zeroed();
        // SAFETY: fstat answers for any number, and fills the structure, which is all zeros until then.
        let about = unsafe {
            if fstat(raw, about.as_mut_ptr()) != 0 {
                return Err(last_error());
            }
            about.assume_init()
        };
        let is_regular = about.st_mode & libc::S_IFMT == libc::S_IFREG && !has_huge_pages(raw)?;
        let length = u64::try_from(about.st_size).map_err(|_| OsError(libc::EINVAL))?;
        Ok(is_regular.then_some((Self(raw), length)))
    }

    /// Maps `bytes` bytes from `offset` on in the place of whatever is in a range.
    ///
    /// # Safety
    /// The range lies in private mappings of the caller's, and nobody else uses it now.
    pub(crate) unsafe fn map_over(
        self,
        address: NonNull<u8>,
        bytes: usize,
        offset: u64,
        how: FileMapping,
    ) -> Result<(), Unmapped> {
        let refused = |os| Unmapped { os, is_lost: false };
        injection::point().map_err(refused)?;
        let offset = FileOffset::try_from(offset).map_err(|_| refused(OsError(libc::EOVERFLOW)))?;
        let (protection, kind) = match how {
            FileMapping::ReadOnly => (libc::PROT_READ, libc::MAP_SHARED),
            FileMapping::CopyOnWrite => (super::READ_WRITE, libc::MAP_PRIVATE),
            FileMapping::Shared => (super::READ_WRITE, libc::MAP_SHARED),
        };
        // Somewhere else first: the system gives up what is in a range before it asks the file, and a file that refuses
        // would leave a hole.
        // SAFETY: without MAP_FIXED no mapping is replaced, and what is unmapped was mapped right before.
        unsafe {
            let elsewhere = mmap(core::ptr::null_mut(), bytes, protection, kind, self.0, offset);
            if elsewhere == libc::MAP_FAILED {
                return Err(refused(last_error()));
            }
            libc::munmap(elsewhere, bytes);
        }
        injection::side_point(libc::ENOMEM).map_err(refused)?;
        let flags = kind | libc::MAP_FIXED;
        // SAFETY: the caller's range.
        let got =
            unsafe { mmap(address.as_ptr().cast(), bytes, protection, flags, self.0, offset) };
        if got != libc::MAP_FAILED {
            return Ok(());
        }
        let os = last_error();
        let is_lost = !is_mapped(address, bytes);
        if is_lost {
            // SAFETY: the caller's range. Zeros are better than a place that the system gives to somebody else.
            let _ = unsafe { super::zeros_over(address, bytes) };
        }
        Err(Unmapped { os, is_lost })
    }
}

/// Why a file was not mapped, and whether what had been in the range is lost: zeros are there instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unmapped {
    pub(crate) os: OsError,
    pub(crate) is_lost: bool,
}

/// Whether a file consists of huge pages: the system would map more of it than it is asked for, over what lies behind.
fn has_huge_pages(descriptor: libc::c_int) -> Result<bool, OsError> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        const HUGETLBFS: u32 = 0x9584_58f6;
        injection::side_point(libc::EIO)?;
        let mut about = MaybeUninit::<libc::statfs>::zeroed();
        // SAFETY: fstatfs fills the structure, which is all zeros until then.
        let (answer, about) =
            unsafe { (libc::fstatfs(descriptor, about.as_mut_ptr()), about.assume_init()) };
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "32 bits, in a type that differs between systems"
        )]
        let kind = about.f_type as u32;
        if answer == 0 { Ok(kind == HUGETLBFS) } else { Err(last_error()) }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = descriptor;
        Ok(false)
    }
}

/// Copies as a program would, but fails where that would be ended by a signal: one side is a mapping of a file that has
/// become too short. Some of the bytes may have been copied then.
///
/// # Safety
/// `from` is mapped for reads and `to` for writes of `bytes` bytes, and others use them only if they do so by
/// accesses that may race. They do not overlap.
pub(crate) unsafe fn copy_by_kernel(
    from: *const u8,
    to: *mut u8,
    bytes: usize,
) -> Result<(), OsError> {
    /// The kernel copies less than 2 GiB at once.
    const AT_ONCE: usize = 1 << 30;
    injection::point()?;
    let mut done = 0usize;
    while done < bytes {
        let part = AT_ONCE.min(bytes.wrapping_sub(done));
        // SAFETY: parts of the caller's ranges.
        unsafe { copy_part_by_kernel(from.wrapping_add(done), to.wrapping_add(done), part)? };
        done = done.wrapping_add(part);
    }
    Ok(())
}

/// # Safety
/// As for `copy_by_kernel`.
unsafe fn copy_part_by_kernel(from: *const u8, to: *mut u8, bytes: usize) -> Result<(), OsError> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let span = |base: *mut u8| libc::iovec { iov_base: base.cast(), iov_len: bytes };
        let (local, remote) = (span(to), span(from.cast_mut()));
        if injection::side_point(libc::EPERM).is_ok() {
            // SAFETY: the kernel checks every address; the caller vouches for what is behind them.
            let done = unsafe {
                libc::process_vm_readv(libc::getpid(), &raw const local, 1, &raw const remote, 1, 0)
            };
            match usize::try_from(done) {
                Ok(done) if done == bytes => return Ok(()),
                Ok(_) => return Err(OsError(libc::EFAULT)),
                Err(_) if last_error() == OsError(libc::EFAULT) => return Err(last_error()),
                // A filter forbids it, or the kernel was built without it.
                Err(_) => {}
            }
        }
    }
    // SAFETY: passed on.
    unsafe { copy_through_pipe(from, to, bytes) }
}

/// The same on any system: the kernel copies into a pipe and out of it.
///
/// # Safety
/// As for `copy_by_kernel`.
unsafe fn copy_through_pipe(from: *const u8, to: *mut u8, bytes: usize) -> Result<(), OsError> {
    /// What every pipe holds.
    const CHUNK: usize = 512;
    injection::side_point(libc::EMFILE)?;
    let mut ends = [0; 2];
    // SAFETY: room for two descriptors.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
        return Err(last_error());
    }
    let [read_end, write_end] = ends;
    let checked = |answer: isize, wanted: usize| match usize::try_from(answer) {
        Ok(got) if got == wanted => Ok(()),
        Ok(_) => Err(OsError(libc::EFAULT)),
        Err(_) => Err(last_error()),
    };
    let mut done = 0usize;
    let mut outcome = Ok(());
    while outcome.is_ok() && done < bytes {
        let chunk = CHUNK.min(bytes.wrapping_sub(done));
        // SAFETY: the caller's ranges; the kernel checks the addresses.
        outcome = injection::side_point(libc::EFAULT).and_then(|()| unsafe {
            checked(libc::write(write_end, from.wrapping_add(done).cast(), chunk), chunk).and_then(
                |()| checked(libc::read(read_end, to.wrapping_add(done).cast(), chunk), chunk),
            )
        });
        done = done.wrapping_add(chunk);
    }
    // SAFETY: opened above, and nobody else knows them.
    unsafe {
        libc::close(read_end);
        libc::close(write_end);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_through_the_kernel_and_through_a_pipe() {
        let from: Vec<u8> = (0..10_000u32).map(|at| at as u8).collect();
        for copy in [copy_by_kernel, copy_through_pipe] {
            let mut to = vec![0u8; from.len()];
            // SAFETY: two vectors of the same length.
            unsafe { copy(from.as_ptr(), to.as_mut_ptr(), from.len()).unwrap() };
            assert_eq!(from, to);
            // SAFETY: nothing is mapped at the source, which the kernel finds out.
            let refused = unsafe { copy(core::ptr::without_provenance(64), to.as_mut_ptr(), 64) };
            assert_eq!(refused, Err(OsError(libc::EFAULT)));
        }
    }

    /// The system maps whole huge pages of such a file, over what lies behind the range.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_file_of_huge_pages_is_refused() {
        // SAFETY: a new descriptor, which is closed below.
        let huge = unsafe { libc::memfd_create(c"huge".as_ptr(), libc::MFD_HUGETLB) };
        if huge < 0 {
            println!("skipped: no files of huge pages here");
            return;
        }
        // SAFETY: as above. No huge page has to exist for that.
        let made = unsafe { libc::ftruncate(huge, 1 << 30) };
        let found = HostFile::new(huge as isize);
        // SAFETY: made above, and nobody else knows it.
        unsafe { libc::close(huge) };
        assert_eq!(made, 0);
        assert!(matches!(found, Ok(None)), "{found:?}");
    }
}
