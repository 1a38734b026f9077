//! What the document says of badges: each in every format, with the parameters that `badges/mod.rs` reads.

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
    badges::{CACHE_SECONDS_MAX, Format, SCALE_MAX, last_seen, total_beats},
    http::{
        error_responses::{allow, always, described},
        problem::RETRY_AFTER_SECONDS,
    },
};

/// Adds the badges to the document.
pub(super) fn describe(document: &mut OpenApi) {
    let badges = [
        (last_seen::ROUTE.paths, "lastSeenBadge", "How long ago the last beat was"),
        (total_beats::ROUTE.paths, "totalBeatsBadge", "How many beats there were"),
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
    let shown = match format {
        Format::Svg => "as a drawing (SVG)",
        Format::Png => "as pixels (PNG)",
        Format::Json => "in words, for shields.io's endpoint badge",
    };
    let about =
        "Parameters with other names are passed over, and so are those without a value, but for `label`.";
    let operation = OperationBuilder::new()
        .operation_id(Some(format!("{id}{}", extension.to_uppercase())))
        .tag("badges")
        .summary(Some(format!("{summary}, {shown}")))
        .description(Some(about))
        .parameters(Some(parameters(format)));
    responses(format)
        .into_iter()
        .fold(operation, |operation, (status, response)| operation.response(status, response))
        .build()
}

fn responses(format: Format) -> [(&'static str, ResponseBuilder); 6] {
    let answer = |description| answer(format, description);
    let cached = |response: ResponseBuilder| {
        response.header(ETAG.as_str(), tag()).header(CACHE_CONTROL.as_str(), caching())
    };
    let nothing = ResponseBuilder::new();
    let page = ContentBuilder::new().schema(Some(String::schema())).build();
    let page = ResponseBuilder::new().content("text/html", page);
    let wait = always(RETRY_AFTER_SECONDS);
    [
        ("200", cached(answer("The badge."))),
        (
            "304",
            cached(nothing.description("The client has the badge already, as its `If-None-Match` says.")),
        ),
        ("400", answer("A parameter has a value that it cannot have. The badge says which.")),
        ("404", answer("There is no such device. The badge says so.")),
        ("405", page.description("Another method: a page that says so.").header(ALLOW.as_str(), allow())),
        ("503", answer("The database is away. The badge says so.").header(RETRY_AFTER.as_str(), wait)),
    ]
}

/// An answer that is a badge, whatever its status.
fn answer(format: Format, description: &str) -> ResponseBuilder {
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
        choice("style", "The shape.", &Style::ALL.map(Style::name)),
        parameter("label", "What the badge says the figure is; empty for no label.", text()),
        parameter("labelColor", COLOR, text().pattern(Some(color::PATTERN))),
        parameter("color", COLOR, text().pattern(Some(color::PATTERN))),
        choice("logo", "Whether there is a heart before the label.", &["heart", "none"]),
        parameter(
            "cacheSeconds",
            "For how long a client may keep the badge, in seconds. Without it, it is to ask again each time.",
            number(KnownFormat::Int32, 0).maximum(Some(CACHE_SECONDS_MAX)),
        ),
        parameter("device", "The id of the one device to show.", number(KnownFormat::Int64, 0)),
    ];
    if format == Format::Png {
        let about = "How many pixels there are, in each direction, for one of the drawing's.";
        parameters.push(parameter(
            "scale",
            about,
            number(KnownFormat::Int32, 1).maximum(Some(SCALE_MAX)).default(Some(1.into())),
        ));
    }
    parameters
}

const COLOR: &str = "A colour: one of shields.io's names, or hexadecimal digits with or without `#`. Whatever \
    else CSS has for a colour, such as `rebeccapurple` or `hsl(120,60%,80%)`, is taken as well.";

fn parameter(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .description(Some(description))
        .schema(Some(schema))
        // The library has no name for this one.
        .extensions(Some(Extensions::from_iter([("allowEmptyValue", true)])))
        .build()
}

/// A parameter that has one of these values, by default the first.
fn choice(name: &str, description: &str, values: &[&str]) -> Parameter {
    let schema =
        text().enum_values(Some(values.iter().copied())).default(values.first().map(|value| (*value).into()));
    parameter(name, description, schema)
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

fn number(format: KnownFormat, least: u8) -> ObjectBuilder {
    let format = SchemaFormat::KnownFormat(format);
    ObjectBuilder::new().schema_type(Type::Integer).format(Some(format)).minimum(Some(least))
}

fn tag() -> Header {
    described("What the client can ask again with, in `If-None-Match`.")
}

fn caching() -> Header {
    described("`no-cache, max-age=0, must-revalidate`, or `max-age=` what `cacheSeconds` says.")
}
