//! Threads that wait on an address of a shared memory, until another thread notifies that address.
//!
//! The queues of the threads proposal: first come first served, over both widths of wait; a notify counts
//! exactly whom it wakes. What is where:
//!
//! | file | what it is |
//! |---|---|
//! | `list` | waiters in order, linked through themselves |
//! | `local` | the queue of a memory that one process has |
//! | `spin` | how long a waiter looks before it sleeps |
//! | `crossing` | the queue of a memory that several processes have |
//! | `primitives` | locks, atomics and sleep, or a model checker's in their place |
//! | `model` | what the model checker tries |

mod crossing;
mod list;
mod local;
#[cfg(test)]
#[cfg(loom)]
mod model;
mod primitives;
mod spin;

pub(crate) use crossing::{CONTROL_BYTES, CrossingQueue};
pub(crate) use local::LocalQueue;

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A notify counted it.
    Notified,
    /// The value was not the expected one.
    Mismatch,
    /// Its time was over.
    TimedOut,
    /// The host ended it.
    Interrupted,
    /// The host closed the memory to waiting.
    Closed,
    /// There is no room for one more.
    TooMany,
}

/// What a final state of a waiter means.
fn final_outcome(state: u32) -> Option<Outcome> {
    match state {
        list::NOTIFIED => Some(Outcome::Notified),
        list::INTERRUPTED => Some(Outcome::Interrupted),
        list::CLOSED => Some(Outcome::Closed),
        _ => None,
    }
}

/// Which of `buckets` an address belongs to: neighbours to different ones.
#[inline]
fn bucket_of(address: u64, buckets: usize) -> usize {
    // Fibonacci hashing of what tells addresses apart, which are multiples of 4.
    let hash = (address >> 2).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    #[allow(clippy::cast_possible_truncation, reason = "32 bits are left")]
    let hash = hash as usize;
    hash.checked_rem(buckets).unwrap_or(0)
}
