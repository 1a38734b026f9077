//! How requests reach the server: TCP as the HTTP client does by itself, or a Unix socket.

use ureq::{Agent, config::ConfigBuilder, typestate::AgentScope};

use crate::server_url::ServerUrl;

/// Returns an agent with `config` that reaches the server at `url`.
#[cfg(unix)]
pub(crate) fn agent(config: ConfigBuilder<AgentScope>, url: &ServerUrl) -> Agent {
    match url.socket() {
        None => Agent::new_with_config(config.build()),
        Some(path) => unix::agent(config, path.clone()),
    }
}

/// Returns an agent with `config`. On Windows, [`ServerUrl`] has no sockets.
#[cfg(windows)]
pub(crate) fn agent(config: ConfigBuilder<AgentScope>, _: &ServerUrl) -> Agent {
    Agent::new_with_config(config.build())
}

#[cfg(unix)]
mod unix {
    use std::{
        io::{self, Read, Write},
        net::{Ipv4Addr, SocketAddr},
        os::unix::net::UnixStream,
        path::PathBuf,
        time::Duration,
    };

    use rustix::io::Errno;
    use ureq::{
        Agent, Error, Timeout,
        config::{Config, ConfigBuilder},
        http::Uri,
        typestate::AgentScope,
        unversioned::{
            resolver::{ResolvedSocketAddrs, Resolver},
            transport::{Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport},
        },
    };

    pub(super) fn agent(config: ConfigBuilder<AgentScope>, path: PathBuf) -> Agent {
        // A socket is on this machine.
        Agent::with_parts(config.proxy(None).build(), SocketConnector { path }, NoResolver)
    }

    /// Connects to one socket; the URL's host is ignored.
    #[derive(Debug)]
    struct SocketConnector {
        path: PathBuf,
    }

    impl Connector for SocketConnector {
        type Out = SocketTransport;

        fn connect(
            &self,
            details: &ConnectionDetails,
            _: Option<()>,
        ) -> Result<Option<SocketTransport>, Error> {
            let stream = match crate::unix_socket::connect(&self.path) {
                Ok(stream) => stream,
                Err(Errno::AGAIN) => return Err(Error::Timeout(details.timeout.reason)),
                Err(error) => return Err(Error::Io(error.into())),
            };
            stream.set_nonblocking(false)?;
            let buffers =
                LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
            Ok(Some(SocketTransport { stream, buffers }))
        }
    }

    /// No name needs to be looked up.
    #[derive(Debug)]
    struct NoResolver;

    impl Resolver for NoResolver {
        fn resolve(&self, _: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
            let mut addresses = self.empty();
            addresses.push(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)));
            Ok(addresses)
        }
    }

    #[derive(Debug)]
    struct SocketTransport {
        stream: UnixStream,
        buffers: LazyBuffers,
    }

    impl Transport for SocketTransport {
        fn buffers(&mut self) -> &mut dyn Buffers {
            &mut self.buffers
        }

        fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
            self.stream.set_write_timeout(left(timeout))?;
            let output = &self.buffers.output()[..amount];
            self.stream.write_all(output).map_err(|error| explain(error, timeout.reason))
        }

        fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
            self.stream.set_read_timeout(left(timeout))?;
            let buffer = self.buffers.input_append_buf();
            let amount = self.stream.read(buffer).map_err(|error| explain(error, timeout.reason))?;
            self.buffers.input_appended(amount);
            Ok(amount > 0)
        }

        fn is_open(&mut self) -> bool {
            // Connections are not kept.
            false
        }
    }

    fn left(timeout: NextTimeout) -> Option<Duration> {
        timeout.not_zero().map(|left| *left)
    }

    /// Unix reports an expired timeout as "would block" (`socket(7)`, `SO_RCVTIMEO`).
    fn explain(error: io::Error, reason: Timeout) -> Error {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(reason),
            _ => error.into(),
        }
    }
}
