//! The results: tables to read, one JSON file to keep.

use std::{fmt::Write, fs, path::Path};

use bench_support::Result;
use serde_json::{Map, Value, json};

use crate::{
    options::Options,
    statistics::{median, quantile},
    subject::{FLOOR, OURS},
};

/// All results of a run.
pub(crate) struct Report {
    settings: Value,
    tables: Vec<Table>,
    targets: Vec<Target>,
}

/// Rows of one kind.
pub(crate) struct Table {
    title: String,
    columns: Vec<String>,
    rows: Vec<(String, Vec<String>)>,
    json: Map<String, Value>,
}

/// A limit on one number of ours.
struct Target {
    what: String,
    limit: f64,
    /// Whether the limit is the least that it may be, not the most.
    is_floor: bool,
    measured: Option<f64>,
}

/// The values of one subject, one a round.
pub(crate) struct Series {
    pub(crate) subject: &'static str,
    pub(crate) values: Vec<f64>,
}

impl Report {
    pub(crate) fn new(options: &Options) -> Self {
        let settings = json!({
            "quick": options.quick,
            "rounds": options.rounds,
            "workers": options.workers,
        });
        Self { settings, tables: Vec::new(), targets: Vec::new() }
    }

    /// Adds a table of its own kind.
    pub(crate) fn add(&mut self, table: Table) {
        self.tables.push(table);
    }

    /// Demands that `measured` is at most `limit`. What was not measured is missed.
    pub(crate) fn target(&mut self, what: impl Into<String>, limit: f64, measured: Option<f64>) {
        self.targets.push(Target { what: what.into(), limit, is_floor: false, measured });
    }

    /// Demands that `measured` is at least `limit`. What was not measured is missed.
    pub(crate) fn floor(&mut self, what: impl Into<String>, limit: f64, measured: Option<f64>) {
        self.targets.push(Target { what: what.into(), limit, is_floor: true, measured });
    }

    pub(crate) fn has_failures(&self) -> bool {
        !self.targets.iter().all(Target::is_met)
    }

    /// The tables as text.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for table in &self.tables {
            table.write_text(&mut text);
        }
        if !self.targets.is_empty() {
            text.push_str("\nTargets\n");
        }
        for target in &self.targets {
            let verdict = if target.is_met() { "met   " } else { "MISSED" };
            let measured =
                target.measured.map_or("not measured".to_owned(), |value| format!("{value:.2}"));
            let Target { what, limit, is_floor, .. } = target;
            let bound = if *is_floor { "at least" } else { "at most" };
            // Writing to a String cannot fail, here and below.
            let _ = writeln!(text, "  {verdict}  {what}: {measured} ({bound} {limit})");
        }
        text
    }

    pub(crate) fn write_json(&self, path: &Path) -> Result<()> {
        let tables: Vec<Value> = self
            .tables
            .iter()
            .map(|table| json!({"title": table.title, "rows": table.json}))
            .collect();
        let targets: Vec<Value> = self
            .targets
            .iter()
            .map(|target| {
                json!({
                    "what": target.what,
                    "limit": target.limit,
                    "is_floor": target.is_floor,
                    "measured": target.measured,
                    "met": target.is_met(),
                })
            })
            .collect();
        let results = json!({"settings": self.settings, "tables": tables, "targets": targets});
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, format!("{results:#}\n"))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(())
    }
}

impl Target {
    fn is_met(&self) -> bool {
        self.measured.is_some_and(|measured| match self.is_floor {
            true => measured >= self.limit,
            false => measured <= self.limit,
        })
    }
}

impl Table {
    pub(crate) fn new(
        title: impl Into<String>,
        columns: impl IntoIterator<Item = impl Into<String>>,
    ) -> Self {
        let columns = columns.into_iter().map(Into::into).collect();
        Self { title: title.into(), columns, rows: Vec::new(), json: Map::new() }
    }

    /// Adds a row as it is shown, and as it is kept.
    pub(crate) fn row(&mut self, case: &str, cells: Vec<String>, json: Value) {
        self.rows.push((case.to_owned(), cells));
        self.json.insert(case.to_owned(), json);
    }

    /// Adds a row of one column a subject: the median, and behind it the median of the ratios to
    /// the floor of the same round. Returns the ratio of ours.
    pub(crate) fn compare(&mut self, case: &str, series: &[Series]) -> Option<f64> {
        let floor = series.iter().find(|series| series.subject == FLOOR);
        let floor = floor.map(|series| series.values.as_slice()).unwrap_or_default();
        let mut ours = None;
        let mut cells = Vec::new();
        let mut kept = Map::new();
        for Series { subject, values } in series {
            let ratios: Vec<f64> =
                values.iter().zip(floor).map(|(value, floor)| value / floor).collect();
            let value = median(values).unwrap_or(f64::NAN);
            let ratio = median(&ratios);
            let spread = quantile(&ratios, 0.25).zip(quantile(&ratios, 0.75));
            cells.push(match (ratio, spread) {
                (Some(ratio), Some((low, high))) if *subject != FLOOR => {
                    format!("{} = {ratio:.2} x [{low:.2}–{high:.2}]", number(value))
                }
                _ => number(value),
            });
            if *subject == OURS {
                ours = ratio;
            }
            let entry = json!({
                "median": value, "ratio": ratio, "ratio_quartiles": spread, "values": values,
            });
            kept.insert((*subject).to_owned(), entry);
        }
        self.row(case, cells, Value::Object(kept));
        ours
    }

    fn write_text(&self, text: &mut String) {
        let first = self.rows.iter().map(|(case, _)| width(case)).max().unwrap_or(0);
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(at, column)| {
                let cells = self.rows.iter().filter_map(|(_, cells)| cells.get(at));
                cells.map(|cell| width(cell)).max().unwrap_or(0).max(width(column))
            })
            .collect();
        let _ = write!(text, "\n{}\n  {:first$}", self.title, "");
        for (column, width) in self.columns.iter().zip(&widths) {
            let _ = write!(text, "  {column:>width$}");
        }
        text.push('\n');
        for (case, cells) in &self.rows {
            let _ = write!(text, "  {case:first$}");
            for (cell, width) in cells.iter().zip(&widths) {
                let _ = write!(text, "  {cell:>width$}");
            }
            text.push('\n');
        }
    }
}

fn width(text: &str) -> usize {
    text.chars().count()
}

/// A number with three or four significant digits.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        size if size < 10.0 => format!("{value:.2}"),
        size if size < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_compares_round_by_round() {
        let series = |subject, values: &[f64]| Series { subject, values: values.to_vec() };
        let mut table = Table::new("CPU", [FLOOR, OURS]);
        // The machine got twice as slow in the second round: the ratio did not change.
        let ratio =
            table.compare("echo", &[series(FLOOR, &[10.0, 20.0]), series(OURS, &[12.0, 24.0])]);
        assert_eq!(ratio, Some(1.2));
        let mut text = String::new();
        table.write_text(&mut text);
        assert!(text.contains("1.20 x"), "{text}");
    }

    #[test]
    fn what_was_not_measured_is_missed() {
        let target =
            |measured| Target { what: String::new(), limit: 1.3, is_floor: false, measured };
        assert!(target(Some(1.3)).is_met());
        assert!(!target(Some(1.31)).is_met());
        assert!(!target(Some(f64::NAN)).is_met());
        assert!(!target(None).is_met());
        let floor = |measured| Target { is_floor: true, ..target(measured) };
        assert!(floor(Some(1.3)).is_met());
        assert!(!floor(Some(1.2)).is_met());
        assert!(!floor(Some(f64::NAN)).is_met());
        assert!(!floor(None).is_met());
    }
}
