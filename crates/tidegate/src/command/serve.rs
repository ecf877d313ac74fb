//! `tidegate serve`: the server.

mod banner;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tidegate_base::{ByteSize, Clock, Shutdown, SystemClock, Tasks};
use tidegate_engine::Catalog;
use tidegate_gateway::{BindError, Drained, Readiness, Server};
use tidegate_llm::Progress;
use tidegate_telemetry::{Build, Telemetry, logs};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::bars::LoadBar;
use crate::catalog::Shelf;
use crate::cli::Context;
use crate::config::{Entry, Settings};
use crate::exit::{Exit, Failure, Outcome};
use crate::load::{self, Plan};
use crate::model::Spec;
use crate::{term, wiring};

/// Models that load faster than this are waited for before the first line is printed.
const PATIENCE: Duration = Duration::from_millis(700);

/// Serve models to OpenAI clients.
///
/// Without --model and without models in the configuration, the bundled model is served. Ctrl-C or
/// SIGTERM lets open requests finish (gateway.timeouts.drain, 30s); a second signal ends at once.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A model: NAME=PATH, a path, or the name of a pulled model; may be given several times.
    #[arg(long, short, value_name = "[NAME=]PATH|NAME")]
    model: Vec<String>,
    /// Where to listen; port 0 takes a free one [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// Let everyone who can connect use the models, also from other machines.
    #[arg(long)]
    insecure: bool,
    #[command(flatten)]
    compute: Compute,
}

/// Flags about computing, for every command that loads a model.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Compute {
    /// Threads that compute [default: one for each physical core].
    #[arg(long, value_name = "N")]
    threads: Option<u16>,
    /// Memory for keys and values of each model (`512 MiB`) [default: a quarter of what is free].
    #[arg(long, value_name = "SIZE")]
    kv_memory: Option<ByteSize>,
    /// The most tokens that a prompt and its answer may have together [default: the model's own].
    #[arg(long, value_name = "N")]
    context_length: Option<u32>,
}

impl Compute {
    /// The flags as settings.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        let Self {
            threads,
            kv_memory,
            context_length,
        } = self;
        [
            threads.map(|count| Entry::flag(&["compute", "threads"], i64::from(count), "--threads")),
            kv_memory.map(|size| Entry::flag(&["compute", "kv_memory"], size.0.to_string(), "--kv-memory")),
            context_length.map(|count| {
                Entry::flag(
                    &["compute", "context_length"],
                    i64::from(count),
                    "--context-length",
                )
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Args {
    fn entries(&self) -> Vec<Entry> {
        let listen = self.listen.as_deref();
        let listen = listen.map(|listen| Entry::flag(&["gateway", "listen"], listen, "--listen"));
        let insecure = self
            .insecure
            .then(|| Entry::flag(&["gateway", "insecure"], true, "--insecure"));
        self.compute
            .entries()
            .into_iter()
            .chain(listen)
            .chain(insecure)
            .collect()
    }
}

pub(crate) fn run(args: Args, context: &Context) -> Outcome {
    let settings = context.settings(args.entries())?;
    let _logs = logs::init(&settings.log).map_err(|error| Failure::caused(Exit::Internal, &error))?;
    // Everything that can be wrong without loading is found before the port is taken.
    let plans = plans(&args.model, &settings, context)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let outcome = runtime.block_on(serve(plans, settings));
    // A second signal must not wait for anything that still runs.
    runtime.shutdown_background();
    outcome
}

fn plans(models: &[String], settings: &Settings, context: &Context) -> Result<Vec<Plan>, Failure> {
    let store = wiring::store(settings, &context.environment);
    let specs: Vec<Spec> = if !models.is_empty() {
        models
            .iter()
            .map(|text| Spec::parse(text, &store))
            .collect::<Result<_, _>>()?
    } else if !settings.models.is_empty() {
        let named = settings
            .models
            .iter()
            .map(|(name, target)| Spec::named(name, target, &store));
        named.collect::<Result<_, _>>()?
    } else {
        vec![Spec::bundled()]
    };
    for (place, spec) in specs.iter().enumerate() {
        if specs[..place].iter().any(|other| other.name == spec.name) {
            return Err(Failure::usage(format!("two models are called `{}`", spec.name))
                .hint("give one another name: --model NAME=PATH"));
        }
    }
    let count = specs.len();
    specs
        .into_iter()
        .map(|spec| load::plan(spec, settings, count))
        .collect()
}

async fn serve(plans: Vec<Plan>, settings: Settings) -> Outcome {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let build = Build {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: option_env!("TIDEGATE_COMMIT").unwrap_or_default().to_owned(),
    };
    let telemetry = Telemetry::new(Arc::clone(&clock), build);
    let names: Vec<_> = plans.iter().map(|plan| plan.spec.name.clone()).collect();
    let readiness = Readiness::loading(names.join(", "));
    let shelf = Arc::new(Shelf::default());
    let gateway = settings.gateway.clone();
    let server = Server::bind(gateway, shelf.clone(), readiness.clone(), telemetry.clone()).await;
    let server = server.map_err(|error| bind_failure(&error))?;
    let address = server.local_addr();

    let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
    // Set once the first lines are printed: a bar may be drawn below them.
    let announced = Arc::new(AtomicBool::new(false));
    let mut banner = banner::Banner::new(address, &plans, &settings);
    let (loaded, mut load_ended) = oneshot::channel();
    drop(tasks.spawn_blocking({
        let (shelf, readiness) = (Arc::clone(&shelf), readiness.clone());
        let announced = Arc::clone(&announced);
        move || drop(loaded.send(load_all(plans, &settings, &clock, &shelf, &readiness, &announced)))
    }));
    let serving = tasks.spawn(server.serve(shutdown.clone()));
    let mut signals = Signals::new()?;
    let mut serving = std::pin::pin!(serving);
    let mut patience = std::pin::pin!(tokio::time::sleep(PATIENCE));
    let mut loading = true;
    loop {
        tokio::select! {
            result = &mut load_ended, if loading => {
                loading = false;
                result.unwrap_or_else(|_| Err(Failure::new(Exit::Internal, "loading broke off")))?;
                readiness.set_ready();
                banner.ready(&shelf.list());
            }
            () = &mut patience, if loading && !banner.is_shown() => {
                banner.still_loading();
                announced.store(true, Ordering::Relaxed);
            }
            () = signals.next() => {
                if shutdown.is_triggered() {
                    term::warning("ended at once; open requests were cut off");
                    return Ok(Exit::Interrupted);
                }
                term::note("stopping: open requests may finish; a second signal ends at once");
                shutdown.trigger();
            }
            drained = &mut serving => return ended(drained),
        }
    }
}

fn ended(drained: Result<Drained, tokio::task::JoinError>) -> Outcome {
    match drained {
        Ok(Drained::Complete) => {}
        Ok(Drained::CutOff { requests }) => {
            term::warning(format_args!("{requests} requests were cut off at the deadline"));
        }
        Err(error) => return Err(Failure::caused(Exit::Internal, &error)),
    }
    Ok(Exit::Ok)
}

/// Loads the models one after another; each computes on all threads.
fn load_all(
    plans: Vec<Plan>,
    settings: &Settings,
    clock: &Arc<dyn Clock>,
    shelf: &Shelf,
    readiness: &Readiness,
    announced: &AtomicBool,
) -> Result<(), Failure> {
    let pool = load::pool(settings)?;
    for plan in plans {
        let name = plan.spec.name.clone();
        let mut bar = LoadBar::new(&name);
        readiness.set_loading(format!("model {name}"));
        let mut progress = |progress| {
            if announced.load(Ordering::Relaxed) {
                bar.at(progress);
            }
            let Progress { done, total } = progress;
            let percent = done * 100 / total.max(1);
            readiness.set_loading(format!("model {name}, {percent} %"));
        };
        shelf.put(load::engine(
            plan,
            settings,
            Arc::clone(&pool),
            Arc::clone(clock),
            &mut progress,
        )?);
    }
    Ok(())
}

fn bind_failure(error: &BindError) -> Failure {
    match error {
        BindError::Config(_) => Failure::caused(Exit::Usage, error),
        BindError::Listen { source, .. } => {
            let failure = Failure::caused(Exit::Unavailable, error);
            if source.kind() == std::io::ErrorKind::AddrInUse {
                failure.hint("another program listens there; choose another port with --listen, or port 0 for a free one")
            } else {
                failure
            }
        }
    }
}

/// SIGINT and SIGTERM as one stream.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
