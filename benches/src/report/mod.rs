//! What a run leaves behind.

pub mod chart;
pub mod json;
pub mod table;

use crate::measure::Measured;
use crate::row::{Goal, Row, Unit, Who};

/// A row with its figures.
pub struct Entry {
    pub row: Row,
    pub measured: Measured,
}

/// What became of a goal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Met,
    Missed,
    /// Too many samples were disturbed: the row was not measured as it says.
    Noisy,
}

impl Verdict {
    pub fn name(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "MISSED",
            Self::Noisy => "NOISY",
        }
    }
}

impl Entry {
    /// What the goal allows for our median.
    pub fn at_most(&self) -> Option<f64> {
        self.measured.at_most(self.row.goal?)
    }

    /// The goal in words.
    pub fn goal(&self) -> String {
        match self.row.goal {
            None => String::new(),
            Some(Goal::Floors(floors)) => format!("<= {floors}x"),
            Some(Goal::Units(most)) => match self.row.unit {
                Unit::Nanoseconds => format!("<= {most} ns"),
                Unit::Bytes => format!("<= {most} B"),
                Unit::Pieces => format!("<= {most}"),
            },
        }
    }

    /// `None` without a goal.
    pub fn verdict(&self) -> Option<Verdict> {
        let most = self.at_most()?;
        let ours = self.measured.of(Who::Ours)?;
        Some(match ours.median <= most {
            _ if self.measured.is_noisy() => Verdict::Noisy,
            true => Verdict::Met,
            false => Verdict::Missed,
        })
    }
}

/// The peers that some row has, in the order of their first appearance.
pub fn peers(entries: &[Entry]) -> Vec<Who> {
    let mut peers = Vec::new();
    for (who, _) in entries.iter().flat_map(|entry| &entry.measured.columns) {
        if matches!(who, Who::Peer(_)) && !peers.contains(who) {
            peers.push(*who);
        }
    }
    peers
}

/// A figure of such a unit.
pub fn figure(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Nanoseconds => time(value),
        Unit::Bytes => format!("{value:.0} B"),
        Unit::Pieces => format!("{value:.0}"),
    }
}

/// Nanoseconds with three digits and a unit that suits them.
pub fn time(nanoseconds: f64) -> String {
    let (value, unit) = match nanoseconds {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "us"),
        ns => (ns / 1e6, "ms"),
    };
    let digits = match value {
        value if value < 10.0 => 2,
        value if value < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}
