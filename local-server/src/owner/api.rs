//! The API of the owner, as the commands use it.

use std::time::Duration;

use heartbeat_core::{Config, config::Bind, token::SecretKey};
use http_body_util::Full;
use hyper::{
    Method, Request, Response, StatusCode,
    body::Bytes,
    header::{AUTHORIZATION, HeaderValue},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::snooze::SnoozeError;
use crate::client::{self, RequestError};

/// Timeout of a response. The server gives up sooner on a database that hangs.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(15);

/// An error of a command of the owner.
#[derive(Debug, thiserror::Error)]
pub(crate) enum OwnerError {
    #[error(
        "secret_key is not set; set it to that of the running server (heartbeat gen-key makes one for a new server)"
    )]
    NoSecretKey,
    #[error("{0}")]
    Request(#[from] RequestError),
    #[error("secret_key is not that of the running server; set it to the same, or start the server again")]
    WrongSecretKey,
    #[error(
        "the running server has no secret_key, or is too old for this command; start it again with this program and secret_key"
    )]
    NoOwner,
    #[error("no device has the id or the name {0:?}; heartbeat devices list shows all")]
    UnknownDevice(String),
    #[error("several devices are called {name:?}: name one by its id, {ids}")]
    AmbiguousName { name: String, ids: String },
    #[error("no {kind} has the id or the name {name:?}; heartbeat {kind}s list shows all")]
    UnknownItem { kind: &'static str, name: String },
    #[error("several {kind}s are called {name:?}: name one by its id, {ids}")]
    AmbiguousItem { kind: &'static str, name: String, ids: String },
    #[error("--set {0:?}: expected a setting and its value, such as topic=anna-b7d1")]
    NoSetting(String),
    #[error("the secret cannot be read: {0}")]
    UnreadableSecret(std::io::Error),
    #[error("{name} is archived, and has no token; heartbeat devices archive {id} --undo brings it back")]
    Archived { name: String, id: i64 },
    #[error("the server answers {status}: {detail}")]
    Refused { status: StatusCode, detail: String },
    #[error("the server's answer cannot be understood; is it of the same version as this program?")]
    Unreadable,
    #[error("remove: nobody can be asked for the name here; --yes erases without asking")]
    NotConfirmable,
    #[error("remove: that is not its name; nothing was erased")]
    NotConfirmed,
    #[error("{0}")]
    Snooze(#[from] SnoozeError),
}

/// A device as its owner sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Device {
    pub(super) id: i64,
    pub(super) name: Option<String>,
    pub(super) visibility: String,
    pub(super) sign_of_life: bool,
    pub(super) archived: bool,
    pub(super) created_at: Option<String>,
    pub(super) last_beat: Option<String>,
    pub(super) num_beats: i64,
}

impl Device {
    /// Returns the time of the last beat.
    pub(super) fn last_beat(&self) -> Option<Timestamp> {
        self.last_beat.as_deref()?.parse().ok()
    }

    /// Returns the name to call it by. Characters that a terminal would obey are left out.
    pub(super) fn shown_name(&self) -> String {
        match &self.name {
            Some(name) => name.chars().filter(|char| !char.is_control()).collect(),
            None => format!("device {}", self.id),
        }
    }
}

/// A device with its token.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Registered {
    pub(super) id: i64,
    pub(super) name: Option<String>,
    pub(super) token: String,
}

/// A pairing code.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pairing {
    pub(super) code: String,
    pub(super) expires_at: String,
}

/// The snooze; without an end, there is none.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Snooze {
    pub(super) until: Option<String>,
    pub(super) note: Option<String>,
}

#[derive(Deserialize)]
struct DeviceList {
    devices: Vec<Device>,
}

/// The API of the server of this configuration.
pub(super) struct Api<'a> {
    bind: &'a Bind,
    key: &'a SecretKey,
}

impl<'a> Api<'a> {
    /// Returns the API of the server of `config`.
    pub(super) fn of(config: &'a Config) -> Result<Self, OwnerError> {
        let key = config.secret_key.as_ref().ok_or(OwnerError::NoSecretKey)?;
        Ok(Self { bind: &config.bind, key })
    }

    pub(super) async fn devices(&self) -> Result<Vec<Device>, OwnerError> {
        let list: DeviceList = self.read(Method::GET, "/api/devices", None).await?;
        Ok(list.devices)
    }

    /// Finds a device by its id, or else by its name. The id that it had before it was moved in counts as well.
    pub(super) async fn find(&self, device: &str) -> Result<Device, OwnerError> {
        if device.parse::<u64>().is_ok() {
            let response = self.send(Method::GET, &format!("/api/devices/{device}"), None).await?;
            if response.status() != StatusCode::NOT_FOUND {
                return read(&response);
            }
        }
        let all = self.devices().await?;
        let named: Vec<Device> = all.into_iter().filter(|it| it.name.as_deref() == Some(device)).collect();
        match named.as_slice() {
            [] => Err(OwnerError::UnknownDevice(device.to_owned())),
            [only] => Ok(only.clone()),
            several => {
                let ids: Vec<String> = several.iter().map(|it| it.id.to_string()).collect();
                Err(OwnerError::AmbiguousName { name: device.to_owned(), ids: ids.join(" or ") })
            }
        }
    }

    pub(super) async fn register(&self, name: &str) -> Result<Registered, OwnerError> {
        self.read(Method::POST, "/api/devices", Some(json!({ "name": name }))).await
    }

    /// Changes a device, and returns it as it is then.
    pub(super) async fn update(&self, id: i64, changes: Value) -> Result<Device, OwnerError> {
        self.read(Method::PATCH, &format!("/api/devices/{id}"), Some(changes)).await
    }

    pub(super) async fn erase(&self, id: i64) -> Result<(), OwnerError> {
        accepted(&self.send(Method::DELETE, &format!("/api/devices/{id}"), None).await?)
    }

    pub(super) async fn replace_token(&self, id: i64) -> Result<Registered, OwnerError> {
        self.read(Method::POST, &format!("/api/devices/{id}/token/generate"), None).await
    }

    pub(super) async fn start_pairing(&self, id: i64) -> Result<Pairing, OwnerError> {
        self.read(Method::POST, &format!("/api/devices/{id}/pairing"), None).await
    }

    pub(super) async fn record_ok(&self) -> Result<(), OwnerError> {
        accepted(&self.send(Method::POST, "/api/ok", None).await?)
    }

    pub(super) async fn snooze(&self) -> Result<Snooze, OwnerError> {
        self.read(Method::GET, "/api/snooze", None).await
    }

    /// Sets the snooze, or ends it, and returns what it is then.
    pub(super) async fn set_snooze(
        &self,
        until: Option<Timestamp>,
        note: Option<&str>,
    ) -> Result<Snooze, OwnerError> {
        let Some(until) = until else {
            accepted(&self.send(Method::DELETE, "/api/snooze", None).await?)?;
            return Ok(Snooze { until: None, note: None });
        };
        let mut body = json!({ "until": until.to_string() });
        if let Some(note) = note {
            body["note"] = note.into();
        }
        self.read(Method::PUT, "/api/snooze", Some(body)).await
    }

    pub(super) async fn read<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<T, OwnerError> {
        read(&self.send(method, path, body).await?)
    }

    /// Sends a request whose answer holds nothing.
    pub(super) async fn order(&self, method: Method, path: &str) -> Result<(), OwnerError> {
        accepted(&self.send(method, path, None).await?)
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Response<Bytes>, OwnerError> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = Request::builder().method(method).uri(path).body(Full::from(body));
        let mut request = request.map_err(|_| OwnerError::Unreadable)?;
        // A key that was parsed is legal in a header, behind any words.
        let mut authorization =
            HeaderValue::from_str(self.key.expose()).map_err(|_| OwnerError::NoSecretKey)?;
        authorization.set_sensitive(true);
        request.headers_mut().insert(AUTHORIZATION, authorization);
        Ok(client::send(self.bind, request, RESPONSE_TIMEOUT).await?)
    }
}

/// Reads what a response holds, if it is one of success.
fn read<T: DeserializeOwned>(response: &Response<Bytes>) -> Result<T, OwnerError> {
    accepted(response)?;
    serde_json::from_slice(response.body()).map_err(|_| OwnerError::Unreadable)
}

/// Checks that a response is one of success.
fn accepted(response: &Response<Bytes>) -> Result<(), OwnerError> {
    match response.status() {
        status if status.is_success() => Ok(()),
        StatusCode::UNAUTHORIZED => Err(OwnerError::WrongSecretKey),
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Err(OwnerError::NoOwner),
        status => {
            let problem: Value = serde_json::from_slice(response.body()).unwrap_or_default();
            let detail = problem["detail"].as_str().unwrap_or("its log may say why").to_owned();
            Err(OwnerError::Refused { status, detail })
        }
    }
}
