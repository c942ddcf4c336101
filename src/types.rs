//! Memory types: what a module may declare, and what an import accepts.
//!
//! Implements the validation of memory types (core specification, "Memory types" and "Limits";
//! the memory64, threads and custom-page-sizes proposals) and import matching ("Memories" in
//! "Matching"). A [`MemoryType`] that exists is valid.

#![forbid(unsafe_code)]

use crate::units::{PageSize, Pages};
use thiserror::Error;

/// The type of a memory's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IndexType {
    /// 32-bit addresses.
    I32,
    /// 64-bit addresses (memory64).
    I64,
}

impl IndexType {
    /// The number of bits of an address.
    pub const fn bits(self) -> u32 {
        match self {
            Self::I32 => 32,
            Self::I64 => 64,
        }
    }

    /// The most pages a memory with such addresses can have: 2^16 or 2^48 pages of 64 KiB,
    /// 2^32 - 1 or 2^64 - 1 pages of one byte.
    pub const fn max_pages(self, page_size: PageSize) -> Pages {
        Pages(match (self, page_size) {
            (Self::I32, PageSize::Wasm) => 1 << 16,
            (Self::I64, PageSize::Wasm) => 1 << 48,
            (Self::I32, PageSize::One) => u32::MAX as u64,
            (Self::I64, PageSize::One) => u64::MAX,
        })
    }
}

/// Why a memory type is not valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum TypeError {
    /// The page size is neither 1 byte nor 64 KiB.
    #[error("a page size of 2^{0} bytes is not supported: use 2^0 (1 byte) or 2^16 (64 KiB)")]
    PageSize(u8),
    /// The minimum is larger than such a memory can be.
    #[error(
        "the minimum of {minimum} is more than the {limit} that a {bits}-bit memory with pages of {page_bytes} bytes can have"
    )]
    Minimum {
        /// The minimum asked for.
        minimum: Pages,
        /// The most there can be.
        limit: Pages,
        /// The bits of an address.
        bits: u32,
        /// The size of a page.
        page_bytes: u64,
    },
    /// The maximum is larger than such a memory can be.
    #[error(
        "the maximum of {maximum} is more than the {limit} that a {bits}-bit memory with pages of {page_bytes} bytes can have"
    )]
    Maximum {
        /// The maximum asked for.
        maximum: Pages,
        /// The most there can be.
        limit: Pages,
        /// The bits of an address.
        bits: u32,
        /// The size of a page.
        page_bytes: u64,
    },
    /// The maximum is below the minimum.
    #[error("the maximum of {maximum} is less than the minimum of {minimum}")]
    MaximumBelowMinimum {
        /// The minimum asked for.
        minimum: Pages,
        /// The maximum asked for.
        maximum: Pages,
    },
    /// A shared memory without a maximum.
    #[error("a shared memory needs a maximum, so that its base never has to move")]
    SharedWithoutMaximum,
    /// A memory that is not shared where only shared ones can be.
    #[error("the type is not shared, and this makes shared memories")]
    NotShared,
    /// A snapshot of a memory with other pages.
    #[error(
        "the image is a snapshot of a memory with pages of {image} bytes, and the type has pages of {ty} bytes"
    )]
    ImagePageSize {
        /// The page size of the snapshot.
        image: u64,
        /// The page size of the type.
        ty: u64,
    },
    /// A memory cannot be imported where this type is declared.
    #[error(
        "the memory does not match the type as an import would: {what} is {found}, and {wanted} is wanted"
    )]
    Mismatch {
        /// What differs.
        what: &'static str,
        /// What the memory has.
        found: u64,
        /// What the type wants.
        wanted: u64,
    },
}

/// A valid memory type.
///
/// ```
/// use wasm_memory::{IndexType, MemoryType, PageSize, Pages, TypeError};
///
/// let ty = MemoryType::new(IndexType::I32, 1, Some(10))?;
/// assert_eq!((ty.minimum(), ty.maximum()), (Pages(1), Some(Pages(10))));
///
/// // 64-bit addresses, pages of one byte, shared: all that the proposals add.
/// let ty = MemoryType::custom(IndexType::I64, PageSize::One, 100, Some(1 << 40), true)?;
/// assert!(ty.is_shared());
///
/// // What the specification does not allow is no type.
/// assert!(MemoryType::new(IndexType::I32, 65_536, None).is_ok());
/// let error = MemoryType::new(IndexType::I32, 65_537, None).unwrap_err();
/// assert!(matches!(error, TypeError::Minimum { minimum: Pages(65_537), limit: Pages(65_536), .. }));
/// let unbounded = MemoryType::custom(IndexType::I32, PageSize::Wasm, 1, None, true);
/// assert_eq!(unbounded, Err(TypeError::SharedWithoutMaximum));
/// # Ok::<(), TypeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MemoryType {
    minimum: Pages,
    maximum: Option<Pages>,
    index: IndexType,
    page_size: PageSize,
    shared: bool,
}

impl MemoryType {
    /// The type of an unshared memory with 64 KiB pages.
    pub fn new(index: IndexType, minimum: u64, maximum: Option<u64>) -> Result<Self, TypeError> {
        Self::custom(index, PageSize::Wasm, minimum, maximum, false)
    }

    /// A memory type of any kind; limits in pages of `page_size`.
    pub fn custom(
        index: IndexType,
        page_size: PageSize,
        minimum: u64,
        maximum: Option<u64>,
        shared: bool,
    ) -> Result<Self, TypeError> {
        let minimum = Pages(minimum);
        let maximum = maximum.map(Pages);
        let limit = index.max_pages(page_size);
        let (bits, page_bytes) = (index.bits(), page_size.bytes());
        if minimum > limit {
            return Err(TypeError::Minimum { minimum, limit, bits, page_bytes });
        }
        match maximum {
            Some(maximum) if maximum > limit => {
                return Err(TypeError::Maximum { maximum, limit, bits, page_bytes });
            }
            Some(maximum) if maximum < minimum => {
                return Err(TypeError::MaximumBelowMinimum { minimum, maximum });
            }
            None if shared => return Err(TypeError::SharedWithoutMaximum),
            _ => {}
        }
        Ok(Self { minimum, maximum, index, page_size, shared })
    }

    /// The declared minimum; for the type of a live memory, its current size.
    pub const fn minimum(&self) -> Pages {
        self.minimum
    }

    /// The declared maximum.
    pub const fn maximum(&self) -> Option<Pages> {
        self.maximum
    }

    /// The size that growth can reach: the maximum, or what the index type allows without one.
    pub fn growth_limit(&self) -> Pages {
        self.maximum.unwrap_or(self.index.max_pages(self.page_size))
    }

    /// The type of the memory's addresses.
    pub const fn index(&self) -> IndexType {
        self.index
    }

    /// The size of a page.
    pub const fn page_size(&self) -> PageSize {
        self.page_size
    }

    /// Whether the memory may be used by several threads at once.
    pub const fn is_shared(&self) -> bool {
        self.shared
    }

    /// The same type with another minimum: what a memory's type becomes when it has grown.
    /// The caller guarantees that `minimum` lies between the minimum and the maximum.
    pub(crate) fn with_minimum(self, minimum: Pages) -> Self {
        debug_assert!(minimum <= self.growth_limit());
        Self { minimum, ..self }
    }

    /// Whether a memory of this type may be imported where `required` is declared: the same index
    /// type, page size and sharedness; at least its minimum; at most its maximum, if it has one. For a live memory, ask
    /// [`Memory::current_type`], which has its size as minimum.
    ///
    /// ```
    /// use wasm_memory::{IndexType::I32, MemoryType};
    ///
    /// let required = MemoryType::new(I32, 2, Some(5))?;
    /// assert!(MemoryType::new(I32, 3, Some(4))?.matches(&required));
    /// assert!(!MemoryType::new(I32, 1, Some(4))?.matches(&required)); // too small
    /// assert!(!MemoryType::new(I32, 3, None)?.matches(&required)); // may become too large
    /// # Ok::<(), wasm_memory::TypeError>(())
    /// ```
    ///
    /// [`Memory::current_type`]: crate::Memory::current_type
    pub fn matches(&self, required: &Self) -> bool {
        self.check_match(required).is_ok()
    }

    /// The same, with the first thing that differs.
    pub(crate) fn check_match(&self, required: &Self) -> Result<(), TypeError> {
        let mismatch = |what, found, wanted| Err(TypeError::Mismatch { what, found, wanted });
        if self.index != required.index {
            let (found, wanted) = (self.index.bits(), required.index.bits());
            return mismatch("the number of bits of an address", found.into(), wanted.into());
        }
        if self.page_size != required.page_size {
            let (found, wanted) = (self.page_size.bytes(), required.page_size.bytes());
            return mismatch("the size of a page in bytes", found, wanted);
        }
        if self.shared != required.shared {
            let (found, wanted) = (self.shared.into(), required.shared.into());
            return mismatch("whether it is shared (0 or 1)", found, wanted);
        }
        if self.minimum < required.minimum {
            let (found, wanted) = (self.minimum.0, required.minimum.0);
            return mismatch("the size in pages", found, wanted);
        }
        match (self.maximum, required.maximum) {
            (None, Some(wanted)) => mismatch("the maximum in pages", u64::MAX, wanted.0),
            (Some(found), Some(wanted)) if found > wanted => {
                mismatch("the maximum in pages", found.0, wanted.0)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use IndexType::{I32, I64};
    use PageSize::{One, Wasm};

    const LIMITS: [(IndexType, PageSize, u64); 4] = [
        (I32, Wasm, 0x1_0000),
        (I64, Wasm, 0x1_0000_0000_0000),
        (I32, One, 0xffff_ffff),
        (I64, One, u64::MAX),
    ];

    #[test]
    fn the_limit_of_each_kind_is_valid_and_one_more_is_not() {
        for (index, page_size, limit) in LIMITS {
            let ty =
                |minimum, maximum| MemoryType::custom(index, page_size, minimum, maximum, false);
            assert!(ty(limit, None).is_ok());
            assert!(ty(0, Some(limit)).is_ok());
            assert!(ty(limit, Some(limit)).is_ok());
            if let Some(past) = limit.checked_add(1) {
                assert!(matches!(ty(past, None), Err(TypeError::Minimum { .. })));
                assert!(matches!(ty(0, Some(past)), Err(TypeError::Maximum { .. })));
            }
        }
    }

    #[test]
    fn a_maximum_below_the_minimum_is_refused() {
        assert!(matches!(
            MemoryType::new(I32, 2, Some(1)),
            Err(TypeError::MaximumBelowMinimum { .. })
        ));
        assert!(MemoryType::new(I32, 2, Some(2)).is_ok());
    }

    #[test]
    fn a_shared_memory_needs_a_maximum() {
        let shared = |maximum| MemoryType::custom(I32, Wasm, 1, maximum, true);
        assert_eq!(shared(None), Err(TypeError::SharedWithoutMaximum));
        assert!(shared(Some(1)).is_ok());
    }

    #[test]
    fn import_matching_follows_the_specification() {
        let ty = |minimum, maximum| MemoryType::new(I32, minimum, maximum).unwrap();
        assert!(ty(1, None).matches(&ty(1, None)));
        assert!(ty(2, None).matches(&ty(1, None)));
        assert!(!ty(0, None).matches(&ty(1, None)));
        assert!(ty(1, Some(3)).matches(&ty(1, Some(3))));
        assert!(ty(1, Some(2)).matches(&ty(1, Some(3))));
        assert!(!ty(1, Some(4)).matches(&ty(1, Some(3))));
        assert!(!ty(1, None).matches(&ty(1, Some(3))));
        assert!(ty(1, Some(3)).matches(&ty(1, None)));

        let other = |index, page_size, shared| {
            MemoryType::custom(index, page_size, 1, Some(1), shared).unwrap()
        };
        let plain = other(I32, Wasm, false);
        assert!(plain.matches(&plain));
        for different in [other(I64, Wasm, false), other(I32, One, false), other(I32, Wasm, true)] {
            assert!(!plain.matches(&different));
            assert!(!different.matches(&plain));
        }
    }
}
