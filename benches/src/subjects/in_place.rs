//! The floor of memory that is used again: a range of pages that were there before, made clean
//! without giving them back, or by giving them back.

use std::cell::RefCell;
use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsRawFd, FromRawFd};
use std::rc::Rc;

use super::floor::System;
use super::{Base, Fill, Reset, Reuse};
use crate::PAGE;
use crate::row::Result;

/// `struct pm_scan_arg` of linux/fs.h.
#[repr(C)]
#[derive(Default)]
struct Scan {
    size: u64,
    flags: u64,
    start: u64,
    end: u64,
    walk_end: u64,
    regions: u64,
    regions_length: u64,
    max_pages: u64,
    category_inverted: u64,
    category_mask: u64,
    category_anyof_mask: u64,
    return_mask: u64,
}

/// `struct page_region` of the same.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Region {
    start: u64,
    end: u64,
    categories: u64,
}

const IS_FILE: u64 = 1 << 2;
const IS_PRESENT: u64 = 1 << 3;
const IS_SWAPPED: u64 = 1 << 4;
const IS_ZERO_PAGE: u64 = 1 << 5;

const PAGEMAP_SCAN: libc::Ioctl = libc::_IOWR::<Scan>(b'f' as u32, 16);

/// More than any row dirties, so that one call is enough. For more than 341 the system takes pages
/// for a list of its own instead of a block that it has at hand, and half a microsecond longer.
const REGIONS: usize = 256;

/// What the system says about the pages of this process.
pub struct PageMap {
    file: File,
    regions: RefCell<Vec<Region>>,
}

impl PageMap {
    fn open() -> Result<Self> {
        let file = File::open("/proc/self/pagemap")?;
        Ok(Self { file, regions: RefCell::new(vec![Region::default(); REGIONS]) })
    }

    /// Whether the system can be asked.
    pub fn answers() -> bool {
        let Ok(map) = Self::open() else { return false };
        let region = System::reserve(PAGE, libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: nothing is done with the pages.
        unsafe { map.scan(region.base(), PAGE, |_, _| ()) }
    }

    /// Calls `dirty` with each run of written pages. Whether the system told all of them.
    ///
    /// # Safety
    /// The range is mapped, and `dirty` may do with its pages what it does.
    unsafe fn scan(&self, base: *mut u8, length: usize, dirty: impl Fn(*mut u8, usize)) -> bool {
        let mut regions = self.regions.borrow_mut();
        let start = base.addr() as u64;
        let end = start + length as u64;
        let mut scan = Scan {
            size: mem::size_of::<Scan>() as u64,
            start,
            end,
            regions: regions.as_mut_ptr().addr() as u64,
            regions_length: REGIONS as u64,
            // Neither the page of zeros nor one of the file below a private mapping; pages that
            // were swapped out are dirty too.
            category_inverted: IS_ZERO_PAGE | IS_FILE,
            category_mask: IS_ZERO_PAGE | IS_FILE,
            category_anyof_mask: IS_PRESENT | IS_SWAPPED,
            return_mask: IS_PRESENT | IS_SWAPPED,
            ..Scan::default()
        };
        while scan.start < end {
            // SAFETY: descriptor and structure are live, and the regions are as many as told.
            let found = unsafe { libc::ioctl(self.file.as_raw_fd(), PAGEMAP_SCAN, &mut scan) };
            if found < 0 || scan.walk_end <= scan.start {
                return false;
            }
            for region in &regions[..found as usize] {
                let offset = (region.start - start) as usize;
                dirty(base.wrapping_add(offset), (region.end - region.start) as usize);
            }
            scan.start = scan.walk_end;
        }
        true
    }
}

/// A range of pages, and what it holds when it is clean.
struct Slot {
    region: System,
    length: usize,
    /// The bytes of the file that the range is a private mapping of. Without them it is zeros.
    image: Option<System>,
    map: PageMap,
}

impl Slot {
    fn open(pages: u32, fill: Fill) -> Result<Self> {
        let length = pages as usize * PAGE;
        let read_write = libc::PROT_READ | libc::PROT_WRITE;
        let (region, image) = match fill {
            Fill::Zeros => (System::reserve(length, read_write), None),
            Fill::Image => {
                let file = memory_file(length)?;
                let image = System::view(&file, length, libc::MAP_SHARED);
                // SAFETY: the file and so its mapping are that long.
                unsafe { image.base().write_bytes(fill.byte(), length) };
                (System::view(&file, length, libc::MAP_PRIVATE), Some(image))
            }
        };
        Ok(Self { region, length, image, map: PageMap::open()? })
    }

    /// Writes what a clean range holds over the pages that were written.
    fn clean_in_place(&self) -> bool {
        let base = self.region.base();
        let restore = |dirty: *mut u8, length: usize| {
            let dirty: *mut c_void = dirty.cast();
            match &self.image {
                // SAFETY: the run lies inside our own mapping.
                None => unsafe { libc::memset(dirty, 0, length) },
                Some(image) => {
                    let source = image.base().wrapping_add(dirty.addr() - base.addr());
                    // SAFETY: as above, and the image is as long as the range.
                    unsafe { libc::memcpy(dirty, source.cast(), length) }
                }
            };
        };
        // SAFETY: the range is our own mapping, and to be overwritten.
        unsafe { self.map.scan(base, self.length, restore) }
    }

    /// Gives the pages that were written back to the system, which provides clean ones.
    fn give_back(&self) -> bool {
        // SAFETY: the range is our own mapping, and nobody refers to its bytes.
        unsafe { libc::madvise(self.region.base().cast(), self.length, libc::MADV_DONTNEED) == 0 }
    }
}

fn memory_file(length: usize) -> Result<File> {
    // SAFETY: the name is a string that ends.
    let descriptor = unsafe { libc::memfd_create(c"bench".as_ptr(), libc::MFD_CLOEXEC) };
    if descriptor < 0 {
        return Err(format!("memfd_create: {}", io::Error::last_os_error()).into());
    }
    // SAFETY: the descriptor is new and nobody else's.
    let file = unsafe { File::from_raw_fd(descriptor) };
    file.set_len(length as u64)?;
    Ok(file)
}

/// One slot that each memory has until it is dropped: the next finds the same pages, clean.
pub struct InPlace(Rc<Slot>);

pub struct Occupied(Rc<Slot>);

impl InPlace {
    pub fn open(pages: u32, fill: Fill) -> Result<Self> {
        Ok(Self(Rc::new(Slot::open(pages, fill)?)))
    }
}

impl Reuse for InPlace {
    type Memory = Occupied;

    fn make(&self) -> Occupied {
        Occupied(Rc::clone(&self.0))
    }
}

impl Base for Occupied {
    fn base(&self) -> *mut u8 {
        self.0.region.base()
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        assert!(self.0.clean_in_place(), "PAGEMAP_SCAN: {}", io::Error::last_os_error());
    }
}

impl Reset for Occupied {
    fn reset(&mut self) -> bool {
        self.0.clean_in_place()
    }
}

/// The same, but the pages go: the next memory finds new ones when it touches them.
pub struct GivenBack(Rc<Slot>);

pub struct Vacated(Rc<Slot>);

impl GivenBack {
    pub fn open(pages: u32, fill: Fill) -> Result<Self> {
        Ok(Self(Rc::new(Slot::open(pages, fill)?)))
    }
}

impl Reuse for GivenBack {
    type Memory = Vacated;

    fn make(&self) -> Vacated {
        Vacated(Rc::clone(&self.0))
    }
}

impl Base for Vacated {
    fn base(&self) -> *mut u8 {
        self.0.region.base()
    }
}

impl Drop for Vacated {
    fn drop(&mut self) {
        assert!(self.0.give_back(), "madvise: {}", io::Error::last_os_error());
    }
}

impl Reset for Vacated {
    fn reset(&mut self) -> bool {
        self.0.give_back()
    }
}
