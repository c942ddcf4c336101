//! Measuring a row: short samples, column after column, round after round, so that whatever else
//! the machine does meets all columns alike.

use std::ops::AddAssign;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::companion::Companion;
use crate::probe::Probe;
use crate::processors::{OnFirst, preemptions};
use crate::row::{Goal, Pace, Ready, Result, Row, Setup, Unit, Who};

/// How long to look.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Times that a row is set up anew, for each of its columns: see [`measure`].
    pub turns: u32,
    /// Time for the rounds of a row.
    pub time: Duration,
    /// Rounds after each set-up, at least and at most, whatever time they take.
    pub rounds: (u32, u32),
    /// Times that a sample is taken again when something else disturbed it.
    pub retries: u64,
}

impl Effort {
    pub const FULL: Self =
        Self { turns: 3, time: Duration::from_millis(2500), rounds: (5, 200), retries: 20 };

    /// Enough to see that every row works.
    pub const SMOKE: Self =
        Self { turns: 1, time: Duration::from_millis(20), rounds: (2, 10), retries: 2 };

    /// What the pace of a row makes of it: more time for long samples, of which the others leave few;
    /// one set-up, and few rounds of it, where a round takes seconds.
    fn of(self, row: &Row) -> Self {
        match row.pace {
            Pace::Short => self,
            Pace::Long => Self { time: self.time * 2, ..self },
            Pace::Slow => {
                Self { turns: 1, rounds: (self.rounds.0.div_ceil(2), self.rounds.1), ..self }
            }
        }
    }
}

/// Nanoseconds for one step, or what was counted.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub median: f64,
    pub minimum: f64,
    pub p90: f64,
    pub samples: usize,
    /// Steps in a sample.
    pub steps: u64,
}

/// A measured row.
pub struct Measured {
    pub columns: Vec<(Who, Figures)>,
    pub noise: Noise,
}

/// What else the machine did: samples during which the thread or its partner was preempted, or one
/// that should have run beside it did not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Noise {
    /// Thrown away and taken again.
    pub repeated: u64,
    /// Kept, because no undisturbed one came.
    pub kept: u64,
}

impl Measured {
    pub fn of(&self, who: Who) -> Option<Figures> {
        self.columns.iter().find(|(column, _)| *column == who).map(|(_, figures)| *figures)
    }

    /// Samples of all columns.
    pub fn samples(&self) -> usize {
        self.columns.iter().map(|(_, figures)| figures.samples).sum()
    }

    /// Whether more than a tenth of the samples was disturbed: a 90th percentile then tells of the
    /// disturbance, and a median may.
    pub fn is_noisy(&self) -> bool {
        self.noise.kept * 10 > self.samples() as u64
    }

    /// What our median may be.
    pub fn at_most(&self, goal: Goal) -> Option<f64> {
        match goal {
            Goal::Floors(floors) => Some(floors * self.of(Who::Floor)?.median),
            Goal::Units(most) => Some(most),
        }
    }

    /// Our median in medians of the floor.
    pub fn ratio(&self) -> Option<f64> {
        Some(self.of(Who::Ours)?.median / self.of(Who::Floor)?.median)
    }
}

impl AddAssign for Noise {
    fn add_assign(&mut self, other: Self) {
        self.repeated += other.repeated;
        self.kept += other.kept;
    }
}

struct Column<'a> {
    who: Who,
    setup: &'a Setup,
    /// Steps in a sample; 0 until it is known.
    steps: u64,
    samples: Vec<f64>,
}

/// Measures every column of `row`. Fails if one cannot be set up.
///
/// The physical pages under a memory can make large copies twice as slow, and which pages a memory
/// gets depends on when it was made. So everything is torn down and set up again several times,
/// each time in another order: every column has every place in the order equally often.
pub fn measure(row: &Row, effort: Effort, clock: &Clock) -> Result<Measured> {
    if row.unit != Unit::Nanoseconds {
        return count(row);
    }
    let effort = effort.of(row);
    let _stays = row.pinned.then(OnFirst::take);
    let companion = Companion::start(row.company);
    let mut columns: Vec<Column> = row
        .columns
        .iter()
        .map(|(who, setup)| Column { who: *who, setup, steps: 0, samples: Vec::new() })
        .collect();
    let passes = effort.turns * columns.len() as u32;
    let mut noise = Noise::default();
    for _ in 0..passes {
        columns.rotate_left(1);
        let mut probes = Vec::new();
        for column in &mut columns {
            let mut probe = match set_up(column.who, column.setup)? {
                Ready::Steps(probe) => probe,
                Ready::Count(_) => return Err("a row of time has no counts".into()),
            };
            if column.steps == 0 {
                column.steps = calibrate(&mut probe, row.sample, clock);
            }
            probes.push(probe);
        }
        let start = Instant::now();
        let (least, most) = effort.rounds;
        for round in 0..most {
            if round >= least && start.elapsed() > effort.time / passes {
                break;
            }
            for (column, probe) in columns.iter_mut().zip(&mut probes) {
                let retries = effort.retries;
                noise += column.sample(row, probe, clock, companion.as_ref(), retries);
            }
        }
    }
    let in_order = row.columns.iter().filter_map(|(who, _)| {
        let column = columns.iter_mut().find(|column| column.who == *who)?;
        Some((*who, column.figures()))
    });
    Ok(Measured { columns: in_order.collect(), noise })
}

fn set_up(who: Who, setup: &Setup) -> Result<Ready> {
    setup().map_err(|error| format!("{}: {error}", who.name()).into())
}

/// Asks every column of a row without time once.
fn count(row: &Row) -> Result<Measured> {
    let mut columns = Vec::new();
    for (who, setup) in &row.columns {
        let Ready::Count(count) = set_up(*who, setup)? else {
            return Err("a row of counts has no steps".into());
        };
        let figures = Figures { median: count, minimum: count, p90: count, samples: 1, steps: 1 };
        columns.push((*who, figures));
    }
    Ok(Measured { columns, noise: Noise::default() })
}

/// The number of steps that fill a sample.
fn calibrate(probe: &mut Probe, sample: Duration, clock: &Clock) -> u64 {
    let sample = sample.as_nanos() as f64;
    let mut steps = 1;
    loop {
        if steps == probe.limit {
            return steps;
        }
        // The best of three: a preempted run would make the step look dear.
        let runs = [(); 3].map(|()| clock.net(probe.run(steps).elapsed));
        let best = runs.into_iter().fold(f64::INFINITY, f64::min);
        if best >= sample {
            return steps;
        }
        let factor = (sample / best.max(1.0)).ceil().clamp(2.0, 16.0) as u64;
        steps = steps.saturating_mul(factor).min(probe.limit);
    }
}

impl Column<'_> {
    /// Takes one sample, again if it was disturbed.
    fn sample(
        &mut self,
        row: &Row,
        probe: &mut Probe,
        clock: &Clock,
        companion: Option<&Companion>,
        retries: u64,
    ) -> Noise {
        let runs = |patience| companion.is_none_or(|it| it.advances_within(patience));
        let mut noise = Noise::default();
        loop {
            if row.pace == Pace::Short {
                // Fetches what the columns before have displaced from the caches.
                probe.run(self.steps.div_ceil(4));
            }
            let ran_before = runs(Duration::from_millis(5));
            let before = preemptions();
            let sample = probe.run(self.steps);
            let preempted = !row.crowded && preemptions() != before;
            let runs_after = runs(Duration::from_micros(100));
            let disturbed = sample.disturbed || preempted || !ran_before || !runs_after;
            if !disturbed || noise.repeated == retries {
                self.samples.push(clock.net(sample.elapsed) / self.steps as f64);
                noise.kept = disturbed.into();
                return noise;
            }
            noise.repeated += 1;
        }
    }

    fn figures(&mut self) -> Figures {
        self.samples.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| self.samples[((self.samples.len() - 1) as f64 * share) as usize];
        Figures {
            median: at(0.5),
            minimum: at(0.0),
            p90: at(0.9),
            samples: self.samples.len(),
            steps: self.steps,
        }
    }
}
