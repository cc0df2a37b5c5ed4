//! Three-way merges of texts, and the guard that keeps a comparison from taking for ever.
//!
//! Must not guess: what is no text, or differs too much to be compared in reasonable time, is not merged.
//! Lines keep their ends (`\r\n`, none at the end of the file) because a line is compared with its end.

use std::collections::HashMap;

/// The largest text that is merged.
pub(super) const LARGEST: u64 = 2 * 1024 * 1024;

/// How many lines may differ between two texts that are compared line by line: the work grows with its
/// square, and this much takes a fraction of a second.
const MOST_DIFFERENT: usize = 6_000;

/// A merge of three texts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Merged {
    /// Both sides' changes, which nowhere touch.
    Clean(Vec<u8>),
    /// With markers around what overlaps.
    Marked(Vec<u8>),
}

/// Whether this is text as far as merging goes.
pub(super) fn is_text(content: &[u8]) -> bool {
    !content.contains(&0)
}

/// Merges two changes of a text; `None` where that cannot be done.
pub(super) fn merge(base: &[u8], ours: &[u8], theirs: &[u8]) -> Option<Merged> {
    let sides = [base, ours, theirs];
    if !sides.iter().all(|side| is_text(side) && side.len() as u64 <= LARGEST) {
        return None;
    }
    if !are_comparable(base, ours) || !are_comparable(base, theirs) {
        return None;
    }
    let mut options = diffy::MergeOptions::new();
    options.set_conflict_style(diffy::ConflictStyle::Merge);
    options.set_incomplete_hunk_style(diffy::IncompleteHunkStyle::Git);
    Some(match options.merge_bytes(base, ours, theirs) {
        Ok(text) => Merged::Clean(text),
        Err(text) => Merged::Marked(text),
    })
}

/// Whether two texts differ in few enough lines for a comparison line by line.
pub(super) fn are_comparable(a: &[u8], b: &[u8]) -> bool {
    let mut numbers = HashMap::new();
    let mut number = |line| {
        let next = numbers.len();
        *numbers.entry(line).or_insert(next)
    };
    let a: Vec<usize> = lines(a).map(&mut number).collect();
    let b: Vec<usize> = lines(b).map(&mut number).collect();
    differ_at_most(&a, &b, MOST_DIFFERENT)
}

/// Returns the lines with their ends.
pub(super) fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split_inclusive(|byte| *byte == b'\n')
}

/// Whether `a` becomes `b` with at most `most` lines taken out or put in: the forward half of Myers' greedy
/// algorithm ("An O(ND) Difference Algorithm", 1986), broken off where it would become long.
fn differ_at_most(a: &[usize], b: &[usize], most: usize) -> bool {
    if a.len().abs_diff(b.len()) > most {
        return false;
    }
    // The furthest place in `a` on each diagonal `k` (place in `a` minus place in `b`), at `k + middle`.
    let middle = most as isize + 1;
    let mut furthest = vec![0_usize; 2 * most + 3];
    for distance in 0..=most as isize {
        for diagonal in (-distance..=distance).step_by(2) {
            let at = (diagonal + middle) as usize;
            let down = diagonal == -distance || (diagonal != distance && furthest[at - 1] < furthest[at + 1]);
            let mut x = if down { furthest[at + 1] } else { furthest[at - 1] + 1 };
            let mut y = (x as isize - diagonal) as usize;
            while x < a.len() && y < b.len() && a[x] == b[y] {
                (x, y) = (x + 1, y + 1);
            }
            furthest[at] = x;
            if x >= a.len() && y >= b.len() {
                return true;
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn clean(text: &str) -> Option<Merged> {
        Some(Merged::Clean(text.into()))
    }

    fn merged(base: &str, ours: &str, theirs: &str) -> Option<Merged> {
        merge(base.as_bytes(), ours.as_bytes(), theirs.as_bytes())
    }

    #[test]
    fn edits_in_two_functions_are_both_kept() {
        let base = "fn a() {\n  1\n}\n\nfn b() {\n  2\n}\n";
        let result = merged(base, &base.replace('1', "10"), &base.replace('2', "20"));
        assert_eq!(result, clean("fn a() {\n  10\n}\n\nfn b() {\n  20\n}\n"));
    }

    #[test]
    fn edits_of_one_line_are_marked() {
        let marked = "a\n<<<<<<< ours\nours\n=======\ntheirs\n>>>>>>> theirs\nc\n";
        assert_eq!(merged("a\nb\nc\n", "a\nours\nc\n", "a\ntheirs\nc\n"), Some(Merged::Marked(marked.into())));
    }

    #[test]
    fn ends_of_lines_and_of_the_file_stay_as_they_are() {
        assert_eq!(merged("a\r\nb\r\nc\r\nd", "A\r\nb\r\nc\r\nd", "a\r\nb\r\nC\r\nd"), clean("A\r\nb\r\nC\r\nd"));
        assert_eq!(merged("a\nb\nc", "a\nb\nc", "a\nb\nc\n"), clean("a\nb\nc\n"));
        assert_eq!(merged("a\nb\nc\nd\n", "A\nb\nc\nd\n", "a\nb\nc\nd"), clean("A\nb\nc\nd"));
    }

    #[test]
    fn what_is_no_text_is_not_merged() {
        assert_eq!(merged("a\0\n", "a\0\nb\n", "c\n\0"), None);
    }

    #[test]
    fn texts_that_differ_everywhere_are_not_compared_for_ever() {
        let many = |from: usize| (from..from + 200_000).map(|n| format!("{n}\n")).collect::<String>();
        assert_eq!(merged(&many(0), &many(1_000_000), &many(0)), None);
        assert!(are_comparable(many(0).as_bytes(), many(1).as_bytes()));
    }

    proptest! {
        #[test]
        fn one_sides_change_alone_is_the_result(base in "([ab]?\r?\n){0,6}[ab]?", side in "([abc]?\r?\n){0,6}[abc]?") {
            prop_assert_eq!(merged(&base, &side, &base), clean(&side));
            prop_assert_eq!(merged(&base, &base, &side), clean(&side));
            prop_assert_eq!(merged(&base, &side, &side), clean(&side));
        }

        #[test]
        fn no_line_of_one_side_is_lost(base in "([a-f]\n){0,8}", ours in "([a-fxy]\n){0,8}", theirs in "([a-fvw]\n){0,8}") {
            if let Some(Merged::Clean(text)) = merged(&base, &ours, &theirs) {
                let text = String::from_utf8(text).unwrap();
                for new in ["x\n", "y\n"] {
                    prop_assert_eq!(text.matches(new).count(), ours.matches(new).count());
                }
                for new in ["v\n", "w\n"] {
                    prop_assert_eq!(text.matches(new).count(), theirs.matches(new).count());
                }
            }
        }

        #[test]
        fn the_guard_counts_right(a in prop::collection::vec(0_usize..3, 0..12), b in prop::collection::vec(0_usize..3, 0..12)) {
            let mut common = vec![vec![0; b.len() + 1]; a.len() + 1];
            for i in 0..a.len() {
                for j in 0..b.len() {
                    common[i + 1][j + 1] =
                        if a[i] == b[j] { common[i][j] + 1 } else { common[i][j + 1].max(common[i + 1][j]) };
                }
            }
            let distance = a.len() + b.len() - 2 * common[a.len()][b.len()];
            prop_assert!(differ_at_most(&a, &b, distance));
            prop_assert!(distance == 0 || !differ_at_most(&a, &b, distance - 1));
        }
    }
}
