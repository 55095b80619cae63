//! Verifies answers.
//!
//! The first answer of a kind is parsed and compared with the workload. Every later one must be
//! the same bytes but for its id, or else is parsed and compared as well: so verifying all of
//! them costs the client a comparison.

use bench_support::{Result, workload, workload::Scenario};
use serde_json::{Value, json};

use super::ID_DIGITS;

/// Verifies the answers to one kind of request.
pub(crate) struct Answers {
    scenario: Scenario,
    text: Option<String>,
    /// An answer that was parsed and found right, and where its id is.
    known: Option<(Vec<u8>, usize)>,
}

impl Answers {
    pub(crate) fn new(scenario: Scenario) -> Self {
        let text = if scenario == Scenario::Touch {
            Some(workload::TOUCHED.to_owned())
        } else {
            scenario.text()
        };
        Self { scenario, text, known: None }
    }

    /// Verifies the answer `body` to the request `id`: JSON, or a stream of server-sent events.
    pub(crate) fn verify(&mut self, id: u64, body: &[u8], is_sse: bool) -> Result<()> {
        let digits = id.to_string();
        if let Some((known, at)) = &self.known
            && known.len() == body.len()
            && let (Some(before), Some(after)) = (body.get(..*at), body.get(at + ID_DIGITS..))
            && known.starts_with(before)
            && known.ends_with(after)
            && body.get(*at..at + ID_DIGITS) == Some(digits.as_bytes())
        {
            return Ok(());
        }
        self.verify_parsed(id, body, is_sse).map_err(|error| {
            let start = String::from_utf8_lossy(body.get(..400).unwrap_or(body)).into_owned();
            format!("{}: {error} in {start:?}", self.scenario.label())
        })?;
        let found: Vec<usize> = body
            .windows(ID_DIGITS)
            .enumerate()
            .filter_map(|(at, window)| (window == digits.as_bytes()).then_some(at))
            .collect();
        if let [at] = found[..] {
            self.known = Some((body.to_vec(), at));
        }
        Ok(())
    }

    /// Verifies an answer to one of several requests in flight, and returns its id.
    pub(crate) fn verify_any(
        &mut self,
        message: &[u8],
        is_waiting: impl Fn(u64) -> bool,
    ) -> Result<u64> {
        let place = self.known.as_ref().map(|(_, at)| *at..at + ID_DIGITS);
        let digits = place.and_then(|place| message.get(place));
        let id = digits.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        let id = match id.filter(|id| is_waiting(*id)) {
            Some(id) => id,
            None => serde_json::from_slice::<Value>(message)?["id"]
                .as_u64()
                .filter(|id| is_waiting(*id))
                .ok_or_else(|| format!("nobody asked: {}", String::from_utf8_lossy(message)))?,
        };
        self.verify(id, message, false)?;
        Ok(id)
    }

    fn verify_parsed(&self, id: u64, body: &[u8], is_sse: bool) -> Result<()> {
        if !is_sse {
            return self.verify_message(id, &serde_json::from_slice(body)?);
        }
        let events = super::sse::data(body);
        let (last, before) = events.split_last().ok_or("a stream without events")?;
        let mut progress = 0;
        for event in before {
            let message: Value = serde_json::from_str(event)?;
            let params = json!({"progressToken": "step", "progress": 1.0, "total": 2.0});
            if message["method"] == "notifications/progress" && same(&message["params"], &params) {
                progress += 1;
            } else {
                return Err(format!("unexpected message {message}").into());
            }
        }
        if progress != u32::from(self.scenario == Scenario::Progress) {
            return Err(format!("{progress} notifications of progress").into());
        }
        self.verify_message(id, &serde_json::from_str(last)?)
    }

    fn verify_message(&self, id: u64, message: &Value) -> Result<()> {
        let result = &message["result"];
        expect("jsonrpc", &message["jsonrpc"], &json!("2.0"))?;
        expect("id", &message["id"], &json!(id))?;
        expect("resultType", &result["resultType"], &json!("complete"))?;
        match self.scenario {
            Scenario::EchoSmall
            | Scenario::EchoLarge
            | Scenario::EchoEscaped
            | Scenario::Progress
            | Scenario::Touch => {
                if !matches!(result["isError"], Value::Null | Value::Bool(false)) {
                    return Err("the tool failed".into());
                }
                expect("content", &result["content"], &json!([{"type": "text", "text": self.text}]))
            }
            Scenario::ToolsList => {
                expect_cacheable(result)?;
                let by_name = |tools: &Value| -> Vec<Value> {
                    let mut tools = tools.as_array().cloned().unwrap_or_default();
                    tools.sort_by(|a, b| a["name"].as_str().cmp(&b["name"].as_str()));
                    tools
                };
                let expected = by_name(&workload::tools_json());
                expect("tools", &by_name(&result["tools"]).into(), &expected.into())
            }
            Scenario::Discover => {
                expect_cacheable(result)?;
                expect("instructions", &result["instructions"], &json!(workload::INSTRUCTIONS))?;
                let info = &result["_meta"]["io.modelcontextprotocol/serverInfo"];
                let expected =
                    json!({"name": workload::SERVER_NAME, "version": workload::SERVER_VERSION});
                expect("serverInfo", info, &expected)?;
                let tools = &result["capabilities"]["tools"];
                expect("capabilities.tools", tools, &json!({"listChanged": true}))?;
                let versions = result["supportedVersions"].as_array();
                if versions.is_some_and(|all| all.contains(&workload::PROTOCOL_VERSION.into())) {
                    Ok(())
                } else {
                    Err("the protocol version is not among supportedVersions".into())
                }
            }
            Scenario::Listen => Err("a listener's answers are events".into()),
        }
    }
}

fn expect_cacheable(result: &Value) -> Result<()> {
    match (&result["ttlMs"], &result["cacheScope"]) {
        (Value::Number(_), Value::String(_)) => Ok(()),
        _ => Err("a list without ttlMs and cacheScope".into()),
    }
}

fn expect(what: &str, found: &Value, expected: &Value) -> Result<()> {
    if same(found, expected) {
        Ok(())
    } else {
        Err(format!("{what}: expected {expected}, found {found}").into())
    }
}

/// Equal as JSON, where 1 and 1.0 are one number.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echo(id: &str, text: &str) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"result":{{"resultType":"complete","content":[{{"type":"text","text":"{text}"}}]}}}}"#
        )
    }

    #[test]
    fn an_answer_must_have_the_id_and_the_text_of_its_request() {
        let mut answers = Answers::new(Scenario::EchoSmall);
        let mut verify = |id, body: String| answers.verify(id, body.as_bytes(), false).is_ok();
        let text = "twenty bytes of text";
        assert!(!verify(1_000_000, echo("1000001", text)));
        assert!(!verify(1_000_000, echo("1000000", "twenty bytes of test")));
        assert!(verify(1_000_000, echo("1000000", text)));
        // From here on an answer is known.
        assert!(verify(1_000_001, echo("1000001", text)));
        assert!(!verify(1_000_001, echo("1000002", text)));
        assert!(!verify(1_000_001, echo("1000001", "twenty bytes of test")));
        assert!(!verify(1_000_001, echo("1000001", "")));
        assert!(verify(1_000_001, format!(" {}", echo("1000001", text))));
    }

    #[test]
    fn a_stream_must_hold_the_progress_and_the_answer() {
        let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"step","progress":1.0,"total":2}}"#;
        let answer = echo("1000000", "twenty bytes of text");
        let mut answers = Answers::new(Scenario::Progress);
        let mut verify = |body: String| answers.verify(1_000_000, body.as_bytes(), true).is_ok();
        assert!(!verify(String::new()));
        assert!(!verify(format!("data: {answer}\n\n")));
        assert!(!verify(format!("data: {progress}\n\n")));
        assert!(!verify(format!("data: {progress}\n\ndata: {progress}\n\ndata: {answer}\n\n")));
        assert!(verify(format!("data: {progress}\n\n: alive\n\ndata: {answer}\n\n")));
    }
}
