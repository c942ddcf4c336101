//! The page-map scan of Linux 6.7: one look at the page tables, which tells pages of certain kinds.
//!
//! It reads what is behind `/proc/self/pagemap`. Where the kernel does not know it, where there is no `/proc` or a filter
//! forbids the call, it fails, and the callers do without.

use super::{OsError, injection, last_error};
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, Ordering};

// What a page can be.
pub(super) const WRITTEN: u64 = 1 << 1;
pub(super) const FILE: u64 = 1 << 2;
pub(super) const PRESENT: u64 = 1 << 3;
pub(super) const SWAPPED: u64 = 1 << 4;
pub(super) const ZERO_PAGE: u64 = 1 << 5;
/// A page that `install_guard` made to fault; such pages seem to be swapped out otherwise. From Linux 6.15 on.
pub(super) const GUARD: u64 = 1 << 8;

/// Which pages are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) flags: u64,
    /// Kinds that count where they are not given.
    pub(super) inverted: u64,
    pub(super) all_of: u64,
    pub(super) any_of: u64,
    /// Which kinds the answer tells.
    pub(super) told: u64,
}

/// Pages of the same kinds that follow one another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// The address of the first.
    pub(super) start: usize,
    /// The address behind the last.
    pub(super) end: usize,
    pub(super) kinds: u64,
}

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
pub(super) const REGIONS: usize = 320;

/// Calls `found` for the pages in a range that are asked for, ascending, all of them: at most `most_runs` there are. After
/// a failure it is not known of which kinds those are that lie behind the last one found.
pub(super) fn scan(
    question: &Question,
    start: usize,
    bytes: usize,
    most_runs: usize,
    mut found: impl FnMut(Run),
) -> Result<(), OsError> {
    let mut regions = [const { MaybeUninit::<PageRegion>::uninit() }; REGIONS];
    // The buffer that the kernel allocates is of the same size.
    let room = most_runs.clamp(1, REGIONS);
    // What the kernel fills in, tools that watch memory do not see; zeros they understand.
    let nothing = PageRegion { start: 0, end: 0, categories: 0 };
    regions.iter_mut().take(room).for_each(|region| _ = region.write(nothing));
    let mut scan = Scan {
        size: size_of::<Scan>() as u64,
        flags: question.flags,
        start: start as u64,
        end: start.saturating_add(bytes) as u64,
        walk_end: start as u64,
        regions: regions.as_mut_ptr().addr() as u64,
        region_count: room as u64,
        max_pages: 0,
        category_inverted: question.inverted,
        category_mask: question.all_of,
        category_anyof_mask: question.any_of,
        return_mask: question.told,
    };
    // The kernel fills only so many regions at a time: on until it has seen the whole range.
    while scan.start < scan.end {
        injection::point()?;
        let process = Process::this()?;
        // SAFETY: the structure is the kernel's and says how many regions there is room for.
        let filled = unsafe {
            let argument = ptr::from_mut(&mut scan).cast();
            process.pages.call(&process.faults, open_pages, PAGEMAP_SCAN, argument)?
        };
        for region in regions.iter().take(filled) {
            // SAFETY: all that there is room for was written above, and the kernel has filled so many.
            let region = unsafe { region.assume_init() };
            #[allow(clippy::cast_possible_truncation, reason = "addresses of this process")]
            let (start, end) = (region.start as usize, region.end as usize);
            found(Run { start, end, kinds: region.categories });
        }
        if scan.walk_end <= scan.start {
            // It does not get on: whatever the reason, the rest is not known.
            return Err(OsError(libc::EIO));
        }
        scan.start = scan.walk_end;
    }
    Ok(())
}

/// What this process has opened. It lies in a page that the kernel wipes in the child of a fork, for which both
/// descriptors would go on to mean the parent's memory.
pub(super) struct Process {
    /// Another number in each process that uses this; 0: nothing was done here yet.
    pub(super) generation: AtomicU32,
    pub(super) faults: Descriptor,
    pub(super) pages: Descriptor,
}

impl Process {
    pub(super) fn this() -> Result<&'static Self, OsError> {
        /// Null until it is needed for the first time.
        static PLACE: AtomicPtr<Process> = AtomicPtr::new(ptr::null_mut());

        let known = PLACE.load(Ordering::Acquire);
        let place = if known.is_null() { Self::make(&PLACE)? } else { known };
        // SAFETY: made by `make`, and never unmapped. Zeros are a value.
        Ok(unsafe { &*place })
    }

    #[cold]
    fn make(place: &AtomicPtr<Self>) -> Result<*mut Self, OsError> {
        let (protection, flags) =
            (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANON);
        let bytes = size_of::<Self>();
        injection::side_point(libc::ENOMEM)?;
        // SAFETY: a new mapping, of which only the winner of the exchange below is kept.
        unsafe {
            let page = libc::mmap(ptr::null_mut(), bytes, protection, flags, -1, 0);
            if page == libc::MAP_FAILED {
                return Err(last_error());
            }
            let wiped = injection::side_point(libc::ENOMEM).and_then(|()| {
                match libc::madvise(page, bytes, libc::MADV_WIPEONFORK) {
                    0 => Ok(()),
                    _ => Err(last_error()),
                }
            });
            if let Err(refused) = wiped {
                libc::munmap(page, bytes);
                return Err(refused);
            }
            let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
            match place.compare_exchange(ptr::null_mut(), page.cast(), success, failure) {
                Ok(_) => Ok(page.cast()),
                Err(first) => {
                    libc::munmap(page, bytes);
                    Ok(first)
                }
            }
        }
    }

    /// The number of this process: greater than those of the processes that it descends from.
    pub(super) fn generation(&self) -> Result<u32, OsError> {
        /// The greatest number yet. Not wiped in a child, which goes on from here.
        static GENERATIONS: AtomicU32 = AtomicU32::new(0);

        let known = self.generation.load(Ordering::Acquire);
        if known != 0 {
            return Ok(known);
        }
        let next = GENERATIONS.fetch_add(1, Ordering::Relaxed).checked_add(1);
        let next = next.ok_or(OsError::none())?;
        let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
        match self.generation.compare_exchange(0, next, success, failure) {
            Ok(_) => Ok(next),
            Err(first) => Ok(first),
        }
    }
}

/// A descriptor that is opened when it is needed, plus one. It stays open: closing the one for faults would end all
/// watches.
pub(super) struct Descriptor(pub(super) AtomicI32);

impl Descriptor {
    /// Nothing opened in this process yet; a wiped page says the same.
    const NONE: i32 = 0;
    /// Not to be had in this process.
    const UNAVAILABLE: i32 = -1;

    /// One call of the kernel. `other` is the other one that this process has opened.
    ///
    /// # Safety
    /// The argument is what the request wants.
    pub(super) unsafe fn call(
        &self,
        other: &Self,
        open: fn() -> Result<libc::c_int, OsError>,
        request: libc::Ioctl,
        argument: *mut libc::c_void,
    ) -> Result<usize, OsError> {
        let known = self.0.load(Ordering::Acquire);
        if known == Self::UNAVAILABLE {
            return Err(OsError::none());
        }
        if known != Self::NONE {
            // SAFETY: passed on.
            match unsafe { ioctl(known.wrapping_sub(1), request, argument) } {
                // The host has closed descriptors that it does not know.
                Err(OsError(libc::EBADF | libc::ENOTTY)) => {}
                // Both, and the other one was opened first, with this one's number: its answer to a request that is
                // none of its own.
                Err(OsError::INVALID) if other.0.load(Ordering::Acquire) == known => {}
                answer => return answer,
            }
        }
        let opened = match open() {
            Ok(file) => file.saturating_add(1),
            // Out of descriptors is no lasting state.
            Err(refused @ OsError(libc::EMFILE | libc::ENFILE | libc::ENOMEM)) => {
                return Err(refused);
            }
            Err(refused) => {
                let (success, failure) = (Ordering::AcqRel, Ordering::Relaxed);
                let _ = self.0.compare_exchange(known, Self::UNAVAILABLE, success, failure);
                return Err(refused);
            }
        };
        let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
        let now = match self.0.compare_exchange(known, opened, success, failure) {
            Ok(_) => opened,
            Err(first) => {
                // SAFETY: opened above, and nobody else knows it.
                unsafe { libc::close(opened.wrapping_sub(1)) };
                first
            }
        };
        // SAFETY: passed on.
        let answer = unsafe { ioctl(now.wrapping_sub(1), request, argument) };
        if answer == Err(OsError(libc::ENOTTY)) {
            // The right file, and a kernel that does not know the request. (What was opened stays: others use it.)
            let (success, failure) = (Ordering::AcqRel, Ordering::Relaxed);
            let _ = self.0.compare_exchange(now, Self::UNAVAILABLE, success, failure);
        }
        answer
    }
}

/// # Safety
/// The argument is what the request wants.
pub(super) unsafe fn ioctl(
    file: libc::c_int,
    request: libc::Ioctl,
    argument: *mut libc::c_void,
) -> Result<usize, OsError> {
    injection::side_point(libc::ENOMEM)?;
    // SAFETY: passed on. A wrong descriptor is refused.
    let answer = unsafe { libc::ioctl(file, request, argument) };
    usize::try_from(answer).map_err(|_| last_error())
}

fn open_pages() -> Result<libc::c_int, OsError> {
    injection::side_point(libc::EMFILE)?;
    // SAFETY: the path is a C string.
    let file =
        unsafe { libc::open(c"/proc/self/pagemap".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC) };
    if file < 0 { Err(last_error()) } else { Ok(file) }
}
