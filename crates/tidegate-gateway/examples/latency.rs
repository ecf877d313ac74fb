//! What the HTTP layer adds: `cargo run --release -p tidegate-gateway --example latency`.
//!
//! An engine that answers at once stands behind the gateway, so all that is measured is the gateway,
//! the kernel's loopback and a plain client. Beside each figure stands a bare server that sends bytes of
//! the same length without looking at the request: the difference is what the gateway adds. Both run on
//! one thread of their own, whose processor time is read from the kernel (Linux), so that the client's
//! work is not counted.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "the figures are what this program is for")]
#![expect(
    clippy::disallowed_methods,
    reason = "a measurement reads the machine's own clock"
)]

use std::error::Error;
use std::net::SocketAddr;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use tidegate_base::{Shutdown, SystemClock};
use tidegate_engine::{Engine, Event, FinishReason, StaticCatalog};
use tidegate_gateway::{Config, Readiness, Server};
use tidegate_telemetry::{Build, Telemetry};
use tidegate_testkit::http::Connection;
use tidegate_testkit::{Ask, Scripted, Step};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

/// Tokens of each answer. With the role, the finish, and `[DONE]` a stream has 66 events.
const TOKENS: usize = 63;

/// Requests before the measurement.
const WARM_UP: usize = 200;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let requests = match std::env::args().nth(1) {
        Some(count) => count.parse()?,
        None => 5000,
    };
    let shutdown = Shutdown::new();
    let (report, listening) = mpsc::channel();
    let signal = shutdown.clone();
    let server = thread::spawn(move || serve(&report, signal));
    let servers = listening.recv()?;
    println!("{requests} requests each, one connection, one after the other; times in microseconds");
    println!(
        "{:<44} {:>8} {:>8} {:>8} {:>10} {:>11}",
        "", "p50", "p99", "max", "CPU each", "CPU / event"
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    for kind in [
        Kind::Health,
        Kind::Whole,
        Kind::Stream { pace: false },
        Kind::Stream { pace: true },
    ] {
        let count = if kind.is_paced() {
            requests.min(200)
        } else {
            requests
        };
        for (side, address) in [("bare", servers.bare), ("gateway", servers.gateway)] {
            let name = format!("{} ({side})", kind.name());
            runtime.block_on(measure(address, &servers.task, &name, kind, count))?;
        }
    }
    shutdown.trigger();
    server.join().map_err(|_| "the server panicked")?
}

/// Where the servers are.
struct Servers {
    gateway: SocketAddr,
    bare: SocketAddr,
    /// The file with the processor time of their thread.
    task: String,
}

/// What is measured.
#[derive(Clone, Copy)]
enum Kind {
    /// `/healthz`: HTTP, routing, access line and counters.
    Health,
    /// A chat as one object: JSON, validation and collecting besides.
    Whole,
    /// A chat as a stream; with `pace`, the events come 1 ms apart and so one by one.
    Stream { pace: bool },
}

impl Kind {
    fn is_stream(self) -> bool {
        matches!(self, Self::Stream { .. })
    }

    fn is_paced(self) -> bool {
        matches!(self, Self::Stream { pace: true })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Health => "GET /healthz",
            Self::Whole => "chat, 63 tokens, one object",
            Self::Stream { pace: false } => "chat, 66 events, all ready at once",
            Self::Stream { pace: true } => "chat, 66 events, 1 ms apart",
        }
    }

    fn request(self) -> Vec<u8> {
        let (stream, content) = match self {
            Self::Health => return b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(),
            Self::Whole => (false, "hi"),
            Self::Stream { pace: false } => (true, "hi"),
            Self::Stream { pace: true } => (true, "pace"),
        };
        let body = format!(
            r#"{{"model": "demo", "stream": {stream}, "temperature": 0.7, "max_tokens": 64, "messages": [{{"role": "system", "content": "You are helpful."}}, {{"role": "user", "content": "{content}"}}]}}"#
        );
        format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        )
        .into_bytes()
    }
}

async fn measure(address: SocketAddr, task: &str, name: &str, kind: Kind, count: usize) -> Outcome<()> {
    let mut connection = Connection::open(address).await?;
    let request = kind.request();
    let mut times = Vec::with_capacity(count);
    let warm_up = if kind.is_paced() { 2 } else { WARM_UP };
    let mut busy = Duration::ZERO;
    let mut events = 0;
    for number in 0..warm_up + count {
        if number == warm_up {
            busy = processor_time(task)?;
        }
        let start = Instant::now();
        connection.send(&request).await?;
        let answer = connection.answer().await?;
        if number >= warm_up {
            times.push(start.elapsed());
        }
        if answer.status != 200 || !answer.complete {
            return Err(format!("status {}: {}", answer.status, answer.text()).into());
        }
        events = if kind.is_stream() { TOKENS + 3 } else { 0 };
    }
    let busy = micros(processor_time(task)?.saturating_sub(busy)) / count_f64(count);
    times.sort_unstable();
    let at = |share: usize| micros(times[(times.len() - 1) * share / 100]);
    let per_event = if events > 0 {
        format!("{:.2}", busy / count_f64(events))
    } else {
        "-".to_owned()
    };
    println!(
        "{:<44} {:>8.0} {:>8.0} {:>8.0} {busy:>10.1} {per_event:>11}",
        name,
        at(50),
        at(99),
        at(100)
    );
    Ok(())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn count_f64(count: usize) -> f64 {
    u32::try_from(count).map_or(f64::MAX, f64::from)
}

/// How long the server's thread ran, from the first number of its `schedstat` (nanoseconds).
fn processor_time(task: &str) -> Outcome<Duration> {
    let text = std::fs::read_to_string(task)?;
    let nanoseconds = text.split_whitespace().next().ok_or("an empty `schedstat`")?;
    Ok(Duration::from_nanos(nanoseconds.parse()?))
}

/// The server, on this thread alone.
fn serve(report: &mpsc::Sender<Servers>, shutdown: Shutdown) -> Outcome<()> {
    let thread = std::fs::read_link("/proc/thread-self")?;
    let task = format!("/proc/{}/schedstat", thread.display());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let engine: Arc<dyn Engine> = Arc::new(Scripted::new("demo", script));
        let config = Config {
            listen: "127.0.0.1:0".to_owned(),
            ..Config::default()
        };
        let telemetry = Telemetry::new(
            Arc::new(SystemClock::new()),
            Build {
                version: "0".to_owned(),
                commit: String::new(),
            },
        );
        let catalog = Arc::new(StaticCatalog::new([engine]));
        let server = Server::bind(config, catalog, Readiness::ready(), telemetry).await?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        report.send(Servers {
            gateway: server.local_addr(),
            bare: listener.local_addr()?,
            task,
        })?;
        tokio::select! {
            _ = server.serve(shutdown) => Ok(()),
            ended = bare(listener) => ended,
        }
    })
}

/// A server that sends what the gateway would, one connection after the other.
async fn bare(listener: TcpListener) -> Outcome<()> {
    let piece = [b' '; 222];
    loop {
        let (mut stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let mut request = vec![0; 4096];
        loop {
            let count = stream.read(&mut request).await?;
            if count == 0 {
                break;
            }
            let text = String::from_utf8_lossy(&request[..count]);
            if !text.contains(r#""stream": true"#) {
                let length = if text.starts_with("GET") { 15 } else { 800 };
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n");
                stream
                    .write_all(&[head.as_bytes(), &vec![b' '; length]].concat())
                    .await?;
                continue;
            }
            let chunk = [b"de\r\n", piece.as_slice(), b"\r\n"].concat();
            let head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
            if text.contains("pace") {
                stream.write_all(&[head.as_slice(), &chunk].concat()).await?;
                for _ in 0..TOKENS {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    stream.write_all(&chunk).await?;
                }
                stream
                    .write_all(&[&chunk, b"0\r\n\r\n".as_slice()].concat())
                    .await?;
            } else {
                let body = chunk.repeat(TOKENS + 3);
                stream
                    .write_all(&[head.as_slice(), &body, b"0\r\n\r\n"].concat())
                    .await?;
            }
        }
    }
}

fn script(ask: &Ask) -> Vec<Step> {
    let pace = match ask {
        Ask::Chat(request) => request.messages.last().is_some_and(|last| last.content == "pace"),
        Ask::Complete(_) => false,
    };
    let mut steps = vec![Step::Emit(Event::Started {
        prompt_tokens: 12,
        cached_tokens: 0,
    })];
    for _ in 0..TOKENS {
        if pace {
            steps.push(Step::Wait(Duration::from_millis(1)));
        }
        steps.push(Step::Emit(Event::Text {
            choice: 0,
            text: " token".to_owned(),
            logprobs: Vec::new(),
        }));
    }
    steps.push(Step::Emit(Event::Finished {
        choice: 0,
        reason: FinishReason::Stop,
        completion_tokens: TOKENS,
    }));
    steps
}
