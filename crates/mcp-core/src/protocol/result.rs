//! Results and their types (specification, "Responses").
//!
//! Every result has a `resultType` that tells how to read the rest: `complete`, `input_required`,
//! or a name that an extension defines. A result is therefore read in two steps, and always as what
//! was asked for:
//!
//! 1. [`ResultType::of`] looks at `resultType` alone; absent means `complete`;
//! 2. `complete` is parsed as the method's own result type (say
//!    [`CallToolResult`](super::CallToolResult)), `input_required` as
//!    [`InputRequiredResult`](super::InputRequiredResult).
//!
//! # How `resultType` is represented
//!
//! Not at all: the Rust type *is* the result type, so a struct such as `CallToolResult` has no field
//! for it. Reading one checks that a `resultType`, if there, is the right one. Writing one leaves
//! `resultType` out: such a struct is a [`ResultBody`], and whoever writes the whole result adds
//! [`ResultBody::RESULT_TYPE`]. [`Tagged`] does that; a server's dispatcher does it while it writes
//! the answer, together with the `_meta` that it takes out by [`ResultBody::take_meta`] first.
//!
//! [`RoundTrip`](super::RoundTrip) is the choice between a complete result and a request for input.
//!
//! ```
//! use mcp_core::protocol::{CallToolResult, Tagged};
//!
//! let body = CallToolResult::text("done");
//! assert_eq!(serde_json::to_string(&body)?, r#"{"content":[{"type":"text","text":"done"}]}"#);
//! assert_eq!(
//!     serde_json::to_string(&Tagged(body))?,
//!     r#"{"resultType":"complete","content":[{"type":"text","text":"done"}]}"#
//! );
//! # Ok::<(), serde_json::Error>(())
//! ```

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{self, DeserializeOwned};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::peek::peek_tag;
use super::strings::string_enum;
use super::wire::wire;
use super::{Meta, ResultMetaObject};
use crate::RawJson;

string_enum! {
    /// Tells how a result is to be read.
    pub open enum ResultType {
        /// The request is done and the result is its final content.
        Complete = "complete",
        /// The request needs input from the client before it can go on.
        InputRequired = "input_required",
    }
}

impl ResultType {
    /// The `resultType` of a result, `Complete` if it has none, as servers before 2026-07-28 do.
    ///
    /// # Errors
    ///
    /// When the result is not an object, or its `resultType` not a string.
    ///
    /// ```
    /// use mcp_core::{RawJson, protocol::ResultType};
    ///
    /// let raw = RawJson::from_string(r#"{"resultType":"task","taskId":"1"}"#.into())?;
    /// assert_eq!(ResultType::of(&raw)?, ResultType::Other("task".into()));
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    pub fn of(result: &RawJson) -> Result<Self, serde_json::Error> {
        Ok(peek_tag(result, "resultType")?.map_or(Self::Complete, Self::from))
    }
}

impl Default for ResultType {
    /// `Complete`, which is what an absent `resultType` means.
    fn default() -> Self {
        Self::Complete
    }
}

/// A result without its `resultType`.
///
/// Serialising it writes a JSON object without `resultType`; without `_meta` too once
/// [`take_meta`](Self::take_meta) was called. An extension implements this for results of its own.
///
/// ```
/// use mcp_core::protocol::{Meta, ResultBody, Tagged};
///
/// #[derive(serde::Serialize)]
/// struct TaskStarted {
///     #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
///     meta: Option<Meta>,
///     #[serde(rename = "taskId")]
///     task_id: String,
/// }
///
/// impl ResultBody for TaskStarted {
///     const RESULT_TYPE: &'static str = "task";
///
///     fn take_meta(&mut self) -> Option<Meta> {
///         self.meta.take()
///     }
/// }
///
/// let started = Tagged(TaskStarted { meta: None, task_id: "1".into() });
/// assert_eq!(serde_json::to_string(&started)?, r#"{"resultType":"task","taskId":"1"}"#);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub trait ResultBody: Serialize {
    /// The `resultType` of this kind of result.
    const RESULT_TYPE: &'static str = "complete";

    /// Takes the `_meta` out, so that it is written by someone who adds to it.
    ///
    /// The default is for types that have none.
    fn take_meta(&mut self) -> Option<Meta> {
        None
    }

    /// Whether it says that a tool failed. Such a result is complete, and marked in traces.
    fn is_error(&self) -> bool {
        false
    }

    /// How many bytes its long members have, by which the room for its JSON is set aside at once.
    ///
    /// A guess does: the default, 0, is right for results of up to a few hundred bytes.
    fn length_hint(&self) -> usize {
        0
    }
}

/// Implements [`ResultBody`] for types with a field `meta: Option<Meta>`.
macro_rules! result_body {
    ($($name:ident)*) => {
        $(
            impl $crate::protocol::ResultBody for $name {
                fn take_meta(&mut self) -> Option<$crate::protocol::Meta> {
                    self.meta.take()
                }
            }
        )*
    };
}

pub(crate) use result_body;

/// A result body together with its `resultType`: a whole result.
///
/// Reading one accepts an absent `resultType` only for a body that is `complete`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tagged<T>(pub T);

/// Writes a body with its `resultType`.
pub(crate) fn serialize_tagged<T, S>(body: &T, serializer: S) -> Result<S::Ok, S::Error>
where
    T: ResultBody,
    S: Serializer,
{
    // Writing through `flatten` passes every member on as it is; only reading would buffer.
    #[derive(Serialize)]
    struct Whole<'a, T> {
        #[serde(rename = "resultType")]
        result_type: &'static str,
        #[serde(flatten)]
        body: &'a T,
    }

    Whole { result_type: T::RESULT_TYPE, body }.serialize(serializer)
}

impl<T: ResultBody> Serialize for Tagged<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_tagged(&self.0, serializer)
    }
}

impl<'de, T: ResultBody + DeserializeOwned> Deserialize<'de> for Tagged<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = RawJson::deserialize(deserializer)?;
        let found = ResultType::of(&raw).map_err(de::Error::custom)?;
        if found.as_str() != T::RESULT_TYPE {
            return Err(de::Error::custom(format_args!(
                "resultType: expected \"{}\", found {:?}",
                T::RESULT_TYPE,
                found.as_str()
            )));
        }
        raw.parse().map(Tagged).map_err(de::Error::custom)
    }
}

impl<T: JsonSchema> JsonSchema for Tagged<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        generator.subschema_for::<T>()
    }
}

wire! {
    /// A result that says nothing but that the request succeeded.
    #[derive(Default)]
    pub struct EmptyResult
    [result "complete"]
    {
        optional {
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

result_body!(EmptyResult);

wire! {
    /// Any result, whatever its type: the schema's `Result`.
    ///
    /// For programs that pass results on without knowing what was asked for. All that the method
    /// defines is in `extra`.
    #[derive(Default)]
    pub struct AnyResult as "Result" {
        defaulted {
            /// How the result is to be read. Absent means complete.
            result_type: ResultType = "resultType" => with_result_type,
        }
        optional {
            /// Metadata of the result.
            meta: Meta as ResultMetaObject = "_meta" => with_meta,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{AnyResult, EmptyResult, ResultType, Tagged};
    use crate::RawJson;

    #[test]
    fn an_absent_result_type_reads_as_complete() {
        let raw = RawJson::from_string("{}".into()).unwrap();
        assert_eq!(ResultType::of(&raw).unwrap(), ResultType::Complete);
        assert!(raw.parse::<Tagged<EmptyResult>>().is_ok());
        assert_eq!(raw.parse::<AnyResult>().unwrap().result_type, ResultType::Complete);
    }

    #[test]
    fn another_result_type_is_refused_with_both_names() {
        let text = r#"{"resultType":"input_required","requestState":"x"}"#;
        for error in [
            serde_json::from_str::<EmptyResult>(text).unwrap_err(),
            serde_json::from_str::<Tagged<EmptyResult>>(text).unwrap_err(),
        ] {
            let error = error.to_string();
            assert!(
                error.contains("resultType: expected \"complete\", found \"input_required\""),
                "{error}"
            );
        }
    }

    #[test]
    fn a_result_type_that_is_no_string_is_refused() {
        let raw = RawJson::from_string(r#"{"resultType":3}"#.into()).unwrap();
        let error = ResultType::of(&raw).unwrap_err().to_string();
        assert!(error.starts_with("resultType: invalid type"), "{error}");
        assert!(ResultType::of(&RawJson::null()).is_err());
    }
}
