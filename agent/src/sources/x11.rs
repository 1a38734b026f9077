//! Input at an X server, by its screen saver extension (MIT-SCREEN-SAVER 1.1, `QueryInfo`).

use std::{env, time::Duration};

use x11rb::{connection::Connection, protocol::screensaver::ConnectionExt, rust_connection::RustConnection};

use super::{InputState, Source, Unavailable, wayland::is_wayland_session};
use crate::clock::Moment;

/// Connection to an X server.
#[derive(Debug)]
pub(super) struct X11 {
    connection: RustConnection,
    root: u32,
}

impl X11 {
    /// Connects to the server that `DISPLAY` names.
    pub(super) fn open() -> Result<Self, Unavailable> {
        if is_wayland_session() {
            // Xwayland counts the input of X windows alone.
            return Err(Unavailable(
                "this is a Wayland session; X11 sees only some of its windows".to_owned(),
            ));
        }
        let display = env::var("DISPLAY").unwrap_or_default();
        if !display.starts_with(':') {
            // X11 over ssh is `localhost:10.0`: its input is that of another machine.
            return Err(Unavailable(format!("DISPLAY is {display:?}, which is no display of this machine")));
        }
        let (connection, screen) = RustConnection::connect(None)?;
        let root = connection.setup().roots.get(screen).map(|screen| screen.root);
        let root = root.ok_or_else(|| Unavailable("the X server has no screen".to_owned()))?;
        let mut source = Self { connection, root };
        source.idle()?;
        Ok(source)
    }

    /// Time since the last input.
    fn idle(&mut self) -> Result<Duration, Unavailable> {
        let info = self.connection.screensaver_query_info(self.root)?.reply()?;
        Ok(Duration::from_millis(info.ms_since_user_input.into()))
    }
}

impl Source for X11 {
    fn input_state(&mut self, now: Moment) -> Result<InputState, Unavailable> {
        Ok(InputState { last_input: Some(now.awake.before(self.idle()?)), kept_on: false })
    }
}
