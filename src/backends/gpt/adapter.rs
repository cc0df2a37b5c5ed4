//! The adapter: how `mgr` starts itself as the child that speaks to the API.

use super::request::GptRequest;
use crate::backends::{
    Abilities, Backend, Continuation, Invocation, Parser, Probe, Request, SessionPlan, Unservable,
    event_lines::EventLines, shared::own_child,
};
use crate::core::{Failure, Posture};

/// The model that is asked for when the user names none.
pub const DEFAULT_MODEL: &str = "gpt-5.5";

const KEY_ENV: &str = "OPENAI_API_KEY";
const BASE_URL_ENV: &str = "OPENAI_BASE_URL";
/// The API takes at most 10,485,760 characters in one string.
/// <https://platform.openai.com/docs/api-reference/responses/create>
const MAX_PROMPT: u64 = 10_000_000;

/// OpenAI's models, and every server that speaks the Responses API.
pub struct Gpt;

impl Backend for Gpt {
    fn invocation(&self, request: &Request) -> Result<Invocation, Unservable> {
        own_child("__openai", request, &gpt_request(request), env_pass())
    }

    fn parser(&self) -> Box<dyn Parser> {
        Box::new(EventLines)
    }

    fn probe(&self) -> Probe {
        Probe {
            program: None,
            version_args: Vec::new(),
            login_check_args: None,
            login_env: Vec::new(),
            needs_env: vec![KEY_ENV.to_owned()],
            install_hint: "nothing to install: `mgr` itself speaks to the API".to_owned(),
            login_hint: format!("set {KEY_ENV} to a key from https://platform.openai.com/api-keys"),
        }
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            edits_files: false,
            follow_up: true,
            effort: true,
            output_schema: true,
            max_turns: false,
            budget: false,
            max_prompt: MAX_PROMPT,
        }
    }

    /// The child says everything by events; what stands on standard error is a panic or the system's words.
    fn classify_stderr(&self, _tail: &str, _exit_code: Option<i32>) -> Option<Failure> {
        None
    }

    fn posture_words(&self, posture: Posture) -> &'static str {
        match posture {
            Posture::ReadOnly | Posture::Edit | Posture::Full => {
                "no tools: it sees the prompt only and answers in text"
            }
        }
    }
}

fn gpt_request(request: &Request) -> GptRequest {
    let (previous_response_id, history) = match &request.session {
        SessionPlan::New { .. } => (None, Vec::new()),
        SessionPlan::Continue(Continuation { session, history }) => (Some(session.clone()), history.clone()),
    };
    GptRequest {
        model: request.model.clone().unwrap_or_else(|| DEFAULT_MODEL.to_owned()),
        instructions: request.system_prompt.clone(),
        prompt: request.prompt.clone(),
        history,
        previous_response_id,
        output_schema: request.output_schema.clone(),
        effort: request.effort,
        max_output_tokens: None,
        base_url_env: BASE_URL_ENV.to_owned(),
        key_env: KEY_ENV.to_owned(),
    }
}

/// The key, the server, and the ways out of a network that the HTTP library knows.
fn env_pass() -> Vec<String> {
    let proxies = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"];
    let names = [KEY_ENV, BASE_URL_ENV, "NO_PROXY", "no_proxy"].into_iter().chain(proxies);
    names.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::backends::{PromptVia, replay::Recording, samples::request};
    use crate::core::{AgentEvent, Category, Status};

    fn sent(request: &Request) -> GptRequest {
        let invocation = Gpt.invocation(request).unwrap();
        assert_eq!((invocation.program.as_str(), invocation.args.as_slice()), ("@self", &["__openai".to_owned()][..]));
        assert_eq!(invocation.env, BTreeMap::new(), "the key's value is never part of an invocation");
        let PromptVia::Stdin(stdin) = invocation.prompt else { panic!("{:?}", invocation.prompt) };
        serde_json::from_str(&stdin).unwrap()
    }

    #[test]
    fn the_request_travels_by_stdin_and_names_the_variables() {
        let expected = GptRequest {
            model: DEFAULT_MODEL.into(),
            instructions: Some("be brief".into()),
            prompt: "say hi".into(),
            history: vec![],
            previous_response_id: None,
            output_schema: None,
            effort: None,
            max_output_tokens: None,
            base_url_env: "OPENAI_BASE_URL".into(),
            key_env: "OPENAI_API_KEY".into(),
        };
        let given = Request { system_prompt: Some("be brief".into()), ..request("gpt", "say hi") };
        assert_eq!(sent(&given), expected);
        assert!(
            Gpt.invocation(&given).unwrap().env_pass.starts_with(&["OPENAI_API_KEY".into(), "OPENAI_BASE_URL".into()])
        );
    }

    #[test]
    fn a_follow_up_carries_the_session_and_the_history() {
        let history = vec![("a".to_owned(), "b".to_owned())];
        let session = SessionPlan::Continue(Continuation { session: "resp_1".into(), history: history.clone() });
        let given = sent(&Request { session, ..request("gpt", "and now") });
        assert_eq!((given.previous_response_id.as_deref(), given.history), (Some("resp_1"), history));
    }

    #[test]
    fn the_childs_lines_are_events_and_anything_else_is_unknown() {
        let lines = b"{\"kind\":\"text\",\"text\":\"hi\"}\nthread panicked\n\xff\xfe\n\n{\"kind\":\"finished\",\"result\":\"hi\"}\n";
        let recording = Recording::new(lines.to_vec(), 0);
        let unknown = |raw: &str| AgentEvent::Unknown { raw: raw.into() };
        let expected = vec![
            AgentEvent::Text { text: "hi".into(), delta: false },
            unknown("thread panicked"),
            unknown("\u{fffd}\u{fffd}"),
            AgentEvent::Finished { result: Some("hi".into()), structured: None, turns: None },
        ];
        assert_eq!(recording.events(&Gpt), expected);
        assert_eq!(recording.verdict(&Gpt), (Status::Done, None));
        let silent = Recording::new(*b"", 0);
        assert_eq!(silent.verdict(&Gpt), (Status::Failed, Some(Category::Protocol)));
    }
}
