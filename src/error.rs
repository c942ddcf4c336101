//! Why an operation failed: one enumeration, with the numbers that a stranger needs to act.
//!
//! An [`Error`] is plain data, so that recording one costs a copy and needs no heap; its sentence
//! is made only when somebody asks for it.

#![forbid(unsafe_code)]

use crate::creator::Breach;
use crate::sys::{LikelyLimit, OsError, Purpose};
use crate::types::TypeError;
use crate::units::Pages;
use core::fmt;
use thiserror::Error;

/// Every way in which an operation of this library can fail.
///
/// It is plain data; its text is a sentence with the numbers in it, and when the system refused memory, with the
/// limit that was probably met and the option that helps. (Sentences name functions and options as C does: an option
/// `memory_reservation` is the field `reservation` of [`Policy`](crate::Policy).)
///
/// ```
/// use wasm_memory::{Engine, Error, IndexType, Memory, MemoryType, Pages, Policy};
///
/// let engine = Engine::new(Policy::default())?;
/// let memory = Memory::new(&engine, MemoryType::new(IndexType::I32, 1, Some(2))?)?;
/// let trap = match memory.load::<u32>(u64::MAX) {
///     Err(Error::OutOfBounds { .. }) => "out of bounds memory access", // the specification's text
///     other => panic!("{other:?}"),
/// };
/// let error = memory.grow(Pages(2)).unwrap_err();
/// assert_eq!(error.to_string(), "growing 1 page by 2 pages passes the maximum of 2 pages");
/// # assert_eq!(trap.len(), 27);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum Error {
    /// A pointer that must not be NULL is NULL.
    #[error("the argument `{0}` is NULL")]
    NullArgument(&'static str),
    /// A number has no meaning where it was given.
    #[error("the value {value} of `{name}` is not valid: {expected}")]
    InvalidArgument {
        /// The parameter or option.
        name: &'static str,
        /// What was given.
        value: u64,
        /// What would be accepted.
        expected: &'static str,
    },
    /// Text that is not UTF-8.
    #[error("the {0} is not valid UTF-8")]
    NotUtf8(&'static str),
    /// A configured size exceeds what the host can address.
    #[error(
        "the value {value} of `{name}` is not valid: a memory on this host can have {limit} bytes of address space"
    )]
    TooLarge {
        /// The option.
        name: &'static str,
        /// What was given.
        value: u64,
        /// The bytes of address space.
        limit: u64,
    },
    /// A memory type outside what the specification allows.
    #[error("invalid memory type: {0}")]
    InvalidType(#[from] TypeError),
    /// An access of which at least one byte lies past the end.
    #[error(
        "out of bounds memory access: {length} bytes at offset {offset} in a memory of {memory_bytes} bytes"
    )]
    OutOfBounds {
        /// Where the access starts.
        offset: u64,
        /// How many bytes it has.
        length: u64,
        /// The size of the memory.
        memory_bytes: u64,
    },
    /// Bytes of a data segment that it does not have.
    #[error(
        "out of bounds memory access: {length} bytes at {offset} of a data segment of {segment_bytes} bytes{}",
        if *segment_bytes == 0 { " (a dropped segment has none)" } else { "" }
    )]
    SegmentOutOfBounds {
        /// Where they start in the segment.
        offset: u64,
        /// How many bytes.
        length: u64,
        /// The size of the segment.
        segment_bytes: u64,
    },
    /// An atomic access to something that is not at a multiple of its size.
    #[error("unaligned atomic: {offset} is not a multiple of {width}")]
    Unaligned {
        /// Where the access starts.
        offset: u64,
        /// The bytes that it accesses.
        width: u64,
    },
    /// Only shared memories can be waited on, shared and so on.
    #[error("expected shared memory: the type of this memory is not shared")]
    NotShared,
    /// Not possible on a shared memory.
    #[error("not possible on a shared memory: {0}")]
    Shared(&'static str),
    /// A wait that the host ended.
    #[error("the wait was interrupted by the host (wasm_memory_interrupt_waiters)")]
    Interrupted,
    /// A memory that the host closed to waiting.
    #[error("the host has closed this memory to waiting (wasm_memory_close_waiters)")]
    Closed,
    /// As many threads wait already as can be counted, or as an exported memory has room for.
    #[error("too many waiters: no room for one more at offset {offset}")]
    TooManyWaiters {
        /// What it was to wait on.
        offset: u64,
    },
    /// A descriptor that cannot be made, or that no memory can be imported from.
    #[error("{what}{}", Number(*os))]
    Descriptor {
        /// What is wrong.
        what: &'static str,
        /// What the system said; 0 if it was not asked.
        os: OsError,
    },
    /// A file that cannot be read, written or mapped, or that is not what it should be.
    #[error("{what}{}", Number(*os))]
    File {
        /// What is wrong.
        what: &'static str,
        /// What the system said; 0 if it was not asked.
        os: OsError,
    },
    /// A file with fewer bytes than are to be mapped.
    #[error("the file ends at {file_bytes} bytes, and the mapping would reach to {wanted}")]
    FileTooShort {
        /// Where the file ends.
        file_bytes: u64,
        /// Where the mapping would end.
        wanted: u64,
    },
    /// A file that was cut after it had been mapped.
    #[error(
        "the file that is mapped at offset {offset} of this memory has become shorter than its mapping of {length} bytes \
         (error {}): what lies behind its end cannot be read or written",
        os.0
    )]
    FileShrunk {
        /// Where the mapping starts.
        offset: u64,
        /// How many bytes it has.
        length: u64,
        /// What the system said.
        os: OsError,
    },
    /// An access to a range that does not allow it.
    #[error(
        "{length} bytes at offset {offset} lie, in part, in a range that {protection} (wasm_memory_protect, \
         wasm_memory_map_file)"
    )]
    Protected {
        /// Where the access starts.
        offset: u64,
        /// How many bytes it has.
        length: u64,
        /// What is allowed there.
        protection: &'static str,
    },
    /// A mapping or protection that does not start and end with pages of the host.
    #[error(
        "{name} {value} is not a multiple of {alignment}, the page of this host (map_alignment_bytes of wasm_memory_stats)"
    )]
    UnalignedRange {
        /// The parameter.
        name: &'static str,
        /// What was given.
        value: u64,
        /// What it must be a multiple of.
        alignment: u64,
    },
    /// A segment of an image past the size that the memory starts with.
    #[error(
        "out of bounds memory access: a segment of the image ends at {end}, and the memory starts with {memory_bytes} \
         bytes"
    )]
    ImageOutOfBounds {
        /// Where the last segment ends.
        end: u64,
        /// The size that the memory starts with.
        memory_bytes: u128,
    },
    /// A snapshot that is larger than the type allows.
    #[error("the image is a snapshot of {pages}, which passes the maximum of {maximum}")]
    ImageTooLarge {
        /// The size of the snapshot.
        pages: Pages,
        /// The most that the type allows.
        maximum: Pages,
    },
    /// A memory that is larger than the slots of its pool.
    #[error(
        "{wanted} bytes pass the slot_bytes of this engine's memory pool, which are {slot_bytes}: set slot_bytes to at \
         least {wanted} (wasm_config_memory_pool_set), or, for memories that start so large, overflow"
    )]
    SlotTooSmall {
        /// The size asked for.
        wanted: u64,
        /// The size of the slots.
        slot_bytes: u64,
    },
    /// A pool without a free slot.
    #[error(
        "all {slots} slots of this engine's memory pool are in use: delete memories, set more slots or set overflow \
         (wasm_config_memory_pool_set)"
    )]
    PoolExhausted {
        /// How many there are.
        slots: u64,
    },
    /// A copy between ranges that must not overlap.
    #[error("{length} bytes at offset {source_offset} and at offset {destination} overlap")]
    Overlap {
        /// Where the copy goes.
        destination: u64,
        /// Where it comes from.
        source_offset: u64,
        /// How many bytes.
        length: u64,
    },
    /// The bytes are lent to a callback, which goes on.
    #[error(
        "the bytes of this memory are lent to a callback (wasm_memory_with_data, wasm_memory_with_data_mut or a \
         host's grow_to) that has not returned"
    )]
    Borrowed,
    /// A limit of the store says no.
    #[error("{limit} of this store is {allowed}: {wanted} would pass it")]
    LimitDenied {
        /// The limit.
        limit: Limit,
        /// What there would be.
        wanted: u64,
        /// What there may be.
        allowed: u64,
    },
    /// The limiter of the store says no.
    #[error(
        "the limiter of this store refused to let a memory of {current} bytes become {desired} bytes large"
    )]
    LimiterDenied {
        /// The size now; 0 for a new memory.
        current: u64,
        /// The size asked for.
        desired: u64,
    },
    /// Nobody can decide at once.
    #[error(
        "this store has an asynchronous limiter, which may answer later: use wasm_memory_new_async or \
         wasm_memory_grow_async"
    )]
    AsyncRequired,
    /// An asynchronous operation has no outcome yet.
    #[error("the limiter has not answered yet")]
    Pending,
    /// A future without a memory to take.
    #[error("this future has no memory to take: {0}")]
    NothingToTake(&'static str),
    /// A host-made memory does not keep its contract.
    #[error("the host broke the contract of its memory: {0}")]
    HostContract(Breach),
    /// The host refuses a memory, or its growth.
    #[error("the host's allocator refused {bytes} bytes to {purpose}, with the status {name}")]
    HostRefused {
        /// The status that its callback returned.
        status: i32,
        /// The name of that status.
        name: &'static str,
        /// What the bytes were for.
        purpose: Purpose,
        /// How many.
        bytes: u64,
    },
    /// Growth past what the host can provide.
    #[error(
        "growing to {wanted} bytes passes the {maximum} bytes that the host can provide (its maximum_byte_size)"
    )]
    HostMaximumExceeded {
        /// The size asked for.
        wanted: u64,
        /// The most that the host has.
        maximum: u64,
    },
    /// Growth past the maximum of the type.
    #[error("growing {current} by {delta} passes the maximum of {maximum}")]
    MaximumExceeded {
        /// The size now.
        current: Pages,
        /// The growth asked for.
        delta: Pages,
        /// The most that the type allows.
        maximum: Pages,
    },
    /// Growth past the reservation of a memory that must not move.
    #[error(
        "growing to {wanted} bytes passes the {reserved} bytes reserved for this memory, which may not move: \
         set memory_reservation (wasm_config_memory_reservation_set) to at least {wanted}, or let the base \
         move (wasm_config_memory_may_move_set)"
    )]
    ReservationExceeded {
        /// The size asked for, in bytes.
        wanted: u64,
        /// The bytes reserved.
        reserved: u64,
    },
    /// Growth past the reservation of a shared memory.
    #[error(
        "growing to {wanted} bytes passes the {reserved} bytes of address space that this shared memory got, and a \
         shared memory never moves: this host or the limits on the process (RLIMIT_AS, vm.max_map_count, other \
         memories) left no more when it was made"
    )]
    SharedReservationExceeded {
        /// The size asked for, in bytes.
        wanted: u64,
        /// The bytes that it got.
        reserved: u64,
    },
    /// Growth past the reservation of a memory that may move, but not with what it has.
    #[error(
        "growing to {wanted} bytes passes the {reserved} bytes reserved for this memory, which may move \
         (wasm_config_memory_may_move_set), but not while files are mapped into it or ranges of it are protected: undo \
         that first (wasm_memory_unmap, wasm_memory_protect), or set memory_reservation to at least {wanted}"
    )]
    PinnedReservationExceeded {
        /// The size asked for, in bytes.
        wanted: u64,
        /// The bytes reserved.
        reserved: u64,
    },
    /// Growth past what a memory got when there was no room for its reservation.
    #[error(
        "growing to {wanted} bytes passes the {reserved} bytes that this memory got when the process had no room \
         for its reservation (RLIMIT_AS, vm.max_map_count or other memories took it), and what lies behind is taken; \
         free or raise those, set memory_reservation to reserve {wanted} bytes for each memory and no more, or let \
         the base move (wasm_config_memory_may_move_set)"
    )]
    ReducedReservationExceeded {
        /// The size asked for, in bytes.
        wanted: u64,
        /// The bytes that it got.
        reserved: u64,
    },
    /// The system refused address space or memory.
    #[error(
        "the system refused {bytes} bytes to {purpose} (error {}): {limit}; {}",
        os.0,
        limit.advice(*purpose)
    )]
    OutOfMemory {
        /// What the bytes were for.
        purpose: Purpose,
        /// How many.
        bytes: u64,
        /// What the system said.
        os: OsError,
        /// The limit that probably caused it.
        limit: LikelyLimit,
    },
    /// A size that no process on this host can have.
    #[error(
        "a memory of {bytes} bytes does not fit the address space of this host, which has {limit} bytes for a process"
    )]
    Unaddressable {
        /// The size asked for.
        bytes: u128,
        /// The bytes of address space.
        limit: u64,
    },
    /// The heap refused an object of the library's own.
    #[error("the heap refused {0} bytes for an object of this library")]
    OutOfHeap(usize),
    /// A guard that was touched where `catch_trap` watches.
    #[error(
        "out of bounds memory access: what wasm_memory_catch_trap has called touched offset {} of a memory of \
         {memory_bytes} bytes",
        offset.cast_signed()
    )]
    TouchedGuard {
        /// Where, from the base of the memory; before it, it wraps.
        offset: u64,
        /// The size of the memory.
        memory_bytes: u64,
    },
    /// A protected range that was touched where `catch_trap` watches.
    #[error(
        "what wasm_memory_catch_trap has called touched offset {offset} of a memory of {memory_bytes} bytes, which is \
         protected (wasm_memory_protect) or has a file mapped for reading only (wasm_memory_map_file)"
    )]
    TouchedProtected {
        /// Where, from the base of the memory.
        offset: u64,
        /// The size of the memory.
        memory_bytes: u64,
    },
    /// What lies behind the end of a mapped file, touched where `catch_trap` watches.
    #[error(
        "what wasm_memory_catch_trap has called touched offset {offset} of a memory of {memory_bytes} bytes, where a file \
         is mapped that has become too short"
    )]
    TouchedFileEnd {
        /// Where, from the base of the memory.
        offset: u64,
        /// The size of the memory.
        memory_bytes: u64,
    },
    /// Handlers of faults that the system refuses.
    #[error(
        "the system refused the trap handlers (error {}); EAGAIN (11 on Linux) means that other handlers were set above \
         them again and again",
        os.0
    )]
    TrapHandlers {
        /// What the system said.
        os: OsError,
    },
    /// The host or this version cannot do it.
    #[error("not supported: {0}")]
    Unsupported(&'static str),
    /// A defect of this library.
    #[error("internal error of wasm_memory (please report it): {0}")]
    Internal(&'static str),
}

/// A static limit of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Bytes of one memory.
    MemoryBytes,
    /// Bytes of all memories of the store.
    TotalBytes,
    /// Memories of the store.
    Memories,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::MemoryBytes => "max_memory_bytes",
            Self::TotalBytes => "max_total_bytes",
            Self::Memories => "max_memories",
        })
    }
}

impl Error {
    /// What `errno` is to show: for everything that ran out of memory or address space, the system's
    /// answer, or what it would have been.
    pub const fn os_error(&self) -> Option<OsError> {
        match self {
            Self::OutOfMemory { os, .. } => Some(*os),
            Self::Descriptor { os, .. } | Self::File { os, .. } if os.0 != 0 => Some(*os),
            Self::FileShrunk { os, .. } | Self::TrapHandlers { os } => Some(*os),
            Self::ReservationExceeded { .. }
            | Self::SharedReservationExceeded { .. }
            | Self::ReducedReservationExceeded { .. }
            | Self::PinnedReservationExceeded { .. }
            | Self::Unaddressable { .. }
            | Self::HostMaximumExceeded { .. }
            | Self::SlotTooSmall { .. }
            | Self::PoolExhausted { .. }
            | Self::OutOfHeap(_) => Some(OsError::no_memory()),
            _ => None,
        }
    }
}

/// What the system said, if it was asked. Written without a heap, which may be what has run out.
struct Number(OsError);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            OsError(0) => Ok(()),
            OsError(number) => write!(f, " (error {number})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_the_numbers_the_limit_and_the_option() {
        let error = Error::OutOfMemory {
            purpose: Purpose::Reserve,
            bytes: 8_589_934_592,
            os: OsError(12),
            limit: LikelyLimit::AddressSpace { limit: 600_000_000, used: 5_000_000 },
        };
        let sentence = error.to_string();
        for part in ["8589934592", "600000000", "RLIMIT_AS", "memory_reservation", "memory_bounds"]
        {
            assert!(sentence.contains(part), "{part} in: {sentence}");
        }
    }

    #[test]
    fn the_number_of_the_system_is_told_if_there_is_one() {
        let file = |number| Error::File { what: "it", os: OsError(number) }.to_string();
        assert_eq!((file(0).as_str(), file(5).as_str()), ("it", "it (error 5)"));
    }

    #[test]
    fn an_error_stays_small_enough_to_be_returned_by_value() {
        assert!(size_of::<Error>() <= 64, "{}", size_of::<Error>());
    }
}
