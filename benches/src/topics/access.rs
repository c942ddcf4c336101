//! Eight bytes in and out through a call, at an aligned offset in the middle of a warm page.

use std::hint::black_box;

use super::{CALL, OUT_OF_LINE_LOAD, OUT_OF_LINE_STORE};
use crate::probe::{Probe, repeat, seen, succeed};
use crate::row::{Result, Row};
use crate::subjects::floor::{out_of_line_load, out_of_line_store};
use crate::subjects::ours::Ours;
use crate::subjects::{Access, Host, Plan};
#[cfg(feature = "peers")]
use crate::subjects::{wasmi, wasmtime};

pub fn rows() -> Vec<Row> {
    let rows = [
        reading(Row::new("access/read_8", "wasm_memory_read of 8 bytes")).ours(read::<Ours>),
        reading(Row::new("access/load_u64", "wasm_memory_load_u64")).ours(load::<Ours>),
        writing(Row::new("access/write_8", "wasm_memory_write of 8 bytes")).ours(write::<Ours>),
        writing(Row::new("access/store_u64", "wasm_memory_store_u64")).ours(store::<Ours>),
    ];
    #[cfg(feature = "peers")]
    let rows = {
        use {wasmi::Wasmi, wasmtime::Wasmtime};
        let [of_read, of_load, of_write, of_store] = rows;
        [
            of_read.peer(wasmtime::NAME, read::<Wasmtime>).peer(wasmi::NAME, read::<Wasmi>),
            of_load.peer(wasmtime::NAME, load::<Wasmtime>).peer(wasmi::NAME, load::<Wasmi>),
            of_write.peer(wasmtime::NAME, write::<Wasmtime>).peer(wasmi::NAME, write::<Wasmi>),
            of_store.peer(wasmtime::NAME, store::<Wasmtime>).peer(wasmi::NAME, store::<Wasmi>),
        ]
    };
    rows.into()
}

fn reading(row: Row) -> Row {
    row.goal(CALL).floor(OUT_OF_LINE_LOAD, || {
        let cell = Box::new(7);
        Ok(repeat(move || out_of_line_load(&cell) as usize))
    })
}

fn writing(row: Row) -> Row {
    row.goal(CALL).floor(OUT_OF_LINE_STORE, || {
        let mut cell = Box::new(0);
        Ok(succeed(move || {
            out_of_line_store(&mut cell, 7);
            true
        }))
    })
}

/// Not known to the optimiser, which could else fold a bounds check that it can see.
fn offset() -> u32 {
    black_box(0x4000)
}

fn read<H: Host<Memory: Access>>() -> Result<Probe> {
    let memory = H::warm(Plan::one_page())?;
    let offset = offset();
    let mut buffer = [0; 8];
    assert!(memory.read(offset, &mut buffer) && buffer == [1; 8]);
    Ok(succeed(move || {
        let done = memory.read(offset, &mut buffer);
        seen(&buffer);
        done
    }))
}

fn load<H: Host<Memory: Access>>() -> Result<Probe> {
    let memory = H::warm(Plan::one_page())?;
    let offset = offset();
    let mut value = 0;
    assert!(memory.load(offset, &mut value) && value == u64::from_le_bytes([1; 8]));
    Ok(succeed(move || {
        let done = memory.load(offset, &mut value);
        seen(&value);
        done
    }))
}

fn write<H: Host<Memory: Access>>() -> Result<Probe> {
    let mut memory = H::warm(Plan::one_page())?;
    let offset = offset();
    let bytes = black_box([2; 8]);
    let mut back = [0; 8];
    assert!(memory.write(offset, &bytes) && memory.read(offset, &mut back) && back == bytes);
    Ok(succeed(move || memory.write(offset, &bytes)))
}

fn store<H: Host<Memory: Access>>() -> Result<Probe> {
    let mut memory = H::warm(Plan::one_page())?;
    let offset = offset();
    let value = black_box(3);
    let mut back = 0;
    assert!(memory.store(offset, value) && memory.load(offset, &mut back) && back == value);
    Ok(succeed(move || memory.store(offset, value)))
}
