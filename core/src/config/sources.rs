//! Values as the command line, the environment and the file give them, not parsed yet.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::{
    error::ConfigError,
    key::{Key, Kind},
};

/// Environment variables that are read, but are not keys.
const HOME: &str = "HEARTBEAT_HOME";
const CONFIG_FILE: &str = "HEARTBEAT_CONFIG_FILE";

/// Prefixes of variables that container runtimes inject for a service that happens to be called
/// `heartbeat` (Kubernetes' service variables, Docker's links).
const INJECTED: [&str; 2] = ["HEARTBEAT_SERVICE_", "HEARTBEAT_PORT"];

/// Build profile; the table of this name in the file wins over its top level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Without optimization, for developers.
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

/// The command line.
#[derive(Debug, Default)]
pub struct Flags {
    /// Values by the name of their key.
    pub values: BTreeMap<&'static str, String>,
    /// `--config-file`.
    pub config_file: Option<PathBuf>,
}

/// The environment of the program.
#[derive(Debug)]
pub struct Environment {
    /// All environment variables.
    pub variables: BTreeMap<OsString, OsString>,
    /// The user's home folder.
    pub user_folder: Option<PathBuf>,
    /// Whether the program runs in a container.
    pub in_container: bool,
    /// Build profile.
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

    /// Returns an environment variable; an empty one counts as unset.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&OsString> {
        self.variables.get(&OsString::from(name)).filter(|value| !value.is_empty())
    }

    fn refuse_unknown_names(&self, keys: &[Key]) -> Result<(), ConfigError> {
        let known = |name: &str| {
            [HOME, CONFIG_FILE].contains(&name)
                || INJECTED.iter().any(|prefix| name.starts_with(prefix))
                || keys.iter().any(|key| key.environment_name() == name)
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
                known: keys.iter().map(Key::environment_name).collect::<Vec<_>>().join(", "),
            })
        })
    }
}

/// The values that were given, by the name of their key, in order of precedence, each with the name of its source.
#[derive(Debug)]
pub(super) struct Sources {
    keys: &'static [Key],
    given: BTreeMap<&'static str, Vec<(String, String)>>,
    in_container: bool,
}

impl Sources {
    /// Gathers the values of `keys`. Fails on any other key.
    pub(super) fn gather(
        keys: &'static [Key],
        flags: &Flags,
        environment: &Environment,
        home: &Path,
    ) -> Result<Self, ConfigError> {
        environment.refuse_unknown_names(keys)?;
        let mut sources = Self { keys, given: BTreeMap::new(), in_container: environment.in_container };
        for key in keys {
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

    /// Parses the value of the key called `name`: the one that was given, or its default.
    pub(super) fn value<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Result<T, ConfigError> {
        let key = self.keys.iter().find(|key| key.name == name).expect("a declared key");
        let given = self.given.get(name).and_then(|given| given.first());
        let value = given.map_or(key.default_value(self.in_container), |(value, _)| value.as_str());
        parse(value).map_err(|expected| ConfigError::BadValue {
            key: key.to_string(),
            source_name: given.map_or("default", |(_, source_name)| source_name).to_owned(),
            expected,
            // A URL may hold a password before an @, even in a key that should have none.
            found: given
                .filter(|(value, _)| !key.secret && !value.contains('@'))
                .map(|(value, _)| value.clone()),
        })
    }

    /// Parses the value that was given to the key called `name`; `None` if none was. An empty one takes back what a source
    /// of lower precedence gave.
    pub(super) fn given<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, &'static str>,
    ) -> Result<Option<T>, ConfigError> {
        let given = self.given.get(name).and_then(|given| given.first());
        if given.is_none_or(|(value, _)| value.is_empty()) {
            Ok(None)
        } else {
            self.value(name, parse).map(Some)
        }
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
                Some(Value::Table(table)) => flatten(self.keys, table, &place)?,
                Some(_) => return Err(wrong_type(each.name(), &place, "a table")),
            };
            if each == profile {
                for (key, value) in found {
                    self.add(key, value, place.clone());
                }
            }
        }
        let place = path.display().to_string();
        for (key, value) in flatten(self.keys, top, &place)? {
            self.add(key, value, place.clone());
        }
        Ok(())
    }
}

/// Reads the file at `path`; `None` if the default file is missing.
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
    // The parser's own display quotes the line, which may hold a secret.
    text.parse().map(Some).map_err(|error: toml::de::Error| {
        let line = error.span().map_or(1, |span| text[..span.start].matches('\n').count() + 1);
        problem(format!("line {line}: {}", error.message().lines().next().unwrap_or("not TOML")))
    })
}

/// Returns the keys of a table and of the tables in it, with their values.
fn flatten(
    keys: &'static [Key],
    table: Table,
    place: &str,
) -> Result<Vec<(&'static Key, String)>, ConfigError> {
    let mut found = Vec::new();
    let mut open: Vec<(String, Value)> = table.into_iter().collect();
    while let Some((name, value)) = open.pop() {
        let inner = format!("{name}.");
        match (keys.iter().find(|key| key.name == name), value) {
            (Some(key), value) => {
                let text =
                    as_text(key.kind, value).map_err(|expected| wrong_type(key.name, place, expected))?;
                found.push((key, text));
            }
            (None, value) if keys.iter().any(|key| key.name.starts_with(&inner)) => match value {
                Value::Table(table) => {
                    open.extend(table.into_iter().map(|(key, value)| (format!("{inner}{key}"), value)));
                }
                _ => return Err(wrong_type(&name, place, "a table")),
            },
            (None, _) => {
                return Err(ConfigError::UnknownKey {
                    key: name.escape_debug().to_string(),
                    source_name: place.to_owned(),
                    known: keys.iter().map(|key| key.name).collect::<Vec<_>>().join(", "),
                });
            }
        }
    }
    Ok(found)
}

/// Returns a value of the file as text, if it is of the key's kind; else what was expected.
fn as_text(kind: Kind, value: Value) -> Result<String, &'static str> {
    match (kind, value) {
        (_, Value::String(text)) => Ok(text),
        (Kind::Number, Value::Integer(number)) => Ok(number.to_string()),
        (Kind::Text, _) => Err("a string"),
        (Kind::Number, _) => Err("a number"),
    }
}

fn wrong_type(key: &str, place: &str, expected: &'static str) -> ConfigError {
    ConfigError::BadValue { key: key.to_owned(), source_name: place.to_owned(), expected, found: None }
}
