//! `tidegate pull`: fetch a model into the store.

use tidegate_base::{ByteSize, SystemClock};
use tidegate_registry::{Digest, ModelName, Pull, Source, pull};

use crate::bars::Bars;
use crate::cli::Context;
use crate::exit::{Exit, Failure, Outcome};
use crate::{term, wiring};

/// Fetch a model: `hf:OWNER/REPO[@REVISION][:FILE]`, `https://…` or a path.
///
/// A download that broke goes on where it stopped. What arrives is checked against the SHA-256 that
/// the hub states, or that you give. HF_TOKEN and HF_ENDPOINT are honoured.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Where from. FILE may be a file of the repository or a quantisation such as Q4_K_M.
    source: String,
    /// The name in the store [default: made from the file or the repository].
    #[arg(long, value_name = "NAME")]
    name: Option<ModelName>,
    /// The SHA-256 that the file must have.
    #[arg(long, value_name = "HEX")]
    sha256: Option<Digest>,
    /// Print JSON about what was fetched.
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: Args, context: &Context) -> Outcome {
    let source: Source = args
        .source
        .parse()
        .map_err(|error: tidegate_registry::source::SourceError| Failure::usage(error.to_string()))?;
    if let Source::Path(path) = &source
        && !path.exists()
    {
        let failure = Failure::new(Exit::NoInput, format!("there is no file or folder `{source}`"));
        return Err(failure.hint(format!("a repository of the hub is written as hf:{source}")));
    }
    let settings = context.settings(Vec::new())?;
    let config = wiring::registry_config(&settings, &context.environment);
    let request = Pull {
        source,
        name: args.name,
        sha256: args.sha256,
    };
    let bars = Bars::default();
    let pulled = pull(&config, &SystemClock::new(), &request, &bars);
    bars.clear();
    let pulled = pulled?;
    if args.json {
        let mut value = serde_json::to_value(&pulled.manifest).map_err(std::io::Error::from)?;
        value["location"] = pulled.path.display().to_string().into();
        value["unchanged"] = pulled.unchanged.into();
        term::json(&value)?;
    } else {
        let (name, size) = (&pulled.manifest.name, ByteSize(pulled.manifest.size()));
        let done = if pulled.unchanged {
            "already here"
        } else {
            "pulled"
        };
        term::line(format_args!("{done}: {name} ({size})"))?;
        term::line(format_args!("serve it: tidegate serve --model {name}"))?;
        term::line(format_args!("chat with it: tidegate chat --model {name}"))?;
    }
    Ok(Exit::Ok)
}
