//! The processors that the bench may use, and which of them a thread runs on.

use std::fs;
use std::io;
use std::mem::{self, MaybeUninit};
use std::sync::OnceLock;

/// Where a thread may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Wherever the system puts it.
    Anywhere,
    /// On the first processor.
    First,
    /// On the one that [`second`] names, or on the first if there is no other.
    Second,
}

impl Place {
    /// Puts the calling thread there. A new thread starts where the one that made it was put, so
    /// every thread of a row that puts one somewhere says where it itself belongs.
    pub fn take(self) {
        match self {
            Self::Anywhere => pin(allowed()),
            Self::First => pin(&[first()]),
            Self::Second => pin(&[second().unwrap_or(first())]),
        }
    }
}

/// Keeps the calling thread on the first processor until dropped.
pub struct OnFirst(());

impl OnFirst {
    pub fn take() -> Self {
        // Whoever asks later would be told only of the first.
        allowed();
        Place::First.take();
        Self(())
    }
}

impl Drop for OnFirst {
    fn drop(&mut self) {
        Place::Anywhere.take();
    }
}

/// How many processors the bench may use.
pub fn count() -> usize {
    allowed().len()
}

fn first() -> usize {
    allowed()[0]
}

/// Another one: of another core, if there is one, because the two halves of a core take turns.
fn second() -> Option<usize> {
    let siblings = siblings(first());
    let others = || allowed().iter().copied().filter(|processor| *processor != first());
    others().find(|processor| !siblings.contains(processor)).or_else(|| others().next())
}

/// What the process may use, as it was when this was asked first.
fn allowed() -> &'static [usize] {
    static ALLOWED: OnceLock<Vec<usize>> = OnceLock::new();
    ALLOWED.get_or_init(|| {
        // SAFETY: a set without a member is all zeros.
        let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
        // SAFETY: the set is a place for the answer, and as long as the call is told.
        let result = unsafe { libc::sched_getaffinity(0, mem::size_of_val(&set), &mut set) };
        assert_eq!(result, 0, "sched_getaffinity: {}", io::Error::last_os_error());
        let all = 0..libc::CPU_SETSIZE as usize;
        // SAFETY: the number is below the set's size.
        all.filter(|processor| unsafe { libc::CPU_ISSET(*processor, &set) }).collect()
    })
}

/// The processors of the same core, itself included. Empty if the system does not say.
fn siblings(processor: usize) -> Vec<usize> {
    let path = format!("/sys/devices/system/cpu/cpu{processor}/topology/thread_siblings_list");
    let list = fs::read_to_string(path).unwrap_or_default();
    // Such as `0,4` or `0-1`.
    let ranges = list.trim().split(',').filter_map(|range| {
        let (start, end) = range.split_once('-').unwrap_or((range, range));
        Some(start.parse().ok()?..=end.parse().ok()?)
    });
    ranges.flatten().collect()
}

fn pin(processors: &[usize]) {
    // SAFETY: a set without a member is all zeros.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    for processor in processors {
        // SAFETY: the number came out of such a set.
        unsafe { libc::CPU_SET(*processor, &mut set) };
    }
    // SAFETY: the set is live and as long as the call is told.
    let result = unsafe { libc::sched_setaffinity(0, mem::size_of_val(&set), &set) };
    assert_eq!(result, 0, "sched_setaffinity: {}", io::Error::last_os_error());
}

/// How often the system took the processor from the calling thread.
pub fn preemptions() -> i64 {
    let mut usage = MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the structure is a place for the answer.
    let result = unsafe { libc::getrusage(libc::RUSAGE_THREAD, usage.as_mut_ptr()) };
    assert_eq!(result, 0, "getrusage: {}", io::Error::last_os_error());
    // SAFETY: the call succeeded and has filled it.
    unsafe { usage.assume_init() }.ru_nivcsw
}
