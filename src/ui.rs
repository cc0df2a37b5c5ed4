//! The only printer: what goes to the terminal, its width and colour, and what must not get there.
//!
//! Standard output is the answer, standard error is talk. Nothing that an agent wrote reaches
//! either without [`sanitise`]: a terminal obeys escape sequences, and an agent must not drive it.

use std::{
    fmt::Write as _,
    io::{self, IsTerminal, Write},
};

use comfy_table::{Attribute, Cell, Color, ContentArrangement, Table, presets};
use owo_colors::OwoColorize;

use crate::core::Money;
pub use crate::core::sanitise;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColourChoice {
    #[default]
    Auto,
    Always,
    Never,
}

/// What kind of thing a word says, for its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    Good,
    Bad,
    Busy,
    Faint,
    Strong,
    Plain,
}

/// An answer being written for people.
pub struct Page {
    text: String,
    colour: bool,
    width: Option<u16>,
}

impl Page {
    /// Returns a page without colour and as wide as it needs, as pipes get it.
    pub const fn plain() -> Self {
        Self { text: String::new(), colour: false, width: None }
    }

    /// Returns a page with colour, for tests of what a terminal gets.
    #[cfg(test)]
    pub const fn coloured(width: u16) -> Self {
        Self { text: String::new(), colour: true, width: Some(width) }
    }

    /// Returns how wide a line may be, where that is known.
    pub fn width(&self) -> Option<usize> {
        self.width.map(usize::from)
    }

    /// Adds a line of our own words.
    pub fn line(&mut self, line: impl AsRef<str>) {
        self.text.push_str(line.as_ref());
        self.text.push('\n');
    }

    /// Adds a name and its value, aligned with its neighbours.
    pub fn field(&mut self, name: &str, value: impl AsRef<str>) {
        let label = self.tint(Tone::Faint, &format!("{name:<14}"));
        let value = sanitise(value.as_ref());
        let mut lines = value.lines();
        let first = lines.next().unwrap_or_default();
        self.line(format!("{label}{first}"));
        for more in lines {
            self.line(format!("{:14}{more}", ""));
        }
    }

    /// Adds text that somebody else wrote, made harmless.
    pub fn text(&mut self, text: &str) {
        let clean = sanitise(text);
        self.text.push_str(&clean);
        if !clean.ends_with('\n') && !clean.is_empty() {
            self.text.push('\n');
        }
    }

    /// Adds a table. Cells are made harmless; an empty table adds nothing.
    pub fn table(&mut self, header: &[&str], rows: Vec<Vec<String>>) {
        let plain = |row: Vec<String>| row.into_iter().map(|cell| (Tone::Plain, cell)).collect();
        self.toned_table(header, rows.into_iter().map(plain).collect());
    }

    /// Adds a table whose cells have tones.
    pub fn toned_table(&mut self, header: &[&str], rows: Vec<Vec<(Tone, String)>>) {
        if rows.is_empty() {
            return;
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
        match self.width {
            Some(width) => table.set_width(width),
            None => table.set_width(u16::MAX),
        };
        table.set_header(header.iter().map(|name| name.to_uppercase()));
        if self.colour {
            table.enforce_styling();
        } else {
            table.force_no_tty();
        }
        for row in rows {
            table.add_row(row.into_iter().map(|(tone, cell)| self.cell(tone, &cell)));
        }
        // The blanks around a cell would be inside its colour: the first one begins at the edge.
        if let Some(first) = table.column_mut(0) {
            first.set_padding((0, 1));
        }
        for line in table.to_string().lines() {
            self.line(line.trim_end());
        }
    }

    /// Adds a table whose last column holds sentences, the others words in the order of their weight. Where a terminal
    /// is too narrow, each sentence stands beneath its row instead of falling to pieces beside it, and the last of the
    /// other columns are left out: what is broken in two cannot be pasted. Where nothing is told, there is no such
    /// column.
    pub fn told_table(&mut self, header: &[&str], mut rows: Vec<Vec<(Tone, String)>>) {
        let others = header.len().saturating_sub(1);
        let is_told = rows.iter().any(|row| row.get(others).is_some_and(|(_, words)| !words.is_empty()));
        let length = |at: usize| {
            let cells = rows.iter().filter_map(|row| row.get(at)).map(|(_, cell)| in_cell(cell).chars().count());
            cells.chain(header.get(at).map(|name| name.chars().count())).max().unwrap_or_default()
        };
        let wide = |columns: usize| (0..columns).map(|at| length(at) + 2).sum::<usize>().saturating_sub(2);
        let columns = others + usize::from(is_told);
        let Some(width) = self.width().filter(|width| wide(columns) > *width) else {
            rows.iter_mut().for_each(|row| row.truncate(columns));
            return self.toned_table(header.get(..columns).unwrap_or_default(), rows);
        };
        let kept = (2..=others).rev().find(|columns| wide(*columns) <= width).unwrap_or(others.min(2));
        let told: Vec<_> = rows.iter().map(|row| row.get(others).map(|(_, words)| one_line(words))).collect();
        rows.iter_mut().for_each(|row| row.truncate(kept));
        let mut table = Self { text: String::new(), width: None, ..*self };
        table.toned_table(header.get(..kept).unwrap_or_default(), rows);
        let mut lines = table.text.lines();
        lines.by_ref().take(1).for_each(|head| self.line(head));
        for (line, words) in lines.zip(told) {
            self.line(line);
            if let Some(words) = words.filter(|words| !words.is_empty()) {
                self.told(&words, "    ");
            }
        }
    }

    /// Adds lines of somebody else's, indented, and on a terminal broken between words.
    pub fn told(&mut self, text: &str, indent: &str) {
        let room = self.width().map_or(usize::MAX, |width| width.saturating_sub(indent.len()).max(20));
        for line in sanitise(text).split('\n') {
            for piece in broken(line, room) {
                self.line(format!("{indent}{piece}").trim_end());
            }
        }
    }

    /// Returns a cell in the colours of [`Page::tint`].
    fn cell(&self, tone: Tone, words: &str) -> Cell {
        let cell = Cell::new(in_cell(words));
        match tone {
            _ if !self.colour => cell,
            Tone::Good => cell.fg(Color::DarkGreen),
            Tone::Bad => cell.fg(Color::DarkRed),
            Tone::Busy => cell.fg(Color::DarkCyan),
            Tone::Faint => cell.add_attribute(Attribute::Dim),
            Tone::Strong => cell.add_attribute(Attribute::Bold),
            Tone::Plain => cell,
        }
    }

    /// Returns `words` in the colour of `tone`, if this page has colour.
    pub fn tint(&self, tone: Tone, words: &str) -> String {
        if !self.colour {
            return words.to_owned();
        }
        match tone {
            Tone::Good => words.green().to_string(),
            Tone::Bad => words.red().to_string(),
            Tone::Busy => words.cyan().to_string(),
            Tone::Faint => words.dimmed().to_string(),
            Tone::Strong => words.bold().to_string(),
            Tone::Plain => words.to_owned(),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// Returns JSON text with everything escaped that could drive a terminal: JSON itself escapes C0
/// controls only (RFC 8259, 7), and terminals obey C1 controls too. Such characters stand in strings only.
pub fn harmless_json(json: &str) -> String {
    let mut clean = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{200e}'
            | '\u{200f}'
            | '\u{061c}' => clean.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => clean.push(c),
        }
    }
    clean
}

/// Breaks a line between words into pieces of at most so many characters; a longer word stays whole.
fn broken(line: &str, room: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some((end, _)) = rest.char_indices().nth(room) {
        let head = rest.get(..=end).unwrap_or(rest);
        let start = rest.len() - rest.trim_start().len();
        // The last blank in reach, else the first one after it.
        let blank = head.rfind(' ').filter(|at| *at > start);
        let Some(blank) = blank.or_else(|| Some(start + rest.get(start..)?.find(' ')?)) else { break };
        let (piece, left) = rest.split_at(blank);
        pieces.push(piece.trim_end());
        rest = left.trim_start();
    }
    pieces.push(rest);
    pieces
}

/// Returns the words of a cell. Blanks at its beginning say how deep it lies, and stay.
fn in_cell(words: &str) -> String {
    let depth = words.len() - words.trim_start_matches(' ').len();
    format!("{:depth$}{}", "", one_line(words))
}

/// Returns harmless text on one line.
pub fn one_line(text: &str) -> String {
    let clean = sanitise(text);
    let words: Vec<_> = clean.split_whitespace().collect();
    words.join(" ")
}

/// Returns one line of at most `limit` characters, with `…` where it was cut.
pub fn clip(text: &str, limit: usize) -> String {
    let line = one_line(text);
    if line.chars().count() <= limit {
        return line;
    }
    let head: String = line.chars().take(limit.saturating_sub(1)).collect();
    format!("{head}…")
}

/// Returns `1 task`, `2 tasks`, `2 processes`, `2 directories`, `2 days`.
pub fn plural(count: u64, one: &str) -> String {
    match (count, one.strip_suffix('y').filter(|stem| !stem.ends_with(['a', 'e', 'o', 'u']))) {
        (1, _) => format!("1 {one}"),
        (_, Some(stem)) => format!("{count} {stem}ies"),
        (_, None) if one.ends_with('s') => format!("{count} {one}es"),
        (_, None) => format!("{count} {one}s"),
    }
}

/// Returns seconds as people say them: `4.2s`, `3m 10s`, `2h 5m`.
pub fn duration_words(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0..10 => format!("{seconds:.1}s"),
        10..60 => format!("{whole}s"),
        60..3600 => format!("{}m {}s", whole / 60, whole % 60),
        _ => format!("{}h {}m", whole / 3600, whole % 3600 / 60),
    }
}

/// Returns how long ago something was, in one unit: `now`, `4s ago`, `3m ago`, `2h ago`, `5 days ago`.
pub fn ago_words(seconds: f64) -> String {
    let whole = seconds.max(0.0) as u64;
    match whole {
        0 => "now".to_owned(),
        1..60 => format!("{whole}s ago"),
        60..3600 => format!("{}m ago", whole / 60),
        3600..172_800 => format!("{}h ago", whole / 3600),
        _ => format!("{} ago", plural(whole / 86_400, "day")),
    }
}

/// Returns a size as people say it: `512 B`, `1.2 kB`, `340 MB`.
pub fn size_words(bytes: u64) -> String {
    let (mut size, mut units) = (bytes as f64, ["B", "kB", "MB", "GB", "TB"].into_iter());
    let mut unit = units.next();
    while size >= 999.5 {
        let Some(next) = units.next() else { break };
        (size, unit) = (size / 1000.0, Some(next));
    }
    let digits = usize::from(bytes >= 1000 && size < 9.95);
    format!("{size:.digits$} {}", unit.unwrap_or("TB"))
}

/// Returns a sum in dollars as people say it.
pub fn dollars(usd: f64) -> String {
    Money::from_dollars(usd).unwrap_or_default().to_string()
}

/// Returns a sum for a table, where a part of a cent does not count.
pub fn brief_dollars(usd: f64) -> String {
    if usd > 0.0 && usd < 0.01 { "<$0.01".to_owned() } else { format!("${usd:.2}") }
}

/// What reads standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reader {
    /// It obeys escape sequences.
    Terminal,
    Program,
    /// A program for somebody who asked for colour all the same.
    ProgramInColour,
}

/// The terminal, or what stands for it.
pub struct Ui {
    colour: ColourChoice,
    quiet: bool,
    no_colour_asked: bool,
}

impl Ui {
    /// `no_colour` is whether NO_COLOR is set (<https://no-color.org>).
    pub const fn new(colour: ColourChoice, quiet: bool, no_colour: bool) -> Self {
        Self { colour, quiet, no_colour_asked: no_colour }
    }

    /// Returns a page for standard output.
    pub fn page(&self) -> Page {
        let is_terminal = io::stdout().is_terminal();
        Page {
            text: String::new(),
            colour: self.has_colour(is_terminal),
            width: if is_terminal { terminal_width() } else { None },
        }
    }

    /// Returns what reads the answer.
    pub fn reader(&self) -> Reader {
        match (io::stdout().is_terminal(), self.colour) {
            (true, _) => Reader::Terminal,
            (false, ColourChoice::Always) => Reader::ProgramInColour,
            (false, ColourChoice::Auto | ColourChoice::Never) => Reader::Program,
        }
    }

    fn has_colour(&self, is_terminal: bool) -> bool {
        match self.colour {
            ColourChoice::Always => true,
            ColourChoice::Never => false,
            ColourChoice::Auto => is_terminal && !self.no_colour_asked,
        }
    }

    /// Prints an answer.
    ///
    /// # Errors
    /// Standard output is gone.
    pub fn answer(&self, text: &str) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(text.as_bytes())?;
        if !text.ends_with('\n') && !text.is_empty() {
            out.write_all(b"\n")?;
        }
        out.flush()
    }

    /// Prints bytes as they are, for what a program asked for raw.
    ///
    /// # Errors
    /// Standard output is gone.
    pub fn raw(&self, bytes: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(bytes)?;
        out.flush()
    }

    /// Says something that is not the answer.
    pub fn say(&self, words: &str) {
        if !self.quiet {
            self.talk(words);
        }
    }

    /// Says something that even a quiet user needs: an error as JSON.
    pub fn say_always(&self, words: &str) {
        self.talk(words);
    }

    /// Reports an error.
    pub fn error(&self, message: &str, causes: &[String], hints: &[String]) {
        let colour = self.has_colour(io::stderr().is_terminal());
        let head = |word: &str| match (colour, word) {
            (false, word) => format!("{word}:"),
            (true, "error") => format!("{}", "error:".red().bold()),
            (true, word) => format!("{}", format!("{word}:").cyan()),
        };
        let mut text = String::new();
        let _ = writeln!(text, "{} {}", head("error"), sanitise(message));
        for cause in causes {
            let _ = writeln!(text, "{} {}", head("caused by"), sanitise(cause));
        }
        for hint in hints {
            let _ = writeln!(text, "{} {}", head("hint"), sanitise(hint));
        }
        self.talk(text.trim_end());
    }

    /// Whether live progress can be shown.
    pub fn is_live(&self) -> bool {
        !self.quiet && io::stderr().is_terminal()
    }

    /// Whether there is somebody to ask.
    pub fn can_ask(&self) -> bool {
        io::stdin().is_terminal() && io::stderr().is_terminal()
    }

    /// Asks a yes-or-no question; `false` where nobody can see or answer it.
    pub fn confirm(&self, question: &str) -> bool {
        self.can_ask() && dialoguer::Confirm::new().with_prompt(question).default(false).interact().unwrap_or(false)
    }

    fn talk(&self, words: &str) {
        // Standard error may be closed; there is nobody to tell then.
        let _ = writeln!(io::stderr(), "{words}");
    }
}

fn terminal_width() -> Option<u16> {
    Table::new().width()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_break_between_words() {
        assert_eq!(broken("one two three", 7), ["one two", "three"]);
        assert_eq!(broken("one two three", 13), ["one two three"]);
        assert_eq!(broken("  indented_word and", 8), ["  indented_word", "and"]);
        assert_eq!(broken("ééééé", 3), ["ééééé"]);
        assert_eq!(broken("", 3), [""]);
    }

    #[test]
    fn sentences_stand_beneath_their_rows_where_there_is_no_room_beside_them() {
        let rows = || {
            let row = |name: &str, why: &str| vec![(Tone::Plain, name.to_owned()), (Tone::Plain, why.to_owned())];
            vec![row("plan", ""), row("fix", "the check failed and nobody knows why")]
        };
        let told = |width| {
            let mut page = Page { text: String::new(), colour: false, width };
            page.told_table(&["step", "why"], rows());
            page.text
        };
        let beneath = "STEP\nplan\nfix\n    the check failed and\n    nobody knows why\n";
        assert_eq!(told(Some(25)), beneath);
        let beside = "STEP  WHY\nplan\nfix   the check failed and nobody knows why\n";
        assert_eq!(told(Some(80)), beside);
        assert_eq!(told(None), beside);
    }

    /// Returns a text as a terminal shows it: without its colours, and without the blanks at the ends of lines.
    fn seen(text: &str) -> String {
        let mut shown = String::new();
        let mut rest = text;
        while let Some((before, escape)) = rest.split_once('\u{1b}') {
            shown.push_str(before);
            rest = escape.split_once('m').map_or("", |(_, after)| after);
        }
        shown.push_str(rest);
        shown.lines().map(|line| format!("{}\n", line.trim_end())).collect()
    }

    #[test]
    fn a_narrow_terminal_leaves_columns_out_and_breaks_no_word() {
        let rows = || {
            let cells = ["1qegr4xz5", "a-long-name", "done", "3 of 7"];
            let row = |why: &str| cells.into_iter().chain([why]).map(|cell| (Tone::Plain, cell.to_owned())).collect();
            vec![row(""), row("the check failed")]
        };
        let told = |width| {
            let mut page = Page { text: String::new(), colour: false, width: Some(width) };
            page.told_table(&["run", "name", "status", "steps", "why"], rows());
            page.text
        };
        let all = "RUN        NAME         STATUS  STEPS\n1qegr4xz5  a-long-name  done    3 of 7\n";
        assert!(told(40).starts_with(all), "{}", told(40));
        let some = "RUN        NAME         STATUS\n1qegr4xz5  a-long-name  done\n1qegr4xz5  a-long-name  done\n    the check failed\n";
        assert_eq!(told(34), some);
        assert!(told(10).contains("\n1qegr4xz5  a-long-name\n"), "{}", told(10));
    }

    #[test]
    fn columns_stand_where_they_stand_without_colour() {
        let rows = || {
            let row = |depth: usize, tone: Tone, name: &str| {
                let cell = |words: String| (tone, words);
                vec![cell(format!("{:depth$}{name}", "")), cell("done".to_owned()), cell(String::new())]
            };
            vec![
                row(0, Tone::Strong, "plan"),
                row(2, Tone::Faint, "review of ä"),
                row(0, Tone::Plain, "ship"),
                row(0, Tone::Bad, "\u{1b}[2Jfix"),
            ]
        };
        let drawn = |colour, width| {
            let mut page = Page { text: String::new(), colour, width };
            page.toned_table(&["step", "status", "cost"], rows());
            page.text
        };
        let plain = drawn(false, None);
        let expected = "STEP           STATUS  COST\nplan           done\n  review of ä  done\nship           done\nfix            done\n";
        assert_eq!(plain, expected);
        for width in [None, Some(80), Some(24)] {
            let coloured = drawn(true, width);
            assert!(coloured.contains("\u{1b}["), "{coloured:?}");
            assert_eq!(seen(&coloured), drawn(false, width), "at {width:?}: {coloured:?}");
        }
    }

    #[test]
    fn times_and_counts_read_as_words() {
        let words = [0.44, 59.9, 190.0, 7500.0].map(duration_words);
        assert_eq!(words, ["0.4s", "59s", "3m 10s", "2h 5m"]);
        let ago = [0.4, 59.9, 190.0, 7500.0, 200_000.0].map(ago_words);
        assert_eq!(ago, ["now", "59s ago", "3m ago", "2h ago", "2 days ago"]);
        assert_eq!([plural(1, "task"), plural(0, "task")], ["1 task", "0 tasks"]);
        let sizes = [0, 999, 1000, 12_345, 340_000_000, 999_999].map(size_words);
        assert_eq!(sizes, ["0 B", "999 B", "1.0 kB", "12 kB", "340 MB", "1.0 MB"]);
        assert_eq!([plural(2, "process"), plural(2, "directory")], ["2 processes", "2 directories"]);
    }
}
