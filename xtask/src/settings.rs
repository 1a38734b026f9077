//! The table of settings in `configuration.md`.

use std::fmt::Write;

use heartbeat_core::config::KEYS;

use crate::Part;

pub(crate) fn table() -> Part {
    let mut text = "| Key, flag and variable | What it sets |\n|---|---|\n".to_owned();
    for key in KEYS {
        let names = [
            Some(format!("**`{key}`**")),
            key.short.map(|short| format!("`-{short}`")),
            Some(format!("`--{}`", key.flag())),
            Some(format!("`{}`", key.environment_name())),
        ];
        let names: Vec<String> = names.into_iter().flatten().collect();
        let secret = if key.secret { " No message ever shows its value." } else { "" };
        let choosable =
            if key.choosable { " Where it is not set, you can choose it at `/manage`." } else { "" };
        let default: Vec<String> = key.describe_default().split(' ').map(as_code).collect();
        let (names, help, default) = (names.join("<br>"), escape(key.help), default.join(" "));
        let _ = writeln!(text, "| {names} | {help}.{secret}{choosable}<br>Default: {default} |");
    }
    Part { file: "configuration.md".to_owned(), name: Some("settings"), text }
}

/// Shows as code what could be typed: URLs and numbers.
fn as_code(word: &str) -> String {
    let (word, rest) = word.strip_suffix(';').map_or((word, ""), |word| (word, ";"));
    let typed = word.contains(':') || word.parse::<u32>().is_ok();
    if typed { format!("`{word}`{rest}") } else { format!("{word}{rest}") }
}

/// Keeps angle brackets from being taken for HTML, and bars for the end of a cell.
fn escape(text: &str) -> String {
    text.replace('<', "&lt;").replace('>', "&gt;").replace('|', "\\|")
}
