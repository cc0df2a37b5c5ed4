//! The house: which module may know which, and which words belong to one module only.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// Arrows point down only: each module with those it may use.
const ARROWS: &[(&str, &[&str])] = &[
    ("core", &[]),
    ("ui", &["core"]),
    ("os", &["core"]),
    ("backends", &["core"]),
    ("workflow", &["core"]),
    ("archive", &["core", "os"]),
    ("keeper", &["core", "os", "archive"]),
    ("store", &["core", "os"]),
    ("config", &["core", "os", "backends"]),
    ("engine", &["core", "os", "backends", "store", "archive", "workflow", "config", "keeper"]),
    ("ops", &["core", "os", "store", "archive", "config", "engine", "workflow", "ui"]),
    ("surface", &["core", "os", "backends", "config", "keeper", "engine", "ops", "ui"]),
];

/// A foreign vocabulary and the only place that speaks it.
const VOCABULARIES: &[(&str, &str)] = &[
    ("rusqlite", "store/"),
    ("serde_yaml::", "config/yaml.rs"),
    ("saphyr_parser::", "workflow/tree.rs"),
    ("minijinja::", "workflow/expression.rs"),
    ("rmcp", "surface/mcp"),
    ("hyper", "surface/web/server.rs"),
    ("http_body_util", "surface/web/server.rs"),
    ("comfy_table", "ui.rs"),
    ("owo_colors", "ui.rs"),
    ("indicatif", "surface/progress.rs"),
    ("ureq", "backends/gpt/"),
    ("rustix::", "os/dirs.rs"),
    ("zstd::", "archive/"),
    ("ignore::", "archive/"),
    ("diffy::", "archive/"),
    ("unsafe {", "os/raw/"),
];

fn sources() -> Vec<(String, String)> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    collect(&root, &mut files);
    let relative = |path: &PathBuf| path.strip_prefix(&root).unwrap().to_string_lossy().replace('\\', "/");
    files.iter().map(|path| (relative(path), fs::read_to_string(path).unwrap())).collect()
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// Returns the modules that a file names after `crate::`, grouped imports included.
fn used(text: &str) -> BTreeSet<String> {
    let word = |text: &str| text.chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect::<String>();
    let mut modules = BTreeSet::new();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            modules.insert(word(rest));
            continue;
        };
        let (mut depth, mut at_start) = (0, true);
        for (place, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => at_start = true,
                c if at_start && !c.is_whitespace() => {
                    at_start = false;
                    modules.insert(word(&group[place..]));
                }
                _ => {}
            }
        }
    }
    modules
}

#[test]
fn arrows_point_down_only() {
    let known: BTreeSet<&str> = ARROWS.iter().map(|(module, _)| *module).collect();
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        let module = file.split(['/', '.']).next().unwrap();
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == module) else { continue };
        for used in used(&text) {
            if used != module && known.contains(used.as_str()) && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{file} uses {used}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn a_foreign_vocabulary_is_spoken_in_one_place() {
    let mut wrong = Vec::new();
    for (file, text) in sources() {
        for (word, home) in VOCABULARIES {
            let spoken = text.lines().any(|line| !line.trim_start().starts_with("//") && line.contains(word));
            if spoken && !file.starts_with(home) {
                wrong.push(format!("{file} speaks of {word}, which belongs into {home}"));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn grouped_imports_are_seen() {
    let text = "use crate::{core::{a, b}, os::files, ui};\nlet x = crate::store::y;";
    assert_eq!(used(text).into_iter().collect::<Vec<_>>(), ["core", "os", "store", "ui"]);
}
