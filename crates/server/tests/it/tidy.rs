//! The walls between the crates, and other things that only a look at the sources can tell.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn files(dir: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            files(&entry, ending, found);
        } else if entry.extension().is_some_and(|e| e == ending) {
            found.push(entry);
        }
    }
}

fn sources(of: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    files(&root().join(of), "rs", &mut found);
    assert!(!found.is_empty(), "{of} has no sources");
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn crates() -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(root().join("crates")).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn manifest(name: &str) -> toml::Table {
    fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap().parse().unwrap()
}

fn dependencies(name: &str, kind: &str) -> BTreeSet<String> {
    manifest(name).get(kind).and_then(|table| table.as_table()).map(|table| table.keys().cloned().collect()).unwrap_or_default()
}

/// What is behind `//` says nothing about what the code does. Good enough for looking for names.
fn code(text: &str) -> String {
    text.lines().map(|line| line.split("//").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

#[test]
fn there_are_six_crates_and_each_depends_on_what_it_may() {
    assert_eq!(crates(), ["connectors", "domain", "engine", "server", "store", "town"]);
    let own = |name: &str| -> Vec<String> {
        let all = dependencies(name, "dependencies");
        all.into_iter().filter_map(|dependency| dependency.strip_prefix("firedog-").map(str::to_owned)).collect()
    };
    assert_eq!(own("domain"), Vec::<String>::new());
    assert_eq!(own("store"), ["domain"]);
    assert_eq!(own("engine"), ["domain", "store"]);
    assert_eq!(own("connectors"), ["domain"]);
    assert_eq!(own("town"), Vec::<String>::new());
    assert_eq!(own("server"), ["connectors", "domain", "engine", "store", "town"]);
    let forbidden: [(&str, &[&str]); 5] = [
        ("domain", &["tokio", "rusqlite", "tokio-postgres", "reqwest", "axum", "hyper", "getrandom", "uuid", "rand", "tracing"]),
        ("store", &["reqwest", "axum", "hyper", "lettre"]),
        ("engine", &["reqwest", "axum", "hyper", "lettre", "rusqlite", "tokio-postgres"]),
        ("connectors", &["rusqlite", "tokio-postgres", "deadpool-postgres", "axum"]),
        ("town", &["rusqlite", "tokio-postgres", "lettre"]),
    ];
    for (name, never) in forbidden {
        let has = dependencies(name, "dependencies");
        let bad: Vec<&&str> = never.iter().filter(|dependency| has.contains(**dependency)).collect();
        assert!(bad.is_empty(), "{name} must not depend on {bad:?}");
    }
}

#[test]
fn every_crate_takes_the_lints_of_the_workspace_which_forbid_unsafe() {
    let workspace: toml::Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    assert_eq!(workspace["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
    for name in crates() {
        assert_eq!(manifest(&name)["lints"]["workspace"].as_bool(), Some(true), "{name}");
    }
}

#[test]
fn the_domain_has_no_clock_no_randomness_and_no_outside() {
    for (path, text) in sources("crates/domain/src") {
        if path.ends_with("tests.rs") {
            continue;
        }
        let code = code(text.split("#[cfg(test)]\nmod ").next().unwrap());
        for name in [
            "Timestamp::now",
            "SystemTime",
            "Instant::now",
            "std::env",
            "std::fs",
            "net::Tcp",
            "net::Udp",
            "ToSocketAddrs",
            "std::process",
            "thread::",
            "async fn",
        ] {
            assert!(!code.contains(name), "{} names {name}", path.display());
        }
    }
}

#[test]
fn sql_stands_in_the_store_only() {
    let verbs = ["SELECT ", "INSERT INTO", "UPDATE ", "DELETE FROM", "CREATE TABLE"];
    for of in ["crates/domain/src", "crates/engine/src", "crates/connectors/src", "crates/server/src", "crates/town/src"] {
        for (path, text) in sources(of) {
            let found =
                code(&text).lines().find(|line| verbs.iter().any(|verb| line.contains(&format!("\"{verb}")))).map(str::to_owned);
            assert!(found.is_none(), "{}: {found:?}", path.display());
            assert!(!code(&text).contains("tx.exec(") && !code(&text).contains("tx.query("), "{}", path.display());
        }
    }
}

#[test]
fn the_faces_of_the_server_do_not_call_each_other() {
    // Who may not name whom. The page for people at /api and problems are shared looks, not use cases.
    let walls: [(&str, &[&str]); 5] = [
        ("api", &["crate::dialect", "crate::cli", "crate::demo", "crate::serve"]),
        ("dialect", &["crate::api", "crate::page", "crate::cli", "crate::demo", "crate::serve"]),
        ("page", &["crate::dialect", "crate::cli", "crate::demo", "crate::serve", "crate::api::alerts"]),
        ("ops", &["crate::dialect", "crate::page", "crate::cli", "crate::demo", "axum::"]),
        ("cli", &["crate::api", "crate::dialect", "crate::page", "crate::ops"]),
    ];
    for (face, others) in walls {
        let mut all = sources(&format!("crates/server/src/{face}"));
        let root = root().join(format!("crates/server/src/{face}.rs"));
        all.push((root.clone(), fs::read_to_string(root).unwrap()));
        for (path, text) in all {
            for other in others {
                assert!(!code(&text).contains(other), "{} names {other}", path.display());
            }
        }
    }
}

#[test]
fn the_town_shares_nothing_with_the_product() {
    for (path, text) in sources("crates/town/src") {
        for name in ["firedog_domain", "firedog_store", "firedog_engine", "firedog_connectors", "firedog_server"] {
            assert!(!code(&text).contains(name), "{}: a double that shares the client's types proves nothing", path.display());
        }
    }
}

#[test]
fn nothing_is_left_for_later() {
    // Written in pieces, so that this file does not find itself.
    let marks = [
        concat!("TO", "DO"),
        concat!("FIX", "ME"),
        concat!("XX", "X:"),
        concat!("todo", "!("),
        concat!("unimplemented", "!("),
        concat!("#[ign", "ore"),
    ];
    for name in crates() {
        for (path, text) in sources(&format!("crates/{name}")) {
            let found = marks.iter().find(|mark| text.contains(**mark));
            assert!(found.is_none(), "{}: {found:?}", path.display());
        }
    }
}

#[test]
fn links_in_the_docs_lead_somewhere() {
    let mut pages = Vec::new();
    files(&root().join("docs"), "md", &mut pages);
    let top = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap().path());
    pages.extend(top.filter(|path| path.extension().is_some_and(|e| e == "md")));
    assert!(!pages.is_empty());
    let mut broken = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).unwrap();
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            let outside = target.is_empty() || target.contains("://") || target.starts_with("mailto:") || target.contains(' ');
            if !outside && !page.parent().unwrap().join(target).exists() {
                broken.push(format!("{}: {link}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn every_setting_is_documented() {
    let page = fs::read_to_string(root().join("docs/settings.md")).unwrap();
    for (setting, may_be_a_file) in firedog_server::config::SETTINGS {
        let row = page.lines().find(|line| line.starts_with(&format!("| `FIREDOG_{}`", setting.to_ascii_uppercase())));
        let row = row.unwrap_or_else(|| panic!("docs/settings.md does not list {setting}"));
        assert_eq!(row.split('|').nth(1).unwrap().contains('*'), may_be_a_file, "{setting}");
    }
}

/// The document knows types by their last name: of two that share one, the second would silently take the place of the first.
#[test]
fn no_two_types_of_the_api_share_a_name() {
    let mut seen = BTreeSet::new();
    let mut twice = Vec::new();
    for (path, text) in sources("crates/server/src") {
        let mut is_schema = false;
        for line in code(&text).lines() {
            if line.trim_start().starts_with("#[derive(") {
                is_schema = line.contains("ToSchema");
            }
            let name = ["struct ", "enum "].iter().find_map(|kind| line.split_once(kind)).map(|(_, rest)| rest);
            if let Some(name) = name.filter(|_| is_schema) {
                let name: String = name.chars().take_while(|c| c.is_alphanumeric()).collect();
                if !seen.insert(name.clone()) {
                    twice.push(format!("{name} in {}", path.display()));
                }
                is_schema = false;
            }
        }
    }
    assert!(seen.len() > 50, "types are not found any more");
    assert!(twice.is_empty(), "{}", twice.join(", "));
}
