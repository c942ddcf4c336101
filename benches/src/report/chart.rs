//! The chart: a group of bars for each row, as long as the logarithm of the time. A mark across our
//! bar is the goal: the bar should end before it.

use std::path::Path;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Entry, peers, time};
use crate::row::{Result, Unit, Who};

const TITLE: &str = "wasm_memory: median time of one operation, logarithmic, shorter is better";
const WIDTH: u32 = 1100;
const NAMES: i32 = 210;
const RIGHT: i32 = 90;
const TOP: i32 = 76;
const BOTTOM: i32 = 30;
const BAR: i32 = 10;
const GAP: i32 = 8;
const FONT: &str = "sans-serif";

/// Draws the medians into `path`. Rows that count something have no bars: their scale is another.
pub fn draw(entries: &[Entry], path: &Path) -> Result<()> {
    let mut legend = vec![Who::Ours, Who::Floor];
    legend.extend(peers(entries));
    let entries: Vec<&Entry> =
        entries.iter().filter(|entry| entry.row.unit == Unit::Nanoseconds).collect();

    let bars: i32 = entries.iter().map(|entry| entry.measured.columns.len() as i32).sum();
    let height = TOP + bars * BAR + entries.len() as i32 * GAP + BOTTOM;
    let root = SVGBackend::new(path, (WIDTH, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;

    let scale = Scale::of(&entries);
    let title = (FONT, 17).into_font().color(&BLACK);
    root.draw(&Text::new(TITLE, (12, 12), title))?;
    draw_legend(&root, &legend)?;
    draw_grid(&root, &scale, height)?;

    let mut top = TOP;
    for entry in &entries {
        let columns = &entry.measured.columns;
        let middle = top + columns.len() as i32 * BAR / 2;
        root.draw(&Text::new(entry.row.name.clone(), (NAMES - 10, middle), label(HPos::Right)))?;
        for who in &legend {
            let Some(figures) = entry.measured.of(*who) else { continue };
            let end = scale.x(figures.median);
            let bar = [(NAMES, top), (end, top + BAR - 1)];
            root.draw(&Rectangle::new(bar, colour(*who, &legend).filled()))?;
            let mut clear = end;
            if let (Who::Ours, Some(most)) = (*who, entry.at_most()) {
                let mark = scale.x(most);
                root.draw(&goal_mark(mark, top))?;
                // The figure stands beside the mark, not under it.
                let width = 50;
                clear = if (end..end + width).contains(&mark) { mark + 2 } else { end };
            }
            let centre = (clear + 4, top + BAR / 2);
            root.draw(&Text::new(time(figures.median), centre, small(HPos::Left)))?;
            top += BAR;
        }
        top += GAP;
    }
    root.present()?;
    Ok(())
}

type Root<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;

fn draw_legend(root: &Root<'_>, legend: &[Who]) -> Result<()> {
    let mut x = 12;
    for who in legend {
        root.draw(&Rectangle::new([(x, 40), (x + 12, 52)], colour(*who, legend).filled()))?;
        root.draw(&Text::new(who.name(), (x + 18, 46), label(HPos::Left)))?;
        x += 120;
    }
    root.draw(&goal_mark(x + 6, 41))?;
    root.draw(&Text::new("goal of ours", (x + 18, 46), label(HPos::Left)))?;
    Ok(())
}

fn goal_mark(x: i32, top: i32) -> Rectangle<(i32, i32)> {
    Rectangle::new([(x - 1, top - 2), (x, top + BAR)], RED.filled())
}

/// A line and a label for each power of ten.
fn draw_grid(root: &Root<'_>, scale: &Scale, height: i32) -> Result<()> {
    for power in scale.low..=scale.high {
        let at = 10_f64.powi(power);
        let x = scale.x(at);
        let bottom = height - BOTTOM;
        root.draw(&PathElement::new(vec![(x, TOP - 6), (x, bottom)], RGBColor(222, 222, 222)))?;
        root.draw(&Text::new(decade(at), (x, bottom + 12), small(HPos::Center)))?;
    }
    Ok(())
}

/// A power of ten without digits that say nothing.
fn decade(nanoseconds: f64) -> String {
    match nanoseconds {
        ns if ns < 1.0 => format!("{ns:.1} ns"),
        ns if ns < 1e3 => format!("{ns:.0} ns"),
        ns if ns < 1e6 => format!("{:.0} us", ns / 1e3),
        ns => format!("{:.0} ms", ns / 1e6),
    }
}

/// From nanoseconds to pixels; whole powers of ten at both ends.
struct Scale {
    low: i32,
    high: i32,
}

impl Scale {
    fn of(entries: &[&Entry]) -> Self {
        if entries.is_empty() {
            return Self { low: 0, high: 1 };
        }
        let medians = || {
            let columns = entries.iter().flat_map(|entry| &entry.measured.columns);
            columns.map(|(_, figures)| figures.median.log10())
        };
        let low = medians().fold(f64::INFINITY, f64::min).floor() as i32;
        let high = medians().fold(f64::NEG_INFINITY, f64::max).ceil() as i32;
        Self { low, high: high.max(low + 1) }
    }

    fn x(&self, nanoseconds: f64) -> i32 {
        let share = (nanoseconds.log10() - f64::from(self.low)) / f64::from(self.high - self.low);
        NAMES + (share * f64::from(WIDTH as i32 - NAMES - RIGHT)).round() as i32
    }
}

/// Ours stands out; the floor is grey; the peers have the colours that are left.
fn colour(who: Who, legend: &[Who]) -> RGBColor {
    const PEERS: [RGBColor; 6] = [
        RGBColor(230, 159, 0),
        RGBColor(0, 158, 115),
        RGBColor(204, 121, 167),
        RGBColor(213, 94, 0),
        RGBColor(86, 180, 233),
        RGBColor(148, 103, 60),
    ];
    match who {
        Who::Ours => RGBColor(0, 90, 181),
        Who::Floor => RGBColor(150, 150, 150),
        Who::Peer(_) => {
            let peers = legend.iter().filter(|other| matches!(other, Who::Peer(_)));
            let index = peers.take_while(|other| **other != who).count();
            PEERS[index % PEERS.len()]
        }
    }
}

fn label(horizontal: HPos) -> TextStyle<'static> {
    (FONT, 13).into_font().color(&BLACK).pos(Pos::new(horizontal, VPos::Center))
}

fn small(horizontal: HPos) -> TextStyle<'static> {
    let grey = RGBColor(80, 80, 80);
    (FONT, 10).into_font().color(&grey).pos(Pos::new(horizontal, VPos::Center))
}
