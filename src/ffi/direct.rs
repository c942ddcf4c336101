//! The bytes themselves: lent to a callback, beside the store's data, as text.

use super::boundary::{Out, status};
use super::memory::{kept, member_of, memory_of, wasm_memory_t};
use super::status::wasm_memory_status_t;
use super::text::CutText;
use crate::error::Error;
use core::ffi::{c_char, c_void};
use core::fmt::{self, Write};
use core::ptr;

/// Gets the bytes of a memory, valid until it returns.
#[allow(non_camel_case_types, reason = "the C name")]
pub type wasm_memory_data_callback_t =
    Option<unsafe extern "C" fn(env: *mut c_void, data: *mut u8, length: usize)>;

/// Lends the bytes to a callback that reads them.
///
/// Until it returns, everything that writes or grows the memory answers `BORROWED`; reading goes on, also by
/// another `wasm_memory_with_data`. Inline and generated code is not held back.
///
/// Parameters: `memory`: not consumed; the callback may delete the handle, and the memory lives until it has
/// returned. `callback`: gets `env`, the base and the length in bytes, and must not write. `env`: passed to it.
/// Returns: `OK`, `NULL_ARGUMENT`, `SHARED` (a shared memory: other threads would not be held back), `BORROWED`
/// (inside `wasm_memory_with_data_mut`).
/// Ownership: the bytes stay the memory's.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_with_data(
    memory: *const wasm_memory_t,
    callback: wasm_memory_data_callback_t,
    env: *mut c_void,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: passed on.
        let memory = unsafe { kept(memory) }?;
        let callback = callback.ok_or(Error::NullArgument("callback"))?;
        // SAFETY: the contract of the ABI: a callback that takes this env.
        memory.with_data(|base, length| unsafe { callback(env, base.cast_mut(), length) })
    })
}

/// Lends the bytes to a callback that may change them.
///
/// Until it returns, everything that reads, writes or grows the memory answers `BORROWED`. Inline and
/// generated code is not held back.
///
/// Parameters: `memory`: not consumed; the callback may delete the handle, and the memory lives until it has
/// returned. `callback`: gets `env`, the base and the length in bytes. `env`: passed to it.
/// Returns: `OK`, `NULL_ARGUMENT`, `SHARED` (a shared memory), `BORROWED` (inside another such call, or
/// `wasm_memory_with_data`).
/// Ownership: the bytes stay the memory's.
/// Threads: one at a time.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_with_data_mut(
    memory: *mut wasm_memory_t,
    callback: wasm_memory_data_callback_t,
    env: *mut c_void,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: passed on.
        let memory = unsafe { kept(memory) }?;
        let callback = callback.ok_or(Error::NullArgument("callback"))?;
        // SAFETY: the contract of the ABI: a callback that takes this env.
        memory.with_data_mut(|base, length| unsafe { callback(env, base, length) })
    })
}

/// The bytes of a memory together with the data of its store: what a host function starts with.
///
/// Parameters: `memory`: not consumed. `out_data`: the base, never NULL on success. `out_length`: the length in
/// bytes. `out_store_data`: what `wasm_store_data_set` gave to the store in which this handle was made, which
/// may have been deleted. Each may be NULL; on failure they are NULL and 0.
/// Returns: `OK`, `NULL_ARGUMENT`, `BORROWED` (the bytes are lent to a callback).
/// Ownership: the bytes stay the memory's, the data the host's.
/// Threads: one at a time.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_data_and_store(
    memory: *mut wasm_memory_t,
    out_data: *mut *mut u8,
    out_length: *mut usize,
    out_store_data: *mut *mut c_void,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: the contract of the ABI.
        let (data, size, store_data) = unsafe {
            (
                Out::optional(out_data, ptr::null_mut()),
                Out::optional(out_length, 0),
                Out::optional(out_store_data, ptr::null_mut()),
            )
        };
        // SAFETY: passed on.
        let member = unsafe { member_of(memory) }?;
        let (base, length) = member.memory().data()?;
        data.set(base);
        size.set(length);
        store_data.set(member.store().data().get());
        Ok(())
    })
}

/// Stops writing when nothing more fits.
struct UntilFull(CutText);

impl Write for UntilFull {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(text)?;
        if self.0.is_full() { Err(fmt::Error) } else { Ok(()) }
    }
}

/// Writes a range of bytes as text: a title, then sixteen bytes to a line, in hexadecimal and ASCII.
///
/// ```text
/// Memory dump from 0x0000 to 0x0013:
/// 0000: 48 65 6c 6c 6f 2c 20 57 65 62 41 73 73 65 6d 62  |Hello, WebAssemb|
/// 0010: 6c 79 21                                         |ly!|
/// ```
///
/// Parameters: `memory`: not consumed. `offset`, `length`: in bytes. `buffer`: the text, cut to fit and ended by
/// a NUL; untouched on failure; NULL only with capacity 0. `capacity`: bytes of `buffer`, the NUL included.
/// `out_needed`: the length of the whole text in bytes without the NUL, 0 on failure; may be NULL.
/// Returns: `OK` (also when the text was cut), `NULL_ARGUMENT`, `BORROWED` (inside
/// `wasm_memory_with_data_mut`), `OUT_OF_BOUNDS`, `PROTECTED`, `IO` (see `wasm_memory_map_file`).
/// Ownership: none passes.
/// Threads: any number that call const functions.
/// Invalidates: nothing.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn wasm_memory_hexdump(
    memory: *const wasm_memory_t,
    offset: u64,
    length: u64,
    buffer: *mut c_char,
    capacity: usize,
    out_needed: *mut usize,
) -> wasm_memory_status_t {
    status(|| {
        // SAFETY: the contract of the ABI.
        let needed = unsafe { Out::optional(out_needed, 0) };
        if buffer.is_null() && capacity != 0 {
            return Err(Error::NullArgument("buffer"));
        }
        // SAFETY: passed on.
        let dump = unsafe { memory_of(memory) }?.hexdump(offset, length)?;
        // SAFETY: the contract of the ABI: the buffer has `capacity` bytes.
        let mut text = UntilFull(unsafe { CutText::new(buffer, capacity) });
        if capacity > 1 {
            // It fails when the buffer is full.
            let _ = write!(text, "{dump}");
        }
        text.0.finish();
        needed.set(usize::try_from(dump.text_length()).unwrap_or(usize::MAX));
        Ok(())
    })
}
