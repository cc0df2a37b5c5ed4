//! Memory that a process at rest does not need.

/// Lets go of the program text that this process has touched so far. What is needed again comes back
/// from the page cache by itself; a keeper that rests for hours needs little of it.
#[cfg(target_os = "linux")]
pub fn release_program_text() {
    let Ok(maps) = std::fs::read_to_string("/proc/self/maps") else { return };
    for (start, length) in maps.lines().filter_map(text_of_file) {
        // SAFETY: MADV_DONTNEED on a private mapping of a file drops its pages, and the next access reads
        // them from the file again (madvise(2)). That loses writes; these mappings are never written to:
        // program text, and the read-only part in front of it, where no relocation is applied.
        unsafe { libc::madvise(start as *mut libc::c_void, length, libc::MADV_DONTNEED) };
    }
}

#[cfg(not(target_os = "linux"))]
pub const fn release_program_text() {}

/// Lets all threads of this process allocate from one place: what threads that have ended leave behind in places of
/// their own is never given back. Measured after archiving 20,000 files: 0.08 to 0.6 MB of a keeper that then rests.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn keep_one_heap() {
    // SAFETY: changes a number that the allocator reads when a thread allocates for the first time (mallopt(3)).
    unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub const fn keep_one_heap() {}

/// Gives memory that was freed back to the system, for a process that needed much once and rests from now on.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn release_heap() {
    // SAFETY: touches nothing but the allocator's own free memory, under its locks (malloc_trim(3)).
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub const fn release_heap() {}

/// Reads a line of `/proc/PID/maps` (proc(5)): `START-END PERMISSIONS OFFSET DEVICE INODE PATH`.
#[cfg(target_os = "linux")]
fn text_of_file(line: &str) -> Option<(usize, usize)> {
    let mut fields = line.split_ascii_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let (permissions, offset) = (fields.next()?, fields.next()?);
    let is_file = fields.nth(2).is_some_and(|path| path.starts_with('/'));
    // Later read-only parts hold addresses that the loader has filled in.
    let is_unwritten = permissions == "r-xp" || (permissions == "r--p" && offset.bytes().all(|digit| digit == b'0'));
    let (start, end) = (usize::from_str_radix(start, 16).ok()?, usize::from_str_radix(end, 16).ok()?);
    (is_file && is_unwritten).then_some((start, end - start))
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn only_text_and_the_part_in_front_of_it_are_let_go() {
        let text = "55d0c0a00000-55d0c0a02000 r-xp 001f8000 fe:00 9 /usr/bin/mgr";
        assert_eq!(text_of_file(text), Some((0x55d0_c0a0_0000, 0x2000)));
        assert!(text_of_file("1000-2000 r--p 00000000 fe:00 9 /usr/bin/mgr").is_some());
        assert_eq!(text_of_file("1000-2000 r--p 009fb000 fe:00 9 /usr/bin/mgr"), None);
        assert_eq!(text_of_file("1000-2000 rw-p 00000000 fe:00 9 /usr/bin/mgr"), None);
        assert_eq!(text_of_file("1000-2000 r-xp 00000000 00:00 0 [vdso]"), None);
        assert_eq!(text_of_file("1000-2000 r-xp 00000000 00:00 0"), None);
    }

    #[test]
    fn a_process_goes_on_without_its_text() {
        release_program_text();
        assert_eq!(format!("{}", 6 * 7), "42");
    }
}
