//! A row: one operation, its columns and its goal.

use std::error::Error;
use std::fmt;

use crate::companion::Company;
use crate::probe::Probe;

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Prepares a column, so that nothing of a row exists before it is its turn.
pub type Setup = Box<dyn Fn() -> Result<Probe>>;

/// Whom a column measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Ours,
    Floor,
    #[cfg_attr(not(feature = "peers"), expect(dead_code, reason = "built without peers"))]
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
    /// So many nanoseconds: for what is asked of any machine that one would run this on.
    Nanoseconds(f64),
}

impl fmt::Display for Goal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Floors(floors) => write!(formatter, "<= {floors}x"),
            Self::Nanoseconds(nanoseconds) => write!(formatter, "<= {nanoseconds} ns"),
        }
    }
}

pub struct Row {
    /// `topic/operation`, unique.
    pub name: String,
    /// What one step does.
    pub about: String,
    /// What the floor does instead.
    pub floor_is: &'static str,
    pub goal: Option<Goal>,
    pub company: Company,
    pub columns: Vec<(Who, Setup)>,
}

impl Row {
    pub fn new(name: impl Into<String>, about: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            about: about.into(),
            floor_is: "",
            goal: None,
            company: Company::Alone,
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
        self.goal = Some(Goal::Nanoseconds(at_most));
        self
    }

    pub fn company(mut self, company: Company) -> Self {
        self.company = company;
        self
    }

    pub fn ours(self, setup: impl Fn() -> Result<Probe> + 'static) -> Self {
        self.column(Who::Ours, setup)
    }

    pub fn floor(
        mut self,
        floor_is: &'static str,
        setup: impl Fn() -> Result<Probe> + 'static,
    ) -> Self {
        self.floor_is = floor_is;
        self.column(Who::Floor, setup)
    }

    #[cfg(feature = "peers")]
    pub fn peer(self, name: &'static str, setup: impl Fn() -> Result<Probe> + 'static) -> Self {
        self.column(Who::Peer(name), setup)
    }

    fn column(mut self, who: Who, setup: impl Fn() -> Result<Probe> + 'static) -> Self {
        self.columns.push((who, Box::new(setup)));
        self
    }
}
