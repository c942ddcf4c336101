//! Waiting for a word of a shared memory, and waking who waits.

use std::hint;
use std::io;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::thread;
use std::time::{Duration, Instant};

use crate::partner::{Partner, Session};
use crate::probe::{NO_LIMIT, Probe, Sample, succeed, used};
use crate::processors::{self, Place};
use crate::row::{Pace, Row};
use crate::subjects::floor::Futexes;
use crate::subjects::ours::shared::OursShared;
#[cfg(feature = "peers")]
use crate::subjects::wasmtime::{self, WasmtimeShared};
use crate::subjects::{FOR_EVER, Notify, Wait, Waited, Word};

/// The most for a notification that nobody waits for, in calls of the system.
const NOBODY: f64 = 0.1;
/// The most for one beside another thread's, in notifications alone: they do not meet.
const BESIDE: f64 = 1.3;
/// The most for a wait that need not wait, in calls of the system.
const DIFFERS: f64 = 0.06;
/// The most for a short call with a word of eight bytes, in the same with four.
const EIGHT_BYTES: f64 = 1.1;
/// The same for a turn, which varies more.
const EIGHT_BYTES_TURN: f64 = 1.15;
/// The most for a turn where a thread may spin, in turns by the system's calls alone.
const TURN: f64 = 0.2;
/// The most where spinning cannot help.
const AS_RAW: f64 = 1.1;
/// The most processor time for [`IDLE`], in nanoseconds: a hundredth.
const IDLE_TIME: f64 = 3e6;

/// How long an idle thread waits.
const IDLE: Duration = Duration::from_millis(300);
/// After this long a thread that waits is asleep.
const PARKED: Duration = Duration::from_millis(2);

/// Words in cache lines of their own, and of those beside them.
const PING: u64 = 0x4000;
const PONG: u64 = 0x4100;
/// From the words of one pair of threads to those of the next.
const NEXT_PAIR: u64 = 0x200;

/// How long turns are taken before the time is. The first of them is slow for everyone, because the
/// other thread sleeps; whoever learns from that not to spin has then learned better.
const WARM_UP: Duration = Duration::from_millis(20);
/// Turns before the clock is asked whether that is over.
const WARM_UP_TURNS: u64 = 16;
const TURNS: Duration = Duration::from_micros(500);
/// What the system takes to find a place for each of many threads, or some of it.
const SETTLING: Duration = Duration::from_millis(5);
/// How long they are then watched.
const CROWDED: Duration = Duration::from_millis(20);

const FUTEX_WAKE: &str = "FUTEX_WAKE of a private word";
const FUTEX_TURN: &str = "the same with FUTEX_WAIT and FUTEX_WAKE of private words";

pub fn rows() -> Vec<Row> {
    vec![
        notify_nobody(),
        notify_beside(),
        differs(),
        differs_64(),
        timeout_0(),
        timeout_0_64(),
        round_trip(),
        round_trip_64(),
        round_trip_one_core(),
        round_trip_crowded(),
        wake_parked(),
        idle_cpu(),
    ]
}

fn notify_nobody() -> Row {
    let row = Row::new("wait/notify_nobody", "wasm_memory_atomic_notify, and nobody waits")
        .goal(NOBODY)
        .floor(FUTEX_WAKE, || Ok(notified(Futexes::new())))
        .ours(|| Ok(notified(OursShared::one_page()?)));
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, || Ok(notified(WasmtimeShared::one_page()?)));
    row
}

fn notify_beside() -> Row {
    let about = "the same while another thread notifies another address of the memory";
    let row = Row::new("wait/notify_beside", about)
        .pinned(2)
        .goal(BESIDE)
        .floor("ours without that thread", || Ok(notified(OursShared::one_page()?)))
        .ours(|| Ok(notified_beside(OursShared::one_page()?)));
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, || Ok(notified_beside(WasmtimeShared::one_page()?)));
    row
}

fn differs() -> Row {
    let row = Row::new("wait/differs", "wasm_memory_atomic_wait32 whose word differs")
        .goal(DIFFERS)
        .floor("FUTEX_WAIT whose word differs", || Ok(refused::<u32, _>(Futexes::new())))
        .ours(|| Ok(refused::<u32, _>(OursShared::one_page()?)));
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, || Ok(refused::<u32, _>(WasmtimeShared::one_page()?)));
    row
}

fn differs_64() -> Row {
    let row = Row::new("wait/differs_64", "wasm_memory_atomic_wait64 whose word differs")
        .goal(EIGHT_BYTES)
        .floor("ours with wait32", || Ok(refused::<u32, _>(OursShared::one_page()?)))
        .ours(|| Ok(refused::<u64, _>(OursShared::one_page()?)));
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, || Ok(refused::<u64, _>(WasmtimeShared::one_page()?)));
    row
}

fn timeout_0() -> Row {
    let row = Row::new("wait/timeout_0", "wasm_memory_atomic_wait32 with a timeout of 0")
        .floor("FUTEX_WAIT with a timeout of 0", || Ok(timed_out::<u32, _>(Futexes::new())))
        .ours(|| Ok(timed_out::<u32, _>(OursShared::one_page()?)));
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, || Ok(timed_out::<u32, _>(WasmtimeShared::one_page()?)));
    row
}

fn timeout_0_64() -> Row {
    let row = Row::new("wait/timeout_0_64", "wasm_memory_atomic_wait64 with a timeout of 0")
        .goal(EIGHT_BYTES)
        .floor("ours with wait32", || Ok(timed_out::<u32, _>(OursShared::one_page()?)))
        .ours(|| Ok(timed_out::<u64, _>(OursShared::one_page()?)));
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, || Ok(timed_out::<u64, _>(WasmtimeShared::one_page()?)));
    row
}

fn round_trip() -> Row {
    let about = "store, notify, wait for the answer of a thread on another processor";
    let row = Row::new("wait/round_trip", about)
        .pinned(2)
        .pace(Pace::Long)
        .samples_of(TURNS)
        .goal(TURN)
        .floor(FUTEX_TURN, || Ok(turns::<u32, _>(Futexes::new(), Place::Second)))
        .ours(|| Ok(turns::<u32, _>(OursShared::one_page()?, Place::Second)));
    #[cfg(feature = "peers")]
    let row = row
        .peer(wasmtime::NAME, || Ok(turns::<u32, _>(WasmtimeShared::one_page()?, Place::Second)));
    row
}

fn round_trip_64() -> Row {
    let row = Row::new("wait/round_trip_64", "the same with wait64")
        .pinned(2)
        .pace(Pace::Long)
        .samples_of(TURNS)
        .goal(EIGHT_BYTES_TURN)
        .floor("ours with wait32", || Ok(turns::<u32, _>(OursShared::one_page()?, Place::Second)))
        .ours(|| Ok(turns::<u64, _>(OursShared::one_page()?, Place::Second)));
    #[cfg(feature = "peers")]
    let row = row
        .peer(wasmtime::NAME, || Ok(turns::<u64, _>(WasmtimeShared::one_page()?, Place::Second)));
    row
}

fn round_trip_one_core() -> Row {
    let row = Row::new("wait/round_trip_one_core", "the same with both threads on one processor")
        .pinned(1)
        .crowded()
        .pace(Pace::Long)
        .samples_of(TURNS)
        .goal(AS_RAW)
        .floor(FUTEX_TURN, || Ok(turns::<u32, _>(Futexes::new(), Place::First)))
        .ours(|| Ok(turns::<u32, _>(OursShared::one_page()?, Place::First)));
    #[cfg(feature = "peers")]
    let row =
        row.peer(wasmtime::NAME, || Ok(turns::<u32, _>(WasmtimeShared::one_page()?, Place::First)));
    row
}

fn round_trip_crowded() -> Row {
    let about = "the same by as many pairs of threads as there are processors, each anywhere";
    let row = Row::new("wait/round_trip_crowded", about)
        .crowded()
        .pace(Pace::Long)
        .goal(AS_RAW)
        .floor(FUTEX_TURN, || Ok(turns_of_many(Futexes::new())))
        .ours(|| Ok(turns_of_many(OursShared::one_page()?)));
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, || Ok(turns_of_many(WasmtimeShared::one_page()?)));
    row
}

fn wake_parked() -> Row {
    let about = "from notify to the return of wait on another processor, asleep for 2 ms";
    let row = Row::new("wait/wake_parked", about)
        .pinned(2)
        .pace(Pace::Long)
        .goal(AS_RAW)
        .floor("from FUTEX_WAKE to the return of FUTEX_WAIT", || Ok(woken(Futexes::new())))
        .ours(|| Ok(woken(OursShared::one_page()?)));
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, || Ok(woken(WasmtimeShared::one_page()?)));
    row
}

fn idle_cpu() -> Row {
    let about = "processor time, not time, of a thread that waits 300 ms";
    let row = Row::new("wait/idle_cpu", about)
        .pace(Pace::Slow)
        .crowded()
        .goal_ns(IDLE_TIME)
        .floor("processor time of FUTEX_WAIT for 300 ms", || Ok(idle(Futexes::new())))
        .ours(|| Ok(idle(OursShared::one_page()?)));
    #[cfg(feature = "peers")]
    let row = row.peer(wasmtime::NAME, || Ok(idle(WasmtimeShared::one_page()?)));
    row
}

fn notified(subject: impl Notify) -> Probe {
    succeed(move || subject.notify(PING, 1) == 0)
}

fn notified_beside(subject: impl Notify) -> Probe {
    let subject = Arc::new(subject);
    let partner = Partner::new(Place::Second);
    Probe::new(NO_LIMIT, move |count| {
        let other = Arc::clone(&subject);
        let round = move || other.notify(PONG, 1) == 0;
        let (sample, _rounds) = partner.beside(round, || {
            let start = Instant::now();
            let nobody = (0..count).all(|_| subject.notify(PING, 1) == 0);
            let elapsed = start.elapsed();
            assert!(nobody, "somebody waited");
            elapsed
        });
        sample
    })
}

fn refused<W: Word, S: Wait<W>>(subject: S) -> Probe {
    succeed(move || subject.wait(PING, W::of(1), FOR_EVER) == Waited::Differs)
}

fn timed_out<W: Word, S: Wait<W>>(subject: S) -> Probe {
    succeed(move || subject.wait(PING, W::of(0), 0) == Waited::TimedOut)
}

/// The two words of a pair of threads: one for each direction, which holds the number of the turn.
#[derive(Clone, Copy)]
struct Words {
    ping: u64,
    pong: u64,
}

impl Words {
    fn of_pair(number: u64) -> Self {
        Self { ping: PING + number * NEXT_PAIR, pong: PONG + number * NEXT_PAIR }
    }

    /// Begins turns and waits for their end. `first` is the first one's number.
    fn ask<W: Word>(self, subject: &(impl Wait<W> + Notify), first: u64, count: u64) {
        for turn in first..first + count {
            hand_over::<W>(subject, self.ping, turn);
            await_turn::<W>(subject, self.pong, turn);
        }
    }

    /// The other side, until a turn is the last one.
    fn answer<W: Word>(self, subject: &(impl Wait<W> + Notify), first: u64, shared: &Turns) {
        for turn in first.. {
            await_turn::<W>(subject, self.ping, turn);
            // Before the answer: afterwards it may speak of the next turn.
            let is_last = shared.is_last.load(Relaxed);
            hand_over::<W>(subject, self.pong, turn);
            if is_last {
                break;
            }
        }
    }
}

/// What the two threads of a pair say to each other apart from their turns. In cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Turns {
    /// The number of the last turn that has ended.
    done: AtomicU64,
    /// Set by whoever wants no more of them.
    stop: AtomicBool,
    /// Set before the last turn begins.
    is_last: AtomicBool,
}

fn hand_over<W: Word>(subject: &impl Notify, offset: u64, turn: u64) {
    // SAFETY: the word is in the page that every subject has, aligned, and only accessed so.
    unsafe { W::store(subject.base().wrapping_add(offset as usize), W::of(turn)) };
    used(subject.notify(offset, 1) as usize);
}

fn await_turn<W: Word>(subject: &impl Wait<W>, offset: u64, turn: u64) {
    let word = subject.base().wrapping_add(offset as usize);
    // SAFETY: as above.
    while unsafe { W::load(word) } != W::of(turn) {
        subject.wait(offset, W::of(turn - 1), FOR_EVER);
    }
}

/// This thread, which the row has put on the first processor, and one at `place`.
fn turns<W: Word, S: Wait<W> + Notify>(subject: S, place: Place) -> Probe {
    let subject = Arc::new(subject);
    let partner = Partner::new(place);
    let words = Words::of_pair(0);
    let mut turn = 1;
    Probe::new(NO_LIMIT, move |count| {
        let shared = Arc::new(Turns::default());
        let (of_partner, read, first) = (Arc::clone(&subject), Arc::clone(&shared), turn);
        let answers = partner.start(move || words.answer::<W>(&*of_partner, first, &read));
        let mut ask = |count| {
            words.ask::<W>(&*subject, turn, count);
            turn += count;
        };
        let before = Instant::now();
        while before.elapsed() < WARM_UP {
            ask(WARM_UP_TURNS);
        }
        let start = Instant::now();
        ask(count);
        let elapsed = start.elapsed();
        shared.is_last.store(true, Relaxed);
        ask(1);
        let preempted = answers.finish().preempted;
        // On one processor they take it from one another.
        Sample { elapsed, disturbed: preempted && place == Place::Second }
    })
}

/// Twice as many threads as processors. A step is a turn of any pair: what is measured is how many
/// of them there are in a given time, after the system has had some to place the threads.
fn turns_of_many<S: Wait<u32> + Notify>(subject: S) -> Probe {
    let subject = Arc::new(subject);
    let mut pairs: Vec<Pair> = (0..processors::count() as u64).map(Pair::new).collect();
    Probe::new(1, move |_one| {
        let ends: Vec<_> = pairs.iter().map(|pair| pair.start(&subject)).collect();
        let turns = || pairs.iter().map(|pair| pair.shared.done.load(Relaxed)).sum::<u64>();
        thread::sleep(SETTLING);
        let (start, before) = (Instant::now(), turns());
        thread::sleep(CROWDED);
        let (elapsed, after) = (start.elapsed(), turns());
        for pair in &pairs {
            pair.shared.stop.store(true, Relaxed);
        }
        for (pair, (asks, answers)) in pairs.iter_mut().zip(ends) {
            asks.finish();
            answers.finish();
            pair.shared.stop.store(false, Relaxed);
        }
        // So busy a machine says nothing about any of them.
        let disturbed = after == before;
        Sample { elapsed: elapsed.div_f64((after - before).max(1) as f64), disturbed }
    })
}

/// Two threads that take turns until they are told to stop.
struct Pair {
    words: Words,
    asks: Partner,
    answers: Partner,
    shared: Arc<Turns>,
}

impl Pair {
    fn new(number: u64) -> Self {
        let [asks, answers] = [(); 2].map(|()| Partner::new(Place::Anywhere));
        Self { words: Words::of_pair(number), asks, answers, shared: Arc::default() }
    }

    fn start<S: Wait<u32> + Notify>(&self, subject: &Arc<S>) -> (Session<()>, Session<()>) {
        let (words, first) = (self.words, self.shared.done.load(Relaxed) + 1);
        self.shared.is_last.store(false, Relaxed);

        let (of_thread, shared) = (Arc::clone(subject), Arc::clone(&self.shared));
        let asks = self.asks.start(move || {
            for turn in first.. {
                let is_last = shared.stop.load(Relaxed);
                shared.is_last.store(is_last, Relaxed);
                words.ask::<u32>(&*of_thread, turn, 1);
                shared.done.store(turn, Relaxed);
                if is_last {
                    break;
                }
            }
        });

        let (of_thread, shared) = (Arc::clone(subject), Arc::clone(&self.shared));
        let answers = self.answers.start(move || words.answer::<u32>(&*of_thread, first, &shared));
        (asks, answers)
    }
}

fn woken<S: Wait<u32> + Notify>(subject: S) -> Probe {
    let subject = Arc::new(subject);
    let partner = Partner::new(Place::Second);
    let mut turn = 0;
    Probe::new(1, move |_one| {
        turn += 1;
        let (of_partner, number) = (Arc::clone(&subject), turn);
        let sleeps = partner.start(move || {
            await_turn::<u32>(&*of_partner, PING, number);
            Instant::now()
        });
        let before = Instant::now();
        while before.elapsed() < PARKED {
            hint::spin_loop();
        }
        let start = Instant::now();
        // SAFETY: the word is in the page that every subject has, aligned, and only accessed so.
        unsafe { u32::store(subject.base().wrapping_add(PING as usize), number as u32) };
        let woken = subject.notify(PING, 1);
        let end = sleeps.finish();
        let elapsed = end.value.saturating_duration_since(start);
        Sample { elapsed, disturbed: end.preempted || woken != 1 }
    })
}

fn idle<S: Wait<u32>>(subject: S) -> Probe {
    Probe::new(1, move |_one| {
        let (start, before) = (Instant::now(), processor_time());
        let waited = subject.wait(PING, 0, IDLE.as_nanos() as i64);
        let spent = processor_time() - before;
        assert_eq!(waited, Waited::TimedOut);
        assert!(start.elapsed() >= IDLE, "a wait ended early");
        spent
    })
}

/// How long the calling thread has had a processor.
fn processor_time() -> Duration {
    let mut time = MaybeUninit::<libc::timespec>::uninit();
    // SAFETY: the structure is a place for the answer.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, time.as_mut_ptr()) };
    assert_eq!(result, 0, "clock_gettime: {}", io::Error::last_os_error());
    // SAFETY: the call succeeded and has filled it.
    let time = unsafe { time.assume_init() };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
