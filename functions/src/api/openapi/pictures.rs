//! Operations of pictures in the `OpenAPI` document: each kind in each format, with the parameters that `badges/pictures`
//! parses.

use heartbeat_core::badge::{
    color,
    picture::look::{Theme, WIDTHS},
};
use utoipa::openapi::{
    HttpMethod, KnownFormat, OpenApi, PathItem, ResponseBuilder,
    path::{Operation, OperationBuilder, Parameter},
};

use super::badges::{
    COLOR, cache_seconds, choice, device, image, number, parameter, responses as image_responses, text,
};
use crate::badges::{
    Format,
    pictures::{Kind, PARTS, WEEK_STARTS, card, heatmap},
};

/// Adds the operations of pictures to the document.
pub(super) fn add_operations(document: &mut OpenApi) {
    let pictures = [
        (heatmap::ROUTE.paths, "heatmap", "A year as squares, one a day", Kind::Heatmap),
        (card::ROUTE.paths, "card", "Card with the last beat, a timeline and figures", Kind::Card),
    ];
    for (paths, id, summary, kind) in pictures {
        for path in paths {
            let operation = operation(path, id, summary, kind);
            document.paths.paths.insert((*path).to_owned(), PathItem::new(HttpMethod::Get, operation));
        }
    }
}

fn operation(path: &str, id: &str, summary: &str, kind: Kind) -> Operation {
    let format = Format::of(path);
    let (name, variant) = if format == Format::Png { ("PNG", "as PNG") } else { ("SVG", "as SVG") };
    let description = match kind {
        Kind::Heatmap => {
            "The hours in use of each of the last 365 days, in five fixed steps. It shows what others may see of the \
             history, even to the owner. Unknown parameters are ignored, as are those with an empty value, except `label`."
        }
        Kind::Card => {
            "The timeline is that of today where others may see all of the history, and the last seven days where they may \
             see days; else there is none. Unknown parameters are ignored, as are those with an empty value, except `label`."
        }
    };
    let operation = OperationBuilder::new()
        .operation_id(Some(format!("{id}{name}")))
        .tag("badges")
        .summary(Some(format!("{summary}, {variant}")))
        .description(Some(description))
        .parameters(Some(parameters(kind)));
    responses(format, kind)
        .into_iter()
        .fold(operation, |operation, (status, response)| operation.response(status, response))
        .build()
}

fn responses(format: Format, kind: Kind) -> Vec<(&'static str, ResponseBuilder)> {
    let mut responses = image_responses(format, "The picture.");
    if kind == Kind::Heatmap {
        responses
            .push(("403", image(format, "The owner does not show the history to others. A badge says so.")));
    }
    responses
}

fn parameters(kind: Kind) -> Vec<Parameter> {
    let width = number(KnownFormat::Int32, 0).minimum(Some(*WIDTHS.start())).maximum(Some(*WIDTHS.end()));
    let mut parameters = vec![
        device("Id of the device to show. By default, the picture is of all devices."),
        choice(
            "theme",
            "`auto` follows the browser, not the page that the picture stands on; as PNG it is light.",
            &Theme::ALL.map(Theme::name),
        ),
        parameter("color", COLOR, text().pattern(Some(color::PATTERN))),
        parameter("bg", "Background: `transparent`, or a color; by default that of the theme.", text()),
        choice("hide_border", "Whether there is no border.", &["false", "true"]),
        parameter("width", "Width in pixels; the height follows from it.", width),
        parameter("label", "Title, instead of the default; empty for none.", text()),
        cache_seconds(),
    ];
    match kind {
        Kind::Heatmap => parameters.extend([
            choice("week_start", "Day with which weeks begin.", &WEEK_STARTS.map(|(name, _)| name)),
            parameter(
                "year",
                "Year to show, instead of the last 365 days.",
                number(KnownFormat::Int32, 0).minimum(Some(heatmap::FIRST_YEAR)),
            ),
        ]),
        Kind::Card => {
            let description =
                format!("Parts to leave out, with commas between them: `{}`.", PARTS.join("`, `"));
            parameters.push(parameter("hide", &description, text()));
        }
    }
    parameters
}
