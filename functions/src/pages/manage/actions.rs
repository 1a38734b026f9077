//! What the forms about devices and settings do.

use axum::{extract::State, response::Response};
use heartbeat_core::{
    device::{DeviceName, DeviceUpdate, OwnedDevice, Visibility},
    pairing::PairingCode,
    token::Token,
};
use rand::{rand_core::UnwrapErr, rngs::SysRng};
use time::OffsetDateTime;

use super::{
    Form, SignedIn, error, handover::Handover, see_other, see_other_done, sign_in::SignIn, snooze,
    unknown_form, visibility,
};
use crate::{
    App,
    api::devices::{DeviceId, pairing},
    app::Now,
    http::problem::Problem,
};

/// Adds a device, with a token and a code to choose from. Once it is added, its token must be shown, even if no code can be
/// made: the page offers to make one.
pub(super) async fn add(
    app: &App,
    now: OffsetDateTime,
    sign_in: &SignIn,
    form: &Form,
) -> Result<Response, Problem> {
    let token = Token::generate(&mut UnwrapErr(SysRng));
    let id = app.heartbeat.register(device_name(form)?, &token).await?.id;
    let code = start_pairing(app, id, now).await.ok();
    Ok(hand_over(sign_in, &Handover::new(id, 0, code.as_ref(), Some(&token))))
}

/// Keeps the settings that the owner chose.
pub(super) async fn choose(app: &App, form: &Form) -> Result<Response, Problem> {
    let choices = visibility::parse(form).map_err(Problem::BadRequest)?;
    app.heartbeat.choose(choices).await?;
    Ok(see_other_done("settings", None))
}

/// Sets the snooze.
pub(super) async fn snooze(app: &App, now: OffsetDateTime, form: &Form) -> Result<Response, Problem> {
    let timezone = app.heartbeat.settings().await?.effective().timezone;
    let snooze = snooze::parse(form, &timezone, now).map_err(Problem::BadRequest)?;
    app.heartbeat.set_snooze(Some(snooze)).await?;
    Ok(see_other_done("snooze", None))
}

/// Ends the snooze.
pub(super) async fn end_snooze(app: &App) -> Result<Response, Problem> {
    app.heartbeat.set_snooze(None).await?;
    Ok(see_other_done("end-snooze", None))
}

/// Records that the owner is well.
pub(super) async fn record_ok(app: &App) -> Result<Response, Problem> {
    app.heartbeat.record_ok().await?;
    Ok(see_other_done("ok", None))
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
    let OwnedDevice { id, num_beats, .. } = app.heartbeat.device(id).await?;
    let action = form.field("do");
    match &*action {
        "pair" => {
            let code = start_pairing(app, id, now).await?;
            return Ok(hand_over(sign_in, &Handover::new(id, num_beats, Some(&code), None)));
        }
        "token" => {
            let token = Token::generate(&mut UnwrapErr(SysRng));
            app.heartbeat.replace_token(id, &token).await?;
            // The old token may have beaten until now. Whether that can be read or not, the new token must be shown.
            let num_beats = app.heartbeat.device(id).await.map_or(num_beats, |device| device.num_beats);
            return Ok(hand_over(sign_in, &Handover::new(id, num_beats, None, Some(&token))));
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
