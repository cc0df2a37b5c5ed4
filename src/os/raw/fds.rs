//! Inherited descriptors: a module with `unsafe`.

/// Marks every descriptor above standard error to be closed in children.
///
/// A descriptor that `mgr` was born with (a pipe of an MCP client, a lock of a shell script)
/// must not live on in a keeper or an agent: whoever waits for its end would wait for days.
#[cfg(target_os = "linux")]
pub fn close_in_children() {
    // SAFETY: close_range(2) with CLOSE_RANGE_CLOEXEC touches no memory and closes nothing in
    // this process; it sets a flag on the descriptors of the range. Failure (a kernel before
    // 5.11) leaves them as they are, and the fallback below does the same one by one.
    let result = unsafe { libc::close_range(3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC as i32) };
    if result != 0 {
        close_one_by_one();
    }
}

#[cfg(all(unix, not(target_os = "linux")))]
pub fn close_in_children() {
    close_one_by_one();
}

#[cfg(not(unix))]
pub const fn close_in_children() {}

#[cfg(unix)]
fn close_one_by_one() {
    for descriptor in 3..1024 {
        // SAFETY: F_SETFD sets a flag on a descriptor number; a number that is not open is
        // answered with EBADF. No memory is passed.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
}
