//! The figures for programs.

use serde_json::{Map, Value, json};

use crate::figures::Figures;
use crate::machine;
use crate::options::Options;
use crate::row::{GOAL, Kind, Row};

/// Every row with every figure.
pub fn document(rows: &[Row], options: &Options, load: Option<f64>) -> Value {
    let versions: Map<String, Value> = options
        .versions
        .iter()
        .map(|(name, version)| (name.clone(), version.clone().into()))
        .collect();
    json!({
        "unit": "nanoseconds, of a run or of an instance; ratio: ours in times of own",
        "machine": machine::facts(),
        "versions": versions,
        "load_before": load,
        "rows": rows.iter().map(row).collect::<Vec<_>>(),
    })
}

fn row(row: &Row) -> Value {
    json!({
        "name": row.name,
        "about": row.about,
        "kind": if row.kind == Kind::Program { "program" } else { "instance" },
        "own": figures(&row.own),
        "ours": figures(&row.ours),
        "ratio": figures(&row.ratio),
        "goal": row.has_goal.then_some(GOAL),
        "verdict": row.has_goal.then(|| row.verdict().to_lowercase()),
        "native": row.facts.native_ns,
        "cpu_ratio": row.facts.cpu_ratio,
        "own_page_faults": row.facts.faults.map(|(own, _)| own),
        "our_page_faults": row.facts.faults.map(|(_, ours)| ours),
        "memory_pages": row.facts.pages,
    })
}

fn figures(figures: &Figures) -> Value {
    json!({
        "median": figures.median,
        "minimum": figures.minimum,
        "quarter": figures.quarter,
        "three_quarters": figures.three_quarters,
        "samples": figures.samples,
    })
}
