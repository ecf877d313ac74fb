//! Pulls: what arrives, what is refused, what is tried again, who gets the token.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use serde_json::json;
use tempfile::TempDir;
use tidegate_base::SystemClock;
use tidegate_registry::{Config, Digest, Progress, Pull, PullError, Pulled, Secret, Store, pull};

use crate::server::{Reply, Request, Server};

/// Keeps the notes.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Progress for Notes {
    fn begin(&self, _file: &str, _total: Option<u64>, _have: u64) {}
    fn at(&self, _bytes: u64) {}
    fn end(&self) {}
    fn note(&self, text: &str) {
        self.0.lock().push(text.to_owned());
    }
}

struct Fixture {
    home: TempDir,
    config: Config,
    notes: Notes,
}

impl Fixture {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut config = Config::new(home.path());
        config.backoff = Duration::from_millis(5);
        config.timeout = Duration::from_millis(700);
        config.retries = 2;
        Self {
            home,
            config,
            notes: Notes::default(),
        }
    }

    fn hub(server: &Server) -> Self {
        let mut fixture = Self::new();
        fixture.config.hub_endpoint = server.url("");
        fixture
    }

    fn pull(&self, source: &str) -> Result<Pulled, PullError> {
        self.pull_proven(source, None)
    }

    fn pull_proven(&self, source: &str, sha256: Option<Digest>) -> Result<Pulled, PullError> {
        let request = Pull {
            source: source.parse().unwrap(),
            name: None,
            sha256,
        };
        pull(&self.config, &SystemClock::new(), &request, &self.notes)
    }

    fn partial_files(&self) -> Vec<String> {
        let Ok(entries) = fs_err::read_dir(self.home.path().join("partial")) else {
            return Vec::new();
        };
        entries
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| !name.ends_with(".lock"))
            .collect()
    }
}

/// A file that starts like a model and is longer than one chunk.
fn model() -> Vec<u8> {
    let mut bytes = b"GGUF".to_vec();
    bytes.extend((0..900_000_u32).map(|place| (place.wrapping_mul(2_654_435_761) >> 24) as u8));
    bytes
}

fn read(pulled: &Pulled) -> Vec<u8> {
    fs_err::read(&pulled.path).unwrap()
}

#[test]
fn a_broken_connection_goes_on_where_it_stopped() {
    let server = Server::start(|request, number| {
        let reply = Reply::file(request, &model(), "\"v1\"");
        if number < 4 { reply.cut(250_000) } else { reply }
    });
    let fixture = Fixture::new();
    let pulled = fixture.pull(&server.url("/m.gguf")).unwrap();
    assert_eq!(read(&pulled), model());
    assert_eq!(pulled.manifest.name, "m");
    let asked: Vec<usize> = server.requests().iter().map(Request::from).collect();
    assert_eq!(asked, [0, 250_000, 500_000, 750_000]);
    assert!(
        server.requests()[1..]
            .iter()
            .all(|request| request.header("if-range") == Some("\"v1\""))
    );
    assert_eq!(fixture.partial_files(), Vec::<String>::new());
    assert_eq!(fixture.notes.0.lock().len(), 3);
}

#[test]
fn another_run_goes_on_where_a_killed_one_stopped() {
    let server = Server::start(|request, number| {
        let reply = Reply::file(request, &model(), "\"v1\"");
        match number {
            1 => reply.cut(300_000),
            2..=4 => Reply::new(503),
            _ => reply,
        }
    });
    let fixture = Fixture::new();
    let error = fixture.pull(&server.url("/m.gguf")).unwrap_err();
    assert!(matches!(error, PullError::Status { status: 503, .. }), "{error}");
    let pulled = fixture.pull_proven(&server.url("/m.gguf"), Some(Digest::of(&model())));
    // The proof is new, so the first run's bytes count as those of an unproven file.
    assert_eq!(read(&pulled.unwrap()), model());

    let server = Server::start(|request, number| {
        let reply = Reply::file(request, &model(), "\"v1\"");
        match number {
            1 => reply.cut(300_000),
            2..=4 => Reply::new(503),
            _ => reply,
        }
    });
    let fixture = Fixture::new();
    fixture.pull(&server.url("/m.gguf")).unwrap_err();
    assert_eq!(read(&fixture.pull(&server.url("/m.gguf")).unwrap()), model());
    assert_eq!(server.requests().last().unwrap().from(), 300_000);
}

#[test]
fn a_file_that_changed_meanwhile_is_fetched_anew() {
    let new = [model(), b"more".to_vec()].concat();
    let expect = new.clone();
    let server = Server::start(move |request, number| match number {
        1 => Reply::file(request, &model(), "\"v1\"").cut(300_000),
        _ => Reply::file(request, &new, "\"v2\""),
    });
    let fixture = Fixture::new();
    let pulled = fixture.pull(&server.url("/m.gguf")).unwrap();
    assert_eq!(read(&pulled), expect);
}

#[test]
fn a_server_without_ranges_is_asked_for_the_whole_file() {
    let server = Server::start(|_, number| {
        let reply = Reply::new(200).body(&model());
        if number == 1 { reply.cut(300_000) } else { reply }
    });
    let fixture = Fixture::new();
    let pulled = fixture.pull(&server.url("/m.gguf")).unwrap();
    assert_eq!(read(&pulled), model());
    // Without a validator and without a digest, bytes of two answers must not be joined.
    assert_eq!(server.requests()[1].header("range"), None);

    let server = Server::start(|_, number| {
        let reply = Reply::new(200).body(&model()).header("ETag", "\"v1\"");
        if number == 1 { reply.cut(300_000) } else { reply }
    });
    let fixture = Fixture::new();
    let pulled = fixture.pull(&server.url("/m.gguf")).unwrap();
    assert_eq!(read(&pulled), model());
    assert_eq!(server.requests()[1].from(), 300_000);
}

#[test]
fn a_part_that_is_longer_than_the_file_is_thrown_away() {
    let short = b"GGUF short".to_vec();
    let expect = short.clone();
    let server = Server::start(move |request, number| match (number, request.from()) {
        (1, _) => Reply::file(request, &model(), "\"v1\"").cut(300_000),
        (_, 0) => Reply::file(request, &short, "\"v2\""),
        _ => Reply::new(416).header("Content-Range", "bytes */10"),
    });
    assert_eq!(
        read(&Fixture::new().pull(&server.url("/m.gguf")).unwrap()),
        expect
    );
}

#[test]
fn a_silent_server_is_given_up_and_tried_again() {
    let server = Server::start(|request, number| {
        let reply = Reply::file(request, &model(), "\"v1\"");
        if number == 1 {
            reply.silent_after(100_000)
        } else {
            reply
        }
    });
    assert_eq!(
        read(&Fixture::new().pull(&server.url("/m.gguf")).unwrap()),
        model()
    );
    assert_eq!(server.requests()[1].from(), 100_000);
}

#[test]
fn wrong_bytes_are_refused_and_not_kept() {
    let server = Server::start(|request, _| Reply::file(request, &model(), "\"v1\""));
    let fixture = Fixture::new();
    let error = fixture
        .pull_proven(&server.url("/m.gguf"), Some(Digest::of(b"other")))
        .unwrap_err();
    assert!(matches!(error, PullError::Mismatch { .. }), "{error}");
    assert_eq!(fixture.partial_files(), Vec::<String>::new());
    assert_eq!(Store::new(fixture.home.path()).list().unwrap(), []);
    fixture
        .pull_proven(&server.url("/m.gguf"), Some(Digest::of(&model())))
        .unwrap();
}

#[test]
fn the_digest_in_the_header_is_checked_too() {
    let server = Server::start(|request, _| {
        Reply::file(request, &model(), "\"v1\"")
            .header("X-Linked-Etag", &format!("\"{}\"", Digest::of(b"other")))
    });
    let error = Fixture::new().pull(&server.url("/m.gguf")).unwrap_err();
    assert!(matches!(error, PullError::Mismatch { .. }), "{error}");
}

#[test]
fn hopeless_answers_are_not_tried_again() {
    for (status, hint) in [(404, "spelling"), (401, "HF_TOKEN"), (403, "HF_TOKEN"), (400, "")] {
        let server = Server::start(move |_, _| Reply::new(status));
        let error = Fixture::new()
            .pull(&server.url("/m.gguf?sig=secret"))
            .unwrap_err();
        assert_eq!(server.requests().len(), 1, "{status}");
        assert!(error.hint().unwrap_or_default().contains(hint), "{status}");
        assert!(
            error.to_string().contains("/m.gguf") && !error.to_string().contains("secret"),
            "{error}"
        );
    }
}

#[test]
fn an_overloaded_server_is_asked_again_but_not_for_ever() {
    let server = Server::start(|_, _| Reply::new(503));
    Fixture::new().pull(&server.url("/m.gguf")).unwrap_err();
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_web_page_is_not_a_model() {
    let server = Server::start(|_, _| {
        Reply::new(200)
            .body(b"<html>")
            .header("Content-Type", "text/html")
    });
    let error = Fixture::new().pull(&server.url("/m.gguf")).unwrap_err();
    assert!(matches!(error, PullError::NotAModel { .. }), "{error}");
    let server = Server::start(|_, _| Reply::new(200).body(b"text"));
    let error = Fixture::new().pull(&server.url("/m.gguf")).unwrap_err();
    assert!(
        error.to_string().contains("does not start with `GGUF`"),
        "{error}"
    );
}

/// A hub with one repository; large files lie on another port, as on the real one.
fn hub(files: serde_json::Value, elsewhere: Option<Arc<Server>>) -> Server {
    Server::start(move |request, _| {
        if request.path.starts_with("/api/models/o/r/revision/main") {
            return Reply::json(&json!({"sha": "c0ffee", "siblings": files}));
        }
        let Some(path) = request.path.strip_prefix("/o/r/resolve/c0ffee/") else {
            return Reply::new(404);
        };
        match &elsewhere {
            Some(server) if path.ends_with(".gguf") => Reply::new(302)
                .header("Location", &server.url("/cdn?sig=secret"))
                .header("X-Linked-Etag", &format!("\"{}\"", Digest::of(&model()))),
            _ => Reply::file(request, path.as_bytes(), "\"v\""),
        }
    })
}

#[test]
fn the_token_goes_to_the_hub_and_not_where_it_redirects() {
    let cdn = Arc::new(Server::start(|request, number| {
        let reply = Reply::file(request, &model(), "\"cdn\"");
        if number == 1 { reply.cut(500_000) } else { reply }
    }));
    let listing = json!([
        {"rfilename": "README.md"},
        {"rfilename": "m-q8_0.gguf", "size": 1},
        {"rfilename": "m-q4_k_m.gguf", "size": 900_004,
         "lfs": {"sha256": Digest::of(&model()).to_string(), "size": 900_004}},
    ]);
    let hub = hub(listing, Some(Arc::clone(&cdn)));
    let mut fixture = Fixture::hub(&hub);
    fixture.config.hub_token = Secret::new("hf_secret");
    let pulled = fixture.pull("hf:o/r").unwrap();
    assert_eq!(read(&pulled), model());
    assert_eq!(pulled.manifest.name, "m-q4_k_m");
    assert_eq!(pulled.manifest.source, "hf:o/r:m-q4_k_m.gguf");
    assert_eq!(pulled.manifest.revision.as_deref(), Some("c0ffee"));
    let token = |request: &Request| request.header("authorization").map(str::to_owned);
    assert!(
        hub.requests()
            .iter()
            .all(|request| token(request).as_deref() == Some("Bearer hf_secret"))
    );
    assert_eq!(cdn.requests().iter().filter_map(token).count(), 0);
    assert_eq!(cdn.requests()[1].from(), 500_000);
    let notes = fixture.notes.0.lock().join("\n");
    assert!(notes.contains("taking m-q4_k_m.gguf of 2 files"), "{notes}");
    assert!(notes.contains("tidegate pull hf:o/r:m-q8_0.gguf"), "{notes}");
    assert!(!notes.contains("secret"), "{notes}");
    assert!(fixture.pull("hf:o/r:Q4_K_M").unwrap().unchanged);
}

#[test]
fn a_safetensors_repository_becomes_a_folder() {
    let listing = json!([
        {"rfilename": "config.json"}, {"rfilename": "tokenizer.json"}, {"rfilename": "pytorch_model.bin"},
        {"rfilename": "model.safetensors.index.json"},
        {"rfilename": "model-00001-of-00002.safetensors"}, {"rfilename": "model-00002-of-00002.safetensors"},
    ]);
    let hub = hub(listing, None);
    let fixture = Fixture::hub(&hub);
    let pulled = fixture.pull("hf:o/r").unwrap();
    let mut names: Vec<_> = fs_err::read_dir(&pulled.path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "config.json",
            "model-00001-of-00002.safetensors",
            "model-00002-of-00002.safetensors",
            "model.safetensors.index.json",
            "tokenizer.json"
        ]
    );
    assert_eq!(pulled.manifest.name, "r");
    let error = fixture.pull_proven("hf:o/r", Some(Digest::of(b""))).unwrap_err();
    assert!(matches!(error, PullError::ManyFiles(_)));
}

#[test]
fn an_unclear_repository_lists_its_files() {
    let hub = hub(json!([{"rfilename": "a.gguf"}, {"rfilename": "b.gguf"}]), None);
    let error = Fixture::hub(&hub).pull("hf:o/r").unwrap_err();
    assert_eq!(
        error.to_string(),
        "several files could be meant: `hf:o/r` has a.gguf, b.gguf"
    );
    assert_eq!(error.hint().unwrap(), "name one: tidegate pull hf:o/r:a.gguf");
    let error = Fixture::hub(&hub).pull("hf:o/none").unwrap_err();
    assert!(matches!(error, PullError::NotFound { .. }), "{error}");
}

#[test]
fn two_pulls_at_once_fetch_the_file_once() {
    let server = Server::start(|request, _| {
        std::thread::sleep(Duration::from_millis(150));
        Reply::file(request, &model(), "\"v1\"")
    });
    let fixture = Fixture::new();
    let digest = Digest::of(&model());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| fixture.pull_proven(&server.url("/m.gguf"), Some(digest)).unwrap());
        }
    });
    assert_eq!(server.requests().len(), 1);
    assert_eq!(Store::new(fixture.home.path()).list().unwrap().len(), 1);
}

#[test]
fn files_and_folders_of_this_machine_are_copied() {
    let fixture = Fixture::new();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("my model.gguf");
    fs_err::write(&file, model()).unwrap();
    let pulled = fixture.pull(file.to_str().unwrap()).unwrap();
    assert_eq!(
        (pulled.manifest.name.as_str(), read(&pulled)),
        ("my-model", model())
    );
    assert!(fixture.pull(file.to_str().unwrap()).unwrap().unchanged);

    let tensors = folder.path().join("tensors");
    fs_err::create_dir(&tensors).unwrap();
    for name in ["config.json", "model.safetensors", "notes.txt"] {
        fs_err::write(tensors.join(name), name).unwrap();
    }
    let pulled = fixture.pull(tensors.to_str().unwrap()).unwrap();
    assert!(pulled.path.join("model.safetensors").exists() && !pulled.path.join("notes.txt").exists());

    fs_err::write(folder.path().join("x.gguf"), "no model").unwrap();
    assert!(
        fixture
            .pull(folder.path().join("x.gguf").to_str().unwrap())
            .is_err()
    );
    assert!(
        fixture
            .pull("/no/such/file.gguf")
            .unwrap_err()
            .to_string()
            .contains("/no/such/file.gguf")
    );
}

#[test]
fn a_name_is_not_taken_over_silently() {
    let server = Server::start(|request, _| {
        Reply::file(
            request,
            &[model(), request.path.as_bytes().to_vec()].concat(),
            "\"v1\"",
        )
    });
    let fixture = Fixture::new();
    fixture.pull(&server.url("/a/m.gguf")).unwrap();
    let error = fixture.pull(&server.url("/b/m.gguf")).unwrap_err();
    assert!(
        matches!(error, PullError::Taken { .. }) && error.hint().unwrap().contains("--name"),
        "{error}"
    );
}

#[test]
fn a_redirect_without_end_is_given_up() {
    let server = Server::start(|_, _| Reply::new(302).header("Location", "/again"));
    let error = Fixture::new().pull(&server.url("/m.gguf")).unwrap_err();
    assert!(matches!(error, PullError::Redirect { .. }), "{error}");
}
