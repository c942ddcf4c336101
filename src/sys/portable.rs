//! Any system with a heap and no mappings that we know: every memory is a block of the allocator.
//!
//! Nothing can be reserved or guarded here, and [`host`] says so; the functions that move pages
//! are there for the contract and refuse. `RUSTFLAGS="--cfg wasm_memory_portable"` selects this
//! backend on any host, which is how it is tested.

use super::{HostCaps, LikelyLimit, OsError, Protection};
use core::ptr::NonNull;

const UNSUPPORTED: OsError = OsError(0);

pub(crate) fn host() -> HostCaps {
    HostCaps {
        page_bytes: 4096,
        address_space_bytes: if usize::BITS >= 64 { 1 << 47 } else { 1 << 31 },
        can_guard: false,
        has_mappings: false,
        has_shared_files: false,
        maps_files: false,
        opening_commits: false,
    }
}

/// How many threads can run at once.
pub(crate) fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// There is no errno that this backend knows of.
pub(crate) fn set_last_error(_error: OsError) {}

/// There is no such thing that this backend knows of.
pub(crate) fn order_threads() {}

pub(crate) fn reserve(_bytes: usize) -> Result<NonNull<u8>, OsError> {
    Err(UNSUPPORTED)
}

pub(crate) fn map(_bytes: usize, _room: usize) -> Result<NonNull<u8>, OsError> {
    Err(UNSUPPORTED)
}

pub(crate) fn extend(_end: NonNull<u8>, _bytes: usize) -> Result<(), Option<OsError>> {
    Err(None)
}

/// # Safety
/// None needed: it refuses.
pub(crate) unsafe fn open(_address: NonNull<u8>, _bytes: usize) -> Result<(), OsError> {
    Err(UNSUPPORTED)
}

/// # Safety
/// None needed: it refuses.
pub(crate) unsafe fn close(_address: NonNull<u8>, _bytes: usize) -> Result<(), OsError> {
    Err(UNSUPPORTED)
}

/// # Safety
/// None needed: it refuses.
pub(crate) unsafe fn zero(_address: NonNull<u8>, _bytes: usize) -> Result<(), OsError> {
    Err(UNSUPPORTED)
}

/// # Safety
/// None needed: it refuses.
pub(crate) unsafe fn zero_in_use(_address: NonNull<u8>, _bytes: usize) -> Result<(), OsError> {
    Err(UNSUPPORTED)
}

/// Bytes that start somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: NonNull<u8>,
    pub(crate) bytes: usize,
}

/// # Safety
/// None needed: it refuses.
pub(crate) unsafe fn zero_many(_spans: &[Span]) -> Result<(), OsError> {
    Err(UNSUPPORTED)
}

/// # Safety
/// None needed: it refuses.
pub(crate) unsafe fn zeros_over(_address: NonNull<u8>, _bytes: usize) -> Result<(), OsError> {
    Err(UNSUPPORTED)
}

/// # Safety
/// None needed: it refuses.
pub(crate) unsafe fn reserve_over(_address: NonNull<u8>, _bytes: usize) -> Result<(), OsError> {
    Err(UNSUPPORTED)
}

/// # Safety
/// None needed: it refuses.
pub(crate) unsafe fn set_protection(
    _address: NonNull<u8>,
    _bytes: usize,
    _protection: Protection,
) -> Result<(), OsError> {
    Err(UNSUPPORTED)
}

/// # Safety
/// None needed: it refuses.
pub(crate) unsafe fn install_guard(_address: NonNull<u8>, _bytes: usize) -> Result<(), OsError> {
    Err(UNSUPPORTED)
}

pub(crate) fn advise_small_pages(_address: NonNull<u8>, _bytes: usize) {}

/// # Safety
/// None needed: there is never a mapping to release.
pub(crate) unsafe fn release_file(_address: NonNull<u8>, _bytes: usize) {}

/// # Safety
/// None needed: there is never a mapping to release.
pub(crate) unsafe fn release(_address: NonNull<u8>, _bytes: usize) -> Result<(), OsError> {
    Err(UNSUPPORTED)
}

pub(crate) fn advise_huge_pages(_address: NonNull<u8>, _bytes: usize) {}

pub(crate) fn resident_bytes(
    _address: NonNull<u8>,
    _bytes: usize,
    _page_bytes: usize,
) -> Option<u64> {
    None
}

/// There are no forks that this backend knows of.
pub(crate) fn at_fork_in_child(_function: extern "C" fn()) {}

/// As above.
pub(crate) fn around_forks(
    _before: extern "C" fn(),
    _in_parent: extern "C" fn(),
    _in_child: extern "C" fn(),
) {
}

pub(crate) fn largest_file() -> Option<u64> {
    None
}

pub(crate) fn address_space_left() -> Option<u64> {
    None
}

pub(crate) fn diagnose(bytes: u64, host: &HostCaps) -> LikelyLimit {
    if bytes > host.address_space_bytes {
        return LikelyLimit::AddressBits { address_space: host.address_space_bytes };
    }
    LikelyLimit::Unknown
}
