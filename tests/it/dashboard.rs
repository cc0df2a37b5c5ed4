//! The dashboard: who may come in, what is answered there, and that nothing depends on its process.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    os::unix::fs::PermissionsExt,
    process::Stdio,
};

use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::{
    it::approvals::SHIP,
    support::{DEADLINE, Process, TestHome, kill_hard, processes, wait_for},
};

/// An answer of the server.
#[derive(Debug)]
struct Said {
    status: u16,
    body: String,
}

impl Said {
    #[track_caller]
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }
}

/// A page without a browser.
struct Page {
    port: String,
    key: String,
}

impl Page {
    /// Comes in with a link.
    #[track_caller]
    fn open(link: &str) -> Self {
        let said = session(link);
        assert_eq!(said.status, 200, "{said:?}");
        Self { port: port_of(link), key: said.json()["key"].as_str().unwrap().to_owned() }
    }

    #[track_caller]
    fn call(&self, tool: &str, input: &Value) -> Said {
        let authorization = format!("Authorization: Bearer {}\r\n", self.key);
        request(&self.port, "POST", &format!("/api/{tool}"), &authorization, input.to_string().as_bytes())
    }

    #[track_caller]
    fn ask(&self, tool: &str, input: &Value) -> Value {
        let said = self.call(tool, input);
        assert_eq!(said.status, 200, "{said:?}");
        said.json()
    }
}

fn port_of(link: &str) -> String {
    link.strip_prefix("http://127.0.0.1:").and_then(|rest| rest.split('/').next()).unwrap().to_owned()
}

#[track_caller]
fn session(link: &str) -> Said {
    let code = link.split("#code=").nth(1).unwrap();
    request(&port_of(link), "POST", "/session", "", json!({ "code": code }).to_string().as_bytes())
}

#[track_caller]
fn request(port: &str, method: &str, path: &str, headers: &str, body: &[u8]) -> Said {
    let host = if headers.contains("Host: ") { String::new() } else { format!("Host: 127.0.0.1:{port}\r\n") };
    let head = format!(
        "{method} {path} HTTP/1.1\r\n{host}{headers}Connection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = connect(port);
    stream.write_all(head.as_bytes()).unwrap();
    // A server that has refused already may have stopped reading.
    let _ = stream.write_all(body);
    let mut text = Vec::new();
    stream.read_to_end(&mut text).unwrap();
    let text = String::from_utf8(text).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer in {text:?}"));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap();
    Said { status, body: body.to_owned() }
}

fn connect(port: &str) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port.parse().unwrap())).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream
}

impl TestHome {
    #[track_caller]
    fn dashboard(&self) -> String {
        self.json(&["dashboard", "--no-browser"])["url"].as_str().unwrap().to_owned()
    }

    fn dashboards(&self) -> Vec<i32> {
        let home = self.home();
        let is_it = |process: &Process| process.args.get(1).is_some_and(|arg| arg == "__dashboard");
        let of_home = |process: &Process| process.has_env("MGR_HOME", home.to_str().unwrap());
        processes()
            .into_iter()
            .filter(|process| is_it(process) && of_home(process))
            .map(|process| process.pid)
            .collect()
    }
}

#[test]
fn an_approval_is_answered_there_for_what_was_shown() {
    let home = TestHome::new();
    assert_eq!(home.workflow(SHIP).0, Some(10));
    let page = Page::open(&home.dashboard());
    let shown = page.ask("inbox_list", &json!({}))["items"][0].clone();
    assert_eq!((&shown["question"], &shown["files"]), (&json!("ship made?"), &json!(["made.txt"])), "{shown:#}");
    let answer = |digest: &Value| json!({"id": shown["id"], "answer": "yes", "note": "seen", "digest": digest});
    std::fs::write(home.work().join("made.txt"), "two\n").unwrap();
    let said = page.call("inbox_answer", &answer(&shown["digest"]));
    assert_eq!((said.status, &said.json()["error"]["code"]), (409, &json!("conflict")), "{said:?}");
    assert!(!home.work().join("shipped").exists());
    let now = page.ask("inbox_list", &json!({}))["items"][0].clone();
    assert_eq!(now["edited"], json!(["made.txt"]));
    assert_eq!(page.ask("inbox_answer", &answer(&now["digest"]))["status"], "done");
    let run = home.end_of_run("@last");
    assert_eq!(run["status"], "done", "{run:#}");
    let given = &run["steps"][1]["approval"]["answer"];
    assert_eq!(json!([given["by"], given["over"], given["note"]]), json!(["person", "dashboard", "seen"]));
    assert_eq!(std::fs::read_to_string(home.work().join("shipped")).unwrap(), "two\n");
    let report = home.mgr(&["workflow", "report"]).stdout;
    assert!(report.contains("approved step ship on the dashboard"), "{report}");
    // The same word again changes nothing, another one is refused.
    assert_eq!(page.call("inbox_answer", &answer(&now["digest"])).status, 200);
    let other = json!({"id": shown["id"], "answer": "no"});
    assert_eq!(page.call("inbox_answer", &other).status, 409);
}

#[test]
fn a_link_lets_one_in_and_a_key_dies_with_its_process() {
    let home = TestHome::new();
    let link = home.dashboard();
    let knocking: Vec<_> = (0..8)
        .map(|_| {
            let link = link.clone();
            std::thread::spawn(move || session(&link).status)
        })
        .collect();
    let mut statuses: Vec<_> = knocking.into_iter().map(|thread| thread.join().unwrap()).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401, 401, 401, 401, 401, 401, 401]);
    assert!(std::fs::read_dir(home.home().join("dashboard/codes")).unwrap().next().is_none());
    let page = Page::open(&home.dashboard());
    assert_eq!(page.ask("task_list", &json!({}))["total"], 0);
    let stranger = Page { key: "0".repeat(64), port: page.port.clone() };
    let said = stranger.call("task_list", &json!({}));
    assert_eq!((said.status, &said.json()["error"]["code"]), (401, &json!("locked")));

    home.dashboards().into_iter().for_each(kill_hard);
    wait_for("its end", || {
        let status = home.json(&["dashboard", "status"]);
        if status == json!({"running": false}) { Ok(()) } else { Err(status) }
    });
    let next = Page::open(&home.dashboard());
    assert_eq!(next.ask("task_list", &json!({}))["total"], 0);
    assert_eq!(Page { port: next.port, ..page }.call("task_list", &json!({})).status, 401);
}

#[test]
fn a_dashboard_that_nobody_can_find_ends() {
    let home = TestHome::new();
    let first = home.dashboard();
    let dir = home.home().join("dashboard");
    std::fs::remove_dir_all(dir.join("codes")).unwrap();
    assert_eq!(port_of(&home.dashboard()), port_of(&first));
    std::fs::remove_file(dir.join("state.json")).unwrap();
    wait_for("its end", || if home.dashboards().is_empty() { Ok(()) } else { Err(home.dashboards()) });
    // A word that came too late for one before is none for the next.
    std::fs::write(dir.join("stop"), "").unwrap();
    Page::open(&home.dashboard());
    // One that has been asked to end gets no more visitors.
    let before = home.dashboards();
    std::fs::write(dir.join("stop"), "").unwrap();
    Page::open(&home.dashboard());
    assert_ne!(home.dashboards(), before);
}

/// What stands in the place of the file that says where it listens, in all the ways that a disk or a hand leaves it.
#[test]
fn a_dashboard_mends_its_file() {
    let home = TestHome::new();
    let first = home.dashboard();
    let (page, before) = (Page::open(&first), home.dashboards());
    let state = home.home().join("dashboard/state.json");
    let whole = std::fs::read(&state).unwrap();
    let put = |bytes: &[u8]| std::fs::write(&state, bytes).unwrap();
    let directory = |inside: bool| {
        std::fs::remove_file(&state).and_then(|()| std::fs::create_dir(&state)).unwrap();
        if inside {
            std::fs::write(state.join("kept"), "").unwrap();
        }
    };
    let spoils: [(&str, &dyn Fn()); 6] = [
        ("empty", &|| put(b"")),
        ("half", &|| put(&whole[..whole.len() / 2])),
        ("other", &|| put(b"[1]")),
        ("no text", &|| put(&[0xff; 4096])),
        ("a directory", &|| directory(false)),
        ("a full directory", &|| directory(true)),
    ];
    for (name, spoil) in spoils {
        hold(&before, spoil);
        let status = home.json(&["dashboard", "status"]);
        assert_eq!((&status["running"], status["url"].as_str()), (&json!(true), first.split('#').next()), "{name}");
        hold(&before, spoil);
        assert_eq!(port_of(&home.dashboard()), port_of(&first), "{name}");
        assert_eq!((page.ask("task_list", &json!({}))["total"].clone(), home.dashboards()), (json!(0), before.clone()));
        assert_eq!(std::fs::read(&state).unwrap(), whole, "{name}");
    }
    // Nobody can tell that it is not the right place, so it is not asked: it sees that by itself.
    hold(&before, &|| put(String::from_utf8_lossy(&whole).replace(&port_of(&first), "1").as_bytes()));
    let is_whole = |now: Vec<u8>| if now == whole { Ok(()) } else { Err(now) };
    wait_for("its own words", || is_whole(std::fs::read(&state).unwrap_or_default()));
    hold(&before, &|| put(b"{"));
    assert_eq!(home.json(&["dashboard", "stop"]), json!({"stopped": true}));
    assert_eq!(home.json(&["dashboard", "status"]), json!({"running": false}));
    // Nor does anything that is left there keep the next one from beginning.
    std::fs::create_dir(&state).unwrap();
    std::fs::create_dir_all(home.home().join("dashboard/stop/odd")).unwrap();
    std::fs::create_dir_all(home.home().join("dashboard/codes/odd")).unwrap();
    Page::open(&home.dashboard());
}

#[test]
fn a_dashboard_that_was_stopped_goes_on_when_it_is_wanted() {
    let home = TestHome::new();
    let first = home.dashboard();
    let stop = || home.dashboards().into_iter().for_each(pause);
    stop();
    let second = home.dashboard();
    assert_eq!(port_of(&second), port_of(&first));
    Page::open(&second);
    stop();
    assert_eq!(home.json(&["dashboard", "stop"]), json!({"stopped": true}));
    wait_for("its end", || if home.dashboards().is_empty() { Ok(()) } else { Err(home.dashboards()) });
}

/// Without its lock nobody takes it for the living one, whatever its other file says.
#[test]
fn a_dashboard_without_its_lock_makes_room() {
    let home = TestHome::new();
    let first = home.dashboard();
    std::fs::remove_file(home.home().join("dashboard/lock")).unwrap();
    let second = home.dashboard();
    assert_ne!(port_of(&second), port_of(&first));
    wait_for("only one", || if home.dashboards().len() == 1 { Ok(()) } else { Err(home.dashboards()) });
    Page::open(&second);
    assert_eq!(home.json(&["dashboard", "status"])["url"].as_str(), second.split('#').next());
}

fn tell(pid: i32, signal: Signal) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), signal).unwrap();
}

/// Stops a process, all its threads.
fn pause(pid: i32) {
    tell(pid, Signal::SIGSTOP);
    wait_for("all threads to stop", || {
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        let stats = threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("stat")));
        let stats: Vec<_> = stats.filter_map(Result::ok).collect();
        if stats.iter().all(|stat| stat.contains(") T ")) { Ok(()) } else { Err(stats) }
    });
}

/// Does something while none of the processes sees it.
fn hold(pids: &[i32], act: &dyn Fn()) {
    pids.iter().copied().for_each(pause);
    act();
    pids.iter().for_each(|pid| tell(*pid, Signal::SIGCONT));
}

#[test]
fn many_who_open_it_find_one() {
    let home = TestHome::new();
    let opening: Vec<_> = (0..6)
        .map(|_| home.command(["dashboard", "open", "--no-browser"]).stdout(Stdio::piped()).spawn().unwrap())
        .collect();
    let links: Vec<_> =
        opening.into_iter().map(|child| String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()).collect();
    wait_for("only one", || if home.dashboards().len() == 1 { Ok(()) } else { Err(home.dashboards()) });
    let ports: std::collections::BTreeSet<_> = links.iter().map(|link| port_of(link)).collect();
    assert_eq!(ports.len(), 1, "{links:?}");
    links.iter().for_each(|link| drop(Page::open(link.trim_end())));
    let ran = home.mgr(&["dashboard", "serve"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (Some(9), ""), "{ran:#?}");
    assert!(ran.stderr.contains(&ports.into_iter().next().unwrap()), "{ran:#?}");
    assert_eq!(home.json(&["dashboard", "stop"]), json!({"stopped": true}));
    assert_eq!(home.json(&["dashboard", "stop"]), json!({"stopped": false}));
    wait_for("its end", || if home.dashboards().is_empty() { Ok(()) } else { Err(home.dashboards()) });
}

/// The data that a page shows is news as soon as it is there, and an agent's words stay a string.
#[test]
fn changes_are_told() {
    let home = TestHome::new();
    let link = home.dashboard();
    let page = Page::open(&link);
    let mut stream = connect(&page.port);
    write!(stream, "GET /changes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n", page.key).unwrap();
    let mut lines = BufReader::new(stream).lines().map(Result::unwrap).filter(|line| line.starts_with("data: "));
    assert_eq!(lines.next().as_deref(), Some("data: 0"));
    let nasty = "</script><img src=x onerror=alert(1)>\u{202e}\u{1b}[31m";
    let id = home.submit_with(&["-b", "demo"], &format!("say: {nasty}"));
    assert_eq!(lines.next().as_deref(), Some("data: 1"));
    home.end_of(&id);
    assert_eq!(page.ask("task_output", &json!({"task_id": id}))["output"], nasty);
    // Only what the page needs is there: it starts no task of its own.
    assert_eq!(page.call("task_submit", &json!({"prompt": "say: x"})).status, 404);
    assert_eq!(page.call("task_status", &json!({"task_id": "zzzz"})).status, 404);
    assert_eq!(page.call("task_status", &json!({"nonsense": 1})).status, 400);
    assert_eq!(page.call("task_status", &json!([1])).status, 400);
}

#[test]
fn other_sites_and_odd_requests_get_nothing() {
    let home = TestHome::new();
    let page = Page::open(&home.dashboard());
    let key = format!("Authorization: Bearer {}\r\n", page.key);
    for (headers, status) in [
        (key.clone(), 200),
        (format!("{key}Host: evil.example:{}\r\n", page.port), 403),
        (format!("{key}Host: localhost:{0}\r\nHost: localhost:{0}\r\n", page.port), 403),
        (format!("{key}Origin: http://evil.example\r\n"), 403),
        (format!("{key}Origin: http://\u{e9}\r\n"), 403),
        (format!("{key}{key}"), 401),
        (format!("{key}Sec-Fetch-Site: cross-site\r\n"), 403),
        (String::new(), 401),
    ] {
        let said = request(&page.port, "POST", "/api/task_list", &headers, b"{}");
        assert_eq!(said.status, status, "{headers}: {said:?}");
    }
    let said = request(&page.port, "POST", "/api/task_list", &key, &vec![b' '; 300 << 10]);
    assert_eq!(said.status, 400, "{said:?}");
    assert_eq!(request(&page.port, "GET", "/", "", b"").status, 200);
    assert_eq!(request(&page.port, "GET", "http://evil.example/", "", b"").status, 403);
}

#[test]
fn whoever_says_nothing_makes_room_for_those_who_ask() {
    let home = TestHome::new();
    let page = Page::open(&home.dashboard());
    let mut silent: Vec<_> = (0..64).map(|_| connect(&page.port)).collect();
    assert_eq!(page.ask("task_list", &json!({}))["total"], 0);
    // The first has gone for that, and nobody else, as all would have with patience alone.
    assert_eq!(silent[0].read(&mut [0]).unwrap(), 0);
    let mut second = silent.swap_remove(1);
    write!(second, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut said = String::new();
    second.read_to_string(&mut said).unwrap();
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
}

#[test]
fn a_browser_is_asked_where_there_is_a_screen() {
    let home = TestHome::new();
    let (bin, seen) = (home.root().join("bin"), home.root().join("seen"));
    std::fs::create_dir(&bin).unwrap();
    let opener = bin.join("xdg-open");
    std::fs::write(&opener, format!("#!/bin/sh\nprintf %s \"$1\" > {0}.new; mv {0}.new {0}\n", seen.display()))
        .unwrap();
    std::fs::set_permissions(&opener, std::fs::Permissions::from_mode(0o700)).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    let open = |display: &str| {
        let mut command = home.command(["dashboard", "--json"]);
        let ran = command.env("PATH", &path).env("DISPLAY", display).output().unwrap();
        serde_json::from_slice::<Value>(&ran.stdout).unwrap()
    };
    assert_eq!(open("")["browser"], false);
    let opened = open(":0");
    assert_eq!(opened["browser"], true);
    let link = wait_for("the opener", || std::fs::read_to_string(&seen).map_err(|error| error.to_string()));
    assert_eq!(opened["url"], link);
    Page::open(&link);
}

#[test]
fn a_dashboard_in_a_terminal_ends_with_ctrl_c() {
    let home = TestHome::new();
    let mut serving =
        home.command(["dashboard", "serve"]).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut link = String::new();
    BufReader::new(serving.stdout.as_mut().unwrap()).read_line(&mut link).unwrap();
    let page = Page::open(link.trim_end());
    assert_eq!(page.ask("task_list", &json!({}))["total"], 0);
    // A page that stays open does not hold it.
    let mut stream = connect(&page.port);
    write!(stream, "GET /changes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\r\n", page.key).unwrap();
    tell(serving.id() as i32, Signal::SIGINT);
    assert_eq!(serving.wait().unwrap().code(), Some(0));
    assert!(!home.home().join("dashboard/state.json").exists());
}

#[test]
fn an_agent_is_not_let_in() {
    let home = TestHome::new();
    let mgr = env!("CARGO_BIN_EXE_mgr");
    let line = |args: &str| format!("{mgr} dashboard {args} >>said 2>&1; echo $? >>codes");
    let lines = [line("open --no-browser"), line("serve"), line("status")].join("; ");
    let first = home.submit_beside(&format!("run {lines}\nfinish x"));
    assert_eq!(home.end_of(&first)["status"], "done");
    assert_eq!(home.dashboards(), Vec::<i32>::new());
    // Nor into the one that a person has open.
    Page::open(&home.dashboard());
    let second = home.submit_beside(&format!("run {lines}\nfinish x"));
    assert_eq!(home.end_of(&second)["status"], "done");
    let read = |name: &str| std::fs::read_to_string(home.work().join(name)).unwrap();
    assert_eq!(read("codes"), "7\n7\n0\n7\n7\n0\n", "{}", read("said"));
    assert!(!read("said").contains("#code="), "{}", read("said"));
}
