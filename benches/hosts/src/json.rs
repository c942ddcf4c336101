//! The figures for programs.

use std::fmt;

use crate::figures::Figures;
use crate::machine;
use crate::options::Options;
use crate::row::{GOAL, Kind, Row};

/// A JSON value.
pub enum Value {
    Null,
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

impl Value {
    pub fn object<const N: usize>(members: [(&str, Value); N]) -> Self {
        Self::Object(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Self::Number(number as f64)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number as f64)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(to, 0)
    }
}

impl Value {
    /// Objects of objects take a line for each member.
    fn write(&self, to: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        match self {
            Self::Null => to.write_str("null"),
            Self::Number(number) => write!(to, "{number}"),
            Self::Text(text) => write_text(text, to),
            Self::List(items) => {
                let items = items.iter().map(|item| (None, item));
                write_all(items, ['[', ']'], to, depth)
            }
            Self::Object(members) => {
                let members = members.iter().map(|(name, value)| (Some(name.as_str()), value));
                write_all(members, ['{', '}'], to, depth)
            }
        }
    }

    fn is_flat(&self) -> bool {
        !matches!(self, Self::List(_) | Self::Object(_))
    }
}

fn write_all<'a>(
    items: impl Iterator<Item = (Option<&'a str>, &'a Value)> + Clone,
    [open, close]: [char; 2],
    to: &mut fmt::Formatter<'_>,
    depth: usize,
) -> fmt::Result {
    let flat = items.clone().all(|(_, value)| value.is_flat());
    let line = |depth| if flat { String::new() } else { format!("\n{}", "  ".repeat(depth)) };
    write!(to, "{open}")?;
    for (at, (name, value)) in items.enumerate() {
        let comma = match (at, flat) {
            (0, _) => "",
            (_, true) => ", ",
            (_, false) => ",",
        };
        write!(to, "{comma}{}", line(depth + 1))?;
        if let Some(name) = name {
            write_text(name, to)?;
            to.write_str(": ")?;
        }
        value.write(to, depth + 1)?;
    }
    write!(to, "{}{close}", line(depth))
}

fn write_text(text: &str, to: &mut fmt::Formatter<'_>) -> fmt::Result {
    to.write_str("\"")?;
    for letter in text.chars() {
        match letter {
            '"' | '\\' => write!(to, "\\{letter}")?,
            control if control < ' ' => write!(to, "\\u{:04x}", u32::from(control))?,
            other => write!(to, "{other}")?,
        }
    }
    to.write_str("\"")
}

/// Every row with every figure.
pub fn document(rows: &[Row], options: &Options, load: Option<f64>) -> Value {
    let versions = options.versions.iter();
    Value::object([
        ("unit", "nanoseconds, of a run or of an instance; ratio: ours in times of own".into()),
        ("machine", machine::facts()),
        (
            "versions",
            Value::Object(
                versions.map(|(name, version)| (name.clone(), version.clone().into())).collect(),
            ),
        ),
        ("load_before", load.into()),
        ("rows", Value::List(rows.iter().map(row).collect())),
    ])
}

fn row(row: &Row) -> Value {
    Value::object([
        ("name", row.name.as_str().into()),
        ("about", row.about.as_str().into()),
        ("kind", if row.kind == Kind::Program { "program" } else { "instance" }.into()),
        ("own", figures(&row.own)),
        ("ours", figures(&row.ours)),
        ("ratio", figures(&row.ratio)),
        ("goal", row.has_goal.then_some(GOAL).into()),
        ("verdict", row.has_goal.then(|| row.verdict().to_lowercase()).into()),
        ("native", row.facts.native_ns.into()),
        ("cpu_ratio", row.facts.cpu_ratio.into()),
        ("own_page_faults", row.facts.faults.map(|(own, _)| own).into()),
        ("our_page_faults", row.facts.faults.map(|(_, ours)| ours).into()),
        ("memory_pages", row.facts.pages.into()),
    ])
}

fn figures(figures: &Figures) -> Value {
    Value::object([
        ("median", figures.median.into()),
        ("minimum", figures.minimum.into()),
        ("quarter", figures.quarter.into()),
        ("three_quarters", figures.three_quarters.into()),
        ("samples", figures.samples.into()),
    ])
}
