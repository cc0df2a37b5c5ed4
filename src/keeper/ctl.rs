//! The keeper's ear: a FIFO of orders, and a pipe that child signals write to.

use std::{
    fs::{File, OpenOptions},
    io::{self, Read},
    os::{
        fd::AsFd,
        unix::{fs::OpenOptionsExt, net::UnixStream},
    },
    sync::Arc,
    time::Duration,
};

use camino::Utf8Path;
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::stat::Mode,
    unistd::mkfifo,
};

use super::contract::Order;

/// What woke the keeper.
#[derive(Debug, Default)]
pub(super) struct News {
    pub orders: Vec<Order>,
    pub asked_to_leave: bool,
}

/// The keeper's sources of news.
pub(super) struct Ear {
    fifo: File,
    children: UnixStream,
    leave: UnixStream,
    partial: Vec<u8>,
}

impl Ear {
    /// Opens the FIFO and begins to hear SIGCHLD and SIGTERM.
    ///
    /// The keeper leads a session without a terminal, so SIGINT and SIGHUP reach it only on
    /// purpose; both are ignored. SIGTERM (a shutdown, a person) ends the attempt in order.
    /// Signal handlers do one thing: write a byte to a pipe (signal-safety(7)).
    pub(super) fn open(ctl: &Utf8Path) -> io::Result<Self> {
        let fifo = open_fifo(ctl)?;
        let children = signal_pipe(signal_hook::consts::SIGCHLD)?;
        let leave = signal_pipe(signal_hook::consts::SIGTERM)?;
        for ignored in [signal_hook::consts::SIGINT, signal_hook::consts::SIGHUP] {
            signal_hook::flag::register(ignored, Arc::default())?;
        }
        Ok(Self { fifo, children, leave, partial: Vec::new() })
    }

    /// Listens at a FIFO that is made anew, where the one before was removed.
    pub(super) fn reopen(&mut self, ctl: &Utf8Path) -> io::Result<()> {
        self.fifo = open_fifo(ctl)?;
        Ok(())
    }

    /// Waits for news, at most `limit`.
    pub(super) fn listen(&mut self, limit: Duration) -> News {
        let timeout = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        let mut sources = [
            PollFd::new(self.fifo.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.children.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.leave.as_fd(), PollFlags::POLLIN),
        ];
        // An interrupted poll is news of a signal, found by reading all sources below.
        let _ = poll(&mut sources, timeout);
        drain(&mut self.children);
        News { orders: self.read_orders(), asked_to_leave: drain(&mut self.leave) }
    }

    fn read_orders(&mut self) -> Vec<Order> {
        let mut chunk = [0; 4096];
        while let Ok(count @ 1..) = self.fifo.read(&mut chunk) {
            self.partial.extend_from_slice(&chunk[..count]);
        }
        let mut orders = Vec::new();
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.partial.drain(..=end).collect();
            // What is no order (a person's echo into the FIFO) is passed over.
            orders.extend(serde_json::from_slice::<Order>(&line).ok());
        }
        orders
    }
}

fn open_fifo(ctl: &Utf8Path) -> io::Result<File> {
    match mkfifo(ctl.as_std_path(), Mode::S_IRUSR | Mode::S_IWUSR) {
        Ok(()) | Err(nix::errno::Errno::EEXIST) => {}
        Err(error) => return Err(error.into()),
    }
    // Read and write: with a writer of our own the FIFO never reports end of file.
    OpenOptions::new().read(true).write(true).custom_flags(nix::libc::O_NONBLOCK).open(ctl)
}

fn signal_pipe(signal: i32) -> io::Result<UnixStream> {
    let (read, write) = UnixStream::pair()?;
    read.set_nonblocking(true)?;
    signal_hook::low_level::pipe::register(signal, write)?;
    Ok(read)
}

fn drain(stream: &mut UnixStream) -> bool {
    let mut chunk = [0; 64];
    let mut any = false;
    while let Ok(1..) = stream.read(&mut chunk) {
        any = true;
    }
    any
}
