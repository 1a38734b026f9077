//! Writes the parts of the book that follow from the program: the table of settings, the reference of the
//! API, the pictures of badges. `infra/scripts/docs` runs it at the top of the repository.
//!
//! - [`api`]: the reference, from the document that `GET /api/openapi.json` answers.
//! - [`badges`]: badges with fixed figures, and the tables that show them.
//! - [`settings`]: the table of settings, from the table of keys.
//! - [`samples`]: the sample files of a release.
//!
//! A part stands in a page between `<!-- generated: name -->` and `<!-- end of name -->`, or is a file of
//! its own. With `--check` nothing is written, and what is out of date is named.

mod api;
mod badges;
mod samples;
mod settings;

use std::{fs, process::ExitCode};

/// Something that follows from the program.
struct Part {
    /// The file, below `docs`.
    file: String,
    /// Its name in the page; without one it is the whole file.
    name: Option<&'static str>,
    /// What it should be.
    text: String,
}

impl Part {
    /// Its file as it should be.
    fn whole_file(&self) -> Result<String, String> {
        let Some(name) = self.name else { return Ok(self.text.clone()) };
        let path = self.path();
        let page = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        let (start, end) = (format!("<!-- generated: {name} -->\n"), format!("<!-- end of {name} -->"));
        let cut = || {
            let (before, rest) = page.split_once(&start)?;
            let (_, after) = rest.split_once(&end)?;
            Some(format!("{before}{start}\n{}\n\n{end}{after}", self.text.trim()))
        };
        cut().ok_or_else(|| format!("{path} has no place for the part called {name}"))
    }

    fn path(&self) -> String {
        format!("docs/{}", self.file)
    }
}

/// Brings a part up to date; with `check`, only looks whether it is.
fn bring_up_to_date(part: &Part, check: bool) -> Result<(), String> {
    let (path, wanted) = (part.path(), part.whole_file()?);
    match fs::read_to_string(&path) {
        Ok(found) if found == wanted => Ok(()),
        _ if check => Err(format!("{path} is out of date: run 'make docs' and commit what it changes")),
        _ => fs::write(&path, wanted).map_err(|error| format!("{path}: {error}")),
    }
}

#[expect(clippy::print_stderr, reason = "talks to the one who started it")]
fn main() -> ExitCode {
    let check = std::env::args().nth(1).as_deref() == Some("--check");
    let mut parts = vec![settings::table(), api::reference()];
    parts.extend(badges::parts());
    parts.extend(samples::parts());
    let mut problems: Vec<String> =
        parts.iter().filter_map(|part| bring_up_to_date(part, check).err()).collect();
    problems.dedup();
    for problem in &problems {
        eprintln!("{problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
