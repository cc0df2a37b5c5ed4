//! The child: reads a request, obeys its lines, prints events. Run as `mgr __demo`.
//!
//! Starting programs and waiting are handed in: only the engine does either.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use camino::Utf8Path;
use serde_json::Value;

use super::adapter::DemoRequest;
use super::files::{self, Untouched};
use super::placeholder::placeholder;
use super::script::{BadStep, Step, steps};
use crate::backends::event_lines::EventPrinter;
use crate::core::{AgentEvent, Category, FileChange, NoticeLevel, Posture};

const NOTE: &str = "demo-note.md";
const WHO: &str = "The demo agent is a script, not a model.";
/// How much of a prompt a summary repeats.
const QUOTED: usize = 200;

/// What the demo agent needs of the world.
#[derive(Clone, Copy)]
pub struct DemoSurroundings<'a> {
    /// The only directory whose files it touches.
    pub cwd: &'a Utf8Path,
    pub sleep: &'a dyn Fn(Duration),
    /// Runs a program with its arguments in `cwd` to its end and returns its exit code. Its output must not
    /// reach standard output, where the events stand.
    pub run: &'a dyn Fn(&[String]) -> io::Result<i32>,
}

/// Runs the child; returns its exit code: 0 after `finished`, 1 after `failed`, else what the script says.
pub fn run_demo_child(input: impl Read, output: impl Write, around: DemoSurroundings<'_>) -> i32 {
    let mut printer = EventPrinter(output);
    let ended = match serde_json::from_reader::<_, DemoRequest>(input) {
        Ok(request) => Agent::new(&request, around, printer).work(),
        Err(error) => {
            let message = format!("the request cannot be read: {error}");
            printer.print(&AgentEvent::Failed { category: Category::Launch, message }).map(|()| 1)
        }
    };
    // Output that cannot be written has no reader left to tell.
    ended.unwrap_or(1)
}

/// The demo agent at work.
struct Agent<'a, W> {
    request: &'a DemoRequest,
    around: DemoSurroundings<'a>,
    printer: EventPrinter<W>,
    calls: u32,
    /// What was said last, and what was done.
    said: Option<String>,
    done: Vec<String>,
    json: Option<Value>,
}

impl<'a, W: Write> Agent<'a, W> {
    fn new(request: &'a DemoRequest, around: DemoSurroundings<'a>, printer: EventPrinter<W>) -> Self {
        Self { request, around, printer, calls: 0, said: None, done: Vec::new(), json: None }
    }

    fn work(mut self) -> io::Result<i32> {
        let request = self.request;
        self.print(AgentEvent::Started { session: Some(request.session.clone()), model: None, version: None })?;
        let steps = steps(&request.prompt);
        if steps.is_empty() {
            self.summarise()?;
        }
        for step in steps {
            let code = match step {
                Ok(step) => self.obey(step)?,
                Err(BadStep(line)) => self.notice(NoticeLevel::Warning, format!("not understood: `{line}`"))?,
            };
            if let Some(code) = code {
                return Ok(code);
            }
        }
        self.finish()
    }

    /// Does one step; returns the exit code if it was the last one.
    fn obey(&mut self, step: Step) -> io::Result<Option<i32>> {
        match step {
            Step::Say(text) => self.say(text),
            Step::Think(text) => self.print(AgentEvent::Thinking { text }),
            Step::Write { path, text } => self.edit("write", &path, |root| files::write(root, &path, &text, false)),
            Step::Append { path, text } => self.edit("append", &path, |root| files::write(root, &path, &text, true)),
            Step::Delete { path } => self.edit("delete", &path, |root| files::delete(root, &path)),
            Step::Sleep(span) => {
                (self.around.sleep)(span.as_duration());
                Ok(None)
            }
            Step::Run(command) => self.run(&command),
            Step::Tools(count) => self.call_tools(count),
            Step::Usage(report) => self.print(AgentEvent::Usage(report)),
            Step::Json(value) => {
                self.json = Some(value);
                Ok(None)
            }
            Step::Ask(question) => self.ask(question),
            Step::Fail { category, message } => self.fail(category, message),
            Step::Exit(code) => Ok(Some(code)),
        }
    }

    fn print(&mut self, event: AgentEvent) -> io::Result<Option<i32>> {
        self.printer.print(&event).map(|()| None)
    }

    fn notice(&mut self, level: NoticeLevel, text: String) -> io::Result<Option<i32>> {
        self.print(AgentEvent::Notice { level, text })
    }

    fn say(&mut self, text: String) -> io::Result<Option<i32>> {
        self.said = Some(text.clone());
        self.print(AgentEvent::Text { text, delta: false })
    }

    /// A question ends the turn, as it does with real agents; the answer is the next turn's prompt.
    fn ask(&mut self, question: String) -> io::Result<Option<i32>> {
        self.print(AgentEvent::NeedsInput { question: question.clone() })?;
        self.print(AgentEvent::Finished { result: Some(question), structured: None, turns: None })?;
        Ok(Some(0))
    }

    fn fail(&mut self, category: Category, message: String) -> io::Result<Option<i32>> {
        self.print(AgentEvent::Failed { category, message })?;
        Ok(Some(1))
    }

    fn call_tools(&mut self, count: u32) -> io::Result<Option<i32>> {
        for number in 1..=count {
            let id = self.start_tool("nothing", format!("call {number} of {count}"))?;
            self.print(AgentEvent::ToolFinished { id, ok: true })?;
        }
        self.done.push(format!("made {count} tool calls that do nothing"));
        Ok(None)
    }

    fn start_tool(&mut self, name: &str, summary: String) -> io::Result<String> {
        self.calls += 1;
        let id = format!("call-{}", self.calls);
        self.print(AgentEvent::ToolStarted { id: id.clone(), name: name.to_owned(), summary })?;
        Ok(id)
    }

    /// Returns whether the posture forbids changes, having said so.
    fn is_denied(&mut self, tool: &str) -> io::Result<bool> {
        match self.request.posture {
            Posture::ReadOnly => {
                let message = "the posture is read_only".to_owned();
                self.print(AgentEvent::PermissionDenied { tool: tool.to_owned(), message })?;
                Ok(true)
            }
            Posture::Edit | Posture::Full => Ok(false),
        }
    }

    fn edit(
        &mut self,
        tool: &str,
        path: &str,
        act: impl FnOnce(&Utf8Path) -> Result<FileChange, Untouched>,
    ) -> io::Result<Option<i32>> {
        if self.is_denied(tool)? {
            return Ok(None);
        }
        let id = self.start_tool(tool, path.to_owned())?;
        let edited = act(self.around.cwd);
        let ok = edited.is_ok();
        match edited {
            Ok(change) => {
                let verb = match change {
                    FileChange::Created => "created",
                    FileChange::Modified => "changed",
                    FileChange::Deleted => "deleted",
                };
                self.done.push(format!("{verb} {path}"));
                self.print(AgentEvent::FileChanged { path: path.to_owned(), change })?
            }
            Err(Untouched::Refused(message)) => {
                self.print(AgentEvent::PermissionDenied { tool: tool.to_owned(), message })?
            }
            Err(Untouched::Failed(text)) => self.notice(NoticeLevel::Error, text)?,
        };
        self.print(AgentEvent::ToolFinished { id, ok })
    }

    fn run(&mut self, command: &[String]) -> io::Result<Option<i32>> {
        if self.is_denied("run")? {
            return Ok(None);
        }
        let line = command.join(" ");
        let id = self.start_tool("run", line.clone())?;
        let ran = (self.around.run)(command);
        let ok = matches!(ran, Ok(0));
        match ran {
            Ok(code) => self.done.push(format!("ran `{line}` (exit code {code})")),
            Err(error) => {
                self.notice(NoticeLevel::Error, format!("cannot run `{line}`: {error}"))?;
            }
        }
        self.print(AgentEvent::ToolFinished { id, ok })
    }

    /// A prompt without a single step: says honestly what it is, and leaves a note where it may.
    fn summarise(&mut self) -> io::Result<Option<i32>> {
        let mut text = format!("{WHO} You asked: {}", quote(&self.request.prompt));
        if let Some(last) = self.request.earlier.last() {
            let turn = self.request.earlier.len() + 1;
            text = format!("{text} (turn {turn} of this conversation; before it you asked: {})", quote(last));
        }
        self.say(text.clone())?;
        self.edit("write", NOTE, |root| files::write(root, NOTE, &format!("{text}\n"), false))
    }

    fn finish(mut self) -> io::Result<i32> {
        let structured = self.json.take().or_else(|| self.request.output_schema.as_ref().map(placeholder));
        let result = self.said.take().unwrap_or_else(|| self.report());
        self.print(AgentEvent::Finished { result: Some(result), structured, turns: None })?;
        Ok(0)
    }

    fn report(&self) -> String {
        let turn = self.request.earlier.len() + 1;
        match self.done.as_slice() {
            [] => format!("{WHO} Turn {turn}: it changed nothing."),
            done => format!("{WHO} Turn {turn}: it {}.", done.join(", ")),
        }
    }
}

/// Returns the first line of `text` that says something, cut to a length.
fn quote(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("nothing");
    let mut quoted = line.to_owned();
    quoted.truncate(line.floor_char_boundary(QUOTED));
    if quoted.len() < line.len() {
        quoted.push('…');
    }
    quoted
}
