//! What is in a region that nobody has written to, and how one that was written to gets back there.
//!
//! Cleaning costs time with the pages that were written. The system tells which; those that are to stay are
//! overwritten in place, which costs a tenth of giving a page back and getting a new one, and interrupts no other
//! processor. The others are given back together. Where the system does not tell, little is
//! overwritten and much is given back, all of it. Nothing here trusts a call that failed: what could not be shown to be
//! clean is an error, and the region must not be used again.

use super::{Holding, Origin, Region, offset};
use crate::image::{MemoryImage, is_zero};
use crate::plan::Bounds;
use crate::sys::{self, OsError, Span};
use crate::units::round_up;
use core::mem::MaybeUninit;
use core::ops::Range;

/// What a region holds where nobody has written.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// The bytes of this image, and zeros elsewhere; nothing but zeros without one.
    image: Option<MemoryImage>,
    how: How,
    /// Counts the times it was cleaned, round and round.
    cleaned: u8,
    /// How many pages were left in memory when it was cleaned last, and the end of the last of them, in pages. What does
    /// not fit is the most that does.
    resident_pages: u32,
    resident_end: u32,
}

/// How the bytes of the image got there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum How {
    /// They were copied.
    #[default]
    Copied,
    /// Its pages are mapped, privately.
    Mapped,
    /// Its pages were mapped, and something else has been put in the place of some.
    Torn,
}

/// Where it is not known which pages were written, so many bytes are overwritten rather than given back.
const OVERWRITTEN_UNSEEN: usize = 1 << 16;
/// A memory of at most so many bytes that is mostly a copy of an image is copied without a look.
const COPIED_UNSEEN: usize = 1 << 18;
/// Checked memories are cleaned so far behind their length: what lies there is open.
const PAST_THE_LENGTH: usize = 1 << 20;
/// Each time that a region has been cleaned so often, pages are looked at first: those that hold what they should were
/// not used, and need not stay in memory.
const LOOK_EVERY: u8 = 16;
/// How many ranges are given back with one call.
const TOGETHER: usize = 64;

/// How many whole pages bytes are; what does not fit is the most that does.
fn pages(bytes: usize, page_bytes: usize) -> u32 {
    // A page is a power of two, and a division would be the most expensive thing in here.
    u32::try_from(bytes.wrapping_shr(page_bytes.trailing_zeros())).unwrap_or(u32::MAX)
}

impl Contents {
    /// Something is put in the place of pages of the region.
    pub(super) fn tear(&mut self, range: &Range<usize>) {
        if let (Some(image), How::Mapped) = (&self.image, self.how)
            && image.extents().any(|extent| extent.start < range.end && range.start < extent.end)
        {
            self.how = How::Torn;
        }
    }

    /// It has been cleaned, up to so many bytes, and all of them are in memory.
    fn count_resident(&mut self, used: usize, page_bytes: usize) {
        self.resident_pages = pages(used, page_bytes);
        self.resident_end = self.resident_pages;
    }

    /// The image whose pages are mapped in the region.
    pub(super) fn mapped(&self) -> Option<&MemoryImage> {
        self.image.as_ref().filter(|_| self.how != How::Copied)
    }
}

/// Ranges that are to be given back to the system together.
struct GivingBack {
    /// The first `count` are there.
    spans: [MaybeUninit<Span>; TOGETHER],
    count: usize,
    outcome: Result<(), OsError>,
}

impl GivingBack {
    fn new() -> Self {
        Self { spans: [const { MaybeUninit::uninit() }; TOGETHER], count: 0, outcome: Ok(()) }
    }

    fn add(&mut self, region: &Region, range: &Range<usize>) {
        if self.count == TOGETHER {
            self.flush();
        }
        if let Some(place) = self.spans.get_mut(self.count) {
            place.write(Span { start: offset(region.base, range.start), bytes: range.len() });
            self.count = self.count.wrapping_add(1);
        }
    }

    fn flush(&mut self) {
        if self.count != 0 {
            // SAFETY: `add` has written so many.
            let spans =
                unsafe { core::slice::from_raw_parts(self.spans.as_ptr().cast(), self.count) };
            // SAFETY: `add` was given ranges of regions whose owners are done with what is in them, by an
            // exclusive reference.
            let zeroed = unsafe { sys::zero_many(spans) };
            self.outcome = self.outcome.and(zeroed);
        }
        self.count = 0;
    }

    fn finish(mut self) -> Result<(), OsError> {
        self.flush();
        self.outcome
    }
}

/// The cleaning of one region, page run by page run, ascending.
struct Cleaning<'a> {
    region: &'a mut Region,
    /// How many bytes may still stay in memory.
    keep: usize,
    kept: usize,
    /// Behind the last byte that stays.
    kept_end: usize,
    looks: bool,
}

impl<'a> Cleaning<'a> {
    fn new(region: &'a mut Region, keep: usize) -> Self {
        let contents = &mut region.contents;
        contents.cleaned = contents.cleaned.wrapping_add(1);
        let looks = contents.cleaned.is_multiple_of(LOOK_EVERY);
        // Whole pages.
        let keep = keep & !region.page_bytes().wrapping_sub(1);
        Self { region, keep, kept: 0, kept_end: 0, looks }
    }

    /// Cleans whole pages that were written.
    fn written(&mut self, range: Range<usize>, is_swapped: bool, giving: &mut GivingBack) {
        let page_bytes = self.region.page_bytes();
        let open = self.region.open;
        let mut at = range.start;
        while at < range.end {
            let (end, is_copied) = self.region.part(at, range.end);
            // What an earlier memory had, and this one did not reach, may be closed.
            let end = if at < open { end.min(open) } else { end };
            let part = at..end;
            at = end;
            // Copies of an image are made anew in the end.
            if is_copied {
                continue;
            }
            if is_swapped || part.start >= open {
                giving.add(self.region, &part);
            } else if self.looks {
                self.look(part, page_bytes, giving);
            } else {
                self.overwrite(part, giving);
            }
        }
    }

    /// Overwrites as much as may stay, and gives the rest back.
    fn overwrite(&mut self, range: Range<usize>, giving: &mut GivingBack) {
        let stays = range.len().min(self.keep);
        let middle = range.start.wrapping_add(stays);
        self.region.write_clean(range.start..middle);
        self.keep = self.keep.wrapping_sub(stays);
        self.kept = self.kept.wrapping_add(stays);
        if stays != 0 {
            self.kept_end = middle;
        }
        if middle < range.end {
            giving.add(self.region, &(middle..range.end));
        }
    }

    /// Gives back pages that were not used since they were cleaned last, and overwrites the others.
    fn look(&mut self, range: Range<usize>, page_bytes: usize, giving: &mut GivingBack) {
        let mut unused = range.start..range.start;
        for page in range.clone().step_by(page_bytes) {
            let end = page.saturating_add(page_bytes).min(range.end);
            if self.region.is_clean(page..end) {
                unused.end = end;
                continue;
            }
            if !unused.is_empty() {
                giving.add(self.region, &unused);
            }
            self.overwrite(page..end, giving);
            unused = end..end;
        }
        if !unused.is_empty() {
            giving.add(self.region, &unused);
        }
    }

    /// Cleans whole pages of which it is not known whether they were written.
    fn unseen(&mut self, range: Range<usize>, giving: &mut GivingBack) {
        let mut at = range.start;
        if range.len() <= OVERWRITTEN_UNSEEN || !self.region.has_pages() {
            let written = range.start..range.end.min(self.region.open);
            at = written.end.max(range.start);
            self.kept_end = at;
            self.kept = self.kept.saturating_add(written.len());
            self.region.write_clean(written);
        }
        while at < range.end {
            let (end, is_copied) = self.region.part(at, range.end);
            if !is_copied {
                giving.add(self.region, &(at..end));
            }
            at = end;
        }
    }

    fn finish(self) {
        let contents = &self.region.contents;
        let (copied, copied_end) = match (&contents.image, contents.how) {
            (Some(image), How::Copied) => (image.stored_bytes(), image.stored_end()),
            _ => (0, 0),
        };
        let bytes = self.kept.saturating_add(copied);
        let page_bytes = self.region.page_bytes();
        let contents = &mut self.region.contents;
        contents.resident_pages = pages(bytes, page_bytes);
        contents.resident_end = pages(self.kept_end.max(copied_end), page_bytes);
    }
}

impl Region {
    /// How many bytes its pages had in memory when it was cleaned last.
    pub(crate) fn resident_bytes(&self) -> u64 {
        u64::from(self.contents.resident_pages).saturating_mul(self.page_bytes() as u64)
    }

    /// The image that the region remembers.
    pub(crate) fn image(&self) -> Option<&MemoryImage> {
        self.contents.image.as_ref()
    }

    /// The image that it is cleaned back to when its memory is gone; none where the image's pages are no longer all there,
    /// or may not even be open.
    pub(crate) fn image_to_keep(&self) -> Option<MemoryImage> {
        self.contents.image.clone().filter(|_| self.contents.how != How::Torn)
    }

    /// Whether it remembers this image, or no image where none is asked for.
    pub(crate) fn has_image(&self, image: Option<&MemoryImage>) -> bool {
        match (&self.contents.image, image) {
            (Some(own), Some(other)) => own.same(other),
            (None, None) => true,
            _ => false,
        }
    }

    /// The pages between two offsets of the region that were written since they were mapped, ascending; fails where
    /// that is not known.
    pub(crate) fn written_pages(
        &self,
        range: Range<usize>,
        mut found: impl FnMut(Range<usize>),
    ) -> Result<(), OsError> {
        if !self.has_pages() {
            return Err(OsError::none());
        }
        let (base, page_bytes) = (self.base.addr().get(), self.page_bytes());
        let end = round_up(range.end, page_bytes).unwrap_or(range.end);
        let start = range.start & !page_bytes.wrapping_sub(1);
        let bytes = end.wrapping_sub(start);
        sys::written_pages(offset(self.base, start), bytes, page_bytes, |run| {
            found(run.start.wrapping_sub(base)..run.end.wrapping_sub(base));
        })
    }

    /// Where the part that starts at `from` ends, `to` at most, and whether it belongs to the copy of an image.
    fn part(&self, from: usize, to: usize) -> (usize, bool) {
        let image = self.contents.image.as_ref().filter(|_| self.contents.how == How::Copied);
        match image.and_then(|image| image.extent_behind(from)) {
            Some(extent) if from < extent.start => (extent.start.min(to), false),
            Some(extent) => (extent.end.min(to), true),
            None => (to, false),
        }
    }

    /// Writes what is to be in a range, except for copies of an image.
    fn write_clean(&self, range: Range<usize>) {
        let base = self.base.as_ptr();
        // SAFETY: the range is open, so it is the region's own, and the owner is done with what is in it.
        let clear = |to: *mut u8, bytes: usize| unsafe { to.write_bytes(0, bytes) };
        // SAFETY: the same, and an image lies apart from all regions.
        let copy = |from: *const u8, to: *mut u8, bytes: usize| unsafe {
            to.copy_from_nonoverlapping(from, bytes);
        };
        match (&self.contents.image, self.contents.how) {
            (None, _) => clear(base.wrapping_add(range.start), range.len()),
            (Some(image), How::Copied) => {
                image.write(base, range.start, range.end, |_, _, _| {}, clear);
            }
            (Some(image), How::Mapped | How::Torn) => {
                image.write(base, range.start, range.end, copy, clear);
            }
        }
    }

    /// Whether a range holds already what it should.
    fn is_clean(&self, range: Range<usize>) -> bool {
        // SAFETY: the range is open, and nobody else uses it while the region is being cleaned.
        let bytes = unsafe {
            core::slice::from_raw_parts(self.base.as_ptr().add(range.start), range.len())
        };
        match &self.contents.image {
            None => is_zero(bytes),
            Some(image) => image.matches(range.start, bytes),
        }
    }

    /// Makes the region forget its image: it holds zeros where nobody has written, and what was copied from the image
    /// counts as written.
    fn forget_image(&mut self) -> Result<(), OsError> {
        self.clear_images_from(0)?;
        self.contents.image = None;
        self.contents.how = How::Copied;
        self.recount();
        Ok(())
    }

    /// Puts zeros in the place of the mapped pages of an image from an offset on. (They are open: what is closed was
    /// cleared before.)
    pub(super) fn clear_images_from(&mut self, from: usize) -> Result<(), OsError> {
        let Some(image) = self.contents.mapped().cloned() else { return Ok(()) };
        for extent in image.extents() {
            let range = extent.start.max(from)..extent.end.min(self.open);
            if !range.is_empty() {
                self.zeros_over(range)?;
            }
        }
        Ok(())
    }

    /// Puts an image into a region of zeros, by mapping it if that is worth it.
    fn take_image(&mut self, image: &MemoryImage) -> Result<(), OsError> {
        debug_assert!(self.contents.image.is_none());
        // What is mapped can be read and written, and nothing behind the open bytes must be.
        if image.extents().last().is_some_and(|last| last.end > self.open) {
            return Err(OsError::INVALID);
        }
        let is_own = matches!(&self.holding, Holding::Own(own) if matches!(own.origin, Origin::Mapping { .. }));
        if is_own && image.is_mappable() {
            self.contents.image = Some(image.clone());
            // SAFETY: the extents lie in the memory, so they are open and the region's own; what is there is zeros.
            if unsafe { image.map_over(self.base) }.is_ok() {
                self.contents.how = How::Mapped;
                self.recount();
                return Ok(());
            }
            // Some of it may be mapped.
            self.contents.how = How::Torn;
            self.forget_image()?;
        }
        self.contents.image = Some(image.clone());
        self.contents.how = How::Copied;
        self.copy_image();
        Ok(())
    }

    /// Makes the copy of an image anew.
    fn copy_image(&self) {
        let Some(image) = self.contents.image.as_ref().filter(|_| self.contents.how == How::Copied)
        else {
            return;
        };
        for extent in image.extents() {
            self.write_image(image, extent);
        }
    }

    /// Writes a range as an image has it.
    fn write_image(&self, image: &MemoryImage, range: Range<usize>) {
        let end = range.end.min(self.open);
        image.write(
            self.base.as_ptr(),
            range.start,
            end,
            // SAFETY: open, so the region's own; an image lies apart from all regions.
            |from, to, bytes| unsafe { to.copy_from_nonoverlapping(from, bytes) },
            // SAFETY: as above.
            |to, bytes| unsafe { to.write_bytes(0, bytes) },
        );
    }

    /// Prepares for cleaning up to `image`: says how far the region may have been written where its user wrote no
    /// further than `used`.
    fn aim(&mut self, used: usize, image: Option<&MemoryImage>) -> Result<usize, OsError> {
        let mut reach = self.reach(used);
        if self.has_image(image) && self.contents.how != How::Torn {
            return Ok(reach);
        }
        if let (Some(old), How::Copied) = (&self.contents.image, self.contents.how) {
            reach = reach.max(old.stored_end().min(self.open));
        }
        self.forget_image()?;
        Ok(reach)
    }

    /// How far the region may have pages in memory where its user wrote no further than `used`: earlier ones may have left
    /// some behind that.
    fn reach(&self, used: usize) -> usize {
        // What a defective host or guest wrote right behind its length must not reach others either.
        let is_open_behind = self.has_pages() && self.layout().bounds == Bounds::Checked;
        let used = if is_open_behind { used.saturating_add(PAST_THE_LENGTH) } else { used };
        let used = round_up(used, self.page_bytes()).unwrap_or(self.open).min(self.open);
        used.max(self.resident_end())
    }

    /// Behind the last page that the region has had in memory since it was cleaned.
    fn resident_end(&self) -> usize {
        let reserved = self.layout().reserved;
        match self.contents.resident_end {
            u32::MAX => reserved,
            pages => (pages as usize).saturating_mul(self.page_bytes()).min(reserved),
        }
    }

    /// Puts the image in that cleaning has aimed at, where it is not there already.
    fn arrive(&mut self, image: Option<&MemoryImage>) -> Result<(), OsError> {
        match image {
            Some(image) if self.contents.image.is_none() => self.take_image(image),
            _ => {
                self.copy_image();
                Ok(())
            }
        }
    }

    /// Brings the region back to an image, or to zeros, where its user wrote no further than `used`. At most `keep`
    /// bytes of what was written stay in memory. On failure the region must not be used again.
    pub(crate) fn clean(
        &mut self,
        used: usize,
        image: Option<&MemoryImage>,
        keep: usize,
    ) -> Result<(), OsError> {
        let used = self.aim(used, image)?;
        let mut giving = GivingBack::new();
        let (base, page_bytes) = (self.base, self.page_bytes());
        let start = base.addr().get();
        // Where most of it is a copy of an image, that is made anew in less time than a look takes.
        let is_copy = match (&self.contents.image, self.contents.how) {
            (Some(image), How::Copied) => {
                used <= COPIED_UNSEEN && image.stored_bytes() >= used.wrapping_shr(1)
            }
            _ => false,
        };
        let has_pages = self.has_pages();
        if is_copy && used <= self.open && self.has_image(image) {
            self.write_clean(0..used);
            self.contents.count_resident(used, page_bytes);
            return self.arrive(image);
        }
        let mut cleaning = Cleaning::new(self, keep);
        let mut seen = 0;
        let scanned = if has_pages && used != 0 {
            sys::written_pages(base, used, page_bytes, |run| {
                let range = run.start.wrapping_sub(start)..run.end.wrapping_sub(start);
                seen = range.end;
                cleaning.written(range, run.is_swapped, &mut giving);
            })
        } else {
            Err(OsError::none())
        };
        if scanned.is_err() {
            cleaning.unseen(seen..used, &mut giving);
        }
        cleaning.finish();
        giving.finish()?;
        self.arrive(image)
    }

    /// The same for a region that goes on being used, so that it cannot fail: in the worst case everything is
    /// overwritten.
    pub(crate) fn reset(&mut self, used: usize, image: Option<&MemoryImage>, keep: usize) {
        if self.clean(used, image, keep).is_ok() {
            return;
        }
        let used = round_up(used, self.page_bytes()).unwrap_or(self.open).min(self.open);
        if self.contents.mapped().is_some() {
            // Whatever of it is still mapped: it goes when the region is cleaned the next time.
            self.contents.how = How::Torn;
        } else {
            self.contents.image = image.cloned();
        }
        self.contents.resident_end = self.contents.resident_end.max(pages(used, self.page_bytes()));
        match image {
            Some(image) => self.write_image(image, 0..used),
            // SAFETY: open, so the region's own, and the caller is done with what is in it.
            None => unsafe { self.base.as_ptr().write_bytes(0, used) },
        }
    }

    /// Closes a region whose user is gone, where open memory counts before it is touched, and more is open than would
    /// be overwritten unseen: it is zeros then, and counts no longer. Says whether it was so; on failure the region must
    /// not be used again.
    pub(crate) fn close_idle(&mut self) -> Result<bool, OsError> {
        let open = self.open;
        let counts = matches!(&self.holding, Holding::Own(own) if own.opening_commits);
        if !counts || !self.has_pages() || open <= OVERWRITTEN_UNSEEN {
            return Ok(false);
        }
        // SAFETY: the range is open, so it is the region's own, and private memory; its user is gone.
        unsafe { sys::reserve_over(self.base, open)? };
        self.open = 0;
        self.contents = Contents::default();
        self.recount();
        Ok(true)
    }

    /// Gives everything back that the user may have written: the region is zeros without pages then. On failure
    /// it must not be used again.
    pub(crate) fn empty(&mut self, used: usize) -> Result<(), OsError> {
        let reach = self.aim(used, None)?;
        self.contents.resident_pages = 0;
        self.contents.resident_end = 0;
        if reach == 0 {
            return Ok(());
        }
        if !self.has_pages() {
            self.write_clean(0..reach.min(self.open));
            return Ok(());
        }
        // SAFETY: the region's own, and private memory; its user is gone.
        unsafe { sys::zero(self.base, reach) }
    }

    /// Gives back the pages that a clean region has. On failure it must not be used again.
    pub(crate) fn cool(&mut self) -> Result<(), OsError> {
        if self.contents.resident_pages == 0 {
            return Ok(());
        }
        let bytes = self.resident_end();
        if self.contents.how == How::Copied {
            // Its copies go as well.
            self.contents.image = None;
        }
        self.contents.resident_pages = 0;
        self.contents.resident_end = 0;
        // SAFETY: the region's own, and private memory; nobody uses it. Mapped pages of an image show the
        // image again.
        unsafe { sys::zero(self.base, bytes) }
    }

    /// How much of a region that nobody uses is in memory: one that is clean, or was used up to so many bytes.
    pub(crate) fn idle_resident_bytes(&self, used: Option<usize>) -> u64 {
        let page_bytes = self.page_bytes();
        let reach = self.reach(used.unwrap_or(0));
        sys::present_bytes(self.base, reach, page_bytes)
            .ok()
            .or_else(|| sys::resident_bytes(self.base, reach, page_bytes))
            .unwrap_or_else(|| self.resident_bytes())
    }

    /// Makes a clean region one for a memory of `needed` bytes that starts with `image`; under GUARDED no more than
    /// that is open. On failure it must not be used again.
    pub(crate) fn renew(
        &mut self,
        needed: usize,
        image: Option<&MemoryImage>,
    ) -> Result<(), OsError> {
        let is_other = !self.has_image(image);
        if is_other {
            if self.contents.how == How::Copied
                && let Some(old) = self.contents.image.take()
            {
                for extent in old.extents() {
                    let end = extent.end.min(self.open);
                    if extent.start < end {
                        self.write_clean(extent.start..end);
                    }
                }
            }
            self.forget_image()?;
        }
        self.close_from_guarded(needed)?;
        self.open_to(needed)?;
        match image {
            Some(image) if is_other => self.take_image(image),
            _ => Ok(()),
        }
    }

    /// Makes the whole pages between two open offsets read as zero and gives them back to the system.
    /// Says which part that was: nothing of it on the heap, or when the system refuses. `is_shared`: others may use
    /// them meanwhile.
    pub(crate) fn give_back(&mut self, from: usize, to: usize, is_shared: bool) -> Range<usize> {
        debug_assert!(from <= to && to <= self.open);
        let none = from..from;
        let page_bytes = self.page_bytes();
        let Some(start) = round_up(from, page_bytes) else { return none };
        let range = start..to & !page_bytes.wrapping_sub(1);
        if range.is_empty() {
            return none;
        }
        let given = match &self.holding {
            Holding::Own(own) if matches!(own.origin, Origin::Heap(_)) => return none,
            // SAFETY: the pages are open, so they are the region's own; whoever else uses them, of a shared memory,
            // sees zeros from some moment on.
            Holding::Own(own) if matches!(own.origin, Origin::File { .. }) => unsafe {
                sys::zero_shared(offset(self.base, range.start), range.len())
            },
            _ => match self.contents.mapped() {
                // Given back, pages of an image would show the image again: something else has to be mapped. Each
                // time that takes a mapping, so it is not done for a few pages of many.
                Some(image)
                    if image
                        .extents()
                        .any(|extent| extent.start < range.end && range.start < extent.end) =>
                {
                    if range.len() < image.stored_bytes() >> 4 {
                        return none;
                    }
                    self.zeros_over(range.clone())
                }
                // SAFETY: as above.
                _ if is_shared => unsafe {
                    sys::zero_in_use(offset(self.base, range.start), range.len())
                },
                // SAFETY: as above, and nobody else uses them.
                _ => unsafe { sys::zero(offset(self.base, range.start), range.len()) },
            },
        };
        if given.is_ok() { range } else { none }
    }
}

/// A region whose user is gone, and how far that wrote.
#[derive(Debug)]
pub(crate) struct Used {
    pub(crate) region: Region,
    pub(crate) bytes: usize,
    /// False once it could not be cleaned.
    pub(crate) is_clean: bool,
}

impl Used {
    pub(crate) fn new(region: Region, bytes: usize) -> Self {
        Self { region, bytes, is_clean: true }
    }
}

/// Gives back everything that regions have, together: they are zeros without pages then. False if any of them may not
/// be; each has to be emptied alone then.
pub(crate) fn empty_together(regions: &mut [Used]) -> bool {
    let mut giving = GivingBack::new();
    for Used { region, bytes, .. } in regions.iter_mut() {
        let Ok(used) = region.aim(*bytes, None) else { return false };
        region.contents.resident_pages = 0;
        region.contents.resident_end = 0;
        if used != 0 {
            giving.add(region, &(0..used));
        }
    }
    giving.finish().is_ok()
}

/// The region that a look at many has come to, where it starts, and how far it may have been written.
type Current<'a> = Option<(Cleaning<'a>, usize, usize)>;

/// Goes on to the next region.
fn next_of<'a>(
    rest: &mut impl Iterator<Item = &'a mut Used>,
    current: &mut Current<'a>,
    keep: usize,
) {
    if let Some((cleaning, ..)) = current.take() {
        cleaning.finish();
    }
    *current = rest.next().map(|Used { region, bytes, .. }| {
        let start = region.base.addr().get();
        let reach = region.reach(*bytes);
        (Cleaning::new(region, keep), start, start.wrapping_add(reach))
    });
}

/// Cleans regions that lie near one another, in ascending order, each back to the image that it remembers: one look at
/// the pages serves them all. False if any of them may not be clean; each has to be cleaned alone then.
pub(crate) fn clean_together(regions: &mut [Used], keep: usize) -> bool {
    let Some((first, last)) = regions.first().zip(regions.last()) else { return true };
    let page_bytes = first.region.page_bytes();
    let start = first.region.base;
    let end = last.region.base.addr().get().wrapping_add(last.region.reach(last.bytes));
    let mut giving = GivingBack::new();
    if regions.iter().any(|used| used.region.contents.how == How::Torn) {
        return false;
    }
    let mut rest = regions.iter_mut();
    let mut current = None;
    next_of(&mut rest, &mut current, keep);
    let bytes = end.wrapping_sub(start.addr().get());
    let scanned = sys::written_pages(start, bytes, page_bytes, |run| {
        let mut at = run.start;
        while let Some((cleaning, start, end)) = &mut current {
            if at >= *end {
                next_of(&mut rest, &mut current, keep);
                continue;
            }
            // What lies between two regions is nobody's here.
            let (from, to) = (at.max(*start), run.end.min(*end));
            if from >= to {
                return;
            }
            let range = from.wrapping_sub(*start)..to.wrapping_sub(*start);
            cleaning.written(range, run.is_swapped, &mut giving);
            at = to;
        }
    });
    while current.is_some() {
        next_of(&mut rest, &mut current, keep);
    }
    let is_clean = scanned.is_ok() && giving.finish().is_ok();
    if is_clean {
        regions.iter().for_each(|used| used.region.copy_image());
    }
    is_clean
}

#[cfg(test)]
mod tests {
    use crate::plan::{BoundsPolicy, Policy};
    use crate::sys;
    use crate::sys::injection::{refuse_after, refuse_one};
    use crate::{Engine, IndexType, Memory, MemoryImage, MemoryType, Pages, PoolOptions, Segment};

    fn engine(bounds: BoundsPolicy, pool: Option<PoolOptions>) -> Engine {
        Engine::new(Policy { bounds, pool, ..Policy::default() }).unwrap()
    }

    fn memory(engine: &Engine, minimum: u64, maximum: u64) -> Memory {
        let ty = MemoryType::new(IndexType::I32, minimum, Some(maximum)).unwrap();
        Memory::new(engine, ty).unwrap()
    }

    fn is_zero(memory: &Memory) -> bool {
        let mut bytes = vec![1u8; memory.byte_length()];
        memory.read(0, &mut bytes).unwrap();
        bytes.iter().all(|byte| *byte == 0)
    }

    /// Growth opens nothing in a checked memory, so what a defect wrote behind its length would be there.
    #[test]
    fn what_was_written_past_the_length_reaches_nobody() {
        let host = sys::host();
        // Where opening commits, what lies behind the length faults.
        if !host.has_mappings || host.opening_commits {
            return;
        }
        let engine = engine(BoundsPolicy::Checked, None);
        for maximum in [4, 1000] {
            for _ in 0..40 {
                let first = memory(&engine, 1, maximum);
                for page in 1..4 {
                    // SAFETY: the bytes lie in the reservation, which is open.
                    unsafe { first.base().add(page * 65_536 + 77).write(0xee) };
                }
                drop(first);
                let next = memory(&engine, 1, maximum);
                next.grow(Pages(3)).unwrap();
                assert!(is_zero(&next));
            }
        }
    }

    /// The kernel tells some hundred runs of pages at a time, and may refuse the next.
    #[test]
    fn a_look_that_fails_in_the_middle_is_no_look() {
        let page_bytes = sys::host().page_bytes as u64;
        for bounds in [BoundsPolicy::Auto, BoundsPolicy::Checked] {
            let engine = engine(bounds, None);
            for calls in 0..6 {
                let first = memory(&engine, 64, 64);
                for page in (0..first.byte_length() as u64 / page_bytes).step_by(2) {
                    first.store(page * page_bytes + 5, 0xee_u8).unwrap();
                }
                refuse_one(calls);
                first.reset(None).unwrap();
                refuse_after(None);
                assert!(is_zero(&first), "reset, {calls} calls let through");
                first.fill(0, 0xee, 64 * 65_536).unwrap();
                refuse_one(calls);
                drop(first);
                refuse_after(None);
                assert!(is_zero(&memory(&engine, 64, 64)), "deleted, {calls} calls let through");
            }
        }
    }

    /// A region that gives its pages back because it lay idle gives the copy of its image back with them.
    #[test]
    fn an_idle_memory_that_went_cold_has_its_image_again() {
        let options = PoolOptions { decommit_batch: 1, ..PoolOptions::default() };
        for (bounds, pool) in [
            (BoundsPolicy::Auto, None),
            (BoundsPolicy::Checked, None),
            (BoundsPolicy::Checked, Some(options)),
        ] {
            let engine = engine(bounds, pool);
            let image = MemoryImage::new(&[Segment { offset: 3, bytes: b"image" }]).unwrap();
            let ty = MemoryType::new(IndexType::I32, 1, Some(2)).unwrap();
            let make = || Memory::from_image(&engine, ty, &image).unwrap();
            drop((make(), make(), make()));
            // Many others come and go meanwhile.
            for _ in 0..3000 {
                drop(memory(&engine, 1, 2));
                drop(make());
            }
            for made in [make(), make(), make()] {
                let mut bytes = [0u8; 10];
                made.read(0, &mut bytes).unwrap();
                assert_eq!(&bytes, b"\0\0\0image\0\0");
            }
        }
    }
}
