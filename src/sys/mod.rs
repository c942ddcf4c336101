//! The only room that knows an operating system.
//!
//! Each system is one module with the same items; what a system cannot do is data in
//! [`HostCaps`] or an [`OsError`], never a missing function. The rooms above decide policy; this
//! one moves pages. Lengths and addresses given to it are multiples of [`HostCaps::page_bytes`],
//! unless a function says otherwise. It knows no WebAssembly: a page here is a page of the host.
//!
//! | function | what it does |
//! |---|---|
//! | `host` | page size, address bits, whether ranges can be reserved and guarded |
//! | `reserve` | address space that faults on every access and costs no memory |
//! | `map` | readable and writable zeros, at a place where the mapping can probably be extended |
//! | `extend` | more zeros right behind a mapping; `None` when something is there, which is never replaced |
//! | `open`, `close` | make a range of a reservation readable and writable, or make it fault again |
//! | `zero` | make a range of private memory read as zero and give its pages back |
//! | `zero_many` | the same for many ranges at once |
//! | `zero_in_use` | the same while others use the range: none of them ever faults, or loses what it writes later |
//! | `zeros_over`, `reserve_over` | fresh zeros, or what faults, in the place of whatever is mapped in a range |
//! | `set_protection` | what may be done with a range |
//! | `install_guard` | make a range fault without a mapping of its own |
//! | `written_pages` | which pages of a range were written since they were mapped |
//! | `WriteWatch` | which pages of a range were written since a moment |
//! | `release` | give a whole mapping back, or fail and leave it |
//! | `release_file` | give a mapping of a file back |
//! | `advise_huge_pages`, `advise_small_pages` | ask for huge pages, or for none |
//! | `resident_bytes` | how much of a range is in memory now, whoever uses it; `None`: not known, or not mapped |
//! | `present_bytes` | how much of a range this process has in memory now |
//! | `at_fork_in_child`, `around_forks` | have a function called in the child of a fork; and some before and after it |
//! | `largest_file` | what a limit leaves of a file that this process writes |
//! | `address_space_left` | what a limit on the process's address space leaves, if there is one |
//! | `diagnose` | which limit probably made the system refuse memory |
//! | `sleep_while`, `wake` | let a thread sleep while a word has a value, and wake it |
//! | `monotonic_nanoseconds` | the clock that deadlines are on |
//! | `processors` | how many threads can run at once |
//! | `SharedFile`, `zero_shared` | memory that several processes map |
//! | `RobustLock` | a lock in such memory that survives its holder's death |
//! | `HostFile` | a file of the host's, to be mapped into a range |
//! | `SystemPath` | a file of the host's by its path, where the heap may be exhausted |
//! | `copy_by_kernel` | a copy that fails where a program would die by a signal |
//! | `install_trap_handlers`, `uninstall_trap_handlers` | have faults reported, and handed on to who was there before |
//! | `catch_trap`, `suspend_traps` | a call that a fault ends; and what is none of its parts |
//! | `order_threads` | make every thread's earlier stores visible and its later loads fresh, where the system can |
//! | `set_last_error` | what `errno` (`GetLastError`) shows to the C caller |

#[cfg(all(unix, not(wasm_memory_portable)))]
#[path = "unix.rs"]
mod system;

#[cfg(all(windows, not(wasm_memory_portable)))]
#[path = "windows.rs"]
mod system;

#[cfg(not(all(any(unix, windows), not(wasm_memory_portable))))]
#[path = "portable.rs"]
mod system;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(wasm_memory_portable)))]
#[path = "futex.rs"]
#[cfg_attr(loom, allow(dead_code, reason = "a model checker's threads sleep in another way"))]
mod sleeping;

#[cfg(all(windows, not(wasm_memory_portable)))]
#[path = "wait_on_address.rs"]
mod sleeping;

#[cfg(not(all(
    any(target_os = "linux", target_os = "android", windows),
    not(wasm_memory_portable)
)))]
#[path = "parking.rs"]
mod sleeping;

#[cfg(all(target_os = "linux", not(wasm_memory_portable)))]
mod processes;

#[cfg(not(all(target_os = "linux", not(wasm_memory_portable))))]
#[path = "one_process.rs"]
mod processes;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(wasm_memory_portable)))]
#[path = "pages.rs"]
mod written;

#[cfg(not(all(any(target_os = "linux", target_os = "android"), not(wasm_memory_portable))))]
#[path = "unknown_pages.rs"]
mod written;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(wasm_memory_portable)))]
mod page_map;

#[cfg(all(target_os = "linux", not(wasm_memory_portable)))]
mod watch;

#[cfg(not(all(target_os = "linux", not(wasm_memory_portable))))]
#[path = "no_watch.rs"]
mod watch;

#[cfg(all(unix, not(wasm_memory_portable)))]
mod files;

#[cfg(all(windows, not(wasm_memory_portable)))]
#[path = "windows_files.rs"]
mod files;

#[cfg(not(all(any(unix, windows), not(wasm_memory_portable))))]
#[path = "no_files.rs"]
mod files;

#[cfg(all(unix, not(wasm_memory_portable)))]
mod paths;

#[cfg(not(all(unix, not(wasm_memory_portable))))]
#[path = "std_paths.rs"]
mod paths;

pub(crate) mod injection;

#[cfg(all(unix, not(wasm_memory_portable)))]
mod alternate_stack;

#[cfg(all(
    windows,
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(wasm_memory_portable)
))]
#[path = "no_alternate_stack.rs"]
mod alternate_stack;

// build.rs compiles their part in C under the same conditions.
#[cfg(all(
    any(unix, all(windows, any(target_arch = "x86_64", target_arch = "aarch64"))),
    not(wasm_memory_portable)
))]
mod traps;

#[cfg(not(all(
    any(unix, all(windows, any(target_arch = "x86_64", target_arch = "aarch64"))),
    not(wasm_memory_portable)
)))]
#[path = "no_traps.rs"]
mod traps;

pub(crate) use files::*;
pub(crate) use paths::*;
pub(crate) use processes::*;
pub(crate) use sleeping::*;
pub(crate) use system::*;
pub(crate) use traps::*;
pub(crate) use watch::*;
pub(crate) use written::*;

use core::ffi::{c_int, c_void};
use core::fmt;

/// Asked in a handler what is to become of a fault at this address; writes what it has found there. It takes no lock and
/// allocates nothing.
pub(crate) type Recognizer =
    unsafe extern "C" fn(address: usize, is_bus_error: c_int, found: *mut c_void) -> c_int;

/// What a recognizer answers: the fault is not the call's; it ends the call; what faulted would not any more.
pub(crate) const TRAP_PASS_ON: c_int = 0;
pub(crate) const TRAP_END: c_int = 1;
pub(crate) const TRAP_AGAIN: c_int = 2;

/// What a call is that a fault may end.
pub(crate) type Body = unsafe extern "C" fn(env: *mut c_void);

/// What this host can do, asked once per engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostCaps {
    /// The size of a page of the host: the granule of protection and of mappings.
    pub page_bytes: usize,
    /// How many bytes of address space a process can have.
    pub address_space_bytes: u64,
    /// Whether address space can be reserved without memory, and guarded: false on 32-bit hosts,
    /// where 8 GiB do not exist, and on the portable backend.
    pub can_guard: bool,
    /// Whether memory comes in mappings; without them all of it is on the heap.
    pub has_mappings: bool,
    /// Whether memory can be shared with other processes through a descriptor.
    pub has_shared_files: bool,
    /// Whether files can be mapped into memories.
    pub maps_files: bool,
    /// Whether memory that is open counts against a limit of the system before it is touched (the
    /// commit limit of Windows): then no more is opened than is used, and what is idle is closed.
    pub opening_commits: bool,
}

impl HostCaps {
    /// The most bytes that one memory can be, guards included. Neither Rust nor C knows objects of more than
    /// `isize::MAX` bytes, of which a 32-bit process may have the address space.
    pub(crate) fn largest_object(&self) -> u64 {
        self.address_space_bytes.min(isize::MAX as u64)
    }
}

/// What the system answered: an `errno`, or what stands for it elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OsError(pub i32);

impl OsError {
    /// The system was not asked.
    pub(crate) const fn none() -> Self {
        Self(0)
    }

    /// There is no such operation: `EINVAL`, the same number on all systems that have an `errno`; on Windows
    /// `ERROR_INVALID_PARAMETER`.
    pub(crate) const INVALID: Self = Self(if cfg!(windows) { 87 } else { 22 });

    /// Input or output failed: `EIO`, or `ERROR_IO_DEVICE`.
    pub(crate) const IO: Self = Self(if cfg!(windows) { 1117 } else { 5 });

    /// More than a file may have: `EFBIG`, or `ERROR_FILE_TOO_LARGE`.
    pub(crate) const FILE_TOO_LARGE: Self = Self(if cfg!(windows) { 223 } else { 27 });

    /// There is no memory left: `ENOMEM`, the same number on all systems that have an `errno`; on Windows
    /// `ERROR_NOT_ENOUGH_MEMORY`.
    pub(crate) const fn no_memory() -> Self {
        Self(if cfg!(windows) { 8 } else { 12 })
    }
}

/// What may be done with the bytes of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Protection {
    /// Nothing: every access faults.
    None,
    /// Reading.
    Read,
    /// Reading and writing.
    ReadWrite,
}

/// How a file is to be mapped into a memory.
///
/// ```
/// # #[cfg(unix)] {
/// use std::fs::File;
/// use std::os::fd::AsRawFd;
/// use wasm_memory::{Engine, Error, FileMapping, IndexType, Memory, MemoryType, Policy};
///
/// let engine = Engine::new(Policy::default())?;
/// # if !engine.host().has_mappings { return Ok(()) }
/// let memory = Memory::new(&engine, MemoryType::new(IndexType::I32, 1, None)?)?;
/// let page = memory.stats().map_alignment_bytes;
/// let path = std::env::temp_dir().join(format!("wasm_memory_{}.map", std::process::id()));
/// std::fs::write(&path, b"in a file")?;
/// let file = File::open(&path)?;
/// memory.map_file(page, file.as_raw_fd() as isize, 0, page, FileMapping::ReadOnly)?;
/// drop(file);
/// # let _ = std::fs::remove_file(&path);
/// assert_eq!(memory.load::<u8>(page)?, b'i');
/// assert!(matches!(memory.store(page, 0u8), Err(Error::Protected { .. })));
/// memory.unmap(page, page)?;
/// assert_eq!(memory.load::<u8>(page)?, 0);
/// # }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileMapping {
    /// To be read.
    ReadOnly,
    /// What is written stays in the memory.
    CopyOnWrite,
    /// What is written goes into the file.
    Shared,
}

/// The limit that probably made the system refuse memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LikelyLimit {
    /// `RLIMIT_AS` (`ulimit -v`).
    AddressSpace {
        /// The limit in bytes.
        limit: u64,
        /// The bytes in use.
        used: u64,
    },
    /// `RLIMIT_DATA` (`ulimit -d`).
    Data {
        /// The limit in bytes.
        limit: u64,
        /// The bytes in use.
        used: u64,
    },
    /// `vm.max_map_count`.
    Mappings {
        /// The most mappings a process may have.
        limit: u64,
    },
    /// `vm.overcommit_memory=2`.
    StrictOvercommit,
    /// What a Windows system, or a job on it, promises to its processes: memory and paging files together.
    Commit {
        /// The limit in bytes.
        limit: u64,
        /// The bytes that are left of it.
        left: u64,
    },
    /// More than the processor can address.
    AddressBits {
        /// The bytes of address space that a process has.
        address_space: u64,
    },
    /// No limit that could be read explains it.
    Unknown,
}

/// What memory was wanted for, which decides what can be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To make a memory, or a new place for one that moves.
    Reserve,
    /// To make a shared memory, which has all that it can grow to from the start.
    ReserveShared,
    /// To grow a memory where it is.
    Grow,
    /// To put something in the place of a part of a memory, or to protect it.
    Map,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reserve => "reserve a linear memory",
            Self::ReserveShared => {
                "reserve a shared linear memory with all that its maximum allows"
            }
            Self::Grow => "grow a linear memory in place",
            Self::Map => "map or protect a part of a linear memory",
        })
    }
}

impl fmt::Display for LikelyLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::AddressSpace { limit, used } => write!(
                f,
                "the likely limit is RLIMIT_AS (ulimit -v), of which {used} of {limit} bytes are in use"
            ),
            Self::Data { limit, used } => write!(
                f,
                "the likely limit is RLIMIT_DATA (ulimit -d), of which {used} of {limit} bytes are in use"
            ),
            Self::Mappings { limit } => {
                write!(
                    f,
                    "the likely limit is vm.max_map_count: the process has its {limit} mappings"
                )
            }
            Self::StrictOvercommit => {
                write!(f, "the likely limit is vm.overcommit_memory=2 (strict commit accounting)")
            }
            Self::Commit { limit, left } => write!(
                f,
                "the likely limit is that on committed memory (memory and paging files together), of which {left} of {limit} bytes are left"
            ),
            Self::AddressBits { address_space } => write!(
                f,
                "the likely limit is the address space of this host, {address_space} bytes for a process"
            ),
            Self::Unknown => write!(f, "no limit of the process explains it"),
        }
    }
}

impl LikelyLimit {
    /// What helps against the limit.
    pub(crate) const fn advice(&self, purpose: Purpose) -> &'static str {
        match (self, purpose) {
            (Self::AddressSpace { .. } | Self::Data { .. }, Purpose::Map) => {
                "raise it, or delete memories that are not needed"
            }
            (Self::AddressSpace { .. } | Self::Data { .. }, Purpose::Grow) => {
                "raise it, delete memories that are not needed, or set memory_reservation, so that the room is \
                 taken when the memory is made"
            }
            (Self::AddressSpace { .. } | Self::AddressBits { .. }, Purpose::ReserveShared) => {
                "give the type a smaller maximum, delete memories that are not needed, or use memory_bounds AUTO or \
                 CHECKED, which need no guards"
            }
            (Self::Data { .. } | Self::StrictOvercommit, Purpose::ReserveShared) => {
                "raise it, give the type a smaller maximum, or use memory_bounds GUARDED, which opens less at once"
            }
            (Self::Unknown, Purpose::ReserveShared) => {
                "the system may be short of memory; a type with a smaller maximum or memory_bounds AUTO asks for less"
            }
            (Self::AddressSpace { .. }, Purpose::Reserve) => {
                "raise it, use memory_bounds AUTO or CHECKED, or set a smaller memory_reservation or \
                 memory_guard_size"
            }
            (Self::Data { .. }, Purpose::Reserve) => {
                "raise it, or use memory_bounds GUARDED or a smaller memory_reservation, which open less at once"
            }
            (Self::Mappings { .. }, _) => {
                "raise it with sysctl, or delete memories that are not needed"
            }
            (Self::StrictOvercommit, _) => {
                "raise vm.overcommit_ratio, or use memory_bounds GUARDED or a smaller memory_reservation, \
                 which commit less at once"
            }
            (Self::Commit { .. }, _) => {
                "delete memories that are not needed, or give the system a larger paging file, or the job a larger limit"
            }
            (Self::AddressBits { .. }, _) => {
                "set a smaller memory_reservation or memory_guard_size, or use memory_bounds AUTO or CHECKED"
            }
            (Self::Unknown, _) => {
                "the system may be short of memory; a smaller memory_reservation or memory_bounds AUTO asks for less"
            }
        }
    }
}
