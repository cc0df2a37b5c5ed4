//! Both eras, errors, the end.

use std::time::Duration;

use serde_json::{Value, json};

use crate::client::{Client, World};

#[test]
fn the_era_of_initialize() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let hello =
        json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "raw", "version": "7"}});
    let answer = client.ask("initialize", hello);
    assert_eq!(answer["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(answer["result"]["serverInfo"]["name"], "mgr");
    let instructions = answer["result"]["instructions"].as_str().unwrap();
    assert!(instructions.len() <= 2000, "{}", instructions.len());
    let head: String = instructions.chars().take(240).collect();
    for word in ["coding agents", "background tasks", "task_submit", "task_watch", "task_output"] {
        assert!(head.contains(word), "the first 240 characters lack {word}");
    }
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    assert_eq!(client.ask("ping", json!({}))["result"], json!({}));
    let list = client.ask("tools/list", json!({}));
    assert_eq!(list["result"].get("resultType"), None, "a word of the other era");
    assert_eq!(client.hang_up().0, 0);
}

/// What 2026-07-28 wants with every request.
fn modern(mut params: Value) -> Value {
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "modern", "version": "9"},
        "threadId": "thread-1",
        "claudecode/toolUseId": "tool-2",
    });
    params
}

#[test]
fn the_era_without_a_handshake() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let found = client.ask("server/discover", modern(json!({})));
    let versions = found["result"]["supportedVersions"].to_string();
    assert!(versions.contains("2026-07-28"), "{found}");
    let list = client.ask("tools/list", modern(json!({})));
    assert_eq!(list["result"]["resultType"], "complete");
    let arguments = json!({"prompt": "say: hello", "backend": "demo"});
    let answer = client.ask("tools/call", modern(json!({"name": "task_submit", "arguments": arguments})));
    let id = answer["result"]["structuredContent"]["task_id"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
    let watch = client.ask("tools/call", modern(json!({"name": "task_watch", "arguments": {"task_ids": [id]}})));
    assert_eq!(watch["result"]["structuredContent"]["done"][0]["status"], "done", "{watch}");
    let kept = std::fs::read_to_string(world.home.path().join("mgr/tasks").join(&id).join("task.json")).unwrap();
    let kept: Value = serde_json::from_str(&kept).unwrap();
    let client_kept = &kept["spec"]["client"];
    let wanted = json!({"name": "modern", "version": "9", "threadId": "thread-1", "claudecode/toolUseId": "tool-2"});
    assert_eq!(client_kept, &wanted);
    assert_eq!(client.hang_up().0, 0);
}

#[test]
fn an_unknown_tool_is_named_with_its_nearest() {
    let world = World::new();
    let mut client = world.client(&["--toolsets", "default"]);
    let answer = client.ask("tools/call", json!({"name": "submit_task", "arguments": {}}));
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    let words = answer["error"]["message"].as_str().unwrap();
    assert!(words.contains("`submit_task`") && words.contains("task_submit"), "{words}");
    let answer = client.ask("tools/call", json!({"name": "task_cleanup", "arguments": {}}));
    assert!(answer["error"]["message"].as_str().unwrap().contains("--tools"), "{answer}");
}

#[test]
fn what_is_wrong_with_arguments_is_said_to_the_model() {
    let world = World::new();
    let mut client = world.client(&[]);
    let unknown = client.failure("task_submit", json!({"prompt": "x", "prio": 1}));
    assert!(unknown.starts_with("invalid_input: ") && unknown.contains("prio"), "{unknown}");
    let relative = client.failure("task_submit", json!({"prompt": "x", "working_dir": "src"}));
    assert!(relative.contains("relative path"), "{relative}");
    let missing = client.failure("task_status", json!({"task_id": "zzzz"}));
    assert!(missing.starts_with("not_found: ") && missing.contains("\nhint: "), "{missing}");
    // Broken JSON is no reason to end.
    client.send(&json!("not a request"));
    assert_eq!(client.ask("ping", json!({}))["result"], json!({}));
}

#[test]
fn work_is_confined_to_what_was_allowed() {
    let world = World::new();
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().to_str().unwrap();
    let mut client = world.client(&[]);
    let ask = json!({"prompt": "say: x", "backend": "demo", "working_dir": path});
    let blocked = client.failure("task_submit", ask.clone());
    assert!(blocked.starts_with("blocked: ") && blocked.contains(&format!("--allow-dir {path}")), "{blocked}");
    let sneaky = world.work().join("../..").join(path.trim_start_matches('/'));
    let sneaky = json!({"prompt": "say: x", "backend": "demo", "working_dir": sneaky});
    assert!(client.failure("task_submit", sneaky).starts_with("blocked: "));
    std::os::unix::fs::symlink(outside.path(), world.work().join("link")).unwrap();
    let link = json!({"prompt": "say: x", "backend": "demo", "working_dir": world.work().join("link")});
    assert!(client.failure("task_submit", link).starts_with("blocked: "));
    let below = world.work().join("below");
    std::fs::create_dir(&below).unwrap();
    client.data("task_submit", json!({"prompt": "say: x", "backend": "demo", "working_dir": below}));
    let mut client = world.client(&["--allow-dir", path]);
    client.data("task_submit", ask);
}

#[test]
fn the_files_of_tasks_outside_are_out_of_reach() {
    let world = World::new();
    let outside = tempfile::tempdir().unwrap();
    let path = outside.path().to_str().unwrap();
    let mut submit = world.command(&["submit", "-b", "demo", "--wait", "write: a.txt: mine"]);
    assert!(submit.current_dir(path).output().unwrap().status.success());
    let mut client = world.client(&["--toolsets", "all"]);
    for tool in ["task_diff", "task_rollback", "task_apply", "task_discard"] {
        let blocked = client.failure(tool, json!({"task_id": "@last"}));
        assert!(blocked.starts_with("blocked: ") && blocked.contains("--allow-dir "), "{tool}: {blocked}");
    }
    assert_eq!(std::fs::read_to_string(outside.path().join("a.txt")).unwrap(), "mine\n");
    let mut client = world.client(&["--toolsets", "all", "--allow-dir", path]);
    let apply = client.failure("task_apply", json!({"task_id": "@last"}));
    assert!(!apply.starts_with("blocked: "), "{apply}");
}

#[test]
fn without_a_directory_it_is_the_one_of_the_server() {
    let world = World::new();
    let mut client = world.client(&[]);
    let id = client.submit("say: here");
    let status = client.data("task_status", json!({"task_id": id}));
    let here = world.work().canonicalize().unwrap();
    assert_eq!(status["working_dir"], here.to_str().unwrap());
}

#[test]
fn resources_are_the_queue_and_the_tasks() {
    let world = World::new();
    let mut client = world.client(&[]);
    let id = client.submit("say: hello");
    client.data("task_watch", json!({"task_ids": [id]}));
    assert_eq!(client.ask("resources/list", json!({}))["result"]["resources"][0]["uri"], "mgr://queue");
    let templates = client.ask("resources/templates/list", json!({}));
    assert_eq!(templates["result"]["resourceTemplates"][0]["uriTemplate"], "mgr://task/{task_id}");
    let mut read = |uri: &str| {
        let answer = client.ask("resources/read", json!({"uri": uri}));
        let text = answer["result"]["contents"][0]["text"].as_str().unwrap_or_else(|| panic!("{answer}")).to_owned();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    assert_eq!(read("mgr://queue")["counts"]["done"], 1);
    assert_eq!(read(&format!("mgr://task/{id}"))["status"], "done");
    let missing = client.ask("resources/read", json!({"uri": "mgr://task/zzzz"}));
    assert!(missing["error"]["message"].as_str().unwrap().contains("zzzz"), "{missing}");
}

#[test]
fn a_signal_is_a_clean_end() {
    for signal in ["TERM", "INT"] {
        let world = World::new();
        let mut client = world.client(&[]);
        client.ask("ping", json!({}));
        let pid = client.child.id().to_string();
        std::process::Command::new("kill").args(["-s", signal, &pid]).status().unwrap();
        let status = client.child.wait().unwrap();
        assert_eq!(status.code(), Some(0), "{signal}");
    }
}

#[test]
fn end_of_input_ends_a_waiting_call_but_not_its_task() {
    let world = World::new();
    let mut client = world.client(&[]);
    let id = client.submit("say: begun\nsleep: 4s\nsay: over");
    let watch = client.start_call("task_watch", json!({"task_ids": [id]}));
    // The watch is under way once something after it was answered.
    client.ask("ping", json!({}));
    let (code, took, rest) = client.hang_up();
    assert_eq!(code, 0);
    assert!(took < Duration::from_secs(1), "{took:?}");
    let answer = rest.iter().find(|message| message["id"] == watch).unwrap_or_else(|| panic!("{rest:?}"));
    let data = &answer["result"]["structuredContent"];
    assert_eq!(data["still_running"][0]["task_id"].as_str(), Some(id.as_str()), "{data}");
    world.until_status(&id, "done");
}

#[test]
fn end_of_input_before_the_first_word_is_a_clean_end() {
    let world = World::new();
    let (code, took, rest) = world.serve(&[]).hang_up();
    assert_eq!((code, rest), (0, vec![]));
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_log_that_nobody_reads_holds_nobody_up() {
    let world = World::new();
    let mut command = world.command(&["mcp"]);
    command.env("MGR_LOG", "trace");
    let mut client = Client::with_silent_log(command);
    for _ in 0..300 {
        assert_eq!(client.ask("ping", json!({}))["result"], json!({}));
    }
    assert_eq!(client.hang_up().0, 0);
}

#[test]
fn a_wait_without_an_end_is_a_task_for_clients_that_know_tasks() {
    let world = World::new();
    let mut client = world.serve(&[]);
    let with_tasks = |params: Value| {
        let mut params = modern(params);
        let extension = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
        params["_meta"]["io.modelcontextprotocol/clientCapabilities"] = extension;
        params
    };
    let call = |name: &str, arguments: Value| with_tasks(json!({"name": name, "arguments": arguments}));
    client.ask("server/discover", with_tasks(json!({})));
    let submit = |prompt: &str| call("task_submit", json!({"prompt": prompt, "backend": "demo"}));
    let answer = client.ask("tools/call", submit("say: quick"));
    let quick = answer["result"]["structuredContent"]["task_id"].clone();
    let answer = client.ask("tools/call", call("task_watch", json!({"task_ids": [quick]})));
    assert_eq!(answer["result"]["resultType"], "complete", "{answer}");
    let answer = client.ask("tools/call", submit("sleep: 4s\nsay: slow"));
    let slow = answer["result"]["structuredContent"]["task_id"].clone();
    let answer = client.ask("tools/call", call("task_watch", json!({"task_ids": [slow, quick]})));
    let task = &answer["result"];
    assert_eq!((&task["resultType"], &task["status"]), (&json!("task"), &json!("working")), "{answer}");
    assert_eq!((&task["ttlMs"], &task["statusMessage"]), (&Value::Null, &json!("1 of 2 over")), "{answer}");
    let id = task["taskId"].clone();
    assert!(id.as_str().unwrap().contains(slow.as_str().unwrap()));
    client.ask("tasks/cancel", with_tasks(json!({"taskId": id})));
    // The handle is not this process's: another one knows it too.
    let mut client = world.serve(&[]);
    client.ask("server/discover", with_tasks(json!({})));
    let mut seen = client.ask("tasks/get", with_tasks(json!({"taskId": id})))["result"].clone();
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while seen["status"] == "working" && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(200));
        seen = client.ask("tasks/get", with_tasks(json!({"taskId": id})))["result"].clone();
    }
    assert_eq!(seen["status"], "completed", "{seen}");
    assert_eq!(seen["result"]["structuredContent"]["done"].as_array().map(Vec::len), Some(2), "{seen}");
    let unknown = client.ask("tasks/get", with_tasks(json!({"taskId": "zzzz"})));
    assert_eq!(unknown["error"]["code"], -32602, "{unknown}");
    let bounded = call("task_watch", json!({"task_ids": [quick], "timeout": "0"}));
    assert_eq!(client.ask("tools/call", bounded)["result"]["resultType"], "complete");
    let undeclared = client.ask("tasks/get", modern(json!({"taskId": id})));
    assert_eq!(undeclared["error"]["code"], -32021, "{undeclared}");
}

#[test]
fn an_input_that_cannot_be_taken_names_its_field_and_what_it_is_for() {
    let world = World::new();
    let mut client = world.client(&["--toolsets", "all"]);
    let cases = [
        (
            "workflow_list",
            json!({"status": "nope"}),
            "invalid_input: `status`: unknown variant `nope`, expected one of `running`, ",
            "\nhint: `status` is one of \"running\", ",
        ),
        (
            "workflow_run",
            json!({"workflow": "steps: []", "params": []}),
            "invalid_input: `params`: invalid type: sequence, expected a map",
            "\nhint: `params` is an object: Values of the workflow's parameters",
        ),
        (
            "task_list",
            json!({"limit": -1}),
            "invalid_input: `limit`: invalid value: integer `-1`, expected u32",
            "\nhint: `limit` is an integer: ",
        ),
        (
            "task_submit",
            json!({"prompt": "x", "tags": ["a", 3]}),
            "invalid_input: `tags[1]`: invalid type: integer `3`, expected a string",
            "\nhint: `tags` is a list, each text: ",
        ),
        (
            "task_submit",
            json!({"promt": "x"}),
            "invalid_input: unknown field `promt`, ",
            "\nhint: did you mean `prompt`?",
        ),
        ("task_submit", json!({}), "invalid_input: missing field `prompt`", "\nhint: `prompt` is text: "),
    ];
    for (tool, arguments, message, hint) in cases {
        let words = client.failure(tool, arguments);
        assert!(words.starts_with(message) && words.contains(hint), "{tool}: {words}");
    }
}
