//! A host in small, in Rust: several threads answer requests, each on a memory of its own, and all of them start from one
//! prepared state.
//!
//! ```text
//! data segments --> image --> memory --> set up --> snapshot --> a memory for each worker --> a request --> reset --+
//!                                                                                  ^                                |
//!                                                                                  +--------------------------------+
//! ```
//!
//! `cargo run --example embedder` prints what happens, and ends with an error if something is not as it says. Functions
//! that reach into the memory play the guest; in a runtime that is compiled code.

#![allow(clippy::arithmetic_side_effects, reason = "an example that overflows fails, as it should")]

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use wasm_memory::{
    Engine, Error, IndexType, Limiter, Memory, MemoryImage, MemoryType, Pages, Policy, PoolOptions,
    Request, Segment, Store, StoreMemory,
};

const PAGE: u64 = 65_536;
const WORDS: &[u8] = b"dog\0horse\0flamingo\0";
const WORDS_AT: u64 = 1024;
const LENGTHS_AT: u64 = 2048;
const ANSWER_AT: u64 = 4096;
const WORKERS: usize = 3;

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

/// What the guest does once, before the first request: it makes a table of the lengths of all words.
fn set_up(memory: &Memory) -> Result<(), Error> {
    let (mut at, mut entry) = (WORDS_AT, LENGTHS_AT);
    while memory.load::<u8>(at)? != 0 {
        let start = at;
        while memory.load::<u8>(at)? != 0 {
            at += 1;
        }
        memory.store(entry, at - start)?;
        (at, entry) = (at + 1, entry + 8);
    }
    Ok(())
}

/// A request: it looks up a length, takes pages for scratch, and leaves what nobody else shall see.
fn answer(memory: &StoreMemory, word: u64, scratch: Pages) -> Result<u64> {
    if memory.load::<u64>(ANSWER_AT)? != 0 {
        return Err("somebody was here before".into());
    }
    let length = memory.load::<u64>(LENGTHS_AT + 8 * word)?;
    memory.store(ANSWER_AT, length)?;
    let new = memory.grow(scratch)?.0 * PAGE;
    memory.fill(new, 0xaa, scratch.0 * PAGE)?;
    Ok(length)
}

/// How large a request may become. The library asks, and tells what it refused.
struct Quota {
    pages: u64,
    refusals: Arc<AtomicU32>,
}

impl Limiter for Quota {
    fn memory_growing(&self, request: &Request) -> bool {
        request.desired_bytes <= self.pages * PAGE
    }

    fn memory_grow_failed(&self, error: &Error) {
        self.refusals.fetch_add(1, Relaxed);
        println!("  refused: {error}");
    }
}

/// The state that every request starts from.
fn prepare(engine: &Engine, ty: MemoryType) -> Result<MemoryImage> {
    let segments = MemoryImage::new(&[Segment { offset: WORDS_AT, bytes: WORDS }])?;
    let memory = Memory::from_image(engine, ty, &segments)?;
    set_up(&memory)?;
    Ok(memory.snapshot()?)
}

/// Answers requests until there are none: which word, and how many pages of scratch it takes.
fn work(
    engine: &Engine,
    ty: MemoryType,
    prepared: &MemoryImage,
    requests: &Mutex<mpsc::Receiver<(u64, u64)>>,
    refusals: Arc<AtomicU32>,
) -> Result<Vec<(u64, u64)>> {
    let store = Store::new(engine)?;
    store.set_limiter(Some(Box::new(Quota { pages: 8, refusals })))?;
    let memory = store.new_memory_from_image(ty, prepared)?;
    let mut answers = Vec::new();
    loop {
        let request = requests.lock().map_err(|_| "a worker has panicked")?.recv();
        let Ok((word, scratch)) = request else { return Ok(answers) };
        match answer(&memory, word, Pages(scratch)) {
            Ok(length) => answers.push((word, length)),
            // The guest's trap; the next request knows nothing of it.
            Err(error) => println!("  the request for word {word} failed: {error}"),
        }
        // This costs what the request has written, not what the memory has.
        memory.reset(Some(prepared))?;
    }
}

fn main() -> Result<()> {
    let pool = PoolOptions { slots: 16, slot_bytes: 64 * PAGE, ..PoolOptions::default() };
    let engine = Engine::new(Policy { pool: Some(pool), ..Policy::default() })?;
    let ty = MemoryType::new(IndexType::I32, 1, Some(64))?;
    let prepared = prepare(&engine, ty)?;

    let (send, requests) = mpsc::channel();
    let requests = Mutex::new(requests);
    let refusals = Arc::new(AtomicU32::new(0));
    for request in [(0, 1), (1, 2), (2, 3), (0, 100), (1, 7), (2, 10), (0, 0)] {
        send.send(request)?;
    }
    drop(send);

    println!("seven requests, {WORKERS} workers:");
    let mut answers = thread::scope(|scope| -> Result<_> {
        let start = |_| {
            let refusals = refusals.clone();
            scope.spawn(|| work(&engine, ty, &prepared, &requests, refusals))
        };
        let workers: Vec<_> = (0..WORKERS).map(start).collect();
        let mut answers = Vec::new();
        for worker in workers {
            answers.extend(worker.join().map_err(|_| "a worker has panicked")??);
        }
        Ok(answers)
    })?;

    answers.sort_unstable();
    println!("answers, as word and length: {answers:?}");
    let stats = engine.pool_stats();
    println!(
        "pool: {} live, {} made in a slot of before, {} new",
        stats.live, stats.hits, stats.misses
    );
    if answers != [(0, 3), (0, 3), (1, 5), (1, 5), (2, 8)]
        || refusals.load(Relaxed) != 2
        || stats.live != 0
    {
        return Err("that is not what was to be expected".into());
    }
    Ok(())
}
