//! HTTP on loopback. The only module that names hyper.

use std::{
    convert::Infallible,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http_body_util::{BodyExt, Full, Limited, channel::Channel, combinators::UnsyncBoxBody};
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Frame, Incoming, SizeHint},
    header::{self, HeaderMap, HeaderName, HeaderValue},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::TcpStream;

use super::{
    desk::{Desk, words},
    door::{Keys, Knock, Refusal, Room, room},
    internal,
    places::{Place, Places, Working},
};
use crate::{
    engine::DashboardPost,
    ops::{Code, OpError},
    os::{clock, peer},
    surface::signals::Ending,
};

/// How long a dashboard stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stay {
    /// Somebody looks at it in a terminal.
    UntilAsked,
    /// Nobody would miss it: it ends when no page has been open for ten minutes.
    WhileUsed,
}

const UNUSED: Duration = Duration::from_secs(600);
/// Somebody may ask for the end at any time; a notification of that may be lost.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const LARGEST_BODY: usize = 256 << 10;
/// A request's head has to be there by then.
const LONGEST_HEAD: Duration = Duration::from_secs(10);
/// So has its body.
const LONGEST_BODY: Duration = Duration::from_secs(10);
/// Whoever has not shown a key by then makes room for others.
const LONGEST_WITHOUT_KEY: Duration = Duration::from_secs(30);
/// A browser has six. With more than these whoever has nothing to say makes room for others.
const CONNECTIONS: usize = 64;
/// Changes come in swarms: a page is told of a swarm once.
const SWARM: Duration = Duration::from_millis(120);
/// Tells both ends that the other one is there.
const PULSE: Duration = Duration::from_secs(15);

/// For every answer: nothing is kept, guessed, framed or loaded from elsewhere, and no script or style that is not a
/// file of the page counts.
const HEADERS: [(&str, &str); 7] = [
    ("cache-control", "no-store"),
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
];

type Body = UnsyncBoxBody<Bytes, Infallible>;

struct Shared {
    desk: Desk,
    post: DashboardPost,
    keys: Keys,
    use_of_it: Use,
}

/// Serves until it is asked to end; `ready` is called once a signal would be an orderly end.
///
/// # Errors
/// The runtime cannot be made, or the address cannot be listened on.
pub(super) fn serve(
    listener: std::net::TcpListener,
    desk: Desk,
    post: DashboardPost,
    stay: Stay,
    ready: impl FnOnce(),
) -> Result<(), OpError> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(internal)?;
    let shared = Arc::new(Shared { desk, post, keys: Keys::default(), use_of_it: Use::new() });
    let ended = runtime.block_on(async {
        listener.set_nonblocking(true).map_err(internal)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(internal)?;
        let ending = Ending::heed();
        ready();
        tokio::select! {
            never = accept(listener, shared.clone()) => match never {},
            () = ending.comes() => Ok(()),
            ended = end_of(&shared, stay) => ended,
        }
    });
    shared.post.leave();
    // Whatever still runs is safe to cut off anywhere: that is what the store is built for.
    runtime.shutdown_background();
    ended
}

/// Returns once the dashboard is to end.
async fn end_of(shared: &Shared, stay: Stay) -> Result<(), OpError> {
    let engine = shared.desk.engine()?;
    let mut happenings = engine.happenings();
    loop {
        if shared.post.is_to_end() || (stay == Stay::WhileUsed && shared.use_of_it.rests_for(UNUSED)) {
            return Ok(());
        }
        if let Err(error) = shared.post.mend() {
            tracing::warn!(%error, "the dashboard's file is not as it should be");
        }
        // Running out of patience is as good a reason to look as a change.
        let _ = tokio::time::timeout(LOOK_EVERY, happenings.changed()).await;
    }
}

async fn accept(listener: tokio::net::TcpListener, shared: Arc<Shared>) -> Infallible {
    let places = Places::new(CONNECTIONS);
    loop {
        match listener.accept().await {
            Ok((stream, _)) if is_from_here(&stream) => {
                let place = places.take().await;
                tokio::spawn(converse(stream, shared.clone(), place));
            }
            Ok(_) => {}
            // No descriptor was left, or the other end has gone: neither is helped by haste.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

/// The loopback address is everybody's on this machine; the dashboard is its owner's.
fn is_from_here(stream: &TcpStream) -> bool {
    match (stream.local_addr(), stream.peer_addr()) {
        (Ok(SocketAddr::V4(here)), Ok(SocketAddr::V4(there))) => !peer::is_stranger(here, there),
        _ => false,
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>, place: Place) {
    let service = service_fn(|request| {
        let (shared, place) = (shared.clone(), &place);
        async move {
            let working = place.begin();
            let (head, body) = answer(&shared, request, place).await.into_parts();
            Ok::<_, Infallible>(Response::from_parts(head, Answer { body, _working: working }))
        }
    });
    let mut connection = http1::Builder::new();
    connection.timer(TokioTimer::new()).header_read_timeout(LONGEST_HEAD);
    let mut talk = pin!(connection.serve_connection(TokioIo::new(stream), service));
    let whole = async {
        // A page that is closed in the midst of an answer is no fault.
        let early = tokio::time::timeout(LONGEST_WITHOUT_KEY, talk.as_mut()).await;
        if early.is_err() && place.has_key() {
            let _ = talk.await;
        }
    };
    tokio::select! {
        () = whole => {}
        () = place.is_lost() => {}
    }
}

/// A body that is not wholly written yet: until then its connection is at work.
struct Answer {
    body: Body,
    _working: Working,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

async fn answer(shared: &Arc<Shared>, request: Request<Incoming>, place: &Place) -> Response<Body> {
    let _used = shared.use_of_it.begin();
    let (head, body) = request.into_parts();
    // What is there twice, or is no text, is nobody's: no browser sends that.
    let text = |name: HeaderName| {
        let mut values = head.headers.get_all(name).iter();
        let first = values.next()?;
        Some(if values.next().is_none() { first.to_str().unwrap_or("?") } else { "?" })
    };
    // A target with a host of its own is meant for a proxy, and that host would count.
    let host = if head.uri.authority().is_some() { None } else { text(header::HOST) };
    let knock = Knock {
        method: head.method.as_str(),
        path: head.uri.path(),
        host,
        origin: text(header::ORIGIN),
        fetch_site: text(HeaderName::from_static("sec-fetch-site")),
        authorization: text(header::AUTHORIZATION),
    };
    let room = room(&knock, &shared.keys);
    if matches!(room, Ok(Room::Call(_) | Room::Changes)) {
        place.show_key();
    }
    match room {
        Ok(Room::Page(file)) => written(StatusCode::OK, file.kind, file.text.to_owned()),
        Ok(Room::Session) => let_in(shared, body).await,
        Ok(Room::Call(tool)) => call(shared, tool, body).await,
        Ok(Room::Changes) => changes(shared.clone()),
        Err(refusal) => refused(&refusal),
    }
}

/// Gives a key for a code.
async fn let_in(shared: &Shared, body: Incoming) -> Response<Body> {
    let body: Option<Value> = read(body).await.ok().and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let code = body.as_ref().and_then(|body| body["code"].as_str());
    if !code.is_some_and(|code| shared.post.admits(code)) {
        let words = "this link was used before or is too old: `mgr dashboard` makes another";
        return refused(&Refusal { status: 401, words });
    }
    match shared.keys.cut() {
        Ok(key) => {
            let body = json!({ "key": key, "version": env!("CARGO_PKG_VERSION") });
            written(StatusCode::OK, JSON, body.to_string())
        }
        Err(_) => refused(&Refusal { status: 500, words: "the system gives no random bits for a key" }),
    }
}

async fn call(shared: &Shared, tool: &str, body: Incoming) -> Response<Body> {
    let answer = match read(body).await {
        Ok(input) => shared.desk.answer(tool, &input).await,
        Err(error) => Err(error),
    };
    match answer {
        Ok(text) => written(StatusCode::OK, JSON, text),
        Err(error) => written(status_of(error.code), JSON, words(&error)),
    }
}

async fn read(body: Incoming) -> Result<Bytes, OpError> {
    let read = tokio::time::timeout(LONGEST_BODY, Limited::new(body, LARGEST_BODY).collect()).await;
    let read = read.map_err(|_| OpError::invalid("the call's body did not come in time"))?;
    read.map(http_body_util::Collected::to_bytes).map_err(|error| OpError::invalid(format!("the call's body: {error}")))
}

/// Tells of every change until the page has gone.
fn changes(shared: Arc<Shared>) -> Response<Body> {
    let (mut sender, body) = Channel::new(4);
    tokio::spawn(async move {
        let _used = shared.use_of_it.begin();
        let Ok(engine) = shared.desk.engine() else { return };
        let mut happenings = engine.happenings();
        let mut count = 0_u64;
        let mut line = format!("data: {count}\n\n");
        // The sender fails once nobody reads any more.
        while sender.send_data(Bytes::from(line)).await.is_ok() {
            line = match tokio::time::timeout(PULSE, happenings.changed()).await {
                Ok(_) => {
                    tokio::time::sleep(SWARM).await;
                    happenings.borrow_and_update();
                    count += 1;
                    format!("data: {count}\n\n")
                }
                Err(_) => ": still here\n\n".to_owned(),
            };
        }
    });
    response(StatusCode::OK, "text/event-stream", body.boxed_unsync())
}

const JSON: &str = "application/json";

const fn status_of(code: Code) -> StatusCode {
    match code {
        Code::InvalidInput | Code::Ambiguous => StatusCode::BAD_REQUEST,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Conflict => StatusCode::CONFLICT,
        Code::BackendMissing | Code::Blocked => StatusCode::UNPROCESSABLE_ENTITY,
        Code::DiskFull | Code::StoreDamaged | Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn refused(refusal: &Refusal) -> Response<Body> {
    let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::FORBIDDEN);
    let code = match status {
        StatusCode::UNAUTHORIZED => "locked",
        StatusCode::NOT_FOUND => Code::NotFound.as_str(),
        StatusCode::INTERNAL_SERVER_ERROR => Code::Internal.as_str(),
        _ => "refused",
    };
    let error = json!({ "code": code, "message": refusal.words, "retryable": false, "hints": [] });
    written(status, JSON, json!({ "error": error }).to_string())
}

fn written(status: StatusCode, kind: &'static str, text: String) -> Response<Body> {
    response(status, kind, Full::new(Bytes::from(text)).boxed_unsync())
}

fn response(status: StatusCode, kind: &'static str, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}

/// Whether somebody uses the dashboard, and since when nobody does.
struct Use {
    open: AtomicUsize,
    last: Mutex<Instant>,
}

impl Use {
    fn new() -> Self {
        Self { open: AtomicUsize::new(0), last: Mutex::new(clock::steady()) }
    }

    fn begin(&self) -> Using<'_> {
        self.open.fetch_add(1, Ordering::SeqCst);
        Using(self)
    }

    fn rests_for(&self, time: Duration) -> bool {
        let last = *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.open.load(Ordering::SeqCst) == 0 && clock::steady().duration_since(last) >= time
    }
}

struct Using<'a>(&'a Use);

impl Drop for Using<'_> {
    fn drop(&mut self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = clock::steady();
        self.0.open.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_open_is_a_use() {
        let of_it = Use::new();
        assert!(of_it.rests_for(Duration::ZERO) && !of_it.rests_for(Duration::from_secs(3600)));
        let open = of_it.begin();
        assert!(!of_it.rests_for(Duration::ZERO));
        drop(open);
        assert!(of_it.rests_for(Duration::ZERO));
    }
}
