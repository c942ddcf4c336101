//! Atomic operations, wait and notify.

use super::boundary::{Out, leaf_status, leaf_status_and, status, status_and};
use super::memory::{kept, memory_of, wasm_memory_t};
use super::status::wasm_memory_status_t;
use crate::error::Error;
use crate::memory::{AtomicInteger, RmwOp, WaitResult, atomic_fence};

/// A read-modify-write operation: one of the `WASM_MEMORY_RMW_` constants.
#[allow(non_camel_case_types, reason = "the C name")]
pub type wasm_memory_rmw_op_t = i32;

/// The sum, modulo 2^N.
pub const WASM_MEMORY_RMW_ADD: wasm_memory_rmw_op_t = 0;
/// The old value less the operand, modulo 2^N.
pub const WASM_MEMORY_RMW_SUB: wasm_memory_rmw_op_t = 1;
/// Bitwise and.
pub const WASM_MEMORY_RMW_AND: wasm_memory_rmw_op_t = 2;
/// Bitwise or.
pub const WASM_MEMORY_RMW_OR: wasm_memory_rmw_op_t = 3;
/// Bitwise exclusive or.
pub const WASM_MEMORY_RMW_XOR: wasm_memory_rmw_op_t = 4;
/// The operand: an exchange.
pub const WASM_MEMORY_RMW_XCHG: wasm_memory_rmw_op_t = 5;

/// How a wait went: one of the `WASM_MEMORY_WAIT_` constants, the numbers of the specification.
#[allow(non_camel_case_types, reason = "the C name")]
pub type wasm_memory_wait_result_t = i32;

/// A notify woke the thread, and counted it.
pub const WASM_MEMORY_WAIT_OK: wasm_memory_wait_result_t = 0;
/// The value was not the expected one; the thread did not wait.
pub const WASM_MEMORY_WAIT_MISMATCH: wasm_memory_wait_result_t = 1;
/// The time was over before a notify came.
pub const WASM_MEMORY_WAIT_TIMED_OUT: wasm_memory_wait_result_t = 2;

fn rmw_op(op: wasm_memory_rmw_op_t) -> Result<RmwOp, Error> {
    Ok(match op {
        WASM_MEMORY_RMW_ADD => RmwOp::Add,
        WASM_MEMORY_RMW_SUB => RmwOp::Sub,
        WASM_MEMORY_RMW_AND => RmwOp::And,
        WASM_MEMORY_RMW_OR => RmwOp::Or,
        WASM_MEMORY_RMW_XOR => RmwOp::Xor,
        WASM_MEMORY_RMW_XCHG => RmwOp::Xchg,
        unknown => {
            return Err(Error::InvalidArgument {
                name: "op",
                value: u64::from(unknown.cast_unsigned()),
                expected: "use WASM_MEMORY_RMW_ADD (0), _SUB (1), _AND (2), _OR (3), _XOR (4) or _XCHG (5)",
            });
        }
    })
}

#[inline]
unsafe fn load<T: AtomicInteger>(
    memory: *const wasm_memory_t,
    offset: u64,
    out: *mut T,
    nothing: T,
) -> wasm_memory_status_t {
    leaf_status(|| {
        if out.is_null() {
            return Err(Error::NullArgument("out"));
        }
        // Written once, and last: `out` may lie in the memory.
        // SAFETY: passed on.
        let loaded = unsafe { memory_of(memory) }.and_then(|memory| memory.atomic_load(offset));
        // SAFETY: the contract of the ABI: not NULL, so writable.
        unsafe { out.write(*loaded.as_ref().unwrap_or(&nothing)) };
        loaded.map(drop)
    })
}

#[inline]
unsafe fn store<T: AtomicInteger>(
    memory: *mut wasm_memory_t,
    offset: u64,
    value: T,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    leaf_status(|| unsafe { memory_of(memory) }?.atomic_store(offset, value))
}

#[inline]
unsafe fn rmw<T: AtomicInteger>(
    memory: *mut wasm_memory_t,
    op: wasm_memory_rmw_op_t,
    offset: u64,
    operand: T,
    out_old: *mut T,
    nothing: T,
) -> wasm_memory_status_t {
    // SAFETY: the contract of the ABI.
    let out = unsafe { Out::optional(out_old, nothing) };
    let body = || {
        // SAFETY: passed on.
        let memory = unsafe { memory_of(memory) }?;
        memory.atomic_rmw(rmw_op(op)?, offset, operand)
    };
    leaf_status_and(body, |old| out.set(*old))
}

#[inline]
unsafe fn cmpxchg<T: AtomicInteger>(
    memory: *mut wasm_memory_t,
    offset: u64,
    expected: T,
    replacement: T,
    out_old: *mut T,
    nothing: T,
) -> wasm_memory_status_t {
    // SAFETY: the contract of the ABI.
    let out = unsafe { Out::optional(out_old, nothing) };
    // SAFETY: passed on.
    let body = || unsafe { memory_of(memory) }?.atomic_cmpxchg(offset, expected, replacement);
    leaf_status_and(body, |old| out.set(*old))
}

#[inline]
unsafe fn wait<T: AtomicInteger>(
    memory: *mut wasm_memory_t,
    offset: u64,
    expected: T,
    timeout_ns: i64,
    out: *mut wasm_memory_wait_result_t,
) -> wasm_memory_status_t {
    // SAFETY: the contract of the ABI. Written before anything is found to be NULL.
    let out = unsafe { Out::required(out, WASM_MEMORY_WAIT_OK, "out") };
    let body = || {
        // SAFETY: passed on.
        let now = unsafe { memory_of(memory) }?;
        let out = out?;
        let result = match now.wait_now(offset, expected, timeout_ns)? {
            Some(result) => result,
            // SAFETY: passed on.
            None => unsafe { wait_kept(memory, offset, expected, timeout_ns) }?,
        };
        out.set(match result {
            WaitResult::Ok => WASM_MEMORY_WAIT_OK,
            WaitResult::Mismatch => WASM_MEMORY_WAIT_MISMATCH,
            WaitResult::TimedOut => WASM_MEMORY_WAIT_TIMED_OUT,
        });
        Ok(())
    };
    status(body)
}

/// Waits with a reference of its own: a host that closes a memory may delete the handle before the waiter has
/// returned.
#[cold]
#[inline(never)]
unsafe fn wait_kept<T: AtomicInteger>(
    memory: *mut wasm_memory_t,
    offset: u64,
    expected: T,
    timeout_ns: i64,
) -> Result<WaitResult, Error> {
    // SAFETY: passed on.
    unsafe { kept(memory) }?.wait_asleep(offset, expected, timeout_ns)
}

/// Loads an 8-bit integer atomically; sequentially consistent, little-endian in memory.
///
/// Parameters: `memory`: not consumed. `offset`: in bytes. `out`: the number, 0 on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
/// for in this order (the last two: see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: any number that call const functions; any at all on a shared memory.
/// Invalidates: nothing.
/// Specification: `i32.atomic.load8_u`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_load8(
    memory: *const wasm_memory_t,
    offset: u64,
    out: *mut u8,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { load(memory, offset, out, 0) }
}

/// Stores an 8-bit integer atomically; sequentially consistent, little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `value`: the
/// number.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
/// for in this order (the last two: see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: one at a time; any number on a shared memory.
/// Invalidates: nothing.
/// Specification: `i32.atomic.store8`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_store8(
    memory: *mut wasm_memory_t,
    offset: u64,
    value: u8,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { store(memory, offset, value) }
}

/// Replaces an 8-bit integer by what an operation makes of it, as one atomic step; sequentially consistent,
/// little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `op`: one of the `WASM_MEMORY_RMW_`
/// constants. `offset`: in bytes. `operand`: the other number. `out_old`: the number before, 0 on
/// failure; may be NULL.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (no such operation), `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`,
/// looked for in this order.
/// Ownership: none passes.
/// Threads: one at a time; any number on a shared memory.
/// Invalidates: nothing.
/// Specification: `i32.atomic.rmw8.*_u`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_rmw8(
    memory: *mut wasm_memory_t,
    op: wasm_memory_rmw_op_t,
    offset: u64,
    operand: u8,
    out_old: *mut u8,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { rmw(memory, op, offset, operand, out_old, 0) }
}

/// Replaces an 8-bit integer if it is the expected one, as one atomic step; sequentially consistent,
/// little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes. `expected`: what
/// is to be replaced. `replacement`: by what. `out_old`: the number before, which tells whether it was
/// replaced; 0 on failure; may be NULL.
/// Returns: `OK` (replaced or not), `NULL_ARGUMENT`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
/// for in this order (the last two: see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: one at a time; any number on a shared memory.
/// Invalidates: nothing.
/// Specification: `i32.atomic.rmw8.cmpxchg_u`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_cmpxchg8(
    memory: *mut wasm_memory_t,
    offset: u64,
    expected: u8,
    replacement: u8,
    out_old: *mut u8,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { cmpxchg(memory, offset, expected, replacement, out_old, 0) }
}

/// Loads a 16-bit integer atomically; sequentially consistent, little-endian in memory.
///
/// Parameters: `memory`: not consumed. `offset`: in bytes, a multiple of 2. `out`: the number, 0 on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
/// for in this order (the last two: see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: any number that call const functions; any at all on a shared memory.
/// Invalidates: nothing.
/// Specification: `i32.atomic.load16_u`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_load16(
    memory: *const wasm_memory_t,
    offset: u64,
    out: *mut u16,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { load(memory, offset, out, 0) }
}

/// Stores a 16-bit integer atomically; sequentially consistent, little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes, a multiple of 2.
/// `value`: the number.
/// Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
/// for in this order (the last two: see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: one at a time; any number on a shared memory.
/// Invalidates: nothing.
/// Specification: `i32.atomic.store16`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_store16(
    memory: *mut wasm_memory_t,
    offset: u64,
    value: u16,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { store(memory, offset, value) }
}

/// Replaces a 16-bit integer by what an operation makes of it, as one atomic step; sequentially consistent,
/// little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `op`: one of the `WASM_MEMORY_RMW_`
/// constants. `offset`: in bytes, a multiple of 2. `operand`: the other number. `out_old`: the number
/// before, 0 on failure; may be NULL.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (no such operation), `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`,
/// `PROTECTED`, `IO`, looked for in this order.
/// Ownership: none passes.
/// Threads: one at a time; any number on a shared memory.
/// Invalidates: nothing.
/// Specification: `i32.atomic.rmw16.*_u`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_rmw16(
    memory: *mut wasm_memory_t,
    op: wasm_memory_rmw_op_t,
    offset: u64,
    operand: u16,
    out_old: *mut u16,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { rmw(memory, op, offset, operand, out_old, 0) }
}

/// Replaces a 16-bit integer if it is the expected one, as one atomic step; sequentially consistent,
/// little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes, a multiple of 2.
/// `expected`: what is to be replaced. `replacement`: by what. `out_old`: the number before, which tells
/// whether it was replaced; 0 on failure; may be NULL.
/// Returns: `OK` (replaced or not), `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`,
/// `IO`, looked for in this order (the last two: see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: one at a time; any number on a shared memory.
/// Invalidates: nothing.
/// Specification: `i32.atomic.rmw16.cmpxchg_u`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_cmpxchg16(
    memory: *mut wasm_memory_t,
    offset: u64,
    expected: u16,
    replacement: u16,
    out_old: *mut u16,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { cmpxchg(memory, offset, expected, replacement, out_old, 0) }
}

/// Loads a 32-bit integer atomically; sequentially consistent, little-endian in memory.
///
/// Parameters: `memory`: not consumed. `offset`: in bytes, a multiple of 4. `out`: the number, 0 on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
/// for in this order (the last two: see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: any number that call const functions; any at all on a shared memory.
/// Invalidates: nothing.
/// Specification: `i32.atomic.load`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_load32(
    memory: *const wasm_memory_t,
    offset: u64,
    out: *mut u32,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { load(memory, offset, out, 0) }
}

/// Stores a 32-bit integer atomically; sequentially consistent, little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes, a multiple of 4.
/// `value`: the number.
/// Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
/// for in this order (the last two: see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: one at a time; any number on a shared memory.
/// Invalidates: nothing.
/// Specification: `i32.atomic.store`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_store32(
    memory: *mut wasm_memory_t,
    offset: u64,
    value: u32,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { store(memory, offset, value) }
}

/// Replaces a 32-bit integer by what an operation makes of it, as one atomic step; sequentially consistent,
/// little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `op`: one of the `WASM_MEMORY_RMW_`
/// constants. `offset`: in bytes, a multiple of 4. `operand`: the other number. `out_old`: the number
/// before, 0 on failure; may be NULL.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (no such operation), `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`,
/// `PROTECTED`, `IO`, looked for in this order.
/// Ownership: none passes.
/// Threads: one at a time; any number on a shared memory.
/// Invalidates: nothing.
/// Specification: `i32.atomic.rmw.*`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_rmw32(
    memory: *mut wasm_memory_t,
    op: wasm_memory_rmw_op_t,
    offset: u64,
    operand: u32,
    out_old: *mut u32,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { rmw(memory, op, offset, operand, out_old, 0) }
}

/// Replaces a 32-bit integer if it is the expected one, as one atomic step; sequentially consistent,
/// little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes, a multiple of 4.
/// `expected`: what is to be replaced. `replacement`: by what. `out_old`: the number before, which tells
/// whether it was replaced; 0 on failure; may be NULL.
/// Returns: `OK` (replaced or not), `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`,
/// `IO`, looked for in this order (the last two: see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: one at a time; any number on a shared memory.
/// Invalidates: nothing.
/// Specification: `i32.atomic.rmw.cmpxchg`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_cmpxchg32(
    memory: *mut wasm_memory_t,
    offset: u64,
    expected: u32,
    replacement: u32,
    out_old: *mut u32,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { cmpxchg(memory, offset, expected, replacement, out_old, 0) }
}

/// Loads a 64-bit integer atomically; sequentially consistent, little-endian in memory.
///
/// Parameters: `memory`: not consumed. `offset`: in bytes, a multiple of 8. `out`: the number, 0 on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
/// for in this order (the last two: see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: any number that call const functions; any at all on a shared memory.
/// Invalidates: nothing.
/// Specification: `i64.atomic.load`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_load64(
    memory: *const wasm_memory_t,
    offset: u64,
    out: *mut u64,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { load(memory, offset, out, 0) }
}

/// Stores a 64-bit integer atomically; sequentially consistent, little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes, a multiple of 8.
/// `value`: the number.
/// Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`, `IO`, looked
/// for in this order (the last two: see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: one at a time; any number on a shared memory.
/// Invalidates: nothing.
/// Specification: `i64.atomic.store`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_store64(
    memory: *mut wasm_memory_t,
    offset: u64,
    value: u64,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { store(memory, offset, value) }
}

/// Replaces a 64-bit integer by what an operation makes of it, as one atomic step; sequentially consistent,
/// little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `op`: one of the `WASM_MEMORY_RMW_`
/// constants. `offset`: in bytes, a multiple of 8. `operand`: the other number. `out_old`: the number
/// before, 0 on failure; may be NULL.
/// Returns: `OK`, `NULL_ARGUMENT`, `INVALID_ARGUMENT` (no such operation), `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`,
/// `PROTECTED`, `IO`, looked for in this order.
/// Ownership: none passes.
/// Threads: one at a time; any number on a shared memory.
/// Invalidates: nothing.
/// Specification: `i64.atomic.rmw.*`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_rmw64(
    memory: *mut wasm_memory_t,
    op: wasm_memory_rmw_op_t,
    offset: u64,
    operand: u64,
    out_old: *mut u64,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { rmw(memory, op, offset, operand, out_old, 0) }
}

/// Replaces a 64-bit integer if it is the expected one, as one atomic step; sequentially consistent,
/// little-endian in memory.
///
/// Parameters: `memory`: not consumed; nothing is written on failure. `offset`: in bytes, a multiple of 8.
/// `expected`: what is to be replaced. `replacement`: by what. `out_old`: the number before, which tells
/// whether it was replaced; 0 on failure; may be NULL.
/// Returns: `OK` (replaced or not), `NULL_ARGUMENT`, `UNALIGNED`, `BORROWED`, `OUT_OF_BOUNDS`, `PROTECTED`,
/// `IO`, looked for in this order (the last two: see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: one at a time; any number on a shared memory.
/// Invalidates: nothing.
/// Specification: `i64.atomic.rmw.cmpxchg`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_cmpxchg64(
    memory: *mut wasm_memory_t,
    offset: u64,
    expected: u64,
    replacement: u64,
    out_old: *mut u64,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { cmpxchg(memory, offset, expected, replacement, out_old, 0) }
}

/// Orders what the calling thread does to memories before with what it does after, for all threads:
/// sequentially consistent.
///
/// Parameters: none.
/// Returns: nothing.
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: `atomic.fence`.
#[unsafe(no_mangle)]
pub extern "C" fn wasm_memory_atomic_fence() {
    atomic_fence();
}

/// If the 32-bit integer at an offset is the expected one, waits until a notify wakes the thread. Comparing and
/// starting to wait are one step for every notify. It wakes for no other reason than those named here.
///
/// Parameters: `memory`: not consumed; the handle may be deleted while the thread waits. `offset`: in
/// bytes, a multiple of 4; waits of both widths on an offset share one queue, first come first served.
/// `expected`: the number. `timeout_ns`: the longest wait, in nanoseconds of a clock that never jumps,
/// never cut short; negative: for ever; 0: not at all. `out`: `WASM_MEMORY_WAIT_OK` (a notify counted the
/// thread), `_MISMATCH` (another number was there), `_TIMED_OUT`; 0 on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `NOT_SHARED`, `OUT_OF_BOUNDS`, `CLOSED` (by
/// `wasm_memory_close_waiters`, before or while it waited), `INTERRUPTED` (by
/// `wasm_memory_interrupt_waiters`), `TOO_MANY_WAITERS` (2^32 - 1 threads, or 32768 of all processes on an
/// exported memory). The first five are looked for in this order, before the comparison.
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: `memory.atomic.wait32`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_wait32(
    memory: *mut wasm_memory_t,
    offset: u64,
    expected: u32,
    timeout_ns: i64,
    out: *mut wasm_memory_wait_result_t,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { wait(memory, offset, expected, timeout_ns, out) }
}

/// If the 64-bit integer at an offset is the expected one, waits until a notify wakes the thread. Comparing and
/// starting to wait are one step for every notify. It wakes for no other reason than those named here.
///
/// Parameters: `memory`: not consumed; the handle may be deleted while the thread waits. `offset`: in
/// bytes, a multiple of 8; waits of both widths on an offset share one queue, first come first served.
/// `expected`: the number. `timeout_ns`: the longest wait, in nanoseconds of a clock that never jumps,
/// never cut short; negative: for ever; 0: not at all. `out`: `WASM_MEMORY_WAIT_OK` (a notify counted the
/// thread), `_MISMATCH` (another number was there), `_TIMED_OUT`; 0 on failure.
/// Returns: `OK`, `NULL_ARGUMENT`, `UNALIGNED`, `NOT_SHARED`, `OUT_OF_BOUNDS`, `CLOSED` (by
/// `wasm_memory_close_waiters`, before or while it waited), `INTERRUPTED` (by
/// `wasm_memory_interrupt_waiters`), `TOO_MANY_WAITERS` (2^32 - 1 threads, or 32768 of all processes on an
/// exported memory). The first five are looked for in this order, before the comparison.
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
/// Specification: `memory.atomic.wait64`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_wait64(
    memory: *mut wasm_memory_t,
    offset: u64,
    expected: u64,
    timeout_ns: i64,
    out: *mut wasm_memory_wait_result_t,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    unsafe { wait(memory, offset, expected, timeout_ns, out) }
}

/// Wakes the threads that have waited on an offset the longest, of either width. Each of them returns
/// `WASM_MEMORY_WAIT_OK`, even if its time is over at this moment, and no other does.
///
/// Parameters: `memory`: not consumed. `offset`: in bytes, a multiple of 4. `count`: how many to wake at most;
/// 0xffffffff: all. `out_woken`: how many were woken, 0 on failure; may be NULL.
/// Returns: `OK` (also for a memory that is not shared, on which nobody waits), `NULL_ARGUMENT`, `UNALIGNED`,
/// `OUT_OF_BOUNDS`, looked for in this order.
/// Ownership: none passes.
/// Threads: any on a shared memory; one at a time on others.
/// Invalidates: nothing.
/// Specification: `memory.atomic.notify`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_atomic_notify(
    memory: *mut wasm_memory_t,
    offset: u64,
    count: u32,
    out_woken: *mut u32,
) -> wasm_memory_status_t {
    // SAFETY: the contract of the ABI.
    let out = unsafe { Out::optional(out_woken, 0) };
    // SAFETY: passed on.
    let body = || unsafe { memory_of(memory) }?.atomic_notify(offset, count);
    leaf_status_and(body, |woken| out.set(*woken))
}

/// Ends every wait on the memory, at whatever offset and through whichever handle: each returns `INTERRUPTED`.
/// Later waits are not affected. For hosts that must have a thread back: to stop it, or to let it do something
/// else before it waits again.
///
/// Parameters: `memory`: not consumed. `out_interrupted`: how many waits were ended, 0 on failure; may be
/// NULL.
/// Returns: `OK`, `NULL_ARGUMENT`, `NOT_SHARED`.
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_interrupt_waiters(
    memory: *mut wasm_memory_t,
    out_interrupted: *mut u32,
) -> wasm_memory_status_t {
    // SAFETY: the contract of the ABI.
    let out = unsafe { Out::optional(out_interrupted, 0) };
    // SAFETY: passed on.
    let body = || unsafe { memory_of(memory) }?.interrupt_waiters();
    status_and(body, |interrupted| out.set(*interrupted))
}

/// Ends every wait on the memory, and lets nobody wait on it any more: each of these waits returns `CLOSED`.
/// For hosts that shut down. A second time changes nothing.
///
/// Parameters: `memory`: not consumed. All its handles and tokens are affected, in other processes too.
/// Returns: `OK`, `NULL_ARGUMENT`, `NOT_SHARED`.
/// Ownership: none passes.
/// Threads: any.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_close_waiters(
    memory: *mut wasm_memory_t,
) -> wasm_memory_status_t {
    // SAFETY: passed on.
    status(|| unsafe { memory_of(memory) }?.close_waiters())
}
