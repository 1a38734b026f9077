//! The members of bodies that are JSON objects.

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
