//! What the store itself notes about steps: the ends of their tasks.

use camino::Utf8PathBuf;
use serde_json::json;

use super::{NewRun, NewTask, StepChange, Store, StoreError, Writing};
use crate::core::{RunId, RunStatus, State, Status, StepStatus, Task, TaskId, Timestamp, WaitingOn, Words};

const NOW: Timestamp = Timestamp(1_000);
const LATER: Timestamp = Timestamp(2_000);

struct World {
    store: Store,
    run: RunId,
    _dir: tempfile::TempDir,
}

impl World {
    /// A run with the steps `a` and `b` that nothing is to be done about.
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("mgr.db")).unwrap();
        let world = Self { store: Store::open(&path).unwrap(), run: id(0), _dir: dir };
        world.write(|writing| {
            let steps = ["a".to_owned(), "b".to_owned()];
            let (request_id, parent, template) = Default::default();
            let new = NewRun {
                id: &world.run,
                name: "n",
                definition: "{}",
                request_id,
                parent,
                template,
                steps: &steps,
                taken: &[],
                now: NOW,
            };
            writing.add_run(&new)?;
            let run = writing.view().run(&world.run)?.unwrap();
            writing.keep_run(&run, run.status, None, NOW)
        });
        world
    }

    fn write<T>(&self, write: impl FnOnce(&Writing<'_>) -> Result<T, StoreError>) -> T {
        self.store.write(write).unwrap()
    }

    fn submit(&self, number: u128) -> Task {
        let spec = json!({"backend": "demo", "working_dir": "/", "max_output": "1MB"});
        let spec = serde_json::from_value(spec).unwrap();
        let words = Words { prompt: "p".into(), context: None };
        let state = State::Queued { waiting_on: WaitingOn::Slot };
        let new = NewTask { id: id(number), spec, words: &words, state, request_id: None, fingerprint: &[], now: NOW };
        self.write(|writing| writing.add(new))
    }

    fn end(&self, task: &mut Task) {
        task.state = State::Finished { status: Status::Done, failure: None };
        self.write(|writing| writing.keep(task, NOW));
    }

    fn note(&self, step: &str, turn: u32, status: StepStatus, task: Option<&Task>) {
        let (child, reason, due_at, question) = Default::default();
        let task = task.map(|task| task.id.clone());
        let loops_on = false;
        let change = StepChange { step: step.into(), turn, status, task, child, reason, due_at, question, loops_on };
        self.write(|writing| writing.change_steps(&self.run, &[change]));
    }

    /// Which steps have ended, and whether the run is to be driven.
    fn told(&self) -> (Vec<bool>, bool) {
        let read = |view: &super::View<'_>| {
            let steps = view.run_steps(&self.run)?.iter().map(|step| step.has_ended).collect();
            assert_eq!(view.any_run_to_drive()?, !view.runs_to_drive(LATER)?.is_empty());
            Ok((steps, view.any_run_to_drive()?))
        };
        self.store.read(read).unwrap()
    }
}

fn id(number: u128) -> TaskId {
    TaskId::new(NOW, number)
}

fn nothing() -> (Vec<bool>, bool) {
    (vec![false, false], false)
}

fn b_ended() -> (Vec<bool>, bool) {
    (vec![false, true], true)
}

#[test]
fn the_end_of_a_task_is_an_end_of_its_step_until_it_is_noted() {
    let world = World::new();
    let mut task = world.submit(1);
    world.note("b", 1, StepStatus::Running, Some(&task));
    assert_eq!(world.told(), nothing());
    world.end(&mut task);
    assert_eq!(world.told(), b_ended());
    world.note("b", 1, StepStatus::Done, None);
    assert_eq!(world.told(), nothing());
}

#[test]
fn a_task_may_end_before_its_step_knows_of_it() {
    let world = World::new();
    let mut task = world.submit(1);
    world.end(&mut task);
    world.note("b", 1, StepStatus::Running, Some(&task));
    assert_eq!(world.told(), b_ended());
}

#[test]
fn a_task_that_is_removed_is_an_end_as_well() {
    let world = World::new();
    let task = world.submit(1);
    world.note("b", 1, StepStatus::Running, Some(&task));
    world.write(|writing| writing.remove(&task.id));
    assert_eq!(world.told(), b_ended());
}

/// The driver may have looked before somebody cancelled the run. What has a task is noted all the same: that is to be ended.
#[test]
fn a_cancelled_step_is_not_opened_again_in_its_turn() {
    let world = World::new();
    let statuses = || {
        let steps = world.store.read(|view| view.run_steps(&world.run)).unwrap();
        steps.into_iter().map(|step| step.status).collect::<Vec<_>>()
    };
    for step in ["a", "b"] {
        world.note(step, 1, StepStatus::Cancelled, None);
    }
    world.note("a", 1, StepStatus::Held, None);
    world.note("b", 1, StepStatus::Running, None);
    assert_eq!(statuses(), [StepStatus::Cancelled; 2]);
    world.note("b", 1, StepStatus::Running, Some(&world.submit(1)));
    assert_eq!(statuses(), [StepStatus::Cancelled, StepStatus::Running]);
}

#[test]
fn an_old_task_says_nothing_about_a_new_turn() {
    let world = World::new();
    let mut task = world.submit(1);
    world.note("b", 1, StepStatus::Running, Some(&task));
    world.end(&mut task);
    let renewed = |writing: &Writing<'_>| writing.renew_step(&world.run, "b", StepStatus::Waiting);
    world.write(renewed);
    assert_eq!(world.told(), nothing());
    world.note("b", 2, StepStatus::Running, Some(&world.submit(2)));
    assert_eq!(world.told(), nothing());
    world.write(|writing| writing.remove(&task.id));
    assert_eq!(world.told(), nothing());
}

impl World {
    /// Has the loop of a step begin anew.
    fn renew(&self, run: &RunId, step: &str, turn: u32) {
        let (task, child, reason, due_at, question) = Default::default();
        let status = StepStatus::Waiting;
        let change =
            StepChange { step: step.into(), turn, status, task, child, reason, due_at, question, loops_on: true };
        self.write(|writing| writing.change_steps(run, &[change]));
    }

    /// Takes on a nested run and notes it.
    fn nest(&self, number: u128, parent: &RunId, step: &str, turn: u32) -> RunId {
        let (child, request) = (id(number), format!("{parent}/{step}/{turn}"));
        let steps = ["a".to_owned()];
        let new = NewRun {
            id: &child,
            name: "nested",
            definition: "{}",
            request_id: Some(&request),
            parent: Some((parent, step)),
            template: None,
            steps: &steps,
            taken: &[],
            now: NOW,
        };
        let (task, reason, due_at, question) = Default::default();
        let (status, noted) = (StepStatus::Running, Some(child.clone()));
        let loops_on = false;
        let change =
            StepChange { step: step.into(), turn, status, task, child: noted, reason, due_at, question, loops_on };
        self.write(|writing| {
            writing.add_run(&new)?;
            writing.change_steps(parent, &[change])?;
            let run = writing.view().run(&child)?.unwrap();
            writing.keep_run(&run, run.status, None, NOW)
        });
        child
    }

    fn read<T>(&self, read: impl FnOnce(&super::View<'_>) -> Result<T, StoreError>) -> T {
        self.store.read(read).unwrap()
    }
}

#[test]
fn the_end_of_a_nested_run_wakes_its_parent_until_it_is_noted() {
    let world = World::new();
    let child = world.nest(1, &world.run, "b", 1);
    let to_drive = || world.read(|view| view.runs_to_drive(LATER));
    assert_eq!(to_drive(), []);
    world.write(|writing| {
        let run = writing.view().run(&child)?.unwrap();
        writing.keep_run(&run, RunStatus::Done, None, NOW)
    });
    assert_eq!(to_drive(), std::slice::from_ref(&world.run));
    assert!(world.read(|view| view.any_run_to_drive()));
    world.note("b", 1, StepStatus::Done, None);
    assert_eq!(to_drive(), []);
}

#[test]
fn a_loop_begins_anew_once_for_each_turn() {
    let world = World::new();
    let at = || {
        world.read(|view| Ok(view.run_steps(&world.run)?.iter().map(|row| (row.turn, row.loops)).collect::<Vec<_>>()))
    };
    world.renew(&world.run, "b", 1);
    world.renew(&world.run, "b", 1);
    assert_eq!(at(), [(1, 0), (2, 1)]);
    world.renew(&world.run, "b", 2);
    assert_eq!(at(), [(1, 0), (3, 2)]);
    world.write(|writing| writing.renew_step(&world.run, "b", StepStatus::Waiting));
    assert_eq!(at(), [(1, 0), (4, 0)]);
}

#[test]
fn a_family_is_all_that_was_nested_but_only_the_loops_of_this_asking_count() {
    let world = World::new();
    let first = world.nest(1, &world.run, "b", 1);
    world.renew(&first, "a", 1);
    world.renew(&world.run, "b", 1);
    let second = world.nest(2, &world.run, "b", 2);
    let deep = world.nest(3, &second, "a", 1);
    world.renew(&deep, "a", 1);
    let loops = || world.read(|view| view.loops_of_family(&world.run));
    assert_eq!(loops(), 3);
    world.write(|writing| writing.renew_step(&world.run, "b", StepStatus::Waiting));
    assert_eq!(loops(), 0);
    let third = world.nest(4, &world.run, "b", 3);
    world.renew(&third, "a", 1);
    assert_eq!(loops(), 1);
    let mut family = world.read(|view| view.family_of_run(&world.run));
    family.sort();
    assert_eq!(family, [world.run.clone(), first, second.clone(), deep.clone(), third]);
    let above: Vec<_> = world.read(|view| view.ancestors_of_run(&deep)).into_iter().map(|run| run.id).collect();
    assert_eq!(above, [second, world.run.clone()]);
}
