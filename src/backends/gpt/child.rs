//! The child: reads a request, makes the call, prints events. Run as `mgr __openai`.
//!
//! It is killed like any agent: SIGTERM ends the process, which closes the connection and
//! stops the bill. It writes nothing but events, and keeps nothing on disk.

use std::{
    io::{self, Read, Write},
    time::Duration,
};

use serde_json::Value;
use ureq::http::{HeaderMap, Response, Uri};

use super::answer::Answer;
use super::request::{GptRequest, Memory};
use super::sse::SseReader;
use super::trouble::{Next, Trouble};
use crate::backends::event_lines::EventPrinter;
use crate::core::{AgentEvent, Category, NoticeLevel, Span, Timestamp};

const PUBLIC_ENDPOINT: &str = "https://api.openai.com/v1";
const TRIES: u32 = 4;
/// The sum of all waits between tries; a limit that lasts longer is the scheduler's business.
const LONGEST_WAIT: Duration = Duration::from_secs(60);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Models think in silence for minutes; a connection that died while the machine slept is silent for ever.
const LONGEST_SILENCE: Duration = Duration::from_secs(15 * 60);
const LARGEST_ERROR_BODY: u64 = 64 * 1024;
/// No limit lasts longer than a year, in seconds; a larger number would leave the calendar.
const LONGEST_LIMIT: f64 = 366.0 * 86_400.0;
const SHORTEST_SECRET: usize = 8;

/// What the child needs of the world, so that tests can stand in for it.
#[derive(Clone, Copy)]
pub struct GptSurroundings<'a> {
    /// Looks an environment variable up.
    pub env: &'a dyn Fn(&str) -> Option<String>,
    pub sleep: &'a dyn Fn(Duration),
    pub now: &'a dyn Fn() -> Timestamp,
}

/// Runs the child; returns its exit code: 0 when the answer was printed, else 1.
pub fn run_gpt_child(input: impl Read, output: impl Write, around: GptSurroundings<'_>) -> i32 {
    let mut printer = EventPrinter(output);
    let ended = match Caller::prepare(input, around) {
        Ok(caller) => caller.converse(&mut printer),
        Err(trouble) => fail(&mut printer, trouble),
    };
    // Output that cannot be written has no reader left to tell.
    i32::from(!ended.unwrap_or(false))
}

fn fail<W: Write>(printer: &mut EventPrinter<W>, trouble: Trouble) -> io::Result<bool> {
    printer.print(&AgentEvent::Failed { category: trouble.category, message: trouble.message }).map(|()| false)
}

/// A request that is ready to be sent.
struct Caller<'a> {
    request: GptRequest,
    agent: ureq::Agent,
    url: String,
    key: String,
    around: GptSurroundings<'a>,
}

impl<'a> Caller<'a> {
    fn prepare(input: impl Read, around: GptSurroundings<'a>) -> Result<Self, Trouble> {
        let request: GptRequest = serde_json::from_reader(input)
            .map_err(|error| Trouble::last(Category::Launch, format!("the request cannot be read: {error}")))?;
        let set = |name: &str| (around.env)(name).map(|v| v.trim().to_owned()).filter(|v| !v.is_empty());
        let key = set(&request.key_env).ok_or_else(|| no_key(&request.key_env, "is not set"))?;
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(no_key(&request.key_env, "has characters that no key has"));
        }
        let base = set(&request.base_url_env).unwrap_or_else(|| PUBLIC_ENDPOINT.to_owned());
        let url = format!("{}/responses", base.trim_end_matches('/'));
        Ok(Self { agent: agent(&url), request, url, key, around })
    }

    /// Asks until there is an answer or no hope; returns whether there was an answer.
    fn converse<W: Write>(&self, printer: &mut EventPrinter<W>) -> io::Result<bool> {
        let (mut memory, mut retries, mut waited) = (Memory::Server, 0, Duration::ZERO);
        loop {
            let trouble = match self.ask(memory, printer)? {
                Ok(finished) => return printer.print(&finished).map(|()| true),
                Err(trouble) => trouble,
            };
            match trouble.next {
                Next::Replay if memory == Memory::Server && !self.request.history.is_empty() => {
                    memory = Memory::Replayed;
                    printer.print(&replay_notice())?;
                }
                Next::TryAgain { after } => {
                    let delay = after.unwrap_or(Duration::from_secs(1 << retries));
                    self.tell_limit(&trouble, after, printer)?;
                    retries += 1;
                    if retries >= TRIES || waited.saturating_add(delay) > LONGEST_WAIT {
                        return fail(printer, trouble);
                    }
                    printer.print(&retrying(&trouble, retries, delay))?;
                    (self.around.sleep)(delay);
                    waited += delay;
                }
                Next::Replay | Next::GiveUp => return fail(printer, trouble),
            }
        }
    }

    fn tell_limit<W: Write>(
        &self,
        trouble: &Trouble,
        after: Option<Duration>,
        printer: &mut EventPrinter<W>,
    ) -> io::Result<()> {
        if trouble.category != Category::RateLimit {
            return Ok(());
        }
        let until = after.map(|after| (self.around.now)().plus(Span::from(after)));
        printer.print(&AgentEvent::RateLimited { until, message: trouble.message.clone() })
    }

    /// Makes one call. The outer error is the printer's.
    fn ask<W: Write>(&self, memory: Memory, printer: &mut EventPrinter<W>) -> io::Result<Result<AgentEvent, Trouble>> {
        let call = self.agent.post(&self.url).header("authorization", format!("Bearer {}", self.key));
        let call = call.header("content-type", "application/json").header("accept", "text/event-stream");
        let ended = match call.send(self.request.body(memory).to_string()) {
            Ok(response) if response.status() == 200 => self.read_stream(response, printer)?,
            Ok(response) => Err(trouble_of_response(response)),
            Err(error) => Err(trouble_of_call(&error)),
        };
        Ok(ended.map_err(|trouble| self.without_key(trouble)))
    }

    fn read_stream<W: Write>(
        &self,
        response: Response<ureq::Body>,
        printer: &mut EventPrinter<W>,
    ) -> io::Result<Result<AgentEvent, Trouble>> {
        let mut answer = Answer::new(&self.request.model, self.request.output_schema.is_some());
        let (mut body, mut sse, mut chunk) = (response.into_body().into_reader(), SseReader::default(), [0; 16 * 1024]);
        let mut cut = None;
        while !answer.is_over() {
            let mut payloads = Vec::new();
            let length = body.read(&mut chunk).unwrap_or_else(|error| {
                cut = Some(Trouble::network(format!("the stream was cut: {error}")));
                0
            });
            match chunk.get(..length) {
                Some(bytes) if length > 0 => sse.feed(bytes, &mut payloads),
                Some(_) | None => sse.end(&mut payloads),
            }
            for payload in payloads {
                let mut events = Vec::new();
                answer.take(&payload, &mut events);
                events.iter().try_for_each(|event| printer.print(event))?;
            }
            if length == 0 {
                break;
            }
        }
        let (is_over, had_text) = (answer.is_over(), answer.has_text());
        let ended = match cut {
            Some(trouble) if !is_over => Err(trouble),
            Some(_) | None => answer.end(),
        };
        // A new request brings a new answer: what was printed of this one must not become its head.
        if had_text && matches!(&ended, Err(Trouble { next: Next::TryAgain { .. }, .. })) {
            printer.print(&AgentEvent::Text { text: String::new(), delta: false })?;
        }
        Ok(ended)
    }

    /// Servers repeat keys in their errors, and errors are kept on disk. A key shorter than any real
    /// one is a stand-in for a server that needs none; its letters occur in every word.
    fn without_key(&self, mut trouble: Trouble) -> Trouble {
        if self.key.len() >= SHORTEST_SECRET {
            trouble.message = trouble.message.replace(&self.key, "******");
        }
        trouble
    }
}

fn no_key(name: &str, what: &str) -> Trouble {
    let hint = format!("set {name} to a key from https://platform.openai.com/api-keys");
    Trouble::last(Category::Auth, format!("{name} {what}: {hint}"))
}

fn agent(url: &str) -> ureq::Agent {
    let mut config = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_per_read(Some(LONGEST_SILENCE))
        .user_agent(concat!("mgr/", env!("CARGO_PKG_VERSION")));
    if is_this_machine(url) {
        config = config.proxy(None);
    }
    config.build().new_agent()
}

/// A server on this machine is never behind a proxy.
fn is_this_machine(url: &str) -> bool {
    let uri: Option<Uri> = url.parse().ok();
    uri.is_some_and(|uri| matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]")))
}

fn replay_notice() -> AgentEvent {
    let text = "the server no longer has this conversation: its earlier turns are sent again".to_owned();
    AgentEvent::Notice { level: NoticeLevel::Info, text }
}

fn retrying(trouble: &Trouble, attempt: u32, delay: Duration) -> AgentEvent {
    let (category, message) = (trouble.category, trouble.message.clone());
    AgentEvent::Retrying { category, attempt, delay_s: Some(delay.as_secs_f64()), message }
}

/// A certificate, an address or a proxy that is wrong stays wrong; all else may pass.
fn trouble_of_call(error: &ureq::Error) -> Trouble {
    let message = format!("the server cannot be reached: {error}");
    match error {
        ureq::Error::Io(_) | ureq::Error::Timeout(_) | ureq::Error::HostNotFound | ureq::Error::Protocol(_) => {
            Trouble::network(message)
        }
        ureq::Error::ConnectionFailed | ureq::Error::ConnectProxyFailed(_) => Trouble::network(message),
        // A foreign enum that grows.
        _ => Trouble::last(Category::Network, message),
    }
}

fn trouble_of_response(response: Response<ureq::Body>) -> Trouble {
    let (status, after) = (response.status().as_u16(), retry_after(response.headers()));
    let request_id = header(response.headers(), "x-request-id").map(str::to_owned);
    let mut body = Vec::new();
    // A body that breaks off still leaves the status to judge by.
    let _ = response.into_body().into_reader().take(LARGEST_ERROR_BODY).read_to_end(&mut body);
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let mut trouble = Trouble::of_error(Some(status), &body["error"], after);
    if let Some(id) = request_id {
        trouble.message.push_str(&format!(" (request {id})"));
    }
    trouble
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The API sends seconds, and milliseconds beside them where it is more exact.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name| header(headers, name)?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms").map(|millis| millis / 1000.0).or_else(|| number("retry-after"))?;
    Duration::try_from_secs_f64(seconds.min(LONGEST_LIMIT)).ok().filter(|_| seconds.is_finite())
}
