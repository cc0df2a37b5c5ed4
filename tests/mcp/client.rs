//! A client of raw JSON-RPC lines: what it sends is what is written here, whatever SDKs would do.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Nothing in these tests takes longer, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home of `mgr` and a directory to work in, both of one test alone.
pub struct World {
    pub home: TempDir,
    pub work: TempDir,
}

impl World {
    pub fn new() -> Self {
        let dir = || tempfile::Builder::new().prefix("mgr-mcp").tempdir().unwrap();
        Self { home: dir(), work: dir() }
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mgr"));
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.args(args).current_dir(self.work.path()).env_clear().env("PATH", path);
        command.env("HOME", self.home.path()).env("MGR_HOME", self.home.path().join("mgr"));
        command
    }

    /// Runs a command to its end; returns its code and both outputs.
    pub fn run(&self, args: &[&str]) -> (i32, String, String) {
        let output = self.command(args).stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap_or(-1), text(output.stdout), text(output.stderr))
    }

    pub fn work(&self) -> &Path {
        self.work.path()
    }

    pub fn serve(&self, args: &[&str]) -> Client {
        let args: Vec<_> = ["mcp"].iter().chain(args).copied().collect();
        Client::start(self.command(&args))
    }

    /// A server that has been greeted as clients up to 2025-11-25 do.
    pub fn client(&self, args: &[&str]) -> Client {
        let mut client = self.serve(args);
        client.greet();
        client
    }

    /// Returns the status of a task by the command line, which shares nothing with the server.
    pub fn status(&self, id: &str) -> String {
        let (_, out, err) = self.run(&["status", id, "--json"]);
        let value: Value = serde_json::from_str(&out).unwrap_or_else(|e| panic!("{e}: {out}{err}"));
        value["status"].as_str().unwrap().to_owned()
    }

    pub fn until_status(&self, id: &str, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        let mut last = String::new();
        while Instant::now() < deadline {
            last = self.status(id);
            if last == wanted {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        panic!("the task is {last}, not {wanted}");
    }
}

pub struct Client {
    pub child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Value>,
    /// What came while something else was waited for.
    kept: VecDeque<Value>,
    next: u64,
}

impl Client {
    fn start(mut command: Command) -> Self {
        command.stderr(Stdio::inherit());
        Self::spawned(command)
    }

    /// A client that never reads the server's standard error.
    pub fn with_silent_log(mut command: Command) -> Self {
        command.stderr(Stdio::piped());
        let mut client = Self::spawned(command);
        client.greet();
        client
    }

    fn spawned(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in stdout.lines() {
                let Ok(line) = line else { return };
                let value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("not JSON-RPC: {e}: {line}"));
                if sender.send(value).is_err() {
                    return;
                }
            }
        });
        Self { child, stdin, lines, kept: VecDeque::new(), next: 0 }
    }

    fn greet(&mut self) {
        let params = json!({
            "protocolVersion": "2025-06-18", "capabilities": {},
            "clientInfo": {"name": "raw", "version": "7"}
        });
        let answer = self.ask("initialize", params);
        assert_eq!(answer["result"]["protocolVersion"], "2025-06-18", "{answer}");
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    }

    pub fn send(&mut self, message: &Value) {
        let stdin = self.stdin.as_mut().unwrap();
        stdin.write_all(format!("{message}\n").as_bytes()).unwrap();
        stdin.flush().unwrap();
    }

    /// Sends a request and returns its id.
    pub fn request(&mut self, method: &str, params: Value) -> u64 {
        self.next += 1;
        self.send(&json!({"jsonrpc": "2.0", "id": self.next, "method": method, "params": params}));
        self.next
    }

    pub fn start_call(&mut self, tool: &str, arguments: Value) -> u64 {
        self.request("tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// Waits for the first message that fits.
    pub fn wait(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        if let Some(at) = self.kept.iter().position(&fits) {
            return self.kept.remove(at).unwrap();
        }
        let deadline = Instant::now() + PATIENCE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(message) if fits(&message) => return message,
                Ok(message) => self.kept.push_back(message),
                Err(RecvTimeoutError::Timeout) => panic!("no {what}; came instead: {:?}", self.kept),
                Err(RecvTimeoutError::Disconnected) => panic!("the server is gone; no {what}; {:?}", self.kept),
            }
        }
    }

    pub fn answer(&mut self, id: u64) -> Value {
        self.wait(&format!("answer {id}"), |message| message["id"] == id)
    }

    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.request(method, params);
        self.answer(id)
    }

    /// Calls a tool and returns its result, whatever it is.
    pub fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let id = self.start_call(tool, arguments);
        self.answer(id)["result"].clone()
    }

    /// Calls a tool and returns its data.
    pub fn data(&mut self, tool: &str, arguments: Value) -> Value {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], false, "{tool}: {result}");
        result["structuredContent"].clone()
    }

    /// Calls a tool that must fail and returns its words.
    pub fn failure(&mut self, tool: &str, arguments: Value) -> String {
        let result = self.call(tool, arguments);
        assert_eq!(result["isError"], true, "{tool}: {result}");
        assert_eq!(result.get("structuredContent"), None, "{result}");
        result["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// Submits a task of the demo backend and returns its id.
    pub fn submit(&mut self, prompt: &str) -> String {
        let arguments = json!({"prompt": prompt, "backend": "demo", "allow_duplicate": true});
        self.data("task_submit", arguments)["task_id"].as_str().unwrap().to_owned()
    }

    pub fn tools(&mut self) -> Vec<Value> {
        self.ask("tools/list", json!({}))["result"]["tools"].as_array().unwrap().clone()
    }

    /// Ends the input; returns the exit code and how long the server took, with what came last.
    pub fn hang_up(mut self) -> (i32, Duration, Vec<Value>) {
        let start = Instant::now();
        drop(self.stdin.take());
        let status = self.child.wait().unwrap();
        let took = start.elapsed();
        let rest = self.kept.drain(..).chain(self.lines.iter()).collect();
        (status.code().unwrap_or(-1), took, rest)
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
