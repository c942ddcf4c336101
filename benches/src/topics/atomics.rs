//! The atomic accesses of guests, made by the host: at one word that no other thread touches.

use std::hint::black_box;

use crate::probe::{Probe, repeat, succeed};
use crate::row::{Result, Row};
use crate::subjects::floor::OutOfLine;
use crate::subjects::ours::shared::{AtomicsAt, OursShared};
use crate::subjects::ours::{Memory, Ours};
use crate::subjects::{Atomics, Host, Plan};

/// The most, in the instruction itself behind a call.
const GOAL: f64 = 1.5;

const INSTRUCTION: &str = "the instruction behind a function of a shared library";

pub fn rows() -> Vec<Row> {
    vec![
        row("load64", "wasm_memory_atomic_load64", load64, load64),
        row("store64", "wasm_memory_atomic_store64", store64, store64),
        row("add64", "wasm_memory_atomic_rmw64, adding", add64, add64),
        row("add32", "wasm_memory_atomic_rmw32, adding", add32, add32),
        row("cmpxchg64", "wasm_memory_atomic_cmpxchg64 that replaces", cmpxchg64, cmpxchg64),
        unshared(),
    ]
}

/// The same probe twice, because it is of two types.
fn row(
    name: &str,
    about: &str,
    ours: fn(AtomicsAt) -> Probe,
    floor: fn(OutOfLine) -> Probe,
) -> Row {
    Row::new(format!("atomics/{name}"), format!("{about}, in a shared memory"))
        .goal(GOAL)
        .floor(INSTRUCTION, move || Ok(floor(OutOfLine::default())))
        .ours(move || Ok(ours(at::<OursShared>()?)))
}

fn unshared() -> Row {
    let about = "wasm_memory_atomic_rmw64, adding, in a memory that is not shared";
    Row::new("atomics/add64_unshared", about)
        .goal(GOAL)
        .floor(INSTRUCTION, || Ok(add64(OutOfLine::default())))
        .ours(|| Ok(add64(at::<Ours>()?)))
}

/// A word in the middle of a page, zero.
fn at<H: Host<Memory = Memory>>() -> Result<AtomicsAt> {
    let atomics = AtomicsAt::new(H::warm(Plan::one_page())?, black_box(0x4000));
    atomics.store64(0);
    Ok(atomics)
}

fn load64(atomics: impl Atomics + 'static) -> Probe {
    atomics.store64(7);
    assert_eq!(atomics.load64(), 7);
    repeat(move || atomics.load64() as usize)
}

fn store64(atomics: impl Atomics + 'static) -> Probe {
    let value = black_box(7);
    atomics.store64(value);
    assert_eq!(atomics.load64(), value);
    succeed(move || {
        atomics.store64(value);
        true
    })
}

fn add64(atomics: impl Atomics + 'static) -> Probe {
    let operand = black_box(1 << 33);
    assert_eq!((atomics.add64(operand), atomics.load64()), (0, operand));
    repeat(move || atomics.add64(operand) as usize)
}

fn add32(atomics: impl Atomics + 'static) -> Probe {
    let operand = black_box(3);
    assert_eq!((atomics.add32(operand), atomics.add32(0)), (0, operand));
    repeat(move || atomics.add32(operand) as usize)
}

fn cmpxchg64(atomics: impl Atomics + 'static) -> Probe {
    let value = black_box(7);
    assert_eq!((atomics.cmpxchg64(0, value), atomics.cmpxchg64(0, 8)), (0, value));
    succeed(move || atomics.cmpxchg64(value, value) == value)
}
