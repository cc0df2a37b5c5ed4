//! The demo agent on a real directory, with a program runner and a clock that only note what they are asked.

use std::{cell::RefCell, fs, io, time::Duration};

use camino::Utf8Path;
use serde_json::json;

use super::{adapter::DemoRequest, *};
use crate::core::{AgentEvent, Category, FileChange, Money, NoticeLevel, Posture, UsageReport, UsageScope};

struct World {
    dir: tempfile::TempDir,
    slept: RefCell<Vec<Duration>>,
    ran: RefCell<Vec<Vec<String>>>,
}

impl World {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap(), slept: RefCell::default(), ran: RefCell::default() }
    }

    fn run(&self, request: &DemoRequest) -> (Vec<AgentEvent>, i32) {
        self.run_bytes(&serde_json::to_vec(request).unwrap())
    }

    fn run_bytes(&self, input: &[u8]) -> (Vec<AgentEvent>, i32) {
        let run = |command: &[String]| match command[0].as_str() {
            "missing" => Err(io::Error::from(io::ErrorKind::NotFound)),
            "false" => Ok(1),
            _ => {
                self.ran.borrow_mut().push(command.to_vec());
                Ok(0)
            }
        };
        let sleep = |time| self.slept.borrow_mut().push(time);
        let cwd = Utf8Path::from_path(self.dir.path()).unwrap();
        let mut output = Vec::new();
        let code = run_demo_child(input, &mut output, DemoSurroundings { cwd, sleep: &sleep, run: &run });
        let lines = output.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        (lines.map(|line| serde_json::from_slice(line).unwrap()).collect(), code)
    }

    fn files(&self) -> Vec<(String, String)> {
        let read = |entry: fs::DirEntry| {
            (entry.file_name().into_string().unwrap(), fs::read_to_string(entry.path()).unwrap_or_default())
        };
        let mut files: Vec<_> = fs::read_dir(&self.dir).unwrap().map(|entry| read(entry.unwrap())).collect();
        files.sort();
        files
    }
}

fn request(prompt: &str) -> DemoRequest {
    DemoRequest {
        prompt: prompt.into(),
        session: "s1".into(),
        earlier: vec![],
        posture: Posture::Edit,
        output_schema: None,
    }
}

fn started() -> AgentEvent {
    AgentEvent::Started { session: Some("s1".into()), model: None, version: None }
}

fn text(text: &str) -> AgentEvent {
    AgentEvent::Text { text: text.into(), delta: false }
}

fn tool(id: &str, name: &str, summary: &str) -> AgentEvent {
    AgentEvent::ToolStarted { id: id.into(), name: name.into(), summary: summary.into() }
}

fn tool_end(id: &str, ok: bool) -> AgentEvent {
    AgentEvent::ToolFinished { id: id.into(), ok }
}

fn changed(path: &str, change: FileChange) -> AgentEvent {
    AgentEvent::FileChanged { path: path.into(), change }
}

fn denied(tool: &str, message: &str) -> AgentEvent {
    AgentEvent::PermissionDenied { tool: tool.into(), message: message.into() }
}

fn finished(result: &str) -> AgentEvent {
    AgentEvent::Finished { result: Some(result.into()), structured: None, turns: None }
}

#[test]
fn a_script_is_obeyed_line_by_line() {
    let world = World::new();
    let prompt = "Please do this:\nthink: hm\nwrite: a.txt: one\nappend: a.txt: two\nwrite: b.txt: x\ndelete: b.txt\n\
                  sleep: 2s\nrun: sleep 5\ntools: 1\nusage: cost=$0.01\nsay: all done";
    let cost = UsageReport { scope: UsageScope::Step, tokens: None, cost: Some(Money(10_000)), model: None };
    let expected = vec![
        started(),
        AgentEvent::Thinking { text: "hm".into() },
        tool("call-1", "write", "a.txt"),
        changed("a.txt", FileChange::Created),
        tool_end("call-1", true),
        tool("call-2", "append", "a.txt"),
        changed("a.txt", FileChange::Modified),
        tool_end("call-2", true),
        tool("call-3", "write", "b.txt"),
        changed("b.txt", FileChange::Created),
        tool_end("call-3", true),
        tool("call-4", "delete", "b.txt"),
        changed("b.txt", FileChange::Deleted),
        tool_end("call-4", true),
        tool("call-5", "run", "sleep 5"),
        tool_end("call-5", true),
        tool("call-6", "nothing", "call 1 of 1"),
        tool_end("call-6", true),
        AgentEvent::Usage(cost),
        text("all done"),
        finished("all done"),
    ];
    assert_eq!(world.run(&request(prompt)), (expected, 0));
    assert_eq!(world.files(), [("a.txt".to_owned(), "one\ntwo\n".to_owned())]);
    assert_eq!(world.slept.take(), [Duration::from_secs(2)]);
    assert_eq!(world.ran.take(), [["sleep", "5"]]);
}

#[test]
fn a_plain_prompt_gets_an_honest_sentence_and_a_note() {
    let world = World::new();
    let words = "The demo agent is a script, not a model. You asked: Fix the bug";
    let expected = vec![
        started(),
        text(words),
        tool("call-1", "write", "demo-note.md"),
        changed("demo-note.md", FileChange::Created),
        tool_end("call-1", true),
        finished(words),
    ];
    assert_eq!(world.run(&request("\n Fix the bug\nnow")), (expected, 0));
    assert_eq!(world.files(), [("demo-note.md".to_owned(), format!("{words}\n"))]);
}

#[test]
fn a_follow_up_knows_its_turn_and_what_came_before() {
    let earlier = vec!["Fix the bug".to_owned(), "And test it".to_owned()];
    let (events, _) = World::new().run(&DemoRequest { earlier: earlier.clone(), ..request("Thanks") });
    let words = "The demo agent is a script, not a model. You asked: Thanks (turn 3 of this conversation; before it \
                 you asked: And test it)";
    assert_eq!(events.last(), Some(&finished(words)));
    let (events, _) = World::new().run(&DemoRequest { earlier, ..request("write: a: b") });
    let words = "The demo agent is a script, not a model. Turn 3: it created a.";
    assert_eq!(events.last(), Some(&finished(words)));
}

#[test]
fn read_only_touches_nothing_and_says_so() {
    let world = World::new();
    let read_only = |prompt| DemoRequest { posture: Posture::ReadOnly, ..request(prompt) };
    let why = "the posture is read_only";
    let expected = vec![
        started(),
        denied("write", why),
        denied("append", why),
        denied("delete", why),
        denied("run", why),
        finished("The demo agent is a script, not a model. Turn 1: it changed nothing."),
    ];
    assert_eq!(world.run(&read_only("write: a: b\nappend: a: b\ndelete: a\nrun: touch a")), (expected, 0));
    let words = "The demo agent is a script, not a model. You asked: hello";
    let expected = vec![started(), text(words), denied("write", why), finished(words)];
    assert_eq!(world.run(&read_only("hello")), (expected, 0));
    assert_eq!((world.files(), world.ran.take()), (vec![], Vec::<Vec<String>>::new()));
}

#[test]
fn no_path_leads_out_of_the_working_directory() {
    let (world, outside) = (World::new(), tempfile::tempdir().unwrap());
    fs::write(outside.path().join("kept"), "kept").unwrap();
    std::os::unix::fs::symlink(outside.path(), world.dir.path().join("link")).unwrap();
    std::os::unix::fs::symlink(outside.path().join("kept"), world.dir.path().join("file")).unwrap();
    let out = "leads out of the working directory";
    let link = "leads through a symbolic link";
    for (path, why) in [("../x", out), ("/tmp/x", out), ("a/../../x", out), ("link/kept", link), ("file", link)] {
        for (tool_name, line) in [("write", format!("write: {path}: gone")), ("delete", format!("delete: {path}"))] {
            let (events, code) = world.run(&request(&line));
            let refusal = [
                started(),
                tool("call-1", tool_name, path),
                denied(tool_name, &format!("`{path}` {why}")),
                tool_end("call-1", false),
            ];
            assert_eq!((&events[..4], code), (&refusal[..], 0), "{line}");
        }
    }
    assert_eq!(fs::read_to_string(outside.path().join("kept")).unwrap(), "kept");
}

#[test]
fn scripts_end_as_they_say() {
    let world = World::new();
    let failed = AgentEvent::Failed { category: Category::Quota, message: "no money".into() };
    assert_eq!(world.run(&request("fail: quota: no money\nsay: never")), (vec![started(), failed], 1));
    assert_eq!(world.run(&request("exit: 7\nsay: never")), (vec![started()], 7));
    let asks = vec![started(), AgentEvent::NeedsInput { question: "which?".into() }, finished("which?")];
    assert_eq!(world.run(&request("ask: which?\nsay: never")), (asks, 0));
}

#[test]
fn an_answer_by_schema_is_the_scripts_or_a_placeholder() {
    let schema = Some(json!({"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}));
    let structured = |prompt: &str| {
        let (events, _) = World::new().run(&DemoRequest { output_schema: schema.clone(), ..request(prompt) });
        let Some(AgentEvent::Finished { structured, .. }) = events.last().cloned() else { panic!("{events:?}") };
        structured
    };
    assert_eq!(structured("json: {\"n\":7}"), Some(json!({"n": 7})));
    assert_eq!(structured("review it"), Some(json!({"n": 0})));
}

#[test]
fn what_goes_wrong_is_told() {
    let world = World::new();
    let notice = |level, text: &str| AgentEvent::Notice { level, text: text.into() };
    let expected = vec![
        started(),
        notice(NoticeLevel::Warning, "not understood: `sleep: soon`"),
        tool("call-1", "run", "missing"),
        notice(NoticeLevel::Error, "cannot run `missing`: entity not found"),
        tool_end("call-1", false),
        tool("call-2", "run", "false"),
        tool_end("call-2", false),
        tool("call-3", "delete", "none"),
        notice(NoticeLevel::Error, "cannot delete `none`: No such file or directory (os error 2)"),
        tool_end("call-3", false),
        finished("The demo agent is a script, not a model. Turn 1: it ran `false` (exit code 1)."),
    ];
    assert_eq!(world.run(&request("sleep: soon\nrun: missing\nrun: false\ndelete: none")), (expected, 0));
    let message = "the request cannot be read: expected value at line 1 column 1".to_owned();
    let garbage = vec![AgentEvent::Failed { category: Category::Launch, message }];
    assert_eq!(world.run_bytes(b"\xff"), (garbage, 1));
}
