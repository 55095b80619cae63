//! The one place from which this crate's assertions panic.

use std::fmt::Arguments;

/// Fails the test that called the assertion.
#[track_caller]
#[allow(clippy::panic, reason = "a failed assertion is a panic")]
pub(crate) fn fail(message: Arguments<'_>) -> ! {
    panic!("{message}")
}
