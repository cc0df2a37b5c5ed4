//! "Did you mean": the known word that is nearest to a misspelt one.

/// Returns the nearest of `known` if it is near enough to be meant; large letters are as good as small ones.
pub fn nearest<'a>(given: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let given = &given.to_lowercase();
    let limit = 1 + given.chars().count() / 3;
    // The beginning of a word is a shortening of it, however long the rest is.
    let begins = |word: &str| given.len() >= 3 && word.starts_with(given.as_str());
    let distances = known.into_iter().map(|word| {
        let small = word.to_lowercase();
        (if begins(&small) { 0 } else { distance(given, &small) }, word)
    });
    distances.filter(|(distance, _)| *distance <= limit).min().map(|(_, word)| word)
}

/// Returns the `count` nearest of `known`, however far they are, nearest first. A common word
/// counts for more than letters: `submit_task` means `task_submit`.
pub fn nearest_few<'a>(given: &str, known: impl IntoIterator<Item = &'a str>, count: usize) -> Vec<&'a str> {
    let parts: Vec<&str> = given.split('_').collect();
    let common = |word: &str| word.split('_').filter(|part| parts.contains(part)).count();
    let mut all: Vec<_> =
        known.into_iter().map(|word| (usize::MAX - common(word), distance(given, word), word)).collect();
    all.sort_unstable();
    all.into_iter().take(count).map(|(.., word)| word).collect()
}

/// The number of letters to change, drop or add (Levenshtein's distance).
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, to) in b.iter().enumerate() {
            let change = diagonal + usize::from(from != *to);
            diagonal = row[j + 1];
            row[j + 1] = change.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{nearest, nearest_few};

    #[test]
    fn a_slip_is_mended_and_a_stranger_is_not() {
        let known = ["claude_code", "codex", "gemini", "gpt", "demo"];
        assert_eq!(nearest("claud_code", known), Some("claude_code"));
        assert_eq!(nearest("claud", known), Some("claude_code"));
        assert_eq!(nearest("codx", known), Some("codex"));
        assert_eq!(nearest("banana", known), None);
        assert_eq!(nearest("S", ["b", "s"]), Some("s"));
        assert_eq!(nearest("gpt", ["GPT", "gp"]), Some("GPT"));
    }

    #[test]
    fn the_few_nearest_are_named_in_order() {
        let known = ["task_submit", "task_status", "task_watch", "doctor"];
        assert_eq!(nearest_few("submit_task", known, 1), ["task_submit"]);
        assert_eq!(nearest_few("task_wach", known, 3), ["task_watch", "task_status", "task_submit"]);
        assert_eq!(nearest_few("doktor", known, 1), ["doctor"]);
    }
}
