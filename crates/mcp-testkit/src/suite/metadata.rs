//! Typed values of `_meta`, in requests and results.

use mcp_core::protocol::methods;

use crate::request::request;
use crate::suite::Rule;
use crate::suite::probe::{Probe, no_result, not_refused};

/// A request's value is checked for clients that declared the extension, and nobody's business for
/// the others.
pub(crate) async fn requests(probe: &mut Probe<'_>) {
    for case in &probe.suite.request_meta {
        let subject = format!("request `_meta` key {}", case.key);
        let valid = request(methods::SERVER_DISCOVER).meta(case.key, &case.valid);
        let invalid = request(methods::SERVER_DISCOVER).meta(case.key, &case.invalid);
        if let Some(answer) = probe.ask(&subject, probe.declared(valid)).await {
            probe.check(Rule::Metadata, &subject, no_result(&answer));
        }
        if let Some(answer) = probe.ask(&subject, probe.declared(invalid.clone())).await {
            probe.check(Rule::Metadata, &subject, not_refused(&answer));
        }
        if let Some(answer) = probe.ask_outside(&subject, invalid).await {
            probe.check(Rule::Metadata, &subject, no_result(&answer));
        }
    }
}

/// A result's value is there, and of its type.
pub(crate) async fn results(probe: &mut Probe<'_>) {
    for case in &probe.suite.result_meta {
        let subject = format!("result `_meta` key {}", case.key);
        if let Some(answer) = probe.ask(&subject, probe.declared(case.message.clone())).await {
            let problem = match answer.result().and_then(|result| result["_meta"].get(case.key)) {
                None => Some(format!("it is not there: {}", answer.response())),
                Some(value) => (case.fits)(value)
                    .err()
                    .map(|error| format!("{value} is not of its type: {error}")),
            };
            probe.check(Rule::Metadata, &subject, problem);
        }
        probe.ask_outside(&subject, case.message.clone()).await;
    }
}
