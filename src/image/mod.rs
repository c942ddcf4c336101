//! What memories start with, or go back to: bytes that never change, made of data segments, of a live memory, or of
//! a file.
//!
//! An image keeps whole pages of the host, those that have something in them, one extent after the other in one
//! store. A large store is a file without a name, so that memories can be given its pages instead of
//! copies of them.

mod file;

pub(crate) use file::Snapshot;

use crate::alloc::Ref;
use crate::error::Error;
use crate::sys::{self, FileIdentity, OsError, Protection, SharedFile};
use crate::types::{MemoryType, TypeError};
use crate::units::Pages;
use core::ops::Range;
use core::ptr::NonNull;
use file::{Index, Piece};
use std::path::Path;

/// Up to so many bytes an image is copied into memories; what is larger may be mapped.
const COPIED_MOST: usize = 256 << 10;
/// An image in more pieces than this is copied, whatever its size: each piece that is mapped is a mapping, of which
/// a process has not many.
const MAPPED_EXTENTS: usize = 8;
/// So many empty pages between two that are not do not make an extent of their own.
const GAP_PAGES: usize = 4;
/// How much of a memory is looked at together when a snapshot is made; a multiple of every host's page.
const CHUNK: usize = 1 << 16;

/// Copies what a memory has at an offset.
type Read<'a> = &'a mut dyn FnMut(u64, &mut [u8]) -> Result<(), Error>;

/// An immutable content for memories. A cheap reference: clones are the same image. Any thread may use it.
///
/// It is made of segments ([`MemoryImage::new`]), of a memory as it is ([`Memory::snapshot`]), or of a file. Any number of
/// memories start with it, each for itself; what they share are the pages that none of them has written.
///
/// ```
/// use wasm_memory::{Engine, Error, IndexType, Memory, MemoryImage, MemoryType, Policy, Segment};
///
/// let engine = Engine::new(Policy::default())?;
/// let ty = MemoryType::new(IndexType::I32, 1, None)?;
/// let image = MemoryImage::new(&[
///     Segment { offset: 1024, bytes: b"Hello, nobody" },
///     Segment { offset: 1031, bytes: b"world!" },
/// ])?;
/// let (one, other) = (Memory::from_image(&engine, ty, &image)?, Memory::from_image(&engine, ty, &image)?);
/// one.write(1024, b"J")?;
/// let mut text = [0; 13];
/// other.read(1024, &mut text)?;
/// assert_eq!(&text, b"Hello, world!");
///
/// // A file keeps an image for the next run.
/// let path = std::env::temp_dir().join(format!("wasm_memory_{}.image", std::process::id()));
/// one.snapshot()?.save(&path)?;
/// let again = Memory::from_image(&engine, ty, &MemoryImage::load(&path)?)?;
/// assert_eq!(again.load::<u8>(1024)?, b'J');
/// # let _ = std::fs::remove_file(&path);
///
/// // A segment that reaches past the memory is refused when the memory is made.
/// let far = MemoryImage::new(&[Segment { offset: 65_535, bytes: b"two" }])?;
/// assert!(matches!(Memory::from_image(&engine, ty, &far), Err(Error::ImageOutOfBounds { .. })));
/// # Ok::<(), Error>(())
/// ```
///
/// [`Memory::snapshot`]: crate::Memory::snapshot
#[derive(Clone, Debug)]
pub struct MemoryImage(Ref<Content>);

/// Bytes for an image, and where in the memory they start.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Where they start.
    pub offset: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

#[derive(Debug)]
struct Content {
    /// The size that a snapshot has; `None` for an image of segments, which goes into memories of any size.
    snapshot: Option<Snapshot>,
    /// The end of the last segment, or the length of the snapshot, in bytes.
    end: u64,
    /// Ascending, apart from each other.
    extents: Vec<Extent>,
    store: Store,
}

/// Whole pages of the host that follow one another.
#[derive(Clone, Copy, Debug)]
struct Extent {
    /// Where they are in a memory.
    offset: u64,
    /// Bytes.
    length: usize,
    /// Where they are in the store.
    at: usize,
}

impl Extent {
    fn end(&self) -> u64 {
        self.offset.saturating_add(self.length as u64)
    }
}

/// Where the bytes are.
#[derive(Debug)]
enum Store {
    Heap(Vec<u8>),
    File(FileStore),
}

/// A file without a name, mapped.
#[derive(Debug)]
struct FileStore {
    file: SharedFile,
    /// Which file that is, should the descriptor come to mean another.
    identity: FileIdentity,
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: a mapping belongs to no thread, and what is in it changes only through `&mut`.
unsafe impl Send for FileStore {}
// SAFETY: as above.
unsafe impl Sync for FileStore {}

impl FileStore {
    fn new(bytes: usize) -> Result<Self, OsError> {
        let file = SharedFile::new(bytes as u64)?;
        let identity = file.identity()?;
        let start = file.map_start(bytes)?;
        Ok(Self { file, identity, start, bytes })
    }
}

impl Drop for FileStore {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and nobody uses it any more.
        unsafe { sys::release_file(self.start, self.bytes) };
    }
}

impl Store {
    /// Room for so many bytes, all zero.
    fn new(bytes: usize) -> Result<Self, Error> {
        if bytes > COPIED_MOST
            && sys::host().has_shared_files
            && let Ok(store) = FileStore::new(bytes)
        {
            return Ok(Self::File(store));
        }
        let mut heap = Vec::new();
        heap.try_reserve_exact(bytes).map_err(|_| Error::OutOfHeap(bytes))?;
        heap.resize(bytes, 0);
        Ok(Self::Heap(heap))
    }

    fn bytes(&self) -> &[u8] {
        match self {
            Self::Heap(bytes) => bytes,
            // SAFETY: so many bytes are mapped there, by `FileStore::new`; nobody writes to them but `bytes_mut`.
            Self::File(store) => unsafe {
                core::slice::from_raw_parts(store.start.as_ptr(), store.bytes)
            },
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Heap(bytes) => bytes,
            // SAFETY: as in `bytes`, and this reference is the only one.
            Self::File(store) => unsafe {
                core::slice::from_raw_parts_mut(store.start.as_ptr(), store.bytes)
            },
        }
    }

    /// No more changes: a stray write faults from now on.
    fn freeze(&mut self) {
        if let Self::File(store) = self {
            // SAFETY: the mapping is this store's, and nobody is going to write to it. A refusal is no harm.
            let _ = unsafe { sys::set_protection(store.start, store.bytes, Protection::Read) };
        }
    }
}

fn page_bytes() -> usize {
    sys::host().page_bytes
}

/// Makes the extents that have room for all pieces; they are ascending.
fn plan(pieces: impl Iterator<Item = Range<u64>>, page_bytes: usize) -> Result<Vec<Extent>, Error> {
    let page = page_bytes as u64;
    let mask = page.wrapping_sub(1);
    let gap = page.saturating_mul(GAP_PAGES as u64);
    let too_large = |pages: u64| {
        let bytes = u128::from(pages).saturating_mul(page.into());
        Error::OutOfHeap(usize::try_from(bytes).unwrap_or(usize::MAX))
    };
    let bytes_of = |pages: u64| {
        let pages_here = usize::try_from(pages).map_err(|_| too_large(pages))?;
        pages_here.checked_mul(page_bytes).ok_or(too_large(pages))
    };
    let mut extents: Vec<Extent> = Vec::new();
    let mut at = 0usize;
    for piece in pieces.filter(|piece| !piece.is_empty()) {
        // By the last byte: the last page of 64 bits has no end.
        let (start, last_byte) = (piece.start & !mask, piece.end.wrapping_sub(1));
        let more = match extents.last_mut() {
            Some(last) if start <= last.end().saturating_add(gap) => {
                let inside = last_byte.saturating_sub(last.offset);
                let length =
                    bytes_of((inside | mask).wrapping_add(1).checked_div(page).unwrap_or(0))?;
                let more = length.saturating_sub(last.length);
                last.length = last.length.saturating_add(more);
                more
            }
            _ => {
                let inside = last_byte.saturating_sub(start);
                let length =
                    bytes_of((inside | mask).wrapping_add(1).checked_div(page).unwrap_or(0))?;
                let place = size_of::<Extent>();
                extents.try_reserve(1).map_err(|_| Error::OutOfHeap(place))?;
                extents.push(Extent { offset: start, length, at });
                length
            }
        };
        at = at.checked_add(more).ok_or(too_large(u64::MAX))?;
    }
    Ok(extents)
}

/// Content that is being made.
struct Draft {
    extents: Vec<Extent>,
    store: Store,
}

impl Draft {
    fn new(extents: Vec<Extent>) -> Result<Self, Error> {
        let bytes = extents.iter().fold(0, |sum: usize, extent| sum.saturating_add(extent.length));
        Ok(Self { extents, store: Store::new(bytes)? })
    }

    /// The place of `length` bytes at `offset`, which lie in one extent.
    fn place(&mut self, offset: u64, length: u64) -> Result<&mut [u8], Error> {
        let outside = Error::Internal("an image has no room for its own bytes");
        let range = find(&self.extents, offset, length).ok_or(outside)?;
        self.store.bytes_mut().get_mut(range).ok_or(outside)
    }

    fn finish(mut self, snapshot: Option<Snapshot>, end: u64) -> Result<MemoryImage, Error> {
        self.store.freeze();
        let Self { extents, store } = self;
        Ok(MemoryImage(Ref::try_new(Content { snapshot, end, extents, store })?))
    }
}

/// Where in the store `length` bytes at `offset` are, which lie in one extent.
fn find(extents: &[Extent], offset: u64, length: u64) -> Option<Range<usize>> {
    let after = extents.partition_point(|extent| extent.offset <= offset);
    let extent = extents.get(after.checked_sub(1)?)?;
    let inside = usize::try_from(offset.checked_sub(extent.offset)?).ok()?;
    let start = extent.at.checked_add(inside)?;
    let end = start.checked_add(usize::try_from(length).ok()?)?;
    (end <= extent.at.checked_add(extent.length)?).then_some(start..end)
}

impl MemoryImage {
    /// An image with copies of these bytes, later segments over earlier ones.
    pub fn new(segments: &[Segment<'_>]) -> Result<Self, Error> {
        let mut end = 0u64;
        let mut ranges = Vec::new();
        let bytes = size_of_val(segments);
        ranges.try_reserve_exact(segments.len()).map_err(|_| Error::OutOfHeap(bytes))?;
        for segment in segments {
            let length = segment.bytes.len() as u64;
            let segment_end = segment.offset.checked_add(length).ok_or(Error::OutOfBounds {
                offset: segment.offset,
                length,
                memory_bytes: u64::MAX,
            })?;
            end = end.max(segment_end);
            ranges.push(segment.offset..segment_end);
        }
        ranges.sort_unstable_by_key(|range| range.start);
        let mut draft = Draft::new(plan(ranges.into_iter(), page_bytes())?)?;
        for segment in segments.iter().filter(|segment| !segment.bytes.is_empty()) {
            let length = segment.bytes.len() as u64;
            draft.place(segment.offset, length)?.copy_from_slice(segment.bytes);
        }
        draft.finish(None, end)
    }

    /// An image of a memory of `length` bytes, which has nothing but zeros outside of `candidates`; `read` copies what is
    /// at an offset.
    pub(crate) fn of_memory(
        snapshot: Snapshot,
        length: u64,
        candidates: &[Range<u64>],
        read: Read<'_>,
    ) -> Result<Self, Error> {
        let page_bytes = page_bytes();
        let mut chunk = Vec::new();
        chunk.try_reserve_exact(CHUNK).map_err(|_| Error::OutOfHeap(CHUNK))?;
        chunk.resize(CHUNK, 0u8);
        let mut ranges: Vec<Range<u64>> = Vec::new();
        for candidate in candidates {
            let mut offset = candidate.start;
            let end = candidate.end.min(length);
            while offset < end {
                let bytes = usize::try_from(end.saturating_sub(offset)).unwrap_or(CHUNK).min(CHUNK);
                let Some(part) = chunk.get_mut(..bytes) else { break };
                read(offset, part)?;
                for page in part.chunks(page_bytes) {
                    let next = offset.saturating_add(page.len() as u64);
                    if !is_zero(page) {
                        add_range(&mut ranges, offset..next)?;
                    }
                    offset = next;
                }
            }
        }
        let mut draft = Draft::new(plan(ranges.iter().cloned(), page_bytes)?)?;
        for range in ranges {
            let bytes = range.end.saturating_sub(range.start);
            read(range.start, draft.place(range.start, bytes)?)?;
        }
        draft.finish(Some(snapshot), length)
    }

    /// Writes the image to a file, which is whole under its name or not there. Pages of zeros take no room in it.
    pub fn save(&self, path: &Path) -> Result<(), Error> {
        let content = &self.0;
        let mut pieces = Vec::new();
        let room = content.extents.len();
        let refused = Error::OutOfHeap(room.saturating_mul(size_of::<Piece>()));
        pieces.try_reserve_exact(room).map_err(|_| refused)?;
        for extent in &content.extents {
            // The last page of an image may end behind the image.
            let length = (extent.length as u64).min(content.end.saturating_sub(extent.offset));
            pieces.push(Piece { offset: extent.offset, length });
        }
        let index = Index { snapshot: content.snapshot, end: content.end, pieces };
        let bytes = content.store.bytes();
        file::save(path, &index, |piece| {
            let range = find(&content.extents, piece.offset, piece.length);
            range.and_then(|range| bytes.get(range)).unwrap_or(&[])
        })
    }

    /// Reads the image that [`MemoryImage::save`] wrote to a file, and nothing else.
    pub fn load(path: &Path) -> Result<Self, Error> {
        let make = |index: &Index| {
            let pieces = index.pieces.iter();
            let ranges =
                pieces.map(|piece| piece.offset..piece.offset.saturating_add(piece.length));
            Draft::new(plan(ranges, page_bytes())?)
        };
        let (index, draft) = file::load(path, make, place_piece)?;
        draft.finish(index.snapshot, index.end)
    }

    /// How many pages a memory of this type has that starts with the image, or why there is none.
    pub(crate) fn pages_in(&self, ty: &MemoryType) -> Result<Pages, Error> {
        let end = self.0.end;
        let minimum = ty.minimum();
        match self.0.snapshot {
            None => {
                if u128::from(end) > minimum.bytes(ty.page_size()) {
                    let memory_bytes = minimum.bytes(ty.page_size());
                    return Err(Error::ImageOutOfBounds { end, memory_bytes });
                }
                Ok(minimum)
            }
            Some(Snapshot { page_size, .. }) if page_size != ty.page_size() => {
                let (image, ty) = (page_size.bytes(), ty.page_size().bytes());
                Err(TypeError::ImagePageSize { image, ty }.into())
            }
            Some(Snapshot { pages, .. }) => {
                let maximum = ty.growth_limit();
                if pages > maximum {
                    return Err(Error::ImageTooLarge { pages, maximum });
                }
                Ok(minimum.max(pages))
            }
        }
    }

    /// Whether both are the same image.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.0.same(&other.0)
    }

    /// Whether memories may be given its pages instead of copies.
    pub(crate) fn is_mappable(&self) -> bool {
        matches!(self.0.store, Store::File(_)) && self.0.extents.len() <= MAPPED_EXTENTS
    }

    /// Where in a memory of this process there are bytes of the image: whole pages, ascending, apart from each other.
    pub(crate) fn extents(&self) -> impl Iterator<Item = Range<usize>> {
        self.0.extents.iter().map_while(|extent| {
            let start = usize::try_from(extent.offset).ok()?;
            Some(start..start.checked_add(extent.length)?)
        })
    }

    /// The first of those that ends behind an offset.
    pub(crate) fn extent_behind(&self, offset: usize) -> Option<Range<usize>> {
        let extents = &self.0.extents;
        let next = extents.partition_point(|extent| extent.end() <= offset as u64);
        let extent = extents.get(next)?;
        let start = usize::try_from(extent.offset).ok()?;
        Some(start..start.checked_add(extent.length)?)
    }

    /// Where in a memory of this process the last of those ends.
    pub(crate) fn stored_end(&self) -> usize {
        self.0.extents.last().map_or(0, |last| usize::try_from(last.end()).unwrap_or(usize::MAX))
    }

    /// How many bytes there are in those.
    pub(crate) fn stored_bytes(&self) -> usize {
        self.0.store.bytes().len()
    }

    /// What the image has from one offset to another, part by part: bytes, or zeros.
    fn parts(&self, from: usize, to: usize) -> impl Iterator<Item = (Range<usize>, Option<&[u8]>)> {
        let content = &*self.0;
        let mut next = content.extents.partition_point(|extent| extent.end() <= from as u64);
        let mut at = from;
        core::iter::from_fn(move || {
            if at >= to {
                return None;
            }
            let extent = content.extents.get(next).filter(|extent| extent.offset < to as u64);
            let start = extent.and_then(|extent| usize::try_from(extent.offset).ok()).unwrap_or(to);
            let (end, bytes) = if at < start {
                (start, None)
            } else {
                next = next.saturating_add(1);
                let length = extent.map_or(0, |extent| extent.length);
                let end = start.saturating_add(length).min(to);
                let range = find(&content.extents, at as u64, end.wrapping_sub(at) as u64);
                (end, range.and_then(|range| content.store.bytes().get(range)))
            };
            let part = at..end;
            at = end;
            Some((part, bytes))
        })
    }

    /// Writes what the image has from one offset to another into a memory that starts at `base`, zeros included, with
    /// `copy` and `clear` as the means.
    pub(crate) fn write(
        &self,
        base: *mut u8,
        from: usize,
        to: usize,
        copy: impl Fn(*const u8, *mut u8, usize),
        clear: impl Fn(*mut u8, usize),
    ) {
        for (part, bytes) in self.parts(from, to) {
            let place = base.wrapping_add(part.start);
            match bytes {
                Some(bytes) => copy(bytes.as_ptr(), place, bytes.len()),
                None => clear(place, part.len()),
            }
        }
    }

    /// Whether `bytes` are what the image has at an offset.
    pub(crate) fn matches(&self, offset: usize, bytes: &[u8]) -> bool {
        self.parts(offset, offset.saturating_add(bytes.len())).all(|(part, image)| {
            let range = part.start.wrapping_sub(offset)..part.end.wrapping_sub(offset);
            match (bytes.get(range), image) {
                (Some(bytes), Some(image)) => bytes == image,
                (Some(bytes), None) => is_zero(bytes),
                (None, _) => false,
            }
        })
    }

    /// Maps the pages of the image into a memory that starts at `base`, privately, in the place of what is there.
    ///
    /// # Safety
    /// All extents lie in private mappings of the caller's, which nobody else uses now.
    pub(crate) unsafe fn map_over(&self, base: NonNull<u8>) -> Result<(), OsError> {
        let Store::File(store) = &self.0.store else { return Err(OsError::none()) };
        // A host may have closed descriptors that it does not know, and got others with their numbers.
        if store.file.identity()? != store.identity {
            return Err(OsError::INVALID);
        }
        for (extent, range) in self.0.extents.iter().zip(self.extents()) {
            let address = NonNull::new(base.as_ptr().wrapping_add(range.start)).unwrap_or(base);
            // SAFETY: passed on.
            unsafe { store.file.map_private_over(address, extent.length, extent.at as u64)? };
        }
        Ok(())
    }
}

/// Where a piece of a file goes.
fn place_piece<'a>(draft: &'a mut Draft, piece: &Piece) -> &'a mut [u8] {
    // Planned for these very pieces; for others there is no room, and the file is refused.
    draft.place(piece.offset, piece.length).unwrap_or(&mut [])
}

fn add_range(ranges: &mut Vec<Range<u64>>, range: Range<u64>) -> Result<(), Error> {
    if let Some(last) = ranges.last_mut()
        && last.end == range.start
    {
        last.end = range.end;
        return Ok(());
    }
    let bytes = size_of::<Range<u64>>();
    ranges.try_reserve(1).map_err(|_| Error::OutOfHeap(bytes))?;
    ranges.push(range);
    Ok(())
}

/// Whether all bytes are zero.
pub(crate) fn is_zero(bytes: &[u8]) -> bool {
    // By blocks, so that the compiler can compare many bytes at once and a page that is not zero ends it soon.
    bytes.chunks(256).all(|block| block.iter().fold(0, |all, byte| all | byte) == 0)
}
