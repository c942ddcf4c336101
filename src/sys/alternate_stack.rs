//! What a thread needs so that the handlers of its faults can run: a stack apart from its own.

use super::OsError;
use crate::alloc::try_box;
use core::ffi::{c_int, c_void};
use core::ptr;
use core::sync::atomic::{AtomicU64, Ordering};

unsafe extern "C" {
    /// Of `trap.c`: this thread has what its handlers run on, or has it no more.
    fn wasm_memory_trap_set_armed(is_armed: c_int) -> c_int;
}

/// The stack that handlers run on, in a thread that had none.
struct AlternateStack {
    start: *mut c_void,
    bytes: usize,
}

/// Enough for the handlers of the host's that ours calls, and for the registers of any processor.
const STACK_BYTES: usize = 256 << 10;

/// Gives the thread a stack for handlers, if it has none. Without memory for one they run on its own.
pub(super) fn arm() -> Result<(), OsError> {
    AlternateStack::give_to_thread();
    // SAFETY: no conditions.
    match unsafe { wasm_memory_trap_set_armed(1) } {
        0 => Ok(()),
        error => Err(OsError(error)),
    }
}

/// Called when a thread ends that has a stack of ours.
unsafe extern "C" fn take_from_thread(stack: *mut c_void) {
    // SAFETY: what `give_to_thread` has set, once.
    drop(unsafe { Box::from_raw(stack.cast::<AlternateStack>()) });
}

impl AlternateStack {
    /// The thread's word that keeps its stack. Rust's own variables of threads go too early: a thread may catch traps while
    /// those that C code has set go, and the system looks again what such code leaves behind.
    fn key() -> Option<libc::pthread_key_t> {
        // One more than the key; 0 for none yet. No lock: a child of a fork would wait for a thread that is not there.
        static KEY: AtomicU64 = AtomicU64::new(0);
        let own = |plus_one: u64| libc::pthread_key_t::try_from(plus_one.checked_sub(1)?).ok();
        if let Some(key) = own(KEY.load(Ordering::Acquire)) {
            return Some(key);
        }
        let mut key = 0;
        // SAFETY: it writes into the variable passed; the function lives as long as the library.
        if unsafe { libc::pthread_key_create(&raw mut key, Some(take_from_thread)) } != 0 {
            return None;
        }
        #[allow(clippy::unnecessary_fallible_conversions, reason = "some systems' keys are signed")]
        let plus_one = u64::try_from(key).ok()?.checked_add(1)?;
        match KEY.compare_exchange(0, plus_one, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Some(key),
            Err(of_another) => {
                // SAFETY: made right above, and no thread has set anything.
                unsafe { libc::pthread_key_delete(key) };
                own(of_another)
            }
        }
    }

    fn give_to_thread() {
        let Some(key) = Self::key() else { return };
        let Some(stack) = Self::install() else { return };
        let Ok(stack) = try_box(stack) else { return };
        let stack = Box::into_raw(stack);
        // SAFETY: the key was made by `key`; what is set is what `take_from_thread` expects.
        if unsafe { libc::pthread_setspecific(key, stack.cast()) } != 0 {
            // SAFETY: from into_raw right above.
            drop(unsafe { Box::from_raw(stack) });
        }
    }

    fn current() -> Option<libc::stack_t> {
        // SAFETY: zeros are a value of the structure, which is for the system to fill.
        let mut current: libc::stack_t = unsafe { core::mem::zeroed() };
        // SAFETY: it writes into the structure passed.
        let answer = unsafe { libc::sigaltstack(ptr::null(), &raw mut current) };
        (answer == 0).then_some(current)
    }

    fn install() -> Option<Self> {
        if Self::current()?.ss_flags & libc::SS_DISABLE == 0 {
            return None;
        }
        let guard = super::host().page_bytes;
        let bytes = STACK_BYTES.checked_add(guard)?;
        super::injection::point().ok()?;
        // SAFETY: a fresh mapping.
        let start = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANON,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return None;
        }
        let stack = Self { start, bytes };
        // SAFETY: zeros are a value of the structure.
        let mut wanted: libc::stack_t = unsafe { core::mem::zeroed() };
        wanted.ss_sp = start.wrapping_byte_add(guard);
        wanted.ss_size = STACK_BYTES;
        // SAFETY: the first page of the mapping made above; and the rest of it, which stays as long as the thread.
        let is_set = unsafe {
            super::injection::side_point(libc::ENOMEM).is_ok()
                && libc::mprotect(start, guard, libc::PROT_NONE) == 0
                && super::injection::side_point(libc::EPERM).is_ok()
                && libc::sigaltstack(&raw const wanted, ptr::null_mut()) == 0
        };
        is_set.then_some(stack)
    }

    fn is_current(&self) -> bool {
        let of_mapping = self.start.addr()..self.start.addr().wrapping_add(self.bytes);
        let is_in_use = |stack: &libc::stack_t| {
            stack.ss_flags & libc::SS_DISABLE == 0 && of_mapping.contains(&stack.ss_sp.addr())
        };
        Self::current().as_ref().is_some_and(is_in_use)
    }
}

impl Drop for AlternateStack {
    fn drop(&mut self) {
        // SAFETY: no conditions.
        unsafe { wasm_memory_trap_set_armed(0) };
        if self.is_current() {
            // SAFETY: zeros are a value of the structure.
            let mut none: libc::stack_t = unsafe { core::mem::zeroed() };
            none.ss_flags = libc::SS_DISABLE;
            none.ss_size = STACK_BYTES;
            // SAFETY: the thread ends, and no handler is running on the stack.
            unsafe { libc::sigaltstack(&raw const none, ptr::null_mut()) };
        }
        // SAFETY: the mapping was made by `install`, and no thread uses it any more.
        unsafe { libc::munmap(self.start, self.bytes) };
    }
}
