//! The configuration as a person meets it.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::program::{Home, finish};

#[test]
fn every_mistake_is_shown_with_its_line() {
    let home = Home::new();
    home.file(
        "t.toml",
        "[gateway]\nlisten = \"0.0.0.0:80\"\nlimits.bdy = 3\n\n[compute]\ncpu = 512\n\n[serve]\nport = 1\n",
    );
    let ran = home.run(&["config", "check", "--config", "t.toml"]);
    assert_eq!(ran.code, Some(64));
    insta::assert_snapshot!(ran.err, @r#"
    error: the configuration has 4 mistakes
      t.toml:2: `gateway.listen`: `0.0.0.0:80` can be reached from other machines and nothing checks who calls: expected an `api_key`, a loopback address, or `insecure = true` if everyone who can connect may use the models
      t.toml:3: `gateway.limits.bdy`: there is no such setting; did you mean `gateway.limits.body`?
      t.toml:6: `compute.cpu`: invalid type: integer `512`, expected a string
      t.toml:9: `serve.port`: there is no such setting, expected one of `compute`, `engine`, `gateway`, `log`, `models`, `store`
    hint: docs/configuration.md describes every setting; `tidegate config show` prints them
    "#);
}

#[test]
fn a_right_file_is_said_to_be_right() {
    let home = Home::new();
    home.file(".config/tidegate/tidegate.toml", "[compute]\nthreads = 1\n");
    let ran = home.run(&["config", "check"]);
    assert_eq!(
        home.plain(&ran.out),
        "the configuration is right (HOME/.config/tidegate/tidegate.toml, 1 settings made)\n"
    );
    let ran = home.run(&["config", "check", "--config", "none.toml"]);
    assert_eq!(ran.code, Some(64));
    assert!(ran.err.contains("none.toml"), "{ran:?}");
}

#[test]
fn what_is_shown_can_be_a_file_again_and_hides_secrets() {
    let home = Home::new();
    let mut command = home.command(&["config", "show"]);
    command
        .env("TIDEGATE_GATEWAY_API_KEY", "hush")
        .env("TIDEGATE_THREADS", "1");
    let shown = finish(command);
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(!shown.out.contains("hush"), "{shown:?}");
    assert!(
        shown.out.contains("# api_key: set, but not shown  # environment"),
        "{shown:?}"
    );
    assert!(
        shown.out.contains("threads = 1  # environment TIDEGATE_THREADS"),
        "{shown:?}"
    );
    assert!(
        shown.out.contains("listen = \"127.0.0.1:8080\"  # default"),
        "{shown:?}"
    );
    home.file("again.toml", &shown.out);
    let again = home.run(&["config", "check", "--config", "again.toml"]);
    assert_eq!(again.code, Some(0), "{again:?}");
}

#[test]
fn wrong_command_lines_end_with_64_and_help_with_0() {
    let home = Home::new();
    for (arguments, code) in [
        (&["--version"][..], 0),
        (&["--help"], 0),
        (&["serve", "--help"], 0),
        (&["completions", "bash"], 0),
        (&["sreve"], 64),
        (&["serve", "--kv-memory", "much"], 64),
        (&[], 64),
    ] {
        let ran = home.run(arguments);
        assert_eq!(ran.code, Some(code), "{arguments:?} {ran:?}");
    }
}

#[test]
fn the_page_of_settings_lists_exactly_those_that_there_are() {
    let page = include_str!("../../../../docs/configuration.md");
    let listed: BTreeSet<&str> = page
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(key, _)| key)
        .filter(|key| *key != "models.NAME")
        .collect();
    let shown = Home::new().run(&["config", "show", "--json"]);
    let shown: Vec<Value> = serde_json::from_str(&shown.out).unwrap();
    let shown: BTreeSet<&str> = shown.iter().map(|row| row["key"].as_str().unwrap()).collect();
    assert_eq!(listed, shown);
}
