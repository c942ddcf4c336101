//! A row: one operation, its columns and its goal.

use std::error::Error;
use std::time::Duration;

use crate::companion::Company;
use crate::probe::Probe;

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Prepares a column, so that nothing of a row exists before it is its turn.
pub type Setup = Box<dyn Fn() -> Result<Ready>>;

/// A column that was set up.
pub enum Ready {
    /// Steps, which take time.
    Steps(Probe),
    /// No time, but how many there are.
    Count(f64),
}

/// What the figures of a row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    Nanoseconds,
    Bytes,
    /// Of what the row names.
    Pieces,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Nanoseconds => "nanoseconds",
            Self::Bytes => "bytes",
            Self::Pieces => "pieces",
        }
    }
}

/// Whom a column measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Ours,
    Floor,
    /// Another implementation, or another way that one could take.
    Peer(&'static str),
}

impl Who {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Floor => "floor",
            Self::Peer(name) => name,
        }
    }
}

/// The most that our median may be.
#[derive(Clone, Copy, Debug)]
pub enum Goal {
    /// So many medians of the floor.
    Floors(f64),
    /// So many of the row's unit: for what is asked of any machine that one would run this on.
    Units(f64),
}

/// A sample of cheap steps holds so many that it takes this long: the clock's own jitter is then
/// far below a percent.
const SAMPLE: Duration = Duration::from_micros(20);

/// What a sample needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Some steps before it, untimed, because the columns before have used the caches.
    Short,
    /// Nothing: the probe itself takes steps before it reads the clock.
    Long,
    /// The same, and so much time that few samples have to do.
    Slow,
}

pub struct Row {
    /// `topic/operation`, unique.
    pub name: String,
    /// What one step does.
    pub about: String,
    /// What the floor does instead.
    pub floor_is: &'static str,
    pub goal: Option<Goal>,
    pub unit: Unit,
    pub company: Company,
    /// How many processors it takes. Where there are fewer, the row is not measured.
    pub processors: usize,
    /// Whether its floor asks the system which pages were touched. Where there is no answer, the row
    /// is not measured.
    pub scans: bool,
    /// Whether the measuring thread stays on one processor.
    pub pinned: bool,
    /// Whether threads take the processor from one another as part of a step.
    pub crowded: bool,
    pub pace: Pace,
    /// How long a sample takes at least, if a sample can hold that many steps.
    pub sample: Duration,
    pub columns: Vec<(Who, Setup)>,
}

impl Row {
    pub fn new(name: impl Into<String>, about: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            about: about.into(),
            floor_is: "",
            goal: None,
            unit: Unit::Nanoseconds,
            company: Company::Alone,
            processors: 1,
            scans: false,
            pinned: false,
            crowded: false,
            pace: Pace::Short,
            sample: SAMPLE,
            columns: Vec::new(),
        }
    }

    /// At most so many medians of the floor.
    pub fn goal(mut self, at_most: f64) -> Self {
        self.goal = Some(Goal::Floors(at_most));
        self
    }

    /// At most so many nanoseconds.
    pub fn goal_ns(mut self, at_most: f64) -> Self {
        self.goal = Some(Goal::Units(at_most));
        self
    }

    /// A row without time: of each column it is counted once how many there are.
    pub fn counted(mut self, unit: Unit) -> Self {
        self.unit = unit;
        self
    }

    /// At most so many of what is counted.
    pub fn at_most(mut self, goal: f64) -> Self {
        self.goal = Some(Goal::Units(goal));
        self
    }

    pub fn company(mut self, company: Company) -> Self {
        self.company = company;
        self
    }

    /// The same row with another name while a thread of the process computes.
    pub fn spinning(mut self) -> Self {
        self.name += "_spinning";
        self.about += ", while a thread computes";
        self.company(Company::Spinning)
    }

    /// The floor asks the system which pages were touched.
    pub fn scans(mut self) -> Self {
        self.scans = true;
        self
    }

    /// The measuring thread stays on the first of so many processors that the row takes.
    pub fn pinned(mut self, processors: usize) -> Self {
        self.processors = processors;
        self.pinned = true;
        self
    }

    pub fn crowded(mut self) -> Self {
        self.crowded = true;
        self
    }

    pub fn pace(mut self, pace: Pace) -> Self {
        self.pace = pace;
        self
    }

    /// For steps that vary: a sample is then an average of many.
    pub fn samples_of(mut self, duration: Duration) -> Self {
        self.sample = duration;
        self
    }

    pub fn ours(self, setup: impl Fn() -> Result<Probe> + 'static) -> Self {
        self.column(Who::Ours, timed(setup))
    }

    pub fn floor(
        mut self,
        floor_is: &'static str,
        setup: impl Fn() -> Result<Probe> + 'static,
    ) -> Self {
        self.floor_is = floor_is;
        self.column(Who::Floor, timed(setup))
    }

    pub fn peer(self, name: &'static str, setup: impl Fn() -> Result<Probe> + 'static) -> Self {
        self.column(Who::Peer(name), timed(setup))
    }

    pub fn ours_counted(self, count: impl Fn() -> Result<f64> + 'static) -> Self {
        self.column(Who::Ours, Box::new(move || count().map(Ready::Count)))
    }

    pub fn floor_counted(
        mut self,
        floor_is: &'static str,
        count: impl Fn() -> Result<f64> + 'static,
    ) -> Self {
        self.floor_is = floor_is;
        self.column(Who::Floor, Box::new(move || count().map(Ready::Count)))
    }

    fn column(mut self, who: Who, setup: Setup) -> Self {
        self.columns.push((who, setup));
        self
    }
}

fn timed(setup: impl Fn() -> Result<Probe> + 'static) -> Setup {
    Box::new(move || setup().map(Ready::Steps))
}
