//! Logs: text for people, JSON for machines, always on standard error.

mod queue;

use std::io::{self, IsTerminal};

use serde::{Deserialize, Serialize};
use tracing::Dispatch;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

pub use queue::LogGuard;

/// How to log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogConfig {
    /// `text` for people or `json` for machines. Default: `text`.
    pub format: LogFormat,
    /// What is logged: a level, or levels by target (`info,tidegate_llm=debug`). Default: `info`.
    pub filter: String,
    /// Colours in text: `auto` (on a terminal only), `always` or `never`. Default: `auto`.
    pub colour: Colour,
}

impl Default for LogConfig {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info".to_owned(),
            colour: Colour::Auto,
        }
    }
}

/// The form of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines: one JSON object on each line.
    Json,
}

/// When text has colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter does not parse.
    #[error(
        "`{filter}` is not a valid log filter: expected a level (`error`, `warn`, `info`, `debug`, `trace`) or pairs such as `tidegate_llm=debug`"
    )]
    Filter {
        /// What was given.
        filter: String,
        /// Why it does not parse.
        source: tracing_subscriber::filter::ParseError,
    },
    /// The operating system gives no thread for them.
    #[error("the thread that writes the logs did not start")]
    Thread(#[source] io::Error),
    /// Logs were set up before.
    #[error("logs were already set up in this process")]
    Twice,
}

impl LogConfig {
    /// Whether the filter parses.
    pub fn validate(&self) -> Result<(), LogError> {
        self.parse_filter().map(drop)
    }

    fn parse_filter(&self) -> Result<EnvFilter, LogError> {
        EnvFilter::builder()
            .parse(&self.filter)
            .map_err(|source| LogError::Filter {
                filter: self.filter.clone(),
                source,
            })
    }

    fn colours(&self) -> bool {
        match self.colour {
            Colour::Always => true,
            Colour::Never => false,
            Colour::Auto => io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none(),
        }
    }
}

/// Sends the logs of the whole process to standard error, through a bounded queue, so that nobody who
/// logs waits. Once per process; the guard is to be kept until the end.
pub fn init(config: &LogConfig) -> Result<LogGuard, LogError> {
    let (queue, guard) = queue::start(io::stderr()).map_err(LogError::Thread)?;
    let dispatch = dispatch(config, queue)?;
    tracing::dispatcher::set_global_default(dispatch).map_err(|_| LogError::Twice)?;
    Ok(guard)
}

/// A dispatcher that logs to `writer`, for tests and for [`init`].
pub fn dispatch<W>(config: &LogConfig, writer: W) -> Result<Dispatch, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt()
        .with_env_filter(config.parse_filter()?)
        .with_writer(writer);
    Ok(match config.format {
        LogFormat::Text => Dispatch::new(lines.with_ansi(config.colours()).finish()),
        LogFormat::Json => Dispatch::new(lines.json().flatten_event(true).with_ansi(false).finish()),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use parking_lot::Mutex;

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(config: &LogConfig) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        let dispatch = dispatch(config, move || writer.clone()).unwrap();
        tracing::dispatcher::with_default(&dispatch, || {
            tracing::info!(status = 200, path = ?"/a\u{1b}[31m\n", "Request finished.");
            tracing::debug!("Not shown.");
        });
        String::from_utf8(lines.0.lock().clone()).unwrap()
    }

    #[test]
    fn json_lines_are_flat_objects() {
        let text = logged(&LogConfig {
            format: LogFormat::Json,
            ..LogConfig::default()
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(
            text.starts_with('{') && text.contains(r#""status":200"#),
            "{text}"
        );
        assert!(text.contains(r#""message":"Request finished.""#), "{text}");
    }

    #[test]
    fn text_has_no_colours_where_there_is_no_terminal_and_no_line_breaks_from_outside() {
        let text = logged(&LogConfig {
            colour: Colour::Never,
            ..LogConfig::default()
        });
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\u{1b}'), "{text}");
    }

    #[test]
    fn a_wrong_filter_is_an_error_that_says_what_was_expected() {
        let config = LogConfig {
            filter: "tidegate=loud".to_owned(),
            ..LogConfig::default()
        };
        let message = config.validate().unwrap_err().to_string();
        assert!(
            message.contains("`tidegate=loud`") && message.contains("expected"),
            "{message}"
        );
    }
}
