//! Sleeping until a word changes: `WaitOnAddress`, from Windows 8 on. One process at a time.

use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use windows_sys::Win32::System::Performance::{QueryPerformanceCounter, QueryPerformanceFrequency};
use windows_sys::Win32::System::Threading::{INFINITE, WaitOnAddress, WakeByAddressSingle};

/// Who may wake the sleeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Threads of this process.
    Process,
    /// Threads of any process; there are no such words here.
    #[allow(dead_code, reason = "memories are not exported here")]
    Machine,
}

const SECOND: u64 = 1_000_000_000;

/// Counts of the clock in a second, which stay the same while the system runs.
fn frequency() -> u64 {
    static FREQUENCY: AtomicU64 = AtomicU64::new(0);
    let known = FREQUENCY.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let mut counts = 0i64;
    // SAFETY: the system writes into the number passed.
    unsafe { QueryPerformanceFrequency(&raw mut counts) };
    let counts = u64::try_from(counts).unwrap_or(1).max(1);
    FREQUENCY.store(counts, Ordering::Relaxed);
    counts
}

/// Nanoseconds on a clock that never goes backwards.
pub(crate) fn monotonic_nanoseconds() -> u64 {
    let mut counts = 0i64;
    // SAFETY: the system writes into the number passed.
    unsafe { QueryPerformanceCounter(&raw mut counts) };
    let counts = u64::try_from(counts).unwrap_or(0);
    let frequency = frequency();
    // Seconds and what is left of one apart: together they would not fit.
    let seconds = counts.checked_div(frequency).unwrap_or(0);
    let rest = counts.checked_rem(frequency).unwrap_or(0);
    let rest = rest.saturating_mul(SECOND).checked_div(frequency).unwrap_or(0);
    seconds.saturating_mul(SECOND).saturating_add(rest)
}

/// Sleeps while the word is `expected`, until it is woken or `deadline` (on the clock above) has passed.
/// True: it has passed. It may return at any time for no reason.
pub(crate) fn sleep_while(
    word: &AtomicU32,
    expected: u32,
    deadline: Option<u64>,
    _scope: Scope,
) -> bool {
    // The system counts in milliseconds: rather one too many than one too few. What it cannot count is slept in parts.
    let milliseconds = deadline.map_or(INFINITE, |deadline| {
        let left = deadline.saturating_sub(monotonic_nanoseconds());
        u32::try_from(left.div_ceil(1_000_000)).unwrap_or(INFINITE).min(INFINITE.wrapping_sub(1))
    });
    let address = ptr::from_ref(word).cast();
    // SAFETY: the word is a live reference; four bytes are compared with four bytes.
    unsafe { WaitOnAddress(address, ptr::from_ref(&expected).cast(), 4, milliseconds) };
    deadline.is_some_and(|deadline| monotonic_nanoseconds() >= deadline)
}

/// Wakes one sleeper of the word. The word may be gone already: then nobody wakes, or somebody for no
/// reason, which every sleeper has to expect.
pub(crate) fn wake(word: *const AtomicU32, _scope: Scope) {
    // SAFETY: the system looks the address up and does not touch what lies there.
    unsafe { WakeByAddressSingle(word.cast()) };
}
