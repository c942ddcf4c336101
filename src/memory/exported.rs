//! Shared memories that other processes can have too: a file without a name, which starts with what all of
//! them have to know.
//!
//! ```text
//! | header | queue of waiters |   | bytes of the memory, as many as it can grow to |
//! 0        QUEUE_AT            DATA_AT
//! ```
//!
//! The length in the header is the memory's. Each process has a view of its own, which follows it.

use crate::engine::Engine;
use crate::error::Error;
use crate::region::Region;
use crate::sys::{self, LOCK_KIND, OsError, Purpose, SharedFile};
use crate::types::{IndexType, MemoryType, TypeError};
use crate::units::{PageSize, Pages};
use crate::wait::{CONTROL_BYTES, CrossingQueue};
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU64, Ordering};

/// What the file is, for whoever imports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
struct Kind {
    magic: [u8; 8],
    version: u32,
    /// Processes with other locks cannot wait in the same queue.
    lock_kind: u32,
    queue_at: u64,
    data_at: u64,
}

const KIND: Kind = Kind {
    magic: *b"wasm_mem",
    version: 1,
    lock_kind: LOCK_KIND,
    queue_at: QUEUE_AT as u64,
    data_at: DATA_AT as u64,
};

#[derive(Debug)]
#[repr(C)]
struct Header {
    kind: Kind,
    index_bits: u32,
    page_size_log2: u32,
    /// In pages.
    minimum: u64,
    /// In pages.
    maximum: u64,
    /// The bytes in the file that the memory can grow to.
    capacity: u64,
    /// The bytes that the memory has.
    length: AtomicU64,
}

const QUEUE_AT: usize = 4096;
/// A multiple of every host's page size.
const DATA_AT: usize = (QUEUE_AT + CONTROL_BYTES).next_multiple_of(1 << 16);

const _: () = assert!(size_of::<Header>() <= QUEUE_AT);

/// What a memory shares with other processes.
#[derive(Debug)]
pub(super) struct Exported {
    file: SharedFile,
    // Before the mapping, in which it lies.
    pub(super) queue: CrossingQueue,
    mapping: Mapping,
    capacity: usize,
}

/// The first part of the file, mapped.
#[derive(Debug)]
struct Mapping(NonNull<u8>);

// SAFETY: a mapping belongs to no thread, and what is in it is atomic or constant.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    fn new(file: &SharedFile) -> Result<Self, OsError> {
        file.map_start(DATA_AT).map(Self)
    }

    fn queue_block(&self) -> NonNull<u8> {
        self.0.map_addr(|start| start.saturating_add(QUEUE_AT))
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: mapped by `new`, and nobody uses it any more.
        unsafe { sys::release_file(self.0, DATA_AT) };
    }
}

/// A region for a memory, and how long the memory is.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) region: Region,
    pub(super) length: usize,
}

/// The error for a system that would not make or map the file.
fn refused(engine: &Engine, what: &'static str, os: OsError) -> Error {
    if os == OsError::no_memory() {
        return engine.out_of_memory(Purpose::ReserveShared, DATA_AT as u64, os);
    }
    Error::Descriptor { what, os }
}

impl Exported {
    /// A file for a new memory of `length` bytes, and a region over it.
    pub(super) fn new(
        engine: &Engine,
        ty: &MemoryType,
        length: usize,
    ) -> Result<(Self, Region), Error> {
        if !engine.host().has_shared_files {
            return Err(Error::Unsupported(
                "this system has no descriptors for memory that this version knows: leave memory_exportable out",
            ));
        }
        let what = "the system refused a file without a name for the memory";
        let refused = |os| refused(engine, what, os);
        let capacity = engine.file_capacity(ty, length);
        let file = SharedFile::new(capacity.saturating_add(DATA_AT as u64)).map_err(refused)?;
        let mapping = Mapping::new(&file).map_err(refused)?;
        let header = Header {
            kind: KIND,
            index_bits: ty.index().bits(),
            page_size_log2: u32::from(ty.page_size().log2()),
            minimum: ty.minimum().0,
            maximum: ty.growth_limit().0,
            capacity,
            length: AtomicU64::new(length as u64),
        };
        // SAFETY: the mapping is new, zero, and has room for the header and, at a multiple of 64, for the
        // queue; nobody else has the file yet.
        let queue = unsafe {
            mapping.0.cast::<Header>().write(header);
            CrossingQueue::initialise(mapping.queue_block()).map_err(refused)?
        };
        let region = Self::region(engine, ty, &file, capacity, length)?;
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        Ok((Self { file, queue, mapping, capacity }, region))
    }

    fn region(
        engine: &Engine,
        ty: &MemoryType,
        file: &SharedFile,
        capacity: u64,
        length: usize,
    ) -> Result<Region, Error> {
        let limit = engine.host().largest_object();
        let too_large = Error::Unaddressable { bytes: capacity.into(), limit };
        let capacity = usize::try_from(capacity).map_err(|_| too_large)?;
        engine.acquire_file(ty, file, DATA_AT as u64, capacity, length)
    }

    /// What a descriptor of the host's stands for, with the memory's own type, and a region over it.
    pub(super) fn import(
        engine: &Engine,
        wanted: &MemoryType,
        descriptor: isize,
    ) -> Result<(Self, MemoryType, Filled), Error> {
        let foreign = |what| Error::Descriptor { what, os: OsError::none() };
        if !engine.host().has_shared_files {
            return Err(Error::Unsupported(
                "this system has no descriptors for memory that this version knows",
            ));
        }
        let unusable = |os| refused(engine, "the descriptor cannot be used", os);
        let file = SharedFile::of_host(descriptor).map_err(unusable)?;
        let file = file.ok_or(foreign("wasm_shared_memory_export did not make this descriptor"))?;
        let bytes = file.bytes().map_err(unusable)?;
        let Some(data_bytes) = bytes.checked_sub(DATA_AT as u64) else {
            return Err(foreign(
                "what the descriptor stands for is too short for an exported memory",
            ));
        };
        let mapping = Mapping::new(&file).map_err(unusable)?;
        // SAFETY: the file has these bytes, and cannot lose them. Any bytes are a header.
        let header = unsafe { mapping.0.cast::<Header>().as_ref() };
        if header.kind.magic != KIND.magic {
            return Err(foreign(
                "wasm_shared_memory_export did not make what the descriptor stands for",
            ));
        }
        if header.kind != KIND {
            return Err(foreign(
                "another version of this library, or a build for another C library, exported it",
            ));
        }
        let damaged = foreign("what the descriptor stands for is damaged");
        let capacity = header.capacity;
        let length = header.length.load(Ordering::SeqCst);
        if capacity != data_bytes || length > capacity {
            return Err(damaged);
        }
        let own = Self::declared_type(header).ok_or(damaged)?;
        let pages = Pages(length >> own.page_size().log2());
        if pages.bytes(own.page_size()) != u128::from(length)
            || pages < own.minimum()
            || pages > own.growth_limit()
        {
            return Err(damaged);
        }
        own.with_minimum(pages).check_match(wanted)?;
        let limit = engine.host().largest_object();
        let length = usize::try_from(length)
            .map_err(|_| Error::Unaddressable { bytes: length.into(), limit })?;
        let region = Self::region(engine, &own, &file, capacity, length)?;
        // SAFETY: the header says that the queue lies there, in the version that this is.
        let queue = unsafe { CrossingQueue::at(mapping.queue_block()) };
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        Ok((Self { file, queue, mapping, capacity }, own, Filled { region, length }))
    }

    fn declared_type(header: &Header) -> Option<MemoryType> {
        let index = match header.index_bits {
            32 => IndexType::I32,
            64 => IndexType::I64,
            _ => return None,
        };
        let page_size = PageSize::from_log2(u8::try_from(header.page_size_log2).ok()?)?;
        let ty: Result<MemoryType, TypeError> =
            MemoryType::custom(index, page_size, header.minimum, Some(header.maximum), true);
        ty.ok()
    }

    fn header(&self) -> &Header {
        // SAFETY: written or checked before there was an `Exported`; only the length changes, atomically.
        unsafe { self.mapping.0.cast::<Header>().as_ref() }
    }

    /// The length in bytes that the memory has for all processes.
    pub(super) fn length(&self) -> usize {
        let length = self.header().length.load(Ordering::SeqCst);
        usize::try_from(length).unwrap_or(usize::MAX)
    }

    /// The same, unless another process has destroyed it.
    pub(super) fn checked_length(&self, page_size: PageSize) -> Result<usize, Error> {
        let length = self.length();
        if length > self.capacity || length as u64 & page_size.bytes().wrapping_sub(1) != 0 {
            let what = "another process has damaged the memory that it shares with this one";
            return Err(Error::Descriptor { what, os: OsError::none() });
        }
        Ok(length)
    }

    /// Publishes a new length, unless somebody else has.
    pub(super) fn advance(&self, from: usize, to: usize) -> bool {
        let (from, to) = (from as u64, to as u64);
        let (success, failure) = (Ordering::SeqCst, Ordering::Relaxed);
        self.header().length.compare_exchange(from, to, success, failure).is_ok()
    }

    /// Whether the file has so many bytes for the memory.
    pub(super) fn check_room(&self, length: usize) -> Result<(), Error> {
        if length <= self.capacity {
            return Ok(());
        }
        let (wanted, reserved) = (length as u64, self.capacity as u64);
        Err(Error::SharedReservationExceeded { wanted, reserved })
    }

    /// A descriptor for the host.
    pub(super) fn descriptor(&self) -> Result<isize, Error> {
        let what = "the system refused a descriptor for the memory";
        self.file.for_host().map_err(|os| Error::Descriptor { what, os })
    }

    /// What a process out of its mind does.
    #[cfg(test)]
    pub(super) fn damage_length(&self, length: u64) {
        self.header().length.store(length, Ordering::SeqCst);
    }
}
