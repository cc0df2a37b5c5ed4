//! The MCP server, spoken to as a client does: JSON lines over its standard streams.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Stdio},
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::{
    Plan,
    table::{Row, Table, short},
    world::{Times, World, millis},
};

const CALLS: u64 = 2000;
const IN_FLIGHT: u64 = 64;
const MANY: u64 = 20_000;

pub fn measure(plan: &Plan, table: &mut Table) {
    let world = World::new(&plan.binary, "mcp", "");
    world.ask(&["status"]);
    let began = Instant::now();
    let mut client = Client::start(&world);
    let Ok(tools) = client.handshake() else {
        return table.skipped("MCP", "`mgr mcp` does not serve");
    };
    table.at_most(&format!("MCP: start to tools/list ({tools} tools)"), millis(began.elapsed()), 20.0, "ms");
    // Settings that were written within the last two seconds are read again with every call, because a change might
    // not show; the measured home has just been made, and a server's usually has not.
    std::thread::sleep(Duration::from_millis(2500));
    let one = |client: &mut Client, id| {
        let began = Instant::now();
        client.send(&call(id));
        client.receive().expect("an answer");
        millis(began.elapsed())
    };
    let times = Times::of((0..CALLS).map(|number| one(&mut client, 100 + number)).collect());
    table.at_most("MCP: trivial call, p50", times.p50(), 0.1, "ms");
    table.at_most("MCP: trivial call, p99", times.p99(), 5.0, "ms");
    let rate = client.flood();
    table.add(Row {
        what: format!("MCP: {IN_FLIGHT} calls in flight"),
        reach: ">= 5000/s".into(),
        measured: format!("{}/s", short(rate)),
        reached: Some(rate >= 5000.0),
        floor: String::new(),
        peer: String::new(),
    });
    table.at_most("MCP: exit after end of input", client.end(), 500.0, "ms");
}

/// A call that reads the store and nothing else.
fn call(id: u64) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": {"name": "task_list", "arguments": {}}})
}

struct Client {
    server: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Client {
    fn start(world: &World) -> Self {
        let mut command = world.command(&["mcp"]);
        let mut server =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("mgr starts");
        let input = server.stdin.take();
        let output = BufReader::new(server.stdout.take().expect("piped"));
        Self { server, input, output }
    }

    fn send(&mut self, message: &Value) {
        // A server that is gone shows at the next answer.
        let _ = self.input.as_mut().map(|input| input.write_all(format!("{message}\n").as_bytes()));
    }

    /// Returns the next answer, passing over what is none.
    fn receive(&mut self) -> Result<Value, String> {
        loop {
            let mut line = String::new();
            if self.output.read_line(&mut line).map_err(|error| error.to_string())? == 0 {
                return Err("the server ended".into());
            }
            let message: Value = serde_json::from_str(&line).map_err(|error| error.to_string())?;
            if message.get("id").is_some() && message.get("method").is_none() {
                return Ok(message);
            }
        }
    }

    /// Returns the number of tools.
    fn handshake(&mut self) -> Result<usize, String> {
        let who = json!({"name": "speed", "version": "1"});
        let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": who});
        self.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}));
        self.receive()?;
        self.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        self.send(&json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list", "params": {}}));
        let answer = self.receive()?;
        answer["result"]["tools"].as_array().map(Vec::len).ok_or_else(|| format!("no tools: {answer}"))
    }

    /// Keeps so many calls in flight; returns calls a second.
    fn flood(&mut self) -> f64 {
        let began = Instant::now();
        for number in 0..MANY + IN_FLIGHT {
            if number >= IN_FLIGHT {
                self.receive().expect("an answer");
            }
            if number < MANY {
                self.send(&call(10_000 + number));
            }
        }
        MANY as f64 / began.elapsed().as_secs_f64()
    }

    /// Returns the milliseconds from the end of input to the end of the server.
    fn end(&mut self) -> f64 {
        let began = Instant::now();
        self.input = None;
        let _ = self.server.wait();
        millis(began.elapsed())
    }
}
