//! A row of the report: one figure of a host on its own memories and on ours.

use crate::figures::Figures;

/// The most that ours may take, in times of the host's own.
pub const GOAL: f64 = 1.03;

pub struct Row {
    /// `host/program/measure[/kept|/huge]` or `host/instances/module/threads[/pool|/tuned]`.
    pub name: String,
    pub about: String,
    pub kind: Kind,
    /// Nanoseconds, of a run or of an instance.
    pub own: Figures,
    pub ours: Figures,
    /// Ours in times of own, pair by pair.
    pub ratio: Figures,
    /// Whether ours must keep up; the others only tell.
    pub has_goal: bool,
    pub facts: Facts,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A program's run.
    Program,
    /// One of many instances.
    Instance,
}

/// What else is known of a program's run; medians.
#[derive(Clone, Copy, Default)]
pub struct Facts {
    pub native_ns: Option<f64>,
    /// Processor time of the whole, ours in times of own.
    pub cpu_ratio: Option<f64>,
    /// Own and ours.
    pub faults: Option<(f64, f64)>,
    pub pages: Option<u64>,
}

impl Row {
    pub fn is_met(&self) -> bool {
        !self.has_goal || self.ratio.median <= GOAL
    }

    /// The run alone differs little from the whole, and has no bar; nor have rows without a goal.
    pub fn in_chart(&self) -> bool {
        self.has_goal && (self.kind == Kind::Instance || self.name.contains("/whole"))
    }

    pub fn verdict(&self) -> &'static str {
        match (self.has_goal, self.is_met()) {
            (false, _) => "",
            (true, true) => "met",
            (true, false) => "MISSED",
        }
    }
}

/// A time as a person reads it.
pub fn time(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.2} us", ns / 1e3),
        ns if ns < 1e9 => format!("{:.1} ms", ns / 1e6),
        ns => format!("{:.3} s", ns / 1e9),
    }
}
