//! For systems where we do not know how processes share memory: the same items as in `processes.rs`. There is
//! never a [`SharedFile`], so nothing that needs one is ever called.

use super::OsError;
use core::convert::Infallible;
use core::ptr::NonNull;

const UNSUPPORTED: OsError = OsError(0);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileIdentity(Infallible);

#[derive(Debug)]
pub(crate) struct SharedFile(Infallible);

impl SharedFile {
    pub(crate) fn new(_bytes: u64) -> Result<Self, OsError> {
        Err(UNSUPPORTED)
    }

    pub(crate) fn of_host(_descriptor: isize) -> Result<Option<Self>, OsError> {
        Err(UNSUPPORTED)
    }

    pub(crate) fn for_host(&self) -> Result<isize, OsError> {
        match self.0 {}
    }

    pub(crate) fn identity(&self) -> Result<FileIdentity, OsError> {
        match self.0 {}
    }

    pub(crate) fn bytes(&self) -> Result<u64, OsError> {
        match self.0 {}
    }

    pub(crate) fn map_start(&self, _bytes: usize) -> Result<NonNull<u8>, OsError> {
        match self.0 {}
    }

    /// # Safety
    /// None needed: there is no such file.
    pub(crate) unsafe fn map_private_over(
        &self,
        _address: NonNull<u8>,
        _bytes: usize,
        _offset: u64,
    ) -> Result<(), OsError> {
        match self.0 {}
    }

    /// # Safety
    /// None needed: there is no such file.
    pub(crate) unsafe fn map_over(
        &self,
        _reservation: NonNull<u8>,
        _bytes: usize,
        _offset: u64,
    ) -> Result<(), OsError> {
        match self.0 {}
    }
}

/// # Safety
/// None needed: it refuses.
pub(crate) unsafe fn zero_shared(_address: NonNull<u8>, _bytes: usize) -> Result<(), OsError> {
    Err(UNSUPPORTED)
}

pub(crate) const LOCK_KIND: u32 = 0;

pub(crate) struct RobustLock(());

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(dead_code, reason = "what other systems answer")]
pub(crate) enum Locked {
    Clean,
    Inherited,
    No,
}

impl RobustLock {
    /// # Safety
    /// None needed: it refuses.
    pub(crate) unsafe fn initialise(_place: *mut Self) -> Result<(), OsError> {
        Err(UNSUPPORTED)
    }

    /// # Safety
    /// None needed: it refuses.
    pub(crate) unsafe fn lock(&self) -> Locked {
        Locked::No
    }

    /// # Safety
    /// None needed: it refuses.
    pub(crate) unsafe fn try_lock(&self) -> Locked {
        Locked::No
    }

    /// # Safety
    /// None needed: nobody has a lock.
    pub(crate) unsafe fn unlock(&self) {}
}
