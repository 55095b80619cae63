//! What is wrong, and the words for it.

use mcp_tasks::store::StoreError;

/// Why a check failed.
#[derive(Debug)]
pub(super) struct Problem(pub(super) String);

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self(format!("an unexpected error: {error}"))
    }
}

impl From<serde_json::Error> for Problem {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// Demands a condition.
macro_rules! ensure {
    ($condition:expr, $($words:tt)+) => {
        if !$condition {
            return Err(Problem(format!($($words)+)));
        }
    };
}

/// Demands that a value, named by its expression, has a form.
macro_rules! ensure_matches {
    ($value:expr, $form:pat $(if $guard:expr)?) => {
        match $value {
            $form $(if $guard)? => {}
            other => {
                return Err(Problem(format!(
                    "{} should be {}, and is {other:?}",
                    stringify!($value),
                    stringify!($form),
                )));
            }
        }
    };
}

pub(super) use {ensure, ensure_matches};
