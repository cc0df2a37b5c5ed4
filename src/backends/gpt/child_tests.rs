//! The child against a scripted server that says what was recorded from the wire.

use std::{
    cell::RefCell,
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::{request::GptRequest, *};
use crate::core::{AgentEvent, Category, NoticeLevel, Timestamp, Tokens, UsageReport, UsageScope};

/// What the server says to one request.
#[derive(Clone)]
struct Reply {
    head: String,
    body: Vec<u8>,
    /// How many bytes go into one chunk of the transfer.
    piece: usize,
    /// Whether the connection ends in the middle of the transfer.
    cut: bool,
}

impl Reply {
    /// Reads `tests/transcripts/gpt/responses-<name>.http`.
    fn recorded(name: &str) -> Self {
        let path = format!("{}/tests/transcripts/gpt/responses-{name}.http", env!("CARGO_MANIFEST_DIR"));
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
        let (head, body) = text.split_once("\n\n").unwrap();
        let head = head.lines().filter(|line| !line.starts_with("Content-Length") && !line.starts_with("Transfer-"));
        let head = head.collect::<Vec<_>>().join("\r\n").replacen("HTTP ", "HTTP/1.1 ", 1);
        Self { head, body: body.into(), piece: usize::MAX, cut: false }
    }

    fn error(status: u16, code: &str) -> Self {
        let body = json!({"error": {"message": code, "type": "invalid_request_error", "param": null, "code": code}});
        Self { head: format!("HTTP/1.1 {status} X"), body: body.to_string().into(), piece: usize::MAX, cut: false }
    }

    fn stream(payloads: &[Value]) -> Self {
        let body: String = payloads.iter().map(|payload| format!("data: {payload}\n\n")).collect();
        Self { head: "HTTP/1.1 200 OK".into(), body: body.into(), piece: usize::MAX, cut: false }
    }

    fn with_header(self, header: &str) -> Self {
        Self { head: format!("{}\r\n{header}", self.head), ..self }
    }

    fn with_body(self, change: impl Fn(String) -> String) -> Self {
        Self { body: change(String::from_utf8(self.body).unwrap()).into(), ..self }
    }

    /// A peer that hangs up early is one of the cases, so failed writes are nobody's fault.
    fn send(&self, mut to: TcpStream) {
        let _ = write!(to, "{}\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n", self.head);
        for piece in self.body.chunks(self.piece.min(self.body.len()).max(1)) {
            let _ = write!(to, "{:x}\r\n", piece.len());
            let _ = to.write_all(piece).and_then(|()| to.write_all(b"\r\n")).and_then(|()| to.flush());
        }
        if !self.cut {
            let _ = to.write_all(b"0\r\n\r\n");
        }
    }
}

/// Returns the base URL of a server that answers one request per reply, and what it was sent.
fn serve(replies: Vec<Reply>) -> (String, mpsc::Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/v1/", listener.local_addr().unwrap());
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for reply in replies {
            let Ok((stream, _)) = listener.accept() else { return };
            let _ = tell.send(read_request(&stream));
            reply.send(stream);
        }
    });
    (base, told)
}

fn read_request(stream: &TcpStream) -> Value {
    let (mut reader, mut length, mut line) = (BufReader::new(stream), 0, String::new());
    let mut headers = Vec::new();
    while reader.read_line(&mut line).unwrap() > 2 {
        let lower = line.trim().to_ascii_lowercase();
        if let Some(value) = lower.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        headers.push(std::mem::take(&mut line).trim().to_owned());
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    assert_eq!(headers[0], "POST /v1/responses HTTP/1.1");
    assert!(headers.iter().any(|h| h.eq_ignore_ascii_case("authorization: Bearer sk-secret-key")), "{headers:?}");
    serde_json::from_slice(&body).unwrap()
}

/// What the child did: its events, its waits, its exit code and what the server was sent.
#[derive(Debug, PartialEq)]
struct Run {
    events: Vec<AgentEvent>,
    slept: Vec<Duration>,
    code: i32,
    sent: Vec<Value>,
}

const NOW: Timestamp = Timestamp(1_795_208_000_000);

fn request() -> GptRequest {
    GptRequest {
        model: "gpt-5.5".into(),
        instructions: None,
        prompt: "hi".into(),
        history: vec![],
        previous_response_id: None,
        output_schema: None,
        effort: None,
        max_output_tokens: None,
        base_url_env: "BASE".into(),
        key_env: "KEY".into(),
    }
}

fn run_in(input: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Run {
    let (slept, mut output) = (RefCell::new(Vec::new()), Vec::new());
    let sleep = |time| slept.borrow_mut().push(time);
    let code = run_gpt_child(input, &mut output, GptSurroundings { env, sleep: &sleep, now: &|| NOW });
    let events = output.split(|b| *b == b'\n').filter(|l| !l.is_empty()).map(|l| serde_json::from_slice(l).unwrap());
    Run { events: events.collect(), slept: slept.take(), code, sent: Vec::new() }
}

fn run_request(request: &GptRequest, replies: Vec<Reply>) -> Run {
    let (base, sent) = serve(replies);
    let env = |name: &str| match name {
        "KEY" => Some(" sk-secret-key\n".to_owned()),
        "BASE" => Some(base.clone()),
        _ => None,
    };
    let run = run_in(&serde_json::to_vec(request).unwrap(), &env);
    Run { sent: sent.try_iter().collect(), ..run }
}

fn events(replies: Vec<Reply>) -> (Vec<AgentEvent>, i32) {
    let run = run_request(&request(), replies);
    (run.events, run.code)
}

fn started(id: &str) -> Vec<AgentEvent> {
    let model = "gpt-5.5".to_owned();
    let session = Some(id.to_owned());
    vec![AgentEvent::Started { session, model: Some(model.clone()), version: None }, AgentEvent::ModelServed { model }]
}

fn text(text: &str) -> AgentEvent {
    AgentEvent::Text { text: text.into(), delta: true }
}

fn reset() -> AgentEvent {
    AgentEvent::Text { text: String::new(), delta: false }
}

fn usage(input: u64, output: u64, cache_read: u64) -> AgentEvent {
    let tokens = Some(Tokens { input, output, cache_read, cache_write: 0 });
    AgentEvent::Usage(UsageReport { scope: UsageScope::Step, tokens, cost: None, model: Some("gpt-5.5".into()) })
}

fn finished(result: &str) -> AgentEvent {
    AgentEvent::Finished { result: Some(result.into()), structured: None, turns: Some(1) }
}

fn failed(category: Category, message: &str) -> AgentEvent {
    AgentEvent::Failed { category, message: message.into() }
}

fn retrying(category: Category, attempt: u32, delay: f64, message: &str) -> AgentEvent {
    AgentEvent::Retrying { category, attempt, delay_s: Some(delay), message: message.into() }
}

fn hello() -> Vec<AgentEvent> {
    let mut events = started("resp_d3ee335b0a55419093c96dca4a2810ed");
    events.push(AgentEvent::Thinking { text: "Thinking about a greeting.".into() });
    events.extend(["Hello from t", "he fake mode", "l. The answe", "r is 42."].map(text));
    events.extend([usage(200, 34, 1000), finished("Hello from the fake model. The answer is 42.")]);
    events
}

#[test]
fn a_stream_becomes_events_whatever_its_line_ends_comments_and_pieces() {
    let plain = Reply::recorded("stream");
    let crlf = plain.clone().with_body(|body| body.replace('\n', "\r\n"));
    let comments = plain.clone().with_body(|body| body.replace("event: ", ": ping\n\nevent: "));
    let in_pieces = |reply: &Reply, piece| Reply { piece, ..reply.clone() };
    let pieces = [in_pieces(&plain, 1), in_pieces(&crlf, 1), in_pieces(&plain, 7), in_pieces(&crlf, 333)];
    for reply in [plain.clone(), crlf.clone(), comments].into_iter().chain(pieces) {
        assert_eq!(events(vec![reply]), (hello(), 0));
    }
}

#[test]
fn an_answer_by_schema_is_given_as_data_too() {
    let given = GptRequest { output_schema: Some(json!({"type": "object"})), ..request() };
    let run = run_request(&given, vec![Reply::recorded("schema")]);
    let result = "{\"verdict\":\"pass\",\"score\":7}";
    let mut expected = started("resp_08839cb9b85d4e3cb52e394e4dc2c9d2");
    expected.extend(["{\"verdic", "t\":\"pass", "\",\"score", "\":7}"].map(text));
    expected.push(usage(1000, 50, 0));
    let structured = Some(json!({"verdict": "pass", "score": 7}));
    expected.push(AgentEvent::Finished { result: Some(result.into()), structured, turns: Some(1) });
    assert_eq!((run.events, run.code), (expected, 0));
    assert_eq!(run.sent[0]["text"]["format"]["schema"], json!({"type": "object"}));
}

#[test]
fn a_cut_stream_is_asked_again_and_the_answer_starts_anew() {
    let cut = Reply { cut: true, ..Reply::recorded("cut") };
    let run = run_request(&request(), vec![cut, Reply::recorded("stream")]);
    let is_text = |event: &&AgentEvent| matches!(event, AgentEvent::Text { .. });
    let texts: Vec<_> = run.events.iter().filter(is_text).cloned().collect();
    let heads = ["This answer is cut ha", "lf way through, so th"].map(text);
    let tails = ["Hello from t", "he fake mode", "l. The answe", "r is 42."].map(text);
    let expected: Vec<_> = heads.into_iter().chain([reset()]).chain(tails).collect();
    assert_eq!(texts, expected);
    let Some(AgentEvent::Retrying { category, attempt: 1, .. }) = run.events.get(5) else { panic!("{:?}", run.events) };
    assert_eq!((*category, run.code, run.slept), (Category::Network, 0, vec![Duration::from_secs(1)]));
    assert!(run.events.ends_with(&hello()), "{:?}", run.events);
}

#[test]
fn a_stream_without_its_terminal_event_fails_though_all_text_came() {
    let mut once = started("resp_7b64ea81b38846449a9cb00c776c401b");
    once.extend(["The final ev", "ent of this ", "stream never", " arrives."].map(text));
    once.push(reset());
    let message = "the stream ended before the answer was complete";
    let mut expected = Vec::new();
    for (attempt, delay) in [(1, 1.0), (2, 2.0), (3, 4.0)] {
        expected.extend(once.clone());
        expected.push(retrying(Category::Network, attempt, delay, message));
    }
    expected.extend(once);
    expected.push(failed(Category::Network, message));
    let run = run_request(&request(), vec![Reply::recorded("no-end"); 5]);
    assert_eq!((run.events, run.code, run.sent.len()), (expected, 1, 4));
    assert_eq!(run.slept, [1, 2, 4].map(Duration::from_secs));
}

#[test]
fn a_failure_inside_a_good_stream_is_a_failure() {
    let message = "Rate limit reached for fake-model in organization org on tokens per min (TPM): Limit 1, Used 1, \
                   Requested 1. Please try again in 1s.";
    let mut expected = started("resp_d2e1c268187e478dbc10f4b94bba59aa");
    expected.push(AgentEvent::RateLimited { until: None, message: message.into() });
    expected.push(retrying(Category::RateLimit, 1, 1.0, message));
    expected.extend(hello());
    assert_eq!(events(vec![Reply::recorded("failed-in-stream"), Reply::recorded("stream")]), (expected, 0));

    let error = json!({"type": "error", "code": "context_length_exceeded", "message": "too long"});
    assert_eq!(events(vec![Reply::stream(&[error])]), (vec![failed(Category::ContextFull, "too long")], 1));
}

#[test]
fn an_incomplete_answer_is_not_an_answer() {
    let mut expected = started("resp_317eb193b2ee49bfacbbafa69f2e62b7");
    expected.extend(["This ans", "wer was ", "too long", " and"].map(text));
    let message = "the answer is incomplete: max_output_tokens";
    expected.extend([usage(1000, 50, 0), failed(Category::OutputLimit, message)]);
    assert_eq!(events(vec![Reply::recorded("incomplete")]), (expected, 1));
}

#[test]
fn a_refusal_is_a_refusal() {
    let part = json!({"type": "refusal", "refusal": "I cannot help with that."});
    let output = json!([{"type": "message", "content": [part]}]);
    let completed = json!({"type": "response.completed", "response": {"output": output}});
    let expected = vec![failed(Category::Refused, "I cannot help with that.")];
    assert_eq!(events(vec![Reply::stream(&[completed])]), (expected, 1));
}

#[test]
fn what_a_person_must_mend_is_not_tried_again() {
    let incorrect = "HTTP 401: Incorrect API key provided: k. You can find your API key in your account page. \
                     (request req_fake0001)";
    let quota = "HTTP 429: You exceeded your current quota, please check your plan and billing details. \
                 (request req_fake0001)";
    let table = [
        (Reply::recorded("401"), Category::Auth, incorrect),
        (Reply::recorded("429-quota"), Category::Quota, quota),
        (Reply::error(402, "pay"), Category::Quota, "HTTP 402: pay"),
        (Reply::error(403, "no"), Category::Auth, "HTTP 403: no"),
        (Reply::error(404, "model_not_found"), Category::InvalidModel, "HTTP 404: model_not_found"),
        (Reply::error(400, "context_length_exceeded"), Category::ContextFull, "HTTP 400: context_length_exceeded"),
        (Reply::error(401, "bad sk-secret-key"), Category::Auth, "HTTP 401: bad ******"),
        (Reply::error(403, "").with_body(|_| "<html>".into()), Category::Auth, "HTTP 403: the server gave no reason"),
    ];
    for (reply, category, message) in table {
        let run = run_request(&request(), vec![reply; 2]);
        assert_eq!((run.events, run.code, run.sent.len()), (vec![failed(category, message)], 1, 1));
    }
}

#[test]
fn a_rate_limit_is_waited_for_as_long_as_the_server_says() {
    let run = run_request(&request(), vec![Reply::recorded("429"), Reply::recorded("stream")]);
    let message = "HTTP 429: Rate limit reached for requests. Please try again in 1.5s. (request req_fake0001)";
    let until = Some(Timestamp(NOW.as_millis() + 2000));
    let mut expected = vec![
        AgentEvent::RateLimited { until, message: message.into() },
        retrying(Category::RateLimit, 1, 2.0, message),
    ];
    expected.extend(hello());
    assert_eq!((run.events, run.slept, run.code), (expected, vec![Duration::from_secs(2)], 0));
}

#[test]
fn a_wait_beyond_the_bound_is_left_to_the_scheduler() {
    for (header, until) in
        [("retry-after: 61", NOW.as_millis() + 61_000), ("retry-after: 1e19", NOW.as_millis() + 366 * 86_400_000)]
    {
        let run = run_request(&request(), vec![Reply::error(429, "slow down").with_header(header)]);
        let message = "HTTP 429: slow down";
        let limited = AgentEvent::RateLimited { until: Some(Timestamp(until)), message: message.into() };
        let expected = vec![limited, failed(Category::RateLimit, message)];
        assert_eq!((run.events, run.slept, run.code), (expected, vec![], 1));
    }
    let thirty = Reply::error(429, "slow down").with_header("retry-after-ms: 25000.0");
    let run = run_request(&request(), vec![thirty; 4]);
    assert_eq!(run.slept, [Duration::from_secs(25); 2], "the sum is bounded, not each wait");
}

#[test]
fn a_server_that_fails_for_ever_is_asked_four_times() {
    let message = "HTTP 500: The server had an error while processing your request. (request req_fake0001)";
    let mut expected: Vec<_> = [(1, 1.0), (2, 2.0), (3, 4.0)]
        .map(|(attempt, delay)| retrying(Category::Overloaded, attempt, delay, message))
        .into();
    expected.push(failed(Category::Overloaded, message));
    let run = run_request(&request(), vec![Reply::recorded("500"); 5]);
    assert_eq!((run.events, run.code, run.sent.len()), (expected, 1, 4));
}

#[test]
fn a_follow_up_names_the_last_response_and_replays_when_it_is_forgotten() {
    let given = GptRequest {
        previous_response_id: Some("resp_1".into()),
        history: vec![("one".into(), "two".into())],
        ..request()
    };
    let known = run_request(&given, vec![Reply::recorded("stream")]);
    assert_eq!((known.events, known.sent[0]["previous_response_id"].as_str()), (hello(), Some("resp_1")));

    let unknown = || Reply::error(400, "previous_response_not_found");
    let replayed = run_request(&given, vec![unknown(), Reply::recorded("stream")]);
    let words = "the server no longer has this conversation: its earlier turns are sent again";
    let mut expected = vec![AgentEvent::Notice { level: NoticeLevel::Info, text: words.into() }];
    expected.extend(hello());
    assert_eq!((replayed.events, replayed.code), (expected, 0));
    assert_eq!(replayed.sent[1]["previous_response_id"], Value::Null);
    assert_eq!(replayed.sent[1]["input"].as_array().map(Vec::len), Some(3));

    let without_history = GptRequest { history: vec![], ..given };
    let lost = run_request(&without_history, vec![unknown()]);
    let message = "HTTP 400: previous_response_not_found";
    assert_eq!((lost.events, lost.code), (vec![failed(Category::SessionNotFound, message)], 1));
}

#[test]
fn nobody_listening_is_a_network_failure_after_bounded_tries() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let env = |name: &str| Some(if name == "KEY" { "k".to_owned() } else { format!("http://127.0.0.1:{port}") });
    let run = run_in(&serde_json::to_vec(&request()).unwrap(), &env);
    let Some(AgentEvent::Failed { category, .. }) = run.events.last() else { panic!("{run:?}") };
    assert_eq!((*category, run.events.len(), run.code), (Category::Network, 4, 1));
}

#[test]
fn a_missing_key_or_request_fails_at_once() {
    let key = |what: &str| {
        let message = format!("KEY {what}: set KEY to a key from https://platform.openai.com/api-keys");
        Run { events: vec![failed(Category::Auth, &message)], slept: vec![], code: 1, sent: vec![] }
    };
    let input = serde_json::to_vec(&request()).unwrap();
    assert_eq!(run_in(&input, &|_| None), key("is not set"));
    assert_eq!(run_in(&input, &|_| Some(" \n".into())), key("is not set"));
    assert_eq!(run_in(&input, &|_| Some("k\u{7f}ey".into())), key("has characters that no key has"));
    let garbage = run_in(b"\xff{", &|_| None);
    let message = "the request cannot be read: expected value at line 1 column 1";
    assert_eq!((garbage.events, garbage.code), (vec![failed(Category::Launch, message)], 1));
}
