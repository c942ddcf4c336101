//! Whose a fault is, and faults that end a call instead of the process.

use crate::directory;
use crate::error::Error;
use crate::memory::View;
use crate::sys::{self, OsError, TRAP_AGAIN, TRAP_END, TRAP_PASS_ON};
use crate::try_lock::{Taken, TryLock};
use core::cell::Cell;
use core::ffi::{c_int, c_void};
use core::ptr;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// What an address is to the memories that live now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// No memory's.
    Foreign,
    /// A memory's, and nothing that the library knows of keeps an access away. If it faulted all the same, a file that is
    /// mapped there has become shorter, or the memory has grown or changed since.
    Accessible,
    /// What belongs to a memory ([`Memory::accessible`](crate::Memory::accessible)) before its start or behind its end.
    Guard,
    /// In a memory, in a range that is protected or has a file mapped for reading only.
    Protected,
}

/// What [`classify_fault`] finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What the address is.
    pub kind: FaultKind,
    /// The address from the base of the memory, in bytes; before the base it wraps.
    pub offset: u64,
    /// The length of the memory in bytes.
    pub byte_length: u64,
    /// The memory's view, as [`Memory::view`](crate::Memory::view) tells it: which memory it is. Null for foreign addresses. Not to be
    /// read where the memory may have gone meanwhile.
    pub view: *const View,
}

impl Fault {
    const FOREIGN: Self =
        Self { kind: FaultKind::Foreign, offset: 0, byte_length: 0, view: ptr::null() };
}

/// What an address is to the memories that live now, for a handler of faults.
///
/// It takes no lock, waits for nobody and allocates nothing: a signal handler may call it, whatever it has interrupted.
/// The memories of stores are known, and shared memories. A [`Memory`](crate::Memory) that Rust may still move is not: its addresses are
/// foreign.
///
/// ```
/// use wasm_memory::{Engine, FaultKind, IndexType, MemoryType, Policy, Store, classify_fault};
///
/// let engine = Engine::new(Policy::default())?;
/// let memory = Store::new(&engine)?.new_memory(MemoryType::new(IndexType::I32, 1, Some(1))?)?;
/// let fault = classify_fault(memory.base().addr() + 5);
/// assert_eq!((fault.kind, fault.offset, fault.byte_length), (FaultKind::Accessible, 5, 65_536));
/// assert!(std::ptr::eq(fault.view, memory.view()));
/// if memory.stats().guard_bytes != 0 {
///     let fault = classify_fault(memory.base().addr() + 70_000);
///     assert_eq!((fault.kind, fault.offset), (FaultKind::Guard, 70_000));
/// }
/// assert_eq!(classify_fault(0).kind, FaultKind::Foreign);
/// # Ok::<(), wasm_memory::Error>(())
/// ```
#[must_use]
pub fn classify_fault(address: usize) -> Fault {
    let Some(finding) = directory::find(address) else { return Fault::FOREIGN };
    let kind = match (finding.is_inside(address), finding.is_protected) {
        (false, _) => FaultKind::Guard,
        (true, false) => FaultKind::Accessible,
        (true, true) => FaultKind::Protected,
    };
    Fault {
        kind,
        offset: (address as u64).wrapping_sub(finding.base as u64),
        byte_length: finding.length as u64,
        view: ptr::with_exposed_provenance(finding.view),
    }
}

/// A fault that ended a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trap {
    /// What was touched.
    pub fault: Fault,
    /// Its address.
    pub address: usize,
}

impl Trap {
    /// The same as an error, with a sentence.
    #[must_use]
    pub fn error(&self) -> Error {
        let (offset, memory_bytes) = (self.fault.offset, self.fault.byte_length);
        match self.fault.kind {
            FaultKind::Guard | FaultKind::Foreign => Error::TouchedGuard { offset, memory_bytes },
            FaultKind::Protected => Error::TouchedProtected { offset, memory_bytes },
            FaultKind::Accessible => Error::TouchedFileEnd { offset, memory_bytes },
        }
    }
}

/// How often the handlers were asked for. They are installed while it is not 0.
static WANTED: TryLock<u64> = TryLock::new(0);
/// Whether the process has been told what to do in the child of a fork.
static IS_PREPARED: AtomicBool = AtomicBool::new(false);
/// The same for who must not wait.
static IS_CATCHING: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether this thread has the lock because it is forking.
    static IS_FORKING: Cell<bool> = const { Cell::new(false) };
}
/// How many threads are, or are about to. Those that install let them go first.
static FORKING: AtomicUsize = AtomicUsize::new(0);

/// The right to install and uninstall them.
fn wanted() -> Taken<'static, u64> {
    // Twice does no harm, and nobody may go on before the first time.
    if !IS_PREPARED.load(Ordering::Acquire) {
        sys::around_forks(before_fork, after_fork, in_child);
        IS_PREPARED.store(true, Ordering::Release);
    }
    // The host's own functions around a fork may call us.
    after_fork();
    while FORKING.load(Ordering::Relaxed) != 0 {
        std::thread::yield_now();
    }
    WANTED.wait()
}

/// While a process is forked, no thread of it installs or uninstalls: the system copies handlers and memory one after the other,
/// and a child in which the one has been done and the other has not would believe in handlers that are not there.
extern "C" fn before_fork() {
    FORKING.fetch_add(1, Ordering::Relaxed);
    // Not for ever: a handler of signals may fork, and have interrupted what has the lock.
    if let Some(taken) = WANTED.patiently() {
        core::mem::forget(taken);
        IS_FORKING.set(true);
    } else {
        FORKING.fetch_sub(1, Ordering::Relaxed);
    }
}

extern "C" fn after_fork() {
    if IS_FORKING.replace(false) {
        WANTED.give_up_for_others();
        FORKING.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Whoever has the lock, it is this thread or one that is not there.
extern "C" fn in_child() {
    IS_FORKING.set(false);
    WANTED.give_up_for_others();
    FORKING.store(0, Ordering::Relaxed);
}

/// The process's handlers of faults, for as long as there is one of these: what [`catch_trap`] needs.
///
/// They are installed on request alone, once, and pass on what is not a trap to what was there before, which is back when
/// the last of these has gone.
#[derive(Debug)]
pub struct TrapHandlers(());

impl TrapHandlers {
    /// Installs the handlers, or counts one user more. Fails with [`Error::Unsupported`] where the library knows no way to.
    pub fn install() -> Result<Self, Error> {
        let mut wanted = wanted();
        if *wanted == 0 {
            sys::install_trap_handlers(recognize).map_err(refused)?;
            IS_CATCHING.store(true, Ordering::Relaxed);
        }
        *wanted = wanted.saturating_add(1);
        Ok(Self(()))
    }

    /// For who counts elsewhere: [`uninstall`] ends it.
    pub(crate) fn keep(self) {
        core::mem::forget(self);
    }
}

/// Ends what a [`TrapHandlers::keep`] has kept. False: there is nothing kept.
pub(crate) fn uninstall() -> bool {
    let mut wanted = wanted();
    let Some(fewer) = wanted.checked_sub(1) else { return false };
    *wanted = fewer;
    if fewer == 0 {
        IS_CATCHING.store(false, Ordering::Relaxed);
        sys::uninstall_trap_handlers();
    }
    true
}

impl Drop for TrapHandlers {
    fn drop(&mut self) {
        uninstall();
    }
}

fn refused(os: OsError) -> Error {
    if os == OsError::none() {
        return Error::Unsupported(
            "this build of the library knows no way to catch faults on this system",
        );
    }
    Error::TrapHandlers { os }
}

/// Calls `body(env)`. If it touches what belongs to a memory and may not be touched, it ends there, and what it has touched is
/// returned. All other faults go to whoever handled them before.
///
/// # Safety
/// `body` may be called with `env`, returns if nothing ends it, on the thread and stack that it was called on, and neither it
/// nor what it calls holds anything that would have to be released: no destructors, no locks, no frames of other runtimes. Functions
/// of this library are not ended, nor what they call back.
///
/// ```
/// use core::ffi::c_void;
/// use wasm_memory::{Engine, FaultKind, IndexType, MemoryType, Policy, Store, TrapHandlers, catch_trap};
///
/// /// What a compiled guest would do.
/// unsafe extern "C" fn load_far_away(base: *mut c_void) {
///     // SAFETY: it is a guard, and `catch_trap` waits for that.
///     unsafe { base.cast::<u8>().wrapping_add(70_000).read_volatile() };
/// }
///
/// # if cfg!(not(all(unix, not(wasm_memory_portable)))) { return Ok(()) }
/// let handlers = TrapHandlers::install()?;
/// let engine = Engine::new(Policy::default())?;
/// let memory = Store::new(&engine)?.new_memory(MemoryType::new(IndexType::I32, 1, None)?)?;
/// # if memory.stats().guard_bytes == 0 { return Ok(()) }
/// // SAFETY: the body holds nothing.
/// let trap = unsafe { catch_trap(load_far_away, memory.base().cast()) }?.expect("a trap");
/// assert_eq!((trap.fault.kind, trap.fault.offset), (FaultKind::Guard, 70_000));
/// # drop(handlers);
/// # Ok::<(), wasm_memory::Error>(())
/// ```
#[inline]
pub unsafe fn catch_trap(
    body: unsafe extern "C" fn(env: *mut c_void),
    env: *mut c_void,
) -> Result<Option<Trap>, Error> {
    if !IS_CATCHING.load(Ordering::Relaxed) {
        return Err(Error::Unsupported(
            "there are no trap handlers: install them first (wasm_memory_trap_handlers_install)",
        ));
    }
    let mut trap = Trap { fault: Fault::FOREIGN, address: 0 };
    // SAFETY: `recognize` writes a Trap; the rest is passed on.
    let is_caught = unsafe { sys::catch_trap(body, env, (&raw mut trap).cast()) };
    Ok(is_caught.map_err(refused)?.then_some(trap))
}

/// What the handler says of a fault that is a bus error and cannot be any other.
const BUS_ERROR_FOR_SURE: c_int = 2;

/// Asked by the handler.
///
/// # Safety
/// `found` points to a [`Trap`].
unsafe extern "C" fn recognize(address: usize, is_bus_error: c_int, found: *mut c_void) -> c_int {
    // Between the last uninstallation and the end of a body that goes on.
    if !IS_CATCHING.load(Ordering::Relaxed) {
        return TRAP_PASS_ON;
    }
    // SAFETY: the caller's, and nobody else looks at it now.
    let trap = unsafe { &mut *found.cast::<Trap>() };
    let mut fault = classify_fault(address);
    if fault.kind == FaultKind::Protected && is_bus_error == BUS_ERROR_FOR_SURE {
        // What is protected against writes is mapped all the same, and its file was cut short.
        fault.kind = FaultKind::Accessible;
    }
    let is_trap = match fault.kind {
        FaultKind::Guard | FaultKind::Protected => true,
        // Perhaps another thread has made the memory grow meanwhile, and the address is accessible now. If it is not, it
        // faults again.
        FaultKind::Accessible if trap.address != address => {
            trap.address = address;
            return TRAP_AGAIN;
        }
        // A file that was cut short; or something that nobody here knows.
        FaultKind::Accessible => is_bus_error != 0,
        FaultKind::Foreign => false,
    };
    if !is_trap {
        return TRAP_PASS_ON;
    }
    *trap = Trap { fault, address };
    TRAP_END
}
