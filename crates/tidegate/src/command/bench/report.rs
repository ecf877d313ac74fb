//! What a load test found: percentiles, rates, errors.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

/// One request as its client saw it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Sample {
    /// From sending to the first text.
    pub(crate) first: Duration,
    /// Between one piece of text and the next.
    pub(crate) gaps: Vec<Duration>,
    /// From sending to the end.
    pub(crate) total: Duration,
    /// Pieces of text that came.
    pub(crate) pieces: u64,
    /// What the server counted, if it said so: (prompt, answer).
    pub(crate) usage: Option<(u64, u64)>,
}

impl Sample {
    fn tokens(&self) -> u64 {
        self.usage.map_or(self.pieces, |(_, completion)| completion)
    }
}

/// The whole load test.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) url: String,
    pub(crate) model: String,
    /// What makes the prompts the same again.
    pub(crate) seed: u32,
    pub(crate) clients: usize,
    pub(crate) requests: usize,
    pub(crate) errors: usize,
    /// Each message with how often it came, the most frequent ones.
    pub(crate) error_messages: BTreeMap<String, usize>,
    pub(crate) seconds: f64,
    pub(crate) requests_per_second: f64,
    pub(crate) prompt_tokens: u64,
    pub(crate) output_tokens: u64,
    pub(crate) output_tokens_per_second: f64,
    /// `usage` if the server counted every answer, `chunks` if the pieces of its streams were
    /// counted, `mixed` if it counted some.
    pub(crate) tokens_counted_by: &'static str,
    pub(crate) time_to_first_token_ms: Percentiles,
    pub(crate) time_between_tokens_ms: Percentiles,
    pub(crate) request_ms: Percentiles,
}

/// Percentiles by nearest rank.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Percentiles {
    pub(crate) mean: f64,
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Percentiles {
    /// Of these durations, in milliseconds; zeros if there are none.
    #[expect(clippy::cast_precision_loss, reason = "counts of samples are small")]
    pub(crate) fn of(durations: impl Iterator<Item = Duration>) -> Self {
        let mut values: Vec<f64> = durations
            .map(|duration| duration.as_secs_f64() * 1000.0)
            .collect();
        values.sort_by(f64::total_cmp);
        let Some(last) = values.last() else {
            return Self::default();
        };
        let rank = |percent: usize| values[(values.len() * percent).div_ceil(100).max(1) - 1];
        Self {
            mean: values.iter().sum::<f64>() / values.len() as f64,
            p50: rank(50),
            p90: rank(90),
            p99: rank(99),
            max: *last,
        }
    }

    fn line(&self) -> String {
        let Self {
            mean,
            p50,
            p90,
            p99,
            max,
        } = self;
        format!("mean {mean:.1}  p50 {p50:.1}  p90 {p90:.1}  p99 {p99:.1}  max {max:.1}")
    }
}

impl Report {
    /// Sums up.
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts of tokens and requests are small"
    )]
    pub(crate) fn new(
        url: &str,
        model: &str,
        seed: u32,
        clients: usize,
        wall: Duration,
        found: &Found,
    ) -> Self {
        let samples = &found.samples;
        let seconds = wall.as_secs_f64().max(1e-9);
        let output_tokens = samples.iter().map(Sample::tokens).sum::<u64>();
        let counted = samples.iter().filter(|sample| sample.usage.is_some()).count();
        let mut messages: Vec<_> = found.errors.iter().collect();
        messages.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        Self {
            url: url.to_owned(),
            model: model.to_owned(),
            seed,
            clients,
            requests: samples.len(),
            errors: found.errors.values().sum(),
            error_messages: messages
                .into_iter()
                .take(5)
                .map(|(text, count)| (text.clone(), *count))
                .collect(),
            seconds,
            requests_per_second: samples.len() as f64 / seconds,
            prompt_tokens: samples
                .iter()
                .filter_map(|sample| sample.usage)
                .map(|(prompt, _)| prompt)
                .sum(),
            output_tokens,
            output_tokens_per_second: output_tokens as f64 / seconds,
            tokens_counted_by: match counted {
                0 => "chunks",
                all if all == samples.len() => "usage",
                _ => "mixed",
            },
            time_to_first_token_ms: Percentiles::of(samples.iter().map(|sample| sample.first)),
            time_between_tokens_ms: Percentiles::of(
                samples.iter().flat_map(|sample| sample.gaps.iter().copied()),
            ),
            request_ms: Percentiles::of(samples.iter().map(|sample| sample.total)),
        }
    }

    /// The report for people.
    pub(crate) fn text(&self) -> String {
        let mut text = format!(
            "{} requests by {} clients in {:.1} s: {:.2} requests/s, {} errors\n\
             {} prompt tokens, {} output tokens (counted by {}): {:.1} tokens/s\n\
             time to first token (ms)   {}\n\
             time between tokens (ms)   {}\n\
             time of a request (ms)     {}",
            self.requests,
            self.clients,
            self.seconds,
            self.requests_per_second,
            self.errors,
            self.prompt_tokens,
            self.output_tokens,
            self.tokens_counted_by,
            self.output_tokens_per_second,
            self.time_to_first_token_ms.line(),
            self.time_between_tokens_ms.line(),
            self.request_ms.line(),
        );
        for (message, count) in &self.error_messages {
            text.push_str(&format!("\nerror, {count} times: {message}"));
        }
        text
    }
}

/// What all clients saw.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) samples: Vec<Sample>,
    pub(crate) errors: BTreeMap<String, usize>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let found = Percentiles::of((1..=100).rev().map(Duration::from_millis));
        let close = |a: f64, b: f64| (a - b).abs() < 1e-9;
        assert!(
            close(found.p50, 50.0) && close(found.p90, 90.0) && close(found.p99, 99.0),
            "{found:?}"
        );
        assert!(close(found.mean, 50.5) && close(found.max, 100.0), "{found:?}");
        assert_eq!(Percentiles::of(std::iter::empty()), Percentiles::default());
    }

    #[test]
    fn tokens_are_counted_by_usage_where_the_server_says_it() {
        let with = Sample {
            pieces: 2,
            usage: Some((3, 10)),
            ..Sample::default()
        };
        let without = Sample {
            pieces: 2,
            ..Sample::default()
        };
        let report = |samples: Vec<Sample>| {
            let found = Found {
                samples,
                errors: BTreeMap::new(),
            };
            let report = Report::new("u", "m", 0, 1, Duration::from_secs(1), &found);
            (report.output_tokens, report.tokens_counted_by)
        };
        assert_eq!(report(vec![with.clone(), with.clone()]), (20, "usage"));
        assert_eq!(report(vec![without.clone()]), (2, "chunks"));
        assert_eq!(report(vec![with, without]), (12, "mixed"));
    }
}
