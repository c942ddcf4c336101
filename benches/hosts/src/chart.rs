//! The chart: for each row a bar, as long as ours takes in times of the host's own. The line at 1 is the
//! host's own; what ends before it is faster.

use std::fmt::Write;

use crate::row::{GOAL, Kind, Row, time};

const WIDTH: f64 = 900.0;
const NAMES: f64 = 250.0;
const RIGHT: f64 = 230.0;
const BAR: f64 = 12.0;
const STEP: f64 = 18.0;
const LINES: f64 = 6.0;
/// Bars that are longer than this are cut; their figure stands beside them.
const MOST: f64 = 1.25;

/// The picture, as SVG.
pub fn draw(rows: &[Row]) -> String {
    let sections = [
        (Kind::Program, "A program: instance made, program run, instance dropped"),
        (Kind::Instance, "Many instances: time of one, made, touched and dropped"),
    ];
    let mut body = String::new();
    let mut top = 64.0;
    for (kind, title) in sections {
        let rows: Vec<&Row> =
            rows.iter().filter(|row| row.kind == kind && row.in_chart()).collect();
        if rows.is_empty() {
            continue;
        }
        text(&mut body, 12.0, top + 14.0, "start", 13, title);
        top += 28.0;
        let bottom = top + rows.len() as f64 * STEP;
        grid(&mut body, top, bottom);
        for row in rows {
            bar(&mut body, row, top);
            top += STEP;
        }
        // The marks of the scale stand below.
        top = bottom + 34.0;
    }
    let height = top;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    text(
        &mut svg,
        12.0,
        24.0,
        "start",
        16,
        "Hosts on wasm_memory, in times of the host on its own memories",
    );
    text(
        &mut svg,
        12.0,
        44.0,
        "start",
        11,
        "Medians of pairs; the thin line spans half of the pairs. Shorter is better; red: the most that ours may take.",
    );
    svg + &body + "</svg>\n"
}

fn x(ratio: f64) -> f64 {
    NAMES + ratio.min(MOST) / MOST * (WIDTH - NAMES - RIGHT)
}

fn grid(to: &mut String, top: f64, bottom: f64) {
    for step in 0..LINES as u32 {
        let ratio = f64::from(step) * MOST / (LINES - 1.0);
        line(to, x(ratio), top - 4.0, bottom, "#dddddd", 1.0);
        text(to, x(ratio), bottom + 14.0, "middle", 10, &format!("{ratio:.2}"));
    }
    line(to, x(1.0), top - 4.0, bottom, "#333333", 1.5);
    line(to, x(GOAL), top - 4.0, bottom, "#cc2222", 1.0);
}

fn bar(to: &mut String, row: &Row, top: f64) {
    let middle = top + BAR / 2.0;
    let colour = if row.is_met() { "#2a6fbb" } else { "#cc7722" };
    text(to, NAMES - 8.0, middle + 4.0, "end", 11, &row.name);
    let length = x(row.ratio.median) - NAMES;
    let _ = writeln!(
        to,
        "<rect x=\"{NAMES}\" y=\"{top:.1}\" width=\"{length:.1}\" height=\"{BAR}\" fill=\"{colour}\"/>"
    );
    let (from, until) = (x(row.ratio.quarter), x(row.ratio.three_quarters));
    let _ = writeln!(
        to,
        "<line x1=\"{from:.1}\" y1=\"{middle:.1}\" x2=\"{until:.1}\" y2=\"{middle:.1}\" stroke=\"#111111\"/>"
    );
    let figures =
        format!("{:.2}: {}, own {}", row.ratio.median, time(row.ours.median), time(row.own.median));
    text(to, WIDTH - RIGHT + 8.0, middle + 4.0, "start", 11, &figures);
}

fn line(to: &mut String, x: f64, top: f64, bottom: f64, colour: &str, width: f64) {
    let _ = writeln!(
        to,
        "<line x1=\"{x:.1}\" y1=\"{top:.1}\" x2=\"{x:.1}\" y2=\"{bottom:.1}\" stroke=\"{colour}\" \
         stroke-width=\"{width}\"/>"
    );
}

/// The texts are ours and have no character that XML would mind.
fn text(to: &mut String, x: f64, y: f64, anchor: &str, size: u32, what: &str) {
    let _ = writeln!(
        to,
        "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"#111111\">{what}</text>"
    );
}
