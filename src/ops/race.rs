//! `mgr race`: the same work by several agents at once; a workflow of one race.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{
    AbsolutePath, Call, Effect, Example, Exit, OpError, Operation, Render, Toolset,
    args::read_prompt,
    named::Found,
    run_start::{Start, or_here, start_and_wait},
    run_step_view::RunStepView,
    run_views::RunView,
    run_words::{in_words, run_tone, tone_of},
};
use crate::{
    core::{Isolation, Posture, RunId, RunStatus, Span, StepStatus, TaskId, Verification},
    engine::IsolationState,
    ui::{Page, duration_words, one_line},
    workflow::StepKind,
};

/// What the one step of such a workflow is called.
const STEP: &str = "race";

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RaceInput {
    /// What every racer is to do (on the command line `-` reads standard input, `@FILE` a file)
    pub prompt: String,
    /// The agents that race, 2 to 10; the same one may be named again (can be repeated)
    #[arg(short, long, alias = "backend", value_name = "BACKEND")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub backends: Vec<String>,
    /// How many attempts each of them gets; one when absent
    #[arg(short = 'n', long, value_name = "COUNT")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// Shell command that must succeed after a racer, or it cannot win (can be repeated)
    #[arg(long, value_name = "COMMAND")]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub verify: Vec<String>,
    /// False: all finish, then the first of backends that succeeded wins; true when absent
    #[arg(long, value_name = "BOOL", value_parser = str::parse::<bool>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_success: Option<bool>,
    /// Let the others finish after one has won
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keep_rest: bool,
    /// Bring the winner's result into the directory
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub apply: bool,
    /// Directory to work in; over MCP an absolute path
    #[arg(short = 'C', long, value_name = "DIR")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub working_dir: Option<AbsolutePath>,
    /// Model to ask for; each backend's own choice when absent
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How much the racers may do
    #[arg(short, long, default_value = "edit")]
    #[serde(default)]
    pub posture: Posture,
    /// Longest running time of each racer such as 10m; the setting `timeout` when absent
    #[arg(long, value_name = "DURATION")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout: Option<Span>,
    /// Where each works: worktree or copy; what the directory allows when absent
    #[arg(long)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub isolate: Option<Isolation>,
    /// Try it out: every racer is the scripted demo agent, and nothing is spent
    #[arg(long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub demo: bool,
    /// Wait for the end (over MCP for a bounded time); the command line does unless it is to detach
    #[arg(short, long)]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wait: bool,
    /// Return at once with the run's id
    #[arg(long, conflicts_with = "wait")]
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub detach: bool,
    /// Name of this request: sending it again returns the same race
    #[arg(long, value_name = "ID")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// Who won.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct WinnerView {
    pub step: String,
    pub task_id: TaskId,
    pub backend: String,
}

/// What became of a racer.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RacerView {
    pub step: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub task_id: Option<TaskId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    pub status: StepStatus,
    /// The status in a word for people, such as queued or paused.
    pub standing: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub elapsed_s: Option<f64>,
    /// Dollars, where they are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// What failed, or who won before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct RaceOutput {
    pub workflow_id: RunId,
    pub status: RunStatus,
    /// The status in a word for people.
    pub standing: &'static str,
    /// Absent when nobody has won, or not yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winner: Option<WinnerView>,
    /// How the race stands: who won and whether its result is applied, or why nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// All racers, in the order in which they were named.
    pub results: Vec<RacerView>,
    /// Dollars of all racers whose cost is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<f64>,
    /// Seconds from the start to the end, or to now.
    pub elapsed_s: f64,
    #[serde(skip)]
    detached: bool,
    /// Where the winner's result is, when it was made in a directory of its own.
    #[serde(skip)]
    place: Option<IsolationState>,
}

pub struct Race;

impl Operation for Race {
    const CLI: &'static [&'static str] = &["race"];
    const TOOL: Option<&'static str> = Some("task_race");
    const TITLE: &'static str = "Let several agents race at the same work";
    const TOOLSET: Toolset = Toolset::Flow;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Let several agents, or several attempts of one, race at the same work, each in a directory of its own; \
        the first verified success wins, the others are ended. Returns winner and all results. Next: task_diff and task_apply with the winner's task_id.";
    const EXAMPLE: Example = Example {
        argv: &["race", "-b", "codex", "-b", "gemini", "--verify", "make test", "fix the flaky test"],
        json: r#"{"prompt":"fix the flaky test","backends":["codex","gemini"],"verify":["make test"],"posture":"edit","wait":true}"#,
    };

    type Input = RaceInput;
    type Output = RaceOutput;

    fn from_command_line(input: RaceInput) -> Result<RaceInput, OpError> {
        let (working_dir, wait) = (or_here(input.working_dir)?, !input.detach);
        Ok(RaceInput { prompt: read_prompt(input.prompt)?, working_dir, wait, ..input })
    }

    async fn run(call: &Call<'_>, input: RaceInput) -> Result<RaceOutput, OpError> {
        if input.prompt.trim().is_empty() {
            return Err(OpError::invalid("the prompt is empty").hint("say what is to be done"));
        }
        for backend in input.backends.iter().filter(|name| *name != "auto") {
            call.engine.named_backend(backend)?;
        }
        let found = Found::inline(definition(&input)?);
        let start = Start {
            working_dir: input.working_dir,
            demo: input.demo,
            request_id: input.request_id,
            ..Start::of(call, found, &Map::new())
        };
        if let Some(fault) = start.checked.faults.first() {
            let error = OpError::invalid(fault.message.as_str());
            return Err(match &fault.suggestion {
                Some(suggestion) => error.hint(suggestion.as_str()),
                None => error,
            });
        }
        let run = start_and_wait(call, start, input.wait).await?.run;
        RaceOutput::of(call, run, !input.wait)
    }
}

/// Returns the workflow that the race is.
fn definition(input: &RaceInput) -> Result<Value, OpError> {
    let one = ["auto".to_owned()];
    let backends = if input.backends.is_empty() { &one[..] } else { &input.backends };
    let attempts = input.attempts.unwrap_or(1) as usize;
    let count = backends.len().saturating_mul(attempts);
    if !(2..=10).contains(&count) {
        return Err(OpError::invalid(format!("a race of {count}: there are 2 to 10 racers"))
            .hint("name backends with `-b A -b B`, or let one try several times with `-b A -n 3`"));
    }
    // One attempt of each first: with few slots every agent has its turn early.
    let racers: Vec<&String> = std::iter::repeat_n(backends, attempts).flatten().collect();
    let mut step = json!({
        "id": STEP, "kind": "race", "prompt": literal(&input.prompt), "backends": racers, "posture": input.posture,
        "verify": input.verify, "keep_rest": input.keep_rest, "apply": input.apply,
    });
    let mut put = |name: &str, value: Option<Value>| {
        if let (Some(value), Some(step)) = (value, step.as_object_mut()) {
            step.insert(name.to_owned(), value);
        }
    };
    put("first_success", input.first_success.map(Value::from));
    put("model", input.model.as_deref().map(literal).map(Value::from));
    put("timeout", input.timeout.map(|timeout| json!(timeout)));
    put("isolate", input.isolate.map(|isolate| json!(isolate)));
    Ok(json!({"name": "race", "steps": [step]}))
}

/// Returns a template that says this text: a person's braces mean nothing here.
fn literal(text: &str) -> String {
    text.replace("{{", "{{ '{' }}{{ '{' }}")
}

impl RaceOutput {
    fn of(call: &Call<'_>, run: RunView, detached: bool) -> Result<Self, OpError> {
        let race = run.steps.iter().find(|step| step.kind == StepKind::Race);
        let named = |step: &&RunStepView| race.is_some_and(|race| race.winner.as_ref() == Some(&step.id));
        let winner = run.steps.iter().find(named).and_then(|step| {
            let (task_id, backend) = (step.task_id.clone()?, step.backend.clone()?);
            Some(WinnerView { step: step.id.clone(), task_id, backend })
        });
        let place = match &winner {
            Some(winner) => call.engine.isolation_of(&call.engine.task(&winner.task_id)?)?.map(|look| look.state),
            None => None,
        };
        Ok(Self {
            reason: race.and_then(|race| race.reason.clone()),
            results: run.steps.iter().filter(|step| step.race.is_some()).map(RacerView::of).collect(),
            workflow_id: run.workflow_id,
            status: run.status,
            standing: run.standing,
            winner,
            cost_usd: run.cost_usd,
            elapsed_s: run.elapsed_s,
            detached,
            place,
        })
    }

    /// A result that could not be brought in is not lost, so nobody failed but the way is blocked.
    const fn exit_of(&self) -> Exit {
        match (self.status, &self.winner) {
            (RunStatus::Done, _) => Exit::Success,
            (RunStatus::Failed, Some(_)) => Exit::Conflict,
            (RunStatus::Failed, None) => Exit::Failed,
            (RunStatus::Cancelled, _) => Exit::Cancelled,
            (RunStatus::Running | RunStatus::Paused, _) => Exit::StillRunning,
        }
    }
}

impl RacerView {
    fn of(step: &RunStepView) -> Self {
        Self {
            step: step.id.clone(),
            task_id: step.task_id.clone(),
            backend: step.backend.clone(),
            status: step.status,
            standing: step.standing,
            verification: step.verification,
            elapsed_s: step.elapsed_s,
            cost_usd: step.cost_usd,
            reason: step.reason.clone(),
        }
    }
}

impl Render for RaceOutput {
    fn render(&self, page: &mut Page) {
        if self.detached {
            return page.line(self.workflow_id.as_str());
        }
        let word = page.tint(run_tone(self.status, self.standing), self.standing);
        page.line(format!("{} race {word} in {}", self.workflow_id, duration_words(self.elapsed_s)));
        for racer in &self.results {
            racer.render(page);
        }
        if let Some(reason) = self.reason.as_deref().filter(|_| self.winner.is_some()) {
            page.line(format!("{}.", one_line(reason)));
        }
        if let Some(winner) = &self.winner {
            let id = winner.task_id.short();
            match self.place {
                None => page.line(format!("Read it: mgr output {id}")),
                Some(IsolationState::Applied) => {
                    page.line(format!("Look at it: mgr diff {id}"));
                    page.line(format!("Take it back: mgr apply {id} --undo"));
                }
                Some(IsolationState::NotYet | IsolationState::Present | IsolationState::Gone) => {
                    page.line(format!("Look at it: mgr diff {id}"));
                    page.line(format!("Take it over: mgr apply {id}"));
                }
            }
        }
    }

    fn exit(&self) -> Exit {
        if self.detached { Exit::Success } else { self.exit_of() }
    }
}

impl Render for RacerView {
    fn render(&self, page: &mut Page) {
        let word = page.tint(tone_of(self.status, self.standing), &in_words(self.standing));
        let task = self.task_id.as_ref().map(|id| format!(" {}", id.short())).unwrap_or_default();
        let took = self.elapsed_s.map(|seconds| format!(" in {}", duration_words(seconds))).unwrap_or_default();
        let cost = self.cost_usd.map(|usd| format!(" ${usd:.2}")).unwrap_or_default();
        let why = self.reason.as_deref().map(|why| format!(": {}", one_line(why))).unwrap_or_default();
        page.line(format!("  {} {word}{task}{took}{cost}{why}", self.step));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::{Insertion, Scope, Template};

    #[test]
    fn braces_of_a_prompt_are_no_template() {
        for text in ["{{ params.x }}", "a {{{{ b }} '{{'", "{{", "}}{", "{% x %} {{{ }}}"] {
            let template = Template::parse(&literal(text)).unwrap();
            assert_eq!(template.render(&Scope::default(), Insertion::for_prompts()).unwrap(), text);
        }
    }
}
