//! Linux, Android, macOS and the BSDs: `mmap` and its family.
//!
//! Every mapping of this file is private and anonymous, with `MAP_NORESERVE`: a reservation of gigabytes must
//! not count against the commit limit before its pages are touched. Under strict overcommit the
//! kernel ignores the flag for writable ranges; opening them then fails and the caller opens less.

use super::{HostCaps, LikelyLimit, OsError, Protection};
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

// Offsets of 64 bits also where the usual ones have 32.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) use libc::{fstat, mmap, off_t as FileOffset, stat as Stat};
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) use libc::{fstat64 as fstat, mmap64 as mmap, off64_t as FileOffset, stat64 as Stat};

pub(super) const READ_WRITE: libc::c_int = libc::PROT_READ | libc::PROT_WRITE;

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
        has_shared_files: cfg!(target_os = "linux"),
        maps_files: true,
        opening_commits: false,
    }
}

/// How many processors run. Not those that the calling thread may use: it may be pinned, and another not.
pub(crate) fn processors() -> usize {
    // SAFETY: sysconf reads no memory of ours.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) }).unwrap_or(1)
}

pub(super) fn last_error() -> OsError {
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

/// A memory barrier in every thread of the process: the other half of an ordering whose first half must cost
/// nothing. Without effect where the system has no such thing.
pub(crate) fn order_threads() {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
        const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;
        // SAFETY: membarrier takes three integers and touches no memory of ours.
        let call = |command: libc::c_int| unsafe {
            super::injection::side_point(libc::ENOSYS).is_ok()
                && libc::syscall(libc::SYS_membarrier, command, 0u32, 0) == 0
        };
        // A process has to register once, which the first call finds out.
        if !call(PRIVATE_EXPEDITED) && call(REGISTER_PRIVATE_EXPEDITED) {
            call(PRIVATE_EXPEDITED);
        }
    }
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
    // Where addresses are few, a guess would meet something.
    let places = match usize::BITS {
        ..64 => [free_place(bytes, room), None],
        _ => sparse_places(room).map(Some),
    };
    for place in places.into_iter().flatten() {
        let got = anonymous(place, bytes, READ_WRITE, 0)?;
        if got.as_ptr() == place {
            return Ok(got);
        }
        // Something is there already. The kernel's own choice lies close to other mappings.
        // Should it stay, it takes address space and no memory.
        // SAFETY: the mapping was made right above and nobody knows of it.
        let _ = unsafe { release(got, bytes) };
    }
    anonymous(ptr::null_mut(), bytes, READ_WRITE, 0)
}

/// Where the kernel has half of `room` free behind `bytes`, or half of that, and so on: it is asked for all of `room`,
/// for a moment. The other half stays before the place: it may be what another memory has behind it.
fn free_place(bytes: usize, mut room: usize) -> Option<*mut u8> {
    const GRANULE: usize = 1 << 16;
    while room >= GRANULE {
        if let Some(all) = bytes.checked_add(room)
            && let Ok(start) = reserve(all)
        {
            // SAFETY: the mapping was made right above and nobody knows of it.
            unsafe { release(start, all) }.ok()?;
            let ahead = (room >> 1) & !GRANULE.wrapping_sub(1);
            return Some(start.as_ptr().wrapping_add(ahead));
        }
        room >>= 1;
    }
    None
}

/// Addresses that probably have `room` free bytes behind them: one in the upper part of the address
/// space, below where the kernel puts its own mappings, and one in the lower part, which those
/// reach last.
///
/// With 47 bits, these are 32 TiB that end 256 GiB below the top, and what lies between 1 and
/// 16 TiB. Places go downward, each `room` below the one before, and start again at the end: old
/// places are likely free again by then. Programs and their heaps lie outside of both; a heap
/// grows upward by `brk` and must find nothing in its way.
fn sparse_places(room: usize) -> [*mut u8; 2] {
    const GRANULE: usize = 1 << 21;
    static TAKEN: AtomicUsize = AtomicUsize::new(0);

    let marker = 0u8;
    // A stack lies near the kernel's mapping area, randomised with it.
    let top = (&raw const marker).addr();
    let step = crate::units::round_up(room, GRANULE).unwrap_or(GRANULE);
    let taken = TAKEN.fetch_add(step, Ordering::Relaxed);
    let place = |from: usize, spread: usize| {
        let below = taken.checked_rem(spread).unwrap_or(0);
        ptr::without_provenance_mut(from.saturating_sub(below) & !GRANULE.wrapping_sub(1))
    };
    let all = top.checked_next_power_of_two().unwrap_or(top);
    let upper = place(top.saturating_sub(all >> 9), all >> 2);
    let lower = place(all >> 3, (all >> 3).saturating_sub(all >> 7));
    [upper, lower]
}

/// Maps `bytes` more zeros, readable and writable, exactly at `end`.
///
/// Nothing that is mapped there already is replaced: the call fails instead, with `None`.
pub(crate) fn extend(end: NonNull<u8>, bytes: usize) -> Result<(), Option<OsError>> {
    match anonymous(end.as_ptr(), bytes, READ_WRITE, MAP_FIXED_NOREPLACE) {
        Ok(got) if got == end => Ok(()),
        Ok(elsewhere) => {
            // SAFETY: the mapping was made right above and nobody knows of it.
            let _ = unsafe { release(elsewhere, bytes) };
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
        // SAFETY: passed on.
        unsafe { anonymous_over(address, bytes, READ_WRITE) }
    }
}

/// The same as [`zero`] while others use the range: they see what was there, or zeros, and never a fault.
///
/// # Safety
/// The range lies in a private anonymous mapping of the caller's.
pub(crate) unsafe fn zero_in_use(address: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
    // SAFETY: passed on; the kernel takes pages away, and mappings too, while nobody can look.
    unsafe { zero(address, bytes) }
}

/// Bytes that start somewhere: `struct iovec`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub(crate) struct Span {
    pub(crate) start: NonNull<u8>,
    pub(crate) bytes: usize,
}

/// The same as [`zero`] for many ranges. One call for all of them interrupts the other processors once, not once for
/// each. After a failure any of them may have been zeroed.
///
/// # Safety
/// As for `zero`. A range may also be private memory of a file's, which shows the file's bytes again then, on
/// Linux.
pub(crate) unsafe fn zero_many(spans: &[Span]) -> Result<(), OsError> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if spans.len() > 1 && super::injection::point().is_ok() {
        /// What stands for this process where a descriptor of one is expected, from Linux 6.14 on.
        const SELF: libc::c_int = -10_001;
        let bytes = spans.iter().fold(0usize, |sum, span| sum.saturating_add(span.bytes));
        // SAFETY: the caller's ranges; a span is an iovec.
        let done = unsafe {
            let advice = libc::MADV_DONTNEED;
            libc::syscall(
                libc::SYS_process_madvise,
                SELF,
                spans.as_ptr(),
                spans.len(),
                advice,
                0u32,
            )
        };
        if usize::try_from(done) == Ok(bytes) {
            return Ok(());
        }
    }
    for span in spans {
        // SAFETY: passed on.
        unsafe { zero(span.start, span.bytes)? };
    }
    Ok(())
}

/// Puts fresh zeros in the place of whatever is mapped in a range, readable and writable.
///
/// # Safety
/// The range lies in private mappings of the caller's, and nobody else uses it now.
pub(crate) unsafe fn zeros_over(address: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
    super::injection::point()?;
    // SAFETY: passed on.
    unsafe { anonymous_over(address, bytes, READ_WRITE) }
}

/// Puts a reservation in the place of whatever is mapped in a range: every access to it faults, and what was there is
/// gone. On failure nothing has changed.
///
/// # Safety
/// As for `zeros_over`.
pub(crate) unsafe fn reserve_over(address: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
    super::injection::point()?;
    // SAFETY: passed on.
    unsafe { anonymous_over(address, bytes, libc::PROT_NONE) }
}

/// # Safety
/// As for `zeros_over`.
unsafe fn anonymous_over(
    address: NonNull<u8>,
    bytes: usize,
    protection: libc::c_int,
) -> Result<(), OsError> {
    // SAFETY: the caller owns the whole range, so MAP_FIXED replaces nothing of others.
    let got = unsafe {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED | MAP_NORESERVE;
        libc::mmap(address.as_ptr().cast(), bytes, protection, flags, -1, 0)
    };
    if got != libc::MAP_FAILED {
        return Ok(());
    }
    let refused = last_error();
    if is_mapped(address, bytes) || take_again(address, bytes, protection) {
        return Err(refused);
    }
    // Where every access faults: better than a place that the system gives to somebody else.
    take_again(address, bytes, libc::PROT_NONE);
    Err(refused)
}

/// Maps a place that was the caller's before the system gave up what was there and then refused what was to follow:
/// macOS and the BSDs do that, and Linux before 6.12 under strict overcommit.
fn take_again(address: NonNull<u8>, bytes: usize, protection: libc::c_int) -> bool {
    match anonymous(address.as_ptr(), bytes, protection, MAP_FIXED_NOREPLACE) {
        Ok(got) if got == address => true,
        Ok(elsewhere) => {
            // SAFETY: the mapping was made right above and nobody knows of it.
            let _ = unsafe { release(elsewhere, bytes) };
            false
        }
        Err(_) => false,
    }
}

/// Whether there is a mapping everywhere in a range.
pub(super) fn is_mapped(address: NonNull<u8>, bytes: usize) -> bool {
    resident_bytes(address, bytes, host().page_bytes).is_some()
}

/// Sets what may be done with a range; its contents stay.
///
/// # Safety
/// The range lies in mappings of the caller's, and nobody relies on more.
pub(crate) unsafe fn set_protection(
    address: NonNull<u8>,
    bytes: usize,
    protection: Protection,
) -> Result<(), OsError> {
    let protection = match protection {
        Protection::None => libc::PROT_NONE,
        Protection::Read => libc::PROT_READ,
        Protection::ReadWrite => READ_WRITE,
    };
    // SAFETY: passed on.
    unsafe { protect(address, bytes, protection) }
}

/// Makes every access to a range fault without a mapping of its own for it, for good. Fails where the system has no
/// such thing (Linux before 6.13).
///
/// # Safety
/// The range lies in a private anonymous mapping of the caller's, and nobody uses it.
pub(crate) unsafe fn install_guard(address: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
    super::injection::point()?;
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        const MADV_GUARD_INSTALL: libc::c_int = 102;
        // SAFETY: the caller's range.
        match unsafe { libc::madvise(address.as_ptr().cast(), bytes, MADV_GUARD_INSTALL) } {
            0 => Ok(()),
            _ => Err(last_error()),
        }
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    {
        let _ = (address, bytes);
        Err(OsError::INVALID)
    }
}

/// Asks for small pages only in a range that many users share; without effect where there are no others.
pub(crate) fn advise_small_pages(address: NonNull<u8>, bytes: usize) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if super::injection::side_point(libc::EINVAL).is_ok() {
        // SAFETY: the advice changes no contents.
        unsafe { libc::madvise(address.as_ptr().cast(), bytes, libc::MADV_NOHUGEPAGE) };
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (address, bytes);
}

/// Gives mappings back. Fails when the range has to be split from a neighbour that the kernel had
/// merged it with and the process may have no mapping more; nothing has changed then.
///
/// # Safety
/// The range lies in mappings of the caller's, and nobody uses it any more.
pub(crate) unsafe fn release(address: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
    super::injection::point()?;
    // SAFETY: the caller gives the range up.
    match unsafe { libc::munmap(address.as_ptr().cast(), bytes) } {
        0 => Ok(()),
        _ => Err(last_error()),
    }
}

/// Gives back a whole mapping of a file. The kernel merges none of ours with another, and so never has to split one for
/// this: there is nothing that it could refuse.
///
/// # Safety
/// The range is a mapping of the caller's, and nobody uses it any more.
pub(crate) unsafe fn release_file(address: NonNull<u8>, bytes: usize) {
    // SAFETY: the caller gives the range up.
    unsafe { libc::munmap(address.as_ptr().cast(), bytes) };
}

/// Asks for huge pages in a range; without effect where the system has none.
pub(crate) fn advise_huge_pages(address: NonNull<u8>, bytes: usize) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    if super::injection::side_point(libc::EINVAL).is_ok() {
        // SAFETY: the advice changes no contents.
        unsafe { libc::madvise(address.as_ptr().cast(), bytes, libc::MADV_HUGEPAGE) };
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (address, bytes);
}

/// Has a function called in the child of each fork of this process, before anything else there. Only what was done by the C
/// library's `fork` is told.
pub(crate) fn at_fork_in_child(function: extern "C" fn()) {
    // SAFETY: the function lives as long as the library, which is never unloaded. Without memory for the note it is not
    // called, and a child that is forked at a bad moment may wait for ever.
    unsafe { libc::pthread_atfork(None, None, Some(function)) };
}

/// Has functions called around each fork of this process, in the thread that forks: before it, and after it in the parent and
/// in the child.
pub(crate) fn around_forks(
    before: extern "C" fn(),
    in_parent: extern "C" fn(),
    in_child: extern "C" fn(),
) {
    // SAFETY: as above.
    unsafe { libc::pthread_atfork(Some(before), Some(in_parent), Some(in_child)) };
}

/// How many bytes of a range are in memory now; `None` where the system does not tell.
pub(crate) fn resident_bytes(address: NonNull<u8>, bytes: usize, page_bytes: usize) -> Option<u64> {
    const PAGES_AT_ONCE: usize = 4096;
    let mut present = [0u8; PAGES_AT_ONCE];
    // Whole pages are counted, and a range of the heap's may begin and end within some.
    let before = address.addr().get() & page_bytes.wrapping_sub(1);
    let address = address.as_ptr().wrapping_sub(before);
    let bytes = bytes.checked_add(before)?;
    let chunk = page_bytes.checked_mul(PAGES_AT_ONCE)?;
    let mut resident = 0u64;
    let mut done = 0usize;
    while done < bytes {
        let length = chunk.min(bytes.wrapping_sub(done));
        super::injection::side_point(libc::EAGAIN).ok()?;
        // SAFETY: mincore reads no memory of the range and writes one byte per page of `length`,
        // at most PAGES_AT_ONCE, into `present`.
        let answer = unsafe {
            libc::mincore(address.wrapping_add(done).cast(), length, present.as_mut_ptr().cast())
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

pub(super) fn resource_limit(resource: ResourceKind) -> Option<u64> {
    super::injection::side_point(libc::EPERM).ok()?;
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit writes into the structure passed.
    let answer = unsafe { libc::getrlimit(resource, &raw mut limit) };
    #[allow(clippy::useless_conversion, reason = "rlim_t is signed or narrower on some systems")]
    (answer == 0 && limit.rlim_cur != libc::RLIM_INFINITY)
        .then(|| u64::try_from(limit.rlim_cur).ok())
        .flatten()
}

/// The most bytes that a file may have that this process writes, if there is a limit. Past it the system does not only
/// refuse, it sends a signal that ends the process.
pub(crate) fn largest_file() -> Option<u64> {
    resource_limit(libc::RLIMIT_FSIZE)
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(super) type ResourceKind = libc::__rlimit_resource_t;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(super) type ResourceKind = libc::c_int;

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
    if !can_split_a_mapping(host.page_bytes) {
        let limit = read_number(c"/proc/sys/vm/max_map_count").unwrap_or(0);
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

/// Whether the process may have two mappings more: three pages are mapped and the middle one is
/// protected, for a moment. Counting the lines of /proc/self/maps would tell the same in milliseconds,
/// and a guest that grows in vain again and again would spend them.
fn can_split_a_mapping(page_bytes: usize) -> bool {
    let bytes = page_bytes.saturating_mul(3);
    if super::injection::side_point(libc::ENOMEM).is_err() {
        return false;
    }
    // SAFETY: a fresh mapping, shared so that it merges with no other, unmapped before returning.
    unsafe {
        let start = libc::mmap(
            ptr::null_mut(),
            bytes,
            libc::PROT_READ,
            libc::MAP_SHARED | libc::MAP_ANON,
            -1,
            0,
        );
        if start == libc::MAP_FAILED {
            return false;
        }
        let middle = start.wrapping_byte_add(page_bytes);
        let split = super::injection::side_point(libc::ENOMEM).is_ok()
            && libc::mprotect(middle, page_bytes, libc::PROT_NONE) == 0;
        libc::munmap(start, bytes);
        split
    }
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

fn with_file(path: &core::ffi::CStr, body: impl FnOnce(libc::c_int)) -> Option<()> {
    super::injection::side_point(libc::EMFILE).ok()?;
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
    super::injection::side_point(libc::EIO).ok()?;
    // SAFETY: the buffer is writable for its length.
    let got = unsafe { libc::read(file, buffer.as_mut_ptr().cast(), buffer.len()) };
    usize::try_from(got).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_was_lost_is_taken_again_and_never_from_others() {
        let bytes = host().page_bytes * 4;
        // Not where the kernel puts what other tests map.
        let place = map(bytes, bytes).unwrap();
        // SAFETY: made right above; what is unmapped is not used.
        unsafe { release(place, bytes).unwrap() };
        assert!(!is_mapped(place, bytes));
        assert!(take_again(place, bytes, READ_WRITE));
        assert!(is_mapped(place, bytes));
        // SAFETY: mapped for writes right above.
        unsafe { place.as_ptr().write(7) };
        assert!(!take_again(place, bytes, READ_WRITE));
        // SAFETY: still what was mapped there, and nobody uses it any more.
        unsafe {
            assert_eq!(place.as_ptr().read(), 7);
            release(place, bytes).unwrap();
        }
    }
}
