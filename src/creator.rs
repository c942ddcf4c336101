//! Memories whose bytes the host provides: what it implements, and what it promises.
//!
//! What of the promises can be seen is checked at creation and at each growth, by the `memory` room;
//! a [`Breach`] says what was found.

use crate::error::Error;
use crate::types::MemoryType;
use core::fmt;
use core::ops::Range;
use thiserror::Error;

/// The bytes of one linear memory, provided by the host. Dropping it ends them.
///
/// # Safety
/// From `as_ptr` on, `byte_size` bytes are readable and writable until the next `grow_to` or the
/// drop, and nobody else frees them. `as_ptr` is a multiple of the host's page size. Bytes that the
/// guest has not seen yet are zero, unless the host wants it to find something there. Where guards
/// were asked for, everything in that span past the size faults.
pub unsafe trait LinearMemory: Send + Sync {
    /// How many bytes are accessible now.
    fn byte_size(&self) -> usize;

    /// How many bytes there can ever be; `None`: no limit of the host's.
    fn maximum_byte_size(&self) -> Option<usize> {
        None
    }

    /// Makes at least `new_size` bytes accessible; exactly as many where guards were asked for. Called by
    /// one thread at a time. On failure nothing has changed.
    fn grow_to(&self, new_size: usize) -> Result<(), Error>;

    /// Where the bytes start.
    fn as_ptr(&self) -> *mut u8;

    /// The addresses that belong to the memory, guards included.
    fn wasm_accessible(&self) -> Range<usize> {
        let start = self.as_ptr().addr();
        start..start.saturating_add(self.byte_size())
    }
}

/// Provides the bytes of all memories of an engine.
///
/// ```
/// use std::alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error};
/// use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
/// use wasm_memory::{Engine, Error, IndexType, LinearMemory, Memory, MemoryCreator, MemoryType, Pages, Policy};
///
/// /// Blocks of the heap, as large as each memory can become, but no larger than this.
/// struct Blocks {
///     most: usize,
/// }
///
/// struct Block {
///     base: *mut u8,
///     layout: Layout,
///     size: AtomicUsize,
/// }
///
/// // SAFETY: the block is its own, and the size is changed by one thread at a time.
/// unsafe impl Send for Block {}
/// // SAFETY: as above.
/// unsafe impl Sync for Block {}
///
/// // SAFETY: a block of zeros at the start of a page, which never moves and goes with this object.
/// unsafe impl LinearMemory for Block {
///     fn byte_size(&self) -> usize {
///         self.size.load(SeqCst)
///     }
///
///     fn maximum_byte_size(&self) -> Option<usize> {
///         Some(self.layout.size())
///     }
///
///     fn grow_to(&self, new_size: usize) -> Result<(), Error> {
///         if new_size > self.layout.size() {
///             return Err(Error::OutOfHeap(new_size));
///         }
///         self.size.store(new_size, SeqCst);
///         Ok(())
///     }
///
///     fn as_ptr(&self) -> *mut u8 {
///         self.base
///     }
/// }
///
/// impl Drop for Block {
///     fn drop(&mut self) {
///         // SAFETY: allocated with this layout.
///         unsafe { dealloc(self.base, self.layout) }
///     }
/// }
///
/// // SAFETY: see `Block`. No guards are asked for, because the policy wants none.
/// unsafe impl MemoryCreator for Blocks {
///     fn new_memory(
///         &self,
///         _ty: &MemoryType,
///         minimum: usize,
///         maximum: Option<usize>,
///         _reserved_bytes: usize,
///         _guard_bytes: usize,
///     ) -> Result<Box<dyn LinearMemory>, Error> {
///         let bytes = maximum.unwrap_or(self.most).min(self.most);
///         if minimum > bytes {
///             return Err(Error::OutOfHeap(minimum));
///         }
///         // No host has larger pages.
///         let layout = Layout::from_size_align(bytes.max(1), 65_536).map_err(|_| Error::OutOfHeap(bytes))?;
///         // SAFETY: of more than no bytes.
///         let base = unsafe { alloc_zeroed(layout) };
///         if base.is_null() {
///             handle_alloc_error(layout);
///         }
///         Ok(Box::new(Block { base, layout, size: AtomicUsize::new(minimum) }))
///     }
/// }
///
/// let engine = Engine::with_creator(Policy::default(), Box::new(Blocks { most: 1 << 20 }))?;
/// let memory = Memory::new(&engine, MemoryType::new(IndexType::I32, 1, Some(4))?)?;
/// assert_eq!(memory.grow(Pages(1))?, Pages(1));
/// memory.store(100_000, 7u8)?;
/// assert!(Memory::new(&engine, MemoryType::new(IndexType::I32, 17, None)?).is_err());
/// # Ok::<(), Error>(())
/// ```
///
/// # Safety
/// What it makes keeps the promises of [`LinearMemory`].
pub unsafe trait MemoryCreator: Send + Sync {
    /// Makes a memory of `minimum` bytes that can become `maximum` bytes large. The span of
    /// `reserved_bytes` and, behind them, `guard_bytes` belongs to the memory, and what of it lies
    /// past its size faults; both are 0 where the code checks its accesses.
    fn new_memory(
        &self,
        ty: &MemoryType,
        minimum: usize,
        maximum: Option<usize>,
        reserved_bytes: usize,
        guard_bytes: usize,
    ) -> Result<Box<dyn LinearMemory>, Error>;
}

impl fmt::Debug for dyn LinearMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LinearMemory({:p}, {} bytes)", self.as_ptr(), self.byte_size())
    }
}

impl fmt::Debug for dyn MemoryCreator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MemoryCreator")
    }
}

/// How a host broke the contract of the memories that it provides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Breach {
    /// A memory without an address.
    #[error("as_ptr is NULL")]
    NoBase,
    /// A base in the middle of a host page.
    #[error(
        "as_ptr is {address:#x}, which is not a multiple of the host's page size of {page_bytes} bytes"
    )]
    Unaligned {
        /// The base.
        address: usize,
        /// The host's page size.
        page_bytes: usize,
    },
    /// A base so high that the bytes do not fit behind it.
    #[error("as_ptr is {address:#x}, behind which there are no {bytes} bytes")]
    TooHigh {
        /// The base.
        address: usize,
        /// What should lie from there on, guards included.
        bytes: usize,
    },
    /// A base that changed though nobody had allowed that.
    #[error(
        "as_ptr moved from {from:#x} to {to:#x} while growing, though wasm_memory_may_move was false: only checked \
         memories of an engine with memory_may_move (wasm_config_memory_may_move_set) may"
    )]
    Moved {
        /// The base before.
        from: usize,
        /// The base after.
        to: usize,
    },
    /// Fewer bytes than were asked for.
    #[error("byte_size is {size}, less than the {wanted} bytes asked for")]
    Short {
        /// The bytes there are.
        size: usize,
        /// The bytes asked for.
        wanted: usize,
    },
    /// More bytes than were asked for, where what lies past them must fault.
    #[error(
        "byte_size is {size}, more than the {wanted} bytes asked for: under GUARDED what lies past those must fault"
    )]
    Unguarded {
        /// The bytes there are.
        size: usize,
        /// The bytes asked for.
        wanted: usize,
    },
    /// A maximum that the memory has passed already.
    #[error("maximum_byte_size is {maximum}, less than the {size} bytes that the memory has")]
    MaximumBelowSize {
        /// The host's maximum.
        maximum: usize,
        /// The bytes there are.
        size: usize,
    },
    /// Guards that are not the memory's.
    #[error(
        "wasm_accessible is {start:#x}..{end:#x} and does not cover {wanted_start:#x}..{wanted_end:#x}, the \
         reserved_bytes and guard_bytes that GUARDED demands"
    )]
    Uncovered {
        /// Where the memory's addresses start.
        start: usize,
        /// Where they end.
        end: usize,
        /// Where they should start.
        wanted_start: usize,
        /// Where they should end.
        wanted_end: usize,
    },
    /// A table that lacks a callback.
    #[error("the table that new_memory filled has no {0}")]
    MissingMember(&'static str),
    /// A table with a size that cannot be.
    #[error(
        "the table that new_memory filled has a struct_size of {0}: set it to sizeof(wasm_linear_memory_t)"
    )]
    StructSize(usize),
    /// A status that is none, or makes no sense here.
    #[error("{callback} returned {status}, which is no status, or none that it may return")]
    UnknownStatus {
        /// The callback.
        callback: &'static str,
        /// What it returned.
        status: i32,
    },
}
