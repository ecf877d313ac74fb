//! From a model's files to an engine: how much memory its keys and values get, then loading.

use std::sync::Arc;

use tidegate_base::{ByteSize, Clock, Tasks};
use tidegate_engine::{Engine, TemplateLimits};
use tidegate_llm::engine::{EngineParts, LanguageEngine};
use tidegate_llm::load::available_memory;
use tidegate_llm::stats::Deaf;
use tidegate_llm::{Estimate, LoadError, LoadOptions, Model, ModelFiles, OpenError, Progress};
use tidegate_tensor::{KvDType, Pool};
use tidegate_weights::Tokenizer;

use crate::config::{KvType, Settings};
use crate::exit::{Exit, Failure};
use crate::machine;
use crate::model::Spec;

/// Tokens in a page of keys and values.
const PAGE_SIZE: usize = 16;
/// Keys and values of one model take at most this much unless somebody says otherwise.
const KV_MEMORY_MAX: u64 = 4 << 30;
/// A sequence can always have this many tokens, however small the memory for them is.
const CONTEXT_MIN: usize = 256;

/// A model that can be loaded: its files are there and sound, and it fits.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) spec: Spec,
    pub(crate) files: ModelFiles,
    pub(crate) options: LoadOptions,
    pub(crate) estimate: Estimate,
    /// The most tokens of a sequence, as the options allow it.
    pub(crate) context_length: usize,
}

/// Opens a model's files and shares out the memory. `models` is how many share the machine.
pub(crate) fn plan(spec: Spec, settings: &Settings, models: usize) -> Result<Plan, Failure> {
    let files = spec.place.open()?;
    let failed = |error: LoadError| failure(&spec, &error);
    let config = files
        .checkpoint()
        .map_err(|error| failed(LoadError::from(error)))?
        .config;
    let mut options = LoadOptions {
        kv_dtype: match settings.compute.kv_type {
            KvType::F16 => KvDType::F16,
            KvType::F32 => KvDType::F32,
        },
        page_size: PAGE_SIZE,
        pages: 1,
        max_rows: settings.engine.step_rows.max(settings.engine.max_running),
        max_outputs: settings.engine.max_running.max(16),
        context_length: settings.compute.context_length,
        memory: None,
    };
    let bare = Model::plan(&files, &options).map_err(failed)?;
    let wanted = options
        .context_length
        .unwrap_or(usize::MAX)
        .min(config.context_length);
    options.pages = pages(&bare, wanted, settings, models);
    let estimate = Model::plan(&files, &options).map_err(failed)?;
    Ok(Plan {
        context_length: wanted.min(options.pages * PAGE_SIZE),
        spec,
        files,
        options,
        estimate,
    })
}

/// Pages of keys and values: what the memory allows, and no more than the running sequences can
/// fill.
fn pages(bare: &Estimate, context: usize, settings: &Settings, models: usize) -> usize {
    let budget = settings.compute.kv_memory.unwrap_or_else(|| {
        let others = bare.weights.0.saturating_add(bare.activations.0);
        let free = available_memory().map_or(KV_MEMORY_MAX, |free| free.0.saturating_sub(others));
        ByteSize((free / 4 / models.max(1) as u64).min(KV_MEMORY_MAX))
    });
    let page_bytes = bare.kv_per_token.as_usize().max(1) * PAGE_SIZE;
    let most = settings
        .engine
        .max_running
        .saturating_mul(context.div_ceil(PAGE_SIZE));
    let least = context.min(CONTEXT_MIN).div_ceil(PAGE_SIZE);
    (budget.as_usize() / page_bytes).min(most).max(least)
}

/// Threads to compute with, shared by all models.
pub(crate) fn pool(settings: &Settings) -> Result<Arc<Pool>, Failure> {
    let cpu = machine::cpu(settings.compute.cpu.as_deref())?;
    let threads = settings.compute.threads.unwrap_or_else(machine::cores);
    Ok(Arc::new(Pool::new(threads, cpu)))
}

/// Loads the weights.
pub(crate) fn model(
    plan: Plan,
    pool: Arc<Pool>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Model, Failure> {
    let Plan {
        spec, files, options, ..
    } = plan;
    Model::load(files, &options, pool, progress).map_err(|error| failure(&spec, &error))
}

pub(crate) fn failure(spec: &Spec, error: &LoadError) -> Failure {
    let exit = match error {
        LoadError::Memory { .. } | LoadError::Kv(_) | LoadError::Reserve { .. } => Exit::Unavailable,
        LoadError::Option { .. } => Exit::Usage,
        LoadError::Map(_) => Exit::Io,
        LoadError::Open(_)
        | LoadError::Architecture { .. }
        | LoadError::Missing { .. }
        | LoadError::Stray { .. }
        | LoadError::Shape { .. }
        | LoadError::Tensor { .. } => Exit::Data,
    };
    let failure = Failure::caused(exit, error);
    let failure = Failure {
        message: format!(
            "the model `{}` cannot be loaded\n  because {}",
            spec.name, failure.message
        ),
        ..failure
    };
    if exit == Exit::Unavailable {
        return failure.hint("set --kv-memory or compute.kv_memory lower, or take a smaller quantisation");
    }
    failure
}

/// The tokenizer, with the chat template that lies beside it in newer repositories.
pub(crate) fn tokenizer(files: &ModelFiles) -> Result<Tokenizer, OpenError> {
    let tokenizer = files.tokenizer()?;
    if tokenizer.chat_template().is_some() {
        return Ok(tokenizer);
    }
    let beside = files.beside("chat_template.jinja")?;
    Ok(match beside.and_then(|bytes| String::from_utf8(bytes).ok()) {
        Some(template) => tokenizer.with_chat_template(template),
        None => tokenizer,
    })
}

/// Loads a model and starts its engine.
pub(crate) fn engine(
    plan: Plan,
    settings: &Settings,
    pool: Arc<Pool>,
    clock: Arc<dyn Clock>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Arc<dyn Engine>, Failure> {
    let spec = plan.spec.clone();
    let tokenizer = tokenizer(&plan.files).map_err(|error| failure(&spec, &error.into()))?;
    let model = model(plan, pool, progress)?;
    let parts = EngineParts {
        name: spec.name.clone(),
        architecture: model.config().architecture.clone(),
        forward: Box::new(model),
        tokenizer: Arc::new(tokenizer),
        template_limits: TemplateLimits::default(),
        clock,
        observer: Arc::new(Deaf),
        tasks: Tasks::new(),
    };
    let engine = LanguageEngine::start(parts, settings.engine.clone()).map_err(|error| {
        let failure = Failure::caused(Exit::Data, &error);
        Failure {
            message: format!(
                "the model `{}` cannot be started\n  because {}",
                spec.name, failure.message
            ),
            ..failure
        }
    })?;
    Ok(Arc::new(engine))
}
