//! What the model checker tries: every interleaving, and every order in which memory may become visible, of a few
//! threads on a queue with one bucket. `make test-model` runs it.
//!
//! A deadline here is one that has passed. The checker lets a thread find that out at any moment, so it stands
//! for every deadline. A thread that would wait for ever makes the checker fail.

use super::Outcome;
use super::local::LocalQueue;
use super::primitives::{AtomicU32, fence};
use core::sync::atomic::Ordering::{Relaxed, SeqCst};
use loom::sync::Arc;
use loom::thread;

const HERE: u64 = 64;
const ELSEWHERE: u64 = 128;
const FOR_EVER: Option<u64> = None;
const OVER: Option<u64> = Some(0);

/// A memory with one word that is waited on.
struct Guest {
    queue: LocalQueue,
    word: AtomicU32,
}

impl Guest {
    fn new() -> Arc<Self> {
        Arc::new(Self { queue: LocalQueue::new(), word: AtomicU32::new(0) })
    }

    fn wait(&self, address: u64, deadline: Option<u64>) -> Outcome {
        self.queue.wait(address, || self.word.load(SeqCst) == 0, deadline)
    }
}

fn check(preemptions: usize, body: impl Fn() + Sync + Send + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(body);
}

fn waiting(guest: &Arc<Guest>, address: u64, deadline: Option<u64>) -> thread::JoinHandle<Outcome> {
    let guest = guest.clone();
    thread::spawn(move || guest.wait(address, deadline))
}

#[test]
fn a_plain_store_before_a_notify_is_never_slept_through() {
    check(4, || {
        let guest = Guest::new();
        let waiter = waiting(&guest, HERE, FOR_EVER);
        // Not even atomic in WebAssembly: the fences of the queue must do.
        guest.word.store(1, Relaxed);
        let woken = guest.queue.notify(HERE, 1);
        let outcome = waiter.join().unwrap();
        let expected = if woken == 1 { Outcome::Notified } else { Outcome::Mismatch };
        assert_eq!(outcome, expected);
        assert!(guest.queue.is_as_new());
    });
}

#[test]
fn what_was_written_before_a_notify_is_seen_after_the_wait() {
    check(3, || {
        let guest = Guest::new();
        let data = Arc::new(AtomicU32::new(0));
        let waiter = thread::spawn({
            let (guest, data) = (guest.clone(), data.clone());
            move || (guest.wait(HERE, OVER), data.load(Relaxed))
        });
        data.store(7, Relaxed);
        guest.queue.notify(HERE, 1);
        let (outcome, seen) = waiter.join().unwrap();
        assert!(outcome != Outcome::Notified || seen == 7);
    });
}

#[test]
fn what_was_written_before_an_interrupt_or_a_close_is_seen_after_the_wait() {
    for closes in [false, true] {
        check(3, move || {
            let guest = Guest::new();
            let data = Arc::new(AtomicU32::new(0));
            let waiter = thread::spawn({
                let (guest, data) = (guest.clone(), data.clone());
                move || (guest.wait(HERE, OVER), data.load(Relaxed))
            });
            data.store(7, Relaxed);
            if closes {
                guest.queue.close();
            } else {
                guest.queue.interrupt();
            }
            let (outcome, seen) = waiter.join().unwrap();
            assert!(outcome == Outcome::TimedOut || seen == 7);
        });
    }
}

#[test]
fn whoever_was_counted_was_notified_even_when_its_time_was_over() {
    check(4, || {
        let guest = Guest::new();
        let waiter = waiting(&guest, HERE, OVER);
        let woken = guest.queue.notify(HERE, u32::MAX);
        let outcome = waiter.join().unwrap();
        let expected = if woken == 1 { Outcome::Notified } else { Outcome::TimedOut };
        assert_eq!(outcome, expected);
        assert!(guest.queue.is_as_new());
    });
}

#[test]
fn two_waiters_and_two_notifiers_agree_on_the_sum() {
    check(2, || {
        let guest = Guest::new();
        let waiters = [waiting(&guest, HERE, OVER), waiting(&guest, HERE, OVER)];
        let notifier = thread::spawn({
            let guest = guest.clone();
            move || guest.queue.notify(HERE, 1)
        });
        let woken = guest.queue.notify(HERE, 1) + notifier.join().unwrap();
        let outcomes = waiters.map(|waiter| waiter.join().unwrap());
        let notified = outcomes.iter().filter(|outcome| **outcome == Outcome::Notified).count();
        assert_eq!(woken as usize, notified);
        assert!(guest.queue.is_as_new());
    });
}

#[test]
fn a_waiter_that_gives_up_does_not_take_the_turn_of_another() {
    check(2, || {
        let guest = Guest::new();
        let patient = waiting(&guest, HERE, FOR_EVER);
        let hasty = waiting(&guest, HERE, OVER);
        // Until the patient one has been woken: it comes to wait some time, and only a notify ends that.
        let mut woken = 0;
        loop {
            let now = guest.queue.notify(HERE, 1);
            woken += now;
            if now == 0 {
                guest.word.store(1, Relaxed);
                woken += guest.queue.notify(HERE, u32::MAX);
                break;
            }
            thread::yield_now();
        }
        let outcomes = [patient.join().unwrap(), hasty.join().unwrap()];
        assert_ne!(outcomes[0], Outcome::TimedOut);
        let notified = outcomes.iter().filter(|outcome| **outcome == Outcome::Notified).count();
        assert_eq!(woken as usize, notified);
        assert!(guest.queue.is_as_new());
    });
}

#[test]
fn a_notify_of_another_address_wakes_nobody() {
    check(3, || {
        let guest = Guest::new();
        let waiter = waiting(&guest, HERE, OVER);
        assert_eq!(guest.queue.notify(ELSEWHERE, u32::MAX), 0);
        assert_eq!(waiter.join().unwrap(), Outcome::TimedOut);
    });
}

#[test]
fn first_come_is_first_served() {
    check(2, || {
        let guest = Guest::new();
        let first = waiting(&guest, HERE, FOR_EVER);
        while guest.queue.waiters() == 0 {
            thread::yield_now();
        }
        let second = waiting(&guest, HERE, OVER);
        assert_eq!(guest.queue.notify(HERE, 1), 1);
        assert_eq!(first.join().unwrap(), Outcome::Notified);
        assert_eq!(second.join().unwrap(), Outcome::TimedOut);
    });
}

#[test]
fn an_interrupt_and_a_notify_share_the_waiter_between_them() {
    check(3, || {
        let guest = Guest::new();
        let waiter = waiting(&guest, HERE, OVER);
        let interrupter = thread::spawn({
            let guest = guest.clone();
            move || guest.queue.interrupt()
        });
        let woken = guest.queue.notify(HERE, 1);
        let interrupted = interrupter.join().unwrap();
        let expected = match (woken, interrupted) {
            (1, 0) => Outcome::Notified,
            (0, 1) => Outcome::Interrupted,
            (0, 0) => Outcome::TimedOut,
            both => panic!("{both:?}"),
        };
        assert_eq!(waiter.join().unwrap(), expected);
        assert!(guest.queue.is_as_new());
    });
}

#[test]
fn nobody_waits_on_after_a_close() {
    check(3, || {
        let guest = Guest::new();
        let waiter = waiting(&guest, HERE, FOR_EVER);
        guest.queue.close();
        assert_eq!(waiter.join().unwrap(), Outcome::Closed);
        assert_eq!(guest.wait(HERE, FOR_EVER), Outcome::Closed);
        assert!(guest.queue.is_as_new());
    });
}

/// That the checker bites: the notifier's store and look, and the waiter's announcement and look, miss each other
/// in some execution if one of them has no fence in between, and in none if both have.
#[test]
fn without_a_fence_a_notifier_can_miss_a_waiter() {
    use core::sync::atomic::AtomicBool;
    for (notifier_has_one, waiter_has_one) in [(true, true), (false, true), (true, false)] {
        // Not the checker's: it gathers what happens in all executions.
        let missed = std::sync::Arc::new(AtomicBool::new(false));
        check(4, {
            let missed = missed.clone();
            move || {
                let announced = Arc::new(AtomicU32::new(0));
                let word = Arc::new(AtomicU32::new(0));
                let waiter = thread::spawn({
                    let (announced, word) = (announced.clone(), word.clone());
                    move || {
                        announced.fetch_add(1, Relaxed);
                        if waiter_has_one {
                            fence(SeqCst);
                        }
                        word.load(Relaxed) == 0
                    }
                });
                word.store(1, Relaxed);
                if notifier_has_one {
                    fence(SeqCst);
                }
                let sees_nobody = announced.load(Relaxed) == 0;
                if waiter.join().unwrap() && sees_nobody {
                    missed.store(true, Relaxed);
                }
            }
        });
        assert_eq!(missed.load(Relaxed), !(notifier_has_one && waiter_has_one));
    }
}
