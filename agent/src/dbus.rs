//! D-Bus: one connection to each bus for the whole process, found again when it is lost. Calls have a timeout and
//! never start a service.

use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Condvar, Mutex, PoisonError},
    thread,
    time::Duration,
};

use futures_core::Stream;
use serde::Serialize;
use zbus::{
    Connection, DynamicType, Message, MessageStream, OwnedVariant, connection::Builder, message,
    wire::DynamicDeserialize,
};

use crate::log;

/// Timeout of a call, and of the wait for the first connection. The main thread waits for these.
const CALL_TIMEOUT: Duration = Duration::from_secs(1);

/// First delay before a bus is connected to again.
const BACKOFF_MIN: Duration = Duration::from_secs(1);

/// Last one. A bus that is not there may come, such as that of a desktop that starts after the agent.
const BACKOFF_MAX: Duration = Duration::from_mins(1);

/// The bus of the machine, where logind is.
pub(crate) static SYSTEM: Bus = Bus::new("system bus", Builder::system);

/// The bus of the user: `DBUS_SESSION_BUS_ADDRESS`, or `$XDG_RUNTIME_DIR/bus` where that is not set.
pub(crate) static SESSION: Bus = Bus::new("session bus", Builder::session);

/// The bus itself, as a service.
const DRIVER: Object = Object {
    service: "org.freedesktop.DBus",
    path: "/org/freedesktop/DBus",
    interface: "org.freedesktop.DBus",
};

/// A bus, and the connection to it.
#[derive(Debug)]
pub(crate) struct Bus {
    name: &'static str,
    builder: fn() -> Builder<'static>,
    link: Mutex<Link>,
    changed: Condvar,
}

/// State of a connection.
#[derive(Debug)]
enum Link {
    /// The first attempt is under way.
    Connecting,
    /// There is one.
    Connected(Connection),
    /// There is none, and why.
    Lost(String),
}

/// Hears the signals of a bus.
pub(crate) trait Listener {
    /// Match rules of the signals.
    const RULES: &'static [&'static str];

    /// Asks the services for their state, after the connection and whenever a signal says so.
    async fn read(&mut self, connection: &Connection);

    /// Takes a signal; returns whether to ask the services again.
    fn hear(&mut self, signal: &Message) -> bool;

    /// Forgets everything: there is no connection, and `reason` says why.
    fn lose(&mut self, reason: &str);
}

impl Bus {
    const fn new(name: &'static str, builder: fn() -> Builder<'static>) -> Self {
        Self { name, builder, link: Mutex::new(Link::Connecting), changed: Condvar::new() }
    }

    /// Returns the connection, or a sentence that says why there is none.
    pub(crate) fn connection(&self) -> Result<Connection, String> {
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let is_connecting = |link: &mut Link| matches!(link, Link::Connecting);
        let (mut link, _) = self
            .changed
            .wait_timeout_while(link, CALL_TIMEOUT, is_connecting)
            .unwrap_or_else(PoisonError::into_inner);
        if is_connecting(&mut link) {
            // The next caller need not wait again.
            *link = Link::Lost("it does not answer".to_owned());
        }
        match &*link {
            Link::Connected(connection) => Ok(connection.clone()),
            Link::Lost(reason) => Err(format!("no {}: {reason}", self.name)),
            Link::Connecting => Err(format!("no {} yet", self.name)),
        }
    }

    /// Keeps a connection in a thread of its own, and hands its signals to `listener`. Called once for each bus.
    pub(crate) fn listen(&'static self, mut listener: impl Listener + Send + 'static) {
        thread::spawn(move || {
            let mut backoff = BACKOFF_MIN;
            loop {
                let error = zbus::block_on(self.serve(&mut listener, &mut backoff));
                let reason = error.to_string();
                if self.set(Link::Lost(reason.clone())) {
                    log::log(&format!("no {}: {reason}", self.name));
                }
                listener.lose(&reason);
                thread::sleep(backoff);
                backoff = (backoff * 2).min(BACKOFF_MAX);
            }
        });
    }

    /// Serves `listener` until the connection is lost; returns why it was.
    async fn serve(&self, listener: &mut impl Listener, backoff: &mut Duration) -> zbus::Error {
        match self.connect(listener).await {
            Ok((connection, signals)) => {
                *backoff = BACKOFF_MIN;
                hand_on(signals, &connection, listener).await
            }
            Err(error) => error,
        }
    }

    async fn connect<L: Listener>(&self, _: &L) -> zbus::Result<(Connection, MessageStream)> {
        let connection = (self.builder)().method_timeout(CALL_TIMEOUT).build().await?;
        let signals = MessageStream::from(&connection);
        for rule in L::RULES {
            DRIVER.call_owner::<_, ()>(&connection, DRIVER.service, "AddMatch", rule).await?;
        }
        if self.set(Link::Connected(connection.clone())) {
            log::log(&format!("connected to the {}", self.name));
        }
        Ok((connection, signals))
    }

    /// Notes what became of the connection; returns whether that is news.
    fn set(&self, link: Link) -> bool {
        let mut known = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = match (&*known, &link) {
            (Link::Connecting, Link::Connected(_)) => false,
            (Link::Lost(known), Link::Lost(reason)) => known != reason,
            _ => true,
        };
        *known = link;
        self.changed.notify_all();
        is_news
    }
}

async fn hand_on(
    mut signals: MessageStream,
    connection: &Connection,
    listener: &mut impl Listener,
) -> zbus::Error {
    listener.read(connection).await;
    loop {
        match next(&mut signals).await {
            Some(Ok(message)) if message.message_type() == message::Type::Signal => {
                if listener.hear(&message) {
                    listener.read(connection).await;
                }
            }
            Some(Ok(_)) => {}
            Some(Err(error)) => return error,
            None => return zbus::Error::Failure("the connection was closed".to_owned()),
        }
    }
}

/// Waits for the next message; returns `None` when the connection has been closed.
pub(crate) async fn next(messages: &mut MessageStream) -> Option<zbus::Result<Message>> {
    poll_fn(|context| Pin::new(&mut *messages).poll_next(context)).await
}

/// An object of a service, and its interface.
#[derive(Clone, Copy)]
pub(crate) struct Object {
    pub(crate) service: &'static str,
    pub(crate) path: &'static str,
    pub(crate) interface: &'static str,
}

impl Object {
    /// Calls a method, unless the service is not there.
    pub(crate) async fn call<B, R>(
        &self,
        connection: &Connection,
        method: &'static str,
        body: &B,
    ) -> zbus::Result<R>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let owner = self.owner(connection).await?;
        self.call_owner(connection, &owner, method, body).await
    }

    /// Returns the unique name of the service's connection. A call to that starts no service. The flag of D-Bus that
    /// forbids it costs zbus' timeout.
    pub(crate) async fn owner(&self, connection: &Connection) -> zbus::Result<String> {
        DRIVER.call_owner(connection, DRIVER.service, "GetNameOwner", &self.service).await
    }

    /// Returns a property.
    pub(crate) async fn property<T>(&self, connection: &Connection, name: &'static str) -> zbus::Result<T>
    where
        T: TryFrom<OwnedVariant>,
        zbus::Error: From<T::Error>,
    {
        let properties = Self { interface: "org.freedesktop.DBus.Properties", ..*self };
        let value: OwnedVariant = properties.call(connection, "Get", &(self.interface, name)).await?;
        Ok(T::try_from(value)?)
    }

    /// Calls a method of the service if its connection is still the one named `owner`.
    pub(crate) async fn call_owner<B, R>(
        &self,
        connection: &Connection,
        owner: &str,
        method: &'static str,
        body: &B,
    ) -> zbus::Result<R>
    where
        B: Serialize + DynamicType,
        R: for<'d> DynamicDeserialize<'d>,
    {
        let interface = Some(self.interface);
        let reply = connection.call_method(Some(owner), self.path, interface, method, body).await?;
        reply.body().deserialize()
    }
}
