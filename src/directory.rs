//! The directory of addresses: which memory an address belongs to, for signal handlers.
//!
//! Regions enter the ranges of addresses that they have, with a [`Seat`] for each memory that may come to lie there. A
//! memory that is made takes its seat by two stores, so that making one costs nothing to speak of. Whoever looks an
//! address up takes no lock, waits for nobody and allocates nothing, whatever it has interrupted.
//!
//! How a range is found: it is filed under a class, which says how many bytes a granule has, at least as many as the range,
//! and under the granules of that size that it has bytes of, which are one or two. An address lies in one granule of each
//! class, and there are as many classes in use as there are magnitudes of ranges: a few. Classes and granules are the keys of
//! a hash table that is replaced by a larger one when a key finds no place near to where it belongs.
//!
//! What a reader may still see is not freed: readers count themselves, and what is taken out waits until those who were
//! there have gone. Others may have come meanwhile.

use crate::alloc::try_box;
use crate::error::Error;
use crate::sys;
use crate::try_lock::{Taken, TryLock};
use core::ops::Range;
use core::ptr::{self, NonNull};
use core::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, compiler_fence};

/// How many places near to each other a key is looked for in.
const NEAR: usize = 8;
/// How many ranges that hosts claim may be filed under one key, be it for several of their memories. Of other ranges, more
/// than three do not fit beside each other, and those have a place whatever is claimed.
const CLAIMS_ALIKE: usize = 4;
/// The first table has so many places, a power of two.
const PLACES_FIRST: usize = 64;

/// Where one memory is announced. Zeros: there is none.
#[derive(Debug, Default)]
pub(crate) struct Seat {
    /// The address of the memory's view, which is its identity, negated: a tool that looks for leaks does not take the
    /// directory for an owner, and tells a host which memory it has forgotten.
    hidden_view: AtomicUsize,
    /// The length in bytes: a copy, because the view is gone when the memory is.
    length: AtomicUsize,
}

impl Seat {
    /// Announces a memory.
    #[inline]
    pub(crate) fn occupy(&self, view: usize, length: usize) {
        // Release: who sees this length sees no more the memory that had the seat before.
        self.length.store(length, Ordering::Release);
        // Release: who sees the memory sees its length.
        self.hidden_view.store(view.wrapping_neg(), Ordering::Release);
    }

    /// The memory that is announced; 0 for none.
    #[inline]
    pub(crate) fn occupant(&self) -> usize {
        self.hidden_view.load(Ordering::Relaxed).wrapping_neg()
    }

    /// Takes the memory back.
    #[inline]
    pub(crate) fn vacate(&self) {
        self.hidden_view.store(0, Ordering::Release);
    }

    /// The memory has another length now.
    #[inline]
    pub(crate) fn set_length(&self, length: usize) {
        self.length.store(length, Ordering::Relaxed);
    }

    /// The memory, which several threads use, has at least this length now.
    #[inline]
    pub(crate) fn grow_to(&self, length: usize) {
        self.length.fetch_max(length, Ordering::Relaxed);
    }

    /// View and length, if they belong together: a memory that goes while it is looked at is gone.
    fn read(&self) -> Option<(usize, usize)> {
        let hidden = self.hidden_view.load(Ordering::Acquire);
        let length = self.length.load(Ordering::Acquire);
        let is_there = hidden != 0 && self.hidden_view.load(Ordering::Relaxed) == hidden;
        is_there.then_some((hidden.wrapping_neg(), length))
    }
}

/// A seat for who knows that its entry is still there.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SeatRef(NonNull<Seat>);

// SAFETY: a seat is atomic, and belongs to no thread.
unsafe impl Send for SeatRef {}
// SAFETY: as above.
unsafe impl Sync for SeatRef {}

impl SeatRef {
    /// # Safety
    /// The entry that the seat is of lives for as long as the reference is used.
    #[inline]
    pub(crate) unsafe fn get<'a>(self) -> &'a Seat {
        // SAFETY: passed on.
        unsafe { self.0.as_ref() }
    }
}

/// What a range of addresses is for.
#[derive(Debug)]
enum Purpose {
    /// For one memory, whose first byte is at `base`. What a host claims for a memory of its own may be others' too.
    One { base: usize, seat: Seat, is_claim: bool },
    /// For memories at equal distances: `first_base` is that of the first, and the rest of its slot lies around it.
    Many { first_base: usize, stride: usize, seats: Box<[Seats]> },
    /// Bytes that are protected, of whichever memory.
    Protected,
}

/// Seats that share a cache line; those of neighbours are in other lines, because they are often other threads'.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Seats([Seat; SEATS_TOGETHER]);

const SEATS_TOGETHER: usize = 64 / size_of::<[usize; 2]>();

#[derive(Debug)]
struct Filed {
    start: usize,
    /// The address behind the last.
    end: AtomicUsize,
    purpose: Purpose,
    /// The next that waits to be freed.
    next: *mut Filed,
}

impl Filed {
    fn range(&self) -> Range<usize> {
        self.start..self.end.load(Ordering::Relaxed)
    }

    fn seat(&self, index: usize) -> Option<&Seat> {
        match &self.purpose {
            Purpose::One { seat, .. } => Some(seat),
            Purpose::Many { seats, .. } => {
                let line = index.checked_rem(seats.len())?;
                let place = index.checked_div(seats.len())?;
                seats.get(line)?.0.get(place)
            }
            Purpose::Protected => None,
        }
    }

    fn is_protection(&self) -> bool {
        matches!(self.purpose, Purpose::Protected)
    }

    fn is_claim(&self) -> bool {
        matches!(self.purpose, Purpose::One { is_claim: true, .. })
    }

    /// The base and the seat of the memory that an address in the range would be of.
    fn resident(&self, address: usize) -> Option<(usize, &Seat)> {
        match &self.purpose {
            Purpose::One { base, seat, .. } => Some((*base, seat)),
            Purpose::Many { first_base, stride, .. } => {
                let index = address.wrapping_sub(self.start).checked_div(*stride)?;
                let base = first_base.wrapping_add(index.wrapping_mul(*stride));
                Some((base, self.seat(index)?))
            }
            Purpose::Protected => None,
        }
    }
}

/// A range that is in the directory for as long as this lives.
#[derive(Debug)]
pub(crate) struct Entry(NonNull<Filed>);

// SAFETY: what an entry points to is atomic or constant until the entry is dropped, but for `next`, which belongs to the
// thread that has the lock of the directory.
unsafe impl Send for Entry {}
// SAFETY: as above.
unsafe impl Sync for Entry {}

impl Entry {
    /// Enters a range for one memory, whose first byte is at `base`.
    pub(crate) fn for_memory(range: Range<usize>, base: usize) -> Result<Self, Error> {
        Self::new(range, Purpose::One { base, seat: Seat::default(), is_claim: false })
    }

    /// The same where a host says what the range is, and others may say the same of theirs.
    pub(crate) fn for_claim(range: Range<usize>, base: usize) -> Result<Self, Error> {
        Self::new(range, Purpose::One { base, seat: Seat::default(), is_claim: true })
    }

    /// Enters a range for so many memories, `stride` bytes apart.
    pub(crate) fn for_slots(
        range: Range<usize>,
        first_base: usize,
        stride: usize,
        slots: usize,
    ) -> Result<Self, Error> {
        let lines = slots.div_ceil(SEATS_TOGETHER);
        let mut seats = Vec::new();
        let bytes = lines.saturating_mul(size_of::<Seats>());
        seats.try_reserve_exact(lines).map_err(|_| Error::OutOfHeap(bytes))?;
        seats.resize_with(lines, Seats::default);
        // It has the capacity of its length: nothing is allocated.
        let seats = seats.into_boxed_slice();
        Self::new(range, Purpose::Many { first_base, stride, seats })
    }

    /// Enters a range that is protected.
    pub(crate) fn for_protection(range: Range<usize>) -> Result<Self, Error> {
        Self::new(range, Purpose::Protected)
    }

    fn new(range: Range<usize>, purpose: Purpose) -> Result<Self, Error> {
        let mut lock = filing();
        let (start, end) = (range.start, AtomicUsize::new(range.end));
        let filed = try_box(Filed { start, end, purpose, next: ptr::null_mut() })?;
        let keys = Keys::of(&range, filed.is_protection());
        let filed = NonNull::from(Box::leak(filed));
        if let Err(error) = lock.file(filed, keys, Keys::NONE) {
            lock.free_later(filed);
            return Err(error);
        }
        Ok(Self(filed))
    }

    fn filed(&self) -> &Filed {
        // SAFETY: it is freed after the entry is dropped.
        unsafe { self.0.as_ref() }
    }

    /// The seat of the memory with this index, if the range is for so many.
    pub(crate) fn seat(&self, index: usize) -> Option<SeatRef> {
        self.filed().seat(index).map(|seat| SeatRef(NonNull::from(seat)))
    }

    /// The addresses of the range.
    pub(crate) fn range(&self) -> Range<usize> {
        self.filed().range()
    }

    /// Whether this is the entry of a memory with this range and this base.
    pub(crate) fn is_for(&self, range: &Range<usize>, base: usize) -> bool {
        let is_base =
            |purpose: &Purpose| matches!(purpose, Purpose::One { base: own, .. } if *own == base);
        self.range() == *range && is_base(&self.filed().purpose)
    }

    /// Gives the range another end.
    pub(crate) fn resize_to(&self, end: usize) -> Result<(), Error> {
        let mut lock = filing();
        let range = self.range();
        let is_protection = self.filed().is_protection();
        let (old, new) =
            (Keys::of(&range, is_protection), Keys::of(&(range.start..end), is_protection));
        // Under the new keys first, and then the new length: who looks for an address of the old range finds it all
        // the time.
        lock.file(self.0, new, old)?;
        self.filed().end.store(end, Ordering::SeqCst);
        // Who looked under the new keys before it was there, and looks under the old ones from now on, looks again.
        RESIZES.fetch_add(1, Ordering::SeqCst);
        lock.take_out(self.0, old, new);
        Ok(())
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let mut lock = filing();
        let keys = Keys::of(&self.range(), self.filed().is_protection());
        lock.take_out(self.0, keys, Keys::NONE);
        lock.free_later(self.0);
    }
}

/// What a range is filed under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Keys {
    class: u32,
    /// Of the first and of the last granule; twice the same, if there is one. None for no bytes.
    keys: Option<[usize; 2]>,
}

impl Keys {
    const NONE: Self = Self { class: 0, keys: None };

    fn of(range: &Range<usize>, is_protection: bool) -> Self {
        if range.is_empty() {
            return Self::NONE;
        }
        // At least 16 bytes, which is what an allocation has; so the class fits below the granule in a key.
        let bytes = range.end.wrapping_sub(range.start).max(16);
        let class = usize::BITS.wrapping_sub(bytes.wrapping_sub(1).leading_zeros());
        let last = range.end.wrapping_sub(1);
        Self {
            class,
            keys: Some([key(class, range.start, is_protection), key(class, last, is_protection)]),
        }
    }

    fn contains(&self, key: usize) -> bool {
        self.keys.is_some_and(|keys| keys.contains(&key))
    }

    /// The keys, each once, that `others` does not have.
    fn without(self, others: Self) -> impl Iterator<Item = usize> {
        let [first, last] = self.keys.unwrap_or_default();
        let second = (first != last).then_some(last);
        let own = self.keys.map(|_| first).into_iter().chain(second);
        own.filter(move |key| !others.contains(*key))
    }
}

/// What the keys of protected ranges differ by, so that they are apart from those of memories: whole pages have small
/// granules, and the first bit is free.
const OF_PROTECTIONS: usize = (1 << (usize::BITS - 1)) | 0x005a_5a40;

/// The key of the granule of a class that an address lies in.
fn key(class: u32, address: usize, is_protection: bool) -> usize {
    // In the largest class there is one granule.
    let granule = address.checked_shr(class).unwrap_or(0);
    let key = (granule << 6) | class as usize;
    if is_protection { key ^ OF_PROTECTIONS } else { key }
}

/// Who is reading: two counts, one of which those who come count themselves in. When nobody is left in the other one, they
/// change places; so nobody has to wait for a moment without readers, which may never come.
struct Readers {
    /// The index of the count for those who come.
    coming: AtomicUsize,
    /// The lower half of each is a number of readers. The upper half is that of how many forks led to this process, so that a
    /// reader whose handler has forked does not take itself out of what it is not in.
    counts: [AtomicUsize; 2],
}

/// What a reader is counted in, and the forks that had led there when it came.
struct Reading<'a> {
    count: &'a AtomicUsize,
    forks: usize,
}

impl Readers {
    const BITS: u32 = usize::BITS / 2;
    const MASK: usize = (1 << Self::BITS) - 1;

    const fn new() -> Self {
        Self { coming: AtomicUsize::new(0), counts: [AtomicUsize::new(0), AtomicUsize::new(0)] }
    }

    fn count(&self, index: usize) -> &AtomicUsize {
        let [even, odd] = &self.counts;
        if index & 1 == 0 { even } else { odd }
    }

    /// The counts may have changed places by the time a reader counts itself: then it is in the one that has to be empty next.
    fn come(&self) -> Reading<'_> {
        let count = self.count(self.coming.load(Ordering::SeqCst));
        Reading { count, forks: count.fetch_add(1, Ordering::SeqCst) >> Self::BITS }
    }

    /// Has the counts change places, if nobody is left who came before they did so last. For who has the lock.
    fn change(&self) -> bool {
        let coming = self.coming.load(Ordering::SeqCst);
        let others = coming.wrapping_add(1);
        let is_empty = self.count(others).load(Ordering::SeqCst) & Self::MASK == 0;
        if is_empty {
            self.coming.store(others, Ordering::SeqCst);
        }
        is_empty
    }

    fn start_over_in_child(&self) {
        for count in &self.counts {
            let forks = (count.load(Ordering::SeqCst) >> Self::BITS).wrapping_add(1);
            count.store(forks << Self::BITS, Ordering::SeqCst);
        }
    }
}

impl Reading<'_> {
    fn go(self) {
        let less = |readers: usize| {
            (readers >> Readers::BITS == self.forks).then(|| readers.wrapping_sub(1))
        };
        // In the child of a fork meanwhile nobody is counted.
        let _ = self.count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
    }
}

static READERS: Readers = Readers::new();
/// Which classes have ranges of memories, and which have protected ones: one bit for each.
static CLASSES: [AtomicU64; 2] = [AtomicU64::new(0), AtomicU64::new(0)];
/// How many ranges have got other keys.
static RESIZES: AtomicUsize = AtomicUsize::new(0);
static TABLE: AtomicPtr<Table> = AtomicPtr::new(ptr::null_mut());
static FILING: TryLock<Filing> = TryLock::new(Filing {
    in_class: [[0; 64]; 2],
    waiting: Waiting::NOTHING,
    waiting_longer: Waiting::NOTHING,
});

/// What whoever changes the directory has alone.
struct Filing {
    /// How many ranges there are of each class.
    in_class: [[u32; 64]; 2],
    /// What was taken out since the counts of readers changed places, and what was before.
    waiting: Waiting,
    waiting_longer: Waiting,
}

/// What has been taken out, and waits to be freed.
struct Waiting {
    filed: *mut Filed,
    tables: *mut Table,
}

// SAFETY: what the pointers lead to belongs to no thread.
unsafe impl Send for Waiting {}

/// Whether the process has been told what to do in the child of a fork.
static IS_PREPARED: AtomicBool = AtomicBool::new(false);

/// The right to change the directory.
fn filing() -> Taken<'static, Filing> {
    // Twice does no harm but to readers in the child, of whom there are none; and nobody may go on before the first time.
    if !IS_PREPARED.load(Ordering::Acquire) {
        sys::at_fork_in_child(start_over_in_child);
        IS_PREPARED.store(true, Ordering::Release);
    }
    FILING.wait()
}

/// In the child of a fork there is one thread, and it was not at work here: whoever was, is gone. What they left undone is
/// theirs: every step of it leaves the ranges of others where they are.
extern "C" fn start_over_in_child() {
    FILING.give_up_for_others();
    READERS.start_over_in_child();
}

struct Table {
    /// A power of two.
    places: Box<[Place]>,
    /// The next that waits to be freed.
    next: *mut Table,
}

#[derive(Default)]
struct Place {
    key: AtomicUsize,
    filed: AtomicPtr<Filed>,
}

impl Table {
    fn new(places: usize) -> Result<*mut Self, Error> {
        let mut new = Vec::new();
        let bytes = places.saturating_mul(size_of::<Place>());
        new.try_reserve_exact(places).map_err(|_| Error::OutOfHeap(bytes))?;
        new.resize_with(places, Place::default);
        let table = Self { places: new.into_boxed_slice(), next: ptr::null_mut() };
        Ok(Box::into_raw(try_box(table)?))
    }

    /// The places that a key may be in.
    fn near(&self, key: usize) -> impl Iterator<Item = &Place> {
        let mask = self.places.len().wrapping_sub(1);
        let first = spread(key) & mask;
        (0..NEAR).filter_map(move |step| self.places.get(first.wrapping_add(step) & mask))
    }

    /// Puts a range under a key. False: there is no place.
    fn put(&self, key: usize, filed: *mut Filed) -> bool {
        let is_free = |place: &&Place| place.filed.load(Ordering::Relaxed).is_null();
        let Some(place) = self.near(key).find(is_free) else { return false };
        place.key.store(key, Ordering::SeqCst);
        // Who sees the range sees what it says.
        place.filed.store(filed, Ordering::SeqCst);
        true
    }

    /// Whether another range may be filed under a key. For who has the lock.
    fn has_room(&self, key: usize, is_claim: bool) -> bool {
        let own = self.near(key).filter(|place| place.key.load(Ordering::Relaxed) == key);
        // SAFETY: null, or a range that is freed by whoever has the lock, after it was taken out.
        let alike = own.filter_map(|place| unsafe { place.filed.load(Ordering::Relaxed).as_ref() });
        let (mut ranges, mut claims) = (0usize, 0usize);
        for filed in alike {
            ranges = ranges.wrapping_add(1);
            claims = claims.wrapping_add(usize::from(filed.is_claim()));
        }
        // No table is large enough for more.
        ranges < NEAR && !(is_claim && claims >= CLAIMS_ALIKE)
    }
}

/// The bits of a key, mixed.
fn spread(key: usize) -> usize {
    let product = (key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    #[allow(clippy::cast_possible_truncation, reason = "any of the bits will do")]
    let bits = (product >> 29) as usize;
    bits
}

impl Filing {
    /// Puts a range under those of its keys that it is not under already. On failure nothing has changed.
    fn file(&mut self, filed: NonNull<Filed>, keys: Keys, already: Keys) -> Result<(), Error> {
        self.free_what_waits();
        let mut table = match self.table() {
            Some(table) => table,
            None => self.replace(PLACES_FIRST)?,
        };
        // SAFETY: it is freed by whoever has the lock, later.
        let is_claim = unsafe { filed.as_ref() }.is_claim();
        for key in keys.without(already) {
            // More of the same are not found. They are a host's, which says that all of them have the same bytes.
            if !table.has_room(key, is_claim) {
                continue;
            }
            while !table.put(key, filed.as_ptr()) {
                let places = table.places.len().saturating_mul(2);
                table = self.replace(places).inspect_err(|_| {
                    self.clear(filed, keys, already);
                })?;
            }
        }
        if keys.keys.is_some() && keys.class != already.class {
            self.count(filed, keys.class, 1);
        }
        Ok(())
    }

    /// Takes a range out from under those of its keys that it is not to stay under.
    fn take_out(&mut self, filed: NonNull<Filed>, keys: Keys, stays: Keys) {
        self.clear(filed, keys, stays);
        if keys.keys.is_some() && keys.class != stays.class {
            self.count(filed, keys.class, u32::MAX);
        }
    }

    /// Adds to the ranges of a class, modulo 2^32.
    fn count(&mut self, filed: NonNull<Filed>, class: u32, more: u32) {
        // SAFETY: it is freed by whoever has the lock, later.
        let kind = usize::from(unsafe { filed.as_ref() }.is_protection());
        let bit = class & 63;
        let counts = self.in_class.get_mut(kind).and_then(|counts| counts.get_mut(bit as usize));
        let (Some(count), Some(classes)) = (counts, CLASSES.get(kind)) else { return };
        *count = count.wrapping_add(more);
        if *count == 0 {
            classes.fetch_and(!(1u64 << bit), Ordering::SeqCst);
        } else {
            classes.fetch_or(1u64 << bit, Ordering::SeqCst);
        }
    }

    fn clear(&self, filed: NonNull<Filed>, keys: Keys, stays: Keys) {
        let Some(table) = self.table() else { return };
        for key in keys.without(stays) {
            for place in table.near(key) {
                if place.filed.load(Ordering::Relaxed) == filed.as_ptr()
                    && place.key.load(Ordering::Relaxed) == key
                {
                    place.filed.store(ptr::null_mut(), Ordering::SeqCst);
                }
            }
        }
    }

    #[allow(clippy::unused_self, reason = "whoever has the lock may go by the table")]
    fn table<'a>(&self) -> Option<&'a Table> {
        // SAFETY: null, or the table, which is not freed while somebody has the lock, but by `replace`.
        unsafe { TABLE.load(Ordering::Relaxed).as_ref() }
    }

    /// A table of at least so many places, with all that is in the directory, in the place of the one there is.
    fn replace<'a>(&mut self, places: usize) -> Result<&'a Table, Error> {
        let mut places = places;
        let new = loop {
            let new = Table::new(places)?;
            // SAFETY: made right above.
            let table = unsafe { &*new };
            let moves = |old: &Table| {
                old.places.iter().all(|place| {
                    let filed = place.filed.load(Ordering::Relaxed);
                    filed.is_null() || table.put(place.key.load(Ordering::Relaxed), filed)
                })
            };
            if self.table().is_none_or(moves) {
                break new;
            }
            // SAFETY: made above by into_raw, and nobody else has seen it.
            drop(unsafe { Box::from_raw(new) });
            places = places.saturating_mul(2);
        };
        let old = TABLE.swap(new, Ordering::SeqCst);
        if !old.is_null() {
            // SAFETY: nobody finds it any more, and readers do not look at this field.
            unsafe { (&raw mut (*old).next).write(self.waiting.tables) };
            self.waiting.tables = old;
        }
        // SAFETY: as in `table`.
        Ok(unsafe { &*new })
    }

    /// Frees a range that has been taken out, when nobody can be reading it.
    fn free_later(&mut self, filed: NonNull<Filed>) {
        let filed = filed.as_ptr();
        // SAFETY: it is in no table any more, and readers do not look at this field.
        unsafe { (&raw mut (*filed).next).write(self.waiting.filed) };
        self.waiting.filed = filed;
        self.free_what_waits();
    }

    fn free_what_waits(&mut self) {
        // Twice: without any readers that is enough for all.
        for _ in 0..2 {
            // Who came before what has waited longer was taken out was still there when the counts changed places last, in one
            // of them. That one was empty then, or has to be now. Who comes later does not find it: all of this is in the one
            // order of such operations.
            if !READERS.change() {
                return;
            }
            self.waiting_longer.free();
            // In this order: a child that is forked in between must not have it twice.
            let waiting = core::mem::replace(&mut self.waiting, Waiting::NOTHING);
            compiler_fence(Ordering::SeqCst);
            self.waiting_longer = waiting;
        }
    }
}

impl Waiting {
    const NOTHING: Self = Self { filed: ptr::null_mut(), tables: ptr::null_mut() };

    /// For when nobody can be reading it.
    fn free(&mut self) {
        while !self.filed.is_null() {
            // SAFETY: leaked in `Entry::new`; taken out, and nobody reads.
            let filed = unsafe { Box::from_raw(self.filed) };
            // First: a child that is forked in between must not free it again.
            self.filed = filed.next;
            compiler_fence(Ordering::SeqCst);
            drop(filed);
        }
        while !self.tables.is_null() {
            // SAFETY: from into_raw in `Table::new`; replaced, and nobody reads.
            let table = unsafe { Box::from_raw(self.tables) };
            self.tables = table.next;
            compiler_fence(Ordering::SeqCst);
            drop(table);
        }
    }
}

/// What an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// The address of the memory's view.
    pub(crate) view: usize,
    /// Where the memory starts.
    pub(crate) base: usize,
    /// How many bytes it has.
    pub(crate) length: usize,
    /// Whether the address lies in the memory, and in a range that is protected.
    pub(crate) is_protected: bool,
}

impl Finding {
    pub(crate) fn is_inside(&self, address: usize) -> bool {
        address.wrapping_sub(self.base) < self.length
    }
}

/// The memory that an address belongs to, if it is one's: its bytes, or what belongs to it around them.
///
/// May be called in a signal handler, whatever that has interrupted: it takes no lock, waits for nobody, and does not
/// allocate.
pub(crate) fn find(address: usize) -> Option<Finding> {
    let reading = READERS.come();
    let found = loop {
        let resizes = RESIZES.load(Ordering::SeqCst);
        let found = find_counted(address);
        // Nobody is waited for: what is counted here is done.
        if found.is_some() || RESIZES.load(Ordering::SeqCst) == resizes {
            break found;
        }
    };
    reading.go();
    found
}

fn find_counted(address: usize) -> Option<Finding> {
    let mut best: Option<Finding> = None;
    each_around(address, false, |filed| {
        let Some((base, seat)) = filed.resident(address) else { return false };
        let Some((view, length)) = seat.read() else { return false };
        let finding = Finding { view, base, length, is_protected: false };
        // Our own ranges lie apart. What hosts claim may not: there, the bytes of a memory count for more than guards.
        if best.is_none() || !filed.is_claim() || finding.is_inside(address) {
            best = Some(finding);
        }
        !filed.is_claim()
    });
    let mut finding = best?;
    if finding.is_inside(address) {
        each_around(address, true, |_| {
            finding.is_protected = true;
            true
        });
    }
    Some(finding)
}

/// Shows the ranges of some classes that have an address, until somebody has seen enough.
fn each_around(address: usize, is_protection: bool, mut show: impl FnMut(&Filed) -> bool) {
    // SAFETY: null, or a table that is not freed while there are readers.
    let Some(table) = (unsafe { TABLE.load(Ordering::SeqCst).as_ref() }) else { return };
    let [of_memories, of_protections] = &CLASSES;
    let classes = if is_protection { of_protections } else { of_memories };
    let mut classes = classes.load(Ordering::SeqCst);
    // Large ranges first: they have most of the memories, or most of the addresses.
    while let Some(class) = classes.checked_ilog2() {
        classes &= !(1u64 << class);
        // Class 0 stands for 64, which has no bit of its own.
        let key = key(if class == 0 { 64 } else { class }, address, is_protection);
        for place in table.near(key) {
            // The key is for speed alone: it may be that of another range already.
            if place.key.load(Ordering::SeqCst) != key {
                continue;
            }
            // SAFETY: null, or a range that is not freed while there are readers.
            let filed = unsafe { place.filed.load(Ordering::SeqCst).as_ref() };
            if filed.is_some_and(|filed| filed.range().contains(&address) && show(filed)) {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Addresses that no process has, so that no region is there: the directory does not look.
    const FAR: usize = 1 << (usize::BITS - 4);

    #[test]
    fn a_memory_is_found_at_each_of_its_addresses_and_nowhere_else() {
        for bytes in [1usize, 15, 16, 17, 4096, 65_537, (1 << 20) + 1] {
            for start in [FAR, FAR + 1, FAR + 4095, FAR + 65_536 - 7] {
                let entry = Entry::for_memory(start..start + bytes, start).unwrap();
                assert_eq!(find(start), None, "nobody has the seat");
                // SAFETY: the entry lives.
                let seat = unsafe { entry.seat(0).unwrap().get() };
                seat.occupy(77, bytes / 2 + 1);
                let found = find(start + bytes - 1).unwrap();
                assert_eq!((found.view, found.base, found.length), (77, start, bytes / 2 + 1));
                assert!(find(start).unwrap().is_inside(start));
                assert_eq!((find(start - 1), find(start + bytes)), (None, None));
                entry.resize_to(start + 3 * bytes).unwrap();
                assert_eq!(find(start + 3 * bytes - 1).unwrap().view, 77);
                assert_eq!(find(start).unwrap().view, 77);
                entry.resize_to(start + bytes).unwrap();
                assert_eq!(find(start + bytes), None);
                assert_eq!(find(start + bytes - 1).unwrap().view, 77);
                seat.vacate();
                assert_eq!(find(start), None);
                seat.occupy(78, 1);
                drop(entry);
                assert_eq!(find(start), None);
            }
        }
    }

    #[test]
    fn who_may_still_see_what_was_taken_out_is_waited_for() {
        let readers = Readers::new();
        let reading = readers.come();
        // Counted among those who come, which are looked at the second time.
        assert_eq!((readers.change(), readers.change()), (true, false));
        reading.go();
        assert_eq!((readers.change(), readers.change()), (true, true));
    }

    /// With one count, and a look whether it is 0, threads that look addresses up all the time kept everything from being
    /// freed that had ever been taken out.
    #[test]
    fn who_comes_later_is_not_waited_for() {
        let readers = Readers::new();
        let mut reading = readers.come();
        for _ in 0..100 {
            let relief = readers.come();
            reading.go();
            assert!(readers.change(), "nobody is left who was there before the last change");
            reading = relief;
        }
        reading.go();
    }

    #[test]
    fn who_has_forked_while_reading_counts_as_nobody_in_the_child() {
        let readers = Readers::new();
        let (first, second) = (readers.come(), readers.come());
        readers.start_over_in_child();
        assert_eq!((readers.change(), readers.change()), (true, true));
        first.go();
        let reading = readers.come();
        second.go();
        assert_eq!((readers.change(), readers.change()), (true, false));
        reading.go();
        assert!(readers.change());
    }

    #[test]
    fn slots_have_seats_of_their_own() {
        let (start, stride, slots) = (FAR + (7 << 20), 69_632, 1001);
        let entry =
            Entry::for_slots(start..start + stride * slots, start + 4096, stride, slots).unwrap();
        for slot in 0..slots {
            // SAFETY: the entry lives.
            unsafe { entry.seat(slot).unwrap().get() }.occupy(slot + 1, slot);
        }
        for slot in 0..slots {
            let base = start + slot * stride + 4096;
            for address in [base - 4096, base, base + 65_535] {
                let found = find(address).unwrap();
                assert_eq!((found.view, found.base, found.length), (slot + 1, base, slot));
            }
        }
        assert_eq!(find(start + stride * slots), None);
    }

    #[test]
    fn what_is_protected_is_told_inside_of_the_memory_alone() {
        let start = FAR + (300 << 20);
        let memory = Entry::for_memory(start..start + 100_000, start).unwrap();
        // SAFETY: the entry lives.
        unsafe { memory.seat(0).unwrap().get() }.occupy(1, 50_000);
        let protection = Entry::for_protection(start + 40_000..start + 60_000).unwrap();
        let is_protected = |at: usize| find(start + at).unwrap().is_protected;
        assert!(is_protected(40_000) && is_protected(49_999));
        assert!(!is_protected(39_999) && !is_protected(50_000));
        drop(protection);
        assert!(!is_protected(40_000));
    }

    #[test]
    fn the_bytes_of_a_memory_count_for_more_than_what_another_claims() {
        let start = FAR + (400 << 20);
        let greedy = Entry::for_claim(start - (1 << 20)..start + (1 << 20), start).unwrap();
        // SAFETY: the entry lives.
        unsafe { greedy.seat(0).unwrap().get() }.occupy(1, 10);
        let modest = Entry::for_memory(start + 100..start + 200, start + 100).unwrap();
        // SAFETY: the entry lives.
        unsafe { modest.seat(0).unwrap().get() }.occupy(2, 50);
        let view = |at: usize| find(start + at).unwrap().view;
        assert_eq!((view(5), view(99), view(100), view(149)), (1, 1, 2, 2));
        // More of the same than have a place: some are found, and none is in the way of others.
        let alike: Vec<_> =
            (0..40).map(|_| Entry::for_claim(start..start + 7, start).unwrap()).collect();
        assert_eq!((view(100), view(5)), (2, 1));
        drop(alike);
    }

    #[test]
    fn no_claims_keep_a_memory_from_being_found() {
        let start = FAR + (600 << 20);
        let bytes = 1 << 20;
        let claims: Vec<_> = (0..20)
            .map(|_| {
                let claim = Entry::for_claim(start..start + bytes, start).unwrap();
                // SAFETY: the entry lives.
                unsafe { claim.seat(0).unwrap().get() }.occupy(1, 10);
                claim
            })
            .collect();
        // In the same granule, and of the same class.
        let base = start + bytes / 4;
        let own = Entry::for_memory(base..base + bytes * 5 / 8, base).unwrap();
        // SAFETY: the entry lives.
        unsafe { own.seat(0).unwrap().get() }.occupy(2, 4096);
        assert_eq!(find(base + 4095).unwrap().view, 2);
        assert_eq!(find(start + 5).unwrap().view, 1);
        // Neither do they hide what is protected, nor is there a place for too many.
        let marks: Vec<_> = (0..12)
            .map(|at| Entry::for_protection(base + at..base + at + bytes * 9 / 16).unwrap())
            .collect();
        assert!(find(base + 20).unwrap().is_protected);
        drop(marks);
        assert!(!find(base + 20).unwrap().is_protected);
        drop(claims);
        assert_eq!(find(base + bytes / 2).unwrap().view, 2);
    }

    // It wants more addresses that nobody has than 32 bits make; c-tests/test_fault.c asks the same of real memories.
    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_range_that_gets_another_length_is_found_all_the_time() {
        let start = FAR + (13usize << 40);
        let entry = Entry::for_memory(start..start + 4096, start).unwrap();
        // SAFETY: the entry lives.
        unsafe { entry.seat(0).unwrap().get() }.occupy(5, 4096);
        let done = AtomicBool::new(false);
        let missed = std::thread::scope(|scope| {
            let reader = scope.spawn(|| {
                let mut missed = 0u64;
                while !done.load(Ordering::Relaxed) {
                    missed += u64::from(find(start + 100).is_none());
                }
                missed
            });
            for round in 0..200_000usize {
                entry.resize_to(start + (4096 << (round % 12))).unwrap();
            }
            done.store(true, Ordering::Relaxed);
            reader.join().unwrap()
        });
        assert_eq!(missed, 0);
    }

    // It wants more addresses that nobody has than 32 bits make; c-tests/test_fault.c asks the same of real memories.
    #[cfg(target_pointer_width = "64")]
    #[test]
    fn many_ranges_are_found_while_others_come_and_go() {
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for thread in 0..2usize {
                let done = &done;
                scope.spawn(move || {
                    let mut number = 1u64;
                    while !done.load(Ordering::Relaxed) {
                        let ranges: Vec<_> = (0..300)
                            .map(|_| {
                                number =
                                    number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                                let bytes = 16usize << (number >> 60);
                                let start = FAR
                                    + ((3 + thread) << 40)
                                    + (number >> 30) as usize % (1 << 30);
                                let entry = Entry::for_memory(start..start + bytes, start).unwrap();
                                // SAFETY: the entry lives.
                                unsafe { entry.seat(0).unwrap().get() }.occupy(start, bytes);
                                entry
                            })
                            .collect();
                        drop(ranges);
                    }
                });
            }
            /// However the test ends, its threads do.
            struct Done<'a>(&'a AtomicBool);
            impl Drop for Done<'_> {
                fn drop(&mut self) {
                    self.0.store(true, Ordering::Relaxed);
                }
            }
            let _done = Done(&done);
            let place = |index: usize| FAR + (9usize << 40) + index * 10_000;
            let mut stable = Vec::new();
            for index in 0..5000 {
                let start = place(index);
                let entry = Entry::for_memory(start..start + 9_999, start).unwrap();
                // SAFETY: the entry lives.
                unsafe { entry.seat(0).unwrap().get() }.occupy(start, 5_000);
                stable.push(entry);
                for seen in [0, index / 2, index] {
                    assert_eq!(
                        find(place(seen) + 9_998).map(|found| found.view),
                        Some(place(seen))
                    );
                    assert_eq!(find(place(seen) + 9_999), None);
                }
            }
        });
    }
}
