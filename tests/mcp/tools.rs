//! The list of tools, and what each of them answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::client::{Client, World};

fn names(tools: &[Value]) -> Vec<&str> {
    tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[test]
fn every_tool_is_what_every_client_can_take() {
    let tools = World::new().client(&["--toolsets", "all"]).tools();
    assert!(tools.len() >= 19, "{:?}", names(&tools));
    for tool in &tools {
        let place = tool["name"].as_str().unwrap();
        assert!(tool["title"].as_str().is_some_and(|title| !title.is_empty()), "{place}");
        assert!((15..=300).contains(&tool["description"].as_str().unwrap().len()), "{place}");
        let hints = ["readOnlyHint", "destructiveHint", "idempotentHint", "openWorldHint"];
        assert!(hints.iter().all(|hint| tool["annotations"][hint].is_boolean()), "{place}: {}", tool["annotations"]);
        assert_eq!(tool["inputSchema"]["additionalProperties"], false, "{place}");
        for (schema, wants_words) in [(&tool["inputSchema"], true), (&tool["outputSchema"], false)] {
            assert_eq!(schema["type"], "object", "{place}");
            assert!(schema["properties"].is_object(), "{place}: {schema}");
            check(schema, place, 1, wants_words);
        }
    }
}

/// The subset of JSON Schema after which no client drops a tool.
fn check(schema: &Value, place: &str, depth: u32, wants_words: bool) {
    let map = schema.as_object().unwrap_or_else(|| panic!("{place}: {schema} is no object"));
    assert!(depth <= 5, "{place} is too deep");
    for banned in ["$ref", "$schema", "$defs", "anyOf", "oneOf", "allOf", "not", "patternProperties"] {
        assert!(!map.contains_key(banned), "{place}: {banned}");
    }
    assert!(map.get("type").is_some_and(Value::is_string), "{place}: {schema}");
    assert!(map.get("format").is_none_or(|format| format == "date-time"), "{place}: {schema}");
    for (name, property) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let place = format!("{place}.{name}");
        if wants_words {
            assert!(property["description"].as_str().is_some_and(|words| words.len() >= 10), "{place}: {property}");
            let default = property.get("default").filter(|default| default.is_string() || default.is_u64());
            if let Some(default) = default.filter(|default| **default != json!(0)) {
                let words = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
                assert!(property["description"].as_str().unwrap().contains(&words), "{place}: default in words");
            }
        }
        check(property, &place, depth + 1, wants_words);
    }
    if let Some(items) = map.get("items") {
        check(items, &format!("{place}[]"), depth + 1, false);
    }
}

#[test]
fn the_lists_are_small() {
    let world = World::new();
    let sizes = |args: &[&str]| {
        let tools = world.client(args).tools();
        let seen = |tool: &Value| json!([tool["name"], tool["description"], tool["inputSchema"]]).to_string().len();
        tools.iter().map(seen).collect::<Vec<_>>()
    };
    // The default set stays below what clients read in full. Who asks for all of it has a client that searches and
    // reads one at a time.
    let default: usize = sizes(&[]).iter().sum();
    assert!(default < 20_000, "{default}");
    let all = sizes(&["--toolsets", "all"]);
    assert!(all.iter().sum::<usize>() < 1_000 * all.len(), "{all:?}");
}

#[test]
fn sets_choose_and_read_only_wins() {
    let world = World::new();
    let tools = |args: &[&str]| {
        let tools = world.client(args).tools();
        tools.iter().map(|tool| (tool["name"].as_str().unwrap().to_owned(), tool["annotations"].clone())).collect()
    };
    let default: BTreeMap<String, Value> = tools(&[]);
    assert!(default.contains_key("task_submit") && !default.contains_key("task_cleanup"));
    let extra = tools(&["--tools", "task_cleanup,task_explain"]);
    assert_eq!(extra.len(), default.len() + 2);
    let read_only = tools(&["--toolsets", "all", "--tools", "task_cancel", "--read-only"]);
    assert!(read_only.contains_key("task_status") && !read_only.contains_key("task_cancel"));
    assert!(read_only.values().all(|hints| hints["readOnlyHint"] == true));
    assert_eq!(default["task_submit"]["openWorldHint"], true);
    assert_eq!(default["task_cancel"]["destructiveHint"], true);
    assert_eq!(default["task_watch"]["openWorldHint"], false);
    let mut client = world.client(&["--toolsets", "all", "--read-only"]);
    let answer = client.ask("tools/call", json!({"name": "task_cancel", "arguments": {"task_ids": ["@last"]}}));
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
}

#[test]
fn an_unknown_name_fails_at_the_start_with_the_list() {
    let world = World::new();
    let (code, out, err) = world.run(&["mcp", "--toolsets", "core,flw"]);
    assert_eq!((code, out.as_str()), (2, ""));
    assert_eq!(err, "error: no tool set `flw`\nhint: there are default, all, core, flow, safety, ops\n");
    let (code, _, err) = world.run(&["mcp", "--tools", "task_submt"]);
    assert!(code == 2 && err.starts_with("error: no tool `task_submt`\nhint: there are task_submit, "), "{err}");
    let mut command = world.command(&["mcp"]);
    let output = command.env("MGR_MCP_TOOLSETS", "nope").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// Calls a tool and checks its data against its own schema and its text against its data.
fn checked(client: &mut Client, tools: &[Value], name: &str, arguments: Value) -> Value {
    let result = client.call(name, arguments);
    assert_eq!(result["isError"], false, "{name}: {result}");
    let data = &result["structuredContent"];
    let text: Value = serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap();
    assert_eq!(&text, data, "{name}");
    let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
    let validator = jsonschema::validator_for(&tool["outputSchema"]).unwrap();
    let errors: Vec<_> = validator.iter_errors(data).map(|error| format!("{}: {error}", error.instance_path)).collect();
    assert_eq!(errors, Vec::<String>::new(), "{name}: {data}");
    data.clone()
}

#[test]
fn every_answer_fits_its_schema() {
    let world = World::new();
    let mut client = world.client(&["--toolsets", "all"]);
    let tools = client.tools();
    let mut call = |name: &str, arguments: Value| checked(&mut client, &tools, name, arguments);
    let prompt = "think: hm\nwrite: a.txt: hello\ntools: 2\nusage: input=10 output=5 cost=$0.01\nsay: done";
    let submitted = call("task_submit", json!({"prompt": prompt, "backend": "demo", "label": "first", "tags": ["t"]}));
    let id = submitted["task_id"].clone();
    let one = || json!({"task_id": id});
    call("task_watch", json!({"task_ids": [id]}));
    assert_eq!(call("task_status", one())["status"], "done");
    call("task_status", json!({"wait_for_previous": true}));
    call("task_list", json!({"tag": "t"}));
    call("task_poll", json!({"since": "0"}));
    assert_eq!(call("task_output", one())["output"], "done");
    call("task_events", one());
    call("task_events", json!({"task_id": id, "compact": true}));
    call("task_explain", one());
    call("task_export", json!({"task_ids": [id]}));
    assert_eq!(call("task_diff", one())["files"][0]["path"], "a.txt");
    let look = call("task_rollback", one());
    assert_eq!((&look["dry_run"], &look["deleted"]), (&json!(true), &json!(["a.txt"])));
    let done = call("task_rollback", json!({"task_id": id, "dry_run": false}));
    assert_eq!((&done["done"], world.work().join("a.txt").exists()), (&json!(true), false));
    call("task_rollback", json!({"task_id": id, "dry_run": false, "undo": true}));
    assert!(world.work().join("a.txt").exists());
    let apart = json!({"prompt": "write: b.txt: b\nsay: done", "backend": "demo", "isolate": "copy", "wait": true});
    let apart = json!({"task_id": call("task_submit", apart)["task_id"]});
    assert_eq!(call("task_apply", apart.clone())["written"], json!(["b.txt"]));
    assert_eq!(call("task_discard", apart)["discarded"], true);
    assert!(call("archive_list", json!({}))["total"].as_u64() > Some(3));
    call("archive_gc", json!({}));
    let before = format!("{}.1.before", id.as_str().unwrap());
    let got = call("archive_restore", json!({"name": before, "to": world.work().join("before")}));
    assert_eq!(got["name"], before);
    let review = json!({"workflow": {
        "params": {"lenses": {"type": "list", "default": ["a"]}},
        "steps": [{"id": "r", "prompt": "{{ matrix.lens }}", "matrix": {"lens": "{{ params.lenses }}"}}],
    }});
    assert_eq!(call("workflow_validate", review.clone())["valid"], true);
    let two = json!({"workflow": review["workflow"], "params": {"lenses": ["a", "b"]}});
    assert_eq!(call("workflow_plan", two)["batches"], json!([["r[a]", "r[b]"]]));
    let wrong = call("workflow_plan", json!({"workflow": "steps:\n- {id: a, promt: x}\n"}));
    assert_eq!((&wrong["valid"], &wrong["faults"][1]["line"]), (&json!(false), &json!(2)));
    runs_and_templates(&mut call, world.work());
    call("capabilities", json!({}));
    call("doctor", json!({}));
    call("configure", json!({}));
    call("task_cleanup", json!({"older_than": "0s"}));
    let rerun = call("task_rerun", one());
    call("task_watch", json!({"task_ids": [rerun["task_id"]]}));
    let failed = call("task_submit", json!({"prompt": "exit: 3", "backend": "demo", "wait": true}));
    assert_eq!(failed["status"], "failed", "{failed}");
    call("task_retry", json!({"task_id": failed["task_id"]}));
    let turn = call("send", json!({"task_id": id, "message": "say: again"}));
    call("task_watch", json!({"task_ids": [turn["task_id"]]}));
    let long = call("task_submit", json!({"prompt": "sleep: 60s", "backend": "demo"}));
    let long = long["task_id"].clone();
    call("pause_task", json!({"task_id": long}));
    call("resume_task", json!({"task_id": long}));
    assert_eq!(call("task_cancel", json!({"task_ids": [long]}))["tasks"][0]["status"], "cancelled");
}

/// Asks every tool for runs of workflows and for templates what it is there for.
fn runs_and_templates(call: &mut dyn FnMut(&str, Value) -> Value, dir: &std::path::Path) {
    let two = json!({"name": "pair", "steps": [
        {"id": "a", "prompt": "say: a"},
        {"id": "ship", "kind": "approval", "message": "go?", "needs": ["a"]},
    ]});
    let ask = json!({"workflow": two, "working_dir": dir, "demo": true, "wait": true});
    let run = call("workflow_run", ask)["run"].clone();
    assert_eq!(run["status"], "done", "{run}");
    let one = json!({"workflow_id": run["workflow_id"]});
    call("workflow_status", json!({"workflow_id": run["workflow_id"], "diff": true}));
    assert_eq!(call("workflow_list", json!({}))["workflows"][0]["workflow_id"], run["workflow_id"]);
    assert_eq!(call("workflow_list", json!({"examples": true}))["examples"].as_array().map(Vec::len), Some(9));
    assert!(call("workflow_report", one)["markdown"].as_str().unwrap().starts_with("# pair\n"));
    let asks = json!({"steps": [{"id": "ship", "kind": "approval", "message": "go?"}]});
    let run = call("workflow_run", json!({"workflow": asks, "working_dir": dir, "wait": true}))["run"].clone();
    assert_eq!(run["next"], "inbox_list, then inbox_answer");
    let one = json!({"workflow_id": run["workflow_id"]});
    call("workflow_pause", one.clone());
    let run = call("workflow_status", one.clone())["run"].clone();
    assert_eq!((&run["status"], &run["next"]), (&json!("paused"), &json!("workflow_resume")));
    // Who calls tools may be no person.
    assert!(run["why"].as_str().unwrap().ends_with(" said so over MCP"), "{run:#}");
    call("workflow_resume", one.clone());
    let item = call("inbox_list", json!({}))["items"][0].clone();
    assert_eq!(call("inbox_answer", json!({"id": item["id"], "answer": "no"}))["status"], "failed");
    let again = call("workflow_retry", one.clone());
    assert_eq!(again["run"]["status"], "running", "{again}");
    assert_eq!(call("workflow_cancel", one)["run"]["status"], "cancelled");
    let audit = json!({"name": "audit", "prompt": "say: {{ params.file }}", "description": "One file"});
    call("template_save", audit);
    assert_eq!(call("template_list", json!({}))["templates"][0]["name"], "audit");
    call("template_get", json!({"name": "audit"}));
    let ask = json!({"name": "audit", "params": {"file": "x"}, "working_dir": dir, "demo": true, "wait": true});
    assert_eq!(call("template_run", ask)["run"]["status"], "done");
    call("template_delete", json!({"name": "audit"}));
    let plan = call("task_decompose", json!({"prompt": "Fix the bug, then write tests", "working_dir": dir}));
    assert_eq!(plan["steps"], 2, "{plan}");
    let tasks = json!([{"id": "a", "prompt": "say: a"}, {"id": "b", "prompt": "say: b", "depends_on": ["a"]}]);
    let ask = json!({"tasks": tasks, "working_dir": dir, "demo": true, "wait": true});
    assert_eq!(call("task_run_parallel", ask)["run"]["status"], "done");
    let ask =
        json!({"prompt": "say: x", "backends": ["codex", "gemini"], "working_dir": dir, "demo": true, "wait": true});
    let race = call("task_race", ask);
    assert!(race["winner"].is_object() || race["winner"].is_string(), "{race}");
}

#[test]
fn a_name_may_stand_where_a_file_is_asked_for() {
    let world = World::new();
    let mut client = world.client(&["--toolsets", "all"]);
    client.data("template_save", json!({"name": "mine.v2", "prompt": "say: x"}));
    for name in ["safe-refactor", "mine.v2"] {
        assert_eq!(client.data("workflow_validate", json!({"file": name}))["valid"], true, "{name}");
        assert_eq!(client.data("workflow_plan", json!({"file": name}))["valid"], true, "{name}");
        client.data("template_save", json!({"name": "copy", "file": name, "force": true}));
    }
    let ran = client.data("workflow_run", json!({"file": "mine.v2", "demo": true, "wait": true}));
    assert_eq!(ran["run"]["status"], "done", "{ran}");
    let unknown = client.failure("workflow_run", json!({"file": "safe-refaktor"}));
    assert!(unknown.starts_with("not_found: no workflow `safe-refaktor`\nhint: did you mean"), "{unknown}");
    for path in ["flow.yaml", "./flow", "a/b"] {
        let relative = client.failure("workflow_run", json!({"file": path}));
        assert!(relative.starts_with(&format!("invalid_input: `file`: `{path}` is a relative path")), "{relative}");
    }
}

#[test]
fn an_answer_over_mcp_names_the_client_and_an_unattended_run_asks_nobody() {
    let world = World::new();
    let mut client = world.client(&["--toolsets", "all"]);
    let tools = client.tools();
    let mut call = |name: &str, arguments: Value| checked(&mut client, &tools, name, arguments);
    let workflow = json!({"steps": [{"id": "ship", "kind": "approval", "message": "go?", "expires": "24h"}]});
    let mut ask = json!({"workflow": workflow, "working_dir": world.work(), "wait": true});
    let run = call("workflow_run", ask.clone())["run"].clone();
    assert_eq!(run["waits_for_person"], true, "{run}");
    let item = call("inbox_list", json!({}))["items"][0].clone();
    let word = json!({"id": item["id"], "answer": "yes", "digest": item["digest"], "note": "fine"});
    for _ in 0..2 {
        assert_eq!(call("inbox_answer", word.clone())["status"], "done");
    }
    let run = call("workflow_status", json!({"workflow_id": run["workflow_id"], "wait": true}))["run"].clone();
    let answer = &run["steps"][0]["approval"]["answer"];
    let told = json!([run["status"], answer["by"], answer["over"], answer["client"], answer["note"]]);
    assert_eq!(told, json!(["done", "person", "mcp", "raw", "fine"]), "{run}");
    ask["unattended"] = json!(true);
    let run = call("workflow_run", ask)["run"].clone();
    let reason = "denied: nobody is there to ask (unattended: deny)";
    assert_eq!((&run["status"], &run["steps"][0]["reason"]), (&json!("failed"), &json!(reason)), "{run}");
}

#[test]
fn long_answers_come_in_parts() {
    let world = World::new();
    let mut client = world.client(&[]);
    let line = "x".repeat(80);
    let said: String = (0..400).map(|n| format!("say: {n} {line}\n")).collect();
    let id = client.submit(&format!("{said}say: {}", "y".repeat(50_000)));
    client.data("task_watch", json!({"task_ids": [id]}));
    let size = |value: &Value| value.to_string().len();
    let output = client.data("task_output", json!({"task_id": id}));
    assert!(output["truncated"] == true && size(&output) < 20_000, "{}", size(&output));
    assert!(output["next"].as_str().is_some_and(|next| next.contains("max_chars")), "{}", output["next"]);
    let whole = client.data("task_output", json!({"task_id": id, "max_chars": 100_000}));
    assert_eq!(whole["output"].as_str().unwrap().len(), 50_000);
    // Page after page: nothing is lost and nothing comes twice.
    let (mut seen, mut after) = (Vec::new(), None);
    loop {
        let mut ask = json!({"task_id": id});
        if let Some(after) = after {
            ask["after"] = after;
        }
        let page = client.data("task_events", ask);
        assert!(size(&page) < 20_500, "{}", size(&page));
        let events = page["events"].as_array().unwrap();
        seen.extend(events.iter().map(|event| event["seq"].as_u64().unwrap()));
        if page["done"] == true {
            break;
        }
        assert!(!events.is_empty(), "{page}");
        after = Some(page["next_cursor"].clone());
    }
    assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>());
    assert!(seen.len() > 400, "{}", seen.len());
}

#[test]
fn workflows_of_many_steps_and_faults_are_told_in_short() {
    let world = World::new();
    let mut client = world.client(&["--toolsets", "all"]);
    let tools = client.tools();
    let flow = |step: &dyn Fn(usize) -> Value| json!({"workflow": {"steps": (0..900).map(step).collect::<Vec<_>>()}});
    let mut short = |name: &str, arguments: Value| {
        let data = checked(&mut client, &tools, name, arguments);
        assert!(data.to_string().len() < 20_000, "{name}: {}", data.to_string().len());
        data
    };
    let good = flow(&|n| json!({"id": format!("s{n}"), "prompt": format!("say: {n}"), "backend": "demo"}));
    let plan = short("workflow_plan", good.clone());
    assert!(
        plan["notes"][0]
            .as_str()
            .unwrap()
            .ends_with(" of 900 steps are not shown here: the command line shows all of them"),
        "{plan}"
    );
    let bad = short("workflow_validate", flow(&|n| json!({"id": format!("s{n}"), "promt": format!("say: {n}")})));
    assert!(bad["notes"][0].as_str().unwrap().contains(" of 200 faults are not shown here"), "{}", bad["notes"]);
    let ask = json!({"workflow": format!("max_concurrent: 1\nsteps: [{{id: a, kind: approval, message: go?}}{}]",
        (0..900).map(|n| format!(", {{id: s{n}, needs: [a], prompt: x, backend: demo}}")).collect::<String>())});
    let run = short("workflow_run", ask);
    let run = short("workflow_status", json!({"workflow_id": run["workflow_id"]}))["run"].clone();
    assert!(run["notes"][0].as_str().unwrap().contains(" of 901 steps are not shown here"), "{run}");
}

#[test]
fn a_long_diff_comes_in_pages() {
    let world = World::new();
    let mut client = world.client(&[]);
    let id = client.submit("run: sh -c 'for n in 1 2 3; do seq ${n}0000 ${n}9999 > $n.txt; done'");
    client.data("task_watch", json!({"task_ids": [id]}));
    let (mut whole, mut cursor, mut pages) = (String::new(), None, 0);
    loop {
        let mut ask = json!({"task_id": id});
        if let Some(cursor) = cursor {
            ask["cursor"] = cursor;
        }
        let page = client.data("task_diff", ask);
        assert!(page["total"] == 3 && page.to_string().len() < 20_500, "{}", page.to_string().len());
        whole += page["patch"].as_str().unwrap_or_default();
        pages += 1;
        if page["truncated"] == false {
            break;
        }
        cursor = Some(page["next_cursor"].clone());
    }
    let (code, patch, _) = world.run(&["diff", &id]);
    assert_eq!((code, whole.len(), pages > 5), (0, patch.len(), true));
    assert_eq!(whole, patch);
}

#[test]
fn settings_and_database_are_those_of_now() {
    let world = World::new();
    let mut client = world.client(&["--toolsets", "all"]);
    let id = client.submit("say: before");
    client.data("task_watch", json!({"task_ids": [id]}));
    assert_eq!(world.run(&["config", "set", "slots", "3"]).0, 0);
    let shown = client.data("configure", json!({})).to_string();
    assert!(shown.contains("\"slots\"") && shown.contains("\"user\""), "{shown}");
    // A rebuild by another process puts the database aside that this server has open.
    assert_eq!(world.run(&["doctor", "--rebuild"]).0, 0);
    let after = client.submit("say: after");
    client.data("task_watch", json!({"task_ids": [after]}));
    assert_eq!(world.status(&after), "done");
    assert_eq!(world.status(&id), "done");
}

/// Who calls tools has no command line: what is to be done next is a tool and its arguments.
#[test]
fn what_to_do_next_is_told_as_calls_of_tools() {
    let world = World::new();
    let mut client = world.client(&["--toolsets", "all"]);
    let flow = json!({"name": "f", "steps": [{"id": "bad", "matrix": {"x": ["it's"]}, "kind": "command", "run": ["cat", "nothing"]}]});
    let ran = client.data("workflow_run", json!({"workflow": flow, "wait": true}));
    let run = ran["workflow_id"].as_str().unwrap();
    let task = ran["run"]["steps"][0]["task_id"].as_str().unwrap();
    let failures = [
        ("task_status", json!({"task_id": "nope"}), "hint: `task_list` shows".to_owned()),
        ("task_status", json!({"task_id": run}), format!("`workflow_status {{\"workflow_id\":\"{run}\"}}`")),
        ("task_cancel", json!({"task_ids": [run]}), format!("`workflow_status {{\"workflow_id\":\"{run}\"}}`")),
        ("workflow_pause", json!({"workflow_id": run}), format!("`workflow_retry {{\"workflow_id\":\"{run}\"}}`")),
        ("workflow_status", json!({"workflow_id": "nope"}), "no workflow run `nope`\nhint: `workflow_list`".to_owned()),
        (
            "template_run",
            json!({"name": "safe-refactor"}),
            "`workflow_run {\"template\":\"safe-refactor\"}`".to_owned(),
        ),
        ("configure", json!({"action": "set", "key": "slots"}), "`configure {".to_owned()),
        ("inbox_answer", json!({"id": "nope/x", "answer": "yes"}), "`inbox_list`".to_owned()),
    ];
    for (tool, arguments, expected) in failures {
        let words = client.failure(tool, arguments);
        assert!(words.contains(&expected) && !words.contains("`mgr "), "{tool}: {words}");
    }
    let explained = client.data("task_explain", json!({"task_id": task}));
    assert!(!explained.to_string().contains("`mgr "), "{explained}");
    let status = client.data("task_status", json!({"task_id": task}));
    assert_eq!(status["failure"]["hint"].as_str().map(|hint| hint.contains("`mgr ")), Some(false), "{status}");
}
