use std::{collections::BTreeMap, path::Path};

use super::*;
use crate::token::SecretKey;

/// An environment with a user and these variables, outside a container.
fn environment(variables: &[(&str, &str)]) -> Environment {
    Environment {
        variables: variables.iter().map(|(name, value)| (name.into(), value.into())).collect(),
        user_folder: Some("/home/ada".into()),
        in_container: false,
        profile: Profile::Release,
    }
}

fn load(environment: &Environment) -> Result<Config, ConfigError> {
    Config::load(&Flags::default(), environment)
}

fn host(config: &Config) -> &str {
    match &config.database {
        Database::Server(options) => options.expose().get_host(),
        Database::Embedded => panic!("embedded"),
    }
}

#[test]
fn with_nothing_set_everything_has_its_default() {
    let config = load(&environment(&[])).expect("defaults");
    assert_eq!(config.home, Path::new("/home/ada/.heartbeat"));
    assert_eq!(host(&config), "localhost");
    assert_eq!(config.webhook_url, None);
    assert_eq!(config.webhook_level, WebhookLevel::None);
    assert_eq!(config.secret_key, None);
    assert_eq!(config.server_name, "Some person's heartbeat");
    assert_eq!(config.live_url.as_str(), "http://127.0.0.1:6060/");
    assert_eq!(config.bind, Bind::Tcp { host: "127.0.0.1".to_owned(), port: 6060 });
}

#[test]
fn trusted_proxies_are_ip_addresses_and_networks() {
    let networks = |text: &str| {
        let config = load(&environment(&[("HEARTBEAT_TRUSTED_PROXIES", text)])).ok()?;
        Some(config.trusted_proxies.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    };
    assert_eq!(networks("127.0.0.1, 10.0.0.0/8,::1").as_deref(), Some("127.0.0.1/32 10.0.0.0/8 ::1/128"));
    assert_eq!(networks("").as_deref(), Some(""));
    for wrong in ["proxy.example.org", "10.0.0.0/33", "127.0.0.1 10.0.0.1"] {
        assert_eq!(networks(wrong), None, "{wrong}");
    }
}

#[test]
fn a_public_url_holds_nothing_private() {
    for wrong in [
        "https://ada:hush@beat.example.org",
        "https://ada@b.example",
        "https://b.example/?a",
        "https://b.example/#a",
    ] {
        let error = load(&environment(&[("HEARTBEAT_LIVE_URL", wrong)])).expect_err(wrong).to_string();
        assert!(error.contains("without user, password, query and fragment"), "{error}");
        assert!(!error.contains("hush"), "{error}");
    }
    assert!(load(&environment(&[("HEARTBEAT_LIVE_URL", "https://b.example/beat/")])).is_ok());
}

#[test]
fn the_number_of_viewers_is_a_number() {
    let viewers =
        |text: &str| load(&environment(&[("HEARTBEAT_MAX_VIEWERS", text)])).ok().map(|it| it.max_viewers);
    assert_eq!([viewers("5"), viewers("0"), viewers("-1"), viewers("many")], [Some(5), Some(0), None, None]);
}

#[test]
fn in_a_container_the_database_is_the_service_beside_it() {
    let config = load(&Environment { in_container: true, ..environment(&[]) }).expect("defaults");
    assert_eq!(host(&config), "db");
}

#[test]
fn without_a_home_folder_one_must_be_named() {
    let homeless = Environment { user_folder: None, ..environment(&[]) };
    assert_eq!(load(&homeless).map(|config| config.home), Err(ConfigError::NoHome));
    let named = Environment { user_folder: None, ..environment(&[("HEARTBEAT_HOME", "/srv/heartbeat")]) };
    assert_eq!(load(&named).map(|config| config.home), Ok("/srv/heartbeat".into()));
}

#[test]
fn what_container_runtimes_put_into_the_environment_is_no_mistake() {
    let injected = [
        ("HEARTBEAT_SERVICE_HOST", "10.0.0.1"),
        ("HEARTBEAT_SERVICE_PORT", "6060"),
        ("HEARTBEAT_PORT", "tcp://10.0.0.1:6060"),
        ("HEARTBEAT_PORT_6060_TCP_ADDR", "10.0.0.1"),
    ];
    assert!(load(&environment(&injected)).is_ok());
}

#[test]
fn the_table_of_the_other_profile_has_no_say() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = folder.path().display().to_string();
    std::fs::write(
        folder.path().join("config.toml"),
        "[debug]\nsecret_key = 'd'\n[release]\nsecret_key = 'r'\n",
    )
    .expect("a file");
    for (profile, key) in [(Profile::Debug, "d"), (Profile::Release, "r")] {
        let environment = Environment { profile, ..environment(&[("HEARTBEAT_HOME", &home)]) };
        let config = load(&environment).expect("a sound file");
        assert_eq!(config.secret_key.as_ref().map(SecretKey::expose), Some(key));
    }
}

#[test]
fn an_empty_flag_takes_back_what_the_environment_set() {
    let flags = Flags { values: BTreeMap::from([("secret_key", String::new())]), config_file: None };
    let config = Config::load(&flags, &environment(&[("HEARTBEAT_SECRET_KEY", "k")])).expect("a sound key");
    assert_eq!(config.secret_key, None);
}

#[test]
fn no_secret_can_be_printed_with_the_configuration() {
    let secrets = [
        ("HEARTBEAT_SECRET_KEY", "hush"),
        ("HEARTBEAT_DATABASE_DSN", "postgresql://ada:hush@localhost/db"),
        ("HEARTBEAT_WEBHOOK_URL", "https://discord.com/api/webhooks/1/hush"),
    ];
    let config = load(&environment(&secrets)).expect("sound values");
    assert!(!format!("{config:?}").contains("hush"), "{config:?}");
}

#[test]
fn hosts_and_sockets_are_told_apart() {
    let tcp = |host: &str, port| Ok(Bind::Tcp { host: host.to_owned(), port });
    assert_eq!(Bind::parse("localhost:0"), tcp("localhost", 0));
    assert_eq!(Bind::parse("[::1]:6060"), tcp("::1", 6060));
    assert_eq!(Bind::parse("0.0.0.0:80"), tcp("0.0.0.0", 80));
    assert_eq!(Bind::parse("unix:/run/heartbeat.sock"), Ok(Bind::Unix("/run/heartbeat.sock".into())));
}

#[test]
fn every_default_is_a_value_that_could_be_given() {
    // A default that may be chosen in the browser says that it is not set.
    let defaults = Flags {
        values: KEYS
            .iter()
            .filter(|key| !key.choosable)
            .map(|key| (key.name, key.default.to_owned()))
            .collect(),
        config_file: None,
    };
    let (given, unset) = (Config::load(&defaults, &environment(&[])), load(&environment(&[])));
    assert_eq!(format!("{given:?}"), format!("{unset:?}"));
    assert!(given.is_ok(), "{given:?}");
}

#[test]
fn numbers_may_be_numbers_in_the_file_and_text_may_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let home = folder.path().display().to_string();
    for (file, expected) in
        [("max_viewers = 5", Ok(5)), ("max_viewers = '6'", Ok(6)), ("max_viewers = true", Err("a number"))]
    {
        std::fs::write(folder.path().join("config.toml"), file).expect("a file");
        let config = load(&environment(&[("HEARTBEAT_HOME", &home)]));
        match expected {
            Ok(number) => assert_eq!(config.expect(file).max_viewers, number),
            Err(words) => assert!(config.expect_err(file).to_string().contains(words), "{file}"),
        }
    }
    std::fs::write(folder.path().join("config.toml"), "server_name = 5").expect("a file");
    let error = load(&environment(&[("HEARTBEAT_HOME", &home)])).expect_err("no text");
    assert!(error.to_string().contains("expected a string"), "{error}");
}
