//! JSON: bodies of requests, and responses as people read them in a terminal.

use axum::{
    http::{HeaderValue, StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::problem::Problem;

/// Returns the members of a body that has to be a JSON object.
pub(crate) fn object(body: &[u8]) -> Result<Map<String, Value>, Problem> {
    serde_json::from_slice(body).map_err(|_| Problem::BadRequest("The body is not a JSON object.".to_owned()))
}

/// Returns the problem of a member that is not of the expected type, such as `a string`.
pub(crate) fn not_a(name: &str, expected: &str) -> Problem {
    Problem::BadRequest(format!("The member \"{name}\" is not {expected}."))
}

/// Returns the problem of a member that the body may not have. Its name, which the client chose, is not repeated.
pub(crate) fn unknown_member(known: &[&str]) -> Problem {
    let known = known.join("\", \"");
    Problem::BadRequest(format!("The body has a member other than \"{known}\"."))
}

/// JSON with a newline at its end. Without one the prompt of a shell would stick to a token that curl prints.
#[derive(Debug)]
pub(crate) struct JsonLine<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for JsonLine<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(mut body) => {
                body.push(b'\n');
                ([(CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
            }
            Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
        }
    }
}
