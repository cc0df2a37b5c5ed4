//! Runs of workflows under `kill -9`: the shipped examples at random moments, and programs whose keeper dies.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{TestHome, kill_hard, members, processes, wait_for};

/// The arguments that run one of the shipped examples as a demo.
fn example(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap();
    let required = text.lines().filter(|line| line.contains("required: true"));
    let names = required.filter_map(|line| Some(line.trim_start().split_once(": {")?.0));
    let params: Vec<String> = names.flat_map(|name| ["--params".to_owned(), format!("{name}=1")]).collect();
    let params = params.iter().map(String::as_str);
    ["workflow", "run", "--demo", file.to_str().unwrap()].into_iter().chain(params).map(str::to_owned).collect()
}

fn examples() -> Vec<PathBuf> {
    let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("workflows");
    let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|file| file.extension().is_some_and(|extension| extension == "yaml")).collect();
    files.sort();
    files
}

/// How a run ended, in everything that no accident of time may change.
fn end_state(home: &TestHome, run: &Value) -> Value {
    let steps = run["steps"].as_array().unwrap().iter();
    let one = |step: &Value| {
        // Who wins, and who is still at work then, is an accident of time.
        if step["kind"] == "race" && step["race"].is_null() {
            return json!([step["id"], step["status"], step["turn"]]);
        }
        let attempts = step["task_id"].as_str().map(|id| {
            let task = home.status(id);
            let output = task["has_output"].as_bool();
            json!([task["status"], task["attempts"].as_array().map(Vec::len), output, home.mgr(&["output", id]).stdout])
        });
        if step["race"].is_string() {
            let once = attempts.is_none_or(|attempts| attempts[1] == 1);
            return json!([step["id"], matches!(step["status"].as_str(), Some("done" | "not_needed")), once]);
        }
        json!([step["id"], step["status"], step["reason"], step["turn"], attempts])
    };
    let has_race = run["steps"].as_array().unwrap().iter().any(|step| step["race"].is_string());
    let tasks = home.json(&["list", "-n", "1000"])["total"].as_u64().unwrap();
    // Each step at most once; one that a race made needless may have had no task at all.
    let tasks = if has_race { u64::from(tasks <= steps.len() as u64) } else { tasks };
    json!([run["status"], run["outputs"], steps.map(one).collect::<Value>(), tasks])
}

/// Small and seeded: the moments of a failed round can be had again, as far as a machine repeats itself.
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: u64) -> u64 {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) % most
    }
}

/// Runs an example and kills everything some times meanwhile; whoever asks next makes it go on.
fn disturbed(file: &Path, dice: &mut Dice, took: u64) -> (TestHome, Value) {
    let home = TestHome::new();
    let args = example(file);
    let mut waiting = home.command(args.iter().map(String::as_str).chain(["--request-id", "r"]));
    let mut waiting = waiting.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    for _ in 0..=dice.below(4) {
        std::thread::sleep(Duration::from_millis(dice.below(took)));
        home.kill_everything();
    }
    let _ = waiting.wait();
    // Killed before it was taken on, or after: the same request is the same run.
    let again = args.iter().map(String::as_str).chain(["--request-id", "r", "--json"]).collect::<Vec<_>>();
    let ran = home.mgr(&again);
    assert!(matches!(ran.code, Some(0 | 1)), "{}: {ran:#?}", file.display());
    (home, ran.json()["run"].clone())
}

/// `MGR_TEST_ROUNDS` for each example, one without; `MGR_TEST_SEED` begins elsewhere.
#[test]
fn the_examples_come_to_the_same_end_whenever_everything_is_killed() {
    let number = |name: &str, usual: u64| std::env::var(name).map_or(usual, |text| text.parse().unwrap());
    let (rounds, seed) = (number("MGR_TEST_ROUNDS", 1), number("MGR_TEST_SEED", 1));
    let files = examples();
    assert!(files.len() >= 4);
    let undisturbed: BTreeMap<&PathBuf, (Value, u64)> = files
        .iter()
        .map(|file| {
            let home = TestHome::new();
            let began = std::time::Instant::now();
            let ran = home.command(example(file).iter().map(String::as_str).chain(["--json"])).output().unwrap();
            let took = began.elapsed().as_millis() as u64;
            let run = crate::support::Ran::from(ran).json()["run"].clone();
            assert_eq!(run["status"], "done", "{}: {run:#}", file.display());
            (file, (end_state(&home, &run), took.max(10)))
        })
        .collect();
    let jobs: Vec<(&PathBuf, u64)> =
        (0..rounds).flat_map(|round| files.iter().map(move |file| (file, round))).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some((file, round)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let place = files.iter().position(|other| other == *file).unwrap() as u64;
                    let mut dice = Dice(seed.wrapping_mul(1_000_003) + round * 1009 + place);
                    let (expected, took) = &undisturbed[file];
                    let (home, run) = disturbed(file, &mut dice, *took);
                    let told = format!("{} in round {round} of seed {seed}: {run:#}", file.display());
                    assert_eq!(&end_state(&home, &run), expected, "{told}");
                    wait_for("the end of every process", || {
                        let own = |process: &crate::support::Process| {
                            process.has_env("MGR_HOME", home.home().to_str().unwrap())
                                || process.cwd.starts_with(home.root())
                        };
                        let left: Vec<_> = processes().into_iter().filter(own).collect();
                        if left.is_empty() { Ok(()) } else { Err(left) }
                    });
                }
            });
        }
    });
}

const PROGRAM: &str = "echo begun; touch up; while [ ! -e go ]; do sleep 0.01; done; echo over; exit";

/// A program goes on after its keeper was killed, and ends with this code.
fn after_its_keeper(code: u8) -> (TestHome, Value, Value) {
    let home = TestHome::new();
    let text = format!("steps:\n  - {{id: a, kind: command, shell: true, run: '{PROGRAM} {code}'}}\n");
    home.json(&["workflow", "run", "--detach", "--workflow", &text]);
    home.wait_file("up");
    let id = home.json(&["workflow", "status"])["run"]["steps"][0]["task_id"].as_str().unwrap().to_owned();
    kill_hard(home.wait_keeper(&id, 1));
    wait_for("the keeper's end", || if home.keeper_of(&id, 1).is_none() { Ok(()) } else { Err(()) });
    // An end that nobody was there to see.
    home.kill_tickers();
    home.touch("go");
    wait_for("the program's end", || if members(&id, 1).is_empty() { Ok(()) } else { Err(members(&id, 1)) });
    let ran = home.mgr(&["workflow", "status", "--wait", "--json"]);
    assert_eq!(ran.code, Some(i32::from(code != 0)), "{ran:#?}");
    let task = home.status(&id);
    let attempt = &task["attempts"][0];
    let told = json!([task["status"], attempt["exit_code"], attempt["supervision"], home.output(&id)]);
    let step = ran.json()["run"]["steps"][0].clone();
    (home, told, step)
}

#[test]
fn a_program_whose_keeper_was_killed_is_done_when_it_ends_well() {
    let (_home, told, step) = after_its_keeper(0);
    assert_eq!((told, &step["status"]), (json!(["done", 0, "adopted", "begun\nover\n"]), &json!("done")), "{step:#}");
}

#[test]
fn a_program_whose_keeper_was_killed_fails_by_its_exit_code() {
    let (_home, told, step) = after_its_keeper(3);
    assert_eq!((told, &step["status"]), (json!(["failed", 3, "adopted", "begun\nover\n"]), &json!("failed")));
    assert_eq!(step["reason"], "the command ended with exit code 3");
}

/// What stands between a keeper and a program keeps nothing from the program.
#[test]
fn a_program_hears_its_signals_and_its_end_is_told_as_it_was() {
    let home = TestHome::new();
    let text = "
on_failure: continue
steps:
  - {id: mask, kind: command, shell: true, run: 'grep -h SigBlk /proc/self/status; trap \"echo heard; exit 5\" TERM; kill -TERM $$; sleep 9'}
  - {id: killed, kind: command, shell: true, run: 'kill -9 $$'}
  - {id: missing, kind: command, run: [./not-there]}
  - {id: group, kind: command, shell: true, run: 'test $(ps -o pgid= -p $$) = $(ps -o pgid= -p $PPID) && echo same'}
  - {id: own, kind: command, run: [grep, -h, SigBlk, /proc/self/status]}
";
    let ran = home.mgr(&["workflow", "run", "--workflow", text, "--json"]);
    let run = &ran.json()["run"];
    let task = |step: usize| run["steps"][step]["task_id"].as_str().map(|id| home.status(id));
    let attempt = |step: usize| {
        let attempt = task(step).map(|task| task["attempts"][0].clone()).unwrap_or_default();
        json!([run["steps"][step]["status"], attempt["exit_code"], attempt["signal"]])
    };
    let told = [attempt(0), attempt(1), attempt(2), attempt(3)];
    let expected = [
        json!(["failed", 5, null]),
        json!(["failed", null, 9]),
        json!(["failed", null, null]),
        json!(["done", 0, null]),
    ];
    assert_eq!(told, expected, "{run:#}");
    // A shell may put its own signals in order, a plain program does not.
    for step in [0, 4] {
        let dir = home.attempt(run["steps"][step]["task_id"].as_str().unwrap(), 1);
        let output = std::fs::read_to_string(dir.join("out")).unwrap();
        assert!(output.contains("SigBlk:\t0000000000000000"), "{output} {run:#}");
    }
}

#[test]
fn a_paused_program_goes_when_it_is_asked_to() {
    let home = TestHome::new();
    let run = home.detached("steps: [{id: a, kind: command, run: [sleep, '3600']}]");
    let task = wait_for("the program", || {
        let task = home.run_state(&run)["steps"][0]["task_id"].as_str().unwrap_or_default().to_owned();
        let is_there = members(&task, 1).iter().any(|process| process.name == "sleep");
        if is_there { Ok(task) } else { Err(()) }
    });
    home.json(&["pause", &task]);
    wait_for("a program that stands still", || {
        let all = members(&task, 1);
        if all.iter().all(|process| process.state == 'T') { Ok(()) } else { Err(all) }
    });
    let over = home.json(&["cancel", &task, "--grace", "1m"])["tasks"][0].clone();
    assert_eq!(json!([over["status"], over["killed_processes"]]), json!(["cancelled", 0]), "{over:#}");
    assert_eq!(home.status(&task)["attempts"][0]["signal"], 15);
}

/// The ticker repeats orders: one to pause may come after the one to end.
#[test]
fn what_is_to_end_is_not_stopped_any_more() {
    let home = TestHome::new();
    let run = "trap 'touch ending; while ! test -e go; do sleep 0.1; done; exit 3' TERM; touch up; while :; do sleep 0.01; done";
    home.detached(&format!("steps: [{{id: a, kind: command, shell: true, run: {}}}]", json!(run)));
    home.wait_file("up");
    let task = home.only_task();
    let mut cancel = home.command(["cancel", &task, "--grace", "1m"]).stdout(Stdio::null()).spawn().unwrap();
    home.wait_file("ending");
    std::fs::write(home.attempt(&task, 1).join("ctl"), "{\"do\":\"pause\"}\n").unwrap();
    home.touch("go");
    assert!(cancel.wait().unwrap().success());
    assert_eq!(home.status(&task)["attempts"][0]["exit_code"], 3);
}

/// One of everything that a run can do, with an agent that obeys. Whatever works says so in the file `log`.
fn everything(home: &TestHome) -> String {
    let log = home.root().join("log");
    let log = log.display();
    format!(
        "
budget: $50
steps:
  - {{id: plan, backend: fake, posture: read_only, prompt: \"append {log} plan\\nfinish p\"}}
  - {{id: loop, kind: command, needs: [plan], shell: true, run: 'echo loop >> {log}; test $(grep -c loop {log}) -ge 3', \
repeat: {{until: \"steps.loop.status == 'done'\", max: 5}}}}
  - {{id: race, kind: race, needs: [plan], backends: [fake, fake], posture: read_only, first_success: false, \
prompt: \"append {log} race\\nfinish r\"}}
  - id: nest
    kind: workflow
    needs: [plan]
    workflow:
      steps:
        - {{id: one, kind: command, shell: true, run: 'echo one >> {log}'}}
        - {{id: gate, kind: approval, needs: [one], message: 'inner?'}}
        - {{id: two, kind: command, needs: [gate], shell: true, run: 'echo two >> {log}'}}
  - {{id: mend, backend: fake, needs: [loop, race], prompt: \"session s\\nappend {log} mend\\nfinish m\", verify_retries: 1, \
verify: [\"test -e {log}.fixed || {{ printf 'append {log} fix\\\\nwrite {log}.fixed x\\\\nfinish m\\\\n'; exit 3; }}\"]}}
  - {{id: ship, kind: approval, needs: [mend, nest], message: 'ship?'}}
  - {{id: last, backend: fake, posture: read_only, needs: [ship], prompt: \"append {log} last\\nfinish l\"}}
"
    )
}

/// Whoever reaches this point dies there, and so does who comes next, a few times; people answer and pause meanwhile.
fn whoever_dies_there(point: &str) -> Value {
    let home = TestHome::new();
    let (marker, text) = (home.root().join("died"), everything(&home));
    let ask = |args: &[&str]| {
        let mut command = home.command(args.iter().copied().chain(["--json"]));
        let output = command.env("MGR_FAILPOINT", format!("{point}@{}", marker.display())).output().unwrap();
        serde_json::from_slice::<Value>(&output.stdout).unwrap_or_default()
    };
    let (mut deaths, mut looks) = (0, 0);
    let end = wait_for(&format!("the end of the run in which whoever reaches {point} dies"), || {
        if deaths < 6 && std::fs::remove_file(&marker).is_ok() {
            deaths += 1;
        }
        looks += 1;
        ask(&["workflow", "run", "--detach", "--request-id", "r", "--workflow", &text]);
        if looks == 2 {
            ask(&["workflow", "pause", "@last"]);
        }
        ask(&["workflow", "resume", "@last"]);
        for item in ask(&["inbox"])["items"].as_array().into_iter().flatten() {
            ask(&["answer", item["id"].as_str().unwrap_or_default(), "yes"]);
        }
        let state = home.json(&["workflow", "list"])["workflows"][0].clone();
        if state["finished_at"].is_null() { Err(home.json(&["workflow", "list", "--nested"])) } else { Ok(state) }
    });
    let run = home.run_state(end["workflow_id"].as_str().unwrap());
    let log = std::fs::read_to_string(home.root().join("log")).unwrap();
    let words = ["plan", "loop", "race", "one", "two", "mend", "fix", "last"];
    let log: Value = words.iter().map(|word| (word.to_string(), json!(log.matches(word).count()))).collect();
    let steps = run["steps"].as_array().unwrap().iter();
    let steps: Value = steps.map(|step| json!([step["id"], step["status"], step["turn"]])).collect();
    let tasks = home.json(&["list", "-n", "100"])["total"].clone();
    json!([run["status"], steps, log, tasks])
}

/// `MGR_TEST_POINTS` names others, with commas between them.
#[test]
fn a_run_of_everything_comes_to_the_same_end_wherever_somebody_dies() {
    let usual = "none,driver.after_submit,driver.after_child,driver.after_renewal,driver.before_note,keeper.after_exit";
    let points = std::env::var("MGR_TEST_POINTS").unwrap_or_else(|_| usual.to_owned());
    let points: Vec<&str> = points.split(',').collect();
    let steps = json!([
        ["plan", "done", 1],
        ["loop", "done", 3],
        ["race", "done", 1],
        ["race[fake]", "done", 1],
        ["race[fake.2]", "done", 1],
        ["nest", "done", 1],
        ["mend", "done", 1],
        ["ship", "done", 1],
        ["last", "done", 1]
    ]);
    let log = json!({"plan": 1, "loop": 3, "race": 2, "one": 1, "two": 1, "mend": 1, "fix": 1, "last": 1});
    let expected = json!(["done", steps, log, 10]);
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    assert_eq!(whoever_dies_there(point), expected, "{point}");
                }
            });
        }
    });
}
