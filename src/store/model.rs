//! The stats of stores and engines, against a model that adds everything up at each step.

use super::{Limiter, Limits, Request, Store, StoreMemory, StoreStats};
use crate::engine::Engine;
use crate::image::MemoryImage;
use crate::memory::{Memory, SharedMemory};
use crate::types::{IndexType, MemoryType};
use crate::units::{PageSize, Pages};
use std::collections::BTreeMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// What the store itself does not see.
#[cfg(test)]
mod policies {
    pub(super) use crate::plan::{BoundsPolicy, Policy};
}
use policies::{BoundsPolicy, Policy};

const PAGE: u64 = 65_536;
const MOST_PAGES: u64 = 12;

fn own_type(pages: u64) -> MemoryType {
    MemoryType::new(IndexType::I32, pages, Some(MOST_PAGES)).unwrap()
}

fn shared_type() -> MemoryType {
    MemoryType::custom(IndexType::I32, PageSize::Wasm, 1, Some(MOST_PAGES), true).unwrap()
}

fn engine(bounds: BoundsPolicy) -> Engine {
    Engine::new(Policy { bounds, ..Policy::default() }).unwrap()
}

fn kinds() -> impl Iterator<Item = BoundsPolicy> {
    let kinds = [BoundsPolicy::Checked, BoundsPolicy::Guarded];
    let can_guard = crate::sys::host().can_guard;
    kinds.into_iter().filter(move |bounds| can_guard || *bounds != BoundsPolicy::Guarded)
}

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// A store and what the model knows of it.
struct Known {
    store: Store,
    members: Vec<(StoreMemory, u64)>,
    stats: StoreStats,
}

#[derive(Default)]
struct World {
    stores: Vec<Known>,
    shared: Vec<(SharedMemory, u64)>,
    loose: Vec<(Memory, u64)>,
    /// The length of each memory there is, by its number.
    lengths: BTreeMap<u64, u64>,
    numbers: u64,
}

impl World {
    fn number(&mut self, length: u64) -> u64 {
        self.numbers += 1;
        self.lengths.insert(self.numbers, length);
        self.numbers
    }

    /// Adds up what there is.
    fn sum_up(&mut self) {
        for known in &mut self.stores {
            let lengths = known.members.iter().map(|(_, number)| self.lengths[number]);
            known.stats.memories = known.members.len() as u64;
            known.stats.byte_length = lengths.sum();
            known.stats.peak_bytes = known.stats.peak_bytes.max(known.stats.byte_length);
        }
        let of_stores = self.stores.iter().flat_map(|known| &known.members).map(|member| member.1);
        let others = self.shared.iter().map(|shared| shared.1);
        let loose = self.loose.iter().map(|loose| loose.1);
        let live: Vec<_> = of_stores.chain(others).chain(loose).collect();
        self.lengths.retain(|number, _| live.contains(number));
    }

    /// A growth of the memory has had this outcome: counted in each store that has it.
    fn grown(&mut self, number: u64, delta: u64, is_done: bool) {
        if is_done {
            *self.lengths.get_mut(&number).unwrap() += delta * PAGE;
        }
        for known in &mut self.stores {
            for _ in known.members.iter().filter(|member| member.1 == number) {
                known.stats.grow_count += u64::from(is_done);
                known.stats.grow_failures += u64::from(!is_done);
            }
        }
    }

    fn step(&mut self, engine: &Engine, dice: &mut Dice, image: &MemoryImage) {
        let which = dice.roll(self.stores.len() as u64 + 1) as usize;
        let delta = dice.roll(5) + 1;
        let Some(known) = self.stores.get_mut(which) else {
            return self.step_outside(engine, dice, image);
        };
        let member =
            (!known.members.is_empty()).then(|| dice.roll(known.members.len() as u64) as usize);
        match (dice.roll(12), member) {
            (0 | 1, _) | (_, None) => {
                let pages = dice.roll(3);
                let memory = known.store.new_memory(own_type(pages)).unwrap();
                let number = self.number(pages * PAGE);
                self.stores[which].members.push((memory, number));
            }
            (2, _) => {
                let memory = known.store.new_memory(shared_type()).unwrap();
                let shared = memory.share().unwrap();
                let number = self.number(PAGE);
                self.stores[which].members.push((memory, number));
                self.shared.push((shared, number));
            }
            (3, _) if !self.shared.is_empty() => {
                let (shared, number) = &self.shared[dice.roll(self.shared.len() as u64) as usize];
                known.members.push((known.store.obtain(shared).unwrap(), *number));
            }
            (4 | 5, Some(at)) => drop(known.members.swap_remove(at)),
            (6, Some(at)) if !known.members[at].0.is_shared() => {
                let (memory, number) = &known.members[at];
                let image = (dice.roll(2) == 0).then_some(image);
                memory.reset(image).unwrap();
                let pages = memory.declared_type().minimum().0.max(image.map_or(0, |_| 4));
                *self.lengths.get_mut(number).unwrap() = pages * PAGE;
            }
            (7, Some(at)) => {
                // Past the store: its account has to be asked on both sides for an exact peak.
                let (memory, number) = (&known.members[at].0, known.members[at].1);
                known.store.stats();
                let grown = Memory::grow(memory, Pages(delta));
                known.store.stats();
                self.grown(number, delta, grown.is_ok());
            }
            (_, Some(at)) => {
                let (memory, number) = (&known.members[at].0, known.members[at].1);
                let grown = memory.grow(Pages(delta));
                self.grown(number, delta, grown.is_ok());
            }
        }
    }

    fn step_outside(&mut self, engine: &Engine, dice: &mut Dice, image: &MemoryImage) {
        let delta = dice.roll(5) + 1;
        match dice.roll(8) {
            0 => {
                let number = self.number(2 * PAGE);
                self.loose.push((Memory::new(engine, own_type(2)).unwrap(), number));
            }
            1 => {
                let number = self.number(PAGE);
                self.shared.push((SharedMemory::new(engine, shared_type()).unwrap(), number));
            }
            2 if !self.loose.is_empty() => drop(self.loose.swap_remove(0)),
            3 if !self.shared.is_empty() => drop(self.shared.swap_remove(0)),
            4 if !self.loose.is_empty() => {
                let image = (dice.roll(2) == 0).then_some(image);
                self.loose[0].0.reset(image).unwrap();
                let pages = if image.is_some() { 4 } else { 2 };
                self.lengths.insert(self.loose[0].1, pages * PAGE);
            }
            5 if !self.loose.is_empty() => {
                let (memory, number) = self.loose.last().unwrap();
                let (grown, number) = (memory.grow(Pages(delta)).is_ok(), *number);
                self.grown(number, delta, grown);
            }
            6 | 7 if !self.shared.is_empty() => {
                let (memory, number) = self.shared.last().unwrap();
                let (grown, number) = (memory.grow(Pages(delta)).is_ok(), *number);
                self.grown(number, delta, grown);
            }
            _ => {}
        }
    }

    fn check(&self, engine: &Engine) {
        for known in &self.stores {
            assert_eq!(known.store.stats(), known.stats);
        }
        let stats = engine.stats();
        assert_eq!(stats.stores, self.stores.len() as u64);
        assert_eq!(stats.memories, self.lengths.len() as u64);
        assert_eq!(stats.byte_length, self.lengths.values().sum::<u64>());
        assert!(stats.committed_bytes >= stats.byte_length);
        assert!(stats.reserved_bytes >= stats.committed_bytes);
    }
}

#[test]
fn all_numbers_are_what_adding_up_gives() {
    let prepared = Memory::new(&engine(BoundsPolicy::Checked), own_type(4)).unwrap();
    prepared.store(70_000, 42u64).unwrap();
    let image = prepared.snapshot().unwrap();
    for bounds in kinds() {
        for seed in 1..=20 {
            let engine = engine(bounds);
            let mut dice = Dice(seed * 0x9e37_79b9);
            let mut world = World::default();
            for _ in 0..3 {
                let (store, members) = (Store::new(&engine).unwrap(), Vec::new());
                world.stores.push(Known { store, members, stats: StoreStats::default() });
            }
            for _ in 0..300 {
                world.step(&engine, &mut dice, &image);
                world.sum_up();
                // Who asks all the time would find the peak by asking.
                if dice.roll(40) == 0 {
                    world.check(&engine);
                }
            }
            world.check(&engine);
            drop(world);
            engine.trim_pool();
            assert_eq!(engine.stats(), Default::default(), "{bounds:?}, seed {seed}");
        }
    }
}

#[test]
fn a_store_counts_until_all_that_keeps_it_is_gone() {
    let engine = engine(BoundsPolicy::Checked);
    let stores: Vec<_> = (0..3000).map(|_| Store::new(&engine).unwrap()).collect();
    assert_eq!(engine.stats().stores, 3000);
    let memory = stores[7].new_memory(own_type(1)).unwrap();
    drop(stores);
    assert_eq!((engine.stats().stores, engine.stats().memories), (1, 1));
    drop(memory);
    assert_eq!((engine.stats().stores, engine.stats().memories), (0, 0));
    let again = Store::new(&engine).unwrap();
    assert_eq!(engine.stats().stores, 1);
    drop(again);
}

#[test]
fn the_peak_is_known_where_more_memories_grow_than_are_watched() {
    let engine = engine(BoundsPolicy::Checked);
    let store = Store::new(&engine).unwrap();
    let mut memories: Vec<_> = (0..1000).map(|_| store.new_memory(own_type(0)).unwrap()).collect();
    let sum = |memories: &[StoreMemory]| -> u64 {
        memories.iter().map(|memory| memory.byte_length() as u64).sum()
    };
    let (mut peak, mut count) = (0, 0);
    for round in 1..=4 {
        for memory in &memories {
            memory.grow(Pages(round)).unwrap();
            count += 1;
        }
        peak = peak.max(sum(&memories));
        for at in 0..100 {
            drop(memories.swap_remove(at));
            memories[at].reset(None).unwrap();
        }
    }
    let stats = store.stats();
    assert_eq!((stats.memories, stats.byte_length), (600, sum(&memories)));
    assert_eq!((stats.peak_bytes, stats.grow_count), (peak, count));
}

/// In turns, so that what one thread did has happened before the other goes on: nothing may be missed, whatever the
/// account has seen meanwhile.
#[test]
fn a_peak_that_threads_make_in_turns_is_exact() {
    let engine = engine(BoundsPolicy::Checked);
    let store = Store::new(&engine).unwrap();
    let ty = MemoryType::new(IndexType::I32, 1, Some(1 << 14)).unwrap();
    let turn = Barrier::new(2);
    const ROUNDS: u64 = 4000;
    thread::scope(|scope| {
        scope.spawn(|| {
            let memory = store.new_memory(ty).unwrap();
            for round in 0..ROUNDS {
                if round % 100 == 99 {
                    memory.reset(None).unwrap();
                } else {
                    memory.grow(Pages(1)).unwrap();
                }
                turn.wait();
                turn.wait();
            }
        });
        // Looked at in the end: the other thread waits for its turn.
        let (mut peak, mut wrong) = (0, Vec::new());
        for round in 0..ROUNDS {
            turn.wait();
            let length = (round % 100 + 2) * PAGE;
            let other = store.new_memory(own_type(round % 7)).unwrap();
            other.grow(Pages(1)).unwrap();
            if round % 100 != 99 {
                peak = peak.max(length + (round % 7 + 1) * PAGE);
            }
            drop(other);
            let told = if round % 500 == 42 { store.stats().peak_bytes } else { peak };
            if told != peak {
                wrong.push((round, told, peak));
            }
            turn.wait();
        }
        assert_eq!((wrong, store.stats().peak_bytes), (Vec::new(), peak));
    });
    assert_eq!(store.stats().memories, 0);
}

#[test]
fn what_is_told_while_threads_make_grow_and_delete_is_possible() {
    for bounds in kinds() {
        let engine = engine(bounds);
        let store = Store::new(&engine).unwrap();
        let done = AtomicBool::new(false);
        const THREADS: u64 = 3;
        const ROUNDS: u64 = 400;
        let kept = Memory::new(&engine, own_type(2)).unwrap();
        let shared = SharedMemory::new(&engine, shared_type()).unwrap();
        thread::scope(|scope| {
            let work = || {
                let here = Store::new(&engine).unwrap();
                let always = here.new_memory(own_type(3)).unwrap();
                for _ in 0..ROUNDS {
                    let memory = store.new_memory(own_type(1)).unwrap();
                    memory.grow(Pages(2)).unwrap();
                    assert!(memory.grow(Pages(MOST_PAGES)).is_err());
                    let other = store.obtain(&shared).unwrap();
                    let loose = Memory::new(&engine, own_type(1)).unwrap();
                    loose.grow(Pages(1)).unwrap();
                    drop((memory, other));
                    drop(loose);
                }
                drop(always);
            };
            let workers = [(); THREADS as usize].map(|()| scope.spawn(work));
            let poll = || {
                let mut last = StoreStats::default();
                while !done.load(Ordering::Relaxed) {
                    let stats = store.stats();
                    assert!(stats.memories <= 2 * THREADS);
                    assert!(stats.byte_length <= 4 * THREADS * PAGE);
                    assert!(stats.byte_length >= stats.memories * PAGE);
                    assert!(stats.peak_bytes >= stats.byte_length.max(last.peak_bytes));
                    assert!(stats.peak_bytes <= 4 * THREADS * PAGE);
                    assert!(stats.grow_count >= last.grow_count);
                    assert!(stats.grow_failures >= last.grow_failures);
                    // Each thread fails once for each growth, after it.
                    assert!(stats.grow_failures <= stats.grow_count + THREADS);
                    last = stats;
                    let stats = engine.stats();
                    assert!((1..=1 + THREADS).contains(&stats.stores), "{stats:?}");
                    // What comes while it is added up may count where what has gone does too.
                    assert!(stats.memories >= 2 && stats.memories < 1000, "{stats:?}");
                    assert!(stats.byte_length >= 3 * PAGE && stats.byte_length < 3000 * PAGE);
                    assert!(stats.mappings < 100_000 && stats.reserved_bytes < 1 << 50);
                }
            };
            let pollers = [scope.spawn(poll), scope.spawn(poll)];
            workers.into_iter().for_each(|worker| worker.join().unwrap());
            done.store(true, Ordering::Relaxed);
            pollers.into_iter().for_each(|poller| poller.join().unwrap());
        });
        let stats = store.stats();
        let all = THREADS * ROUNDS;
        assert_eq!((stats.memories, stats.byte_length), (0, 0));
        assert_eq!((stats.grow_count, stats.grow_failures), (all, all));
        assert!(stats.peak_bytes >= 4 * PAGE);
        let now = engine.stats();
        assert_eq!((now.stores, now.memories, now.byte_length), (1, 2, 3 * PAGE));
        drop((kept, shared, store));
        engine.trim_pool();
        assert_eq!(engine.stats(), Default::default());
    }
}

struct Never;

impl Limiter for Never {
    fn memory_growing(&self, request: &Request) -> bool {
        request.current_bytes == 0
    }
}

#[test]
fn growth_that_was_denied_counts_and_asking_for_leave_does_not_raise_the_peak() {
    let store = Store::new(&engine(BoundsPolicy::Checked)).unwrap();
    let memory = store.new_memory(own_type(1)).unwrap();
    store.set_limits(Limits { max_memory_bytes: 3 * PAGE, ..Limits::default() });
    assert!(memory.grow(Pages(3)).is_err());
    memory.grow(Pages(1)).unwrap();
    store.set_limiter(Some(Box::new(Never))).unwrap();
    assert!(memory.grow(Pages(1)).is_err());
    assert!(store.new_memory(own_type(4)).is_err(), "a creation is no growth");
    let stats = store.stats();
    assert_eq!((stats.memories, stats.peak_bytes), (1, 2 * PAGE));
    assert_eq!((stats.grow_count, stats.grow_failures), (1, 2));
    drop(memory);
    let stats = store.stats();
    assert_eq!((stats.memories, stats.peak_bytes), (0, 2 * PAGE));
    assert_eq!((stats.grow_count, stats.grow_failures), (1, 2));
}
