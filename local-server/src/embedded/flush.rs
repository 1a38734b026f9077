//! Flushes the files of a cluster to the disk: of a new one, and of one that is recovered after a crash.

use std::{
    fs::{self, File},
    io,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
};

use tokio::task::spawn_blocking;

use super::EmbeddedError;

/// Number of files that are flushed at once. The disk answers the flushes that wait for it together: a new cluster of
/// a thousand files takes 30 flushes' time instead of a thousand's, in which a disk that needs 10 ms would take ten seconds.
const THREADS: usize = 32;

/// Flushes `folder` and everything in it.
pub(super) async fn folder(folder: &Path) -> Result<(), EmbeddedError> {
    let top = folder.to_owned();
    let flushed = spawn_blocking(move || flush_all(contents(&top)?)).await;
    flushed.map_err(io::Error::from).map_err(EmbeddedError::file(folder))?
}

/// Flushes the entries of `folder` itself: names of files and folders, new ones and renamed ones.
pub(super) fn entries(folder: &Path) -> Result<(), EmbeddedError> {
    let refused = |error: &io::Error| error.kind() == io::ErrorKind::InvalidInput;
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        // File systems that flush entries in a way of their own.
        Err(error) if refused(&error) => Ok(()),
        flushed => flushed.map_err(EmbeddedError::file(folder)),
    }
}

/// File systems whose `syncfs` writes everything to the disk and flushes it (linux/magic.h): ext4, XFS, Btrfs, F2FS. Those
/// of the network, and shared folders of virtual machines, need not.
const FLUSHED_BY_SYNCFS: [u64; 4] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010];

/// First version of Linux whose `syncfs` reports failed writes.
const REPORTING_LINUX: (u32, u32) = (5, 8);

/// Whether the file system of `folder` can be flushed as a whole, failed writes being reported. After a crash PostgreSQL
/// flushes all files of a cluster; one after the other they take seconds on a disk whose flush takes milliseconds.
pub(super) fn is_syncfs_reliable(folder: &Path) -> bool {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    linux_version(&release).is_some_and(|version| version >= REPORTING_LINUX)
        && file_system(folder).is_some_and(|kind| FLUSHED_BY_SYNCFS.contains(&kind))
}

#[cfg(target_os = "linux")]
fn file_system(folder: &Path) -> Option<u64> {
    let kind = rustix::fs::statfs(folder).ok()?.f_type;
    // 32 bits on all processors, of a type that is wider on some, and signed on some.
    Some(u64::from(u32::try_from(i128::from(kind) & 0xffff_ffff).ok()?))
}

#[cfg(not(target_os = "linux"))]
fn file_system(_: &Path) -> Option<u64> {
    None
}

/// Parses the version in `6.1.0-18-amd64`.
fn linux_version(release: &str) -> Option<(u32, u32)> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// Returns `folder` and everything in it.
fn contents(folder: &Path) -> Result<Vec<PathBuf>, EmbeddedError> {
    let mut found = vec![folder.to_owned()];
    let mut visited = 0;
    while let Some(path) = found.get(visited).cloned() {
        visited += 1;
        if path.is_dir() {
            let entries = fs::read_dir(&path).and_then(|entries| {
                entries.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<Vec<_>>>()
            });
            found.extend(entries.map_err(EmbeddedError::file(&path))?);
        }
    }
    Ok(found)
}

fn flush_all(paths: Vec<PathBuf>) -> Result<(), EmbeddedError> {
    let paths = Mutex::new(paths);
    let next = || paths.lock().map_or(None, |mut paths| paths.pop());
    let work = || std::iter::from_fn(next).try_for_each(|path| flush(&path));
    thread::scope(|scope| {
        // Where the system refuses so many threads, fewer do.
        let helpers: Vec<_> =
            (1..THREADS).map_while(|_| thread::Builder::new().spawn_scoped(scope, work).ok()).collect();
        let results = helpers.into_iter().map(thread::ScopedJoinHandle::join);
        results.fold(work(), |so_far, result| so_far.and(result.expect("flushing does not panic")))
    })
}

fn flush(path: &Path) -> Result<(), EmbeddedError> {
    if path.is_dir() {
        return entries(path);
    }
    File::open(path).and_then(|file| file.sync_all()).map_err(EmbeddedError::file(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_linux_are_read() {
        assert_eq!(linux_version("6.1.0-18-amd64\n"), Some((6, 1)));
        assert_eq!(linux_version("5.15.167.4-microsoft-standard-WSL2"), Some((5, 15)));
        assert_eq!(linux_version("6.12+rpt-rpi-v8"), Some((6, 12)));
        assert_eq!(linux_version(""), None);
    }

    #[tokio::test]
    async fn everything_in_a_folder_is_flushed_and_what_cannot_be_is_told() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let deep = folder.path().join("base/1");
        fs::create_dir_all(&deep).expect("folders");
        for number in 0..100 {
            fs::write(deep.join(number.to_string()), "data").expect("a file");
        }
        assert_eq!(contents(folder.path()).expect("its contents").len(), 103);
        super::folder(folder.path()).await.expect("a flushed folder");

        std::os::unix::fs::symlink("nowhere", deep.join("link")).expect("a link");
        let error = super::folder(folder.path()).await.expect_err("a file that cannot be flushed");
        assert!(error.to_string().contains("base/1/link"), "{error}");
    }
}
