//! Operations of badges in the `OpenAPI` document: each kind in each format, with the parameters that `badges/mod.rs`
//! parses.

use axum::http::header::{ALLOW, CACHE_CONTROL, ETAG, RETRY_AFTER};
use heartbeat_core::badge::{Endpoint, Style, color};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ContentBuilder, HttpMethod, KnownFormat, ObjectBuilder, OpenApi, PathItem, Ref, ResponseBuilder,
        SchemaFormat, Type,
        extensions::Extensions,
        header::Header,
        path::{Operation, OperationBuilder, Parameter, ParameterBuilder, ParameterIn},
    },
};

use crate::{
    badges::{Format, MAX_CACHE_SECONDS, MAX_SCALE, last_seen, total_beats},
    http::{
        error_responses::{allow_header, constant_header, text_header},
        problem::RETRY_AFTER_SECONDS,
    },
};

/// Adds the operations of badges to the document.
pub(super) fn add_operations(document: &mut OpenApi) {
    let badges = [
        (last_seen::ROUTE.paths, "lastSeenBadge", "Badge with the age of the last beat"),
        (total_beats::ROUTE.paths, "totalBeatsBadge", "Badge with the number of beats"),
    ];
    for (paths, id, summary) in badges {
        for path in paths {
            let operation = operation(path, id, summary);
            document.paths.paths.insert((*path).to_owned(), PathItem::new(HttpMethod::Get, operation));
        }
    }
    let schemas = &mut document.components.get_or_insert_default().schemas;
    schemas.insert(Endpoint::name().into_owned(), Endpoint::schema());
}

fn operation(path: &str, id: &str, summary: &str) -> Operation {
    let format = Format::of(path);
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let variant = match format {
        Format::Svg => "as SVG",
        Format::Png => "as PNG",
        Format::Json => "as JSON for the endpoint badge of shields.io",
    };
    let description = "Unknown parameters are ignored, as are those with an empty value, except `label`.";
    let operation = OperationBuilder::new()
        .operation_id(Some(format!("{id}{}", extension.to_uppercase())))
        .tag("badges")
        .summary(Some(format!("{summary}, {variant}")))
        .description(Some(description))
        .parameters(Some(parameters(format)));
    responses(format, "The badge.")
        .into_iter()
        .fold(operation, |operation, (status, response)| operation.response(status, response))
        .build()
}

/// Returns the responses of badges and pictures, with what a 200 is.
pub(super) fn responses(format: Format, description: &str) -> Vec<(&'static str, ResponseBuilder)> {
    let cached = |response: ResponseBuilder| {
        response.header(ETAG.as_str(), etag_header()).header(CACHE_CONTROL.as_str(), cache_control_header())
    };
    let empty = ResponseBuilder::new();
    let page = ContentBuilder::new().schema(Some(String::schema())).build();
    let page = ResponseBuilder::new().content("text/html", page);
    let retry_after = constant_header(RETRY_AFTER_SECONDS);
    let current = "The client has the current one, according to its `If-None-Match`.";
    vec![
        ("200", cached(image(format, description))),
        ("304", cached(empty.description(current))),
        ("400", image(format, "A parameter has an invalid value. A badge says which one.")),
        ("404", image(format, "No device has this id. A badge says so.")),
        (
            "405",
            page.description("Another method. The body is an HTML page.")
                .header(ALLOW.as_str(), allow_header()),
        ),
        (
            "503",
            image(format, "The database is unavailable. A badge says so.")
                .header(RETRY_AFTER.as_str(), retry_after),
        ),
    ]
}

/// Returns a response that is an image. Error responses are badges, too.
pub(super) fn image(format: Format, description: &str) -> ResponseBuilder {
    let (content_type, content) = match format {
        Format::Svg => ("image/svg+xml", ContentBuilder::new().schema(Some(String::schema()))),
        // Bytes have no schema (OpenAPI 3.1, Media Type Object).
        Format::Png => ("image/png", ContentBuilder::new()),
        Format::Json => {
            ("application/json", ContentBuilder::new().schema(Some(Ref::from_schema_name(Endpoint::name()))))
        }
    };
    ResponseBuilder::new().description(description).content(content_type, content.build())
}

fn parameters(format: Format) -> Vec<Parameter> {
    let mut parameters = vec![
        choice("style", "Style of the badge.", &Style::ALL.map(Style::name)),
        parameter("label", "Text on the left, instead of the default; empty for none.", text()),
        parameter("labelColor", COLOR, text().pattern(Some(color::PATTERN))),
        parameter("color", COLOR, text().pattern(Some(color::PATTERN))),
        choice("logo", "Logo before the label.", &["heart", "none"]),
        cache_seconds(),
        device("Id of the device to show. By default, the badge is for all devices."),
    ];
    if format == Format::Png {
        let description = "Scale: pixels in each direction for one unit of the SVG.";
        parameters.push(parameter(
            "scale",
            description,
            number(KnownFormat::Int32, 1).maximum(Some(MAX_SCALE)).default(Some(1.into())),
        ));
    }
    parameters
}

/// Returns the parameter for caches.
pub(super) fn cache_seconds() -> Parameter {
    parameter(
        "cacheSeconds",
        "Seconds for which clients may cache the image. By default, they revalidate it each time.",
        number(KnownFormat::Int32, 0).maximum(Some(MAX_CACHE_SECONDS)),
    )
}

/// Returns the parameter for a device.
pub(super) fn device(description: &str) -> Parameter {
    parameter("device", description, number(KnownFormat::Int64, 0))
}

pub(super) const COLOR: &str = "A color: a name of shields.io, hexadecimal digits with or without `#`, or any other color of CSS, \
    such as `rebeccapurple` or `hsl(120,60%,80%)`.";

pub(super) fn parameter(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .description(Some(description))
        .schema(Some(schema))
        // The builder has no method for this field.
        .extensions(Some(Extensions::from_iter([("allowEmptyValue", true)])))
        .build()
}

/// Returns a parameter that has one of these values, by default the first.
pub(super) fn choice(name: &str, description: &str, values: &[&str]) -> Parameter {
    let schema =
        text().enum_values(Some(values.iter().copied())).default(values.first().map(|value| (*value).into()));
    parameter(name, description, schema)
}

pub(super) fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

pub(super) fn number(format: KnownFormat, minimum: u8) -> ObjectBuilder {
    let format = SchemaFormat::KnownFormat(format);
    ObjectBuilder::new().schema_type(Type::Integer).format(Some(format)).minimum(Some(minimum))
}

fn etag_header() -> Header {
    text_header("Entity tag, to be sent back in `If-None-Match`.")
}

fn cache_control_header() -> Header {
    text_header("`max-age=` and `cacheSeconds`, or without that `no-cache, max-age=0, must-revalidate`.")
}
