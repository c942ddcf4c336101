//! The tables on standard output, in Markdown.

use crate::row::{Kind, Row, time};

pub fn print(rows: &[Row]) {
    let programs = rows.iter().filter(|row| row.kind == Kind::Program);
    let headings = [
        "row",
        "own",
        "ours",
        "ours / own",
        "half of the pairs",
        "cpu time",
        "page faults",
        "native",
        "",
    ];
    print_table(&headings, programs.map(program).collect());
    let instances = rows.iter().filter(|row| row.kind == Kind::Instance);
    let headings =
        ["row", "own, a second", "ours, a second", "time, ours / own", "half of the rounds", ""];
    print_table(&headings, instances.map(instance).collect());
}

fn program(row: &Row) -> Vec<String> {
    let faults = row.facts.faults.map(|(own, ours)| format!("{own:.0}, {ours:.0}"));
    vec![
        row.name.clone(),
        time(row.own.median),
        time(row.ours.median),
        format!("{:.3}", row.ratio.median),
        spread(row),
        row.facts.cpu_ratio.map(|ratio| format!("{ratio:.3}")).unwrap_or_default(),
        faults.unwrap_or_default(),
        row.facts.native_ns.map(time).unwrap_or_default(),
        row.verdict().into(),
    ]
}

fn instance(row: &Row) -> Vec<String> {
    let rate = |nanoseconds: f64| format!("{:.0}", 1e9 / nanoseconds);
    vec![
        row.name.clone(),
        rate(row.own.median),
        rate(row.ours.median),
        format!("{:.3}", row.ratio.median),
        spread(row),
        row.verdict().into(),
    ]
}

fn spread(row: &Row) -> String {
    format!("{:.3} to {:.3}", row.ratio.quarter, row.ratio.three_quarters)
}

/// Names to the left, figures to the right.
fn print_table(headings: &[&str], lines: Vec<Vec<String>>) {
    if lines.is_empty() {
        return;
    }
    let headings: Vec<String> = headings.iter().map(|&heading| heading.to_owned()).collect();
    let all = || std::iter::once(&headings).chain(&lines);
    let widths: Vec<usize> =
        (0..headings.len()).map(|at| all().map(|line| line[at].len()).max().unwrap_or(0)).collect();
    println!();
    print_line(&headings, &widths);
    let rule: Vec<String> = widths.iter().map(|width| "-".repeat(width + 1) + ":").collect();
    println!(
        "|{}-{}|",
        "-".repeat(widths[0] + 1),
        rule[1..].iter().map(|rule| format!("|{rule}")).collect::<String>()
    );
    for line in &lines {
        print_line(line, &widths);
    }
}

fn print_line(line: &[String], widths: &[usize]) {
    let cells = line.iter().zip(widths).enumerate().map(|(at, (cell, width))| {
        if at == 0 { format!("| {cell:<width$} ") } else { format!("| {cell:>width$} ") }
    });
    println!("{}|", cells.collect::<String>());
}
