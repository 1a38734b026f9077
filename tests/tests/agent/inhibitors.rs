//! Videos and calls, as the inhibitors of desktops tell of them.

use heartbeat_tests::{Agent, rigs::Mock};

use crate::{beats, session::Desk};

const LOGIND: &str = "org.freedesktop.login1.Manager";
const GNOME: &str = "org.gnome.SessionManager";
const KDE: &str = "org.kde.Solid.PowerManagement";
const KDE_AGENT: &str = "org.kde.Solid.PowerManagement.PolicyAgent";
const XFCE: &str = "org.freedesktop.PowerManagement";
const XFCE_INHIBIT: &str = "org.freedesktop.PowerManagement.Inhibit";

const KEPT_ON: &str = "in use: a video or a call";
const IDLE: &str = "not in use: last input";

/// A desk whose user has typed a key and left.
struct Left {
    desk: Desk,
    agent: Agent,
    seen: usize,
}

impl Left {
    async fn start() -> Option<Self> {
        let desk = Desk::start().await?;
        desk.home.configure("idle_after = \"30s\"");
        let mut agent = desk.home.start(&[]);
        agent.wait_for("no input since the agent started").await;
        desk.screen.type_key().await;
        let seen = agent.wait_for("200: recorded").await;
        let seen = agent.wait_for_after(seen, IDLE).await;
        Some(Self { desk, agent, seen })
    }

    /// Lets the agent look; waits until it says `usage`.
    async fn sees(&mut self, usage: &str) {
        let seen = self.desk.look(&mut self.agent, self.seen).await;
        self.seen = self.agent.wait_for_after(seen, usage).await;
    }

    /// Lets logind list an inhibitor.
    async fn list(&self, what: &str, mode: &str, user: u32) {
        let list = format!("[('{what}', 'player', 'video', '{mode}', dbus.UInt32({user}), dbus.UInt32(1))]");
        self.desk.logind.answer(LOGIND, "ListInhibitors", "", "a(ssssuu)", &list).await;
    }
}

async fn xfce(desk: &Desk) -> Mock {
    desk.session.mock(XFCE, "/org/freedesktop/PowerManagement/Inhibit", XFCE_INHIBIT).await
}

#[tokio::test]
async fn a_video_or_a_call_keeps_beating_where_gnome_or_logind_tells() {
    let Some(mut left) = Left::start().await else { return };
    let gnome = left.desk.session.mock(GNOME, "/org/gnome/SessionManager", GNOME).await;
    // It inhibits suspending, not the screen.
    gnome.answer(GNOME, "IsInhibited", "u", "b", "args[0] == 4").await;
    left.sees(IDLE).await;
    assert_eq!(beats(&left.desk.database).await, 1);
    gnome.answer(GNOME, "IsInhibited", "u", "b", "args[0] == 8").await;
    left.sees(KEPT_ON).await;
    assert_eq!(beats(&left.desk.database).await, 2);
    gnome.answer(GNOME, "IsInhibited", "u", "b", "False").await;
    left.sees(IDLE).await;

    let user = rustix::process::geteuid().as_raw();
    left.list("sleep:idle", "block", user).await;
    left.sees(KEPT_ON).await;
    for (what, mode, user) in [("idle", "block", user + 1), ("idle", "delay", user), ("sleep", "block", user)]
    {
        left.list(what, mode, user).await;
        left.sees(IDLE).await;
    }

    left.list("idle", "block", user).await;
    left.sees(KEPT_ON).await;
    // A service that does not answer says nothing, and the agent goes on.
    left.desk.logind.answer(LOGIND, "ListInhibitors", "", "a(ssssuu)", "[]").await;
    gnome.hang().await;
    left.sees(IDLE).await;
}

#[tokio::test]
async fn a_video_or_a_call_keeps_beating_where_kde_or_xfce_tells_and_music_does_not() {
    let Some(mut left) = Left::start().await else { return };
    let xfce = xfce(&left.desk).await;
    xfce.answer(XFCE_INHIBIT, "HasInhibit", "", "b", "False").await;
    left.sees(IDLE).await;
    xfce.answer(XFCE_INHIBIT, "HasInhibit", "", "b", "True").await;
    left.sees(KEPT_ON).await;
    // KDE offers this interface, too, and means music and downloads by it.
    let kde = left.desk.session.mock(KDE, &format!("/{}", KDE_AGENT.replace('.', "/")), KDE_AGENT).await;
    kde.answer(KDE_AGENT, "HasInhibition", "u", "b", "args[0] & 1 != 0").await;
    left.sees(IDLE).await;
    kde.answer(KDE_AGENT, "HasInhibition", "u", "b", "args[0] & 4 != 0").await;
    left.sees(KEPT_ON).await;
}
