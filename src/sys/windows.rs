//! Windows: `VirtualAlloc` and its family.
//!
//! Three things are different from other systems. Memory that is open counts against the commit limit (memory and
//! paging files together) before it is touched, so [`host`] says that opening commits, and the rooms above open no more
//! than is used. A mapping is one or more allocations, each of which starts at a multiple of 64 KiB; calls reach no
//! further than to the end of one, and whoever hands ranges to the system here goes through [`for_each_allocation`].
//! And pages cannot be replaced in place: between giving them back and getting others they are not there, and the
//! system may refuse the others. So zeros are written, here, where memory is in use.

use super::{HostCaps, LikelyLimit, OsError, Protection};
use core::mem::{self, MaybeUninit};
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicUsize, Ordering};
use windows_sys::Win32::Foundation::{ERROR_INVALID_ADDRESS, GetLastError, SetLastError};
use windows_sys::Win32::System::Memory::{
    MEM_COMMIT, MEM_DECOMMIT, MEM_FREE, MEM_RELEASE, MEM_RESERVE, MEMORY_BASIC_INFORMATION,
    PAGE_EXECUTE_READ, PAGE_EXECUTE_READWRITE, PAGE_EXECUTE_WRITECOPY, PAGE_GUARD, PAGE_NOACCESS,
    PAGE_PROTECTION_FLAGS, PAGE_READONLY, PAGE_READWRITE, PAGE_WRITECOPY, VIRTUAL_ALLOCATION_TYPE,
    VirtualAlloc, VirtualFree, VirtualProtect, VirtualQuery, VirtualUnlock,
};
use windows_sys::Win32::System::ProcessStatus::{
    K32QueryWorkingSetEx, PSAPI_WORKING_SET_EX_BLOCK, PSAPI_WORKING_SET_EX_INFORMATION,
};
use windows_sys::Win32::System::SystemInformation::{
    GetSystemInfo, GlobalMemoryStatusEx, MEMORYSTATUSEX, SYSTEM_INFO,
};
use windows_sys::Win32::System::Threading::{
    ALL_PROCESSOR_GROUPS, FlushProcessWriteBuffers, GetActiveProcessorCount, GetCurrentProcess,
};

/// Where allocations may start. The system tells it; it has been this on every Windows.
const GRANULE: usize = 1 << 16;

fn system_info() -> SYSTEM_INFO {
    let mut info = MaybeUninit::<SYSTEM_INFO>::zeroed();
    // SAFETY: the system writes into the structure passed, of which zeros are a value.
    unsafe {
        GetSystemInfo(info.as_mut_ptr());
        info.assume_init()
    }
}

/// Asks the host for its page size and the size of its address space.
pub(crate) fn host() -> HostCaps {
    let info = system_info();
    let page_bytes = usize::try_from(info.dwPageSize).ok().filter(|bytes| bytes.is_power_of_two());
    let last = info.lpMaximumApplicationAddress.addr() as u64;
    HostCaps {
        page_bytes: page_bytes.unwrap_or(4096),
        address_space_bytes: last.checked_next_power_of_two().unwrap_or(last),
        can_guard: usize::BITS >= 64,
        has_mappings: true,
        has_shared_files: false,
        maps_files: false,
        opening_commits: true,
    }
}

/// How many processors run.
pub(crate) fn processors() -> usize {
    // SAFETY: the call touches no memory of ours.
    usize::try_from(unsafe { GetActiveProcessorCount(ALL_PROCESSOR_GROUPS) }).unwrap_or(1)
}

pub(super) fn last_error() -> OsError {
    // SAFETY: the call reads this thread's number.
    OsError(unsafe { GetLastError() }.cast_signed())
}

/// Sets what `GetLastError` shows to the C caller.
pub(crate) fn set_last_error(error: OsError) {
    // SAFETY: the call sets this thread's number.
    unsafe { SetLastError(error.0.cast_unsigned()) };
}

/// A memory barrier in every thread of the process.
pub(crate) fn order_threads() {
    // SAFETY: the call touches no memory of ours.
    unsafe { FlushProcessWriteBuffers() };
}

/// What is at an address: pages that follow one another in one state. `None` past the last address there is.
fn query(address: *const u8) -> Option<MEMORY_BASIC_INFORMATION> {
    let mut found = MaybeUninit::<MEMORY_BASIC_INFORMATION>::zeroed();
    // SAFETY: the system looks the address up and writes into the structure passed, of which zeros are a value.
    unsafe {
        let size = size_of::<MEMORY_BASIC_INFORMATION>();
        let written = VirtualQuery(address.cast(), found.as_mut_ptr(), size);
        (written != 0).then(|| found.assume_init())
    }
}

/// A run of pages in one state.
struct Run {
    start: *mut u8,
    bytes: usize,
    info: MEMORY_BASIC_INFORMATION,
}

/// The runs of pages between two addresses, ascending. They end early where the system tells no more.
fn runs(address: *const u8, bytes: usize) -> impl Iterator<Item = Run> {
    let end = address.addr().saturating_add(bytes);
    let mut at = address.cast_mut();
    core::iter::from_fn(move || {
        if at.addr() >= end {
            return None;
        }
        let info = query(at)?;
        let behind = info.BaseAddress.addr().saturating_add(info.RegionSize).min(end);
        let bytes = behind.checked_sub(at.addr()).filter(|bytes| *bytes != 0)?;
        let start = at;
        at = at.wrapping_add(bytes);
        Some(Run { start, bytes, info })
    })
}

/// Whether all bytes of a range can be read now.
pub(super) fn is_readable(address: *const u8, bytes: usize) -> bool {
    const READABLE: PAGE_PROTECTION_FLAGS = PAGE_READONLY
        | PAGE_READWRITE
        | PAGE_WRITECOPY
        | PAGE_EXECUTE_READ
        | PAGE_EXECUTE_READWRITE
        | PAGE_EXECUTE_WRITECOPY;
    let can_read = |run: &Run| {
        let info = &run.info;
        info.State == MEM_COMMIT && info.Protect & READABLE != 0 && info.Protect & PAGE_GUARD == 0
    };
    let read = runs(address, bytes).take_while(can_read);
    read.fold(0, |sum: usize, run| sum.saturating_add(run.bytes)) == bytes
}

/// Does something with each part of a range that lies in one allocation, until it fails.
fn for_each_allocation(
    address: NonNull<u8>,
    bytes: usize,
    mut each: impl FnMut(*mut u8, usize) -> Result<(), OsError>,
) -> Result<(), OsError> {
    // Nearly always there is one, and then nothing has to be asked.
    match each(address.as_ptr(), bytes) {
        Err(OsError(code)) if code.cast_unsigned() == ERROR_INVALID_ADDRESS => {}
        done_or_refused => return done_or_refused,
    }
    let refused = Err(OsError(ERROR_INVALID_ADDRESS.cast_signed()));
    let mut part: Option<(*mut u8, usize, *mut core::ffi::c_void)> = None;
    let mut left = bytes;
    for run in runs(address.as_ptr(), bytes) {
        if run.info.State == MEM_FREE {
            return refused;
        }
        left = left.saturating_sub(run.bytes);
        part = match part {
            Some((start, bytes, allocation)) if allocation == run.info.AllocationBase => {
                Some((start, bytes.saturating_add(run.bytes), allocation))
            }
            other => {
                if let Some((start, bytes, _)) = other {
                    each(start, bytes)?;
                }
                Some((run.start, run.bytes, run.info.AllocationBase))
            }
        };
    }
    match part {
        // There was one, which the system refused.
        Some((start, _, _)) if start == address.as_ptr() => refused,
        Some((start, bytes, _)) if left == 0 => each(start, bytes),
        _ => refused,
    }
}

fn allocate(
    at: *mut u8,
    bytes: usize,
    kind: VIRTUAL_ALLOCATION_TYPE,
    protection: PAGE_PROTECTION_FLAGS,
) -> Result<NonNull<u8>, OsError> {
    super::injection::point()?;
    // SAFETY: a reservation is made where nothing is, or not at all. What is committed is so by the callers below, in
    // reservations of theirs; pages that were committed before keep their contents.
    let address = unsafe { VirtualAlloc(at.cast(), bytes, kind, protection) };
    NonNull::new(address.cast()).ok_or_else(last_error)
}

/// Gives back what was reserved a moment ago and nobody knows of.
fn give_up(start: NonNull<u8>) {
    // SAFETY: the callers below made it, and use it no more.
    unsafe { VirtualFree(start.as_ptr().cast(), 0, MEM_RELEASE) };
}

/// Reserves `bytes` of address space in which every access faults.
pub(crate) fn reserve(bytes: usize) -> Result<NonNull<u8>, OsError> {
    allocate(ptr::null_mut(), bytes, MEM_RESERVE, PAGE_NOACCESS)
}

/// Maps `bytes` of zeros, readable and writable, in a place with about `room` free bytes behind.
pub(crate) fn map(bytes: usize, room: usize) -> Result<NonNull<u8>, OsError> {
    for place in sparse_places(room) {
        if let Ok(start) = map_at(place, bytes) {
            return Ok(start);
        }
    }
    map_at(ptr::null_mut(), bytes)
}

/// Whole granules are reserved, of which nobody else could use the rest, and `bytes` are opened.
fn map_at(place: *mut u8, bytes: usize) -> Result<NonNull<u8>, OsError> {
    let whole = crate::units::round_up(bytes, GRANULE).ok_or(OsError::no_memory())?;
    let start = allocate(place, whole, MEM_RESERVE, PAGE_NOACCESS)?;
    match allocate(start.as_ptr(), bytes, MEM_COMMIT, PAGE_READWRITE) {
        Ok(_) => Ok(start),
        Err(refused) => {
            give_up(start);
            Err(refused)
        }
    }
}

/// Addresses that probably have `room` free bytes behind them: the system's own choices lie low, its libraries high.
/// Places go downward, each `room` below the one before, and start again at the end: old places are likely free again
/// by then.
fn sparse_places(room: usize) -> [*mut u8; 2] {
    static TAKEN: AtomicUsize = AtomicUsize::new(0);
    let all = system_info().lpMaximumApplicationAddress.addr();
    let step = crate::units::round_up(room, GRANULE).unwrap_or(GRANULE);
    let taken = TAKEN.fetch_add(step, Ordering::Relaxed);
    let place = |from: usize, spread: usize| {
        let below = taken.checked_rem(spread).unwrap_or(0);
        ptr::without_provenance_mut(from.saturating_sub(below) & !GRANULE.wrapping_sub(1))
    };
    [place(all >> 1, all >> 2), place(all.saturating_sub(all >> 2), all >> 3)]
}

/// Maps `bytes` more zeros, readable and writable, exactly at `end`.
///
/// Nothing that is there already is replaced: the call fails instead, with `None`.
pub(crate) fn extend(end: NonNull<u8>, bytes: usize) -> Result<(), Option<OsError>> {
    // The rest of the last granule belongs to the allocation before.
    let granule_end = crate::units::round_up(end.addr().get(), GRANULE).ok_or(None)?;
    let rest = granule_end.wrapping_sub(end.addr().get()).min(bytes);
    let more = bytes.wrapping_sub(rest);
    let mut added = None;
    if more != 0 {
        let place = end.as_ptr().wrapping_add(rest);
        let whole = crate::units::round_up(more, GRANULE).ok_or(None)?;
        let start = allocate(place, whole, MEM_RESERVE, PAGE_NOACCESS).map_err(|refused| {
            (refused.0.cast_unsigned() != ERROR_INVALID_ADDRESS).then_some(refused)
        })?;
        added = Some(start);
        if let Err(refused) = allocate(place, more, MEM_COMMIT, PAGE_READWRITE) {
            give_up(start);
            return Err(Some(refused));
        }
    }
    if rest != 0
        && let Err(refused) = allocate(end.as_ptr(), rest, MEM_COMMIT, PAGE_READWRITE)
    {
        if let Some(start) = added {
            give_up(start);
        }
        return Err(Some(refused));
    }
    Ok(())
}

unsafe fn protect(
    address: NonNull<u8>,
    bytes: usize,
    protection: PAGE_PROTECTION_FLAGS,
) -> Result<(), OsError> {
    super::injection::point()?;
    for_each_allocation(address, bytes, |start, bytes| {
        let mut old = 0;
        // SAFETY: the caller owns the range, and nobody holds a reference into it.
        match unsafe { VirtualProtect(start.cast(), bytes, protection, &raw mut old) } {
            0 => Err(last_error()),
            _ => Ok(()),
        }
    })
}

/// Makes a range readable and writable. Pages never touched read as zero.
///
/// # Safety
/// The range lies in a mapping of the caller's.
pub(crate) unsafe fn open(address: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
    // Pages that are committed already get the protection and keep what is in them.
    for_each_allocation(address, bytes, |start, bytes| {
        allocate(start, bytes, MEM_COMMIT, PAGE_READWRITE).map(|_| ())
    })
}

/// Makes every access to a range fault; its contents stay.
///
/// # Safety
/// The range lies in a mapping of the caller's and is open, and nobody relies on reading it.
pub(crate) unsafe fn close(address: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
    // SAFETY: passed on.
    unsafe { protect(address, bytes, PAGE_NOACCESS) }
}

/// Makes a range read as zero and takes its pages out of the working set. They stay committed: between giving them up
/// and getting others, the system might refuse the others.
///
/// # Safety
/// The range lies in a mapping of the caller's, and nobody else uses it now.
pub(crate) unsafe fn zero(address: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
    super::injection::point()?;
    let mut left = bytes;
    for Run { start, bytes, info } in runs(address.as_ptr(), bytes) {
        left = left.saturating_sub(bytes);
        match info.State {
            // Zeros when they are opened.
            MEM_RESERVE => continue,
            MEM_COMMIT => {}
            _ => return Err(OsError(ERROR_INVALID_ADDRESS.cast_signed())),
        }
        let place = NonNull::new(start).ok_or(OsError::INVALID)?;
        let is_open = info.Protect == PAGE_READWRITE;
        if !is_open {
            // SAFETY: the caller's range, which nobody uses.
            unsafe { protect(place, bytes, PAGE_READWRITE)? };
        }
        // SAFETY: open now, the caller's, and nobody else uses it.
        unsafe { start.write_bytes(0, bytes) };
        trim(start, bytes);
        if !is_open {
            // SAFETY: as it was.
            unsafe { protect(place, bytes, info.Protect)? };
        }
    }
    if left == 0 { Ok(()) } else { Err(OsError(ERROR_INVALID_ADDRESS.cast_signed())) }
}

/// Takes pages out of the working set, if none of the first of them is locked: to unlock what was never locked does
/// that, and is said to have failed.
fn trim(start: *mut u8, bytes: usize) {
    let mut pages = Pages::none();
    let page_bytes = host().page_bytes;
    pages.count = bytes.div_ceil(page_bytes).min(PAGES_AT_ONCE);
    if pages.ask(start, page_bytes).is_some() && pages.count_of(LOCKED) == 0 {
        // SAFETY: the call changes no contents.
        unsafe { VirtualUnlock(start.cast(), bytes) };
    }
}

/// The same as [`zero`] while others use the range: not here, where they would see the pages missing, or lose what
/// they write.
///
/// # Safety
/// None needed: it refuses.
pub(crate) unsafe fn zero_in_use(_address: NonNull<u8>, _bytes: usize) -> Result<(), OsError> {
    Err(OsError::none())
}

/// Bytes that start somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: NonNull<u8>,
    pub(crate) bytes: usize,
}

/// The same as [`zero`] for many ranges. After a failure any of them may have been zeroed.
///
/// # Safety
/// As for `zero`.
pub(crate) unsafe fn zero_many(spans: &[Span]) -> Result<(), OsError> {
    for span in spans {
        // SAFETY: passed on.
        unsafe { zero(span.start, span.bytes)? };
    }
    Ok(())
}

/// Makes a range zeros that can be read and written, whatever it held and whatever was allowed there.
///
/// # Safety
/// The range lies in mappings of the caller's, and nobody else uses it now.
pub(crate) unsafe fn zeros_over(address: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
    // SAFETY: passed on.
    unsafe {
        open(address, bytes)?;
        zero(address, bytes)
    }
}

/// Makes every access to a range fault; what was there is gone, and counts no longer. On failure nothing has changed.
///
/// # Safety
/// As for `zeros_over`; the range lies in one allocation.
pub(crate) unsafe fn reserve_over(address: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
    super::injection::point()?;
    // SAFETY: the caller gives up what is in the range.
    match unsafe { VirtualFree(address.as_ptr().cast(), bytes, MEM_DECOMMIT) } {
        0 => Err(last_error()),
        _ => Ok(()),
    }
}

/// Sets what may be done with a range; its contents stay.
///
/// # Safety
/// The range lies in mappings of the caller's and is open, and nobody relies on more.
pub(crate) unsafe fn set_protection(
    address: NonNull<u8>,
    bytes: usize,
    protection: Protection,
) -> Result<(), OsError> {
    let protection = match protection {
        Protection::None => PAGE_NOACCESS,
        Protection::Read => PAGE_READONLY,
        Protection::ReadWrite => PAGE_READWRITE,
    };
    // SAFETY: passed on.
    unsafe { protect(address, bytes, protection) }
}

/// There is no such guard here.
///
/// # Safety
/// None needed: it refuses.
pub(crate) unsafe fn install_guard(_address: NonNull<u8>, _bytes: usize) -> Result<(), OsError> {
    Err(OsError::INVALID)
}

/// Large pages are a privilege here, and locked in memory: nothing to advise.
pub(crate) fn advise_small_pages(_address: NonNull<u8>, _bytes: usize) {}

/// As above.
pub(crate) fn advise_huge_pages(_address: NonNull<u8>, _bytes: usize) {}

/// Gives back a whole mapping of a file, of which there are none here.
///
/// # Safety
/// None needed: there is never such a mapping.
pub(crate) unsafe fn release_file(_address: NonNull<u8>, _bytes: usize) {}

/// Gives mappings back, from the start of one to the end of one.
///
/// # Safety
/// The range is what `reserve` or `map` made and `extend` extended, and nobody uses it any more.
pub(crate) unsafe fn release(address: NonNull<u8>, bytes: usize) -> Result<(), OsError> {
    super::injection::point()?;
    let invalid = Err(OsError(ERROR_INVALID_ADDRESS.cast_signed()));
    let end = address.addr().get().saturating_add(bytes);
    let mut at = address.as_ptr();
    while at.addr() < end {
        let mut behind = at;
        while behind.addr() < end
            && let Some(info) = query(behind)
            && info.State != MEM_FREE
            && info.AllocationBase.addr() == at.addr()
        {
            behind = behind.wrapping_add(info.RegionSize.max(1));
        }
        // SAFETY: an allocation is released as a whole, by its start; the caller gives it up.
        let is_released = behind != at && unsafe { VirtualFree(at.cast(), 0, MEM_RELEASE) } != 0;
        if !is_released {
            // With something gone already, the rest is lost rather than tried again: others may be in the gap by
            // then.
            return match (at == address.as_ptr(), behind == at) {
                (false, _) => Ok(()),
                (true, true) => invalid,
                (true, false) => Err(last_error()),
            };
        }
        at = behind;
    }
    Ok(())
}

const PAGES_AT_ONCE: usize = 256;
/// The page is in the working set.
const VALID: usize = 1;
/// It is locked there.
const LOCKED: usize = 1 << 22;

/// What the system says about some pages that follow one another.
struct Pages {
    told: [PSAPI_WORKING_SET_EX_INFORMATION; PAGES_AT_ONCE],
    count: usize,
}

impl Pages {
    fn none() -> Self {
        let none = PSAPI_WORKING_SET_EX_INFORMATION {
            VirtualAddress: ptr::null_mut(),
            VirtualAttributes: PSAPI_WORKING_SET_EX_BLOCK { Flags: 0 },
        };
        Self { told: [none; PAGES_AT_ONCE], count: 0 }
    }

    /// Asks about `count` pages from `start` on; `None` if the system does not tell.
    fn ask(&mut self, start: *mut u8, page_bytes: usize) -> Option<()> {
        let mut at = start;
        for page in self.told.iter_mut().take(self.count) {
            page.VirtualAddress = at.cast();
            page.VirtualAttributes.Flags = 0;
            at = at.wrapping_add(page_bytes);
        }
        let size = self.count.checked_mul(size_of::<PSAPI_WORKING_SET_EX_INFORMATION>())?;
        let size = u32::try_from(size).ok()?;
        // SAFETY: the system looks the addresses up and writes into the array passed, which is no shorter.
        let is_told = unsafe {
            K32QueryWorkingSetEx(GetCurrentProcess(), self.told.as_mut_ptr().cast(), size)
        };
        (is_told != 0).then_some(())
    }

    /// Of how many of them a bit is set, as far as they are in memory: elsewhere the bits mean other things.
    fn count_of(&self, bit: usize) -> usize {
        let bits = VALID | bit;
        // SAFETY: all that the union can hold is these bits.
        let has = |page: &&PSAPI_WORKING_SET_EX_INFORMATION| unsafe {
            page.VirtualAttributes.Flags & bits == bits
        };
        self.told.iter().take(self.count).filter(has).count()
    }
}

/// How many bytes of a range are in memory now; `None` where the system does not tell, or the range is not mapped.
pub(crate) fn resident_bytes(address: NonNull<u8>, bytes: usize, page_bytes: usize) -> Option<u64> {
    let mut pages = Pages::none();
    let mut resident = 0u64;
    let mut left = bytes;
    for run in runs(address.as_ptr(), bytes) {
        left = left.saturating_sub(run.bytes);
        match run.info.State {
            MEM_RESERVE => continue,
            MEM_COMMIT => {}
            _ => return None,
        }
        let mut at = 0usize;
        while at < run.bytes {
            let rest = run.bytes.wrapping_sub(at);
            pages.count = rest.div_ceil(page_bytes).min(PAGES_AT_ONCE);
            pages.ask(run.start.wrapping_add(at), page_bytes)?;
            let in_memory = pages.count_of(VALID).checked_mul(page_bytes)?;
            resident = resident.checked_add(u64::try_from(in_memory).ok()?)?;
            at = at.checked_add(pages.count.checked_mul(page_bytes)?)?;
        }
    }
    (left == 0).then_some(resident)
}

/// There are no forks here.
pub(crate) fn at_fork_in_child(_function: extern "C" fn()) {}

/// As above.
pub(crate) fn around_forks(
    _before: extern "C" fn(),
    _in_parent: extern "C" fn(),
    _in_child: extern "C" fn(),
) {
}

/// Files have no such limit here.
pub(crate) fn largest_file() -> Option<u64> {
    None
}

/// No limit on a process's address space is set by anybody but the system.
pub(crate) fn address_space_left() -> Option<u64> {
    None
}

/// Which limit probably made the system refuse `bytes`.
pub(crate) fn diagnose(bytes: u64, host: &HostCaps) -> LikelyLimit {
    // SAFETY: zeros are a value of it.
    let mut status: MEMORYSTATUSEX = unsafe { mem::zeroed() };
    status.dwLength = u32::try_from(size_of::<MEMORYSTATUSEX>()).unwrap_or(0);
    // SAFETY: the system writes into the structure passed, whose size is in it.
    let is_known = unsafe { GlobalMemoryStatusEx(&raw mut status) } != 0;
    // Space that is used up in pieces ends a little before the last byte is taken.
    let fragments = host.address_space_bytes >> 4;
    let space = if is_known { status.ullAvailVirtual } else { host.address_space_bytes };
    if bytes > space.saturating_sub(fragments) {
        return LikelyLimit::AddressBits { address_space: host.address_space_bytes };
    }
    // What is the less of what the system and the process's job leave.
    if is_known && bytes > status.ullAvailPageFile {
        let (limit, left) = (status.ullTotalPageFile, status.ullAvailPageFile);
        return LikelyLimit::Commit { limit, left };
    }
    LikelyLimit::Unknown
}
