//! What a model takes in memory, worked out before anything is allocated.

use std::fmt;

use tidegate_base::ByteSize;
use tidegate_tensor::{KvShape, Matrix};
use tidegate_weights::{Checkpoint, ModelConfig, TensorView};

use super::{LoadError, LoadOptions};
use crate::model::{Scratch, kv_shape};

/// Memory that a model takes, by what it is for. The rows of the embedding table stay in the mapped
/// file and are not counted: the system can take their pages back at any time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Estimate {
    /// Packed weights.
    pub weights: ByteSize,
    /// Keys and values of one token.
    pub kv_per_token: ByteSize,
    /// Keys and values of all pages.
    pub kv: ByteSize,
    /// Buffers of a step and tables.
    pub activations: ByteSize,
}

impl Estimate {
    /// Everything together.
    pub fn total(&self) -> ByteSize {
        let parts = [self.weights.0, self.kv.0, self.activations.0];
        ByteSize(parts.into_iter().fold(0, u64::saturating_add))
    }
}

impl fmt::Display for Estimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            weights,
            kv,
            activations,
            ..
        } = self;
        write!(
            f,
            "weights {weights}, keys and values {kv}, activations {activations}"
        )
    }
}

pub(super) fn estimate(checkpoint: &Checkpoint<'_>, options: &LoadOptions) -> Result<Estimate, LoadError> {
    let config = &checkpoint.config;
    let weights = checkpoint
        .tensors()
        .map(|tensor| packed_bytes(tensor, config))
        .sum();
    let limits = options.limits(config);
    let kv_bytes = |pages, page_size| {
        let shape = KvShape {
            pages,
            page_size,
            ..kv_shape(config, &limits)
        };
        let bytes = shape.bytes().map_err(LoadError::Kv)?;
        Ok::<_, LoadError>((bytes[0] as u64).saturating_add(bytes[1] as u64))
    };
    let kv = kv_bytes(limits.pages, limits.page_size)?;
    let kv_per_token = kv_bytes(1, limits.page_size)? / limits.page_size as u64;
    let rope = 4 * limits.context_length as u64 * config.rope.dimensions as u64;
    Ok(Estimate {
        weights: ByteSize(weights),
        kv_per_token: ByteSize(kv_per_token),
        kv: ByteSize(kv),
        activations: ByteSize(Scratch::bytes(config, &limits).saturating_add(rope)),
    })
}

/// What becomes of a tensor: matrices are packed, vectors are kept in single precision, and the
/// rows of the embedding table stay in the file, unless they are the output matrix too.
fn packed_bytes(tensor: &TensorView<'_>, config: &ModelConfig) -> u64 {
    let bytes = match &tensor.shape[..] {
        _ if !is_packed(tensor, config) => 0,
        [rows, columns] => Matrix::packed_bytes(tensor.dtype, *rows, *columns),
        _ => tensor.elements() * size_of::<f32>(),
    };
    bytes as u64
}

fn is_packed(tensor: &TensorView<'_>, config: &ModelConfig) -> bool {
    match tensor.name.as_ref() {
        "token_embd.weight" => config.tie_embeddings,
        "output.weight" => !config.tie_embeddings,
        _ => true,
    }
}

/// Room that all matrices take together once packed.
pub(super) fn room_for_matrices(checkpoint: &Checkpoint<'_>) -> usize {
    let room = |tensor: &TensorView<'_>| match tensor.shape[..] {
        [rows, columns] if is_packed(tensor, &checkpoint.config) => {
            Matrix::room_for(tensor.dtype, rows, columns)
        }
        _ => 0,
    };
    checkpoint.tensors().map(room).fold(0, usize::saturating_add)
}

pub(super) fn refuse_if_too_large(estimate: &Estimate, options: &LoadOptions) -> Result<(), LoadError> {
    let Some(available) = options.memory.or_else(available_memory) else {
        return Ok(());
    };
    let needed = estimate.total();
    if needed > available {
        return Err(LoadError::Memory {
            needed,
            available,
            estimate: *estimate,
        });
    }
    Ok(())
}

/// Memory that this process can still get: what the system calls available, or what the control
/// group leaves where that is less. Nothing where the system does not say (not Linux).
pub fn available_memory() -> Option<ByteSize> {
    let group = || {
        let most = number(&fs_err::read_to_string("/sys/fs/cgroup/memory.max").ok()?)?;
        let used = number(&fs_err::read_to_string("/sys/fs/cgroup/memory.current").ok()?)?;
        // Cached files count as used, but give way.
        let stat = fs_err::read_to_string("/sys/fs/cgroup/memory.stat").ok()?;
        let cached = stat
            .lines()
            .find_map(|line| number(line.strip_prefix("inactive_file ")?));
        Some((most + cached.unwrap_or(0)).saturating_sub(used))
    };
    let system = fs_err::read_to_string("/proc/meminfo")
        .ok()
        .and_then(|text| system_available(&text));
    system.into_iter().chain(group()).min().map(ByteSize)
}

fn system_available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(number(line.trim().strip_suffix(" kB")?)? * 1024)
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_memory_is_read_in_kib() {
        let text = "MemTotal:       24594904 kB\nMemAvailable:   22941992 kB\n";
        assert_eq!(system_available(text), Some(22_941_992 * 1024));
        assert_eq!(system_available("MemTotal: 1 kB\n"), None);
        assert_eq!(number("max\n"), None);
    }
}
