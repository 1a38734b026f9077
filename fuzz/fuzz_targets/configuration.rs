//! Fuzz target: `config.toml`.

#![no_main]

use std::{fs, path::PathBuf, sync::LazyLock};

use heartbeat_core::{
    Config,
    config::{Environment, Flags, Profile},
};
use tempfile::TempDir;

/// Folder of the configuration file, kept for the whole run.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| TempDir::new().expect("a folder"));

libfuzzer_sys::fuzz_target!(|text: &[u8]| {
    let file: PathBuf = FOLDER.path().join("config.toml");
    fs::write(&file, text).expect("a file");
    let environment = Environment {
        variables: [("HEARTBEAT_CONFIG_FILE".into(), file.into())].into(),
        user_folder: Some(FOLDER.path().to_owned()),
        in_container: false,
        profile: Profile::Release,
    };
    if let Err(error) = Config::load(&Flags::default(), &environment) {
        assert_eq!(error.to_string().lines().count(), 1, "an error is one line");
    }
});
