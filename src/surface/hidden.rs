//! The helpers that `mgr` starts for itself; not for people.

use std::{ffi::OsString, io, time::Duration};

use camino::Utf8PathBuf;

use crate::{backends, config::Environment, engine, ops, os};

/// Runs the helper `word`; returns its exit code.
pub(super) fn run(word: &str, args: &[OsString], env: &Environment) -> u8 {
    let args: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    match word {
        "__launch" => report(engine::launcher(&args)),
        "__keep" => keep(&args, env),
        "__tick" => tick(env),
        "__dashboard" => dashboard(env),
        "__run" => record(&args),
        "__openai" => openai(env),
        "__demo" => demo(),
        "__archive" => report(engine::archivist(&args)),
        _ => 2,
    }
}

fn report<E: std::fmt::Display>(result: Result<(), E>) -> u8 {
    u8::from(result.is_err())
}

#[cfg(unix)]
fn keep(args: &[String], env: &Environment) -> u8 {
    let Some(dir) = args.first() else { return 2 };
    // The caller's directory is not the keeper's to hold: somebody may want to unmount or remove it.
    let _ = std::env::set_current_dir(dir);
    let again = args.get(1).is_some_and(|word| word == crate::keeper::contract::AGAIN);
    report(crate::keeper::keep(dir.as_str().into(), again, &env.to_pairs()))
}

#[cfg(unix)]
fn record(args: &[String]) -> u8 {
    crate::keeper::record(args)
}

#[cfg(not(unix))]
fn record(_: &[String]) -> u8 {
    70
}

#[cfg(not(unix))]
fn keep(_: &[String], _: &Environment) -> u8 {
    70
}

fn tick(env: &Environment) -> u8 {
    let run = || -> Result<(), Box<dyn std::error::Error>> {
        os::tree::leave_session();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let engine = engine::Engine::open(env.clone(), None)?.starting_keepers().driving_runs(ops::STEPS);
        std::env::set_current_dir(engine.home().data())?;
        Ok(runtime.block_on(engine::tick(&engine))?)
    };
    report(run())
}

fn dashboard(env: &Environment) -> u8 {
    os::tree::leave_session();
    let serves = || -> Result<(), Box<dyn std::error::Error>> {
        // The caller's directory is not the dashboard's to hold.
        std::env::set_current_dir(engine::Engine::open(env.clone(), None)?.home().data())?;
        Ok(super::web::serve_in_background(env.clone())?)
    };
    report(serves())
}

fn openai(env: &Environment) -> u8 {
    call_agent("gpt-agent");
    let around = backends::GptSurroundings {
        env: &|name| env.get(name).map(str::to_owned),
        sleep: &std::thread::sleep,
        now: &os::clock::now,
    };
    code(backends::run_gpt_child(io::stdin().lock(), io::stdout().lock(), around))
}

fn demo() -> u8 {
    call_agent("demo-agent");
    let Ok(cwd) = std::env::current_dir() else { return 70 };
    let Ok(cwd) = Utf8PathBuf::from_path_buf(cwd) else { return 70 };
    let around = backends::DemoSurroundings {
        cwd: &cwd,
        sleep: &|duration: Duration| std::thread::sleep(duration),
        run: &|argv: &[String]| os::spawn::tool(argv, &cwd),
    };
    code(backends::run_demo_child(io::stdin().lock(), io::stdout().lock(), around))
}

/// Agents go by names of their own: whoever kills all that is called `mgr` means `mgr`.
fn call_agent(name: &str) {
    #[cfg(unix)]
    os::tree::call_this_process(name);
    #[cfg(not(unix))]
    let _ = name;
}

fn code(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(70)
}
