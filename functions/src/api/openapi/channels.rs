//! Operations on channels in the `OpenAPI` document, of programs that have channels.

use utoipa::OpenApi;

use crate::api::channels::{self, channel, resend, test};

/// Adds the operations on channels to the document.
pub(super) fn add_operations(document: &mut utoipa::openapi::OpenApi) {
    document.merge(Channels::openapi());
}

#[derive(OpenApi)]
#[openapi(paths(
    channels::list,
    channels::add,
    channel::show,
    channel::change,
    channel::delete,
    test::test,
    resend::resend
))]
struct Channels;
