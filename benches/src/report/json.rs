//! The figures for programs.

use serde_json::{Map, Value, json};

use super::Entry;
use crate::measure::Figures;
use crate::row::{Goal, Unit};

/// Every row with every figure, and what the caller says about the run.
pub fn document(entries: &[Entry], machine: Value, versions: Value, run: Value) -> Value {
    json!({
        "unit": "nanoseconds for one step, where a row names no other",
        "machine": machine,
        "versions": versions,
        "run": run,
        "rows": entries.iter().map(row).collect::<Vec<_>>(),
    })
}

fn row(entry: &Entry) -> Value {
    let columns: Map<String, Value> = entry
        .measured
        .columns
        .iter()
        .map(|(who, figures)| (who.name().to_owned(), column(figures)))
        .collect();
    let is_time = entry.row.unit == Unit::Nanoseconds;
    let (goal, goal_ns, goal_count) = match entry.row.goal {
        Some(Goal::Floors(floors)) => (Some(floors), None, None),
        Some(Goal::Units(most)) if is_time => (None, Some(most), None),
        Some(Goal::Units(most)) => (None, None, Some(most)),
        None => (None, None, None),
    };
    json!({
        "name": entry.row.name,
        "about": entry.row.about,
        "floor_is": entry.row.floor_is,
        "unit": entry.row.unit.name(),
        "ratio": entry.measured.ratio(),
        "goal": goal,
        "goal_ns": goal_ns,
        "goal_count": goal_count,
        "verdict": entry.verdict().map(|verdict| verdict.name().to_lowercase()),
        "disturbed_samples_repeated": entry.measured.noise.repeated,
        "disturbed_samples_kept": entry.measured.noise.kept,
        "columns": columns,
    })
}

fn column(figures: &Figures) -> Value {
    json!({
        "median": figures.median,
        "minimum": figures.minimum,
        "p90": figures.p90,
        "samples": figures.samples,
        "steps_per_sample": figures.steps,
    })
}
