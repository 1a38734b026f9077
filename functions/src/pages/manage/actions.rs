//! What the forms about devices and settings do.

use axum::{extract::State, response::Response};
use heartbeat_core::{
    device::{DeviceName, DeviceUpdate, Visibility},
    pairing::PairingCode,
    token::Token,
};
use rand::{rand_core::UnwrapErr, rngs::SysRng};
use time::OffsetDateTime;

use super::{
    Form, SignedIn, error, handover::Handover, see_other, see_other_done, sign_in::SignIn, unknown_form,
    visibility,
};
use crate::{
    App,
    api::devices::{DeviceId, pairing},
    app::Now,
    http::problem::Problem,
};

/// Adds a device, with a token and a code to choose from.
pub(super) async fn add(
    app: &App,
    now: OffsetDateTime,
    sign_in: &SignIn,
    form: &Form,
) -> Result<Response, Problem> {
    let token = Token::generate(&mut UnwrapErr(SysRng));
    let id = app.heartbeat.register(device_name(form)?, &token).await?.id;
    let code = start_pairing(app, id, now).await?;
    Ok(hand_over(sign_in, &Handover::new(id, now, Some(&code), Some(&token))))
}

/// Keeps the settings that the owner chose.
pub(super) async fn choose(app: &App, form: &Form) -> Result<Response, Problem> {
    let choices = visibility::parse(form).map_err(Problem::BadRequest)?;
    app.heartbeat.choose(choices).await?;
    Ok(see_other_done("settings", None))
}

/// Handles a form about one device.
pub(super) async fn of_device(
    _: SignedIn,
    State(app): State<App>,
    Now(now): Now,
    sign_in: SignIn,
    id: Result<DeviceId, Problem>,
    form: Form,
) -> Result<Response, Response> {
    change(&app, now, &sign_in, id, &form).await.map_err(error::page)
}

/// Does what the form says in the field `do`.
async fn change(
    app: &App,
    now: OffsetDateTime,
    sign_in: &SignIn,
    id: Result<DeviceId, Problem>,
    form: &Form,
) -> Result<Response, Problem> {
    let DeviceId(id) = id?;
    // A former id names the device, too.
    let id = app.heartbeat.device(id).await?.id;
    let action = form.field("do");
    match &*action {
        "pair" => {
            let code = start_pairing(app, id, now).await?;
            return Ok(hand_over(sign_in, &Handover::new(id, now, Some(&code), None)));
        }
        "token" => {
            let token = Token::generate(&mut UnwrapErr(SysRng));
            app.heartbeat.replace_token(id, &token).await?;
            return Ok(hand_over(sign_in, &Handover::new(id, now, None, Some(&token))));
        }
        "erase" => {
            app.heartbeat.erase_device(id).await?;
            return Ok(see_other_done("erase", None));
        }
        _ => {}
    }
    app.heartbeat.update_device(id, update(&action, form)?).await?;
    Ok(see_other_done(&action, Some(id)))
}

fn update(action: &str, form: &Form) -> Result<DeviceUpdate, Problem> {
    let unchanged = DeviceUpdate::default();
    Ok(match action {
        "rename" => DeviceUpdate { name: Some(device_name(form)?), ..unchanged },
        "hide" => DeviceUpdate { visibility: Some(Visibility::Hidden), ..unchanged },
        "show" => DeviceUpdate { visibility: Some(Visibility::Public), ..unchanged },
        "sign-of-life" => DeviceUpdate { sign_of_life: Some(true), ..unchanged },
        "no-sign-of-life" => DeviceUpdate { sign_of_life: Some(false), ..unchanged },
        "archive" => DeviceUpdate { archived: Some(true), ..unchanged },
        "unarchive" => DeviceUpdate { archived: Some(false), ..unchanged },
        _ => return Err(unknown_form()),
    })
}

fn device_name(form: &Form) -> Result<DeviceName, Problem> {
    let refused = |problem| Problem::BadRequest(format!("The name is refused: {problem}."));
    DeviceName::parse(&form.field("name")).map_err(refused)
}

/// Gives a device a new pairing code.
async fn start_pairing(app: &App, id: i64, now: OffsetDateTime) -> Result<PairingCode, Problem> {
    let code = PairingCode::generate(&mut UnwrapErr(SysRng));
    app.heartbeat.start_pairing(id, pairing::hash(app, &code, now).await?).await?;
    Ok(code)
}

/// Leads to the page of the device, which shows what was made for it.
fn hand_over(sign_in: &SignIn, handover: &Handover) -> Response {
    let mut response = see_other(&format!("/manage/devices/{}", handover.device));
    if let Some(transport) = sign_in.transport() {
        handover.set(transport, response.headers_mut());
    }
    response
}
