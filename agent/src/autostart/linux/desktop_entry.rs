//! The entry of XDG autostart, for desktops that do not start systemd's `graphical-session.target`.

use std::path::PathBuf;

use super::environment::Environment;

/// File of the entry.
pub(super) fn file(environment: &Environment) -> PathBuf {
    environment.autostart().join("heartbeat-agent.desktop")
}

/// Text of the entry that starts `program`. Where systemd starts what is in these entries, it skips this one: it has the unit.
pub(super) fn text(program: &str) -> String {
    format!(
        "# Written by `heartbeat-agent install`; `heartbeat-agent uninstall` removes it.\n\
         [Desktop Entry]\n\
         Type=Application\n\
         Name=Heartbeat agent\n\
         Comment=Beats while you use this device\n\
         TryExec={}\n\
         Exec={}\n\
         Terminal=false\n\
         NoDisplay=true\n\
         StartupNotify=false\n\
         X-systemd-skip=true\n",
        escape(program),
        escape(&exec(program)),
    )
}

/// Value of `Exec`, before it is escaped as every value is.
fn exec(program: &str) -> String {
    let word = quote(program);
    if program.contains(['=', '%']) {
        // Not allowed in the path of a program, or not understood there: GLib looks for it before it expands `%%`.
        return format!(r#"/bin/sh -c "exec \"\$0\" run --replace" {word}"#);
    }
    format!("{word} run --replace")
}

/// Quotes a word as the Desktop Entry Specification 1.5 asks for, if it needs that.
fn quote(word: &str) -> String {
    if word.chars().all(|character| character.is_alphanumeric() || "/._-+".contains(character)) {
        return word.to_owned();
    }
    let mut quoted = String::from("\"");
    for character in word.chars() {
        match character {
            '"' | '`' | '$' | '\\' => quoted.extend(['\\', character]),
            '%' => quoted.push_str("%%"),
            _ => quoted.push(character),
        }
    }
    quoted + "\""
}

/// Escapes the value of a string.
fn escape(value: &str) -> String {
    value.replace('\\', r"\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_as_the_specification_asks_for() {
        for (program, line) in [
            ("/usr/bin/heartbeat-agent", "Exec=/usr/bin/heartbeat-agent run --replace"),
            ("/a b/c", r#"Exec="/a b/c" run --replace"#),
            ("/100 %/c", r#"Exec=/bin/sh -c "exec \\"\\$0\\" run --replace" "/100 %%/c""#),
            ("/a$b/c", r#"Exec="/a\\$b/c" run --replace"#),
            (r#"/a"\b/c"#, r#"Exec="/a\\"\\\\b/c" run --replace"#),
            ("/a=b/c", r#"Exec=/bin/sh -c "exec \\"\\$0\\" run --replace" "/a=b/c""#),
        ] {
            assert!(text(program).contains(&format!("\n{line}\n")), "{}", text(program));
        }
    }
}
