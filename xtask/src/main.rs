//! Generator of the documentation that follows from the program: the table of settings, the reference of the
//! API, the images of badges. `infra/scripts/docs` runs it in the root of the repository.
//!
//! - [`api`]: the reference of the API, from its `OpenAPI` document.
//! - [`badges`]: badges with fixed values, and the tables that show them.
//! - [`pictures`]: a heatmap and a card of an invented year.
//! - [`settings`]: the table of settings, from the table of keys.
//! - [`command_line`]: completions for shells, and man pages.
//! - [`samples`]: sample files of a release.
//!
//! A part is in a page between `<!-- generated: name -->` and `<!-- end of name -->`, or is a file of
//! its own. With `--check` nothing is written; files that are out of date are errors. With `command-line` and a folder,
//! completions and man pages of `heartbeat` are written there instead, for the archive of a release.

mod api;
mod badges;
mod command_line;
mod pictures;
mod samples;
mod settings;

use std::{fs, path::Path, process::ExitCode};

/// Generated part of the documentation.
struct Part {
    /// File below `docs`.
    file: String,
    /// Name of the part in the page; `None` if it is the whole file.
    name: Option<&'static str>,
    /// Generated text.
    text: String,
}

impl Part {
    /// Returns the file with this part up to date.
    fn whole_file(&self) -> Result<String, String> {
        let Some(name) = self.name else { return Ok(self.text.clone()) };
        let path = self.path();
        let page = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let (start, end) = (format!("<!-- generated: {name} -->\n"), format!("<!-- end of {name} -->"));
        let replace_part = || {
            let (before, rest) = page.split_once(&start)?;
            let (_, after) = rest.split_once(&end)?;
            Some(format!("{before}{start}\n{}\n\n{end}{after}", self.text.trim()))
        };
        replace_part().ok_or_else(|| format!("{path} has no place for the part called {name}"))
    }

    fn path(&self) -> String {
        format!("docs/{}", self.file)
    }
}

/// Writes a part that is out of date; with `check`, returns an error instead.
fn update(part: &Part, check: bool) -> Result<(), String> {
    let (path, expected) = (part.path(), part.whole_file()?);
    match fs::read_to_string(&path) {
        Ok(found) if found == expected => Ok(()),
        _ if check => Err(format!("{path} is out of date: run 'make docs' and commit what it changes")),
        _ => fs::write(&path, expected).map_err(|error| format!("{path}: {error}")),
    }
}

#[expect(clippy::print_stderr, reason = "reports errors on the command line")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, folder] = arguments.as_slice()
        && command == "command-line"
    {
        let written = command_line::write(Path::new(folder));
        return written.map_or_else(
            |error| {
                eprintln!("{folder}: {error}");
                ExitCode::FAILURE
            },
            |()| ExitCode::SUCCESS,
        );
    }
    let check = arguments.first().map(String::as_str) == Some("--check");
    let mut parts = vec![settings::table(), api::reference()];
    parts.extend(badges::parts());
    parts.extend(pictures::parts());
    parts.extend(samples::parts());
    let mut problems: Vec<String> = parts.iter().filter_map(|part| update(part, check).err()).collect();
    problems.dedup();
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
