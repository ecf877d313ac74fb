//! Runs the program in a home of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use tempfile::TempDir;

use crate::fixture;

/// How long a test waits for the program before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// A home with nothing in it.
pub(crate) struct Home {
    folder: TempDir,
}

/// What a run left behind.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A file below the home.
    pub(crate) fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, text).unwrap();
        path
    }

    /// The tiny model as `fixture.gguf`.
    pub(crate) fn model(&self) -> String {
        let path = self.path().join("fixture.gguf");
        if !path.exists() {
            fixture::write(&path);
        }
        path.display().to_string()
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tidegate"));
        command
            .args(arguments)
            .env_clear()
            .env("HOME", self.path())
            .current_dir(self.path());
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        finish(self.command(arguments))
    }

    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The program may end without reading everything.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        ran(child)
    }

    /// Hides what differs from run to run.
    pub(crate) fn plain(&self, text: &str) -> String {
        text.replace(&self.path().display().to_string(), "HOME")
    }
}

/// Says that a test did nothing for want of `what`; where everything has to be there, it fails.
pub(crate) fn skipped(what: &str) {
    assert!(
        std::env::var_os("TIDEGATE_TEST_STRICT").is_none(),
        "{what} not found, and TIDEGATE_TEST_STRICT is set"
    );
    eprintln!("skipped: {what} not found");
}

/// Runs a command to its end.
pub(crate) fn finish(mut command: Command) -> Ran {
    ran(command.spawn().unwrap())
}

fn ran(child: Child) -> Ran {
    let output = child.wait_with_output().unwrap();
    Ran {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A server that runs until it is dropped.
pub(crate) struct Serving {
    child: Child,
    /// `http://127.0.0.1:PORT`
    pub(crate) url: String,
    /// What it printed until it was ready.
    pub(crate) banner: String,
}

impl Serving {
    /// Starts `tidegate serve` on a free port and waits until it is ready.
    pub(crate) fn start(home: &Home, arguments: &[&str]) -> Self {
        let arguments = [&["serve", "--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = home.command(&arguments).spawn().unwrap();
        let lines = lines(child.stdout.take().unwrap());
        let mut banner = String::new();
        while !banner.contains("curl ") {
            match lines.recv_timeout(PATIENCE) {
                Ok(line) => banner.push_str(&line),
                Err(_) => {
                    drop(child.kill());
                    let mut err = String::new();
                    child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
                    panic!("the server did not start: {banner}{err}");
                }
            }
        }
        let url = banner
            .lines()
            .next()
            .unwrap()
            .rsplit(' ')
            .next()
            .unwrap()
            .to_owned();
        Self { child, url, banner }
    }

    pub(crate) fn pid(&self) -> String {
        self.child.id().to_string()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args(["-s", name, &self.pid()])
            .status()
            .unwrap();
        assert!(status.success());
    }

    /// Waits for the end; answers the exit code and what was said on standard error.
    pub(crate) fn wait(mut self) -> (Option<i32>, String) {
        let mut err = String::new();
        let mut stderr = self.child.stderr.take().unwrap();
        stderr.read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code(), err)
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn lines(reader: impl Read + Send + 'static) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|count| count > 0) {
            if sender.send(std::mem::take(&mut line)).is_err() {
                break;
            }
        }
    });
    receiver
}
