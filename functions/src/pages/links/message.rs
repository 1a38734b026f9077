//! What the pages of links say: before the button is pressed, and after.
//!
//! They are read by friends, too, and by all to whom a message was forwarded: they name the server, and nothing else of
//! the owner's.

use heartbeat_core::{
    Error,
    alert::LinkedFiring,
    channel::{OwnedChannel, UNSUBSCRIBED},
    link::{Link, LinkAction},
};

use crate::App;

/// What a page says.
pub(super) struct Message {
    /// In the title of the window.
    pub(super) title: &'static str,
    /// The heading, with the name of the server in its middle if it has one.
    pub(super) heading: Heading,
    pub(super) text: &'static str,
    /// What the button says; `None` if there is nothing to do.
    pub(super) button: Option<&'static str>,
}

/// A heading around the name of the server.
pub(super) struct Heading {
    pub(super) before: &'static str,
    pub(super) after: &'static str,
}

/// What there is to do with a link.
enum Standing {
    /// Its button does something.
    Open,
    /// It was done already.
    Done,
    /// It does nothing any more.
    Over,
    /// It came with a test, and does nothing.
    Test,
}

/// Returns what a page says before its button is pressed. Changes nothing.
pub(super) async fn before(app: &App, link: Link) -> Result<Message, Error> {
    let standing = match link.action {
        LinkAction::Ok => of_firing(&app.heartbeat.linked_firing(link).await?),
        LinkAction::Reached => of_reached(&app.heartbeat.linked_firing(link).await?),
        LinkAction::Confirm => of_channel(app, link, is_confirmed).await?,
        LinkAction::Unsubscribe => of_channel(app, link, is_unsubscribed).await?,
    };
    Ok(match standing {
        Standing::Open => question(link.action),
        Standing::Done => done(link.action),
        Standing::Over => over(link.action),
        Standing::Test => test(),
    })
}

/// Does what the link is for. Returns what the page says then.
pub(super) async fn after(app: &App, link: Link) -> Result<Message, Error> {
    let heartbeat = &app.heartbeat;
    let is_done = match link.action {
        LinkAction::Ok | LinkAction::Reached => {
            let firing = match link.action {
                LinkAction::Ok => heartbeat.ok_by_link(link).await?,
                _ => heartbeat.reached(link).await?,
            };
            if firing == LinkedFiring::Test {
                return Ok(test());
            }
            firing != LinkedFiring::Over
        }
        LinkAction::Confirm => heartbeat.confirm_channel(link).await?,
        LinkAction::Unsubscribe => heartbeat.unsubscribe_channel(link).await?,
    };
    Ok(if is_done { done(link.action) } else { over(link.action) })
}

fn of_firing(firing: &LinkedFiring) -> Standing {
    match firing {
        LinkedFiring::Open { .. } => Standing::Open,
        LinkedFiring::Over => Standing::Over,
        LinkedFiring::Test => Standing::Test,
    }
}

fn of_reached(firing: &LinkedFiring) -> Standing {
    match firing {
        LinkedFiring::Open { reached_at: Some(_), .. } => Standing::Done,
        other => of_firing(other),
    }
}

/// Returns the standing of a link about a channel, which is done where `is_done` says so.
async fn of_channel(app: &App, link: Link, is_done: fn(&OwnedChannel) -> bool) -> Result<Standing, Error> {
    Ok(match app.heartbeat.linked_channel(link).await? {
        Some(channel) if is_done(&channel) => Standing::Done,
        Some(_) => Standing::Open,
        None => Standing::Over,
    })
}

fn is_confirmed(channel: &OwnedChannel) -> bool {
    channel.confirmed_at.is_some() && !is_unsubscribed(channel)
}

fn is_unsubscribed(channel: &OwnedChannel) -> bool {
    channel.disabled.as_ref().is_some_and(|failure| failure.reason == UNSUBSCRIBED)
}

fn message(title: &'static str, heading: [&'static str; 2], text: &'static str) -> Message {
    let [before, after] = heading;
    Message { title, heading: Heading { before, after }, text, button: None }
}

fn question(action: LinkAction) -> Message {
    let (message, button) = match action {
        LinkAction::Ok => (
            message(
                "Are you well?",
                ["Are you well? ", " wants to know"],
                "Your devices have been silent for long. If you are well, say so: all who were told of it are told that, \
                 and the clocks of your alerts start again from now. It is no heartbeat, and strangers do not see it.",
            ),
            "I’m fine",
        ),
        LinkAction::Reached => (
            message(
                "Have you reached them?",
                ["Have you reached the person behind ", "?"],
                "If you have talked to them, or know that they are well, say so. The others who were told hear of it from \
                 us, and you get no reminders for 12 hours.",
            ),
            "I have reached them",
        ),
        LinkAction::Confirm => (
            message(
                "Do these messages reach you?",
                ["", " wants to tell you something, if need be"],
                "The person behind it names you to be told when their devices have been silent for so long that something \
                 may be wrong. Say that these messages reach you, so that they know. You need no account, and can end it \
                 at any time.",
            ),
            "Yes, they reach me",
        ),
        LinkAction::Unsubscribe => (
            message(
                "No more messages",
                ["No more messages from ", "?"],
                "You will not be told any more when the devices of the person behind it are silent for long. They learn \
                 that you want no messages.",
            ),
            "Send me no more",
        ),
    };
    Message { button: Some(button), ..message }
}

fn done(action: LinkAction) -> Message {
    match action {
        LinkAction::Ok => message(
            "Noted: you are well",
            ["", " has noted that you are well"],
            "All who were told that your devices are silent are told so now. The clocks of your alerts have started again.",
        ),
        LinkAction::Reached => message(
            "Noted: you have reached them",
            ["Thank you from ", ""],
            "It is noted that they were reached. The others who were told hear of it. There are no reminders for 12 hours.",
        ),
        LinkAction::Confirm => message(
            "Confirmed",
            ["Thank you from ", ""],
            "It is noted that these messages reach you. There is nothing more to do.",
        ),
        LinkAction::Unsubscribe => message(
            "No more messages",
            ["", " sends you no more messages"],
            "Nothing more is sent to you. The person behind it learns of that, so that they can name another.",
        ),
    }
}

fn over(action: LinkAction) -> Message {
    match action {
        LinkAction::Ok => message(
            "Nothing to do any more",
            ["", " knows already"],
            "What this link is about is over: a heartbeat has arrived since, or you have said that you are well.",
        ),
        LinkAction::Reached => message(
            "Nothing to do any more",
            ["", " knows already"],
            "What this link is about is over: there has been a sign of life since.",
        ),
        LinkAction::Confirm | LinkAction::Unsubscribe => message(
            "Nothing to do any more",
            ["", " sends you nothing"],
            "The person behind it has taken you off the list. There is nothing more to do.",
        ),
    }
}

fn test() -> Message {
    message(
        "Only a test",
        ["", " has sent you a test"],
        "The message was a test, so there is nothing to do. In earnest, there is one button here.",
    )
}
