//! Which pages of a range were written since a moment: userfaultfd in asynchronous write-protect mode (Linux 6.7).
//!
//! Pages are write-protected when the watch is armed; at the first write to one the kernel lifts that by itself, and no
//! program has to answer anything. A page-map scan tells the lifted pages from the others. What it tells, found by
//! experiments on Linux 6.18:
//!
//! | page | what is reported |
//! |---|---|
//! | never touched, or only read (the page of zeros; a page of a mapped memfd) | not written, before and after |
//! | written by a program, or by the kernel on its behalf (`read`, `process_vm_writev`, `/proc/self/mem`) | written; the kernel's calls do not fail with `EFAULT` |
//! | read by a program or the kernel | as before |
//! | written with the bytes that it had | written |
//! | dropped by `MADV_DONTNEED`, armed or written before | not written, until the next write: **the caller has to count what it drops** |
//! | `mprotect`: no access, read only, and back | as before |
//! | opened for the first time later (memory that grows in a reservation) | not written until the first write |
//! | a guard that `MADV_GUARD_INSTALL` made | written: there must be none in the range |
//! | locked (`mlockall` fills memory that nobody has touched) | written until it is armed, then like the others |
//! | huge: armed as one, split at the first write | one page of the usual size; not armed: all that the huge page has |
//! | the file behind a private mapping changes | not written |
//! | a page of a shared mapping of a file | never written, whatever is done to it: such mappings are not for this |
//! | swapped out | as before: the kernel keeps the protection in the entry of the page (not tried, there was no swap) |
//! | a child of a fork writes its copy | not written, here; every method fails there |
//! | something else was mapped over a part of the range | nothing from there on: the call fails with `EPERM` |
//!
//! The marks that an armed page of a memfd leaves when it is dropped look to a plain page-map scan like a swapped
//! page, which costs a reset another drop and is otherwise harmless.
//!
//! Costs, there: 0.9 microseconds to register 1 MiB and 2.9 to give it up; with 16 pages written in it, 2.7 to arm
//! and 2.2 to ask; 0.7 for the first write to each armed page. A scan of 8 GiB in which nothing was touched takes 8. Nothing is
//! allocated for pages that nobody touched, which is why only pages that are there are armed: `UFFDIO_WRITEPROTECT`,
//! and a scan without room for its findings, put marks in the page tables of all others, 16 MiB of them for 8 GiB.

use super::page_map::{self, FILE, PRESENT, Process, Question, SWAPPED, WRITTEN, ZERO_PAGE, ioctl};
use super::{OsError, injection, last_error};
use core::ptr::NonNull;
use core::sync::atomic::Ordering;

/// `struct uffdio_api` of the kernel.
#[repr(C)]
struct Api {
    api: u64,
    features: u64,
    ioctls: u64,
}

/// `struct uffdio_range` of the kernel.
#[repr(C)]
struct Range {
    start: u64,
    bytes: u64,
}

/// `struct uffdio_register` of the kernel.
#[repr(C)]
struct Register {
    range: Range,
    mode: u64,
    ioctls: u64,
}

const UFFDIO_API: libc::Ioctl = libc::_IOWR::<Api>(0xaa, 0x3f);
const UFFDIO_REGISTER: libc::Ioctl = libc::_IOWR::<Register>(0xaa, 0x00);
const UFFDIO_UNREGISTER: libc::Ioctl = libc::_IOR::<Range>(0xaa, 0x01);

/// Without it only the privileged get a descriptor. Its faults are those of programs; the kernel's own, in system
/// calls, are resolved all the same, because in the asynchronous mode nobody is asked.
const USER_MODE_ONLY: libc::c_int = 1;
const API: u64 = 0xaa;
const FEATURE_WRITE_PROTECT: u64 = 1 << 0;
const FEATURE_WRITE_PROTECT_FILES: u64 = 1 << 12;
const FEATURE_WRITE_PROTECT_UNPOPULATED: u64 = 1 << 13;
const FEATURE_WRITE_PROTECT_ASYNC: u64 = 1 << 15;
const MODE_WRITE_PROTECT: u64 = 1 << 1;

/// Write-protect what is found.
const ARM: u64 = 1 << 0;
/// Fail where nothing is registered, instead of calling every page written.
const REGISTERED_ONLY: u64 = 1 << 1;

/// Watches a range of private memory (anonymous, or a private mapping of a memfd) for writes.
///
/// At most one watch has a range. Any thread may use it; a write at the time of a call counts before or after it.
#[derive(Debug)]
pub(crate) struct WriteWatch {
    start: NonNull<u8>,
    bytes: usize,
    /// The process that made it: see [`Process::generation`].
    generation: u32,
}

// SAFETY: the range is only an address to it.
unsafe impl Send for WriteWatch {}
// SAFETY: as above; the kernel orders the calls.
unsafe impl Sync for WriteWatch {}

impl WriteWatch {
    /// Watches a range from now on: what was written before does not count. What is behind the memory in its
    /// reservation may be in the range, closed or not. Fails where the system cannot, and where somebody else watches.
    ///
    /// # Safety
    /// The range is the caller's, and mapped for as long as the watch lives.
    pub(crate) unsafe fn new(start: NonNull<u8>, bytes: usize) -> Result<Self, OsError> {
        injection::point()?;
        let process = Process::this()?;
        let generation = process.generation()?;
        let range = Range { start: start.addr().get() as u64, bytes: bytes as u64 };
        let mut register = Register { range, mode: MODE_WRITE_PROTECT, ioctls: 0 };
        // SAFETY: the caller's range, of which no byte changes.
        unsafe {
            let argument = (&raw mut register).cast();
            process.faults.call(&process.pages, open_faults, UFFDIO_REGISTER, argument)?;
        }
        let watch = Self { start, bytes, generation };
        // Dropped if this fails, which ends the registration.
        watch.arm(bytes)?;
        Ok(watch)
    }

    /// How many bytes it watches.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// From here on writes to the first bytes of the range count anew. After a failure some of what was written is
    /// forgotten already.
    pub(crate) fn arm(&self, bytes_from_start: usize) -> Result<(), OsError> {
        self.scan(bytes_from_start, ARM | REGISTERED_ONLY, &mut |_, _| {})
    }

    /// Calls `found` with offset and length of each run of pages that were written in the first bytes of the range;
    /// ascending, all of them, no two next to each other. After a failure more may have been written than was found.
    pub(crate) fn written(
        &self,
        bytes_from_start: usize,
        found: &mut dyn FnMut(usize, usize),
    ) -> Result<(), OsError> {
        let mut run: Option<(usize, usize)> = None;
        self.scan(bytes_from_start, REGISTERED_ONLY, &mut |start, end| {
            run = match run {
                // The kernel ended its list between the two.
                Some((first, last)) if last == start => Some((first, end)),
                Some((first, last)) => {
                    found(first, last.saturating_sub(first));
                    Some((start, end))
                }
                None => Some((start, end)),
            };
        })?;
        if let Some((first, last)) = run {
            found(first, last.saturating_sub(first));
        }
        Ok(())
    }

    /// Calls `found` with the offsets where runs of written pages start and end.
    fn scan(
        &self,
        bytes_from_start: usize,
        flags: u64,
        found: &mut dyn FnMut(usize, usize),
    ) -> Result<(), OsError> {
        let process = Process::this()?;
        if process.generation()? != self.generation {
            // The child of a fork: its memory is not registered.
            return Err(OsError::none());
        }
        let base = self.start.addr().get();
        let bytes = bytes_from_start.min(self.bytes);
        let question = Question {
            flags,
            // Of no interest: pages of a file and the page of zeros, which reading brings in without a protection;
            // and places where no page is.
            inverted: FILE | ZERO_PAGE,
            all_of: WRITTEN | FILE | ZERO_PAGE,
            any_of: PRESENT | SWAPPED,
            // All that is found is of one kind, so that runs are as long as they can be.
            told: 0,
        };
        page_map::scan(&question, base, bytes, usize::MAX, |run| {
            found(run.start.saturating_sub(base), run.end.saturating_sub(base));
        })
    }
}

impl Drop for WriteWatch {
    fn drop(&mut self) {
        let Ok(process) = Process::this() else { return };
        // In the child of a fork the descriptor, if it came along, is the parent's, and would end what goes on there.
        if process.generation.load(Ordering::Acquire) != self.generation {
            return;
        }
        let mut range = Range { start: self.start.addr().get() as u64, bytes: self.bytes as u64 };
        let opened = process.faults.0.load(Ordering::Acquire);
        if opened > 0 {
            // Should it fail, armed pages cost a little at their next write, until the range is unmapped.
            // SAFETY: the range is this watch's, of which no byte changes.
            let _ = unsafe {
                ioctl(opened.wrapping_sub(1), UFFDIO_UNREGISTER, (&raw mut range).cast())
            };
        }
    }
}

fn open_faults() -> Result<libc::c_int, OsError> {
    injection::side_point(libc::EMFILE)?;
    // SAFETY: the call takes an integer.
    let answer = unsafe {
        let flags = libc::O_CLOEXEC | libc::O_NONBLOCK | USER_MODE_ONLY;
        libc::syscall(libc::SYS_userfaultfd, flags)
    };
    let file = libc::c_int::try_from(answer).map_err(|_| OsError(libc::EBADF))?;
    if file < 0 {
        return Err(last_error());
    }
    let mut wanted = Api {
        api: API,
        features: FEATURE_WRITE_PROTECT
            | FEATURE_WRITE_PROTECT_FILES
            | FEATURE_WRITE_PROTECT_UNPOPULATED
            | FEATURE_WRITE_PROTECT_ASYNC,
        ioctls: 0,
    };
    // SAFETY: the structure is the kernel's.
    unsafe { ioctl(file, UFFDIO_API, (&raw mut wanted).cast()) }.map(|_| file).inspect_err(|_| {
        // SAFETY: opened above, and nobody else knows it.
        unsafe { libc::close(file) };
    })
}

#[cfg(test)]
mod tests {
    use super::super::page_map::REGIONS;
    use super::*;
    use crate::sys;
    use core::ptr;

    /// A mapping that goes away with the test.
    struct Pages {
        start: NonNull<u8>,
        page_bytes: usize,
        pages: usize,
    }

    impl Pages {
        /// Closed ones.
        fn reserved(pages: usize) -> Self {
            let page_bytes = sys::host().page_bytes;
            Self { start: sys::reserve(pages * page_bytes).unwrap(), page_bytes, pages }
        }

        fn open(&self, first: usize, pages: usize) {
            // SAFETY: a range of the test's own.
            unsafe { sys::open(self.at(first), pages * self.page_bytes).unwrap() };
        }

        fn new(pages: usize) -> Self {
            let made = Self::reserved(pages);
            made.open(0, pages);
            made
        }

        fn at(&self, page: usize) -> NonNull<u8> {
            assert!(page < self.pages);
            // SAFETY: an address in the mapping, or right behind it.
            unsafe { self.start.add(page * self.page_bytes) }
        }

        fn write(&self, page: usize) {
            // SAFETY: an open page of the test's own.
            unsafe { self.at(page).write_volatile(7) };
        }

        fn read(&self, page: usize) -> u8 {
            // SAFETY: an open page of the test's own.
            unsafe { self.at(page).read_volatile() }
        }

        fn bytes(&self) -> usize {
            self.pages * self.page_bytes
        }

        /// A watch over all of it; `None`, and a word why, where the system has none.
        fn watch(&self) -> Option<WriteWatch> {
            // SAFETY: the mapping outlives the watch in these tests.
            match unsafe { WriteWatch::new(self.start, self.bytes()) } {
                Ok(watch) => Some(watch),
                Err(refused) => {
                    println!("skipped: no write watch here ({refused:?})");
                    None
                }
            }
        }

        /// The written ones among the first `pages`.
        fn written(&self, watch: &WriteWatch, pages: usize) -> Vec<usize> {
            let mut written = Vec::new();
            let mut behind = None;
            watch
                .written(pages * self.page_bytes, &mut |offset, length| {
                    assert!(length != 0 && behind.is_none_or(|end| offset > end));
                    behind = Some(offset + length);
                    let (first, more) = (offset / self.page_bytes, length / self.page_bytes);
                    assert_eq!((offset, length), (first * self.page_bytes, more * self.page_bytes));
                    written.extend(first..first + more);
                })
                .unwrap();
            written
        }
    }

    impl Drop for Pages {
        fn drop(&mut self) {
            // SAFETY: nobody uses it any more.
            unsafe { sys::release(self.start, self.bytes()).unwrap() };
        }
    }

    #[test]
    fn what_was_written_since_it_was_armed_is_found() {
        let pages = Pages::new(16);
        pages.write(1);
        let Some(watch) = pages.watch() else { return };
        assert_eq!(pages.written(&watch, 16), []);
        pages.write(1);
        pages.write(4);
        pages.write(5);
        pages.read(8);
        assert_eq!(pages.written(&watch, 16), [1, 4, 5]);
        // Asking changes nothing.
        assert_eq!(pages.written(&watch, 5), [1, 4]);
        watch.arm(pages.bytes()).unwrap();
        assert_eq!(pages.written(&watch, 16), []);
        pages.read(4);
        pages.read(9);
        // A page that was only read before.
        pages.write(8);
        pages.write(15);
        assert_eq!(pages.written(&watch, 16), [8, 15]);
        // A part alone.
        watch.arm(9 * pages.page_bytes).unwrap();
        assert_eq!(pages.written(&watch, 16), [15]);
    }

    #[test]
    fn more_runs_than_the_kernel_tells_at_once_are_all_found_and_armed() {
        let pages = Pages::new(8 * REGIONS);
        let Some(watch) = pages.watch() else { return };
        let every_third: Vec<_> = (0..pages.pages).step_by(3).collect();
        every_third.iter().for_each(|page| pages.write(*page));
        assert!(every_third.len() > 2 * REGIONS);
        assert_eq!(pages.written(&watch, pages.pages), every_third);
        watch.arm(pages.bytes()).unwrap();
        assert_eq!(pages.written(&watch, pages.pages), []);
        // One run, longer than anything.
        (0..pages.pages).for_each(|page| pages.write(page));
        let mut runs = Vec::new();
        watch.written(pages.bytes(), &mut |offset, length| runs.push((offset, length))).unwrap();
        assert_eq!(runs, [(0, pages.bytes())]);
    }

    #[test]
    fn memory_that_is_opened_later_is_watched() {
        let pages = Pages::reserved(1 << 14);
        let Some(watch) = pages.watch() else { return };
        pages.open(0, 4);
        pages.write(2);
        assert_eq!(pages.written(&watch, 4), [2]);
        pages.open(4, 4);
        pages.write(7);
        assert_eq!(pages.written(&watch, 8), [2, 7]);
        watch.arm(pages.bytes()).unwrap();
        pages.write(7);
        assert_eq!(pages.written(&watch, pages.pages), [7]);
    }

    #[test]
    fn closing_and_opening_again_changes_nothing() {
        let pages = Pages::new(8);
        let Some(watch) = pages.watch() else { return };
        (0..4).for_each(|page| pages.write(page));
        watch.arm(pages.bytes()).unwrap();
        pages.write(1);
        // SAFETY: pages of the test's own.
        unsafe { sys::close(pages.start, 8 * pages.page_bytes).unwrap() };
        assert_eq!(pages.written(&watch, 8), [1]);
        pages.open(0, 8);
        assert_eq!(pages.written(&watch, 8), [1]);
        pages.write(3);
        assert_eq!(pages.written(&watch, 8), [1, 3]);
    }

    #[test]
    fn dropped_pages_are_not_written_until_they_are_written() {
        let pages = Pages::new(8);
        let Some(watch) = pages.watch() else { return };
        (0..4).for_each(|page| pages.write(page));
        watch.arm(pages.bytes()).unwrap();
        pages.write(0);
        // SAFETY: pages of the test's own.
        unsafe { sys::zero(pages.start, 4 * pages.page_bytes).unwrap() };
        assert_eq!(pages.written(&watch, 8), []);
        assert_eq!(pages.read(1), 0);
        pages.write(2);
        assert_eq!(pages.written(&watch, 8), [2]);
    }

    /// What the kernel writes for a system call is a write, and is not refused.
    #[test]
    fn writes_of_system_calls_are_seen() {
        let pages = Pages::new(8);
        let Some(watch) = pages.watch() else { return };
        pages.write(1);
        watch.arm(pages.bytes()).unwrap();
        with_zeros(|zeros| {
            for page in [1, 5] {
                // SAFETY: a page of the test's own, that long.
                let got =
                    unsafe { libc::read(zeros, pages.at(page).as_ptr().cast(), pages.page_bytes) };
                assert_eq!(got, pages.page_bytes as isize);
            }
        });
        assert_eq!(pages.written(&watch, 8), [1, 5]);
    }

    fn with_zeros(body: impl FnOnce(libc::c_int)) {
        // SAFETY: the path is a C string, and the descriptor is not used after it is closed.
        unsafe {
            let zeros = libc::open(c"/dev/zero".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
            assert!(zeros >= 0);
            body(zeros);
            libc::close(zeros);
        }
    }

    #[test]
    fn a_private_mapping_of_a_memfd_is_watched() {
        let pages = Pages::new(8);
        // SAFETY: the file is the test's own, and so is the range that it is mapped over.
        let file = unsafe {
            let file = libc::memfd_create(c"watch".as_ptr(), libc::MFD_CLOEXEC);
            assert_eq!(libc::ftruncate(file, pages.bytes() as libc::off_t), 0);
            let one = [9u8];
            assert_eq!(
                libc::pwrite(file, one.as_ptr().cast(), 1, pages.page_bytes as libc::off_t),
                1
            );
            let (protection, flags) =
                (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_FIXED);
            let start = pages.start.as_ptr().cast();
            // The last two pages stay anonymous.
            assert_eq!(libc::mmap(start, 6 * pages.page_bytes, protection, flags, file, 0), start);
            file
        };
        if let Some(watch) = pages.watch() {
            assert_eq!(pages.read(1), 9);
            pages.read(2);
            assert_eq!(pages.written(&watch, 8), []);
            pages.write(1);
            pages.write(3);
            pages.write(7);
            assert_eq!(pages.written(&watch, 8), [1, 3, 7]);
            watch.arm(pages.bytes()).unwrap();
            pages.read(0);
            pages.write(2);
            assert_eq!(pages.written(&watch, 8), [2]);
            // Dropped, all show the file again.
            // SAFETY: pages of the test's own.
            unsafe { sys::zero(pages.start, pages.bytes()).unwrap() };
            assert_eq!(pages.read(1), 9);
            assert_eq!(pages.written(&watch, 8), []);
            with_zeros(|zeros| {
                // SAFETY: a page of the test's own.
                assert_eq!(unsafe { libc::read(zeros, pages.at(3).as_ptr().cast(), 1) }, 1);
            });
            pages.write(2);
            assert_eq!(pages.written(&watch, 8), [2, 3]);
        }
        // SAFETY: the test's own descriptor.
        unsafe { libc::close(file) };
    }

    #[test]
    fn a_range_has_one_watch_after_another() {
        let pages = Pages::new(8);
        let Some(watch) = pages.watch() else { return };
        pages.write(3);
        drop(watch);
        let watch = pages.watch().unwrap();
        assert_eq!(pages.written(&watch, 8), []);
        pages.write(5);
        assert_eq!(pages.written(&watch, 8), [5]);
    }

    #[test]
    fn what_lost_its_registration_gets_no_answer_instead_of_a_wrong_one() {
        let pages = Pages::new(8);
        let Some(watch) = pages.watch() else { return };
        pages.write(3);
        // SAFETY: a page of the test's own.
        unsafe {
            let flags = libc::MAP_PRIVATE | libc::MAP_ANON | libc::MAP_FIXED;
            let place = pages.at(5).as_ptr().cast();
            let protection = libc::PROT_READ | libc::PROT_WRITE;
            assert_eq!(libc::mmap(place, pages.page_bytes, protection, flags, -1, 0), place);
        }
        assert!(watch.written(pages.bytes(), &mut |_, _| {}).is_err());
        // Before that page all is well.
        assert_eq!(pages.written(&watch, 5), [3]);
        assert!(watch.arm(pages.bytes()).is_err());
        drop(watch);
        let watch = pages.watch().unwrap();
        pages.write(5);
        assert_eq!(pages.written(&watch, 8), [5]);
    }

    /// What a child does with its copy of a watch, and with a watch of its own.
    fn in_the_child(pages: &Pages, watch: WriteWatch) -> Option<()> {
        watch.written(pages.bytes(), &mut |_, _| {}).is_err().then_some(())?;
        watch.arm(pages.bytes()).is_err().then_some(())?;
        drop(watch);
        // SAFETY: the mapping stays as long as the child does.
        let own = unsafe { WriteWatch::new(pages.start, pages.bytes()) }.ok()?;
        pages.write(6);
        let mut runs = 0;
        own.written(pages.bytes(), &mut |offset, _| runs += offset / pages.page_bytes).ok()?;
        (runs == 6).then_some(())
    }

    #[test]
    fn a_child_has_no_part_in_its_parents_watch() {
        let pages = Pages::new(8);
        let Some(watch) = pages.watch() else { return };
        pages.write(3);
        // SAFETY: the child makes system calls, allocates nothing, and leaves without returning from here.
        let status = unsafe {
            let child = libc::fork();
            if child == 0 {
                let copy = ptr::read(&raw const watch);
                libc::_exit(if in_the_child(&pages, copy).is_some() { 0 } else { 1 });
            }
            assert!(child > 0);
            let mut status = -1;
            assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
            status
        };
        assert_eq!(status, 0);
        // The parent's goes on, also after the child ended what it could.
        pages.write(4);
        assert_eq!(pages.written(&watch, 8), [3, 4]);
    }

    #[test]
    fn refusals_are_passed_on() {
        let pages = Pages::new(8);
        let Some(watch) = pages.watch() else { return };
        injection::refuse_after(Some(0));
        let asked = watch.written(pages.bytes(), &mut |_, _| {});
        let armed = watch.arm(pages.bytes());
        injection::refuse_after(None);
        assert!(asked.is_err() && armed.is_err());
        drop(watch);
        for calls in 0..2 {
            injection::refuse_one(calls);
            // SAFETY: the mapping outlives it.
            let made = unsafe { WriteWatch::new(pages.start, pages.bytes()) };
            injection::refuse_after(None);
            assert!(made.is_err(), "after {calls} calls");
        }
        // What was refused half way is not in the way.
        assert!(pages.watch().is_some());
    }

    #[test]
    fn threads_may_watch_write_and_ask_at_once() {
        let pages = Pages::new(256);
        let Some(watch) = pages.watch() else { return };
        std::thread::scope(|scope| {
            for thread in 0..4 {
                let (pages, watch) = (&pages, &watch);
                scope.spawn(move || {
                    for page in (thread..256).step_by(4) {
                        pages.write(page);
                        assert!(pages.written(watch, 256).contains(&page));
                    }
                });
            }
        });
        assert_eq!(pages.written(&watch, 256), (0..256).collect::<Vec<_>>());
    }

    // SAFETY: the tests use the pages from several threads, one page by one thread.
    unsafe impl Sync for Pages {}
}
