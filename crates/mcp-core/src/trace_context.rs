//! W3C Trace Context and Baggage, as carried in `_meta`.
//!
//! Source: specification, *Base protocol → OpenTelemetry trace context*; W3C Trace Context, W3C
//! Baggage.

use std::fmt;

/// A caller's place in a distributed trace.
///
/// ```
/// use mcp_core::trace_context::TraceContext;
///
/// let parent = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
/// let context = TraceContext::parse(parent, None, None)?;
/// assert!(context.is_sampled());
/// assert_eq!(context.to_string(), parent);
/// # Ok::<(), mcp_core::trace_context::TraceContextError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    trace_id: [u8; 16],
    parent_id: [u8; 8],
    flags: u8,
    state: Option<Box<str>>,
    baggage: Option<Box<str>>,
}

/// Why a trace context is not valid. Receivers then go on without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TraceContextError {
    /// `traceparent` does not have its form.
    #[error("`traceparent` is malformed")]
    Malformed,
    /// The trace id or the parent id is all zeros.
    #[error("`traceparent` has an id of zeros")]
    ZeroId,
    /// No random numbers were to be had for a new id.
    #[error("the system gives no random numbers")]
    Random,
}

/// W3C: vendors must be able to carry at least this much; more is dropped.
const MAX_STATE: usize = 512;
/// W3C Baggage: at most so many bytes are carried.
const MAX_BAGGAGE: usize = 8192;

impl TraceContext {
    /// Reads the three values. A `tracestate` or `baggage` that is too long or not printable is
    /// dropped: neither is worth losing the trace for.
    ///
    /// # Errors
    /// If `traceparent` is not valid.
    pub fn parse(
        traceparent: &str,
        tracestate: Option<&str>,
        baggage: Option<&str>,
    ) -> Result<Self, TraceContextError> {
        use TraceContextError::Malformed;
        let mut fields = traceparent.split('-');
        let mut field = || fields.next().ok_or(Malformed);
        let [version] = hex::<1>(field()?).ok_or(Malformed)?;
        let trace_id = hex(field()?).ok_or(Malformed)?;
        let parent_id = hex(field()?).ok_or(Malformed)?;
        let [flags] = hex::<1>(field()?).ok_or(Malformed)?;
        // Later versions may add fields; version 0 has none, and 255 is no version.
        if version == 0xff || (version == 0 && fields.next().is_some()) {
            return Err(Malformed);
        }
        if trace_id == [0; 16] || parent_id == [0; 8] {
            return Err(TraceContextError::ZeroId);
        }
        Ok(Self::from_parts(trace_id, parent_id, flags, tracestate, baggage))
    }

    /// The ids are not zero.
    pub(crate) fn from_parts(
        trace_id: [u8; 16],
        parent_id: [u8; 8],
        flags: u8,
        tracestate: Option<&str>,
        baggage: Option<&str>,
    ) -> Self {
        Self {
            trace_id,
            parent_id,
            flags,
            state: tracestate.and_then(|text| carried(text, MAX_STATE)),
            baggage: baggage.and_then(|text| carried(text, MAX_BAGGAGE)),
        }
    }

    #[cfg(feature = "otel")]
    pub(crate) fn with_baggage(mut self, baggage: &str) -> Self {
        self.baggage = carried(baggage, MAX_BAGGAGE);
        self
    }

    /// A new trace.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn new_root(sampled: bool) -> Result<Self, TraceContextError> {
        let mut root = Self {
            trace_id: [0; 16],
            parent_id: [0; 8],
            flags: u8::from(sampled),
            state: None,
            baggage: None,
        };
        fill(&mut root.trace_id)?;
        fill(&mut root.parent_id)?;
        Ok(root)
    }

    /// The same trace with a new span as the parent, to be sent on.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn child(&self) -> Result<Self, TraceContextError> {
        let mut child = Self { parent_id: [0; 8], ..self.clone() };
        fill(&mut child.parent_id)?;
        Ok(child)
    }

    /// The trace's id in hexadecimal.
    #[must_use]
    pub fn trace_id(&self) -> String {
        to_hex(&self.trace_id)
    }

    /// The trace's id.
    #[must_use]
    pub fn trace_id_bytes(&self) -> [u8; 16] {
        self.trace_id
    }

    /// The caller's span in hexadecimal.
    #[must_use]
    pub fn parent_id(&self) -> String {
        to_hex(&self.parent_id)
    }

    /// The caller's span.
    #[must_use]
    pub fn parent_id_bytes(&self) -> [u8; 8] {
        self.parent_id
    }

    /// The trace flags.
    #[must_use]
    pub fn flags(&self) -> u8 {
        self.flags
    }

    /// Whether the caller records this trace.
    #[must_use]
    pub fn is_sampled(&self) -> bool {
        self.flags & 1 == 1
    }

    /// `tracestate`.
    #[must_use]
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// `baggage`.
    #[must_use]
    pub fn baggage(&self) -> Option<&str> {
        self.baggage.as_deref()
    }
}

/// `traceparent`.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Flags that this version does not know are not passed on.
        write!(f, "00-{}-{}-{:02x}", self.trace_id(), self.parent_id(), self.flags & 1)
    }
}

/// The text, if it can travel.
fn carried(text: &str, most: usize) -> Option<Box<str>> {
    let fits = text.len() <= most
        && text.bytes().all(|byte| byte == b'\t' || (0x20..=0x7e).contains(&byte));
    (fits && !text.is_empty()).then(|| text.into())
}

fn fill(bytes: &mut [u8]) -> Result<(), TraceContextError> {
    while bytes.iter().all(|byte| *byte == 0) {
        getrandom::fill(bytes).map_err(|_| TraceContextError::Random)?;
    }
    Ok(())
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Lower-case hexadecimal of exactly `N` bytes.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return None;
    }
    let mut bytes = [0; N];
    for (at, byte) in bytes.iter_mut().enumerate() {
        let digits = text.get(2 * at..2 * at + 2)?;
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0af7651916cd43dd8448eb211c80319c";

    #[test]
    fn valid_ones_are_read() {
        for text in [
            format!("00-{ID}-00f067aa0ba902b7-00"),
            format!("00-{ID}-00f067aa0ba902b7-ff"),
            format!("01-{ID}-00f067aa0ba902b7-01-more"),
        ] {
            let context = TraceContext::parse(&text, Some("a=1"), Some("k=v")).unwrap();
            assert_eq!(context.trace_id(), ID);
            assert_eq!(context.state(), Some("a=1"));
            assert_eq!(context.baggage(), Some("k=v"));
        }
    }

    #[test]
    fn others_are_refused() {
        for text in [
            "",
            "00",
            &format!("00-{ID}-00f067aa0ba902b7"),
            &format!("00-{ID}-00f067aa0ba902b7-01-more"),
            &format!("ff-{ID}-00f067aa0ba902b7-01"),
            &format!("00-{}-00f067aa0ba902b7-01", ID.to_uppercase()),
            &format!("00-{}-00f067aa0ba902b7-01", "0".repeat(32)),
            &format!("00-{ID}-{}-01", "0".repeat(16)),
            &format!("00-{ID}-00f067aa0ba902bü-01"),
            &format!("00-{ID}-+0f067aa0ba902b7-01"),
        ] {
            assert!(TraceContext::parse(text, None, None).is_err(), "{text}");
        }
    }

    #[test]
    fn long_or_binary_state_is_dropped() {
        let parent = format!("00-{ID}-00f067aa0ba902b7-01");
        let context = TraceContext::parse(&parent, Some(&"x".repeat(513)), Some("a\nb")).unwrap();
        assert_eq!((context.state(), context.baggage()), (None, None));
    }

    #[test]
    fn children_stay_in_the_trace() {
        let root = TraceContext::new_root(true).unwrap();
        let child = root.child().unwrap();
        assert_eq!(child.trace_id(), root.trace_id());
        assert_ne!(child.parent_id(), "0".repeat(16));
        assert!(child.is_sampled());
    }
}
