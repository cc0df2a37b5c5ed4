//! From a prompt to steps, by rule: lists, headings, and words that say what comes after what, in many languages.
//!
//! Must not guess what a text means: what is not clearly several things is one. Each character is looked at a bounded
//! number of times, whatever the text is.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// More parts are one part: nobody writes a list of so many things by hand.
const MOST_PARTS: usize = 100;
/// As long as an id of a step may be, with room for a number.
const LONGEST_ID: usize = 32;

/// A part of a prompt that is a step of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    text: String,
    order: Order,
}

/// What a part waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// For the same as the part before.
    Beside,
    /// For the part before, with those beside it.
    After,
}

/// Returns a workflow of what the prompt asks for; its prompts are the prompt's own words.
pub fn decompose(prompt: &str) -> Value {
    // Editors put a mark of the encoding before the first line.
    let prompt = prompt.strip_prefix('\u{feff}').unwrap_or(prompt);
    let (preface, parts) = match listed(prompt).or_else(|| counted(prompt)) {
        Some(found) => found,
        None => (None, told(prompt)),
    };
    let parts = bounded(parts);
    let mut ids = Ids::default();
    let (mut steps, mut before, mut beside) = (Vec::new(), Vec::new(), Vec::new());
    for (at, part) in parts.iter().enumerate() {
        if part.order == Order::After && at > 0 {
            before = std::mem::take(&mut beside);
        }
        let id = ids.of(&part.text, at);
        let mut step = json!({"id": id, "prompt": literal(&part.text)});
        if !before.is_empty() {
            step["needs"] = json!(before);
        }
        if let Some(role) = role_of(&part.text) {
            step["role"] = json!(role);
        }
        beside.push(id);
        steps.push(step);
    }
    let mut workflow = Map::from_iter([("steps".to_owned(), Value::Array(steps))]);
    if let Some(preface) = preface.filter(|preface| !preface.is_empty()) {
        workflow.insert("defaults".into(), json!({"context": literal(&preface)}));
    }
    Value::Object(workflow)
}

/// Returns the text as a template that stands for it: braces that would mean something are inserted.
pub fn literal(text: &str) -> String {
    let mut template = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('{') {
        let (head, brace) = rest.split_at(at);
        template.push_str(head);
        match ["{{", "{%"].into_iter().find_map(|marks| Some((marks, brace.strip_prefix(marks)?))) {
            Some((marks, left)) => {
                template.push_str(&format!("{{{{ '{marks}' }}}}"));
                rest = left;
            }
            None => {
                template.push('{');
                rest = &brace[1..];
            }
        }
    }
    template.push_str(rest);
    template
}

/// Joins what is too much to the last part.
fn bounded(mut parts: Vec<Part>) -> Vec<Part> {
    if parts.len() > MOST_PARTS {
        let rest: Vec<String> = parts.drain(MOST_PARTS - 1..).map(|part| part.text).collect();
        parts.push(Part { text: rest.join("\n"), order: Order::After });
    }
    parts
}

/// Names of steps, from the words of their prompts.
#[derive(Default)]
struct Ids(BTreeSet<String>);

impl Ids {
    fn of(&mut self, text: &str, at: usize) -> String {
        const EMPTY: [&str; 11] = ["the", "a", "an", "of", "to", "in", "for", "and", "all", "this", "it"];
        let text = text.trim_start().lines().next().unwrap_or_default();
        let mut id = String::new();
        let words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).take(40);
        for word in words.map(str::to_ascii_lowercase).filter(|word| !EMPTY.contains(&word.as_str())).take(4) {
            let is_first = id.is_empty();
            if is_first && !word.starts_with(|c: char| c.is_ascii_alphabetic()) {
                continue;
            }
            if id.len() + 1 + word.len() > LONGEST_ID {
                break;
            }
            id.push_str(if is_first { "" } else { "_" });
            id.push_str(&word);
        }
        if id.len() < 2 {
            id = format!("step_{}", at + 1);
        }
        let mut unique = id.clone();
        for number in 2.. {
            if self.0.insert(unique.clone()) {
                break;
            }
            unique = format!("{id}_{number}");
        }
        unique
    }
}

/// Returns the role where the first words leave no doubt.
fn role_of(text: &str) -> Option<&'static str> {
    const MAKE: [&str; 11] = [
        "write", "add", "create", "extend", "improve", "update", "generate", "schreibe", "ergänze", "escribe", "écris",
    ];
    let head: String = text.chars().take(120).collect::<String>().to_lowercase();
    let words: Vec<&str> = head.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).take(7).collect();
    let has = |known: &[&str]| words.iter().any(|word| known.contains(word));
    let first = words.first()?;
    if ["review", "überprüfe", "revisa", "проверь"].contains(first) {
        return Some("reviewer");
    }
    let makes = MAKE.contains(first);
    if makes && has(&["test", "tests", "pruebas"]) {
        return Some("tester");
    }
    let documents =
        has(&["documentation", "docs", "readme", "changelog", "docstrings", "dokumentation", "documentación"]);
    (*first == "document" || makes && documents).then_some("documenter")
}

/// What a line is in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    Number,
    Bullet,
    Heading,
}

/// A line that begins something, with what stands after its mark.
struct Item<'a> {
    mark: Mark,
    indent: usize,
    /// How deep a heading is; 0 for the others.
    level: usize,
    /// Whether its box is ticked.
    is_done: bool,
    rest: &'a str,
}

/// A fence of code: its mark and how many of it.
#[derive(Clone, Copy)]
struct Fence(char, usize);

impl Fence {
    /// Returns the fence that a line opens.
    fn opened(line: &str) -> Option<Self> {
        let line = line.trim_start();
        let mark = line.chars().next().filter(|mark| ['`', '~'].contains(mark))?;
        let rest = line.trim_start_matches(mark);
        let count = line.len() - rest.len();
        (count >= 3 && !(mark == '`' && rest.contains('`'))).then_some(Self(mark, count))
    }

    /// Whether a line closes it: with as many of the same mark, and nothing else.
    fn is_closed(self, line: &str) -> bool {
        let line = line.trim();
        line.len() >= self.1 && line.chars().all(|c| c == self.0)
    }
}

/// Splits a text at its list or its headings; `None` when it has neither. What stands around it is for all of them.
fn listed(text: &str) -> Option<(Option<String>, Vec<Part>)> {
    let mut lines = lines_of(text);
    if let Some(title) = title_of(&lines) {
        // What stands under it before the first part is for all of them too.
        lines[title].1 = None;
    }
    let marked = |mark: fn(Mark) -> bool| {
        let items = lines.iter().filter_map(|(_, item)| item.as_ref()).filter(move |item| mark(item.mark));
        items.map(|item| item.indent).min()
    };
    // Headings hold lists, not the other way round.
    let (kind, indent): (fn(Mark) -> bool, usize) = match (marked(is_heading), marked(is_listed)) {
        (Some(_), _) if lines.iter().filter(|(_, item)| is_a(item.as_ref(), is_heading)).count() > 1 => (is_heading, 0),
        (_, Some(indent)) => (is_listed, indent),
        (_, None) => return None,
    };
    let begins = |item: &Item<'_>| kind(item.mark) && item.indent == indent;
    if lines.iter().filter(|(_, item)| item.as_ref().is_some_and(begins)).count() < 2 {
        return None;
    }
    let (mut preface, mut parts, mut before) = (Vec::new(), Vec::<Part>::new(), None);
    let mut done = Vec::new();
    for (line, item) in &lines {
        match (item.as_ref().filter(|item| begins(item)), parts.last_mut()) {
            (Some(item), _) => {
                let (said, rest) = without_order(item.rest);
                let is_new_block = before.replace(item.mark) != Some(item.mark);
                let is_beside = item.mark == Mark::Bullet && !said && !is_new_block;
                let order = if is_beside { Order::Beside } else { Order::After };
                parts.push(Part { text: rest.to_owned(), order });
                done.push(item.is_done);
            }
            (None, Some(part)) => {
                part.text.push('\n');
                part.text.push_str(line);
            }
            (None, None) => preface.push(*line),
        }
    }
    let after =
        parts.last_mut().filter(|_| kind(Mark::Bullet)).and_then(|last| paragraph_behind(&mut last.text, indent));
    for part in &mut parts {
        part.text = part.text.trim().to_owned();
    }
    let mut parts = without_done(parts, &done);
    parts.retain(|part| !part.text.is_empty());
    let preface = format!("{}\n\n{}", preface.join("\n").trim(), after.unwrap_or_default());
    let fewest = if done.contains(&true) { 1 } else { 2 };
    (parts.len() >= fewest).then(|| (Some(preface.trim().to_owned()), parts))
}

/// Returns the lines with what each begins; in a fence of code nothing does.
fn lines_of(text: &str) -> Vec<(&str, Option<Item<'_>>)> {
    let mut fence: Option<Fence> = None;
    let line = |line| {
        let was_open = fence;
        fence = match was_open {
            Some(open) if open.is_closed(line) => None,
            Some(open) => Some(open),
            None => Fence::opened(line),
        };
        (line, if was_open.or(fence).is_some() { None } else { item(line) })
    };
    text.lines().map(line).collect()
}

/// Returns the line of the heading that is the title of all others: the first one, and alone so high.
fn title_of(lines: &[(&str, Option<Item<'_>>)]) -> Option<usize> {
    let headings = lines.iter().enumerate().filter_map(|(at, (_, item))| Some((at, item.as_ref()?)));
    let mut headings = headings.filter(|(_, item)| is_heading(item.mark) && item.indent == 0);
    let (at, title) = headings.next()?;
    let others: Vec<usize> = headings.map(|(_, item)| item.level).collect();
    (others.len() > 1 && others.iter().all(|level| *level > title.level)).then_some(at)
}

/// Leaves out what is ticked; what comes after it still comes after what was before.
fn without_done(parts: Vec<Part>, done: &[bool]) -> Vec<Part> {
    let (mut open, mut is_after) = (Vec::new(), false);
    for (part, is_done) in parts.into_iter().zip(done) {
        is_after |= part.order == Order::After;
        if !is_done {
            let order = if is_after { Order::After } else { Order::Beside };
            open.push(Part { order, ..part });
            is_after = false;
        }
    }
    open
}

/// Splits a single line at the numbers in it that count from one: `1. this 2. that`.
fn counted(text: &str) -> Option<(Option<String>, Vec<Part>)> {
    let line = text.trim();
    if line.lines().nth(1).is_some() {
        return None;
    }
    let mut marks: Vec<(usize, usize)> = Vec::new();
    for word in line.split(char::is_whitespace) {
        let next = marks.len() + 1;
        let is_mark = [format!("{next}."), format!("{next})"), format!("({next})")].iter().any(|mark| mark == word);
        if is_mark {
            // The words are parts of the line.
            let from = word.as_ptr().addr() - line.as_ptr().addr();
            marks.push((from, from + word.len()));
        }
    }
    let ends = marks.iter().skip(1).map(|(from, _)| *from).chain([line.len()]);
    let parts: Vec<&str> = marks.iter().zip(ends).map(|((_, from), to)| &line[*from..to]).collect();
    if parts.len() < 2 || !parts.iter().all(|part| has_words(part)) {
        return None;
    }
    let clean = |part: &str| part.trim().trim_end_matches([',', ';']).trim_end().to_owned();
    let parts = parts.into_iter().map(|part| Part { text: clean(part), order: Order::After }).collect();
    let preface = line[..marks[0].0].trim().to_owned();
    Some((Some(preface), parts))
}

/// Takes what stands behind a list, as deep as its items or less, from its last item: it is about all of it.
fn paragraph_behind(last: &mut String, indent: usize) -> Option<String> {
    let (mut at, mut was_blank) = (0, false);
    for line in last.split_inclusive('\n') {
        let is_blank = line.trim().is_empty();
        if was_blank && !is_blank && line.len() - line.trim_start().len() <= indent {
            return Some(last.split_off(at).trim().to_owned());
        }
        was_blank = is_blank;
        at += line.len();
    }
    None
}

fn is_a(item: Option<&Item<'_>>, kind: fn(Mark) -> bool) -> bool {
    item.is_some_and(|item| kind(item.mark))
}

const fn is_heading(mark: Mark) -> bool {
    matches!(mark, Mark::Heading)
}

const fn is_listed(mark: Mark) -> bool {
    matches!(mark, Mark::Number | Mark::Bullet)
}

/// Words for a numbered step: `Step 1:`, `Schritt 1.`, `第1步`.
const STEP_WORDS: [&str; 14] = [
    "step",
    "schritt",
    "étape",
    "paso",
    "passo",
    "шаг",
    "крок",
    "krok",
    "stap",
    "steg",
    "adım",
    "ステップ",
    "步骤",
    "단계",
];
const NUMERALS: &str = "一二三四五六七八九十";

fn item(line: &str) -> Option<Item<'_>> {
    let body = line.trim_start_matches([' ', '\t', '\u{a0}', '\u{3000}']);
    // A tab is as deep as four spaces.
    let indent = line[..line.len() - body.len()].chars().map(|c| if c == '\t' { 4 } else { 1 }).sum();
    let item = |mark, rest: &str| (rest.len(), mark);
    let found = heading(body)
        .map(|rest| item(Mark::Heading, rest))
        .or_else(|| bullet(body).map(|rest| item(Mark::Bullet, rest)))
        .or_else(|| numbered(body).map(|rest| item(Mark::Number, rest)));
    let (left, mark) = found?;
    let rest = body[body.len() - left..].trim();
    let level = if is_heading(mark) { body.bytes().take_while(|byte| *byte == b'#').count() } else { 0 };
    let ticked = ["[x]", "[X]"].iter().find_map(|mark| rest.strip_prefix(mark));
    // What follows at once makes it a link.
    let ticked = ticked.filter(|rest| is_listed(mark) && (rest.is_empty() || rest.starts_with(char::is_whitespace)));
    let open = || rest.strip_prefix("[ ]").filter(|_| is_listed(mark));
    let unboxed = ticked.or_else(open).unwrap_or(rest).trim();
    Some(Item { mark, indent, level, is_done: ticked.is_some(), rest: unboxed })
}

fn heading(body: &str) -> Option<&str> {
    let rest = body.trim_start_matches('#');
    let depth = body.len() - rest.len();
    ((1..=6).contains(&depth) && rest.starts_with([' ', '\t'])).then_some(rest)
}

fn bullet(body: &str) -> Option<&str> {
    const SPACED: [char; 7] = ['-', '*', '+', '–', '—', '·', '○'];
    const BARE: [char; 9] = ['•', '‣', '・', '◦', '▪', '●', '■', '➢', '►'];
    let rest = match body.strip_prefix(BARE) {
        Some(rest) => rest,
        None => body.strip_prefix(SPACED).filter(|rest| rest.starts_with([' ', '\t']))?,
    };
    Some(rest.trim_start())
}

fn numbered(body: &str) -> Option<&str> {
    // ① to ⑳ are numbers with their mark.
    if let Some(rest) = body.strip_prefix(|c: char| ('①'..='⑳').contains(&c)) {
        return Some(rest);
    }
    let (body, has_word) = match after_step_word(body) {
        Some(rest) => (rest, true),
        None => (body, false),
    };
    let (body, is_open) = match body.strip_prefix(['(', '（', '第']) {
        Some(rest) => (rest, true),
        None => (body, false),
    };
    // A year or an amount is no number of an item.
    let digits = body.chars().take_while(|c| c.is_numeric() || NUMERALS.contains(*c)).take(4).map(char::len_utf8);
    let lengths: Vec<usize> = digits.collect();
    if lengths.is_empty() || lengths.len() > 3 {
        return None;
    }
    let rest = &body[lengths.iter().sum::<usize>()..];
    let mut after = rest.chars();
    match after.next() {
        Some(')' | '）' | '、' | '．' | '：') => Some(after.as_str()),
        // `1.5 times` is no item, and `1:` may be a time.
        Some('.') if !after.as_str().starts_with(|c: char| c.is_alphanumeric()) => Some(after.as_str()),
        Some(':' | '.' | '-' | '–' | '—') if has_word => Some(after.as_str()),
        Some('步') if is_open || has_word => Some(after.as_str().trim_start_matches(['：', ':', '，', ',', '、'])),
        _ => None,
    }
}

fn after_step_word(body: &str) -> Option<&str> {
    STEP_WORDS.iter().find_map(|word| after_word(body, word).map(|rest| rest.trim_start()))
}

/// Returns what stands after a word, however it is capitalised.
fn after_word<'a>(text: &'a str, word: &str) -> Option<&'a str> {
    let mut rest = text.chars();
    for expected in word.chars() {
        let c = rest.next()?;
        if c != expected && !c.to_lowercase().eq(std::iter::once(expected)) {
            return None;
        }
    }
    Some(rest.as_str())
}

/// Words that say that something comes next. They count where a sentence or a clause begins.
const THEN: [&str; 117] = [
    "and then",
    "after that",
    "after this",
    "afterwards",
    "thereafter",
    "once that is done",
    "once done",
    "then",
    "next",
    "subsequently",
    "finally",
    "lastly",
    "at the end",
    "und dann",
    "und danach",
    "danach",
    "dann",
    "anschließend",
    "im anschluss",
    "daraufhin",
    "zuletzt",
    "schließlich",
    "zum schluss",
    "als nächstes",
    "et puis",
    "et ensuite",
    "puis",
    "ensuite",
    "après cela",
    "après ça",
    "enfin",
    "finalement",
    "pour finir",
    "y luego",
    "y después",
    "después de eso",
    "después",
    "luego",
    "a continuación",
    "finalmente",
    "por último",
    "e depois",
    "depois disso",
    "depois",
    "em seguida",
    "por fim",
    "e poi",
    "dopo di che",
    "dopodiché",
    "poi",
    "in seguito",
    "successivamente",
    "infine",
    "en dan",
    "daarna",
    "vervolgens",
    "ten slotte",
    "tot slot",
    "а затем",
    "и затем",
    "затем",
    "и потом",
    "а потом",
    "потом",
    "после этого",
    "далее",
    "наконец",
    "в конце",
    "а потім",
    "потім",
    "після цього",
    "нарешті",
    "a potem",
    "potem",
    "następnie",
    "na koniec",
    "a pak",
    "poté",
    "potom",
    "nakonec",
    "och sedan",
    "därefter",
    "slutligen",
    "og så",
    "deretter",
    "derefter",
    "til slutt",
    "ve sonra",
    "daha sonra",
    "sonra",
    "ardından",
    "son olarak",
    "sau đó",
    "cuối cùng",
    "kemudian",
    "lalu",
    "setelah itu",
    "akhirnya",
    "έπειτα",
    "στη συνέχεια",
    "τέλος",
    "ثم",
    "بعد ذلك",
    "وأخيرا",
    "أخيرا",
    "ואז",
    "לאחר מכן",
    "אחר כך",
    "לבסוף",
    "फिर",
    "उसके बाद",
    "अंत में",
    "그런 다음",
    "그 다음",
    "그리고 나서",
    "이후에",
    "마지막으로",
];

/// Of those, the ones that say it without a stop before them. `if … then` is not among them.
const STRONG: [&str; 24] = [
    "and then",
    "after that",
    "und dann",
    "und danach",
    "et puis",
    "et ensuite",
    "y luego",
    "y después",
    "e depois",
    "e poi",
    "en dan",
    "а затем",
    "и затем",
    "и потом",
    "а потом",
    "а потім",
    "a potem",
    "a pak",
    "och sedan",
    "og så",
    "ve sonra",
    "그런 다음",
    "그리고 나서",
    "ואז",
];

/// Words of languages that write no spaces: they count anywhere.
const THEN_UNSPACED: [&str; 16] = [
    "然后",
    "然後",
    "接着",
    "接著",
    "随后",
    "隨後",
    "最后",
    "最後に",
    "最後",
    "その後",
    "そのあと",
    "次に",
    "それから",
    "続いて",
    "จากนั้น",
    "สุดท้าย",
];

/// Words of conditions: a `then` behind one is a consequence, not a next step.
const IF: [&str; 26] = [
    "if",
    "when",
    "whenever",
    "unless",
    "wenn",
    "falls",
    "sobald",
    "si",
    "quand",
    "lorsque",
    "cuando",
    "se",
    "quando",
    "als",
    "wanneer",
    "если",
    "когда",
    "якщо",
    "jeśli",
    "gdy",
    "pokud",
    "om",
    "eğer",
    "إذا",
    "अगर",
    "nếu",
];

/// Splits prose where a word says that something comes next.
fn told(text: &str) -> Vec<Part> {
    let mut cuts: Vec<(usize, usize)> = Vec::new();
    let mut teller = Teller::default();
    let mut is_code = false;
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        let is_fence = line.trim_start().starts_with("```");
        is_code ^= is_fence;
        if !is_code && !is_fence {
            teller.line(line, at, &mut cuts);
        }
        at += line.len();
    }
    let mut parts = Vec::new();
    let mut from = 0;
    for (end, next) in cuts {
        if has_words(&text[from..end]) {
            parts.push(&text[from..end]);
            from = next;
        } else if parts.is_empty() {
            from = next;
        }
    }
    if has_words(&text[from..]) || parts.is_empty() {
        parts.push(&text[from..]);
    }
    let clean = |text: &str| text.trim().trim_end_matches([',', ';', '，', '；', '、', '،']).trim_end().to_owned();
    parts.into_iter().map(|text| Part { text: clean(text), order: Order::After }).collect()
}

fn has_words(text: &str) -> bool {
    text.chars().filter(|c| c.is_alphanumeric()).nth(1).is_some()
}

/// Reads prose, knowing what came before.
#[derive(Default)]
struct Teller {
    has_condition: bool,
}

impl Teller {
    /// Collects where a part ends and the next one begins, in bytes of the whole text.
    fn line(&mut self, line: &str, offset: usize, cuts: &mut Vec<(usize, usize)>) {
        let mut before = Before::Sentence;
        let mut taken = 0;
        let mut chars = line.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if at < taken {
                continue;
            }
            match c {
                '.' | '!' | '?' | '…' if chars.peek().is_none_or(|(_, next)| next.is_whitespace()) => {
                    (before, self.has_condition) = (Before::Sentence, false);
                }
                '。' | '！' | '？' | '．' | '।' | '؟' | '\n' => {
                    (before, self.has_condition) = (Before::Sentence, false)
                }
                ',' | ';' | ':' | '，' | '；' | '、' | '،' | '：' | '–' | '—' => before = Before::Clause,
                c if c.is_whitespace() || matches!(c, '"' | '\'' | '(' | '*' | '_' | '¿' | '¡') => {
                    before = before.max_word();
                }
                _ => {
                    if let Some(length) = self.connector(&line[at..], before) {
                        taken = at + length;
                        cuts.push((offset + at, offset + taken));
                        before = Before::Sentence;
                        continue;
                    }
                    before = Before::Inside;
                }
            }
        }
    }

    /// Returns the length of a connector that stands here, with the comma after it.
    fn connector(&mut self, rest: &str, before: Before) -> Option<usize> {
        let unspaced = THEN_UNSPACED.iter().find_map(|word| rest.strip_prefix(word));
        if let Some(left) = unspaced {
            return Some(rest.len() - after_stop(left).len());
        }
        if before == Before::Inside {
            return None;
        }
        // Looked at for every word of the text: most words are told apart by their first letter.
        let first = rest.chars().next().map(|c| c.to_lowercase().next().unwrap_or(c))?;
        let whole = |word: &&str| {
            let left = word.starts_with(first).then(|| after_word(rest, word)).flatten();
            left.filter(|left| !left.starts_with(char::is_alphanumeric))
        };
        if IF.iter().any(|word| whole(word).is_some()) {
            self.has_condition = true;
        }
        let words: &[&str] = match before {
            Before::Word => &STRONG,
            Before::Sentence | Before::Clause => &THEN,
            Before::Inside => return None,
        };
        let left = words.iter().find_map(whole)?;
        if self.has_condition && before != Before::Sentence {
            return None;
        }
        self.has_condition = false;
        // `Next.js`, `then-able`: a word of another kind.
        if left.starts_with(['.', '-', '_', '(', '/', '\'', '’']) && !left.starts_with(". ") {
            return None;
        }
        Some(rest.len() - after_stop(left).len())
    }
}

fn after_stop(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', ',', ':', '，', '、', '：', '،'])
}

/// What stands before a place in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Sentence,
    Clause,
    /// A space after a word.
    Word,
    Inside,
}

impl Before {
    /// A space ends a word and changes nothing where a sentence or clause begins.
    const fn max_word(self) -> Self {
        match self {
            Self::Inside => Self::Word,
            other => other,
        }
    }
}

/// Takes a word of order from the beginning; returns whether there was one.
fn without_order(text: &str) -> (bool, &str) {
    let mut teller = Teller::default();
    match teller.connector(text, Before::Sentence) {
        Some(length) if has_words(&text[length..]) => (true, text[length..].trim_start()),
        Some(_) | None => (false, text),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::workflow::{Insertion, Scope, Template};

    /// Each step as `prompt <- what it waits for`, by number.
    fn shape(prompt: &str) -> Vec<String> {
        let workflow = decompose(prompt);
        let steps = workflow["steps"].as_array().unwrap();
        let place = |id: &Value| steps.iter().position(|step| step["id"] == *id).unwrap() + 1;
        let one = |step: &Value| {
            let needs: Vec<String> =
                step["needs"].as_array().into_iter().flatten().map(|id| place(id).to_string()).collect();
            let prompt = step["prompt"].as_str().unwrap();
            if needs.is_empty() { prompt.to_owned() } else { format!("{prompt} <- {}", needs.join(",")) }
        };
        steps.iter().map(one).collect()
    }

    #[test]
    fn what_is_ticked_is_no_step() {
        let list = "- [x] ship v1\n  as agreed\n- [ ] fix it\n- [X] test it\n- [ ] ship v2";
        assert_eq!(shape(list), ["fix it", "ship v2"]);
        assert_eq!(shape("1. [x] ship v1\n2. [ ] fix it\n3. ship v2"), ["fix it", "ship v2 <- 1"]);
        assert_eq!(shape("- [x] ship v1\n- [ ] fix it"), ["fix it"]);
        // The order of what is left does not change.
        assert_eq!(shape("- fix it\n1. [x] wait\n- test it\n- ship it"), ["fix it", "test it <- 1", "ship it <- 1"]);
        assert_eq!(shape("- [x](x.md) read\n- [y](y.md) too"), ["[x](x.md) read", "[y](y.md) too"]);
    }

    #[test]
    fn a_title_is_for_all_and_no_step() {
        let text = "# Title\nmind this\n## A\none\n## B\ntwo\n### C\n";
        assert_eq!(shape(text), ["A\none", "B\ntwo <- 1", "C <- 2"]);
        assert_eq!(decompose(text)["defaults"]["context"], "# Title\nmind this");
        assert_eq!(shape("# A\n# B\n## C"), ["A", "B <- 1", "C <- 2"]);
        assert_eq!(shape("## A\n# B\n## C"), ["A", "B <- 1", "C <- 2"]);
    }

    #[test]
    fn nothing_in_a_fence_of_code_is_a_step() {
        for (open, close) in
            [("```", "```"), ("~~~", "~~~"), ("~~~~ sh", "~~~~~"), ("~~~", "```\n~~~"), ("````", "```\n````")]
        {
            let text = format!("Keep\n{open}\n- one\n- two\n{close}\nas it is");
            assert_eq!(shape(&text), [text], "{open}");
        }
        assert_eq!(shape("```a``` is code\n- fix it\n- test it"), ["fix it", "test it"]);
    }

    #[test]
    fn the_mark_of_the_encoding_is_no_word() {
        assert_eq!(shape("\u{feff}- fix it\n- test it"), ["fix it", "test it"]);
        assert_eq!(shape("\u{feff}# A\n# B"), ["A", "B <- 1"]);
    }

    #[test]
    fn numbers_are_an_order_and_bullets_are_not() {
        assert_eq!(
            shape("1. fix it\n   with care\n2) test it\n\n3. ship it"),
            ["fix it\n   with care", "test it <- 1", "ship it <- 2"]
        );
        assert_eq!(shape("- fix it\n- test it\n* ship it"), ["fix it", "test it", "ship it"]);
        assert_eq!(shape("- [ ] fix it\n  - a detail\n- [ ] test it"), ["fix it\n  - a detail", "test it"]);
        assert_eq!(shape("- fix it\n- test it\n- then, ship it"), ["fix it", "test it", "ship it <- 1,2"]);
        assert_eq!(shape("• eins\n• zwei\n1. drei\n2. vier"), ["eins", "zwei", "drei <- 1,2", "vier <- 3"]);
        assert_eq!(shape("Step 1: read it\nStep 2: write it"), ["read it", "write it <- 1"]);
        assert_eq!(shape("一、修复错误\n二、运行测试"), ["修复错误", "运行测试 <- 1"]);
        assert_eq!(shape("第一步：修复\n第二步：测试"), ["修复", "测试 <- 1"]);
        assert_eq!(shape("① uno\n② dos"), ["uno", "dos <- 1"]);
        assert_eq!(shape("1. fix it 2. test it 3. ship it"), ["fix it", "test it <- 1", "ship it <- 2"]);
        assert_eq!(shape("Please: (1) fix it; (2) test it"), ["fix it", "test it <- 1"]);
        assert_eq!(shape("bump it to 2. and 1. later"), ["bump it to 2. and 1. later"]);
        assert_eq!(shape("１．読む\n２．書く"), ["読む", "書く <- 1"]);
    }

    #[test]
    fn what_stands_before_a_list_holds_for_all_of_it() {
        let workflow = decompose("Mind {{ this }}:\n\n1. a thing\n2. b thing\n");
        assert_eq!(workflow["defaults"]["context"], "Mind {{ '{{' }} this }}:");
        let workflow = decompose("All:\n- a thing\n\n  still a\n- b thing\n\nMind the rest.\n\nThanks.");
        assert_eq!(workflow["defaults"]["context"], "All:\n\nMind the rest.\n\nThanks.");
        assert_eq!(workflow["steps"][0]["prompt"], "a thing\n\n  still a");
        assert_eq!(shape("# Plan\nlook\n# Build\n- one\n- two"), ["Plan\nlook", "Build\n- one\n- two <- 1"]);
    }

    #[test]
    fn words_of_order_are_known_in_many_languages() {
        for (prompt, expected) in [
            (
                "Fix the bug, then run the tests. Finally, write a note.",
                vec!["Fix the bug", "run the tests. <- 1", "write a note. <- 2"],
            ),
            ("Fix the bug and then test it", vec!["Fix the bug", "test it <- 1"]),
            (
                "Repariere den Fehler. Danach schreibe Tests und dann räume auf",
                vec!["Repariere den Fehler.", "schreibe Tests <- 1", "räume auf <- 2"],
            ),
            (
                "Corrige le bug, puis lance les tests ; ensuite, documente.",
                vec!["Corrige le bug", "lance les tests <- 1", "documente. <- 2"],
            ),
            (
                "Arregla el error. Después, prueba todo y luego publica",
                vec!["Arregla el error.", "prueba todo <- 1", "publica <- 2"],
            ),
            (
                "Исправь ошибку, затем запусти тесты. Потом напиши отчёт",
                vec!["Исправь ошибку", "запусти тесты. <- 1", "напиши отчёт <- 2"],
            ),
            ("修复错误，然后运行测试，接着写文档。", vec!["修复错误", "运行测试 <- 1", "写文档。 <- 2"]),
            (
                "バグを直す。その後テストを書く。次に文書を更新する。",
                vec!["バグを直す。", "テストを書く。 <- 1", "文書を更新する。 <- 2"],
            ),
            ("버그를 고쳐. 그런 다음 테스트를 써", vec!["버그를 고쳐.", "테스트를 써 <- 1"]),
            ("أصلح الخطأ، ثم شغّل الاختبارات", vec!["أصلح الخطأ", "شغّل الاختبارات <- 1"]),
        ] {
            assert_eq!(shape(prompt), expected, "{prompt}");
        }
    }

    #[test]
    fn what_is_one_thing_stays_one() {
        for prompt in [
            "Fix the bug",
            "If the build fails, then say so",
            "Explain Next.js and the then-clause. It is what then() does",
            "Return 1.5 times the value and 2) nothing",
            "```\n1. a\n2. b\n```",
            "- only one item",
            "Wenn der Test scheitert, dann brich ab",
            "2024. was a year",
            "",
            "   \n\t",
            "then",
            "🙂",
        ] {
            assert_eq!(shape(prompt).len(), 1, "{prompt}: {:?}", shape(prompt));
        }
    }

    #[test]
    fn ids_come_from_the_words_and_are_unique() {
        let workflow = decompose(
            "1. Fix the parser of dates\n2. Fix the parser of dates\n3. 修复\n4. 12 monkeys\n5. Pneumonoultramicroscopicsilicovolcanoconiosis",
        );
        let ids: Vec<_> =
            workflow["steps"].as_array().unwrap().iter().map(|step| step["id"].as_str().unwrap()).collect();
        assert_eq!(ids, ["fix_parser_dates", "fix_parser_dates_2", "step_3", "monkeys", "step_5"]);
    }

    #[test]
    fn roles_are_guessed_only_where_they_are_plain() {
        let roles = [
            "Write unit tests for it",
            "Run the tests",
            "Review the change",
            "Update the README",
            "Fix the docs parser",
        ]
        .map(role_of);
        assert_eq!(roles, [Some("tester"), None, Some("reviewer"), Some("documenter"), None]);
    }

    #[test]
    fn braces_stay_braces() {
        for text in ["{{ x }}", "{% if x %}", "{", "{{{", "{{%if x%}", "{ {%raw%} }}", "{%{%for", "漢{{漢"] {
            let template = Template::parse(&literal(text)).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(template.render(&Scope::default(), Insertion::plain()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_repeats_itself_without_end_is_a_matter_of_its_length() {
        assert_eq!(decompose(&"x ".repeat(250_000))["steps"].as_array().unwrap().len(), 1);
        for piece in
            ["{{", "then ", ", then", "1. a\n", "- \n", "# \n", "然后", "\u{202e}", "\0", "if ", "((((", "```\n"]
        {
            let text = piece.repeat(200_000 / piece.len());
            assert!(decompose(&text)["steps"].as_array().unwrap().len() <= MOST_PARTS);
        }
    }

    proptest! {
        #[test]
        fn any_text_becomes_steps_whose_prompts_are_its_words(text in any::<String>()) {
            check(&text)?;
        }

        #[test]
        fn any_list_becomes_steps(text in "([ \t]{0,3}([0-9]{1,4}[.)]|[-*•#]|第|then|, then|然后|ثم|```|\\{\\{|\\{%|if|🙂|\n)[ \n]?[a-zé{%}漢\u{0}]{0,4}[.,;]?[ \n]?){0,12}") {
            check(&text)?;
        }
    }

    fn check(text: &str) -> Result<(), TestCaseError> {
        let workflow = decompose(text);
        let steps = workflow["steps"].as_array().unwrap();
        prop_assert!(!steps.is_empty());
        for step in steps {
            let id = step["id"].as_str().unwrap();
            prop_assert!(id.len() <= 40 && id.starts_with(|c: char| c.is_ascii_alphabetic()), "{id}");
            let template = Template::parse(step["prompt"].as_str().unwrap()).unwrap();
            let said = template.render(&Scope::default(), Insertion::for_prompts()).unwrap();
            for line in said.lines() {
                prop_assert!(text.contains(line), "{line:?} is not of {text:?}");
            }
        }
        Ok(())
    }
}
