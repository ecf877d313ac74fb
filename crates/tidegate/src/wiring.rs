//! Joins the crates: settings become stores and engines. No logic of its own.

use std::sync::Arc;

use tidegate_base::SystemClock;
use tidegate_engine::Engine;
use tidegate_registry::{self as registry, Secret, Store};

use crate::bars::LoadBar;
use crate::command::serve::Compute;
use crate::config::Settings;
use crate::environment::{self, Environment};
use crate::exit::Failure;
use crate::load;
use crate::model::Spec;
use crate::remote::{Remote, RemoteConfig};

/// The settings of the model store.
pub(crate) fn registry_config(settings: &Settings, environment: &Environment) -> registry::Config {
    let home = settings.store.home.clone().unwrap_or_else(|| environment.store());
    let mut config = registry::Config::new(home);
    if let Some(endpoint) = &settings.store.hub_endpoint {
        endpoint
            .trim_end_matches('/')
            .clone_into(&mut config.hub_endpoint);
    }
    config.hub_token = environment.get(environment::HF_TOKEN).and_then(Secret::new);
    config
}

/// The model store.
pub(crate) fn store(settings: &Settings, environment: &Environment) -> Store {
    Store::new(registry_config(settings, environment).home)
}

/// Who answers `chat` and `run`.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Answerer {
    /// The model: a pulled name, a path, or with --url a name of the server [default: the bundled
    /// one, or the server's first].
    #[arg(long, short, value_name = "NAME|PATH")]
    model: Option<String>,
    /// A running server to ask instead of loading the model here (`http://127.0.0.1:8080`).
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    #[command(flatten)]
    pub(crate) compute: Compute,
}

impl Answerer {
    /// The temperature where nobody says: a server has its own choice; small models in a terminal do
    /// better below 1.
    pub(crate) fn temperature(&self) -> Option<f32> {
        self.url.is_none().then_some(0.7)
    }
}

/// The engine that `chat` and `run` talk with.
pub(crate) fn answerer(
    answerer: &Answerer,
    settings: &Settings,
    environment: &Environment,
) -> Result<Arc<dyn Engine>, Failure> {
    if let Some(url) = &answerer.url {
        return Ok(Arc::new(Remote::connect(RemoteConfig {
            url: url.clone(),
            model: answerer.model.clone(),
            api_key: environment.get(environment::API_KEY).map(str::to_owned),
        })?));
    }
    let spec = match &answerer.model {
        Some(text) => Spec::parse(text, &store(settings, environment))?,
        None => Spec::bundled(),
    };
    let plan = load::plan(spec, settings, 1)?;
    let mut bar = LoadBar::new(&plan.spec.name);
    let clock = Arc::new(SystemClock::new());
    load::engine(plan, settings, load::pool(settings)?, clock, &mut |progress| {
        bar.at(progress)
    })
}
