//! A second thread of a step: the one that answers, grows or notifies too. Unlike a companion it
//! works only while a sample of its own column is taken, and sleeps otherwise.

use std::hint;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::probe::Sample;
use crate::processors::{Place, preemptions};

type Job = Box<dyn FnOnce() + Send>;

/// A thread that does one job after the other until it is dropped.
pub struct Partner {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// A job that is being done.
#[must_use = "what it does would run into the next sample"]
pub struct Session<T>(Receiver<Done<T>>);

/// A job that was done.
pub struct Done<T> {
    pub value: T,
    /// Whether the system took the processor from it meanwhile.
    pub preempted: bool,
}

impl Partner {
    pub fn new(place: Place) -> Self {
        let (jobs, queue) = mpsc::channel::<Job>();
        let thread = thread::spawn(move || {
            place.take();
            queue.into_iter().for_each(|job| job());
        });
        Self { jobs: Some(jobs), thread: Some(thread) }
    }

    /// Panics if an earlier job did.
    pub fn start<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Session<T> {
        let (sender, receiver) = mpsc::channel();
        let whole: Job = Box::new(move || {
            let before = preemptions();
            let value = job();
            let preempted = preemptions() != before;
            // Nobody listens if the sample has failed.
            let _ = sender.send(Done { value, preempted });
        });
        let queued = self.jobs.as_ref().map(|jobs| jobs.send(whole));
        assert!(matches!(queued, Some(Ok(()))), "a partner failed");
        Session(receiver)
    }
}

/// How far a thread is that goes round and round. In cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Laps {
    done: AtomicU64,
    stop: AtomicBool,
}

impl Partner {
    /// Measures while the thread takes rounds, which go on for as long as they say so: the sample,
    /// and how many rounds there were in all.
    pub fn beside(
        &self,
        mut round: impl FnMut() -> bool + Send + 'static,
        measured: impl FnOnce() -> Duration,
    ) -> (Sample, u64) {
        let laps = Arc::new(Laps::default());
        let of_thread = Arc::clone(&laps);
        let session = self.start(move || {
            let mut done = 0;
            while !of_thread.stop.load(Ordering::Relaxed) {
                if !round() {
                    return (done, false);
                }
                done += 1;
                of_thread.done.store(done, Ordering::Relaxed);
            }
            (done, true)
        });
        while laps.done.load(Ordering::Relaxed) == 0 {
            hint::spin_loop();
        }
        let elapsed = measured();
        laps.stop.store(true, Ordering::Relaxed);
        let Done { value: (done, went_on), preempted } = session.finish();
        (Sample { elapsed, disturbed: preempted || !went_on }, done)
    }
}

impl<T> Session<T> {
    /// Waits, asleep, until the job is done. Panics if the job did.
    pub fn finish(self) -> Done<T> {
        match self.0.recv() {
            Ok(done) => done,
            Err(_) => panic!("a partner failed"),
        }
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        drop(self.jobs.take());
        // After a failure it may wait for an answer that never comes.
        if let (false, Some(thread)) = (thread::panicking(), self.thread.take()) {
            // It has printed why, if it failed.
            let _ = thread.join();
        }
    }
}
