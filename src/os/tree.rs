//! Process trees: finding, stopping and ending everything that an agent has started.
//!
//! Agents' tools run in sessions of their own, fork twice and ignore TERM, so a process
//! group is not enough. Two nets: all descendants of the keeper, to whom orphans return
//! because it is their subreaper (Linux, prctl(2) PR_SET_CHILD_SUBREAPER); and every process
//! whose environment carries the attempt's cookie with all that descends from it, which also
//! works after the keeper died. Whoever was seen in them once belongs to the attempt until it ends.

#[cfg(unix)]
pub use unix::*;

#[cfg(not(unix))]
pub use other::*;

/// The environment variable that marks every process of an attempt.
pub const COOKIE: &str = "MGR_COOKIE";

/// The environment variable that names an agent's task.
pub const TASK: &str = "MGR_TASK_ID";

/// The cookie of processes of `mgr` that belong to no attempt. An agent may call `mgr` itself:
/// what that starts would carry the agent's cookie and end with it.
pub const NO_ATTEMPT: &str = "mgr";

#[cfg(unix)]
mod unix {
    use std::collections::{BTreeMap, BTreeSet};

    use camino::Utf8PathBuf;
    use nix::{
        errno::Errno,
        sys::{
            signal::{Signal, kill, killpg},
            wait::{WaitPidFlag, WaitStatus, waitpid},
        },
        unistd::{Pid, getpid, setsid},
    };

    use super::{COOKIE, TASK};

    /// Ends this process as a crash would.
    #[cfg(debug_assertions)]
    pub fn kill_self() {
        let _ = kill(getpid(), Signal::SIGKILL);
    }

    /// Takes in orphans where the system can.
    pub fn become_keeper() {
        #[cfg(target_os = "linux")]
        let _ = nix::sys::prctl::set_child_subreaper(true);
    }

    /// Leaves the caller's session and terminal.
    pub fn leave_session() {
        // Fails only for a leader of a process group, which a fresh child is not.
        let _ = setsid();
    }

    /// Has this process take no notice of signals that would end or stop it. Programs that it starts answer as they
    /// always do: a handler goes with the program that has it (execve(2)), whereas they would begin with a mask, or
    /// with what is ignored.
    pub fn outlive_signals() {
        // After a fault of its own it cannot go on.
        let is_fault =
            |signal: Signal| signal == Signal::SIGBUS || signal_hook::consts::FORBIDDEN.contains(&(signal as i32));
        for signal in Signal::iterator().filter(|signal| !is_fault(*signal)).map(|signal| signal as i32) {
            // Without one this process ends with its program's group, and nobody is told the exit code.
            let _ = signal_hook::flag::register(signal, std::sync::Arc::default());
        }
    }

    /// Has this process shown under a name of its own, where the system can.
    pub fn call_this_process(name: &str) {
        #[cfg(target_os = "linux")]
        if let Ok(name) = std::ffi::CString::new(name) {
            let _ = nix::sys::prctl::set_name(&name);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = name;
    }

    /// Does something under another name, which programs that are started meanwhile have until they have their own.
    pub fn under_name<T>(name: &str, act: impl FnOnce() -> T) -> T {
        #[cfg(target_os = "linux")]
        let own = nix::sys::prctl::get_name();
        call_this_process(name);
        let done = act();
        #[cfg(target_os = "linux")]
        if let Ok(own) = own {
            let _ = nix::sys::prctl::set_name(&own);
        }
        done
    }

    /// Returns the signal that ended a child.
    pub fn signal_of(status: std::process::ExitStatus) -> Option<i32> {
        std::os::unix::process::ExitStatusExt::signal(&status)
    }

    /// How a child ended.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Ended {
        pub pid: i32,
        pub code: Option<i32>,
        pub signal: Option<i32>,
    }

    /// Collects one child that has ended; `None` when none has. Orphans that came back to
    /// this process are collected too.
    pub fn reap() -> Option<Ended> {
        loop {
            match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::Exited(pid, code)) => {
                    return Some(Ended { pid: pid.as_raw(), code: Some(code), signal: None });
                }
                Ok(WaitStatus::Signaled(pid, signal, _)) => {
                    return Some(Ended { pid: pid.as_raw(), code: None, signal: Some(signal as i32) });
                }
                Ok(WaitStatus::StillAlive) | Err(Errno::ECHILD) => return None,
                // Stops and continuations are not asked for; EINTR is tried again.
                Ok(_) | Err(_) => {}
            }
        }
    }

    /// Whether it is certain, without a look at any other process, that nothing descends from this one:
    /// it has no child, and as a subreaper it would have been given every orphan as one.
    pub fn is_childless() -> bool {
        #[cfg(target_os = "linux")]
        {
            use nix::sys::wait::{Id, waitid};
            let only_look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
            let takes_orphans = nix::sys::prctl::get_child_subreaper() == Ok(true);
            takes_orphans && waitid(Id::All, only_look) == Err(Errno::ECHILD)
        }
        #[cfg(not(target_os = "linux"))]
        false
    }

    /// What to tell a process.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Tell {
        Interrupt,
        Terminate,
        Stop,
        Continue,
        Kill,
    }

    impl Tell {
        const fn signal(self) -> Signal {
            match self {
                Self::Interrupt => Signal::SIGINT,
                Self::Terminate => Signal::SIGTERM,
                Self::Stop => Signal::SIGSTOP,
                Self::Continue => Signal::SIGCONT,
                Self::Kill => Signal::SIGKILL,
            }
        }
    }

    /// Signals the process group that `leader` leads.
    pub fn tell_group(leader: i32, tell: Tell) {
        let _ = killpg(Pid::from_raw(leader), tell.signal());
    }

    /// Continues a helper of `mgr` that was stopped (SIGSTOP, from outside): it looks alive and does nothing. A process that
    /// is another by now, or that the system does not tell of, stays as it is.
    pub fn continue_helper(pid: i32) {
        #[cfg(target_os = "linux")]
        if Stat::read(pid).is_some_and(|stat| stat.is_stopped) && is_helper(pid) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGCONT);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = pid;
    }

    /// Continues whoever holds a lock and was stopped. Not for what is done often: reading who holds locks has the system
    /// wait until no processor looks at them, which takes 10 ms and more.
    pub fn continue_holder(lock: &camino::Utf8Path) {
        #[cfg(target_os = "linux")]
        for pid in holders(lock).into_iter().filter(|pid| Stat::read(*pid).is_some_and(|stat| stat.is_stopped)) {
            let _ = kill(Pid::from_raw(pid), Signal::SIGCONT);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = lock;
    }

    /// Returns who holds an exclusive lock of flock(2), by `/proc/locks` (proc(5)): after number, kind, mode and access
    /// come the process and `MAJOR:MINOR:INODE` of the file. One who waits has an arrow before the kind.
    #[cfg(target_os = "linux")]
    fn holders(lock: &camino::Utf8Path) -> Vec<i32> {
        use std::os::unix::fs::MetadataExt;
        let Ok(file) = std::fs::metadata(lock) else { return Vec::new() };
        let (major, minor) = (nix::sys::stat::major(file.dev()), nix::sys::stat::minor(file.dev()));
        let place = format!("{major:02x}:{minor:02x}:{}", file.ino());
        let locks = std::fs::read_to_string("/proc/locks").unwrap_or_default();
        let holder = |line: &str| {
            let mut fields = line.split_whitespace().skip(1);
            let is_it = fields.next()? == "FLOCK" && fields.nth(1)? == "WRITE";
            let pid = fields.next()?.parse().ok()?;
            (is_it && fields.next()? == place).then_some(pid)
        };
        locks.lines().filter_map(holder).collect()
    }

    /// Signals each of `pids`.
    pub fn tell(pids: &BTreeSet<i32>, tell: Tell) {
        for pid in pids {
            let _ = kill(Pid::from_raw(*pid), tell.signal());
        }
    }

    /// What belongs to an attempt, for its keeper: who descends from the keeper, who has the attempt's cookie, and all that
    /// descends from those.
    #[derive(Debug)]
    pub struct Herd {
        cookie: String,
        /// Where the directories of attempts lie, two levels down.
        tasks: Utf8PathBuf,
        /// Who belonged to it at the last look, and since when they live. One that gave away its environment is known by
        /// its parent alone; with that it is known no more, unless it is this process's own orphan.
        seen: BTreeMap<i32, u64>,
    }

    impl Herd {
        pub const fn new(cookie: String, tasks: Utf8PathBuf) -> Self {
            Self { cookie, tasks, seen: BTreeMap::new() }
        }

        /// Looks who is there now.
        ///
        /// A task that the attempt's agent has submitted lives on by itself: its keeper is an orphan that came to us,
        /// the subreaper, and has a cookie of its own, as its agent has.
        pub fn members(&mut self) -> BTreeSet<i32> {
            let own = getpid().as_raw();
            let mut table = processes();
            let (marked, others): (Vec<_>, Vec<_>) =
                environments(&table).partition(|(_, cookies)| cookies.contains(&self.cookie));
            for (pid, cookies) in others {
                if is_helper(pid) || cookies.iter().any(|cookie| self.is_other_attempt(cookie)) {
                    table.remove(&pid);
                }
            }
            let stays = |(pid, start): (&i32, &u64)| (table.get(pid)?.start == *start).then_some(*pid);
            let known: Vec<i32> =
                self.seen.iter().filter_map(stays).chain(marked.into_iter().map(|(pid, _)| pid)).collect();
            let mut found = descendants(&table, [own].into_iter().chain(known.iter().copied()));
            found.extend(known);
            found.remove(&own);
            self.seen = found.iter().filter_map(|pid| Some((*pid, table.get(pid)?.start))).collect();
            found
        }

        /// Whether a cookie is that of another attempt that is not over.
        fn is_other_attempt(&self, cookie: &str) -> bool {
            let Some((task, number)) = cookie.split_once('.') else { return false };
            let is_plain = |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
            let dir = self.tasks.join(task).join(number);
            is_plain(task) && is_plain(number) && dir.join("spec.json").exists() && !dir.join("exit").exists()
        }

        /// Stops all members until no new one turns up, then kills them. Returns how many there were.
        ///
        /// Stopping first is what wins against a fork loop: a stopped process cannot fork, so
        /// each round finds fewer new ones.
        pub fn kill(&mut self) -> u32 {
            stop_and_kill(|| self.members())
        }

        /// Whether another keeper of the attempt lives that was started before this process.
        pub fn has_elder(&mut self) -> bool {
            let born = |pid: i32| (processes_of([pid]).get(&pid).map_or(u64::MAX, |process| process.start), pid);
            let own = born(getpid().as_raw());
            self.members().into_iter().any(|pid| is_keeper(pid) && born(pid) < own)
        }

        /// Whether anybody but keepers belongs to it.
        pub fn has_begun(&mut self) -> bool {
            self.members().into_iter().any(is_more_than_keeper)
        }
    }

    /// Whether anybody but keepers belongs to an attempt.
    pub fn has_begun(cookie: &str) -> bool {
        members(cookie).into_iter().any(is_more_than_keeper)
    }

    /// Returns who has an attempt's cookie, and all that descends from those; for those who are not its keeper.
    pub fn members(cookie: &str) -> BTreeSet<i32> {
        let mut table = processes();
        let (marked, others): (Vec<_>, Vec<_>) =
            environments(&table).partition(|(_, cookies)| cookies.iter().any(|own| own == cookie));
        for (pid, _) in others {
            table.remove(&pid);
        }
        let marked: Vec<i32> = marked.into_iter().map(|(pid, _)| pid).collect();
        let mut found = descendants(&table, marked.iter().copied());
        found.extend(marked);
        found.remove(&getpid().as_raw());
        found
    }

    /// Ends all [`members`] of an attempt that nobody keeps. Returns how many there were.
    pub fn kill_all(cookie: &str) -> u32 {
        stop_and_kill(|| members(cookie))
    }

    fn stop_and_kill(mut members: impl FnMut() -> BTreeSet<i32>) -> u32 {
        let mut stopped = BTreeSet::new();
        loop {
            let fresh: BTreeSet<i32> = members().difference(&stopped).copied().collect();
            if fresh.is_empty() {
                break;
            }
            tell(&fresh, Tell::Stop);
            stopped.extend(fresh);
        }
        tell(&stopped, Tell::Kill);
        u32::try_from(stopped.len()).unwrap_or(u32::MAX)
    }

    fn descendants(table: &BTreeMap<i32, Process>, roots: impl IntoIterator<Item = i32>) -> BTreeSet<i32> {
        let mut children: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
        for (pid, process) in table {
            children.entry(process.parent).or_default().push(*pid);
        }
        let mut found = BTreeSet::new();
        let mut open: Vec<i32> = roots.into_iter().collect();
        while let Some(pid) = open.pop() {
            for child in children.get(&pid).into_iter().flatten() {
                if found.insert(*child) {
                    open.push(*child);
                }
            }
        }
        found
    }

    /// Words with which `mgr` starts itself for something that outlives the attempt.
    const HELPERS: [&str; 4] = ["__launch", "__keep", "__tick", "__dashboard"];

    fn is_keeper(pid: i32) -> bool {
        is_helper(pid) && arguments_of(pid).get(1).is_some_and(|word| word == "__keep")
    }

    /// A process on its way out has no arguments any more: it may be a keeper that was just killed.
    fn is_more_than_keeper(pid: i32) -> bool {
        !is_keeper(pid) && arguments_of(pid).first().is_some_and(|program| !program.is_empty())
    }

    /// Whether a process is `mgr` as a helper of itself.
    fn is_helper(pid: i32) -> bool {
        let args = arguments_of(pid);
        let name = |program: &str| program.rsplit('/').next().unwrap_or_default().to_owned();
        let own = crate::os::spawn::own_path().ok().and_then(|path| Some(name(path.to_str()?)));
        args.get(1).is_some_and(|word| HELPERS.contains(&word.as_str()))
            && args.first().map(|program| name(program)) == own
    }

    /// Returns the cookies of all attempts that have processes of this user.
    pub fn cookies() -> BTreeSet<String> {
        environments(&processes()).filter_map(|(_, entries)| entries.into_iter().next()).collect()
    }

    /// A chain of parents in which one ends while it is read is read again, so often at most.
    const LOOKS: u32 = 100;

    /// Returns the attempts and tasks that this process and those that it stands in were started for, the nearest
    /// first, as their environments name them. A process can be started with an empty one, but it cannot change
    /// whom it was started by; an orphan of an attempt stands in the keeper (Linux).
    pub fn marks_around() -> Vec<String> {
        let looks = (0..LOOKS).map(|_| marks_up_from(getpid().as_raw()));
        let mut last = Vec::new();
        for (marks, is_whole) in looks {
            last = marks;
            if is_whole {
                break;
            }
        }
        last
    }

    /// Returns the marks on the way up from a process, and whether nobody ended on that way.
    fn marks_up_from(pid: i32) -> (Vec<String>, bool) {
        let kin = kin();
        let (mut marks, mut next) = (Vec::new(), pid);
        while next > 0 {
            let Some((parent, own)) = kin(next) else { return (marks, false) };
            marks.extend(own);
            next = parent;
        }
        (marks, true)
    }

    /// Returns what marks a process. The cookie comes first: the task may be that of an agent that `mgr` was asked by.
    fn marks_in<'a>(entries: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
        let values = |name: &'static str| {
            let entries = entries.clone();
            entries.filter_map(move |entry| Some(entry.strip_prefix(name)?.strip_prefix('=')?.to_owned()))
        };
        values(COOKIE).chain(values(TASK)).collect()
    }

    /// A process as others see it.
    #[derive(Clone, Copy, Debug)]
    struct Process {
        parent: i32,
        /// When it was started, in the system's own unit: tells it from a later one with the same id.
        start: u64,
    }

    /// Returns every process, zombies left out.
    #[cfg(target_os = "linux")]
    fn processes() -> BTreeMap<i32, Process> {
        let Ok(entries) = std::fs::read_dir("/proc") else { return BTreeMap::new() };
        processes_of(entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()))
    }

    #[cfg(target_os = "linux")]
    fn processes_of(pids: impl IntoIterator<Item = i32>) -> BTreeMap<i32, Process> {
        let process = |pid: i32| {
            let stat = Stat::read(pid)?;
            let is_there = !stat.first_has_ended || stat.is_headless();
            is_there.then_some((pid, Process { parent: stat.parent, start: stat.start }))
        };
        pids.into_iter().filter_map(process).collect()
    }

    /// Returns the program and the arguments of a process, as it was started.
    #[cfg(target_os = "linux")]
    fn arguments_of(pid: i32) -> Vec<String> {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
    }

    /// What `/proc/PID/stat` tells (proc(5)).
    #[cfg(target_os = "linux")]
    struct Stat {
        is_stopped: bool,
        first_has_ended: bool,
        parent: i32,
        threads: u32,
        start: u64,
    }

    #[cfg(target_os = "linux")]
    impl Stat {
        /// After the name in parentheses, which may itself hold anything, come the state and the parent; 16 fields further
        /// the number of threads, and two further when it was started, in clock ticks since boot.
        fn read(pid: i32) -> Option<Self> {
            let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
            let after_name = stat.iter().rposition(|byte| *byte == b')')?;
            let rest = std::str::from_utf8(stat.get(after_name + 2..)?).ok()?;
            let mut fields = rest.split(' ');
            let state = fields.next()?;
            let (parent, threads) = (fields.next()?.parse().ok()?, fields.nth(15)?.parse().ok()?);
            let start = fields.nth(1)?.parse().ok()?;
            Some(Self { is_stopped: state == "T", first_has_ended: matches!(state, "Z" | "X"), parent, threads, start })
        }

        /// Whether the first thread has ended and others go on: such a process looks like a zombie, and is none.
        const fn is_headless(&self) -> bool {
            self.first_has_ended && self.threads > 1
        }
    }

    /// Returns how to find out about a process: its parent, and what it was started for.
    #[cfg(target_os = "linux")]
    fn kin() -> impl Fn(i32) -> Option<(i32, Vec<String>)> {
        |pid| {
            let parent = Stat::read(pid)?.parent;
            // Of another user's process nothing else is told.
            let environ = environ_of(pid).unwrap_or_default();
            Some((parent, marks_in(entries_of(&environ))))
        }
    }

    /// Reads the environment that a process was started with; with its first thread goes the short way to it.
    #[cfg(target_os = "linux")]
    fn environ_of(pid: i32) -> Option<Vec<u8>> {
        let environ = std::fs::read(format!("/proc/{pid}/environ"));
        if environ.as_ref().is_ok_and(|environ| !environ.is_empty()) || !Stat::read(pid)?.is_headless() {
            return environ.ok();
        }
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten();
        let environs = threads.filter_map(|thread| std::fs::read(thread.path().join("environ")).ok());
        environs.into_iter().find(|environ| !environ.is_empty())
    }

    #[cfg(target_os = "linux")]
    fn entries_of(environ: &[u8]) -> impl Iterator<Item = &str> + Clone {
        environ.split(|byte| *byte == 0).filter_map(|entry| std::str::from_utf8(entry).ok())
    }

    /// Returns every process that has a cookie in its environment (proc(5), `environ`).
    #[cfg(target_os = "linux")]
    fn environments(table: &BTreeMap<i32, Process>) -> impl Iterator<Item = (i32, Vec<String>)> {
        table.keys().filter_map(|pid| {
            let pid = *pid;
            let environ = environ_of(pid)?;
            let cookies: Vec<_> = entries_of(&environ).filter_map(cookie_of).collect();
            (!cookies.is_empty()).then_some((pid, cookies))
        })
    }

    fn cookie_of(entry: &str) -> Option<String> {
        Some(entry.strip_prefix(COOKIE)?.strip_prefix('=')?.to_owned())
    }

    /// `ps -E` shows the environment of the user's own processes on macOS and the BSDs.
    #[cfg(not(target_os = "linux"))]
    fn processes() -> BTreeMap<i32, Process> {
        let args = ["-axo", "pid=,ppid=,stat=,lstart="].map(str::to_owned);
        let Ok(output) = crate::os::spawn::capture("ps", &args) else { return BTreeMap::new() };
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let line = |line: &str| {
            let mut fields = line.split_whitespace();
            let (pid, parent) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
            let is_there = !fields.next()?.starts_with('Z');
            // Told in words; that two are the same is all that is asked.
            let start = fields.flat_map(str::bytes).fold(0, |sum: u64, byte| sum.wrapping_mul(131) + u64::from(byte));
            is_there.then_some((pid, Process { parent, start }))
        };
        text.lines().filter_map(line).collect()
    }

    #[cfg(not(target_os = "linux"))]
    fn processes_of(pids: impl IntoIterator<Item = i32>) -> BTreeMap<i32, Process> {
        let table = processes();
        pids.into_iter().filter_map(|pid| Some((pid, *table.get(&pid)?))).collect()
    }

    #[cfg(not(target_os = "linux"))]
    fn arguments_of(pid: i32) -> Vec<String> {
        let args = ["-wwo", "args=", "-p", &pid.to_string()].map(str::to_owned);
        let output = crate::os::spawn::capture("ps", &args).map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&output).split_whitespace().map(str::to_owned).collect()
    }

    #[cfg(not(target_os = "linux"))]
    fn kin() -> impl Fn(i32) -> Option<(i32, Vec<String>)> {
        let args = ["-axwwEo", "pid=,ppid=,command="].map(str::to_owned);
        let output = crate::os::spawn::capture("ps", &args).map(|output| output.stdout).unwrap_or_default();
        let line = |line: &str| {
            let mut words = line.split_whitespace();
            let (pid, parent) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some((pid, (parent, marks_in(words))))
        };
        let table: BTreeMap<i32, _> = String::from_utf8_lossy(&output).lines().filter_map(line).collect();
        move |pid| table.get(&pid).cloned()
    }

    #[cfg(not(target_os = "linux"))]
    fn environments(_: &BTreeMap<i32, Process>) -> impl Iterator<Item = (i32, Vec<String>)> {
        let args = ["-axwwEo", "pid=,command="].map(str::to_owned);
        let output = crate::os::spawn::capture("ps", &args).map(|output| output.stdout).unwrap_or_default();
        let line = |line: &str| {
            let mut words = line.split_whitespace();
            let pid = words.next()?.parse().ok()?;
            let cookies: Vec<_> = words.filter_map(cookie_of).collect();
            (!cookies.is_empty()).then_some((pid, cookies))
        };
        let text = String::from_utf8_lossy(&output).into_owned();
        text.lines().filter_map(line).collect::<Vec<_>>().into_iter()
    }
}

#[cfg(not(unix))]
mod other {
    //! Systems without Unix process groups: nothing is kept there yet, see `capabilities`.

    use std::collections::BTreeSet;

    #[cfg(debug_assertions)]
    pub fn kill_self() {
        std::process::abort();
    }

    pub const fn leave_session() {}

    pub const fn members(_: &str) -> BTreeSet<i32> {
        BTreeSet::new()
    }

    pub const fn cookies() -> BTreeSet<String> {
        BTreeSet::new()
    }

    pub const fn marks_around() -> Vec<String> {
        Vec::new()
    }

    pub const fn kill_all(_: &str) -> u32 {
        0
    }

    pub const fn continue_helper(_: i32) {}

    pub const fn continue_holder(_: &camino::Utf8Path) {}

    pub const fn has_begun(_: &str) -> bool {
        false
    }
}
