//! Sleeping until a word changes, from what the standard library has: for systems whose own way we do not
//! know. One process at a time.

use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use std::sync::{Condvar, LazyLock, Mutex, PoisonError};
use std::time::Instant;

/// Who may wake the sleeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Threads of this process.
    Process,
    /// Threads of any process; there are no such words here.
    #[allow(dead_code, reason = "memories are not exported here")]
    Machine,
}

/// Words share places to sleep; a wake wakes all at the place, and each looks at its own word.
const PLACES: usize = 64;

struct Place {
    lock: Mutex<()>,
    changed: Condvar,
}

static ALL: [Place; PLACES] =
    [const { Place { lock: Mutex::new(()), changed: Condvar::new() } }; PLACES];

fn place(word: *const AtomicU32) -> &'static Place {
    let [first, ..] = &ALL;
    ALL.get((word.addr() >> 6) % PLACES).unwrap_or(first)
}

/// Nanoseconds on a clock that never goes backwards.
pub(crate) fn monotonic_nanoseconds() -> u64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// Sleeps while the word is `expected`, until it is woken or `deadline` (on the clock above) has passed.
/// True: it has passed. It may return at any time for no reason.
pub(crate) fn sleep_while(
    word: &AtomicU32,
    expected: u32,
    deadline: Option<u64>,
    _scope: Scope,
) -> bool {
    let place = place(word);
    let guard = place.lock.lock().unwrap_or_else(PoisonError::into_inner);
    if word.load(Ordering::Acquire) != expected {
        return false;
    }
    let Some(deadline) = deadline else {
        drop(place.changed.wait(guard));
        return false;
    };
    let left = deadline.saturating_sub(monotonic_nanoseconds());
    drop(place.changed.wait_timeout(guard, Duration::from_nanos(left)));
    monotonic_nanoseconds() >= deadline
}

/// Wakes the sleepers of the word, which may be gone already.
pub(crate) fn wake(word: *const AtomicU32, _scope: Scope) {
    let place = place(word);
    // Whoever is about to sleep has looked at the word before this, or looks at it after.
    drop(place.lock.lock().unwrap_or_else(PoisonError::into_inner));
    place.changed.notify_all();
}
