//! Reading time, and what reading it costs.

use std::time::{Duration, Instant};

/// The cost of one pair of readings, which every sample contains once.
pub struct Clock {
    overhead: f64,
}

impl Clock {
    /// Measures pairs with nothing between them and keeps their median.
    pub fn calibrate() -> Self {
        const PAIRS: usize = 10_001;
        let mut pairs: Vec<Duration> = (0..PAIRS).map(|_| Instant::now().elapsed()).collect();
        pairs.sort_unstable();
        Self { overhead: nanoseconds(pairs[PAIRS / 2]) }
    }

    /// Nanoseconds between two readings that nothing separates.
    pub fn overhead(&self) -> f64 {
        self.overhead
    }

    /// Nanoseconds of what happened between two readings, never negative.
    pub fn net(&self, elapsed: Duration) -> f64 {
        (nanoseconds(elapsed) - self.overhead).max(0.0)
    }
}

fn nanoseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e9
}
