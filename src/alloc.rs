//! Objects on the heap whose allocation can fail: a box, one that is made later, and a counted reference.
//!
//! `Box::new` and `Arc::new` end the process when the heap is exhausted, and this library never
//! does that to its host.

use crate::error::Error;
use core::alloc::Layout;
#[cfg(any(test, wasm_memory_injection))]
use core::cell::Cell;
use core::marker::PhantomData;
use core::mem::MaybeUninit;
use core::ops::Deref;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// A box of `value`, or [`Error::OutOfHeap`].
#[inline(always)]
pub(crate) fn try_box<T>(value: T) -> Result<Box<T>, Error> {
    const { assert!(size_of::<T>() != 0) };
    let layout = Layout::new::<T>();
    // SAFETY: the layout is not of size zero (asserted above, at compile time).
    let Some(place) = NonNull::new(unsafe { std::alloc::alloc(layout) }.cast::<T>()) else {
        return Err(Error::OutOfHeap(layout.size()));
    };
    // SAFETY: the place is fresh, aligned and large enough for a T, and comes from the global
    // allocator with T's own layout, which is what Box frees it with.
    unsafe {
        place.write(value);
        Ok(Box::from_raw(place.as_ptr()))
    }
}

/// A box that is made when it is needed first, by whichever thread needs it.
pub(crate) struct LazyBox<T> {
    place: AtomicPtr<T>,
    owns: PhantomData<T>,
}

impl<T> Default for LazyBox<T> {
    fn default() -> Self {
        Self { place: AtomicPtr::default(), owns: PhantomData }
    }
}

impl<T> LazyBox<T> {
    /// What is in the box, if it has been made.
    #[inline]
    pub(crate) fn get(&self) -> Option<&T> {
        // SAFETY: null, or a box that was given away below, and lives as long as this does.
        unsafe { self.place.load(Ordering::Acquire).as_ref() }
    }

    /// The same, exclusively.
    pub(crate) fn get_mut(&mut self) -> Option<&mut T> {
        // SAFETY: as in `get`.
        unsafe { self.place.get_mut().as_mut() }
    }
}

impl<T: Default> LazyBox<T> {
    /// What is in the box, which is made if it has not been yet.
    pub(crate) fn get_or_make(&self) -> Result<&T, Error> {
        if let Some(made) = self.get() {
            return Ok(made);
        }
        let new = Box::into_raw(try_box(T::default())?);
        let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
        let place = match self.place.compare_exchange(core::ptr::null_mut(), new, success, failure)
        {
            Ok(_) => new,
            Err(first) => {
                // SAFETY: from into_raw right above, and nobody else has seen it.
                drop(unsafe { Box::from_raw(new) });
                first
            }
        };
        // SAFETY: as in `get`.
        Ok(unsafe { &*place })
    }
}

impl<T> Drop for LazyBox<T> {
    fn drop(&mut self) {
        let place = *self.place.get_mut();
        if !place.is_null() {
            // SAFETY: from into_raw in `get_or_make`, and this was the only owner.
            drop(unsafe { Box::from_raw(place) });
        }
    }
}

impl<T: core::fmt::Debug> core::fmt::Debug for LazyBox<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.get().fmt(f)
    }
}

/// Half of what can be counted: threads may pass it by a little before they see it.
const IMMORTAL: usize = usize::MAX >> 1;

pub(crate) struct Counted<T: ?Sized> {
    references: AtomicUsize,
    /// The value starts on 16 bytes where the heap's blocks do: two words that code reads together lie in one line of
    /// the processor's cache.
    _gap: MaybeUninit<usize>,
    /// The last, for it may be known by a trait alone.
    value: T,
}

/// A counted reference to a `T` on the heap, like `Arc` without weak references.
///
/// A C caller can give references away without end, so a count that comes near its end stays
/// there, and the object lives for ever.
pub(crate) struct Ref<T: ?Sized> {
    target: NonNull<Counted<T>>,
    owns: PhantomData<Counted<T>>,
}

// SAFETY: like Arc, a Ref hands out `&T` to any thread that has one and drops the T on any.
unsafe impl<T: Send + Sync + ?Sized> Send for Ref<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync + ?Sized> Sync for Ref<T> {}

impl<T> Ref<T> {
    /// The first reference to `value`, or [`Error::OutOfHeap`].
    // In line, or the value would be copied from place to place on its way.
    #[inline(always)]
    pub(crate) fn try_new(value: T) -> Result<Self, Error> {
        let counted = try_box(Counted {
            references: AtomicUsize::new(1),
            _gap: MaybeUninit::uninit(),
            value,
        })?;
        Ok(Self { target: NonNull::from(Box::leak(counted)), owns: PhantomData })
    }

    /// The first reference to what `make` makes, or [`Error::OutOfHeap`] before anything is made.
    pub(crate) fn try_make(make: impl FnOnce() -> Result<T, Error>) -> Result<Self, Error> {
        let mut place = try_box(MaybeUninit::uninit())?;
        place.write(Counted {
            value: make()?,
            references: AtomicUsize::new(1),
            _gap: MaybeUninit::uninit(),
        });
        // SAFETY: written right above.
        let counted = unsafe { place.assume_init() };
        Ok(Self { target: NonNull::from(Box::leak(counted)), owns: PhantomData })
    }

    /// Whether both are references to one object.
    pub(crate) fn same(&self, other: &Self) -> bool {
        self.target == other.target
    }

    /// Gives the reference away as a pointer to the object, for [`Ref::from_raw`].
    pub(crate) fn into_raw(self) -> *mut T {
        let target = self.target;
        core::mem::forget(self);
        // SAFETY: the reference that was just forgotten keeps the object alive.
        unsafe { &raw mut (*target.as_ptr()).value }
    }

    /// Takes back what [`Ref::into_raw`] gave away.
    ///
    /// # Safety
    /// The pointer comes from `into_raw` of the same type, and each reference is taken back once.
    pub(crate) unsafe fn from_raw(raw: *mut T) -> Self {
        let start = raw.wrapping_byte_sub(core::mem::offset_of!(Counted<T>, value));
        // SAFETY: the caller's pointer is the `value` field of a live Counted, so that start is
        // its address, which is not null.
        let target = unsafe { NonNull::new_unchecked(start.cast::<Counted<T>>()) };
        Self { target, owns: PhantomData }
    }
}

/// A reference to the same object, known by a trait: `as_trait!(reference, dyn Trait)`.
macro_rules! as_trait {
    ($reference:expr, $trait:ty) => {
        // SAFETY: nothing is converted but what is known of the target.
        unsafe { $crate::alloc::Ref::<$trait>::of_trait($reference, |target| target) }
    };
}
pub(crate) use as_trait;

impl<U: ?Sized> Ref<U> {
    /// See [`as_trait`], which writes the conversion down: it knows the type and the trait.
    ///
    /// # Safety
    /// `convert` gives back the very target.
    pub(crate) unsafe fn of_trait<T>(
        reference: Ref<T>,
        convert: fn(NonNull<Counted<T>>) -> NonNull<Counted<U>>,
    ) -> Self {
        let target = convert(reference.target);
        core::mem::forget(reference);
        Self { target, owns: PhantomData }
    }
}

impl<T: core::fmt::Debug + ?Sized> core::fmt::Debug for Ref<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: ?Sized> Ref<T> {
    /// Whether this is the only reference; nobody can make another one then but from this.
    pub(crate) fn is_only(&self) -> bool {
        // SAFETY: this reference keeps the target alive.
        unsafe { self.target.as_ref() }.references.load(Ordering::Acquire) == 1
    }
}

impl<T: ?Sized> Clone for Ref<T> {
    fn clone(&self) -> Self {
        // SAFETY: this reference keeps the target alive.
        let counted = unsafe { self.target.as_ref() };
        // Relaxed as in Arc: a new reference is made from one that this thread has already.
        if counted.references.fetch_add(1, Ordering::Relaxed) >= IMMORTAL {
            counted.references.store(IMMORTAL, Ordering::Relaxed);
        }
        Self { target: self.target, owns: PhantomData }
    }
}

impl<T: ?Sized> Deref for Ref<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: this reference keeps the target alive.
        &unsafe { self.target.as_ref() }.value
    }
}

impl<T: ?Sized> Drop for Ref<T> {
    fn drop(&mut self) {
        // SAFETY: this reference keeps the target alive until the subtraction below.
        let counted = unsafe { self.target.as_ref() };
        if counted.references.load(Ordering::Relaxed) >= IMMORTAL {
            return;
        }
        // Nobody makes another reference where this is the only one, so nothing has to be subtracted then. All that
        // other threads did with the object happens before it is dropped here. (A fence would do as well, but
        // ThreadSanitizer does not understand fences.)
        if counted.references.load(Ordering::Acquire) != 1 {
            if counted.references.fetch_sub(1, Ordering::Release) != 1 {
                return;
            }
            counted.references.load(Ordering::Acquire);
        }
        // SAFETY: this was the last reference, and the target was made by try_box.
        drop(unsafe { Box::from_raw(self.target.as_ptr()) });
    }
}

/// Which of the things that can be refused are: so many are let through, and so many after them refused. For tests.
#[cfg(any(test, wasm_memory_injection))]
pub(crate) struct Refusals {
    let_through: Cell<u64>,
    refuse: Cell<u64>,
    met: Cell<u64>,
    refused: Cell<u64>,
}

#[cfg(any(test, wasm_memory_injection))]
impl Refusals {
    pub(crate) const fn none() -> Self {
        Self {
            let_through: Cell::new(0),
            refuse: Cell::new(0),
            met: Cell::new(0),
            refused: Cell::new(0),
        }
    }

    /// Counts anew from here; `u64::MAX` refuses all from there on.
    pub(crate) fn plan(&self, let_through: u64, refuse: u64) {
        self.let_through.set(let_through);
        self.refuse.set(refuse);
        self.met.set(0);
        self.refused.set(0);
    }

    /// Whether the next one is refused.
    pub(crate) fn refuses(&self) -> bool {
        self.met.set(self.met.get().wrapping_add(1));
        if let Some(left) = self.let_through.get().checked_sub(1) {
            self.let_through.set(left);
            return false;
        }
        let refuse = self.refuse.get();
        if refuse == 0 {
            return false;
        }
        if refuse != u64::MAX {
            self.refuse.set(refuse.wrapping_sub(1));
        }
        self.refused.set(self.refused.get().wrapping_add(1));
        true
    }

    /// How many there were since the plan, and how many of them were refused.
    #[cfg(wasm_memory_injection)]
    pub(crate) fn counts(&self) -> (u64, u64) {
        (self.met.get(), self.refused.get())
    }
}

/// An allocator that refuses on demand and knows what is live.
#[cfg(wasm_memory_injection)]
pub(crate) mod injection {
    use super::Refusals;
    use core::sync::atomic::{AtomicU64, Ordering};
    use std::alloc::{GlobalAlloc, Layout, System};

    std::thread_local! {
        /// Which of this thread's allocations are refused.
        pub(crate) static ALLOCATIONS: Refusals = const { Refusals::none() };
    }

    pub(crate) static LIVE_BLOCKS: AtomicU64 = AtomicU64::new(0);
    pub(crate) static LIVE_BYTES: AtomicU64 = AtomicU64::new(0);

    struct Counting;

    #[global_allocator]
    static COUNTING: Counting = Counting;

    impl Counting {
        fn count(block: *mut u8, bytes: usize) -> *mut u8 {
            if !block.is_null() {
                LIVE_BLOCKS.fetch_add(1, Ordering::Relaxed);
                LIVE_BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
            }
            block
        }
    }

    // SAFETY: the system's allocator, or null, which is what an allocation that fails answers.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            if ALLOCATIONS.with(Refusals::refuses) {
                return core::ptr::null_mut();
            }
            // SAFETY: passed on.
            Self::count(unsafe { System.alloc(layout) }, layout.size())
        }

        unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
            if ALLOCATIONS.with(Refusals::refuses) {
                return core::ptr::null_mut();
            }
            // SAFETY: passed on.
            Self::count(unsafe { System.alloc_zeroed(layout) }, layout.size())
        }

        unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
            LIVE_BLOCKS.fetch_sub(1, Ordering::Relaxed);
            LIVE_BYTES.fetch_sub(layout.size() as u64, Ordering::Relaxed);
            // SAFETY: passed on.
            unsafe { System.dealloc(block, layout) }
        }

        unsafe fn realloc(&self, block: *mut u8, layout: Layout, bytes: usize) -> *mut u8 {
            // Nobody expects what becomes smaller to fail.
            if bytes > layout.size() && ALLOCATIONS.with(Refusals::refuses) {
                return core::ptr::null_mut();
            }
            // SAFETY: passed on.
            let moved = unsafe { System.realloc(block, layout, bytes) };
            if !moved.is_null() {
                LIVE_BYTES.fetch_add(bytes as u64, Ordering::Relaxed);
                LIVE_BYTES.fetch_sub(layout.size() as u64, Ordering::Relaxed);
            }
            moved
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn the_object_is_dropped_once_with_the_last_reference() {
        let witness = Arc::new(());
        let first = Ref::try_new(witness.clone()).unwrap();
        let second = first.clone();
        assert!(first.same(&second));
        let raw = first.into_raw();
        drop(second);
        assert_eq!(Arc::strong_count(&witness), 2);
        // SAFETY: raw comes from into_raw right above.
        drop(unsafe { Ref::from_raw(raw) });
        assert_eq!(Arc::strong_count(&witness), 1);
    }

    #[test]
    fn a_reference_by_a_trait_is_one_more_to_the_same_object() {
        let witness = Arc::new(());
        let first = Ref::try_new(vec![witness.clone()]).unwrap();
        let by_trait = as_trait!(first.clone(), dyn core::fmt::Debug + Send + Sync);
        assert_eq!(format!("{by_trait:?}"), "[()]");
        drop(first);
        assert_eq!(Arc::strong_count(&witness), 2);
        drop(by_trait.clone());
        drop(by_trait);
        assert_eq!(Arc::strong_count(&witness), 1);
    }

    #[test]
    fn what_cannot_be_made_has_no_reference() {
        let made = Ref::try_make(|| Ok(Arc::new(()))).unwrap();
        assert_eq!(Arc::strong_count(&made), 1);
        let failed = Ref::<Arc<()>>::try_make(|| Err(Error::Borrowed));
        assert!(matches!(failed, Err(Error::Borrowed)));
    }

    #[test]
    fn threads_may_clone_and_drop_at_once() {
        let witness = Arc::new(());
        let first = Ref::try_new(witness.clone()).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                let mine = first.clone();
                scope.spawn(move || (0..10_000).for_each(|_| drop(mine.clone())));
            }
        });
        drop(first);
        assert_eq!(Arc::strong_count(&witness), 1);
    }
}
