//! The dashboard: a page for a person, over HTTP on loopback.
//!
//! Decides nothing about tasks: a call of the page becomes the input of a row of the table, as one of an AI client does.
//!
//! Theory of operation: one process a home ([`crate::engine::DashboardPost`]). [`server`] speaks HTTP and is the only
//! place that names its crates; [`door`] says who may come in and is pure, [`places`] who leaves
//! when there are too many; [`desk`] runs the row. The page (`page/`) is
//! part of the program and has no data in it. A person comes in with a code that counts once, and gets a key that
//! lives as long as this process, in its memory and in the storage of the tab. The key travels in a header that no
//! other site can send, so there is nothing to forge; there are no cookies.

mod desk;
mod door;
mod places;
mod server;

use std::net::{Ipv4Addr, TcpListener};

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};

use crate::{
    config::Environment,
    engine::{Dashboard, DashboardPost, DashboardState, Engine},
    ops::{Code, OpError},
    ui::Ui,
};

pub(super) fn command() -> Command {
    let port = Arg::new("port")
        .long("port")
        .value_name("PORT")
        .value_parser(value_parser!(u16))
        .default_value("0")
        .help("Port on 127.0.0.1, for a tunnel; any free one when 0");
    Command::new("serve")
        .about("Serve the dashboard in this terminal, until Ctrl-C")
        .after_help(
            "Over a tunnel:\n  mgr dashboard serve --port 7788      # there\n  ssh -L 7788:127.0.0.1:7788 HOST     # here",
        )
        .arg(port.action(ArgAction::Set))
}

/// Serves in this terminal until a signal comes or `mgr dashboard stop` asks for the end.
///
/// # Errors
/// Another dashboard serves this home, or the port is taken.
pub(super) fn serve(matches: &ArgMatches, env: Environment, ui: &Ui, wants_json: bool) -> Result<(), OpError> {
    let port = matches.get_one::<u16>("port").copied().unwrap_or_default();
    let house = House::open(env, port)?;
    let link = house.post.link(&house.state)?;
    house.serve(server::Stay::UntilAsked, || {
        // A reader that has gone away is no reason to end.
        let _ = ui.answer(&if wants_json { serde_json::json!({ "url": link }).to_string() } else { link });
        ui.say("The link lets one browser in, once. Ctrl-C ends the dashboard; tasks go on.");
    })
}

/// The body of `mgr __dashboard`: serves until nobody has looked for a while. Returns at once when another one serves.
///
/// # Errors
/// The address cannot be had.
pub(super) fn serve_in_background(env: Environment) -> Result<(), OpError> {
    House::open(env, 0)?.serve(server::Stay::WhileUsed, || {})
}

/// A dashboard before its door is opened.
struct House {
    env: Environment,
    listener: TcpListener,
    post: DashboardPost,
    state: DashboardState,
}

impl House {
    fn open(env: Environment, port: u16) -> Result<Self, OpError> {
        let engine = Engine::open(env.clone(), None)?;
        let Some(mut post) = engine.take_dashboard_post()? else {
            let url = match engine.dashboard_now() {
                Dashboard::At(state) => format!(" at {}", state.url),
                Dashboard::Mute | Dashboard::Gone => String::new(),
            };
            return Err(OpError::new(Code::Conflict, format!("a dashboard serves this home already{url}"))
                .hint("`mgr dashboard` makes a link to it, `mgr dashboard stop` ends it"));
        };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
            OpError::new(Code::Conflict, format!("cannot listen on 127.0.0.1:{port}: {error}"))
                .hint("choose another --port, or leave it out for any free one")
        })?;
        let address = listener.local_addr().map_err(internal)?;
        let state = post.announce(format!("http://{address}/"))?;
        Ok(Self { env, listener, post, state })
    }

    fn serve(self, stay: server::Stay, ready: impl FnOnce()) -> Result<(), OpError> {
        server::serve(self.listener, desk::Desk::new(self.env), self.post, stay, ready)
    }
}

fn internal(error: std::io::Error) -> OpError {
    OpError::new(Code::Internal, error.to_string())
}
