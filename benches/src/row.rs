//! A row: one operation, its columns and its goal.

use std::error::Error;

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

pub struct Row {
    /// `topic/operation`, unique.
    pub name: String,
    /// What one step does.
    pub about: String,
    /// What the floor does instead.
    pub floor_is: &'static str,
    /// The most that our median may be, in medians of the floor.
    pub goal: Option<f64>,
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

    pub fn goal(mut self, at_most: f64) -> Self {
        self.goal = Some(at_most);
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
