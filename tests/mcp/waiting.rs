//! Calls that wait: bounded, with a pulse, cancelled without harm, never in anybody's way.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use crate::client::World;

#[test]
fn a_look_does_not_wait() {
    let world = World::new();
    let mut client = world.client(&[]);
    let id = client.submit("sleep: 30s");
    let start = Instant::now();
    let look = client.data("task_watch", json!({"task_ids": [id], "timeout": "0"}));
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(look["timed_out"], true);
    assert_eq!(look["still_running"][0]["task_id"].as_str(), Some(id.as_str()));
    assert!(look["next"].as_str().unwrap().contains("task_watch"));
    let short = client.data("task_watch", json!({"task_ids": [id], "timeout": "1s"}));
    assert_eq!(short["timed_out"], true);
    client.data("task_cancel", json!({"task_ids": [id], "grace": "0s"}));
}

#[test]
fn a_cursor_reports_each_task_once() {
    let world = World::new();
    let mut client = world.client(&[]);
    let ids = [client.submit("say: a"), client.submit("sleep: 2s\nsay: b")];
    let first = client.data("task_watch", json!({"task_ids": ids, "mode": "any"}));
    let second = client.data("task_watch", json!({"task_ids": ids, "mode": "any", "after": first["next_cursor"]}));
    let of =
        |answer: &Value| answer["done"].as_array().unwrap().iter().map(|t| t["task_id"].clone()).collect::<Vec<_>>();
    let both: Vec<_> = of(&first).into_iter().chain(of(&second)).collect();
    assert_eq!(both, [json!(ids[0]), json!(ids[1])]);
}

#[test]
fn a_token_gets_a_growing_count_and_a_line() {
    let world = World::new();
    let mut client = world.client(&[]);
    let id = client.submit("say: one\nsleep: 2s\nsay: two\nsleep: 2s\nsay: three");
    let params = json!({"name": "task_watch", "arguments": {"task_ids": [id]}, "_meta": {"progressToken": "tok"}});
    let request = client.request("tools/call", params);
    let mut progress = Vec::new();
    loop {
        let message =
            client.wait("progress or answer", |m| m["method"] == "notifications/progress" || m["id"] == request);
        if message["id"] == request {
            assert_eq!(message["result"]["structuredContent"]["done"][0]["status"], "done", "{message}");
            break;
        }
        assert_eq!(message["params"]["progressToken"], "tok");
        let words = message["params"]["message"].as_str().unwrap().to_owned();
        assert!(words.contains("of 1 over") && !words.contains('\n'), "{words}");
        progress.push(message["params"]["progress"].as_f64().unwrap());
    }
    assert!((2..=6).contains(&progress.len()), "{progress:?}");
    assert!(progress.windows(2).all(|pair| pair[0] < pair[1]), "{progress:?}");
}

#[test]
fn cancelling_a_call_leaves_its_task_alone() {
    let world = World::new();
    let mut client = world.client(&[]);
    let id = client.submit("sleep: 3s\nsay: survived");
    let watch = client.start_call("task_watch", json!({"task_ids": [id]}));
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": watch, "reason": "bored"}}));
    // Late and doubled ones come from opencode.
    client.send(&json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": watch}}));
    let status = client.data("task_status", json!({"task_id": id}));
    assert!(["queued", "running"].contains(&status["status"].as_str().unwrap()), "{status}");
    let done = client.data("task_watch", json!({"task_ids": [id]}));
    assert_eq!(done["done"][0]["status"], "done", "{done}");
}

/// 50 tasks on 4 slots, 50 calls that wait for them, and somebody who only wants a quick answer.
#[test]
fn fifty_watches_are_in_nobodys_way() {
    let world = World::new();
    let setting = world.run(&["config", "set", "slots", "4"]);
    assert_eq!(setting.0, 0, "{setting:?}");
    let mut client = world.client(&[]);
    let submits: Vec<_> = (0..50)
        .map(|n| {
            client.start_call("task_submit", json!({"prompt": format!("sleep: 100ms\nsay: {n}"), "backend": "demo"}))
        })
        .collect();
    let mut ids = BTreeSet::new();
    for submit in submits {
        let answer = client.answer(submit);
        let id = answer["result"]["structuredContent"]["task_id"].as_str().unwrap_or_else(|| panic!("{answer}"));
        ids.insert(id.to_owned());
    }
    assert_eq!(ids.len(), 50);
    let watches: Vec<_> =
        ids.iter().map(|id| (id.clone(), client.start_call("task_watch", json!({"task_ids": [id]})))).collect();
    let mut slowest = Duration::ZERO;
    let mut pings = 0;
    for (id, watch) in watches {
        loop {
            let start = Instant::now();
            assert_eq!(client.ask("ping", json!({}))["result"], json!({}));
            slowest = slowest.max(start.elapsed());
            pings += 1;
            let look = client.data("task_status", json!({"task_id": id}));
            if look["status"] == "done" {
                break;
            }
        }
        let answer = client.answer(watch);
        let done = &answer["result"]["structuredContent"]["done"][0];
        assert_eq!((done["task_id"].as_str(), done["status"].as_str()), (Some(id.as_str()), Some("done")), "{answer}");
    }
    println!("{pings} pings, the slowest took {slowest:?}");
    assert!(slowest < Duration::from_millis(250), "{slowest:?}");
}
