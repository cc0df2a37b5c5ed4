//! For tests: a request with nothing special about it.

use super::{Request, SessionPlan};
use crate::core::{BackendName, Posture};

/// Returns a plain request for `backend`.
pub(super) fn request(backend: &'static str, prompt: &str) -> Request {
    Request {
        backend: BackendName::built_in(backend),
        prompt: prompt.to_owned(),
        command: Vec::new(),
        system_prompt: None,
        working_dir: "/srv/repo".into(),
        attempt_dir: "/state/attempt".into(),
        model: None,
        effort: None,
        posture: Posture::Edit,
        max_turns: None,
        budget: None,
        output_schema: None,
        session: SessionPlan::New { id: "11111111-2222-4333-8444-555555555555".to_owned() },
        trust_project: false,
        is_root: false,
        sandbox_works: None,
    }
}
