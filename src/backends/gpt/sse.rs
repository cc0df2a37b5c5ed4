//! Server-sent events: from bytes in any pieces to the data of each event.
//!
//! <https://html.spec.whatwg.org/multipage/server-sent-events.html>, less what the API does not use
//! (event names repeat the `type` inside the data; ids and retry times are not sent).

/// An event larger than this is dropped, so that memory stays bounded whatever a server sends.
const LARGEST_EVENT: usize = 64 * 1024 * 1024;

/// Cuts a stream into the data of its events.
#[derive(Default)]
pub(super) struct SseReader {
    line: Vec<u8>,
    data: Vec<u8>,
    /// The last byte was a carriage return, whose line feed may still come.
    after_return: bool,
    oversized: bool,
}

impl SseReader {
    /// Takes the next bytes of the stream; adds the data of each event that is whole to `payloads`.
    pub(super) fn feed(&mut self, chunk: &[u8], payloads: &mut Vec<Vec<u8>>) {
        for byte in chunk {
            let is_second_half = *byte == b'\n' && self.after_return;
            self.after_return = *byte == b'\r';
            match byte {
                b'\n' if is_second_half => {}
                b'\n' | b'\r' => self.end_line(payloads),
                _ if self.line.len() + self.data.len() >= LARGEST_EVENT => self.oversized = true,
                byte => self.line.push(*byte),
            }
        }
    }

    /// The stream is over. An event without its blank line is handed out too: whether it is whole
    /// shows when its JSON is read.
    pub(super) fn end(&mut self, payloads: &mut Vec<Vec<u8>>) {
        self.end_line(payloads);
        self.end_event(payloads);
    }

    fn end_line(&mut self, payloads: &mut Vec<Vec<u8>>) {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_prefix("\u{feff}".as_bytes()).unwrap_or(&line);
        if line.is_empty() {
            self.end_event(payloads);
        } else if let Some(value) = line.strip_prefix(b"data:") {
            if !self.data.is_empty() {
                self.data.push(b'\n');
            }
            self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        }
    }

    fn end_event(&mut self, payloads: &mut Vec<Vec<u8>>) {
        let data = std::mem::take(&mut self.data);
        if !std::mem::take(&mut self.oversized) && !data.is_empty() {
            payloads.push(data);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(stream: &[u8], size: usize) -> Vec<String> {
        let (mut reader, mut payloads) = (SseReader::default(), Vec::new());
        stream.chunks(size).for_each(|chunk| reader.feed(chunk, &mut payloads));
        reader.end(&mut payloads);
        payloads.into_iter().map(|data| String::from_utf8_lossy(&data).into_owned()).collect()
    }

    #[test]
    fn line_ends_comments_and_pieces_make_no_difference() {
        let plain = "\u{feff}: hello\n\nevent: x\ndata: {\"a\":\ndata:1}\nid: 3\n\n: ping\n\ndata: tail";
        for stream in [plain.to_owned(), plain.replace('\n', "\r\n"), plain.replace('\n', "\r")] {
            for size in 1..stream.len() {
                assert_eq!(read(stream.as_bytes(), size), ["{\"a\":\n1}", "tail"], "{stream:?} by {size}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_read_the_same(bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\n'), Just(b'\r')], 0..200), size in 1usize..20) {
            prop_assert_eq!(read(&bytes, size), read(&bytes, usize::MAX));
        }
    }
}
