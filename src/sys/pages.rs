//! Which pages of private memory have been written, as far as the system tells.

use super::OsError;
use super::page_map::{self, FILE, GUARD, PRESENT, Question, SWAPPED, ZERO_PAGE};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

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
    // Neither a page of a file nor the page of zeros that reading shows, nor a guard; in memory or swapped out.
    let asking = |left_out| Question {
        flags: 0,
        inverted: left_out,
        all_of: left_out,
        any_of: PRESENT | SWAPPED,
        told: PRESENT | SWAPPED,
    };
    let most_runs = bytes.wrapping_shr(page_bytes.trailing_zeros()).div_ceil(2);
    let start = start.addr().get();
    let mut scan = |left_out| {
        page_map::scan(&asking(left_out), start, bytes, most_runs, |run| {
            let is_swapped = run.kinds & SWAPPED != 0;
            found(WrittenPages { start: run.start, end: run.end, is_swapped });
        })
    };
    if HAS_NO_GUARDS.load(Ordering::Relaxed) {
        return scan(UNWRITTEN);
    }
    match scan(UNWRITTEN | GUARD) {
        // It says so before it looks at anything.
        Err(OsError::INVALID) => {
            HAS_NO_GUARDS.store(true, Ordering::Relaxed);
            scan(UNWRITTEN)
        }
        scanned => scanned,
    }
}

/// How many bytes of a range are in memory where this process can touch them without a fault. The page of zeros that
/// reading shows is nobody's memory. The range may start and end within pages.
pub(crate) fn present_bytes(
    start: NonNull<u8>,
    bytes: usize,
    page_bytes: usize,
) -> Result<u64, OsError> {
    let question = Question {
        flags: 0,
        inverted: ZERO_PAGE,
        all_of: PRESENT | ZERO_PAGE,
        any_of: 0,
        told: PRESENT,
    };
    let (start, end) = (start.addr().get(), start.addr().get().saturating_add(bytes));
    let first = start & !page_bytes.wrapping_sub(1);
    let all = end.next_multiple_of(page_bytes).wrapping_sub(first);
    let most_runs = all.wrapping_shr(page_bytes.trailing_zeros()).div_ceil(2);
    let mut present = 0u64;
    page_map::scan(&question, first, all, most_runs, |run| {
        let there = run.end.min(end).saturating_sub(run.start.max(start));
        present = present.saturating_add(there as u64);
    })?;
    Ok(present)
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
