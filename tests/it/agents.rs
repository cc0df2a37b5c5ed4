//! Agents that are not here: what is known before anything starts is refused then, all of it at once.

use serde_json::{Value, json};

use crate::support::TestHome;

/// A home on whose path there is nothing but these programs, none of which does anything.
fn home(programs: &[&str]) -> TestHome {
    let home = TestHome::new();
    let path = home.root().join("bin");
    std::fs::create_dir(&path).unwrap();
    for program in programs {
        std::os::unix::fs::symlink("/bin/true", path.join(program)).unwrap();
    }
    let path = path.to_str().unwrap().to_owned();
    home.with_env("PATH", &path)
}

impl TestHome {
    /// Returns which steps are refused and why; nothing where the run is taken on.
    #[track_caller]
    fn refused(&self, steps: &str) -> Vec<String> {
        let text = format!("on_failure: continue\nsteps: [{steps}]");
        let ran = self.mgr(&["workflow", "run", "--detach", "--json", "--workflow", &text]);
        if ran.code == Some(0) {
            return Vec::new();
        }
        let error = ran.error();
        assert_eq!((ran.code, &error["code"]), (Some(8), &json!("backend_missing")), "{ran:#?}");
        assert_eq!((self.json(&["list"])["total"].as_u64(), self.runs_kept()), (Some(0), 0));
        error["causes"].as_array().unwrap().iter().map(|cause| cause.as_str().unwrap().to_owned()).collect()
    }

    fn runs_kept(&self) -> usize {
        self.json(&["workflow", "list"])["workflows"].as_array().unwrap().len()
    }
}

const NO_CODEX: &str = "asks for `codex`, which is not ready here: install it with `npm install -g @openai/codex`";
const NO_GEMINI: &str =
    "asks for `gemini`, which is not ready here: install it with `npm install -g @google/gemini-cli`";

#[test]
fn steps_that_nobody_here_can_do_are_refused_all_at_once_and_named() {
    let home = home(&[]);
    let steps = "{id: a, prompt: x, backend: codex}, {id: b, prompt: x}, {id: c, prompt: x, backend: gone},
        {id: d, kind: race, prompt: x, backends: [codex, gemini]},
        {id: e, kind: workflow, workflow: {steps: [{id: f, prompt: x, backend: gemini}]}},
        {id: g, prompt: x, matrix: {who: [codex, fake]}, backend: '{{ matrix.who }}'}";
    let gone = "asks for `gone`, which is not ready here: install it with `put `no-such-agent-program` on your PATH`";
    let expected = [
        format!("step `a` {NO_CODEX}"),
        format!("step `c` {gone}"),
        format!("step `d` {NO_CODEX}; {NO_GEMINI}"),
        format!("step `e/f` {NO_GEMINI}"),
        format!("step `g[codex]` {NO_CODEX}"),
    ];
    assert_eq!(home.refused(steps), expected);
    let text = format!("steps: [{steps}]");
    let notes = home.json(&["workflow", "validate", "--workflow", &text])["notes"].clone();
    assert_eq!(notes, json!(expected));
    // Nothing is asked of them in a demo.
    assert_eq!(home.mgr(&["workflow", "run", "--detach", "--demo", "--workflow", &text]).code, Some(0));
}

#[test]
fn what_may_go_well_is_not_refused() {
    let home = home(&[]);
    let steps = [
        "{id: a, prompt: x, backend: codex, fallback: [gemini, fake]}",
        "{id: a, kind: race, prompt: x, backends: [codex, fake]}",
        "{id: a, prompt: x, backend: codex, when: \"params.who == 'nobody'\"}",
        "{id: a, prompt: 'finish x'}, {id: b, needs: [a], prompt: x, backend: codex, when: \"steps.a.status == 'failed'\"}",
    ];
    for steps in steps {
        let text = format!("params: {{who: {{default: me}}}}\nsteps: [{steps}]");
        let ran = home.mgr(&["workflow", "run", "--detach", "--workflow", &text]);
        assert_eq!(ran.code, Some(0), "{steps}: {ran:#?}");
    }
}

#[test]
fn a_fallback_that_is_here_does_the_work_of_one_that_is_not() {
    let home = TestHome::new();
    let text = "steps: [{id: a, prompt: 'finish done', backend: gone, fallback: [gone, fake]}]";
    let ran = home.mgr(&["workflow", "run", "--json", "--workflow", text]);
    let run = ran.json()["run"].clone();
    let step = &run["steps"][0];
    assert_eq!((ran.code, &step["status"], &step["backend"]), (Some(0), &json!("done"), &json!("fake")), "{run:#}");
}

#[test]
fn another_agent_than_the_only_one_is_refused_wherever_that_is_known() {
    let home = home(&["claude"]);
    let only = "and only `claude_code` is ready here";
    let not = |id: &str, names: &str| format!("step `{id}` asks for another agent than {names}, {only}");
    let refused = home.refused(
        "{id: a, prompt: x, backend: claude_code}, {id: b, prompt: x, backend: {not: claude_code}},
         {id: c, needs: [a], prompt: x, backend: {not: '{{ steps.a.backend }}'}},
         {id: d, prompt: x, backend: {not: codex}}, {id: e, kind: race, prompt: x, backends: [claude_code, claude_code]},
         {id: f, needs: [e], prompt: x, backend: {not: '{{ steps.e.backend }}'}}",
    );
    assert_eq!(refused, [not("b", "`claude_code`"), not("c", "`claude_code`"), not("f", "`claude_code`")]);
}

#[test]
fn a_race_of_agents_that_are_not_here_is_refused_too() {
    let home = home(&[]);
    let ran = home.mgr(&["race", "--json", "-b", "codex", "-b", "gemini", "x"]);
    let causes: Value = json!([format!("step `race` {NO_CODEX}; {NO_GEMINI}")]);
    assert_eq!((ran.code, &ran.error()["causes"]), (Some(8), &causes), "{ran:#?}");
}
