//! Schedules of waits, notifies, interruptions, stores and growth on one shared memory and several threads, one action
//! at a time or several at once. Actions are chosen by the input; how those that run at once meet is up to the machine.
//!
//! Checked: a notify counts as many as return `WAIT_OK`, first come first served as far as can be told; an
//! interruption counts as many as return `INTERRUPTED`; nobody times out that was not to; whoever waits for a value
//! that was changed before a notify of all does not stay asleep; and in the end nobody does.

use crate::ffi::*;
use crate::structs::Stats;
use crate::{Bytes, NULL, P, count_operation, planted, trace};
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};

const WORKERS: usize = 7;
/// Whole words of eight bytes, and upper halves, where only the narrow ones can wait; near and far.
const PLACES: [u64; 6] = [64, 68, 72, 4096, 65_528, 65_532];
const FOR_EVER: i64 = -1;
const ALL: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Action {
    Wait {
        place: usize,
        wide: bool,
        expected: u64,
        timeout: i64,
    },
    Notify {
        place: usize,
        count: u32,
    },
    /// Another value, then a notify of all.
    Change {
        place: usize,
        value: u32,
    },
    Interrupt,
}

#[derive(Clone, Copy, Debug)]
struct Reply {
    worker: usize,
    action: Action,
    status: i32,
    /// Of a wait, its result; else how many were woken or interrupted.
    result: u32,
    took: Duration,
}

struct Task {
    action: Action,
    memory: usize,
    together: Option<Arc<Barrier>>,
}

struct Threads {
    tasks: Vec<Sender<Task>>,
    replies: Receiver<Reply>,
}

/// What an action did. Pointers go as numbers from thread to thread.
fn act(action: Action, memory: usize) -> (i32, u32) {
    let memory = memory as P;
    let mut out = 77u32;
    let at = (&raw mut out) as P;
    // SAFETY: a handle that lives until the call has begun to wait, as the header allows; a place for a number.
    let status = unsafe {
        match action {
            Action::Wait { place, wide: true, expected, timeout } => {
                wasm_memory_atomic_wait64(memory, PLACES[place], expected, timeout, at)
            }
            Action::Wait { place, wide: false, expected, timeout } => {
                wasm_memory_atomic_wait32(memory, PLACES[place], expected as u32, timeout, at)
            }
            Action::Notify { place, count } => {
                wasm_memory_atomic_notify(memory, PLACES[place], count, at)
            }
            Action::Change { place, value } => {
                assert_eq!(wasm_memory_atomic_store32(memory, PLACES[place], value), OK);
                wasm_memory_atomic_notify(memory, PLACES[place], ALL, at)
            }
            Action::Interrupt => wasm_memory_interrupt_waiters(memory, at),
        }
    };
    (status, out)
}

fn work(worker: usize, tasks: Receiver<Task>, replies: Sender<Reply>) {
    for Task { action, memory, together } in tasks {
        if let Some(together) = together {
            together.wait();
        }
        let start = Instant::now();
        let (status, result) = act(action, memory);
        let is_lost = planted(3) && status == OK && matches!(action, Action::Wait { place: 1, .. });
        if is_lost && result == WAIT_OK as u32 {
            continue;
        }
        let reply = Reply { worker, action, status, result, took: start.elapsed() };
        if replies.send(reply).is_err() {
            return;
        }
    }
}

/// The threads are the same for all inputs.
fn threads() -> MutexGuard<'static, Threads> {
    static THREADS: OnceLock<Mutex<Threads>> = OnceLock::new();
    let make = || {
        let (to_us, replies) = channel();
        let tasks = (0..WORKERS)
            .map(|worker| {
                let (tasks, mine) = channel();
                let to_us = to_us.clone();
                std::thread::spawn(move || work(worker, mine, to_us));
                tasks
            })
            .collect();
        Mutex::new(Threads { tasks, replies })
    };
    THREADS.get_or_init(make).lock().expect("an input that failed ended the program")
}

struct Sleeper {
    place: usize,
    /// Those of one number came at once.
    batch: u64,
}

struct World<'a> {
    b: Bytes<'a>,
    threads: MutexGuard<'static, Threads>,
    engines: [P; 2],
    stores: [P; 2],
    token: P,
    handles: Vec<P>,
    values: [u32; PLACES.len()],
    next_value: u32,
    /// What each worker does that has not replied: its action.
    busy: BTreeMap<usize, Action>,
    /// Those of them that are known to be asleep.
    asleep: BTreeMap<usize, Sleeper>,
    batch: u64,
    pages: u64,
    closed: bool,
}

pub fn run(data: &[u8]) {
    let mut world = World::new(Bytes::new(data));
    for _ in 0..300 {
        if world.b.is_empty() {
            break;
        }
        if world.b.u8().is_multiple_of(3) { world.several() } else { world.one() }
    }
    world.end();
}

// Every call below gets handles that live and places for what it writes.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl<'a> World<'a> {
    fn new(mut b: Bytes<'a>) -> Self {
        let exportable = b.u8().is_multiple_of(3) && !cfg!(wasm_memory_portable);
        let (engines, stores, token, handles) = unsafe {
            let config = wasm_config_new();
            wasm_config_memory_exportable_set(config, exportable);
            let engines = [wasm_engine_new_with_config(config), wasm_engine_new()];
            let stores = [wasm_store_new(engines[0]), wasm_store_new(engines[1])];
            let (mut ty, mut token) = (NULL, NULL);
            assert_eq!(
                wasm_memorytype_try_new(1, true, 6, false, true, 16, (&raw mut ty) as P),
                OK
            );
            assert_eq!(wasm_shared_memory_new(engines[0], ty, (&raw mut token) as P), OK);
            let mut handles =
                vec![wasm_memory_obtain(stores[0], token), wasm_memory_obtain(stores[1], token)];
            if exportable {
                // The same bytes once more, as another process would have them.
                let (mut fd, mut other) = (0isize, NULL);
                assert_eq!(wasm_shared_memory_export(token, (&raw mut fd) as P), OK);
                let status = wasm_shared_memory_import(engines[1], ty, fd, (&raw mut other) as P);
                assert_eq!(status, OK);
                assert_eq!(libc::close(fd as i32), 0);
                handles.push(wasm_memory_obtain(stores[1], other));
                wasm_shared_memory_delete(other);
            }
            wasm_memorytype_delete(ty);
            (engines, stores, token, handles)
        };
        assert!(handles.iter().all(|handle| !handle.is_null()));
        Self {
            b,
            threads: threads(),
            engines,
            stores,
            token,
            handles,
            values: [0; PLACES.len()],
            next_value: 1,
            busy: BTreeMap::new(),
            asleep: BTreeMap::new(),
            batch: 0,
            pages: 1,
            closed: false,
        }
    }

    fn handle(&mut self) -> P {
        let at = self.b.index(self.handles.len());
        self.handles[at]
    }

    fn waiters(&self) -> usize {
        let mut stats = core::mem::MaybeUninit::<Stats>::zeroed();
        unsafe {
            (*stats.as_mut_ptr()).struct_size = core::mem::offset_of!(Stats, resident_bytes);
            assert_eq!(wasm_memory_stats(self.handles[0], stats.as_mut_ptr() as P), OK);
            (*stats.as_ptr()).waiters as usize
        }
    }

    fn idle(&self) -> Vec<usize> {
        (0..WORKERS).filter(|worker| !self.busy.contains_key(worker)).collect()
    }

    fn send(&mut self, worker: usize, action: Action, together: Option<Arc<Barrier>>) {
        let memory = self.handle() as usize;
        count_operation();
        trace!("  worker {worker}: {action:?}");
        self.busy.insert(worker, action);
        self.threads.tasks[worker]
            .send(Task { action, memory, together })
            .expect("a thread that works");
    }

    /// Waits until each has replied or sleeps, and returns what they said.
    fn settle(&mut self) -> Vec<Reply> {
        let mut replies = Vec::new();
        let patience = Duration::from_secs(if planted(3) { 2 } else { 20 });
        let start = Instant::now();
        let mut rounds = 0;
        loop {
            while let Ok(reply) = self.threads.replies.try_recv() {
                trace!("  {reply:?}");
                self.busy.remove(&reply.worker);
                replies.push(reply);
            }
            let can_sleep =
                |action: &Action| matches!(action, Action::Wait { timeout, .. } if *timeout < 0);
            if self.busy.values().all(can_sleep) && self.waiters() == self.busy.len() {
                break;
            }
            assert!(
                start.elapsed() < patience,
                "{} of {:?} wait and the others do not come back",
                self.waiters(),
                self.busy
            );
            rounds += 1;
            if rounds > 100 {
                std::thread::sleep(Duration::from_micros(20));
            } else {
                std::thread::yield_now();
            }
        }
        replies
    }

    /// A wait for what is there, or for something else.
    fn wait(&mut self) -> Action {
        let place = self.b.index(PLACES.len());
        let wide = PLACES[place].is_multiple_of(8) && self.b.flag();
        let mut expected = u64::from(self.values[place]);
        if wide {
            // The half above, if it has a place of its own; else it never changes.
            let above = PLACES.iter().position(|other| *other == PLACES[place] + 4);
            expected |= above.map_or(0, |above| u64::from(self.values[above])) << 32;
        }
        let timeout = match self.b.u8() % 16 {
            0 => 0,
            1 => i64::MIN,
            2..=5 => i64::from(self.b.u8()) * 1000,
            6 => {
                expected ^= 1 << 31;
                FOR_EVER
            }
            _ => FOR_EVER,
        };
        Action::Wait { place, wide, expected, timeout }
    }

    fn count(&mut self) -> u32 {
        match self.b.u8() % 8 {
            0 => ALL,
            1 => 0,
            choice => u32::from(choice) % 4 + 1,
        }
    }

    fn change(&mut self) -> Action {
        self.next_value += 1;
        Action::Change { place: self.b.index(PLACES.len()), value: self.next_value }
    }

    /// Whether the value is there at this moment, while nobody changes it.
    fn is_there(&self, place: usize, wide: bool, expected: u64) -> bool {
        let mut now = u64::from(self.values[place]);
        if wide {
            let above = PLACES.iter().position(|other| *other == PLACES[place] + 4);
            now |= above.map_or(0, |above| u64::from(self.values[above])) << 32;
        }
        now == expected
    }

    /// Takes those that were woken at a place out of the model: as many as were counted, the first ones.
    fn woken(&mut self, place: usize, count: u32, replies: &[Reply]) {
        let there = self.asleep.values().filter(|sleeper| sleeper.place == place).count();
        assert_eq!(count as usize, replies.len(), "those that were counted and those that woke");
        let mut last = 0;
        for reply in replies {
            assert_eq!((reply.status, reply.result), (OK, WAIT_OK as u32));
            let sleeper = self.asleep.remove(&reply.worker).expect("only who sleeps wakes");
            assert_eq!(sleeper.place, place, "one that waits elsewhere woke");
            last = last.max(sleeper.batch);
        }
        let mut left = self.asleep.values().filter(|sleeper| sleeper.place == place);
        let first_left =
            left.next().map(|first| left.fold(first.batch, |least, one| least.min(one.batch)));
        if let Some(first_left) = first_left {
            let in_order = if planted(2) && count > 1 {
                last < first_left.saturating_sub(1)
            } else {
                last <= first_left
            };
            assert!(in_order, "who came later woke earlier: {last}, {first_left} of {there}");
        }
    }

    /// One action, whose outcome is known.
    fn one(&mut self) {
        self.batch += 1;
        match self.b.u8() % 16 {
            0..=6 => {
                let Some(worker) = self.idle().first().copied() else { return };
                let action = self.wait();
                self.send(worker, action, None);
                let replies = self.settle();
                let Action::Wait { place, wide, expected, timeout } = action else {
                    unreachable!()
                };
                let is_there = self.is_there(place, wide, expected);
                let expected = match (self.closed, is_there, timeout) {
                    (true, ..) => Some((CLOSED, 0)),
                    (_, false, _) => Some((OK, WAIT_MISMATCH)),
                    (_, _, 0..) => Some((OK, WAIT_TIMED_OUT)),
                    _ => None,
                };
                let outcome = replies.first().map(|reply| (reply.status, reply.result as i32));
                assert_eq!((outcome, replies.len()), (expected, usize::from(expected.is_some())));
                match replies.first() {
                    Some(reply) if reply.result as i32 == WAIT_TIMED_OUT && reply.status == OK => {
                        assert!(
                            reply.took >= Duration::from_nanos(timeout as u64),
                            "too early: {reply:?}"
                        );
                    }
                    Some(_) => {}
                    None => {
                        self.asleep.insert(worker, Sleeper { place, batch: self.batch });
                    }
                }
            }
            7..=10 => {
                let (place, count) = (self.b.index(PLACES.len()), self.count());
                self.notify(Action::Notify { place, count });
            }
            11 => {
                let action = self.change();
                self.notify(action);
            }
            12 => {
                let handle = self.handle();
                count_operation();
                let (status, count) = act(Action::Interrupt, handle as usize);
                trace!("interrupt: {count}");
                let replies = self.settle();
                assert_eq!(
                    (status, count as usize, replies.len()),
                    (OK, self.asleep.len(), self.asleep.len())
                );
                for reply in replies {
                    assert_eq!((reply.status, reply.result), (INTERRUPTED, 0));
                    self.asleep.remove(&reply.worker).expect("only who sleeps is interrupted");
                }
            }
            13 => {
                let handle = self.handle();
                let fits = self.pages < 6;
                let mut previous = 77u64;
                count_operation();
                let status = unsafe { wasm_memory_try_grow(handle, 1, (&raw mut previous) as P) };
                assert_eq!(status, if fits { OK } else { MAXIMUM_EXCEEDED });
                assert_eq!(previous, if fits { self.pages } else { 0 });
                self.pages += u64::from(fits);
            }
            14 => {
                // Another handle in the place of one through which somebody may wait.
                let at = self.b.index(2);
                count_operation();
                unsafe {
                    wasm_memory_delete(self.handles[at]);
                    self.handles[at] = wasm_memory_obtain(self.stores[at], self.token);
                }
                assert!(!self.handles[at].is_null());
                assert_eq!(
                    self.waiters(),
                    self.asleep.len(),
                    "deleting a handle changed who waits"
                );
            }
            _ => {
                if self.b.u8().is_multiple_of(8) {
                    self.close();
                }
            }
        }
    }

    fn notify(&mut self, action: Action) {
        let handle = self.handle();
        count_operation();
        let (status, mut count) = act(action, handle as usize);
        trace!("{action:?}: {count}");
        let (place, most) = match action {
            Action::Change { place, value } => {
                self.values[place] = value;
                (place, ALL)
            }
            Action::Notify { place, count } => (place, count),
            _ => unreachable!(),
        };
        if planted(1) && most == 3 && count == 3 {
            count = 2;
        }
        let there = self.asleep.values().filter(|sleeper| sleeper.place == place).count();
        assert_eq!((status, count as usize), (OK, there.min(most as usize)), "how many were woken");
        let replies = self.settle();
        self.woken(place, count, &replies);
    }

    /// Several actions at once.
    fn several(&mut self) {
        self.batch += 1;
        let idle = self.idle();
        let many = (2 + self.b.index(5)).min(idle.len());
        let before = self.values;
        let mut actions = Vec::new();
        for _ in 0..many {
            actions.push(match self.b.u8() % 16 {
                0..=7 => self.wait(),
                8..=11 => Action::Notify { place: self.b.index(PLACES.len()), count: self.count() },
                12..=14 => self.change(),
                _ => Action::Interrupt,
            });
        }
        // Two changes of one place: which is the last is not known.
        let mut changed = [false; PLACES.len()];
        for action in &mut actions {
            if let Action::Change { place, value } = *action {
                if std::mem::replace(&mut changed[place], true) {
                    *action = Action::Notify { place, count: ALL };
                } else {
                    self.values[place] = value;
                }
            }
        }
        trace!("at once");
        let together = self.b.flag().then(|| Arc::new(Barrier::new(many)));
        for (action, worker) in actions.iter().zip(&idle) {
            self.send(*worker, *action, together.clone());
        }
        let replies = self.settle();
        let (mut counted, mut woken) = ([0u32; PLACES.len()], [0u32; PLACES.len()]);
        let (mut interruptions, mut interrupted) = (0, 0);
        for reply in &replies {
            match (reply.action, reply.status) {
                (Action::Notify { place, .. } | Action::Change { place, .. }, OK) => {
                    counted[place] += reply.result
                }
                (Action::Interrupt, OK) => interruptions += reply.result,
                (Action::Wait { .. }, INTERRUPTED) => interrupted += 1,
                (Action::Wait { .. }, CLOSED) => assert!(self.closed, "not closed: {reply:?}"),
                (Action::Wait { place, wide, expected, timeout }, OK) => {
                    match reply.result as i32 {
                        WAIT_OK => woken[place] += 1,
                        WAIT_TIMED_OUT => assert!(timeout >= 0, "for ever, and timed out"),
                        WAIT_MISMATCH => {
                            let half = wide
                                && PLACES
                                    .iter()
                                    .zip(changed)
                                    .any(|(at, changed)| changed && *at == PLACES[place] + 4);
                            let was_there = before[place] == expected as u32;
                            assert!(
                                changed[place] || half || !was_there,
                                "a mismatch without a change: {reply:?}"
                            );
                        }
                        _ => panic!("{reply:?}"),
                    }
                }
                _ => panic!("{reply:?}"),
            }
            self.asleep.remove(&reply.worker);
        }
        assert_eq!(counted, woken, "those that were counted and those that woke");
        assert_eq!(interruptions, interrupted, "those that were interrupted");
        for (worker, action) in &self.busy {
            let Action::Wait { place, wide, expected, .. } = *action else { unreachable!() };
            // It slept before the change, or found the change and did not sleep.
            let was_there = before[place] == expected as u32;
            assert!(
                !changed[place],
                "{action:?} sleeps, though its value was changed before a notify of all"
            );
            assert!(
                was_there || self.asleep.contains_key(worker),
                "{action:?} sleeps for another value"
            );
            let _ = wide;
            let batch = self.batch;
            self.asleep.entry(*worker).or_insert(Sleeper { place, batch });
        }
    }

    fn close(&mut self) {
        let handle = self.handle();
        count_operation();
        assert_eq!(unsafe { wasm_memory_close_waiters(handle) }, OK);
        self.closed = true;
        let replies = self.settle();
        assert_eq!(replies.len(), self.asleep.len(), "those that closing ended");
        for reply in replies {
            assert_eq!((reply.status, reply.result), (CLOSED, 0));
        }
        self.asleep.clear();
    }

    fn end(&mut self) {
        self.close();
        assert!(self.busy.is_empty());
        unsafe {
            assert_eq!(wasm_memory_pages(self.handles[0]), self.pages);
            for handle in self.handles.drain(..) {
                wasm_memory_delete(handle);
            }
            wasm_shared_memory_delete(self.token);
            for store in self.stores {
                wasm_store_delete(store);
            }
            for engine in self.engines {
                wasm_engine_delete(engine);
            }
        }
    }
}
