//! Sleeping until a word changes: the futex of Linux.

use super::OsError;
use core::ptr;
use core::sync::atomic::AtomicU32;

/// Who may wake the sleeper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Threads of this process.
    Process,
    /// Threads of any process that has mapped the word.
    Machine,
}

impl Scope {
    const fn flag(self) -> libc::c_int {
        match self {
            Self::Process => libc::FUTEX_PRIVATE_FLAG,
            Self::Machine => 0,
        }
    }
}

/// Nanoseconds on a clock that never goes backwards.
pub(crate) fn monotonic_nanoseconds() -> u64 {
    let mut now = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: clock_gettime writes into the structure passed.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut now) };
    #[allow(
        clippy::unnecessary_fallible_conversions,
        clippy::useless_conversion,
        reason = "32 bits on some systems"
    )]
    let part = |number| u64::try_from(number).unwrap_or(0);
    part(now.tv_sec).saturating_mul(1_000_000_000).saturating_add(part(now.tv_nsec))
}

/// Sleeps while the word is `expected`, until it is woken or `deadline` (on the clock above) has passed.
/// True: it has passed. It may return at any time for no reason.
pub(crate) fn sleep_while(
    word: &AtomicU32,
    expected: u32,
    deadline: Option<u64>,
    scope: Scope,
) -> bool {
    // What the clock cannot show is for ever.
    let until = deadline.and_then(|nanoseconds| {
        let (seconds, rest) = (nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000);
        Some(libc::timespec { tv_sec: seconds.try_into().ok()?, tv_nsec: rest.try_into().ok()? })
    });
    let timeout = until.as_ref().map_or(ptr::null(), ptr::from_ref);
    // WAIT_BITSET takes a point of the monotonic clock, where plain WAIT takes a span.
    let operation = libc::FUTEX_WAIT_BITSET | scope.flag();
    let slept = super::injection::side_point(libc::EINTR).and_then(|()| {
        // SAFETY: the word is a live reference; the timeout is NULL or points to the structure above.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_futex,
                ptr::from_ref(word),
                operation,
                expected,
                timeout,
                ptr::null::<u32>(),
                u32::MAX,
            )
        };
        if answer == 0 { Ok(()) } else { Err(super::last_error()) }
    });
    match slept {
        // Woken, or the word is another one.
        Ok(()) | Err(OsError(libc::EAGAIN)) => false,
        Err(OsError(libc::ETIMEDOUT)) => true,
        // Where a filter forbids to sleep, this is all that ends a wait.
        Err(_) => deadline.is_some_and(|deadline| monotonic_nanoseconds() >= deadline),
    }
}

/// Wakes one sleeper of the word. The word may be gone already: then nobody wakes, or somebody for no
/// reason, which every sleeper on a futex has to expect.
pub(crate) fn wake(word: *const AtomicU32, scope: Scope) {
    // SAFETY: the kernel looks the address up and does not touch what lies there.
    unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE | scope.flag(), 1) };
}
