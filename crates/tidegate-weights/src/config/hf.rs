//! The configuration in a Hugging Face `config.json`.

use serde_json::{Map, Value};

use super::gguf::{even_share, narrow};
use super::{ConfigError, ModelConfig, Rope, RopePairing, RopeScaling};

/// (class, our name). The classes that read the same files without an output matrix count too.
const CLASSES: [(&str, &str); 8] = [
    ("LlamaForCausalLM", "llama"),
    ("LlamaModel", "llama"),
    ("MistralForCausalLM", "mistral"),
    ("MistralModel", "mistral"),
    ("Qwen2ForCausalLM", "qwen2"),
    ("Qwen2Model", "qwen2"),
    ("Qwen3ForCausalLM", "qwen3"),
    ("Qwen3Model", "qwen3"),
];

/// Defaults of the `transformers` configuration classes; files leave out what equals them.
const EPSILON_DEFAULT: f64 = 1e-6;
const THETA_DEFAULT: f64 = 10_000.0;
const QWEN3_HEAD_DIM_DEFAULT: usize = 128;

impl ModelConfig {
    /// Reads a `config.json` of one of the supported classes.
    pub fn from_hf(config_json: &[u8]) -> Result<Self, ConfigError> {
        let json: Map<String, Value> =
            serde_json::from_slice(config_json).map_err(|error| ConfigError::Json(error.to_string()))?;
        let json = Json(&json);
        let architecture = json.architecture()?;
        json.refuse_unsupported()?;
        let hidden = json.required("hidden_size")?;
        let heads = json.required("num_attention_heads")?;
        let layers = json.required("num_hidden_layers")?;
        let head_dim = match json.size("head_dim")? {
            Some(dim) => dim,
            None if architecture == "qwen3" => QWEN3_HEAD_DIM_DEFAULT,
            None => even_share(hidden, heads, "num_attention_heads")?,
        };
        let kv_heads = match json.size("num_key_value_heads")? {
            Some(heads) => heads,
            None if architecture == "llama" => heads,
            None => {
                return Err(ConfigError::Missing {
                    key: "num_key_value_heads".into(),
                });
            }
        };
        let context_length = json.required("max_position_embeddings")?;
        let window = json.window(architecture, layers)?;
        let config = Self {
            architecture: architecture.to_owned(),
            name: json.text("_name_or_path")?.unwrap_or_default().to_owned(),
            vocabulary: json.required("vocab_size")?,
            hidden,
            layers,
            heads,
            kv_heads,
            head_dim,
            ffn: json.required("intermediate_size")?,
            context_length,
            norm_epsilon: narrow(json.float("rms_norm_eps")?.unwrap_or(EPSILON_DEFAULT)),
            rope: json.rope(head_dim, context_length)?,
            sliding_window: window.filter(|window| (1..context_length).contains(window)),
            tie_embeddings: json.flag("tie_word_embeddings")?.unwrap_or(false),
        };
        config.check()?;
        Ok(config)
    }
}

/// Typed access to a JSON object. `null` is the same as absent, as in `transformers`.
struct Json<'j>(&'j Map<String, Value>);

impl<'j> Json<'j> {
    fn get(&self, key: &str) -> Option<&'j Value> {
        self.0.get(key).filter(|value| !value.is_null())
    }

    fn typed<T>(
        &self,
        key: &str,
        expected: &str,
        read: impl Fn(&'j Value) -> Option<T>,
    ) -> Result<Option<T>, ConfigError> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        read(value)
            .map(Some)
            .ok_or_else(|| ConfigError::invalid(key, brief(value), expected))
    }

    fn size(&self, key: &str) -> Result<Option<usize>, ConfigError> {
        self.typed(key, "a whole number", |value| {
            value.as_u64().and_then(|size| usize::try_from(size).ok())
        })
    }

    fn required(&self, key: &str) -> Result<usize, ConfigError> {
        self.size(key)?
            .ok_or_else(|| ConfigError::Missing { key: key.to_owned() })
    }

    fn float(&self, key: &str) -> Result<Option<f64>, ConfigError> {
        self.typed(key, "a number", Value::as_f64)
    }

    fn flag(&self, key: &str) -> Result<Option<bool>, ConfigError> {
        self.typed(key, "true or false", Value::as_bool)
    }

    fn text(&self, key: &str) -> Result<Option<&'j str>, ConfigError> {
        self.typed(key, "a string", Value::as_str)
    }

    fn object(&self, key: &str) -> Result<Option<Self>, ConfigError> {
        self.typed(key, "an object", |value| value.as_object().map(Json))
    }

    fn architecture(&self) -> Result<&'static str, ConfigError> {
        let classes = self
            .typed("architectures", "a list of class names", Value::as_array)?
            .ok_or_else(|| ConfigError::Missing {
                key: "architectures".into(),
            })?;
        let found: Vec<&str> = classes.iter().filter_map(Value::as_str).collect();
        let known = CLASSES.iter().find(|class| found.contains(&class.0));
        known
            .map(|class| class.1)
            .ok_or_else(|| ConfigError::Architecture {
                found: found.join(", "),
                known: CLASSES.map(|class| class.0).join(", "),
            })
    }

    fn refuse_unsupported(&self) -> Result<(), ConfigError> {
        if let Some(how) = self.object("quantization_config")? {
            let method = how.text("quant_method")?.unwrap_or("an unnamed method");
            return Err(ConfigError::unsupported(
                "quantization_config",
                format!("weights packed by {method}"),
            ));
        }
        if self.flag("mlp_bias")? == Some(true) {
            return Err(ConfigError::unsupported(
                "mlp_bias",
                "biases in the feed-forward part",
            ));
        }
        match self.text("hidden_act")? {
            None | Some("silu" | "swish") => Ok(()),
            Some(other) => Err(ConfigError::unsupported(
                "hidden_act",
                format!("the activation `{other}`"),
            )),
        }
    }

    /// The window of every layer. Models that mix windowed and full layers are refused.
    fn window(&self, architecture: &str, layers: usize) -> Result<Option<usize>, ConfigError> {
        if let Some(types) = self.typed("layer_types", "a list", Value::as_array)? {
            let windowed = types
                .iter()
                .filter(|kind| kind.as_str() == Some("sliding_attention"))
                .count();
            let full = types
                .iter()
                .filter(|kind| kind.as_str() == Some("full_attention"))
                .count();
            return match (windowed, full) {
                (0, full) if full == types.len() => Ok(None),
                (windowed, 0) if windowed == types.len() => self.size("sliding_window"),
                _ => Err(ConfigError::unsupported(
                    "layer_types",
                    "layers of different kinds",
                )),
            };
        }
        if !architecture.starts_with("qwen") {
            return if architecture == "mistral" {
                self.size("sliding_window")
            } else {
                Ok(None)
            };
        }
        if self.flag("use_sliding_window")? != Some(true) {
            return Ok(None);
        }
        // The layers below `max_window_layers` attend to everything.
        match self.size("max_window_layers")?.unwrap_or(layers) {
            0 => self.size("sliding_window"),
            full if full >= layers => Ok(None),
            full => Err(ConfigError::unsupported(
                "max_window_layers",
                format!("{full} of {layers} layers without a sliding window"),
            )),
        }
    }

    fn rope(&self, head_dim: usize, context_length: usize) -> Result<Rope, ConfigError> {
        // `transformers` 5 moved theta and scaling into one object.
        let (key, scaling) = match self.object("rope_parameters")? {
            Some(parameters) => ("rope_parameters", Some(parameters)),
            None => ("rope_scaling", self.object("rope_scaling")?),
        };
        let inner = |name: &str| match &scaling {
            Some(scaling) => scaling.float(name),
            None => Ok(None),
        };
        let theta = match inner("rope_theta")? {
            Some(theta) => theta,
            None => self.float("rope_theta")?.unwrap_or(THETA_DEFAULT),
        };
        let share = match inner("partial_rotary_factor")? {
            Some(share) => Some(share),
            None => self.float("partial_rotary_factor")?,
        };
        if share.is_some_and(|share| share != 1.0) {
            return Err(ConfigError::unsupported(
                "partial_rotary_factor",
                "rotation of a part of each head",
            ));
        }
        let scaling = match scaling {
            Some(scaling) => scaling.scaling(key, context_length)?,
            None => RopeScaling::None,
        };
        Ok(Rope {
            theta: narrow(theta),
            dimensions: head_dim,
            scaling,
            pairing: RopePairing::Halves,
        })
    }

    /// Reads a `rope_scaling` object.
    fn scaling(&self, key: &str, context_length: usize) -> Result<RopeScaling, ConfigError> {
        if let Some((layer, _)) = self.0.iter().find(|(_, value)| value.is_object()) {
            return Err(ConfigError::unsupported(
                key,
                format!("its own rope for `{layer}`"),
            ));
        }
        let kind = match self.text("rope_type")? {
            Some(kind) => Some(kind),
            None => self.text("type")?,
        };
        let number = |name: &str| {
            self.float(name)?.map(narrow).ok_or_else(|| ConfigError::Missing {
                key: format!("{key}.{name}"),
            })
        };
        match kind {
            None | Some("default") => Ok(RopeScaling::None),
            Some("linear") => Ok(RopeScaling::Linear {
                factor: number("factor")?,
            }),
            Some("llama3") => Ok(RopeScaling::Llama3 {
                factor: number("factor")?,
                low: number("low_freq_factor")?,
                high: number("high_freq_factor")?,
                original_context: self
                    .size("original_max_position_embeddings")?
                    .unwrap_or(context_length),
            }),
            Some(other) => Err(ConfigError::unsupported(key, format!("the rope type `{other}`"))),
        }
    }
}

/// A JSON value, short enough for a message.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(40) {
        Some((cut, _)) => format!("{}...", &text[..cut]),
        None => text,
    }
}
