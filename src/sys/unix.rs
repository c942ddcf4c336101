//! Linux, Android, macOS and the BSDs: `mmap` and its family.
//!
//! Every mapping is private and anonymous, with `MAP_NORESERVE`: a reservation of gigabytes must
//! not count against the commit limit before its pages are touched. Under strict overcommit the
//! kernel ignores the flag for writable ranges; opening them then fails and the caller opens less.

use super::{HostCaps, LikelyLimit, OsError};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicUsize, Ordering};

#[cfg(any(target_os = "linux", target_os = "android"))]
const MAP_NORESERVE: libc::c_int = libc::MAP_NORESERVE;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const MAP_NORESERVE: libc::c_int = 0;

/// Map at the address or fail. Kernels before 4.17 and other systems take the address as a mere
/// hint, so the caller compares the result.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MAP_FIXED_NOREPLACE: libc::c_int = libc::MAP_FIXED_NOREPLACE;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const MAP_FIXED_NOREPLACE: libc::c_int = 0;

const READ_WRITE: libc::c_int = libc::PROT_READ | libc::PROT_WRITE;

/// Asks the host for its page size and the size of its address space.
pub(crate) fn host() -> HostCaps {
    // SAFETY: sysconf reads no memory of ours.
    let answer = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let page_bytes =
        usize::try_from(answer).ok().filter(|bytes| bytes.is_power_of_two()).unwrap_or(4096);
    let wide = usize::BITS >= 64;
    HostCaps {
        page_bytes,
        // 64-bit systems give a process 47 bits by default (x86-64) or 48 (aarch64); fewer bits
        // (39 on small boards) show when a reservation fails, which AUTO survives.
        address_space_bytes: if wide { 1 << 47 } else { 1 << 31 },
        can_guard: wide,
        has_mappings: true,
    }
}

fn last_error() -> OsError {
    OsError(std::io::Error::last_os_error().raw_os_error().unwrap_or(0))
}

/// Sets `errno` for the C caller.
pub(crate) fn set_last_error(error: OsError) {
    #[cfg(any(target_os = "linux", target_os = "emscripten"))]
    let errno = libc::__errno_location;
    #[cfg(any(target_os = "android", target_os = "netbsd", target_os = "openbsd"))]
    let errno = libc::__errno;
    #[cfg(not(any(
        target_os = "linux",
        target_os = "emscripten",
        target_os = "android",
        target_os = "netbsd",
        target_os = "openbsd"
    )))]
    let errno = libc::__error;
    // SAFETY: the function returns the address of this thread's errno.
    unsafe { *errno() = error.0 };
}

/// One anonymous private mapping, wherever the kernel likes or, with `at`, near there.
fn anonymous(
    at: *mut u8,
    bytes: usize,
    protection: libc::c_int,
    flags: libc::c_int,
) -> Result<NonNull<u8>, OsError> {
    super::injection::point()?;
    // SAFETY: without MAP_FIXED, mmap never replaces a mapping, so no memory in use is touched;
    // MAP_FIXED is not among the flags that this file passes.
    let address = unsafe {
        libc::mmap(
            at.cast(),
            bytes,
            protection,
            libc::MAP_PRIVATE | libc::MAP_ANON | MAP_NORESERVE | flags,
            -1,
            0,
        )
    };
    if address == libc::MAP_FAILED {
        return Err(last_error());
    }
    NonNull::new(address.cast()).ok_or(OsError(libc::ENOMEM))
}

/// Reserves `bytes` of address space in which every access faults.
pub(crate) fn reserve(bytes: usize) -> Result<NonNull<u8>, OsError> {
    anonymous(ptr::null_mut(), bytes, libc::PROT_NONE, 0)
}

/// Maps `bytes` of zeros, readable and writable, in a place with about `room` free bytes behind.
///
/// This is how a memory whose full reservation the system refuses can still grow without moving:
/// `RLIMIT_AS` limits how much is mapped, not where. The place is only a hint to the kernel.
pub(crate) fn map(bytes: usize, room: usize) -> Result<NonNull<u8>, OsError> {
    anonymous(sparse_place(room), bytes, READ_WRITE, 0)
}

/// An address that probably has `room` free bytes behind it, or null where there is no such hope.
///
/// Places go downward from 256 GiB below where the kernel puts its own mappings, each `room`
/// below the one before, and start again after 32 TiB: old places are likely free again by then,
/// and the kernel takes another address when one is not. Farther down lie programs and their heaps,
/// which grow upward by `brk` and must find nothing in their way.
fn sparse_place(room: usize) -> *mut u8 {
    const BELOW: u64 = 1 << 38;
    const SPREAD: u64 = 1 << 45;
    static TAKEN: AtomicUsize = AtomicUsize::new(0);

    let marker = 0u8;
    // The stack lies right above the kernel's mapping area, randomised with it.
    let top = (&raw const marker).addr();
    let (Ok(below), Ok(spread)) = (usize::try_from(BELOW), usize::try_from(SPREAD)) else {
        return ptr::null_mut(); // a 32-bit address space has no room to spread things in
    };
    let granule = 1 << 21;
    let Some(step) = crate::units::round_up(room, granule) else { return ptr::null_mut() };
    let taken = TAKEN.fetch_add(step, Ordering::Relaxed).checked_rem(spread).unwrap_or(0);
    let place = top.checked_sub(below).and_then(|place| place.checked_sub(taken));
    match place {
        Some(place) => ptr::without_provenance_mut(place & !granule.wrapping_sub(1)),
        None => ptr::null_mut(),
    }
}

/// Maps `bytes` more zeros, readable and writable, exactly at `end`.
///
/// Nothing that is mapped there already is replaced: the call fails instead, with `None`.
pub(crate) fn extend(end: NonNull<u8>, bytes: usize) -> Result<(), Option<OsError>> {
    match anonymous(end.as_ptr(), bytes, READ_WRITE, MAP_FIXED_NOREPLACE) {
        Ok(got) if got == end => Ok(()),
        Ok(elsewhere) => {
            // SAFETY: the mapping was made right above and nobody knows of it.
            unsafe { release(elsewhere, bytes) };
            Err(None)
        }
        Err(OsError(libc::EEXIST)) => Err(None),
        Err(refused) => Err(Some(refused)),
    }
}

unsafe fn protect(
    address: NonNull<u8>,
    bytes: usize,
    protection: libc::c_int,
) -> Result<(), OsError> {
    super::injection::point()?;
    // SAFETY: the caller owns the range, and nobody holds a reference into it.
    match unsafe { libc::mprotect(address.as_ptr().cast(), bytes, protection) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

/// Makes a range readable and writable. Pages never touched read as zero.
///
/// # Safety
/// The range lies in a mapping of the caller's.
pub(crate) unsafe fn open(address: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
    // SAFETY: passed on.
    unsafe { protect(address, bytes, READ_WRITE) }
}

/// Makes every access to a range fault; its contents stay.
///
/// # Safety
/// The range lies in a mapping of the caller's, and nobody relies on reading it.
pub(crate) unsafe fn close(address: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
    // SAFETY: passed on.
    unsafe { protect(address, bytes, libc::PROT_NONE) }
}

/// Makes a range read as zero and gives its pages back to the system.
///
/// # Safety
/// The range lies in a private anonymous mapping of the caller's, and nobody else uses it now.
pub(crate) unsafe fn zero(address: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
    super::injection::point()?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        // On Linux MADV_DONTNEED drops private anonymous pages, swapped ones too: they read as
        // zero from then on. It fails on locked pages (mlockall), and the caller sees that.
        // SAFETY: the caller owns the range; its contents are to be lost.
        match unsafe { libc::madvise(address.as_ptr().cast(), bytes, libc::MADV_DONTNEED) } {
            0 => Ok(()),
            _ => Err(last_error()),
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        // Elsewhere MADV_DONTNEED promises no zeros. A fresh mapping over the old one does.
        // SAFETY: the caller owns the whole range, so MAP_FIXED replaces nothing of others.
        let address = unsafe {
            libc::mmap(
                address.as_ptr().cast(),
                bytes,
                READ_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED | MAP_NORESERVE,
                -1,
                0,
            )
        };
        if address == libc::MAP_FAILED { Err(last_error()) } else { Ok(()) }
    }
}

/// Gives mappings back.
///
/// # Safety
/// The range lies in mappings of the caller's, and nobody uses it any more.
pub(crate) unsafe fn release(address: NonNull<u8>, bytes: usize) {
    // SAFETY: the caller gives the range up. The call can fail only when splitting a mapping
    // would exceed vm.max_map_count; the range then stays reserved, which harms nobody else.
    unsafe { libc::munmap(address.as_ptr().cast(), bytes) };
}

/// Asks for huge pages in a range; without effect where the system has none.
pub(crate) fn advise_huge_pages(address: NonNull<u8>, bytes: usize) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    // SAFETY: the advice changes no contents.
    unsafe {
        libc::madvise(address.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE);
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (address, bytes);
}

/// How many bytes of a range are in memory now; `None` where the system does not tell.
pub(crate) fn resident_bytes(address: NonNull<u8>, bytes: usize, page_bytes: usize) -> Option<u64> {
    const PAGES_AT_ONCE: usize = 4096;
    let mut present = [0u8; PAGES_AT_ONCE];
    let chunk = page_bytes.checked_mul(PAGES_AT_ONCE)?;
    let mut resident = 0u64;
    let mut done = 0usize;
    while done < bytes {
        let length = chunk.min(bytes.wrapping_sub(done));
        // SAFETY: mincore reads no memory of the range and writes one byte per page of `length`,
        // at most PAGES_AT_ONCE, into `present`.
        let answer = unsafe {
            libc::mincore(
                address.as_ptr().wrapping_add(done).cast(),
                length,
                present.as_mut_ptr().cast(),
            )
        };
        if answer != 0 {
            return None;
        }
        let pages = length.div_ceil(page_bytes);
        let in_memory = present.iter().take(pages).filter(|page| **page & 1 != 0).count();
        let in_memory = in_memory.checked_mul(page_bytes)?;
        resident = resident.checked_add(u64::try_from(in_memory).ok()?)?;
        done = done.checked_add(length)?;
    }
    Some(resident)
}

fn resource_limit(resource: ResourceKind) -> Option<u64> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit writes into the structure passed.
    let answer = unsafe { libc::getrlimit(resource, &raw mut limit) };
    #[allow(clippy::useless_conversion, reason = "rlim_t is signed or narrower on some systems")]
    (answer == 0 && limit.rlim_cur != libc::RLIM_INFINITY)
        .then(|| u64::try_from(limit.rlim_cur).ok())
        .flatten()
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
type ResourceKind = libc::__rlimit_resource_t;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
type ResourceKind = libc::c_int;

/// What `RLIMIT_AS` leaves to this process; `None` when there is no limit, or no way to know.
pub(crate) fn address_space_left() -> Option<u64> {
    let limit = resource_limit(libc::RLIMIT_AS)?;
    Some(limit.saturating_sub(mapped_bytes()?))
}

/// Which limit probably made the system refuse `bytes` of address space. `errno` is not kept.
pub(crate) fn diagnose(bytes: u64, host: &HostCaps) -> LikelyLimit {
    let mapped = mapped_bytes().unwrap_or(0);
    let wanted = mapped.saturating_add(bytes);
    if let Some(limit) = resource_limit(libc::RLIMIT_AS).filter(|limit| wanted > *limit) {
        return LikelyLimit::AddressSpace { limit, used: mapped };
    }
    // Space that is used up in pieces ends a little before the last byte is taken.
    let fragments = host.address_space_bytes >> 4;
    if wanted > host.address_space_bytes.saturating_sub(fragments) {
        return LikelyLimit::AddressBits { address_space: host.address_space_bytes };
    }
    // Splitting a mapping in three takes two more.
    let mappings = count_lines(c"/proc/self/maps").saturating_add(2);
    if let Some(limit) =
        read_number(c"/proc/sys/vm/max_map_count").filter(|limit| mappings >= *limit)
    {
        return LikelyLimit::Mappings { limit };
    }
    if let (Some(limit), Some(used)) = (resource_limit(libc::RLIMIT_DATA), data_bytes())
        && used.saturating_add(bytes) > limit
    {
        return LikelyLimit::Data { limit, used };
    }
    if read_number(c"/proc/sys/vm/overcommit_memory") == Some(2) {
        return LikelyLimit::StrictOvercommit;
    }
    LikelyLimit::Unknown
}

/// The address space in use: the first field of statm, in pages.
fn mapped_bytes() -> Option<u64> {
    statm_field(0)
}

/// The private writable memory in use: the sixth field of statm, in pages.
fn data_bytes() -> Option<u64> {
    statm_field(5)
}

fn statm_field(index: usize) -> Option<u64> {
    let mut buffer = [0u8; 128];
    let text = read_start(c"/proc/self/statm", &mut buffer)?;
    let pages: u64 = text.split_ascii_whitespace().nth(index)?.parse().ok()?;
    pages.checked_mul(u64::try_from(host().page_bytes).ok()?)
}

fn read_number(path: &core::ffi::CStr) -> Option<u64> {
    let mut buffer = [0u8; 32];
    read_start(path, &mut buffer)?.trim().parse().ok()
}

/// Reads the beginning of a file, without allocating: the heap may be what has run out.
fn read_start<'a>(path: &core::ffi::CStr, buffer: &'a mut [u8]) -> Option<&'a str> {
    let mut length = 0;
    with_file(path, |file| length = read_some(file, buffer).unwrap_or(0))?;
    core::str::from_utf8(buffer.get(..length)?).ok()
}

fn count_lines(path: &core::ffi::CStr) -> u64 {
    let mut lines = 0u64;
    let mut buffer = [0u8; 4096];
    with_file(path, |file| {
        while let Some(length) = read_some(file, &mut buffer).filter(|length| *length > 0) {
            let newlines = buffer.iter().take(length).filter(|byte| **byte == b'\n').count();
            lines = lines.saturating_add(u64::try_from(newlines).unwrap_or(0));
        }
    });
    lines
}

fn with_file(path: &core::ffi::CStr, body: impl FnOnce(libc::c_int)) -> Option<()> {
    // SAFETY: the path is a C string.
    let file = unsafe { libc::open(path.as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 {
        return None;
    }
    body(file);
    // SAFETY: the descriptor was opened above and is not used again.
    unsafe { libc::close(file) };
    Some(())
}

fn read_some(file: libc::c_int, buffer: &mut [u8]) -> Option<usize> {
    // SAFETY: the buffer is writable for its length.
    let got = unsafe { libc::read(file, buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(got).ok()
}
