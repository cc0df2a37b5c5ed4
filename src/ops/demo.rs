//! `mgr demo`: a short tour on the demo backend, in a scratch directory.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    AbsolutePath, Call, Effect, Example, Exit, OpError, Operation, Render, SubmitInput, TaskView, Toolset,
    diff::{Diff, DiffInput, DiffOutput},
    rollback::{Rollback, RollbackInput, RollbackOutput},
    submit::submit,
    watch::{Follow, Until, exit_of, wait_for},
};
use crate::{
    core::{Status, TaskId, TaskRef},
    engine::EngineError,
    os::files,
    ui::{Page, Tone, duration_words},
};

#[derive(Clone, Debug, clap::Args, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DemoInput {
    /// Directory for the scratch files; a fresh one under mgr's home when absent
    #[arg(long, value_name = "DIR")]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dir: Option<AbsolutePath>,
}

#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct DemoOutput {
    pub dir: String,
    pub tasks: Vec<TaskView>,
    /// The answer of the first task.
    pub output: String,
    /// What the first task changed.
    pub diff: DiffOutput,
    /// How that was taken back.
    pub rollback: RollbackOutput,
    /// Whether your file is byte for byte what it was.
    pub restored: bool,
    #[serde(skip)]
    pub exit: Exit,
}

pub struct Demo;

const FIRST: &str = "think: looking around\nwrite: greeting.txt: hello from an agent\nappend: notes.txt: a line of the agent\n\
    sleep: 1s\nrun: cat greeting.txt\nsay: I wrote greeting.txt, read it back, and added a line to notes.txt.";
const SECOND: &str = "say: The file has a greeting; nothing else was changed.";
/// A file that is there before any agent is.
const NOTES: (&str, &str) = ("notes.txt", "a line of yours\n");
const LYING: &str = "say: All done, the tests pass!";

impl Operation for Demo {
    const CLI: &'static [&'static str] = &["demo"];
    const TOOL: Option<&'static str> = None;
    const TITLE: &'static str = "Take a short tour with a scripted agent";
    const TOOLSET: Toolset = Toolset::Core;
    const EFFECT: Effect = Effect::Write;
    const IDEMPOTENT: bool = false;
    const DEFAULT_TOOL: bool = false;
    const ABOUT: &'static str = "Take a short tour with a scripted agent that needs no key and no installation: \
        a task that writes a file, one that waits for it, a claim that its check refutes, what was changed, and taking it back.";
    const EXAMPLE: Example = Example { argv: &["demo"], json: "{}" };

    type Input = DemoInput;
    type Output = DemoOutput;

    async fn run(call: &Call<'_>, input: DemoInput) -> Result<DemoOutput, OpError> {
        let dir = match input.dir {
            Some(dir) => dir.0,
            None => call.engine.home().data().join("demo").join(format!("{:x}", crate::os::random::bits() >> 96)),
        };
        files::make_dir(&dir)?;
        let notes = dir.join(NOTES.0);
        files::create_new(&notes, NOTES.1.as_bytes())?;
        let yours = files::read_optional(&notes)?;
        let task = |prompt: &str, label: &str| SubmitInput {
            working_dir: Some(AbsolutePath(dir.clone())),
            label: Some(label.to_owned()),
            ..request(prompt)
        };
        let first = finish(call, task(FIRST, "write a file")).await?;
        let output = first.output_preview.clone().unwrap_or_default();
        let second = finish(
            call,
            SubmitInput {
                after: vec![first.task_id.as_str().parse().map_err(|_| OpError::invalid("id"))?],
                ..task(SECOND, "look at it")
            },
        )
        .await?;
        let lying = SubmitInput { verify: vec!["test -f tests-passed".into()], ..task(LYING, "claim too much") };
        let third = finish(call, lying).await?;
        let told_apart = [Status::Done, Status::Done, Status::Failed];
        let as_expected = [&first, &second, &third].iter().zip(told_apart).all(|(task, status)| task.status == status);
        let (diff, rollback) = undone(call, &first.task_id).await?;
        let restored = files::read_optional(&notes)? == yours;
        let exit = if as_expected && restored { Exit::Success } else { Exit::Failed };
        Ok(DemoOutput {
            dir: dir.into_string(),
            tasks: vec![first, second, third],
            output,
            diff,
            rollback,
            restored,
            exit,
        })
    }
}

/// Looks at what a task changed and takes it back.
async fn undone(call: &Call<'_>, id: &TaskId) -> Result<(DiffOutput, RollbackOutput), OpError> {
    let task_id: TaskRef = id.as_str().parse().map_err(EngineError::from)?;
    let look = DiffInput { task_id: task_id.clone(), paths: Vec::new(), stat: false, max_chars: None, cursor: None };
    let diff = Diff::run(call, look).await?;
    Ok((diff, Rollback::run(call, RollbackInput::all_of(task_id)).await?))
}

fn request(prompt: &str) -> SubmitInput {
    SubmitInput {
        prompt: prompt.to_owned(),
        backend: Some("demo".to_owned()),
        auto_route: false,
        working_dir: None,
        role: None,
        model: None,
        effort: None,
        system_prompt: None,
        context: None,
        include_files: Vec::new(),
        tags: vec!["demo".to_owned()],
        label: None,
        metadata: Vec::new(),
        posture: crate::core::Posture::Edit,
        trust_project: false,
        verify: Vec::new(),
        timeout: None,
        idle_timeout: None,
        budget: None,
        max_tokens: None,
        max_turns: None,
        max_output: None,
        output_schema: None,
        isolate: crate::core::Isolation::None,
        setup: Vec::new(),
        share: false,
        archive: crate::core::ArchiveScope::All,
        priority: 0,
        after: Vec::new(),
        retries: 0,
        verify_retries: 0,
        fallback: Vec::new(),
        request_id: None,
        allow_duplicate: true,
        wait: false,
    }
}

async fn finish(call: &Call<'_>, input: SubmitInput) -> Result<TaskView, OpError> {
    let id = submit(call, input)?.task_id;
    wait_for(call, std::slice::from_ref(&id), Until::All, None, Follow::Tasks).await?;
    let task = call.engine.task(&id)?;
    tracing::debug!(exit = ?exit_of(&task), "demo task over");
    TaskView::of(call, &task)
}

impl Render for DemoOutput {
    fn render(&self, page: &mut Page) {
        let titles = [
            ("1. A task: the agent wrote a file and ran a command.", "mgr submit -b demo 'write: greeting.txt: hello'"),
            ("2. A second task that waited for the first.", "mgr submit -b demo --after ID 'say: …'"),
            (
                "3. An agent that claims too much: it says the tests pass, the check says no.",
                "mgr submit -b demo --verify 'COMMAND' 'say: All done'",
            ),
        ];
        for (task, (title, command)) in self.tasks.iter().zip(titles) {
            page.line(page.tint(Tone::Strong, title));
            page.line(page.tint(Tone::Faint, &format!("   {command}")));
            let word = page.tint(super::watch::tone(task.status), task.status.as_str());
            let took = task.elapsed_s.map(duration_words).unwrap_or_default();
            page.line(format!("   {} {word} in {took}", task.task_id.short()));
            for step in &task.recent_steps {
                page.line(format!("   · {}", crate::ui::clip(step, 90)));
            }
            if let Some(failure) = &task.failure {
                page.line(format!("   {}: {}", failure.category.as_str(), crate::ui::clip(&failure.message, 90)));
            }
            page.line("");
        }
        let id = &self.diff.task_id;
        page.line(page.tint(Tone::Strong, "4. What the first one changed, with or without git."));
        page.line(page.tint(Tone::Faint, &format!("   mgr diff {}", id.short())));
        self.diff.render(page);
        page.line("");
        page.line(page.tint(Tone::Strong, "5. Taken back: notes.txt is yours again, to the byte."));
        page.line(page.tint(Tone::Faint, &format!("   mgr rollback {}", id.short())));
        self.rollback.render(page);
        page.line("");
        page.line(
            "The demo agent is a script, not a model. Everything else was real: the store, the keeper, the files.",
        );
        page.line(format!("Files: {}", self.dir));
        let last = self.tasks.first().map_or("@last", |task| task.task_id.short());
        page.line(format!(
            "Look around: mgr list · mgr status {last} · mgr events {last} · mgr explain {last} · mgr doctor"
        ));
    }

    fn exit(&self) -> Exit {
        self.exit
    }
}
