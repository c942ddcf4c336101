//! Asking a memory for its base and its size.

use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{CALL, OUT_OF_LINE_LOAD};
use crate::PAGE;
use crate::probe::{Probe, repeat, succeed, used};
use crate::row::{Result, Row};
use crate::subjects::floor::out_of_line_load;
use crate::subjects::ours::{Ours, View};
#[cfg(wasm2c)]
use crate::subjects::wasm2c;
use crate::subjects::{Base, DataAndStore, Host, Lend, Observe, Plan};
#[cfg(feature = "peers")]
use crate::subjects::{wasmi, wasmtime};

pub fn rows() -> Vec<Row> {
    vec![data(), data_size(), size(), pages(), view(), view_read(), with_data(), data_and_store()]
}

fn call(name: &str, about: &str) -> Row {
    Row::new(name, about).goal(CALL).floor(OUT_OF_LINE_LOAD, floor)
}

fn data() -> Row {
    let row = call("calls/data", "wasm_memory_data").ours(base::<Ours>);
    #[cfg(feature = "peers")]
    let row = row
        .peer(wasmtime::NAME, base::<wasmtime::Wasmtime>)
        .peer(wasmi::NAME, base::<wasmi::Wasmi>);
    row
}

fn data_size() -> Row {
    let row = call("calls/data_size", "wasm_memory_data_size").ours(length::<Ours>);
    #[cfg(feature = "peers")]
    let row = row
        .peer(wasmtime::NAME, length::<wasmtime::Wasmtime>)
        .peer(wasmi::NAME, length::<wasmi::Wasmi>);
    row
}

fn size() -> Row {
    call("calls/size", "wasm_memory_size").ours(|| {
        let memory = Ours::warm(Plan::one_page())?;
        Ok(repeat(move || memory.size() as usize))
    })
}

fn pages() -> Row {
    let row = call("calls/pages", "wasm_memory_pages").ours(pages_of::<Ours>);
    #[cfg(feature = "peers")]
    let row = row
        .peer(wasmtime::NAME, pages_of::<wasmtime::Wasmtime>)
        .peer(wasmi::NAME, pages_of::<wasmi::Wasmi>);
    row
}

fn view() -> Row {
    call("calls/view", "wasm_memory_view").ours(|| {
        let memory = Ours::warm(Plan::one_page())?;
        Ok(repeat(move || memory.view().addr()))
    })
}

/// What inline code does: no call, the two fields of the view.
fn view_read() -> Row {
    let row =
        Row::new("calls/view_read", "base and length from the view's address, without a call")
            .floor("the same from two variables of the host", || {
                let bytes = vec![0_u8; PAGE];
                let view =
                    Box::new(View { base: bytes.as_ptr().cast_mut(), byte_length: bytes.len() });
                Ok(repeat(move || {
                    let _lives = &bytes;
                    read(&raw const *view)
                }))
            })
            .ours(|| {
                let memory = Ours::warm(Plan::one_page())?;
                let view = memory.view();
                Ok(repeat(move || {
                    let _lives = &memory;
                    read(view)
                }))
            });
    #[cfg(wasm2c)]
    let row = row.peer(wasm2c::NAME, || {
        let memory = Box::new(wasm2c::Wasm2c::warm(Plan::one_page())?);
        Ok(repeat(move || {
            let raw = &raw const memory.raw;
            // SAFETY: both are fields of a live structure.
            unsafe {
                used(ptr::read_volatile(&raw const (*raw).data).addr());
                ptr::read_volatile(&raw const (*raw).size) as usize
            }
        }))
    });
    row
}

/// Two calls: ours, and the one it makes.
fn with_data() -> Row {
    let row = Row::new("calls/with_data", "wasm_memory_with_data, whose callback does nothing")
        .floor(OUT_OF_LINE_LOAD, floor)
        .ours(lent::<Ours>);
    #[cfg(feature = "peers")]
    let row = row.peer(wasmi::NAME, lent::<wasmi::Wasmi>);
    row
}

fn data_and_store() -> Row {
    let row = Row::new("calls/data_and_store", "wasm_memory_data_and_store, all three answers")
        .floor(OUT_OF_LINE_LOAD, floor)
        .ours(|| {
            let host = Ours::open(Plan::one_page())?;
            host.hold(&7);
            Ok(data_and_store_of(host.make()))
        });
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, || {
        Ok(data_and_store_of(wasmtime::Wasmtime::warm(Plan::one_page())?))
    });
    row
}

/// Reads both and returns the second.
fn read(view: *const View) -> usize {
    // SAFETY: the view is that of a live memory, or our own.
    unsafe {
        used(ptr::read_volatile(&raw const (*view).base).addr());
        let length: *const AtomicUsize = (&raw const (*view).byte_length).cast();
        (*length).load(Ordering::Acquire)
    }
}

fn floor() -> Result<Probe> {
    let cell = Box::new(PAGE as u64);
    Ok(repeat(move || out_of_line_load(&cell) as usize))
}

fn base<H: Host>() -> Result<Probe> {
    let memory = H::warm(Plan::one_page())?;
    Ok(repeat(move || memory.base().addr()))
}

fn length<H: Host<Memory: Observe>>() -> Result<Probe> {
    let memory = H::warm(Plan::one_page())?;
    assert_eq!(memory.data_size(), PAGE);
    Ok(repeat(move || memory.data_size()))
}

fn lent<H: Host<Memory: Lend>>() -> Result<Probe> {
    let memory = H::warm(Plan::one_page())?;
    Ok(succeed(move || memory.with_data()))
}

fn data_and_store_of(mut memory: impl DataAndStore + 'static) -> Probe {
    assert_eq!(memory.data_and_store(), PAGE);
    repeat(move || memory.data_and_store())
}

fn pages_of<H: Host<Memory: Observe>>() -> Result<Probe> {
    let memory = H::warm(Plan::one_page())?;
    assert_eq!(memory.pages(), 1);
    Ok(repeat(move || memory.pages() as usize))
}
