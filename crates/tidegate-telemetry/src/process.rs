//! What the operating system says about this process.

use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::gauge::ConstGauge;

/// Measures the process each time the metrics are read.
#[derive(Debug)]
pub struct ProcessCollector {
    started: Duration,
}

impl ProcessCollector {
    /// A collector for a process that started at `started` (since 1970).
    pub fn new(started: Duration) -> Self {
        Self { started }
    }
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let start = ConstGauge::new(self.started.as_secs_f64());
        let metric = encoder.encode_descriptor(
            "process_start_time_seconds",
            "When the process started, in seconds since 1970",
            None,
            start.metric_type(),
        )?;
        start.encode(metric)?;
        let Some(bytes) = resident_memory() else {
            return Ok(());
        };
        let memory = ConstGauge::new(i64::try_from(bytes).unwrap_or(i64::MAX));
        let metric = encoder.encode_descriptor(
            "process_resident_memory_bytes",
            "Resident memory of the process",
            None,
            memory.metric_type(),
        )?;
        memory.encode(metric)
    }
}

/// Bytes of memory that the process holds, where the system tells (Linux).
pub fn resident_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes << 10)
}

#[cfg(test)]
mod tests {
    #[test]
    #[cfg(target_os = "linux")]
    fn linux_tells_the_resident_memory() {
        assert!(super::resident_memory().is_some_and(|bytes| bytes > 1 << 20));
    }
}
