//! The table on standard output.

use super::{Entry, figure, peers};
use crate::row::Who;

/// Every row as a line, with a heading.
pub fn print(entries: &[Entry]) {
    let peers = peers(entries);
    let mut heading: Vec<String> =
        ["row", "ours", "min", "p90", "floor", "ratio"].map(str::to_owned).into();
    heading.extend(peers.iter().map(|peer| peer.name().to_owned()));
    heading.extend(["goal", "verdict"].map(str::to_owned));

    let lines: Vec<Vec<String>> = entries.iter().map(|entry| line(entry, &peers)).collect();
    let widths: Vec<usize> = (0..heading.len())
        .map(|at| lines.iter().chain([&heading]).map(|line| line[at].len()).max().unwrap_or(0))
        .collect();

    print_line(&heading, &widths);
    let mut topic = None;
    for (entry, line) in entries.iter().zip(&lines) {
        let of_entry = entry.row.name.split('/').next();
        if topic != of_entry {
            topic = of_entry;
            println!("{}", "-".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1)));
        }
        print_line(line, &widths);
    }
}

fn line(entry: &Entry, peers: &[Who]) -> Vec<String> {
    let measured = &entry.measured;
    let show = |value| figure(value, entry.row.unit);
    let median = |who| measured.of(who).map_or("-".into(), |figures| show(figures.median));
    let ours = measured.of(Who::Ours);
    let mut line = vec![
        entry.row.name.clone(),
        median(Who::Ours),
        ours.map_or("-".into(), |figures| show(figures.minimum)),
        ours.map_or("-".into(), |figures| show(figures.p90)),
        median(Who::Floor),
        measured.ratio().map_or("-".into(), |ratio| format!("{ratio:.3}x")),
    ];
    line.extend(peers.iter().map(|peer| median(*peer)));
    line.push(entry.goal());
    line.push(entry.verdict().map_or(String::new(), |verdict| verdict.name().to_owned()));
    line
}

/// Names to the left, figures to the right.
fn print_line(line: &[String], widths: &[usize]) {
    let mut text = String::new();
    for (at, (cell, width)) in line.iter().zip(widths).enumerate() {
        if at == 0 {
            text.push_str(&format!("{cell:<width$}"));
        } else {
            text.push_str(&format!("  {cell:>width$}"));
        }
    }
    println!("{}", text.trim_end());
}
