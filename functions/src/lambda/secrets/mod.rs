//! Secrets in AWS Secrets Manager. A function reads those that it needs when it starts, and again after they were rotated,
//! so that neither its configuration at AWS holds them nor a rotation needs a deployment.
//!
//! - [`manager`]: the client of Secrets Manager.
//! - [`signature`]: signatures of requests to AWS.
//! - [`rotation`]: reading a secret again.

mod manager;
mod rotation;
mod signature;

use std::sync::Arc;

use futures_util::future::try_join_all;
use heartbeat_core::{
    config::{ConfigError, Environment},
    secret::Secret,
};

use super::Error;
use manager::SecretsManager;

/// Variable that names a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Variable {
    name: &'static str,
    /// Variable of the configuration whose value the secret holds.
    stands_for: &'static str,
}

const DATABASE: Variable = Variable { name: "DATABASE_SECRET", stands_for: "HEARTBEAT_DATABASE_DSN" };
const SECRET_KEY: Variable = Variable { name: "SECRET_KEY_SECRET", stands_for: "HEARTBEAT_SECRET_KEY" };
const METRICS_TOKEN: Variable =
    Variable { name: "METRICS_TOKEN_SECRET", stands_for: "HEARTBEAT_METRICS_TOKEN" };
const MAIL: Variable = Variable { name: "MAIL_SECRET", stands_for: "HEARTBEAT_MAIL_URL" };
const WATCHDOG: Variable = Variable { name: "WATCHDOG_SECRET", stands_for: "HEARTBEAT_WATCHDOG_URL" };
const WEBHOOK: Variable = Variable { name: "WEBHOOK_SECRET", stands_for: "HEARTBEAT_WEBHOOK_URL" };

impl Variable {
    /// Returns the secret that `environment` names, unless a value for the configuration is set itself: that one wins,
    /// so that a function on a developer's machine needs no secrets.
    fn secret_named(self, environment: &Environment) -> Option<String> {
        let id =
            environment.variable(self.name).filter(|_| environment.variable(self.stands_for).is_none())?;
        Some(id.to_string_lossy().into_owned())
    }
}

/// One secret, which can be read again.
#[derive(Debug, Clone)]
struct StoredSecret {
    variable: Variable,
    /// Name or ARN.
    id: String,
    manager: Arc<SecretsManager>,
}

impl StoredSecret {
    /// Reads the secret. The error names the variable, and what to do.
    async fn read(&self) -> Result<Secret<String>, Error> {
        let text = self.manager.get(&self.id).await;
        let text = text.map_err(|error| format!("{} (environment variable): {error}", self.variable.name))?;
        // Files that secrets are uploaded from end with a line break.
        Ok(Secret::new(text.expose().trim_end_matches(['\r', '\n']).to_owned()))
    }
}

/// The secrets that this function has read.
#[derive(Debug)]
pub(super) struct Secrets(Vec<(StoredSecret, Secret<String>)>);

impl Secrets {
    /// Reads the secrets that `environment` names, all at the same time, and sets the variables of the configuration
    /// that they stand for.
    pub(super) async fn read_into(environment: &mut Environment) -> Result<Self, Error> {
        let named: Vec<_> = [DATABASE, SECRET_KEY, METRICS_TOKEN, MAIL, WATCHDOG, WEBHOOK]
            .into_iter()
            .filter_map(|variable| Some((variable, variable.secret_named(environment)?)))
            .collect();
        if named.is_empty() {
            return Ok(Self(Vec::new()));
        }
        let manager = Arc::new(SecretsManager::from_environment()?);
        let stored = named.into_iter().map(|(variable, id)| {
            let manager = Arc::clone(&manager);
            StoredSecret { variable, id, manager }
        });
        let read = try_join_all(stored.map(async |secret| {
            let text = secret.read().await?;
            Ok::<_, Error>((secret, text))
        }))
        .await?;
        for (secret, text) in &read {
            environment.variables.insert(secret.variable.stands_for.into(), text.expose().into());
        }
        Ok(Self(read))
    }

    /// Names the secret in an error of the configuration that is about its value.
    pub(super) fn explain(&self, error: ConfigError) -> ConfigError {
        match error {
            ConfigError::BadValue { key, source_name, expected, found } => {
                let is_source = |variable: Variable| source_name.ends_with(variable.stands_for);
                let secret = self.0.iter().map(|(secret, _)| secret.variable).find(|it| is_source(*it));
                let source_name =
                    secret.map_or(source_name, |secret| format!("secret that {} names", secret.name));
                ConfigError::BadValue { key, source_name, expected, found }
            }
            other => other,
        }
    }

    fn find(&self, variable: Variable) -> Option<&(StoredSecret, Secret<String>)> {
        self.0.iter().find(|(secret, _)| secret.variable == variable)
    }
}

#[cfg(test)]
mod tests {
    use heartbeat_core::config::Profile;

    use super::*;

    #[test]
    fn a_value_that_is_set_itself_wins_and_an_empty_one_counts_as_unset() {
        for (dsn, secret, expected) in [
            ("", "heartbeat/database", Some("heartbeat/database")),
            ("postgresql://localhost/db", "heartbeat/database", None),
            ("", "", None),
        ] {
            let variables = [("HEARTBEAT_DATABASE_DSN", dsn), ("DATABASE_SECRET", secret)];
            let environment = Environment {
                variables: variables.into_iter().map(|(name, value)| (name.into(), value.into())).collect(),
                user_folder: None,
                in_container: false,
                profile: Profile::Release,
            };
            assert_eq!(DATABASE.secret_named(&environment).as_deref(), expected);
        }
    }
}
