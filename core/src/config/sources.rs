//! What the command line, the environment and the file say, before anybody asks what it means.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::keys::MAX_VIEWERS;
use super::{
    error::ConfigError,
    keys::{KEYS, Key},
};

/// Names in the environment that are read, but are not keys.
const HOME: &str = "HEARTBEAT_HOME";
const CONFIG_FILE: &str = "HEARTBEAT_CONFIG_FILE";

/// What container runtimes put into the environment for a service that happens to be called
/// `heartbeat` (Kubernetes' service variables, Docker's links). Nobody typed these.
const INJECTED: [&str; 2] = ["HEARTBEAT_SERVICE_", "HEARTBEAT_PORT"];

/// How the program was built; the table of this name in the file goes before its top level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Without optimisation, for developers.
    Debug,
    /// For use.
    Release,
}

impl Profile {
    /// The profile of this very build.
    #[must_use]
    pub fn current() -> Self {
        if cfg!(debug_assertions) { Self::Debug } else { Self::Release }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Release => "release",
        }
    }
}

/// What the command line says.
#[derive(Debug, Default)]
pub struct Flags {
    /// Values by the name of their key.
    pub values: BTreeMap<&'static str, String>,
    /// `--config-file`.
    pub config_file: Option<PathBuf>,
}

/// What is around the program.
#[derive(Debug)]
pub struct Environment {
    /// All environment variables.
    pub variables: BTreeMap<OsString, OsString>,
    /// The user's own folder.
    pub user_folder: Option<PathBuf>,
    /// Whether the program runs in a container.
    pub in_container: bool,
    /// How the program was built.
    pub profile: Profile,
}

impl Environment {
    /// The environment of this process.
    #[must_use]
    pub fn of_this_process() -> Self {
        Self {
            variables: std::env::vars_os().collect(),
            user_folder: std::env::home_dir(),
            // Written by Docker and by Podman into every container that they start.
            in_container: ["/.dockerenv", "/run/.containerenv"].iter().any(|file| Path::new(file).exists()),
            profile: Profile::current(),
        }
    }

    /// `HEARTBEAT_HOME`, or `.heartbeat` in the user's own folder, as an absolute path.
    pub(super) fn home(&self) -> Result<PathBuf, ConfigError> {
        let home = match self.variable(HOME) {
            Some(home) => PathBuf::from(home),
            None => self.user_folder.as_ref().ok_or(ConfigError::NoHome)?.join(".heartbeat"),
        };
        std::path::absolute(&home)
            .map_err(|error| ConfigError::File { path: home, problem: error.to_string() })
    }

    /// An environment variable; an empty one counts as unset.
    fn variable(&self, name: &str) -> Option<&OsString> {
        self.variables.get(&OsString::from(name)).filter(|value| !value.is_empty())
    }

    fn refuse_unknown_names(&self) -> Result<(), ConfigError> {
        let known = |name: &str| {
            [HOME, CONFIG_FILE].contains(&name)
                || INJECTED.iter().any(|prefix| name.starts_with(prefix))
                || KEYS.iter().any(|key| key.environment_name() == name)
        };
        let unknown = self
            .variables
            .iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, _)| name.to_string_lossy())
            .find(|name| name.starts_with("HEARTBEAT_") && !known(name));
        unknown.map_or(Ok(()), |name| {
            Err(ConfigError::UnknownKey {
                key: name.into_owned(),
                source_name: "environment".to_owned(),
                known: KEYS.map(Key::environment_name).join(", "),
            })
        })
    }
}

/// The values that were given, by the name of their key, from the one that wins to the one that
/// loses, each with the words that say where it was given.
#[derive(Debug, Default)]
pub(super) struct Sources {
    given: BTreeMap<&'static str, Vec<(String, String)>>,
}

impl Sources {
    pub(super) fn gather(flags: &Flags, environment: &Environment, home: &Path) -> Result<Self, ConfigError> {
        environment.refuse_unknown_names()?;
        let mut sources = Self::default();
        for key in KEYS {
            if let Some(value) = flags.values.get(key.name) {
                sources.add(key, value.clone(), format!("flag --{}", key.flag()));
            }
            let name = key.environment_name();
            if let Some(value) = environment.variable(&name) {
                let source_name = format!("environment variable {name}");
                let value = value.to_str().ok_or_else(|| ConfigError::BadValue {
                    key: key.to_string(),
                    source_name: source_name.clone(),
                    expected: "text in UTF-8",
                    found: None,
                })?;
                sources.add(key, value.to_owned(), source_name);
            }
        }
        let named =
            flags.config_file.clone().or_else(|| environment.variable(CONFIG_FILE).map(PathBuf::from));
        sources.add_file(named.as_deref(), &home.join("config.toml"), environment.profile)?;
        Ok(sources)
    }

    /// Reads the value of `key` that wins, or `None` where nobody gave one, with `parse`.
    pub(super) fn value<T>(
        &self,
        key: &Key,
        parse: impl FnOnce(Option<&str>) -> Result<T, &'static str>,
    ) -> Result<T, ConfigError> {
        let winner = self.given.get(key.name).and_then(|given| given.first());
        parse(winner.map(|(value, _)| value.as_str())).map_err(|expected| ConfigError::BadValue {
            key: key.to_string(),
            source_name: winner.map_or("default", |(_, source_name)| source_name).to_owned(),
            expected,
            // Before an @ in a URL there may be a password, wherever that does not belong.
            found: winner
                .filter(|(value, _)| !key.secret && !value.contains('@'))
                .map(|(value, _)| value.clone()),
        })
    }

    fn add(&mut self, key: &Key, value: String, source_name: String) {
        self.given.entry(key.name).or_default().push((value, source_name));
    }

    fn add_file(
        &mut self,
        named: Option<&Path>,
        default: &Path,
        profile: Profile,
    ) -> Result<(), ConfigError> {
        let path = named.unwrap_or(default);
        let Some(mut top) = read_table(path, named.is_some())? else { return Ok(()) };
        let tables = [Profile::Debug, Profile::Release].map(|each| (each, top.remove(each.name())));
        for (each, table) in tables {
            let place = format!("{}, table [{}]", path.display(), each.name());
            let found = match table {
                None => continue,
                Some(Value::Table(table)) => flatten(table, &place)?,
                Some(_) => return Err(wrong_type(each.name(), &place, "a table")),
            };
            if each == profile {
                for (key, value) in found {
                    self.add(key, value, place.clone());
                }
            }
        }
        let place = path.display().to_string();
        for (key, value) in flatten(top, &place)? {
            self.add(key, value, place.clone());
        }
        Ok(())
    }
}

/// The content of the file at `path`; `None` for a file that is missing and that nobody named.
fn read_table(path: &Path, named: bool) -> Result<Option<Table>, ConfigError> {
    let problem = |problem: String| ConfigError::File { path: path.to_owned(), problem };
    match std::fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => return Err(problem("expected a regular file".to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound && !named => return Ok(None),
        Err(error) if error.kind() == ErrorKind::NotFound => return Err(problem("no such file".to_owned())),
        Err(error) => return Err(problem(error.to_string())),
    }
    let text = std::fs::read_to_string(path).map_err(|error| problem(error.to_string()))?;
    // The parser's own display quotes the line, which may hold a secret: only where and why.
    text.parse().map(Some).map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        problem(format!("line {line}: {}", error.message().lines().next().unwrap_or("not TOML")))
    })
}

/// The keys of a table and of the tables in it, with their values.
fn flatten(table: Table, place: &str) -> Result<Vec<(&'static Key, String)>, ConfigError> {
    let mut found = Vec::new();
    let mut open: Vec<(String, Value)> = table.into_iter().collect();
    while let Some((name, value)) = open.pop() {
        let inner = format!("{name}.");
        match (KEYS.iter().find(|key| key.name == name), value) {
            (Some(key), Value::String(value)) => found.push((*key, value)),
            (Some(key), Value::Integer(number)) if **key == MAX_VIEWERS => {
                found.push((*key, number.to_string()));
            }
            (Some(key), _) => return Err(wrong_type(key.name, place, "a string")),
            (None, value) if KEYS.iter().any(|key| key.name.starts_with(&inner)) => match value {
                Value::Table(table) => {
                    open.extend(table.into_iter().map(|(key, value)| (format!("{inner}{key}"), value)));
                }
                _ => return Err(wrong_type(&name, place, "a table")),
            },
            (None, _) => {
                return Err(ConfigError::UnknownKey {
                    key: name.escape_debug().to_string(),
                    source_name: place.to_owned(),
                    known: KEYS.map(|key| key.name).join(", "),
                });
            }
        }
    }
    Ok(found)
}

fn wrong_type(key: &str, place: &str, expected: &'static str) -> ConfigError {
    ConfigError::BadValue { key: key.to_owned(), source_name: place.to_owned(), expected, found: None }
}
