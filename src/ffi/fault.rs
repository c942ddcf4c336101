//! Faults: whose an address is, and guards whose touch becomes a status.

use super::boundary::{leaf_status, status};
use super::memory::wasm_memory_view_t;
use super::sized::{Extensible, fields, fill, report, struct_size};
use super::status::wasm_memory_status_t;
use crate::error::Error;
use crate::fault::{self, Fault, FaultKind, TrapHandlers};
use core::ffi::c_void;

/// What an address is to the memories that live now.
#[allow(non_camel_case_types, reason = "the C name")]
pub type wasm_memory_fault_kind_t = i32;

/// Of no live memory.
pub const WASM_MEMORY_FAULT_FOREIGN: wasm_memory_fault_kind_t = 0;
/// In a memory, where nothing that the library knows of keeps an access away.
pub const WASM_MEMORY_FAULT_ACCESSIBLE: wasm_memory_fault_kind_t = 1;
/// In the range that `wasm_memory_accessible` tells of a memory, but not in the memory.
pub const WASM_MEMORY_FAULT_GUARD: wasm_memory_fault_kind_t = 2;
/// In a memory, in a range that `wasm_memory_protect` has protected or that a file is mapped in for reading only.
pub const WASM_MEMORY_FAULT_PROTECTED: wasm_memory_fault_kind_t = 3;

/// What an address is: see `wasm_memory_classify_fault`.
#[allow(non_camel_case_types, reason = "the C name")]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_memory_fault_t {
    /// Set to `sizeof(wasm_memory_fault_t)` before the call.
    pub struct_size: usize,
    /// One of the `WASM_MEMORY_FAULT_` constants.
    pub kind: wasm_memory_fault_kind_t,
    /// The address from the base of the memory, in bytes; an address before the base wraps. 0 for FOREIGN.
    pub offset: u64,
    /// The length of the memory in bytes; 0 for FOREIGN.
    pub byte_length: u64,
    /// The memory's (`wasm_memory_view`), which tells which memory it is; NULL for FOREIGN. Not to be read after the memory
    /// was deleted.
    pub view: *const wasm_memory_view_t,
}

// SAFETY: repr(C), starts with its size, the fields after it listed.
unsafe impl Extensible for wasm_memory_fault_t {
    const FIELDS: &'static [(usize, usize)] = fields!(wasm_memory_fault_t {
        kind: wasm_memory_fault_kind_t,
        offset: u64,
        byte_length: u64,
        view: *const wasm_memory_view_t,
    });
}

/// `uintptr_t`: cbindgen would make `size_t` of a `usize`.
pub type AddressNumber = usize;

/// What ended a call: see `wasm_memory_catch_trap`.
#[allow(non_camel_case_types, reason = "the C name")]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct wasm_memory_trap_t {
    /// Set to `sizeof(wasm_memory_trap_t)` before the call.
    pub struct_size: usize,
    /// GUARD or PROTECTED; ACCESSIBLE for a mapped file that was cut short.
    pub kind: wasm_memory_fault_kind_t,
    /// The address from the base of the memory, in bytes; an address before the base wraps.
    pub offset: u64,
    /// The length of the memory in bytes.
    pub byte_length: u64,
    /// The address that was touched. Processors of s390x tell its page alone: there it is the page's first, and so is `offset`'s.
    pub address: AddressNumber,
    /// The memory's (`wasm_memory_view`), which tells which memory it is.
    pub view: *const wasm_memory_view_t,
}

// SAFETY: repr(C), starts with its size, the fields after it listed.
unsafe impl Extensible for wasm_memory_trap_t {
    const FIELDS: &'static [(usize, usize)] = fields!(wasm_memory_trap_t {
        kind: wasm_memory_fault_kind_t,
        offset: u64,
        byte_length: u64,
        address: AddressNumber,
        view: *const wasm_memory_view_t,
    });
}

const fn kind(kind: FaultKind) -> wasm_memory_fault_kind_t {
    match kind {
        FaultKind::Foreign => WASM_MEMORY_FAULT_FOREIGN,
        FaultKind::Accessible => WASM_MEMORY_FAULT_ACCESSIBLE,
        FaultKind::Guard => WASM_MEMORY_FAULT_GUARD,
        FaultKind::Protected => WASM_MEMORY_FAULT_PROTECTED,
    }
}

const fn view(fault: &Fault) -> *const wasm_memory_view_t {
    fault.view.cast()
}

/// What an address is to the memories that live now, for a handler of faults that asks whether a fault is a guest's trap.
///
/// It is async-signal-safe: it takes no lock, waits for nobody, allocates nothing and leaves `errno` alone, whatever it has
/// interrupted. All memories are known: guarded, checked, on the heap, shared, imported, made by the host. A memory that
/// another thread makes or deletes at the moment is or is not there. Where a host says that several of its memories have
/// the same bytes, any of them is told.
///
/// Parameters: `address`: any, for example `si_addr`; it is not read. `out`: the caller sets its `struct_size`; the fields that
/// fit are written whole, `struct_size` is left alone.
/// Returns: `OK` (also for an address of no memory, which is FOREIGN), `NULL_ARGUMENT`, `INVALID_ARGUMENT` (a
/// `struct_size` below that of itself: nothing is written).
/// Ownership: none passes; `view` belongs to the memory.
/// Threads: any, also in signal handlers.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_classify_fault(
    address: *const c_void,
    out: *mut wasm_memory_fault_t,
) -> wasm_memory_status_t {
    let of = |size| {
        let fault = fault::classify_fault(address.addr());
        Ok(wasm_memory_fault_t {
            struct_size: size,
            kind: kind(fault.kind),
            offset: fault.offset,
            byte_length: fault.byte_length,
            view: view(&fault),
        })
    };
    // SAFETY: the contract of the ABI: NULL, or the caller's structure.
    leaf_status(|| unsafe { report(out, of) })
}

/// Installs handlers of faults for the process (SIGSEGV and SIGBUS; on Windows, a vectored exception handler), which
/// `wasm_memory_catch_trap` needs. Nothing else in this library installs any.
///
/// They are installed once: further calls count. Each fault that is not a trap goes to what was there before, with its
/// mask and its flags, be that a handler or the default; but a handler without SA_ONSTACK runs on the alternate stack, as ours
/// does. A handler that is set later gets the faults first, and should
/// hand on what is not its own to the one that it has replaced. A further call does not put ours on top again; uninstalling as
/// often and installing anew does.
///
/// Parameters: none.
/// Returns: `OK`, `UNSUPPORTED` (this build knows no way to on this system), `OUT_OF_MEMORY` (the system refused, with
/// `errno`; EAGAIN if the last uninstall has left ours below another's handler eight times).
/// Ownership: each call is to be undone by one of `wasm_memory_trap_handlers_uninstall`.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_memory_trap_handlers_install() -> wasm_memory_status_t {
    status(|| {
        TrapHandlers::install()?.keep();
        Ok(())
    })
}

/// Undoes one `wasm_memory_trap_handlers_install`. The last one brings back what was there before.
///
/// Where another handler was set above ours meanwhile, that one stays. Ours is then below it for good, and hands
/// everything on to what was there before: so the library must not be unloaded (its shared
/// form never is; a static one in a plugin is, and must stay, too, as long as threads live that have caught traps).
///
/// Parameters: none.
/// Returns: `OK`, `INVALID_ARGUMENT` (nothing is installed).
/// Ownership: see `wasm_memory_trap_handlers_install`.
/// Threads: any.
/// Invalidates: with the last one, the catching by `wasm_memory_catch_trap` that is going on: faults there go to the host.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_memory_trap_handlers_uninstall() -> wasm_memory_status_t {
    status(|| {
        if fault::uninstall() {
            return Ok(());
        }
        let expected = "each uninstall belongs to an install before it";
        Err(Error::InvalidArgument { name: "installed trap handlers", value: 0, expected })
    })
}

/// Calls `body(env)`, and ends it when it touches what belongs to a memory and may not be touched: a guard, a protected range,
/// what lies behind the end of a mapped file. All other faults go to whoever handled them before.
///
/// The body is left by `longjmp`. So neither it nor what it calls may hold what has to be released: no lock, no C++ object with a
/// destructor, no frame of Go or Rust. It must return on the thread and stack that it was called on, and not be left in
/// another way. The body may call this library, and this function; what functions of the library touch or call back
/// is not ended: a callback that is to be needs a `wasm_memory_catch_trap` of its own. (Only the functions for single
/// numbers, which hold nothing, end the body when the pointer for their result leads into a guard.) A signal handler that interrupts the body
/// must not touch guards. When the body is ended, what it has done to the signal mask stays, rounding modes are the caller's
/// again, and what it has stored last in ordinary variables may be there or not: what must be known afterwards is `volatile`.
///
/// A thread without an alternate signal stack gets one with its first call, for as long as it lives.
///
/// Parameters: `body`: what is called, on this thread. `env`: passed to it. `out_or_null`: may be NULL; otherwise the caller sets its
/// `struct_size`, and the fields that fit are written whole, all 0 unless something was touched.
/// Returns: `OK` (the body has returned), `OUT_OF_BOUNDS` (it touched a guard), `PROTECTED` (it touched a protected
/// range), `IO` (it touched a mapped file behind the end that the file has now), `NULL_ARGUMENT`, `INVALID_ARGUMENT` (a `struct_size`
/// below that of itself), `UNSUPPORTED` (no handlers are installed), `OUT_OF_MEMORY` (the thread cannot get what it
/// needs). With the last four the body was not called.
/// Ownership: none passes.
/// Threads: any, several at once.
/// Invalidates: nothing.
/// Specification: the trap of an access out of bounds.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_catch_trap(
    body: Option<unsafe extern "C" fn(env: *mut c_void)>,
    env: *mut c_void,
    out_or_null: *mut wasm_memory_trap_t,
) -> wasm_memory_status_t {
    leaf_status(|| {
        let mut size = 0;
        if !out_or_null.is_null() {
            // SAFETY: not NULL, so the caller's structure, which starts with its size.
            size = unsafe { struct_size(out_or_null) }?;
            // SAFETY: the caller's structure has `size` bytes; all zeros are a value of the type.
            unsafe { fill(out_or_null, size, &core::mem::zeroed()) };
        }
        let body = body.ok_or(Error::NullArgument("body"))?;
        // SAFETY: the contract of the ABI: a body that takes this env, and holds nothing where it may be left.
        let Some(trap) = (unsafe { fault::catch_trap(body, env) })? else { return Ok(()) };
        let filled = wasm_memory_trap_t {
            struct_size: size,
            kind: kind(trap.fault.kind),
            offset: trap.fault.offset,
            byte_length: trap.fault.byte_length,
            address: trap.address,
            view: view(&trap.fault),
        };
        if !out_or_null.is_null() {
            // SAFETY: as above.
            unsafe { fill(out_or_null, size, &filled) };
        }
        Err(trap.error())
    })
}
