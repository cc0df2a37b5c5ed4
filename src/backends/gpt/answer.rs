//! One response as it streams in: a fold from the API's events to ours.
//!
//! <https://platform.openai.com/docs/api-reference/responses-streaming>

use serde_json::Value;

use super::trouble::Trouble;
use crate::backends::event_lines::unknown;
use crate::core::{AgentEvent, Category, Tokens, UsageReport, UsageScope};

/// What is known of a response so far.
pub(super) struct Answer {
    model_asked: String,
    wants_structured: bool,
    id: Option<String>,
    model_served: Option<String>,
    /// The text of each output item, by its index, in the order of their beginnings.
    texts: Vec<(u64, String)>,
    end: Option<Result<AgentEvent, Trouble>>,
}

impl Answer {
    pub(super) fn new(model_asked: &str, wants_structured: bool) -> Self {
        let model_asked = model_asked.to_owned();
        Self { model_asked, wants_structured, id: None, model_served: None, texts: Vec::new(), end: None }
    }

    /// Whether text of this response has been told to the user.
    pub(super) fn has_text(&self) -> bool {
        !self.texts.is_empty()
    }

    pub(super) fn is_over(&self) -> bool {
        self.end.is_some()
    }

    /// Returns the terminal event. A stream without one is broken, also when all text came.
    pub(super) fn end(self) -> Result<AgentEvent, Trouble> {
        self.end.unwrap_or_else(|| Err(Trouble::network("the stream ended before the answer was complete")))
    }

    /// Takes the data of one server-sent event; adds what it means to `events`.
    pub(super) fn take(&mut self, payload: &[u8], events: &mut Vec<AgentEvent>) {
        if self.is_over() || payload == b"[DONE]" {
            return;
        }
        match serde_json::from_slice::<Value>(payload) {
            Ok(Value::Object(fields)) => self.take_event(&Value::Object(fields), payload, events),
            Ok(_) | Err(_) => events.push(unknown(payload)),
        }
    }

    fn take_event(&mut self, event: &Value, payload: &[u8], events: &mut Vec<AgentEvent>) {
        let response = &event["response"];
        match event["type"].as_str().unwrap_or_default() {
            "response.created" | "response.in_progress" | "response.queued" => self.announce(response, events),
            "response.output_text.delta" => self.add_text(event, events),
            "response.reasoning_summary_text.done" => {
                events.extend(string(event, "text").map(|text| AgentEvent::Thinking { text }));
            }
            "response.completed" => self.conclude(response, events, Self::completed),
            "response.incomplete" => self.conclude(response, events, Self::incomplete),
            "response.failed" => {
                self.conclude(response, events, |_, response| Err(Trouble::of_error(None, &response["error"], None)))
            }
            // The error's fields stand in the event itself, or in an object as in a body.
            "error" => {
                let error = if event["error"].is_object() { &event["error"] } else { event };
                self.end = Some(Err(Trouble::of_error(None, error, None)));
            }
            // Progress that says nothing more than the events above.
            kind if kind.starts_with("response.") || kind == "keepalive" => {}
            _ => events.push(unknown(payload)),
        }
    }

    fn announce(&mut self, response: &Value, events: &mut Vec<AgentEvent>) {
        let id = string(response, "id");
        if id.is_some() && id != self.id {
            self.id.clone_from(&id);
            events.push(AgentEvent::Started { session: id, model: Some(self.model_asked.clone()), version: None });
        }
        let model = string(response, "model").filter(|model| self.model_served.as_ref() != Some(model));
        if let Some(model) = model {
            self.model_served = Some(model.clone());
            events.push(AgentEvent::ModelServed { model });
        }
    }

    fn add_text(&mut self, event: &Value, events: &mut Vec<AgentEvent>) {
        let Some(text) = string(event, "delta").filter(|text| !text.is_empty()) else { return };
        let item = event["output_index"].as_u64().unwrap_or_default();
        let is_first = self.texts.is_empty();
        match self.texts.iter_mut().find(|(index, _)| *index == item) {
            Some((_, so_far)) => so_far.push_str(&text),
            None => {
                self.texts.push((item, text.clone()));
                // A further message is a text of its own, not the first one's continuation.
                return events.push(AgentEvent::Text { text, delta: is_first });
            }
        }
        events.push(AgentEvent::Text { text, delta: true });
    }

    fn conclude(
        &mut self,
        response: &Value,
        events: &mut Vec<AgentEvent>,
        verdict: fn(&Self, &Value) -> Result<AgentEvent, Trouble>,
    ) {
        self.announce(response, events);
        events.extend(usage(&response["usage"], self.model_served.clone()).map(AgentEvent::Usage));
        self.end = Some(verdict(self, response));
    }

    fn completed(&self, response: &Value) -> Result<AgentEvent, Trouble> {
        if let Some(refusal) = contents(response).find_map(|(_, part)| string(part, "refusal")) {
            return Err(Trouble::last(Category::Refused, refusal));
        }
        let result = self.text(response);
        let structured =
            result.as_deref().filter(|_| self.wants_structured).and_then(|text| serde_json::from_str(text).ok());
        Ok(AgentEvent::Finished { result, structured, turns: Some(1) })
    }

    fn incomplete(&self, response: &Value) -> Result<AgentEvent, Trouble> {
        let reason = response["incomplete_details"]["reason"].as_str().unwrap_or("no reason given");
        let category = match reason {
            "max_output_tokens" => Category::OutputLimit,
            "content_filter" => Category::Refused,
            _ => Category::Unknown,
        };
        Err(Trouble::last(category, format!("the answer is incomplete: {reason}")))
    }

    /// Returns the text of the response; of the stream, where a server leaves the output out at the end.
    fn text(&self, response: &Value) -> Option<String> {
        let mut texts: Vec<(u64, String)> = Vec::new();
        for (item, part) in contents(response) {
            let text = string(part, "text").unwrap_or_default();
            match texts.last_mut() {
                Some((last, so_far)) if *last == item => so_far.push_str(&text),
                Some(_) | None => texts.push((item, text)),
            }
        }
        let texts = if texts.is_empty() { self.texts.clone() } else { texts };
        let texts: Vec<String> = texts.into_iter().map(|(_, text)| text).filter(|text| !text.is_empty()).collect();
        (!texts.is_empty()).then(|| texts.join("\n\n"))
    }
}

/// Returns the content parts of all messages, each with the index of its message.
fn contents(response: &Value) -> impl Iterator<Item = (u64, &Value)> {
    let items = (0..).zip(response["output"].as_array().into_iter().flatten());
    items
        .filter(|(_, item)| item["type"] == "message")
        .flat_map(|(index, item)| item["content"].as_array().into_iter().flatten().map(move |part| (index, part)))
}

/// `input_tokens` includes the cached ones, which are billed apart.
fn usage(usage: &Value, model: Option<String>) -> Option<UsageReport> {
    let input = usage["input_tokens"].as_u64()?;
    let cached = usage["input_tokens_details"]["cached_tokens"].as_u64().unwrap_or_default();
    let tokens = Tokens {
        input: input.saturating_sub(cached),
        output: usage["output_tokens"].as_u64().unwrap_or_default(),
        cache_read: cached,
        cache_write: 0,
    };
    Some(UsageReport { scope: UsageScope::Step, tokens: Some(tokens), cost: None, model })
}

fn string(value: &Value, name: &str) -> Option<String> {
    value.get(name)?.as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn broken_fields_are_survived() {
        for payload in [
            r#"{"type":"response.completed"}"#,
            r#"{"type":"response.completed","response":{"output":{"a":1},"usage":{"input_tokens":-1}}}"#,
            r#"{"type":"response.completed","response":{"output":[1,{"type":"message","content":[null,{"text":5}]}]}}"#,
            r#"{"type":"response.failed","response":7}"#,
            r#"{"type":"error"}"#,
        ] {
            let (mut answer, mut events) = (Answer::new("m", true), Vec::new());
            answer.take(payload.as_bytes(), &mut events);
            assert!(answer.is_over(), "{payload}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
            let (mut answer, mut events) = (Answer::new("m", false), Vec::new());
            answer.take(&bytes, &mut events);
            prop_assert!(!answer.is_over());
        }
    }
}
