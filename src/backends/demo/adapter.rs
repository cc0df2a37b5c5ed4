//! The adapter: how `mgr` starts itself as the demo agent.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::backends::{
    Abilities, Backend, Continuation, Invocation, Parser, Probe, Request, SessionPlan, Unservable,
    event_lines::EventLines, shared::own_child,
};
use crate::core::{Failure, Posture};

const MAX_PROMPT: u64 = 10_000_000;

/// The child's standard input, as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DemoRequest {
    pub prompt: String,
    pub session: String,
    /// The prompts of earlier turns; the demo keeps nothing itself.
    pub earlier: Vec<String>,
    pub posture: Posture,
    pub output_schema: Option<Value>,
}

/// The demo agent.
pub struct Demo;

impl Backend for Demo {
    fn invocation(&self, request: &Request) -> Result<Invocation, Unservable> {
        own_child("__demo", request, &demo_request(request), Vec::new())
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
            needs_env: Vec::new(),
            install_hint: "nothing to install: the demo agent is part of `mgr` itself".to_owned(),
            login_hint: "no login needed".to_owned(),
        }
    }

    fn tells_cost(&self) -> bool {
        true
    }

    fn abilities(&self) -> Abilities {
        Abilities {
            edits_files: true,
            follow_up: true,
            effort: false,
            output_schema: true,
            max_turns: false,
            budget: false,
            max_prompt: MAX_PROMPT,
        }
    }

    /// The child says everything by events; its standard error has the output of the commands it ran.
    fn classify_stderr(&self, _tail: &str, _exit_code: Option<i32>) -> Option<Failure> {
        None
    }

    fn speaks_first(&self) -> bool {
        true
    }

    fn posture_words(&self, posture: Posture) -> &'static str {
        match posture {
            Posture::ReadOnly => "refuses `write:`, `append:`, `delete:` and `run:` lines",
            Posture::Edit | Posture::Full => "obeys every line; files inside the working directory only",
        }
    }
}

fn demo_request(request: &Request) -> DemoRequest {
    let (session, earlier) = match &request.session {
        SessionPlan::New { id } => (id.clone(), Vec::new()),
        SessionPlan::Continue(Continuation { session, history }) => {
            (session.clone(), history.iter().map(|(prompt, _)| prompt.clone()).collect())
        }
    };
    DemoRequest {
        prompt: request.prompt.clone(),
        session,
        earlier,
        posture: request.posture,
        output_schema: request.output_schema.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::{PromptVia, samples::request};

    #[test]
    fn a_follow_up_carries_the_session_and_what_was_asked() {
        let history = vec![("first".to_owned(), "answer".to_owned())];
        let session = SessionPlan::Continue(Continuation { session: "s1".into(), history });
        let invocation = Demo.invocation(&Request { session, ..request("demo", "second") }).unwrap();
        assert_eq!((invocation.program.as_str(), invocation.args.as_slice()), ("@self", &["__demo".to_owned()][..]));
        let PromptVia::Stdin(stdin) = invocation.prompt else { panic!("{:?}", invocation.prompt) };
        let expected = DemoRequest {
            prompt: "second".into(),
            session: "s1".into(),
            earlier: vec!["first".into()],
            posture: Posture::Edit,
            output_schema: None,
        };
        assert_eq!(serde_json::from_str::<DemoRequest>(&stdin).unwrap(), expected);
    }
}
