//! Instructions per operation, counted by valgrind and held against `tests/budgets.toml`. Run it with
//! `infra/scripts/instructions`.
//!
//! Time depends on the machine and on what else runs on it; the number of instructions hardly does. valgrind shows
//! programs a processor of its own, so that even the variants of `memcpy` and SHA-256 are the same everywhere.
//!
//! - [`callgrind`]: a program under valgrind.
//! - [`fixture`]: a database for each operation, and the environment of what runs on it.
//! - [`relay`]: what hands the answers of the database on.
//! - [`section`]: the part of a program that is counted.
//! - [`operations`]: operations within one process: routes, batches, the configuration.
//! - [`server`]: operations of the server as a whole: its start, and frames to viewers.
//!
//! This is not gungraun, which does the same for functions: its runner is a second program to compile, in the same
//! version; its limits are one-sided; and what is counted here are sections of a process that has warmed up, or differences
//! of whole servers, where it counts functions from their first instruction.
//!
//! Arguments name the operations to count; without any, all of them are. `--update` writes what was counted into the file.

mod callgrind;
mod fixture;
mod operations;
mod relay;
mod section;
mod server;

use std::{collections::BTreeMap, process::ExitCode};

use heartbeat_budgets::{Budgets, check, number, percent, update};
use operations::Operation;

/// What is counted.
const UNIT: &str = "instructions";

/// Argument of the process that is counted, before the name of the operation.
const COUNTED: &str = "counted";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    if let [COUNTED, name] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        runtime.block_on(section::count(Operation::named(name).expect("an operation")));
        return ExitCode::SUCCESS;
    }
    let (flags, names): (Vec<_>, Vec<_>) = arguments.iter().partition(|it| it.starts_with("--"));
    let names = if names.is_empty() { all() } else { names.into_iter().cloned().collect() };
    let measured = runtime.block_on(measure(&names));
    if flags.iter().any(|flag| *flag == "--update") {
        update(UNIT, &measured);
        return ExitCode::SUCCESS;
    }
    report(&measured)
}

/// Names of all operations.
fn all() -> Vec<String> {
    let operations = Operation::ALL.iter().map(|operation| operation.name());
    operations.chain([server::STARTUP, server::FRAME]).map(str::to_owned).collect()
}

async fn measure(names: &[String]) -> BTreeMap<String, i64> {
    let mut measured = BTreeMap::new();
    for name in names {
        let instructions = match (name.as_str(), Operation::named(name)) {
            (_, Some(operation)) => operation.measure().await,
            (server::STARTUP, _) => server::measure_startup().await,
            (server::FRAME, _) => server::measure_frame().await,
            _ => panic!("there is no operation {name}; the operations are {}", all().join(", ")),
        };
        show(name, instructions);
        measured.insert(name.clone(), instructions);
    }
    measured
}

#[expect(clippy::print_stdout, reason = "output of a command-line program")]
fn show(name: &str, instructions: i64) {
    let budget = Budgets::read().instructions.get(name).and_then(|entry| entry.budget(UNIT));
    let beside = budget.map_or_else(String::new, |budget| {
        format!("  budget {:>12}  {}", number(budget), percent(instructions, budget))
    });
    println!("{name:<20}{:>12}{beside}", number(instructions));
}

#[expect(clippy::print_stderr, reason = "output of a command-line program")]
fn report(measured: &BTreeMap<String, i64>) -> ExitCode {
    let budgets = Budgets::read().instructions;
    let checks = measured.iter().map(|(name, instructions)| check(&budgets, name, UNIT, *instructions));
    let failures: Vec<String> = checks.filter_map(Result::err).collect();
    for failure in &failures {
        eprintln!("\n{failure}");
    }
    if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
