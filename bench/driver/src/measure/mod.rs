//! The parts of the benchmark.

pub(crate) mod allocations;
pub(crate) mod http;
pub(crate) mod identity;
pub(crate) mod instructions;
pub(crate) mod listeners;
pub(crate) mod receipts;
pub(crate) mod stall;
pub(crate) mod stdio;
pub(crate) mod tasks;
pub(crate) mod weight;

use crate::{report::Series, subject::Subject};

/// One column: a subject, the mode it runs in, and the column's name.
pub(crate) struct Column<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) mode: &'static str,
    pub(crate) name: &'static str,
}

/// The columns of the modes that `modes` chooses of each subject.
pub(crate) fn columns<'a>(
    subjects: &'a [Subject],
    modes: impl Fn(&Subject) -> &'static [(&'static str, &'static str)],
) -> Vec<Column<'a>> {
    let of =
        |subject| modes(subject).iter().map(move |(mode, name)| Column { subject, mode, name });
    subjects.iter().flat_map(of).collect()
}

/// The columns of the subjects' HTTP servers.
pub(crate) fn http_columns(subjects: &[Subject]) -> Vec<Column<'_>> {
    columns(subjects, |subject| subject.http_modes)
}

/// Empty series, one a column.
pub(crate) fn series(columns: &[Column<'_>]) -> Vec<Series> {
    columns.iter().map(|column| Series { subject: column.name, values: Vec::new() }).collect()
}

/// The order of the columns in a round: another one starts every round, so that none always
/// follows the same.
pub(crate) fn rotated(columns: usize, round: usize) -> impl Iterator<Item = usize> {
    (0..columns).map(move |at| (at + round) % columns)
}
