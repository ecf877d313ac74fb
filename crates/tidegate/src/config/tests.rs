//! The configuration: what wins, and what a person reads when it is wrong.

use super::*;

fn read(text: &str, environment: &Environment, flags: Vec<Entry>) -> Result<Settings, String> {
    compose(Some(PathBuf::from("tidegate.toml")), text, environment, flags)
        .map_err(|mistakes| mistakes.iter().map(|mistake| format!("{mistake}\n")).collect())
}

#[test]
fn flags_win_over_the_environment_and_that_over_the_file() {
    let file =
        "[compute]\nthreads = 1\n[engine]\nmax_running = 2\nmax_waiting = 3\n[models]\na = \"x.gguf\"\n";
    let environment = Environment::from([
        ("TIDEGATE_ENGINE_MAX_RUNNING", "20"),
        ("TIDEGATE_ENGINE_MAX_WAITING", "30"),
        ("TIDEGATE_CPU", "scalar"),
        ("TIDEGATE_COMPUTE_KV_MEMORY", "1 GiB"),
        ("TIDEGATE_PORT", "tcp://10.0.0.1:80"),
        ("TIDEGATE_ENGINE_SERVICE_HOST", "10.0.0.1"),
    ]);
    let settings = read(
        file,
        &environment,
        vec![Entry::flag(&["engine", "max_waiting"], 300, "--max-waiting")],
    )
    .unwrap();
    let engine = &settings.engine;
    assert_eq!(
        (settings.compute.threads, engine.max_running, engine.max_waiting),
        (Some(1), 20, 300)
    );
    assert_eq!(settings.compute.cpu.as_deref(), Some("scalar"));
    assert_eq!(settings.compute.kv_memory.map(|size| size.0), Some(1 << 30));
    assert_eq!(settings.models["a"], "x.gguf");
    assert_eq!(settings.origin("compute.threads").to_string(), "tidegate.toml:2");
    assert_eq!(
        settings.origin("engine.max_running").to_string(),
        "environment TIDEGATE_ENGINE_MAX_RUNNING"
    );
    assert_eq!(
        settings.origin("engine.max_waiting").to_string(),
        "flag --max-waiting"
    );
    assert_eq!(settings.origin("compute.kv_type").to_string(), "default");
}

#[test]
fn every_mistake_is_reported_with_its_place() {
    let file = r#"
[compute]
threds = 4
kv_type = "f8"
context_length = 3
kv_memory = "1 parsec"

[engine]
max_running = "many"
reader_stall = "soon"

[gateway]
listen = "0.0.0.0:80"
limits.bdoy = "16 MiB"
limits.json_depth = 999

[log]
filter = "tidegate=loud"

[enigne]
threads = 4

[store]
hub_endpoint = "ftp://x"

[models]
"../up" = "x.gguf"
b = 3
"#;
    let environment = Environment::from([("TIDEGATE_ENGINE_MAX_WAITING", "-1")]);
    insta::assert_snapshot!(read(file, &environment, Vec::new()).unwrap_err(), @r#"
    tidegate.toml:3: `compute.threds`: there is no such setting; did you mean `compute.threads`?
    tidegate.toml:4: `compute.kv_type`: unknown variant `f8`, expected `f16` or `f32`
    tidegate.toml:5: `compute.context_length`: is 3, expected a number from 16 to 16777216
    tidegate.toml:6: `compute.kv_memory`: `1 parsec` is not a valid size: expected a number with an optional unit, such as `512 MiB`
    tidegate.toml:9: `engine.max_running`: invalid type: string "many", expected a whole number
    tidegate.toml:10: `engine.reader_stall`: `soon` is not a valid duration: expected a number with a unit, such as `250ms`, `10s` or `2m`
    tidegate.toml:13: `gateway.listen`: `0.0.0.0:80` can be reached from other machines and nothing checks who calls: expected an `api_key`, a loopback address, or `insecure = true` if everyone who can connect may use the models
    tidegate.toml:14: `gateway.limits.bdoy`: there is no such setting; did you mean `gateway.limits.body`?
    tidegate.toml:15: `gateway.limits.json_depth`: expected a number from 1 to 128
    tidegate.toml:18: `log.filter`: `tidegate=loud` is not a valid log filter: expected a level (`error`, `warn`, `info`, `debug`, `trace`) or pairs such as `tidegate_llm=debug`
    tidegate.toml:21: `enigne.threads`: there is no such setting; did you mean `engine`?
    tidegate.toml:24: `store.hub_endpoint`: `ftp://x` is not an address, expected `https://…`
    tidegate.toml:27: `models.../up`: `../up` is not a valid model name: expected up to 96 letters, digits, `.`, `_` or `-`, starting with a letter or digit
    tidegate.toml:28: `models.b`: expected text: the path of a model, the name of a pulled one, or `bundled`
    environment TIDEGATE_ENGINE_MAX_WAITING: `engine.max_waiting`: invalid value: integer `-1`, expected a whole number
    "#);
}

#[test]
fn what_is_in_force_names_its_origin() {
    let settings = read("[compute]\nthreads = 2\n", &Environment::default(), Vec::new()).unwrap();
    let rows: Vec<_> = settings
        .in_force()
        .into_iter()
        .map(|(key, value, origin)| format!("{key} = {value} ({origin})"))
        .collect();
    assert!(
        rows.contains(&"compute.threads = 2 (tidegate.toml:2)".to_owned()),
        "{rows:?}"
    );
    assert!(
        rows.contains(&"compute.kv_type = \"f16\" (default)".to_owned()),
        "{rows:?}"
    );
}
