//! Waking other processes at once.
//!
//! Theory of operation: whoever waits hangs up a bell, a FIFO of its own, in a directory that all know; whoever has
//! news writes a byte into each. A bell that nobody listens to was left by a process that died, and is taken down.
//!
//! File notifications would do the same with less. But a process that has used inotify ends 8 to 24 ms late: closing
//! it waits for a grace period of the kernel (`fsnotify_wait_marks_destroyed`; measured with Linux 6.18), and that is
//! more than all else between the end of an agent and the end of `mgr watch`.

#[cfg(unix)]
pub use unix::*;

#[cfg(not(unix))]
pub use other::*;

#[cfg(unix)]
mod unix {
    use std::{
        fs::{self, File, OpenOptions},
        io::{self, Write},
        os::unix::fs::OpenOptionsExt,
        time::Duration,
    };

    use camino::{Utf8Path, Utf8PathBuf};
    use nix::{errno::Errno, libc, sys::stat::Mode, unistd::mkfifo};

    use crate::os::{clock, random};

    const SUFFIX: &str = ".bell";
    /// Between making a FIFO and opening it there is nobody who listens either; that takes much less than this.
    const HUNG_UP_AFTER: Duration = Duration::from_secs(10);

    /// A bell of this process, taken down on drop.
    #[derive(Debug)]
    pub struct Bell {
        path: Utf8PathBuf,
        pipe: File,
    }

    impl Bell {
        /// Hangs up a bell.
        ///
        /// # Errors
        /// The directory cannot be written, or its file system has no FIFOs.
        pub fn hang(dir: &Utf8Path) -> io::Result<Self> {
            let path = dir.join(format!("{:x}{SUFFIX}", random::bits()));
            mkfifo(path.as_std_path(), Mode::S_IRUSR | Mode::S_IWUSR)?;
            // Read and write: with a writer of our own the FIFO never reports end of file.
            let mut options = OpenOptions::new();
            let pipe = options.read(true).write(true).custom_flags(libc::O_NONBLOCK).open(&path);
            match pipe {
                Ok(pipe) => Ok(Self { path, pipe }),
                Err(error) => {
                    let _ = fs::remove_file(&path);
                    Err(error)
                }
            }
        }

        /// Returns the pipe, to be read when it was rung; reading it never blocks.
        ///
        /// # Errors
        /// The process has too many files open.
        pub fn pipe(&self) -> io::Result<File> {
            self.pipe.try_clone()
        }
    }

    impl Drop for Bell {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.path);
        }
    }

    /// Rings all bells in a directory. Best effort, because whoever waits also looks by himself.
    pub fn ring(dir: &Utf8Path) {
        for entry in dir.read_dir_utf8().into_iter().flatten().flatten() {
            let path = entry.path();
            if !path.as_str().ends_with(SUFFIX) {
                continue;
            }
            // A bell that is full was rung often enough.
            match OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(path) {
                Ok(mut bell) => drop(bell.write(b".")),
                Err(error) if error.raw_os_error() == Some(Errno::ENXIO as i32) && is_old(path) => {
                    let _ = fs::remove_file(path);
                }
                Err(_) => {}
            }
        }
    }

    fn is_old(path: &Utf8Path) -> bool {
        let changed = fs::metadata(path).ok().and_then(|metadata| clock::modified(&metadata));
        changed.is_some_and(|changed| clock::now().since(changed).as_duration() > HUNG_UP_AFTER)
    }

    #[cfg(test)]
    mod tests {
        use std::io::Read;

        use super::*;

        fn dir(dir: &tempfile::TempDir) -> &Utf8Path {
            Utf8Path::from_path(dir.path()).unwrap()
        }

        fn rung(bell: &Bell) -> usize {
            bell.pipe().unwrap().read(&mut [0; 16]).unwrap_or(0)
        }

        #[test]
        fn every_bell_is_rung_and_is_gone_when_dropped() {
            let home = tempfile::tempdir().unwrap();
            let bells = [Bell::hang(dir(&home)).unwrap(), Bell::hang(dir(&home)).unwrap()];
            assert_eq!(bells.each_ref().map(rung), [0, 0]);
            ring(dir(&home));
            assert_eq!(rung(&bells[0]), 1);
            ring(dir(&home));
            assert_eq!(bells.each_ref().map(rung), [1, 2]);
            drop(bells);
            assert_eq!(fs::read_dir(dir(&home)).unwrap().count(), 0);
        }

        #[test]
        fn what_a_dead_process_left_is_taken_down_once_it_is_old() {
            let home = tempfile::tempdir().unwrap();
            let [young, old] = ["young.bell", "old.bell"].map(|name| dir(&home).join(name));
            for path in [&young, &old] {
                mkfifo(path.as_std_path(), Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
            }
            let long_ago = nix::sys::time::TimeSpec::new(1, 0);
            nix::sys::stat::utimensat(
                nix::fcntl::AT_FDCWD,
                old.as_std_path(),
                &long_ago,
                &long_ago,
                nix::sys::stat::UtimensatFlags::NoFollowSymlink,
            )
            .unwrap();
            ring(dir(&home));
            assert_eq!([young.exists(), old.exists()], [true, false]);
        }

        #[test]
        fn a_bell_that_nobody_hears_does_not_hold_up_who_rings() {
            let home = tempfile::tempdir().unwrap();
            let bell = Bell::hang(dir(&home)).unwrap();
            while bell.pipe().unwrap().write(&[b'.'; 4096]).is_ok() {}
            ring(dir(&home));
            assert_eq!(rung(&bell), 16);
        }
    }
}

#[cfg(not(unix))]
mod other {
    //! Systems without FIFOs: whoever waits looks by himself.

    pub const fn ring(_: &camino::Utf8Path) {}
}
