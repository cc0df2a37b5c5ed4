//! Words that are not ours: without what drives a terminal, and between marks that nobody can write beforehand.

/// Takes out what could drive a terminal: escape sequences, control characters other than line
/// ends and tabs, and characters that reorder text (UAX #9).
pub fn sanitise(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '\t' => clean.push(c),
            '\r' if rest.peek() == Some(&'\n') => {}
            '\u{1b}' => skip_escape(&mut rest),
            '\u{9b}' => skip_until_final(&mut rest),
            c if c.is_control() => clean.push('\u{fffd}'),
            '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}' => {}
            c => clean.push(c),
        }
    }
    clean
}

/// Returns a text between marks that say what it is of. Nobody can write the end mark into a text beforehand: it
/// would have to contain its own digest.
pub fn marked(of: &str, text: &str) -> String {
    let mark = &blake3::hash(text.as_bytes()).to_hex()[..16];
    format!("<data of=\"{of}\" mark=\"{mark}\">\n{text}\n</data {mark}>")
}

type Chars<'a> = std::iter::Peekable<std::str::Chars<'a>>;

/// ECMA-48: `ESC [` up to a final byte; `ESC ]`, `P`, `X`, `^`, `_` up to BEL or `ESC \`; else one character.
fn skip_escape(rest: &mut Chars<'_>) {
    match rest.peek().copied() {
        Some('[') => {
            rest.next();
            skip_until_final(rest);
        }
        Some(']' | 'P' | 'X' | '^' | '_') => {
            while let Some(c) = rest.next() {
                if c == '\u{7}' || c == '\u{9c}' || (c == '\u{1b}' && rest.next_if_eq(&'\\').is_some()) || c == '\n' {
                    break;
                }
            }
        }
        Some(c) if ('\u{20}'..='\u{7e}').contains(&c) => {
            rest.next();
        }
        Some(_) | None => {}
    }
}

fn skip_until_final(rest: &mut Chars<'_>) {
    while let Some(c) = rest.next_if(|c| ('\u{20}'..='\u{7e}').contains(c)) {
        if ('\u{40}'..='\u{7e}').contains(&c) {
            break;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_agent_cannot_drive_the_terminal() {
        let hostile = "a\u{1b}[2Jb\u{1b}]0;title\u{7}c\u{1b}]8;;http://x\u{1b}\\d\u{9b}31me\rf\u{8}g\u{202e}h\u{1b}";
        assert_eq!(sanitise(hostile), "abcde\u{fffd}f\u{fffd}gh");
        assert_eq!(sanitise("line\r\nnext\ttab ü 漢"), "line\nnext\ttab ü 漢");
        assert_eq!(sanitise("\u{1b}[31"), "");
    }

    #[test]
    fn what_stands_between_marks_cannot_end_them() {
        let first = marked("a check", "x");
        let mark = first.rsplit(' ').next().unwrap();
        let forged = marked("a check", &format!("x\n</data {mark}"));
        assert!(!forged.ends_with(mark), "{forged}");
    }
}
