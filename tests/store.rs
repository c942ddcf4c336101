//! Stores against a naive model of their limits, with limiters that decide at once and later; and
//! memories whose bytes a host in Rust provides.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that goes wrong fails"
)]

use proptest::prelude::*;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wasm_memory::{
    AsyncLimiter, BoundsPolicy, Engine, Error, IndexType, Limiter, Limits, LinearMemory,
    MemoryCreator, MemoryFuture, MemoryType, PageSize, Pages, Policy, Request, SharedMemory, Store,
    StoreMemory, Ticket,
};

const PAGE: u64 = 65_536;

fn store() -> Store {
    Store::new(&Engine::new(Policy::default()).unwrap()).unwrap()
}

fn ty(minimum: u64, maximum: u64) -> MemoryType {
    MemoryType::new(IndexType::I32, minimum, Some(maximum)).unwrap()
}

/// What a limiter has been asked and told.
#[derive(Default)]
struct Seen {
    asked: Vec<(u64, u64)>,
    failures: Vec<Error>,
}

/// Allows what does not pass a number of bytes, at once.
struct Upto(u64, Arc<Mutex<Seen>>);

impl Limiter for Upto {
    fn memory_growing(&self, request: &Request) -> bool {
        self.1.lock().unwrap().asked.push((request.current_bytes, request.desired_bytes));
        request.desired_bytes <= self.0
    }
    fn memory_grow_failed(&self, error: &Error) {
        self.1.lock().unwrap().failures.push(*error);
    }
}

/// Puts its tickets on a pile.
#[derive(Clone, Default)]
struct Pile(Arc<Mutex<Vec<(Request, Ticket)>>>);

impl AsyncLimiter for Pile {
    fn memory_growing(&self, request: &Request, ticket: Ticket) {
        self.0.lock().unwrap().push((*request, ticket));
    }
}

impl Pile {
    fn answer(&self, allow: bool) {
        let (_, ticket) = self.0.lock().unwrap().remove(0);
        ticket.resolve(allow);
    }
    fn waiting(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

#[derive(Clone, Debug)]
enum Operation {
    New { minimum: u64 },
    Grow { which: usize, delta: u64 },
    Delete { which: usize },
    Limit { memory: Option<u64>, total: Option<u64>, memories: Option<u64> },
    Decide(Option<u64>),
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    let limit = || prop::option::of(0u64..20);
    prop_oneof![
        3 => (0u64..5).prop_map(|minimum| New { minimum }),
        5 => (any::<usize>(), 0u64..5).prop_map(|(which, delta)| Grow { which, delta }),
        2 => any::<usize>().prop_map(|which| Delete { which }),
        1 => (limit(), limit(), limit())
            .prop_map(|(memory, total, memories)| Limit { memory, total, memories }),
        1 => limit().prop_map(Decide),
    ]
}

const MAXIMUM: u64 = 12;

/// Who refuses first, in pages: the order that the documentation gives.
fn refusal(
    pages: &[u64],
    current: Option<u64>,
    wanted: u64,
    limits: (Option<u64>, Option<u64>, Option<u64>),
    decided: Option<u64>,
) -> Option<&'static str> {
    let total = pages.iter().sum::<u64>() - current.unwrap_or(0) + wanted;
    let over = |limit: Option<u64>, value: u64| limit.is_some_and(|limit| value > limit);
    if wanted > MAXIMUM {
        return Some("maximum");
    }
    let memories = current.is_none() && over(limits.2, pages.len() as u64 + 1);
    if memories || over(limits.0, wanted) || over(limits.1, total) {
        return Some("limits");
    }
    over(decided, wanted).then_some("limiter")
}

fn name(error: &Error) -> &'static str {
    match error {
        Error::MaximumExceeded { .. } => "maximum",
        Error::LimitDenied { .. } => "limits",
        Error::LimiterDenied { .. } => "limiter",
        other => panic!("{other}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn limits_and_limiter_agree_with_a_naive_model(
        operations in prop::collection::vec(operation(), 0..80)
    ) {
        let store = store();
        let seen = Arc::new(Mutex::new(Seen::default()));
        let (mut memories, mut pages) = (Vec::<StoreMemory>::new(), Vec::<u64>::new());
        let (mut limits, mut decided) = ((None, None, None), None);
        let mut failures = 0;
        for operation in operations {
            let told_before = seen.lock().unwrap().failures.len();
            let mut failed = false;
            match operation {
                Operation::New { minimum } => {
                    let expected = refusal(&pages, None, minimum, limits, decided);
                    match store.new_memory(ty(minimum, MAXIMUM)) {
                        Ok(memory) => {
                            prop_assert_eq!(expected, None);
                            memories.push(memory);
                            pages.push(minimum);
                        }
                        Err(error) => {
                            prop_assert_eq!(expected, Some(name(&error)));
                            failed = true;
                        }
                    }
                }
                Operation::Grow { which, delta } if !memories.is_empty() => {
                    let which = which % memories.len();
                    let current = pages[which];
                    let expected = refusal(&pages, Some(current), current + delta, limits, decided)
                        .filter(|_| delta != 0);
                    match memories[which].grow(Pages(delta)) {
                        Ok(previous) => {
                            prop_assert_eq!((previous, expected), (Pages(current), None));
                            pages[which] += delta;
                        }
                        Err(error) => {
                            prop_assert_eq!(expected, Some(name(&error)));
                            failed = true;
                        }
                    }
                    prop_assert_eq!(memories[which].pages(), Pages(pages[which]));
                }
                Operation::Delete { which } if !memories.is_empty() => {
                    let which = which % memories.len();
                    memories.swap_remove(which);
                    pages.swap_remove(which);
                }
                Operation::Limit { memory, total, memories } => {
                    limits = (memory, total, memories);
                    let bytes = |pages: Option<u64>| pages.map_or(u64::MAX, |pages| pages * PAGE);
                    store.set_limits(Limits {
                        max_memory_bytes: bytes(memory),
                        max_total_bytes: bytes(total),
                        max_memories: memories.unwrap_or(u64::MAX),
                    });
                }
                Operation::Decide(upto) => {
                    decided = upto;
                    let limiter = upto.map(|pages| {
                        Box::new(Upto(pages * PAGE, seen.clone())) as Box<dyn Limiter>
                    });
                    store.set_limiter(limiter).unwrap();
                }
                _ => {}
            }
            failures += usize::from(failed && decided.is_some());
            let told = seen.lock().unwrap().failures.len();
            prop_assert_eq!(told, told_before + usize::from(failed && decided.is_some()));
        }
        prop_assert_eq!(seen.lock().unwrap().failures.len(), failures);
    }
}

#[test]
fn a_limiter_may_use_the_store_that_asks_it() {
    thread_local! {
        static MEMORY: RefCell<Option<StoreMemory>> = const { RefCell::new(None) };
    }
    /// Grows the memory by itself when it is asked the first time.
    struct Greedy(Arc<AtomicUsize>);
    impl Limiter for Greedy {
        fn memory_growing(&self, _: &Request) -> bool {
            self.0.fetch_add(1, Ordering::Relaxed);
            if let Some(memory) = MEMORY.take() {
                assert_eq!(memory.grow(Pages(1)), Ok(Pages(1)));
            }
            true
        }
    }
    let store = store();
    let memory = store.new_memory(ty(1, 4)).unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    MEMORY.set(Some(memory.clone()));
    store.set_limiter(Some(Box::new(Greedy(asked.clone())))).unwrap();
    assert_eq!(memory.grow(Pages(1)), Ok(Pages(2)), "on top of what the limiter took");
    assert_eq!(
        asked.load(Ordering::Relaxed),
        3,
        "the outer question, the inner one, the outer again"
    );
}

/// The answer to a question about one page once let in a memory of six.
#[test]
fn who_obtains_a_memory_that_grows_meanwhile_is_asked_about_what_it_has() {
    struct Slow(SharedMemory, u64, Arc<Mutex<Seen>>);
    impl Limiter for Slow {
        fn memory_growing(&self, request: &Request) -> bool {
            self.2.lock().unwrap().asked.push((request.current_bytes, request.desired_bytes));
            if self.0.pages() < Pages(3) {
                self.0.grow(Pages(1)).unwrap();
            }
            request.desired_bytes <= self.1
        }
    }
    let engine = Engine::new(Policy::default()).unwrap();
    let shared_type = MemoryType::custom(IndexType::I32, PageSize::Wasm, 1, Some(9), true).unwrap();
    for allowed in [3 * PAGE, PAGE] {
        let shared = SharedMemory::new(&engine, shared_type).unwrap();
        let store = Store::new(&engine).unwrap();
        let seen = Arc::default();
        let limiter = Slow(shared.clone(), allowed, Arc::clone(&seen));
        store.set_limiter(Some(Box::new(limiter))).unwrap();
        store.set_limits(Limits { max_total_bytes: 4 * PAGE, ..Limits::default() });
        let obtained = store.obtain(&shared);
        if allowed == PAGE {
            assert!(matches!(obtained, Err(Error::LimiterDenied { .. })));
            assert_eq!(seen.lock().unwrap().asked, [(0, PAGE), (0, 2 * PAGE)]);
            continue;
        }
        assert_eq!(seen.lock().unwrap().asked, [(0, PAGE), (0, 2 * PAGE), (0, 3 * PAGE)]);
        // The account has all three pages: one more is allowed by the limits, two are not.
        assert!(matches!(
            store.new_memory(ty(2, 2)),
            Err(Error::LimitDenied { allowed: 262_144, .. })
        ));
        drop(obtained);
        assert!(store.new_memory(ty(3, 3)).is_ok(), "what was obtained is given back");
    }
}

/// Threads grow one memory through stores of their own: what each store counts is at least what it let through,
/// and in the end what the memory has.
#[test]
fn stores_keep_their_accounts_of_a_memory_that_they_share() {
    let engine = Engine::new(Policy::default()).unwrap();
    let shared_type =
        MemoryType::custom(IndexType::I32, PageSize::Wasm, 1, Some(200), true).unwrap();
    for round in 0..20 {
        let shared = SharedMemory::new(&engine, shared_type).unwrap();
        // Two handles in each store count the memory twice.
        let limits = Limits { max_total_bytes: 500 * PAGE, ..Limits::default() };
        let stores = [(); 2].map(|()| Store::new(&engine).unwrap());
        std::thread::scope(|scope| {
            for number in 0..4usize {
                let (shared, store) = (&shared, &stores[number % 2]);
                scope.spawn(move || {
                    // Some start before there are limits.
                    let memory = store.obtain(shared).unwrap();
                    if number < 2 {
                        store.set_limits(limits);
                    }
                    let delta = 1 + (number as u64 + round) % 3;
                    while memory.grow(Pages(delta)).is_ok() {}
                    while memory.grow(Pages(1)).is_ok() {}
                });
            }
        });
        assert_eq!(shared.pages(), Pages(200));
        for store in &stores {
            let memory = store.obtain(&shared).unwrap();
            // 200 of 500 pages are taken again, and nothing is left of before.
            assert!(store.new_memory(ty(301, 301)).is_err());
            let rest = store.new_memory(ty(300, 300)).unwrap();
            drop((memory, rest));
            assert!(store.new_memory(ty(500, 500)).is_ok());
        }
    }
}

#[test]
fn futures_go_on_with_the_answer_and_are_asked_again_when_the_length_changed() {
    let store = store();
    let pile = Pile::default();
    let memory = store.new_memory(ty(1, 9)).unwrap();
    store.set_async_limiter(Some(Box::new(pile.clone()))).unwrap();

    assert_eq!(memory.grow(Pages(1)), Err(Error::AsyncRequired));
    assert_eq!(memory.grow(Pages(0)), Ok(Pages(1)));
    let first = memory.grow_async(Pages(2)).unwrap();
    let second = memory.grow_async(Pages(3)).unwrap();
    assert_eq!(first.poll(), Err(Error::Pending));
    pile.answer(true);
    pile.answer(true);
    assert_eq!(first.poll(), Ok(()));
    assert_eq!(first.previous_pages(), Some(Pages(1)));
    assert_eq!(second.poll(), Err(Error::Pending), "asked for 1 + 3 pages, now it is 3 + 3");
    assert_eq!(pile.waiting(), 1);
    assert_eq!(pile.0.lock().unwrap()[0].0.current_bytes, 3 * PAGE);
    assert_eq!(second.wait(Some(Duration::from_millis(1))), Err(Error::Pending));
    pile.answer(false);
    assert!(matches!(second.poll(), Err(Error::LimiterDenied { .. })));
    assert_eq!(memory.pages(), Pages(3));

    let creation = store.new_memory_async(ty(2, 9)).unwrap();
    drop(store);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(Duration::from_millis(5));
            pile.answer(true);
        });
        assert_eq!(creation.wait(None), Ok(()));
    });
    assert_eq!(creation.take_memory().unwrap().pages(), Pages(2));
    assert!(matches!(creation.take_memory(), Err(Error::NothingToTake(_))));
    assert_eq!(creation.poll(), Ok(()));
}

#[test]
fn a_ticket_outlives_its_future_and_a_dropped_ticket_means_no() {
    let store = store();
    let pile = Pile::default();
    store.set_async_limiter(Some(Box::new(pile.clone()))).unwrap();
    let given_up: MemoryFuture = store.new_memory_async(ty(1, 1)).unwrap();
    drop(given_up);
    pile.answer(true);
    let denied = store.new_memory_async(ty(1, 1)).unwrap();
    pile.0.lock().unwrap().clear();
    assert!(matches!(denied.poll(), Err(Error::LimiterDenied { .. })));
    assert!(denied.take_memory().is_err());
}

/// A block of the heap that the host has.
struct Block {
    base: *mut u8,
    layout: Layout,
    size: AtomicUsize,
    gone: Arc<AtomicUsize>,
}

// SAFETY: the block belongs to no thread.
unsafe impl Send for Block {}
// SAFETY: as above; its size is atomic.
unsafe impl Sync for Block {}

// SAFETY: the block has `layout.size()` zeroed bytes at a multiple of 64 KiB until it is dropped.
unsafe impl LinearMemory for Block {
    fn byte_size(&self) -> usize {
        self.size.load(Ordering::Relaxed)
    }
    fn maximum_byte_size(&self) -> Option<usize> {
        Some(self.layout.size())
    }
    fn grow_to(&self, new_size: usize) -> Result<(), Error> {
        self.size.store(new_size, Ordering::Relaxed);
        Ok(())
    }
    fn as_ptr(&self) -> *mut u8 {
        self.base
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        self.gone.fetch_add(1, Ordering::Relaxed);
        // SAFETY: allocated with this layout.
        unsafe { dealloc(self.base, self.layout) };
    }
}

#[derive(Default)]
struct Blocks(Arc<AtomicUsize>);

// SAFETY: see Block.
unsafe impl MemoryCreator for Blocks {
    fn new_memory(
        &self,
        _: &MemoryType,
        minimum: usize,
        _: Option<usize>,
        reserved_bytes: usize,
        guard_bytes: usize,
    ) -> Result<Box<dyn LinearMemory>, Error> {
        assert_eq!((reserved_bytes, guard_bytes), (0, 0), "checked memories need no guards");
        let layout = Layout::from_size_align(4 * PAGE as usize, PAGE as usize).unwrap();
        // SAFETY: the size is not zero.
        let base = unsafe { alloc_zeroed(layout) };
        let (size, gone) = (AtomicUsize::new(minimum), self.0.clone());
        Ok(Box::new(Block { base, layout, size, gone }))
    }
}

#[test]
fn a_host_in_rust_provides_the_bytes() {
    let gone = Arc::new(AtomicUsize::new(0));
    let policy = Policy { bounds: BoundsPolicy::Checked, ..Policy::default() };
    let engine = Engine::with_creator(policy, Box::new(Blocks(gone.clone()))).unwrap();
    let store = Store::new(&engine).unwrap();
    let seen = Arc::new(Mutex::new(Seen::default()));
    store.set_limiter(Some(Box::new(Upto(3 * PAGE, seen.clone())))).unwrap();
    let memory = store.new_memory(ty(1, 9)).unwrap();
    drop((store, engine));
    memory.write(PAGE - 3, b"abc").unwrap();
    assert_eq!(memory.grow(Pages(2)), Ok(Pages(1)));
    assert!(matches!(memory.grow(Pages(1)), Err(Error::LimiterDenied { .. })));
    memory.store(3 * PAGE - 8, 7u64).unwrap();
    assert!(memory.store(3 * PAGE - 7, 7u64).is_err());
    memory.discard(PAGE - 2, 3).unwrap();
    assert_eq!(memory.load::<u32>(PAGE - 3), Ok(u32::from(b'a')));
    memory.erase().unwrap();
    assert_eq!(memory.load(3 * PAGE - 8), Ok(0u64));
    assert_eq!(memory.stats().committed_bytes, 3 * PAGE);
    assert_eq!(gone.load(Ordering::Relaxed), 0);
    drop(memory);
    assert_eq!(gone.load(Ordering::Relaxed), 1);
    assert_eq!(seen.lock().unwrap().asked, [(0, PAGE), (PAGE, 3 * PAGE), (3 * PAGE, 4 * PAGE)]);
}
