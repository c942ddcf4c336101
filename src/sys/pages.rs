//! Which pages of private memory have been written: the page-map scan of Linux 6.7.
//!
//! The scan reads the page tables behind `/proc/self/pagemap`. Where the kernel does not know it, where there
//! is no `/proc` or a filter forbids the call, it fails, and the callers do without.

use super::{OsError, injection, last_error};
use core::mem::MaybeUninit;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, Ordering};

/// Pages that follow one another and were written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WrittenPages {
    /// The address of the first.
    pub(crate) start: usize,
    /// The address behind the last.
    pub(crate) end: usize,
    /// Whether they are not in memory now, or on the way to another place in it: touching them costs more than
    /// giving them up.
    pub(crate) is_swapped: bool,
}

const FILE: u64 = 1 << 2;
const PRESENT: u64 = 1 << 3;
const SWAPPED: u64 = 1 << 4;
const ZERO_PAGE: u64 = 1 << 5;
/// A page that `install_guard` made to fault; such pages seem to be swapped out otherwise. From Linux 6.15 on.
const GUARD: u64 = 1 << 8;

/// `struct pm_scan_arg` of the kernel.
#[repr(C)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    regions: u64,
    region_count: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region` of the kernel.
#[derive(Clone, Copy)]
#[repr(C)]
struct PageRegion {
    start: u64,
    end: u64,
    categories: u64,
}

const PAGEMAP_SCAN: libc::Ioctl = libc::_IOWR::<Scan>(0x66, 16);

/// The kernel gathers up to 512 at once, in a buffer that it allocates for each call; more than 8 KiB would take it longer
/// than all the rest.
const REGIONS: usize = 320;

/// What pages are that nobody has written.
const UNWRITTEN: u64 = FILE | ZERO_PAGE;
/// Whether the kernel does not know guards among the pages.
static HAS_NO_GUARDS: AtomicBool = AtomicBool::new(false);

/// Calls `found` for the pages of a range that were written since they were mapped, ascending, all of them. Pages of a
/// private mapping of a file count when they are no longer the file's. After a failure it is not known
/// which of the pages behind the last one found were written.
pub(crate) fn written_pages(
    start: NonNull<u8>,
    bytes: usize,
    page_bytes: usize,
    mut found: impl FnMut(WrittenPages),
) -> Result<(), OsError> {
    let mut regions = [const { MaybeUninit::<PageRegion>::uninit() }; REGIONS];
    // The kernel allocates a buffer of the same size: no more than there can be.
    let pages = bytes.wrapping_shr(page_bytes.trailing_zeros());
    let most = pages.div_ceil(2).clamp(1, REGIONS);
    // What the kernel fills in, tools that watch memory do not see; zeros they understand.
    let nothing = PageRegion { start: 0, end: 0, categories: 0 };
    regions.iter_mut().take(most).for_each(|region| _ = region.write(nothing));
    let start = start.addr().get() as u64;
    let left_out =
        if HAS_NO_GUARDS.load(Ordering::Relaxed) { UNWRITTEN } else { UNWRITTEN | GUARD };
    let mut scan = Scan {
        size: size_of::<Scan>() as u64,
        flags: 0,
        start,
        end: start.saturating_add(bytes as u64),
        walk_end: start,
        regions: regions.as_mut_ptr().addr() as u64,
        region_count: most as u64,
        max_pages: 0,
        // Neither a page of a file nor the page of zeros that reading shows; in memory or swapped out.
        category_inverted: left_out,
        category_mask: left_out,
        category_anyof_mask: PRESENT | SWAPPED,
        return_mask: PRESENT | SWAPPED,
    };
    // The kernel fills only so many regions at a time: on until it has seen the whole range.
    while scan.start < scan.end {
        injection::point()?;
        let filled = match page_map::scan(&mut scan) {
            Err(_) if scan.category_mask & GUARD != 0 => {
                scan.category_inverted = UNWRITTEN;
                scan.category_mask = UNWRITTEN;
                let filled = page_map::scan(&mut scan)?;
                HAS_NO_GUARDS.store(true, Ordering::Relaxed);
                filled
            }
            filled => filled?,
        };
        for region in regions.iter().take(filled) {
            // SAFETY: the kernel has filled so many; any bits are a value.
            let region = unsafe { region.assume_init() };
            #[allow(clippy::cast_possible_truncation, reason = "addresses of this process")]
            found(WrittenPages {
                start: region.start as usize,
                end: region.end as usize,
                is_swapped: region.categories & SWAPPED != 0,
            });
        }
        if scan.walk_end <= scan.start {
            // It does not get on: whatever the reason, the rest is not known.
            return Err(OsError(libc::EIO));
        }
        scan.start = scan.walk_end;
    }
    Ok(())
}

/// The descriptor that scans go through. It shows the address space of the process that opened it, so a child of a
/// fork needs its own: the number lies in a page that the kernel wipes in children.
mod page_map {
    use super::*;

    /// Nothing opened in this process yet; a wiped page says the same.
    const NONE: i32 = 0;
    /// No scans in this process.
    const UNAVAILABLE: i32 = -1;

    /// Where the number is, plus one. Null until the first scan.
    static PLACE: AtomicPtr<AtomicI32> = AtomicPtr::new(ptr::null_mut());

    /// One call of the kernel; how many regions it filled.
    pub(super) fn scan(scan: &mut Scan) -> Result<usize, OsError> {
        let place = place()?;
        match place.load(Ordering::Acquire) {
            UNAVAILABLE => Err(OsError(libc::ENOTTY)),
            NONE => open_and_scan(place, NONE, scan),
            // The host may have closed all descriptors that it does not know, or a filter may have come since:
            // one more attempt with a new one tells.
            opened => {
                call(opened.wrapping_sub(1), scan).or_else(|_| open_and_scan(place, opened, scan))
            }
        }
    }

    #[cold]
    fn open_and_scan(place: &AtomicI32, known: i32, scan: &mut Scan) -> Result<usize, OsError> {
        // SAFETY: the path is a C string.
        let file =
            unsafe { libc::open(c"/proc/self/pagemap".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
        let answer = if file < 0 { Err(last_error()) } else { call(file, scan) };
        let now = if answer.is_ok() { file.saturating_add(1) } else { UNAVAILABLE };
        // Out of descriptors is no lasting state, and a question that the kernel does not know is not about scans.
        let refused = answer.err().unwrap_or(OsError::none());
        let is_lasting =
            !matches!(refused, OsError(libc::EMFILE | libc::ENFILE | libc::ENOMEM | libc::EINVAL));
        let (success, failure) = (Ordering::AcqRel, Ordering::Relaxed);
        let is_kept = is_lasting && place.compare_exchange(known, now, success, failure).is_ok();
        if file >= 0 && !(is_kept && answer.is_ok()) {
            // SAFETY: opened above, and nobody else knows it.
            unsafe { libc::close(file) };
        }
        answer
    }

    fn call(file: libc::c_int, scan: &mut Scan) -> Result<usize, OsError> {
        // SAFETY: the structure is the kernel's, and says how many regions there are room for.
        let filled = unsafe { libc::ioctl(file, PAGEMAP_SCAN, ptr::from_mut(scan)) };
        usize::try_from(filled).map_err(|_| last_error())
    }

    fn place() -> Result<&'static AtomicI32, OsError> {
        let known = PLACE.load(Ordering::Acquire);
        let place = if known.is_null() { make_place()? } else { known };
        // SAFETY: made by `make_place`, and never unmapped.
        Ok(unsafe { &*place })
    }

    #[cold]
    fn make_place() -> Result<*mut AtomicI32, OsError> {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
        let bytes = size_of::<AtomicI32>();
        // SAFETY: a new mapping, of which only the winner of the exchange below is kept.
        unsafe {
            let page = libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0);
            if page == libc::MAP_FAILED {
                return Err(last_error());
            }
            if libc::madvise(page, bytes, libc::MADV_WIPEONFORK) != 0 {
                let refused = last_error();
                libc::munmap(page, bytes);
                return Err(refused);
            }
            let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
            match PLACE.compare_exchange(ptr::null_mut(), page.cast(), success, failure) {
                Ok(_) => Ok(page.cast()),
                Err(first) => {
                    libc::munmap(page, bytes);
                    Ok(first)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys;

    #[test]
    fn every_written_page_is_found_and_no_other() {
        let page_bytes = sys::host().page_bytes;
        let pages = 5000;
        let start = sys::reserve(pages * page_bytes).unwrap();
        // SAFETY: the reservation made right above.
        unsafe { sys::open(start, pages * page_bytes).unwrap() };
        let at = |page: usize| start.as_ptr().wrapping_add(page * page_bytes);
        for page in 0..pages {
            // SAFETY: in the reservation. Read pages are not written ones.
            unsafe {
                at(page).read_volatile();
                if page % 3 == 1 {
                    at(page).write_volatile(7);
                }
            }
        }
        let mut found = Vec::new();
        let scanned = written_pages(start, pages * page_bytes, page_bytes, |run| {
            found.extend((run.start..run.end).step_by(page_bytes));
        });
        let wanted: Vec<_> =
            (0..pages).filter(|page| page % 3 == 1).map(|page| at(page).addr()).collect();
        match scanned {
            Ok(()) => assert_eq!(found, wanted),
            Err(refused) => println!("skipped: no page-map scan here ({refused:?})"),
        }
        // SAFETY: nobody uses it any more.
        unsafe { sys::release(start, pages * page_bytes).unwrap() };
    }
}
