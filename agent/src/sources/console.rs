//! Input at terminals: the kernel notes in a terminal's access time when a program reads from it.
//!
//! - The kernel changes it once in 8 seconds at most (`tty_update_time`): the rule has minutes.
//! - It is a time of the wall clock, which may be set. A change of it is input; its age is believed where it fits.
//! - Keys that no program reads are not seen, and a program that types at a terminal of its own looks like a user.

use std::{
    collections::BTreeMap,
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{InputState, Source, Unavailable};
use crate::clock::{Awake, Moment};

/// Terminals of this user, as last seen.
#[derive(Debug)]
pub(super) struct Console {
    seen_at: Moment,
    terminals: Terminals,
    last_input: Option<Awake>,
}

type Terminals = BTreeMap<PathBuf, Times>;

/// Times of a terminal, by the wall clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Times {
    /// Unix time of the last read.
    read: i64,
    /// When it was opened, or its owner changed: another terminal may have the same name.
    changed: (i64, i64),
}

impl Console {
    /// Finds the terminals of the agent's user.
    pub(super) fn open() -> Result<Self, Unavailable> {
        Ok(Self { seen_at: Moment::now(), terminals: terminals()?, last_input: None })
    }

    /// Compares the terminals with what they were.
    fn look(&mut self, now: Moment, terminals: Terminals) -> InputState {
        let was_read = |(path, times): (&PathBuf, &Times)| {
            let before = self.terminals.get(path)?;
            (before.changed == times.changed && before.read != times.read).then_some(times.read)
        };
        let inputs = terminals.iter().filter_map(was_read).map(|read| time_of(read, self.seen_at, now));
        self.last_input = inputs.chain(self.last_input).max();
        (self.seen_at, self.terminals) = (now, terminals);
        InputState { last_input: self.last_input, kept_on: false }
    }
}

/// Returns when a terminal was read, between the looks at `before` and `now`: at `read`, unless the clock was set.
fn time_of(read: i64, before: Moment, now: Moment) -> Awake {
    let age = u64::try_from(now.unix - read).map(Duration::from_secs);
    match age {
        Ok(age) if age <= now.awake.since(before.awake) => now.awake.before(age),
        _ => now.awake,
    }
}

fn terminals() -> Result<Terminals, Unavailable> {
    let user = rustix::process::geteuid().as_raw();
    let consoles = folder(Path::new("/dev"), "tty", user)?;
    // Not every container has it.
    let pseudo_terminals = folder(Path::new("/dev/pts"), "", user).unwrap_or_default();
    let terminals: Terminals = consoles.into_iter().chain(pseudo_terminals).collect();
    if terminals.is_empty() {
        return Err(Unavailable("no terminal of this user is open".to_owned()));
    }
    Ok(terminals)
}

/// Returns the terminals of `user` in a folder whose names are `prefix` and a number.
fn folder(path: &Path, prefix: &str, user: u32) -> io::Result<Vec<(PathBuf, Times)>> {
    let mut terminals = Vec::new();
    for entry in fs::read_dir(path)?.flatten() {
        let name = entry.file_name();
        let number = name.to_str().and_then(|name| name.strip_prefix(prefix));
        if !number
            .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()) && !number.is_empty())
        {
            continue;
        }
        // A terminal may be closed just now.
        let Ok(file) = entry.metadata() else { continue };
        if file.uid() == user && file.file_type().is_char_device() {
            let times = Times { read: file.atime(), changed: (file.ctime(), file.ctime_nsec()) };
            terminals.push((entry.path(), times));
        }
    }
    Ok(terminals)
}

impl Source for Console {
    fn input_state(&mut self, now: Moment) -> Result<InputState, Unavailable> {
        Ok(self.look(now, terminals()?))
    }

    fn is_stopgap(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: i64 = 1_800_000_000;

    /// A moment `awake` seconds after the start, with a wall clock that was right then and set `by` seconds since.
    fn moment(awake: u64, by: i64) -> Moment {
        let unix = NOON + awake.cast_signed() + by;
        Moment { awake: Awake(Duration::from_secs(awake)), asleep: Duration::ZERO, unix }
    }

    fn terminal(read: i64, opened: i64) -> Terminals {
        [(PathBuf::from("/dev/pts/0"), Times { read, changed: (opened, 0) })].into()
    }

    /// A source that saw a terminal that was opened a day ago and last read at `NOON`, at second 100.
    fn console() -> Console {
        let opened = NOON - 86_400;
        Console { seen_at: moment(100, 0), terminals: terminal(NOON, opened), last_input: None }
    }

    /// Second of the last input, after a look at `now` that finds the terminal last read at `read`.
    fn input(console: &mut Console, now: Moment, read: i64) -> Option<u64> {
        let activity = console.look(now, terminal(read, NOON - 86_400));
        activity.last_input.map(|input| input.0.as_secs())
    }

    #[test]
    fn a_terminal_that_was_read_tells_when() {
        let mut console = console();
        assert_eq!(input(&mut console, moment(115, 0), NOON), None);
        assert_eq!(input(&mut console, moment(130, 0), NOON + 120), Some(120));
        assert_eq!(input(&mut console, moment(145, 0), NOON + 120), Some(120));
    }

    #[test]
    fn a_clock_that_is_set_is_no_input() {
        for by in [-3600, -5, 5, 3600] {
            let mut console = console();
            assert_eq!(input(&mut console, moment(115, by), NOON), None, "set by {by}");
        }
    }

    #[test]
    fn input_after_the_clock_was_set_counts_between_the_looks_around_it() {
        for by in [-3600, -5, 5, 3600] {
            let mut console = console();
            let second = input(&mut console, moment(115, by), NOON + 110 + by);
            assert_eq!(second, Some(110), "set by {by}, then read");
            let mut console = super::tests::console();
            let second = input(&mut console, moment(115, by), NOON + 110).unwrap();
            assert!((100..=115).contains(&second), "read, then set by {by}: {second}");
        }
    }

    #[test]
    fn a_new_terminal_of_the_same_name_is_no_input() {
        let mut console = console();
        let activity = console.look(moment(115, 0), terminal(NOON + 110, NOON + 110));
        assert_eq!(activity.last_input, None);
    }

    #[test]
    fn input_stays_known_when_its_terminal_is_closed() {
        let mut console = console();
        assert_eq!(input(&mut console, moment(115, 0), NOON + 110), Some(110));
        let activity = console.look(moment(130, 0), Terminals::new());
        assert_eq!(activity.last_input, Some(moment(110, 0).awake));
    }
}
