//! Channels and alerts, as the API lists them, and how one of them is named.

use hyper::Method;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::api::{Api, OwnerError};

/// A channel as its owner sees it: the members that are printed.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Channel {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) audience: String,
    pub(super) state: String,
    pub(super) disabled: Option<Failure>,
    pub(super) failing: Option<Failure>,
    pub(super) dead: i64,
}

/// Why nothing arrives through a channel.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Failure {
    pub(super) reason: String,
}

/// An alert as its owner sees it: the members that are printed.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Alert {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) after: String,
    pub(super) channels: Vec<i64>,
    pub(super) state: String,
    pub(super) fires_at: Option<String>,
    pub(super) snoozed_until: Option<String>,
    pub(super) firing: Option<Firing>,
    pub(super) unconfirmed: Vec<String>,
    pub(super) disabled_channels: Vec<String>,
}

/// An alert that fired.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Firing {
    pub(super) fired_at: String,
}

/// What has an id and a name.
pub(super) trait Item: DeserializeOwned {
    /// What it is called in errors; with an s, in paths.
    const KIND: &'static str;

    fn id(&self) -> i64;

    fn name(&self) -> &str;
}

impl Item for Channel {
    const KIND: &'static str = "channel";

    fn id(&self) -> i64 {
        self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

impl Item for Alert {
    const KIND: &'static str = "alert";

    fn id(&self) -> i64 {
        self.id
    }

    fn name(&self) -> &str {
        &self.name
    }
}

/// Returns all items of a kind, as JSON and for people.
pub(super) async fn all<T: Item>(api: &Api<'_>) -> Result<(Value, Vec<T>), OwnerError> {
    let json: Value = api.read(Method::GET, &format!("/api/{}s", T::KIND), None).await?;
    let items = json[format!("{}s", T::KIND)].clone();
    Ok((json, serde_json::from_value(items).map_err(|_| OwnerError::Unreadable)?))
}

/// Finds an item by its id, or else by its name.
pub(super) fn find<'a, T: Item>(items: &'a [T], named: &str) -> Result<&'a T, OwnerError> {
    if let Some(item) = items.iter().find(|item| item.id().to_string() == named) {
        return Ok(item);
    }
    let matching: Vec<&T> = items.iter().filter(|item| item.name() == named).collect();
    match matching.as_slice() {
        [] => Err(OwnerError::UnknownItem { kind: T::KIND, name: named.to_owned() }),
        [only] => Ok(only),
        several => {
            let ids: Vec<String> = several.iter().map(|item| item.id().to_string()).collect();
            Err(OwnerError::AmbiguousItem { kind: T::KIND, name: named.to_owned(), ids: ids.join(" or ") })
        }
    }
}

/// Returns text without the characters that a terminal would obey.
pub(super) fn shown(text: &str) -> String {
    text.chars().filter(|char| !char.is_control()).collect()
}
