//! Removing a directory with everything in it, whatever an agent has made of it: closed directories, names of
//! any bytes, ten thousand levels.
//!
//! Never follows a link. Directories found inside are moved up to the top before they are looked into, so
//! that neither the stack nor the number of open files grows with the depth.

use std::io;

use crate::os::dirs::{Dir, Kind};

/// Removes what `name` is in `parent`. Doing it twice is harmless.
///
/// # Errors
/// Something cannot be removed: it is another user's, or somebody still works there.
pub(super) fn clear(parent: &Dir, name: &[u8]) -> io::Result<()> {
    match parent.stat(name)? {
        None => return Ok(()),
        Some(stat) if stat.kind != Kind::Dir => return parent.remove_file(name),
        Some(_) => {}
    }
    let top = open(parent, name)?;
    let mut moved = 0;
    loop {
        let names = top.names()?;
        if names.is_empty() {
            return parent.remove_dir(name);
        }
        for (name, kind) in names {
            take_away(&top, &name, kind, &mut moved)?;
        }
    }
}

fn take_away(top: &Dir, name: &[u8], kind: Option<Kind>, moved: &mut u64) -> io::Result<()> {
    if !is_dir(top, name, kind)? {
        return top.remove_file(name);
    }
    let dir = open(top, name)?;
    for (child, kind) in dir.names()? {
        if !is_dir(&dir, &child, kind)? {
            dir.remove_file(&child)?;
        } else if dir.remove_dir(&child).is_err() {
            // A directory that changes its parent must be open to writing.
            dir.make_accessible(&child)?;
            dir.rename(&child, top, &free_name(top, moved)?)?;
        }
    }
    top.remove_dir(name)
}

fn free_name(top: &Dir, moved: &mut u64) -> io::Result<Vec<u8>> {
    loop {
        *moved += 1;
        let name = format!(".mgr-{moved}").into_bytes();
        if top.stat(&name)?.is_none() {
            return Ok(name);
        }
    }
}

/// `kind` is what the listing told for free.
fn is_dir(dir: &Dir, name: &[u8], kind: Option<Kind>) -> io::Result<bool> {
    match kind {
        Some(kind) => Ok(kind == Kind::Dir),
        None => Ok(dir.stat(name)?.is_some_and(|stat| stat.kind == Kind::Dir)),
    }
}

fn open(parent: &Dir, name: &[u8]) -> io::Result<Dir> {
    if parent.stat(name)?.is_some_and(|stat| stat.mode & 0o700 != 0o700) {
        parent.make_accessible(name)?;
    }
    parent.open_dir(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_an_agent_has_made_goes_and_nothing_else() {
        let temp = tempfile::tempdir().unwrap();
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("kept"), "k").unwrap();
        let base = Dir::open(temp.path()).unwrap();
        base.make_dir(b"top", 0o700).unwrap();
        let top = base.open_dir(b"top").unwrap();
        top.make_dir(b".mgr-1", 0o700).unwrap();
        top.make_symlink(b"link", outside.path().as_os_str().as_encoded_bytes()).unwrap();
        top.make_fifo(b"fifo", 0o600).unwrap();
        let mut deep = base.open_dir(b"top").unwrap();
        for _ in 0..3000 {
            deep.create_file(b"\xff").unwrap();
            deep.make_dir(b"d", 0o700).unwrap();
            let next = deep.open_dir(b"d").unwrap();
            deep.set_mode(0o500).unwrap();
            deep = next;
        }
        deep.set_mode(0).unwrap();
        clear(&base, b"top").unwrap();
        clear(&base, b"top").unwrap();
        assert_eq!(base.names().unwrap(), Vec::new());
        assert!(outside.path().join("kept").exists());
    }
}
