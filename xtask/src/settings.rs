//! The table of settings in `configuration.md`.

use std::fmt::Write;

use heartbeat_core::config::{KEYS, Key};

use crate::Part;

pub(crate) fn table() -> Part {
    let mut text = "| Key, flag and variable | What it sets |\n|---|---|\n".to_owned();
    for key in KEYS {
        let (help, default) = split(key);
        let names = [
            Some(format!("**`{key}`**")),
            key.short.map(|short| format!("`-{short}`")),
            Some(format!("`--{}`", key.flag())),
            Some(format!("`{}`", key.environment_name())),
        ];
        let names: Vec<String> = names.into_iter().flatten().collect();
        let _ = writeln!(text, "| {} | {help}<br>Default: {default} |", names.join("<br>"));
    }
    Part { file: "configuration.md".to_owned(), name: Some("settings"), text }
}

/// What the command line's help says of a key, and the default at its end.
fn split(key: &Key) -> (String, String) {
    let (help, default) = match key.help.split_once(" [default: ") {
        Some((help, default)) => (help, default.trim_end_matches(']')),
        None => (key.help, ""),
    };
    let secret = if key.secret { " No message ever shows its value." } else { "" };
    let default: Vec<String> = default.split(' ').map(as_code).collect();
    (format!("{}.{secret}", escape(help)), default.join(" "))
}

/// Shows as code what somebody could type: addresses and numbers.
fn as_code(word: &str) -> String {
    let (word, rest) = word.strip_suffix(';').map_or((word, ""), |word| (word, ";"));
    let typed = word.contains(':') || word.parse::<u32>().is_ok();
    if typed { format!("`{word}`{rest}") } else { format!("{word}{rest}") }
}

/// Keeps angle brackets from being taken for HTML, and bars for the end of a cell.
fn escape(text: &str) -> String {
    text.replace('<', "&lt;").replace('>', "&gt;").replace('|', "\\|")
}
