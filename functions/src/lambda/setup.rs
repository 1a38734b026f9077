//! Setup of a function: its configuration and its secrets, read once when it starts.

use std::sync::Arc;

use heartbeat_core::{
    Config,
    config::{Database, Environment, Flags},
    database::{Session, SharedSession, Target},
    runtime::Runtime,
    stream::{GatewayStream, Places},
};

use super::{Error, required, secrets::Secrets};
use crate::{App, app::system_clock, background, logging};

/// Variable of the configuration without which there is no database: functions that need none are given none.
const DATABASE_DSN: &str = "HEARTBEAT_DATABASE_DSN";

/// Variable of the configuration without which links lead to where a request came through.
const LIVE_URL: &str = "HEARTBEAT_LIVE_URL";

/// What all parts of a function are made of.
#[derive(Debug)]
pub(crate) struct Setup {
    /// Configuration, which comes from the environment, and from the secrets that the environment names.
    pub(crate) config: Config,
    /// Database that the configuration names.
    pub(crate) database: Target,
    /// Whether `live_url` is configured.
    pub(super) has_live_url: bool,
    has_database: bool,
    secrets: Secrets,
}

impl Setup {
    /// Starts logging, then reads secrets and configuration. Fails if a secret cannot be read, or the configuration is
    /// invalid; Lambda then starts the function anew with the next request.
    pub(crate) async fn load() -> Result<Self, Error> {
        logging::start()?;
        let mut environment = Environment::of_this_process();
        let secrets = Secrets::read_into(&mut environment).await?;
        let config = Config::load(&Flags::default(), &environment)
            .map_err(|error| secrets.explain(error).to_string())?;
        let Database::Server(options) = &config.database else {
            return Err(
                "database.dsn: a Lambda function needs the URL of a PostgreSQL, not the word embedded".into(),
            );
        };
        let mut database = Target::new(options.expose().clone(), config.database_pooler);
        if let Some(secret) = secrets.database(system_clock) {
            database = database.renewed_by(Arc::new(secret));
        }
        let has_live_url = environment.variable(LIVE_URL).is_some();
        let has_database = environment.variable(DATABASE_DSN).is_some();
        Ok(Self { config, database, has_live_url, has_database, secrets })
    }

    /// Returns the dependencies of a function, built once for all its invocations. Nothing may run after a response is
    /// sent: Lambda freezes the process then.
    pub(crate) fn app(&self) -> App {
        let configured = background::subscriptions(&self.config, Runtime::Lambda);
        let app = App::start(&self.database, self.config.clone(), Runtime::Lambda, configured);
        if let Some(key) = self.secrets.owner_key() {
            app.renew_owner_key_from(key);
        }
        if self.has_database { app } else { app.without_visits() }
    }

    /// Returns the viewers at API Gateway, as the database has them, for functions that need no [`App`].
    pub(crate) fn stream(&self) -> GatewayStream {
        let session = Session::new(self.database.clone(), system_clock, Runtime::Lambda);
        GatewayStream::new(SharedSession::new(session))
    }

    /// Returns the places of those viewers. `CLIENT_IP_KEY` keys the numbers that stand for client IPs: a text that is the
    /// same for all functions, and that the database does not hold.
    pub(crate) fn places(&self) -> Result<Places, Error> {
        Ok(Places::new(self.config.max_viewers, &required("CLIENT_IP_KEY")?))
    }
}
