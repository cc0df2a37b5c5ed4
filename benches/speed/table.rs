//! The table that is printed.

use std::fmt;

/// One row: what was measured, and whether it is what the design asks for.
#[derive(Debug)]
pub struct Row {
    pub what: String,
    pub reach: String,
    pub measured: String,
    /// `None` when it was not measured; `measured` then says why.
    pub reached: Option<bool>,
    pub floor: String,
    pub peer: String,
}

/// Why rows are known not to be reached, by the beginning of their names.
const KNOWN_MISSES: [(&str, &str); 2] = [
    (
        "agent exits -> watch",
        "between lie three syncs one after the other (the snapshot after, the exit file, the commit) and the work of \
         three processes, about 2 ms of a core; what is beyond that is waiting for the disk or for a core",
    ),
    (
        "1000 no-op tasks",
        "each task is two starts of mgr (submit, keeper), of which the dynamic linker takes a third, four syncs and \
         fourteen files; the floor is one start, one sync and one file",
    ),
];

#[derive(Default)]
pub struct Table(Vec<Row>);

impl Table {
    pub fn add(&mut self, row: Row) {
        eprintln!("  {}: {}", row.what, row.measured);
        self.0.push(row);
    }

    /// Adds a row of milliseconds, or of whatever `unit` says, that must not be over `limit`.
    pub fn at_most(&mut self, what: &str, value: f64, limit: f64, unit: &str) {
        self.at_most_beside(what, value, limit, unit, String::new());
    }

    /// The same, with the least that it could be in this run.
    pub fn at_most_beside(&mut self, what: &str, value: f64, limit: f64, unit: &str, floor: String) {
        self.add(Row {
            what: what.into(),
            reach: format!("<= {limit} {unit}"),
            measured: format!("{} {unit}", short(value)),
            reached: Some(value <= limit),
            floor,
            peer: String::new(),
        });
    }

    pub fn skipped(&mut self, what: &str, why: &str) {
        let measured = format!("skipped: {why}");
        let (reach, floor, peer) = Default::default();
        self.add(Row { what: what.into(), reach, measured, reached: None, floor, peer });
    }
}

/// Two digits behind the point where there is little in front of it.
pub fn short(value: f64) -> String {
    if value < 10.0 { format!("{value:.2}") } else { format!("{value:.1}") }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = ["what", "reach", "measured", "reached", "floor", "peer"].map(str::to_owned);
        let cells = |row: &Row| {
            let reached = row.reached.map_or("-", |reached| if reached { "yes" } else { "NO" });
            [&row.what, &row.reach, &row.measured, reached, &row.floor, &row.peer].map(|cell: &str| cell.to_owned())
        };
        let lines: Vec<_> = std::iter::once(head).chain(self.0.iter().map(cells)).collect();
        let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<_> = (0..6).map(width).collect();
        for line in &lines {
            let padded: Vec<_> = line.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
            writeln!(f, "{}", padded.join(" | ").trim_end())?;
        }
        for row in self.0.iter().filter(|row| row.reached == Some(false)) {
            let known = KNOWN_MISSES.iter().find(|(what, _)| row.what.starts_with(what));
            writeln!(f, "not reached: {}: {}", row.what, known.map_or("not known before this run", |(_, why)| why))?;
        }
        Ok(())
    }
}
