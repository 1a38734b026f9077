//! Recognizes the tables of a database, and tells whether this program can work on them.

use semver::Version;

use super::{
    connection::Connection,
    error::DatabaseError,
    legacy_schema,
    migrations::{self, Declared},
};
use crate::error::SchemaProblem;

/// State of the schema `heartbeat`, from the point of view of this program.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Nothing.
    Empty,
    /// Tables that this program can work on: its own, or those of a later release that still serve it.
    Usable,
    /// Older tables, which only expanding migrations are missing from.
    Expandable,
    /// Tables that this program cannot work on.
    Unusable(SchemaProblem),
}

/// Recognizes the tables of this database.
pub(super) async fn state(connection: &mut Connection) -> Result<State, DatabaseError> {
    let applied = migrations::applied(connection).await?;
    if applied.is_empty() {
        return Ok(if !migrations::exists(connection, "heartbeat.devices").await? {
            State::Empty
        } else if legacy_schema::is_present(connection).await? {
            State::Unusable(SchemaProblem::Legacy)
        } else {
            State::Unusable(SchemaProblem::Foreign)
        });
    }
    let declared = migrations::declared();
    // Every connection comes here: tables of this very release cost no further round trip.
    if declared.iter().map(|it| it.number).eq(applied.iter().copied()) {
        return Ok(State::Usable);
    }
    let recorded = migrations::recorded(connection).await?;
    Ok(judge(&applied, &recorded, &declared, &migrations::this_release()))
}

/// Judges tables by the migrations that were `applied`, what the database `recorded` about them, and those that
/// this program, of release `ours`, `declared`.
fn judge(applied: &[i64], recorded: &[Declared], declared: &[Declared], ours: &Version) -> State {
    let known = |number: &i64| declared.iter().any(|it| it.number == *number);
    let mut unknown = applied.iter().filter(|number| !known(number));
    let serves_us = |number: &i64| recorded.iter().any(|it| it.number == *number && it.serves <= *ours);
    if !unknown.all(serves_us) {
        return State::Unusable(SchemaProblem::Newer);
    }
    let missing: Vec<&Declared> = declared.iter().filter(|it| !applied.contains(&it.number)).collect();
    if missing.is_empty() {
        return State::Usable;
    }
    // Programs that may be at work right now are as old as the tables.
    let newest = applied.iter().max();
    let of = |list: &[Declared]| {
        list.iter().find(|it| Some(&it.number) == newest).map(|declared| declared.release.clone())
    };
    let at_work = of(recorded).or_else(|| of(declared));
    if at_work.is_some_and(|at_work| missing.iter().all(|it| it.serves <= at_work)) {
        State::Expandable
    } else {
        State::Unusable(SchemaProblem::Older)
    }
}

/// Fails unless the tables are there and this program can work on them.
#[cfg(feature = "migrate")]
pub(super) async fn require_usable(connection: &mut Connection) -> Result<(), DatabaseError> {
    match state(connection).await? {
        State::Usable => Ok(()),
        State::Expandable => Err(SchemaProblem::Older.into()),
        State::Empty => Err(SchemaProblem::Missing.into()),
        State::Unusable(problem) => Err(problem.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared(number: i64, release: &str, serves: &str) -> Declared {
        let version = |text: &str| text.parse().expect("a version");
        Declared { number, release: version(release), serves: version(serves) }
    }

    /// A history in which migration 3 expands and migration 4 contracts.
    fn history() -> Vec<Declared> {
        vec![
            declared(1, "0.1.0", "0.1.0"),
            declared(2, "0.1.0", "0.1.0"),
            declared(3, "0.2.0", "0.1.0"),
            declared(4, "0.3.0", "0.2.0"),
        ]
    }

    /// A program of release `ours`, with the first `known` migrations, meets a database that has had the first
    /// `applied`.
    fn meet(ours: &str, known: usize, applied: usize) -> State {
        let (history, ours) = (history(), ours.parse().expect("a version"));
        let numbers: Vec<i64> = history[..applied].iter().map(|it| it.number).collect();
        judge(&numbers, &history[..applied], &history[..known], &ours)
    }

    #[test]
    fn a_program_works_on_its_own_tables() {
        assert_eq!(meet("0.1.0", 2, 2), State::Usable);
        assert_eq!(meet("0.2.0", 3, 3), State::Usable);
    }

    #[test]
    fn a_program_works_on_later_tables_that_serve_it_and_on_no_others() {
        assert_eq!(meet("0.1.0", 2, 3), State::Usable);
        assert_eq!(meet("0.2.0", 3, 4), State::Usable);
        assert_eq!(meet("0.1.0", 2, 4), State::Unusable(SchemaProblem::Newer));
    }

    #[test]
    fn later_tables_that_recorded_nothing_are_not_trusted() {
        let (history, ours) = (history(), "0.1.0".parse().expect("a version"));
        let state = judge(&[1, 2, 3], &history[..2], &history[..2], &ours);
        assert_eq!(state, State::Unusable(SchemaProblem::Newer));
    }

    #[test]
    fn older_tables_are_expanded_while_programs_of_their_release_can_work_on() {
        assert_eq!(meet("0.2.0", 3, 2), State::Expandable);
        assert_eq!(meet("0.3.0", 4, 3), State::Expandable);
        // Programs of 0.1.0 may be at work, which migration 4 no longer serves.
        assert_eq!(meet("0.3.0", 4, 2), State::Unusable(SchemaProblem::Older));
    }

    #[test]
    fn tables_from_before_headers_count_as_those_of_their_release() {
        let (history, ours) = (history(), "0.2.0".parse().expect("a version"));
        assert_eq!(judge(&[1, 2], &[], &history[..3], &ours), State::Expandable);
    }
}
