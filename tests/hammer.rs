//! Many threads make, dirty, grow and delete memories of one engine at once: each finds zeros and
//! keeps what it wrote.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that goes wrong fails"
)]

use std::thread;
use wasm_memory::{BoundsPolicy, Engine, IndexType, Memory, MemoryType, Pages, Policy};

const THREADS: u64 = 8;
const ROUNDS: u64 = 300;

fn is_zero(memory: &Memory) -> bool {
    let mut bytes = vec![0xff; memory.byte_length()];
    memory.read(0, &mut bytes).unwrap();
    bytes.iter().all(|byte| *byte == 0)
}

fn work(engine: &Engine, thread: u64) {
    for round in 0..ROUNDS {
        // Different sizes, so that regions change hands between memories of different lengths.
        let minimum = 1 + (thread + round) % 3;
        let ty = MemoryType::new(IndexType::I32, minimum, Some(8)).unwrap();
        let memory = Memory::new(engine, ty).unwrap();
        assert!(is_zero(&memory), "thread {thread} round {round}: bytes of another memory");
        let end = memory.byte_length() as u64;
        let mark = thread << 32 | round;
        memory.fill(0, 0xee, end).unwrap();
        memory.store(end - 8, mark).unwrap();
        assert_eq!(memory.grow(Pages(2)).unwrap(), Pages(minimum));
        assert_eq!(memory.load::<u64>(end).unwrap(), 0, "grown bytes are zero");
        memory.store(end + 65_536, mark).unwrap();
        assert_eq!(memory.load::<u64>(end - 8).unwrap(), mark);
    }
}

#[test]
fn threads_share_an_engine_and_never_bytes() {
    for bounds in [BoundsPolicy::Auto, BoundsPolicy::Checked] {
        let engine = Engine::new(Policy { bounds, ..Policy::default() }).unwrap();
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let engine = &engine;
                scope.spawn(move || work(engine, thread));
            }
        });
    }
}

#[test]
fn a_memory_may_be_deleted_on_another_thread() {
    let engine = Engine::new(Policy::default()).unwrap();
    let (send, receive) = std::sync::mpsc::channel::<Memory>();
    thread::scope(|scope| {
        scope.spawn(move || {
            for memory in receive {
                assert_eq!(memory.load::<u8>(7).unwrap(), 7);
            }
        });
        let ty = MemoryType::new(IndexType::I32, 1, None).unwrap();
        for _ in 0..1000 {
            let memory = Memory::new(&engine, ty).unwrap();
            assert_eq!(memory.load::<u8>(7).unwrap(), 0);
            memory.store(7, 7u8).unwrap();
            send.send(memory).unwrap();
        }
        drop(send);
    });
}
