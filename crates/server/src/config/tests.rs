use super::*;

fn load(pairs: &[(&str, &str)]) -> Result<Config, String> {
    let pairs = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Config::load(None, pairs, &[]).map_err(|e| e.to_string())
}

#[test]
fn defaults_are_those_of_the_contract() {
    let config = load(&[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8700");
    assert_eq!(config.database.expose(), "sqlite:firedog.db");
    assert_eq!(config.key_file().unwrap().unwrap(), PathBuf::from("firedog.db.key"));
    assert_eq!(config.retention, SignedDuration::from_hours(9600));
    assert_eq!((config.ingest_rate, config.ingest_burst), (1_000, 10_000));
    assert_eq!(config.links_base("127.0.0.1:41".parse().unwrap()), "http://127.0.0.1:41");
}

#[test]
fn flags_beat_the_environment_and_the_environment_beats_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("firedog.toml");
    std::fs::write(
        &file,
        "listen = \"127.0.0.1:1\"\ningest_rate = 5\nallow_targets = [\"10.0.0.0/8\", \"::1\"]\nlog = \"debug\"\n",
    )
    .unwrap();
    let environment = [("FIREDOG_LISTEN", "127.0.0.1:2"), ("FIREDOG_LOG", "warn"), ("HOME", "/")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let config = Config::load(Some(&file), environment, &[("listen", "127.0.0.1:3".to_owned())]).unwrap();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.log, "warn");
    assert_eq!(config.ingest_rate, 5);
    assert_eq!(config.allow_targets, ["10.0.0.0/8".parse().unwrap(), "::1".parse().unwrap()]);
}

#[test]
fn every_mistake_is_told_at_once_with_what_was_meant() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("firedog.toml");
    std::fs::write(&file, "# comment\nlisen = \"127.0.0.1:1\"\n").unwrap();
    let environment = [("FIREDOG_INGEST_RAET", "7"), ("FIREDOG_RETENTION", "a year"), ("FIREDOG_SMTP_URL", "http://u:secret@h")];
    let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let error = Config::load(Some(&file), environment, &[]).unwrap_err().to_string();
    assert!(error.contains("firedog.toml:2: there is no setting `lisen`; did you mean `listen`?"), "{error}");
    assert!(error.contains("`FIREDOG_INGEST_RAET`; did you mean `FIREDOG_INGEST_RATE`?"), "{error}");
    assert!(error.contains("retention (from FIREDOG_RETENTION)"), "{error}");
    assert!(error.contains("smtp_url (from FIREDOG_SMTP_URL)") && !error.contains("secret"), "{error}");
}

#[test]
fn variables_that_kubernetes_and_the_client_set_are_no_mistakes() {
    for name in ["FIREDOG_PORT", "FIREDOG_PORT_8700_TCP_ADDR", "FIREDOG_SERVICE_HOST", "FIREDOG_TOKEN", "FIREDOG_SERVER"] {
        assert!(load(&[(name, "x")]).is_ok(), "{name}");
    }
}

#[test]
fn secrets_come_from_files_and_print_as_stars() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("token");
    std::fs::write(&file, "a-token-that-is-long\n").unwrap();
    let config = load(&[
        ("FIREDOG_ADMIN_TOKEN_FILE", file.to_str().unwrap()),
        ("FIREDOG_DATABASE", "postgres://firedog:hunter2@db/firedog"),
    ])
    .unwrap();
    assert_eq!(config.admin_token.as_ref().unwrap().expose(), "a-token-that-is-long");
    let printed = format!("{config:?}");
    assert!(!printed.contains("a-token") && !printed.contains("hunter2"), "{printed}");
    assert!(config.key_file().unwrap_err().to_string().contains("FIREDOG_SECRET_KEY_FILE"));
}

#[test]
fn bad_values_are_refused() {
    for (name, value) in [
        ("FIREDOG_LISTEN", "8700"),
        ("FIREDOG_DATABASE", "mysql://x"),
        ("FIREDOG_PUBLIC_URL", "firedog.example.org"),
        ("FIREDOG_PUBLIC_URL", "https://firedog.example.org/?x=1"),
        ("FIREDOG_ALLOW_TARGETS", "10.0.0.0/64"),
        ("FIREDOG_INGEST_RATE", "0"),
        ("FIREDOG_LOG_FORMAT", "xml"),
        ("FIREDOG_LISTEN_FILE", "/x"),
    ] {
        assert!(load(&[(name, value)]).is_err(), "{name}={value}");
    }
}
