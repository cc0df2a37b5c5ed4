//! Who may come in, and where to. Pure but for the keys, which are drawn from the system.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
};

use crate::os::random;

/// A request before anybody looks into its body.
#[derive(Clone, Debug, Default)]
pub(super) struct Knock<'a> {
    pub method: &'a str,
    pub path: &'a str,
    pub host: Option<&'a str>,
    pub origin: Option<&'a str>,
    /// What the browser says of whoever makes the request (<https://www.w3.org/TR/fetch-metadata/>).
    pub fetch_site: Option<&'a str>,
    pub authorization: Option<&'a str>,
}

/// A file of the page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PageFile {
    pub path: &'static str,
    pub kind: &'static str,
    pub text: &'static str,
}

/// The page; nothing of it is made at run time.
pub(super) const PAGE: &[PageFile] = &[
    PageFile { path: "/", kind: "text/html; charset=utf-8", text: include_str!("page/index.html") },
    PageFile { path: "/app.css", kind: "text/css; charset=utf-8", text: include_str!("page/app.css") },
    script("/app.js", include_str!("page/app.js")),
    script("/dom.js", include_str!("page/dom.js")),
    script("/parts.js", include_str!("page/parts.js")),
    script("/task.js", include_str!("page/task.js")),
    script("/views.js", include_str!("page/views.js")),
    script("/words.js", include_str!("page/words.js")),
];

const fn script(path: &'static str, text: &'static str) -> PageFile {
    PageFile { path, kind: "text/javascript; charset=utf-8", text }
}

/// Where a request leads.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room<'a> {
    /// Open to everybody on this machine: there is no data in it.
    Page(&'static PageFile),
    /// A code for a key.
    Session,
    Call(&'a str),
    Changes,
}

/// Why a request leads nowhere, with the status that says so.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    pub words: &'static str,
}

const LOCKED: Refusal = Refusal { status: 401, words: "locked: type `mgr dashboard` for a link that lets you in" };

/// Returns where the request leads.
pub(super) fn room<'a>(knock: &Knock<'a>, keys: &Keys) -> Result<Room<'a>, Refusal> {
    refuse_strangers(knock)?;
    let needs_key = |room| if knock.key().is_some_and(|key| keys.fit(key)) { Ok(room) } else { Err(LOCKED) };
    match (knock.method, knock.path) {
        ("GET", "/changes") => needs_key(Room::Changes),
        ("POST", "/session") => Ok(Room::Session),
        ("GET", path) => match PAGE.iter().find(|file| file.path == path) {
            Some(file) => Ok(Room::Page(file)),
            None => Err(Refusal { status: 404, words: "there is nothing here" }),
        },
        ("POST", path) => match path.strip_prefix("/api/") {
            Some(tool) => needs_key(Room::Call(tool)),
            None => Err(Refusal { status: 404, words: "there is nothing here" }),
        },
        _ => Err(Refusal { status: 405, words: "only GET and POST" }),
    }
}

/// A site of somebody else may make the browser send requests here: by another name for this address (DNS rebinding),
/// which shows in the host, or from its own page, which shows in the origin.
fn refuse_strangers(knock: &Knock<'_>) -> Result<(), Refusal> {
    let host = knock.host.unwrap_or_default();
    let (name, port) = host.split_once(':').unwrap_or((host, "80"));
    let is_loopback = name == "127.0.0.1" || name.eq_ignore_ascii_case("localhost");
    if !is_loopback || port.parse::<u16>().is_err() {
        return Err(Refusal { status: 403, words: "only by the name 127.0.0.1 or localhost" });
    }
    let is_own = knock.origin.is_none_or(|origin| origin.strip_prefix("http://") == Some(host));
    let is_from_here = knock.fetch_site.is_none_or(|site| ["same-origin", "none"].contains(&site));
    // A link that another page or program shows may lead to the page itself; there is no data in that.
    let is_visit = knock.method == "GET" && knock.path == "/";
    if is_own && (is_from_here || is_visit) {
        Ok(())
    } else {
        Err(Refusal { status: 403, words: "not from another site" })
    }
}

impl Knock<'_> {
    fn key(&self) -> Option<&str> {
        self.authorization?.strip_prefix("Bearer ")
    }
}

/// The keys of browsers that are in, as digests: looking one up tells nothing of another by the time it takes.
#[derive(Default)]
pub(super) struct Keys(Mutex<BTreeSet<[u8; 32]>>);

impl Keys {
    /// Returns a new key, which fits from now on.
    ///
    /// # Errors
    /// The system has no random bits.
    pub fn cut(&self) -> std::io::Result<String> {
        let key = random::secret()?;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(digest(&key));
        Ok(key)
    }

    fn fit(&self, key: &str) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&digest(key))
    }
}

fn digest(key: &str) -> [u8; 32] {
    *blake3::hash(key.as_bytes()).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn knock<'a>(method: &'a str, path: &'a str) -> Knock<'a> {
        Knock { method, path, host: Some("127.0.0.1:7788"), ..Knock::default() }
    }

    fn status(knock: &Knock<'_>) -> u16 {
        room(knock, &Keys::default()).err().map_or(200, |refusal| refusal.status)
    }

    #[test]
    fn the_page_is_open_and_data_needs_a_key() {
        let keys = Keys::default();
        let bearer = format!("Bearer {}", keys.cut().unwrap());
        assert_eq!(room(&knock("GET", "/"), &keys), Ok(Room::Page(&PAGE[0])));
        assert_eq!(room(&knock("POST", "/session"), &keys), Ok(Room::Session));
        let calls =
            [(knock("POST", "/api/task_list"), Room::Call("task_list")), (knock("GET", "/changes"), Room::Changes)];
        for (without, leads_to) in calls {
            assert_eq!(room(&without, &keys), Err(LOCKED));
            for wrong in ["Bearer ", "Bearer 0", "Basic eDp5", &bearer[7..], &bearer.to_uppercase()] {
                assert_eq!(
                    room(&Knock { authorization: Some(wrong), ..without.clone() }, &keys),
                    Err(LOCKED),
                    "{wrong}"
                );
            }
            let with = Knock { authorization: Some(&bearer), ..without };
            assert_eq!(room(&with, &keys), Ok(leads_to));
            // A key of another process opens nothing here.
            assert_eq!(room(&with, &Keys::default()), Err(LOCKED));
        }
    }

    #[test]
    fn other_sites_are_kept_out() {
        let page = || knock("GET", "/app.js");
        assert_eq!(status(&page()), 200);
        let hosts =
            ["", "evil.example", "evil.example:7788", "127.0.0.1.evil.example:7788", "127.0.0.1:1@evil.example"];
        for host in hosts.map(Some).into_iter().chain([None]) {
            assert_eq!(status(&Knock { host, ..page() }), 403, "{host:?}");
        }
        // A tunnel ends at another port.
        for host in ["localhost:9000", "LOCALHOST:9000", "localhost"] {
            assert_eq!(status(&Knock { host: Some(host), ..page() }), 200, "{host}");
        }
        for origin in ["http://evil.example", "https://127.0.0.1:7788", "http://127.0.0.1:7789", "null"] {
            assert_eq!(status(&Knock { origin: Some(origin), ..knock("POST", "/session") }), 403, "{origin}");
        }
        assert_eq!(status(&Knock { origin: Some("http://127.0.0.1:7788"), ..knock("POST", "/session") }), 200);
        for site in ["cross-site", "same-site"] {
            assert_eq!(status(&Knock { fetch_site: Some(site), ..page() }), 403, "{site}");
            assert_eq!(status(&Knock { fetch_site: Some(site), ..knock("GET", "/") }), 200, "a link to the page");
        }
    }

    #[test]
    fn everything_else_leads_nowhere() {
        for (method, path, expected) in [
            ("GET", "/index.html", 404),
            ("GET", "/../../etc/passwd", 404),
            ("GET", "/api/task_list", 404),
            ("POST", "/", 404),
            ("PUT", "/", 405),
            ("OPTIONS", "/api/task_list", 405),
            ("HEAD", "/", 405),
        ] {
            assert_eq!(status(&knock(method, path)), expected, "{method} {path}");
        }
    }
}
