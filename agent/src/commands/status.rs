//! `status`: what the agent sees, and why it beats or not.

use std::io;

use crate::{
    clock::Moment,
    config::Config,
    exit::Failure,
    lock, log,
    paths::Paths,
    reason::{local_time, whole},
    report::Report,
    session::SessionState,
};

/// Prints what the running agent last saw, as text or JSON.
pub(super) fn status(paths: &Paths, json: bool) -> Result<(), Failure> {
    Config::load(&paths.config_file())?;
    let lock_file = paths.lock_file();
    let runs = lock::is_held(&lock_file).map_err(|error| Failure::File(lock_file, error))?;
    let report = Report::read(&paths.report_file()).filter(|_| runs).ok_or(Failure::NotRunning)?;
    if json {
        let text = serde_json::to_string_pretty(&report).map_err(io::Error::from);
        log::print(&text.map_err(|error| Failure::File(paths.report_file(), error))?);
    } else {
        for line in describe(&report) {
            log::print(&line);
        }
    }
    Ok(())
}

fn describe(report: &Report) -> Vec<String> {
    let age = whole(report.age(Moment::now().unix));
    let mut lines = vec![
        format!("Server:    {}", report.url),
        format!("Device:    {} (as of {age} ago)", report.usage),
        format!("Source:    {}", report.source.as_deref().unwrap_or("none")),
    ];
    lines.extend(
        report.rejected.iter().map(|other| format!("           not {}: {}", other.kind, other.reason)),
    );
    lines.push(format!("Session:   {}", session(&report.session)));
    lines.extend(report.session.unknown.iter().map(|reason| format!("           {reason}")));
    lines.push(match report.last_beat {
        Some(at) => format!("Last beat: {}", local_time(at)),
        None => "Last beat: none yet".to_owned(),
    });
    if let Some(answer) = &report.last_answer {
        lines.push(format!("Answer:    {} ({})", answer.text, local_time(answer.at)));
    }
    lines.push(format!(
        "Next beat: {}",
        if report.usage.is_use() {
            report.next_beat.to_string()
        } else {
            "when the device is used".to_owned()
        }
    ));
    lines
}

fn session(session: &SessionState) -> String {
    let lock = match (session.locked, &session.locked_by) {
        (Some(true), Some(by)) => format!("locked, as {by} says"),
        (Some(true), None) => "locked".to_owned(),
        (Some(false), _) => "not locked".to_owned(),
        (None, _) => "locked or not: not known".to_owned(),
    };
    let screen = match session.active {
        Some(true) => "; has the screen",
        Some(false) => "; another session has the screen",
        None => "",
    };
    lock + screen
}
