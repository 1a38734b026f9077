//! Files that their user alone may read, written whole or not at all.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    path::Path,
};

/// Whether a file must outlast a loss of power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// It must: it is on the disk when this returns.
    Durable,
    /// It need not: the disk may sleep on.
    Transient,
}

/// Writes a file, with its folder, such that others can read neither and no reader sees half of it.
pub(crate) fn write_private(path: &Path, content: &str, durability: Durability) -> io::Result<()> {
    let draft = path.with_extension("new");
    create_private_folder(path)?;
    // Left over from a process that was killed here.
    let _ = fs::remove_file(&draft);
    let mut file = private_file(OpenOptions::new().write(true).create_new(true), &draft)?;
    file.write_all(content.as_bytes())?;
    if durability == Durability::Durable {
        file.sync_all()?;
    }
    drop(file);
    fs::rename(&draft, path)
}

/// Creates the folder of `path`, readable by its user alone, unless it is there.
pub(crate) fn create_private_folder(path: &Path) -> io::Result<()> {
    let Some(folder) = path.parent() else { return Ok(()) };
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    check_own(folder)
}

/// Refuses a folder in which another user may have put what this one then writes to, or takes for its own.
#[cfg(unix)]
fn check_own(folder: &Path) -> io::Result<()> {
    use std::os::unix::fs::MetadataExt;

    let metadata = fs::symlink_metadata(folder)?;
    let is_own = metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o002 == 0;
    if is_own && metadata.is_dir() {
        return Ok(());
    }
    let error = format!("{} is a folder that other users can write to", folder.display());
    Err(io::Error::new(io::ErrorKind::PermissionDenied, error))
}

/// The user's own folders are closed to other users of Windows.
#[cfg(windows)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
fn check_own(_: &Path) -> io::Result<()> {
    Ok(())
}

/// Opens a file that others cannot read, should it be created. On Windows, the user's own folders see to that.
pub(crate) fn private_file(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options.open(path)
}

/// Removes a file; returns whether there was one.
pub(crate) fn remove(path: &Path) -> io::Result<bool> {
    // Of a process that was killed while it wrote.
    let _ = fs::remove_file(path.with_extension("new"));
    match fs::remove_file(path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Returns a folder and those that it is in, up to `home`, which is left out; the folder alone if it is elsewhere.
pub(crate) fn folders_within<'a>(home: Option<&Path>, folder: &'a Path) -> Vec<&'a Path> {
    let is_within = |other: &Path| home.is_some_and(|home| other != home && other.starts_with(home));
    let above = folder.ancestors().skip(1).take_while(|other| is_within(other));
    [folder].into_iter().chain(above).collect()
}
