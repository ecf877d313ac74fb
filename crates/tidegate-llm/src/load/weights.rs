//! From the tensors of a checkpoint to the layers of a model: looks each up by name, packs it, and
//! makes sure that none is left over.

use std::collections::BTreeSet;
use std::sync::Arc;

use tidegate_base::{ByteSize, DType};
use tidegate_tensor::dequant::dequantize;
use tidegate_tensor::{Arena, Matrix, Pool, TensorError};
use tidegate_weights::{Checkpoint, TensorView};

use super::{LoadError, Mapped, ModelFiles, Progress, memory};
use crate::model::{Attention, Family, FeedForward, Layer, Linear, Presence, Weights};

/// Packs everything. Tensors come one after another, each on all threads of the pool.
pub(super) fn read(
    files: &ModelFiles,
    checkpoint: &Checkpoint<'_>,
    family: &'static Family,
    pool: &Pool,
    progress: &mut dyn FnMut(Progress),
) -> Result<Weights, LoadError> {
    let total = checkpoint.tensors().map(|tensor| tensor.data.len() as u64).sum();
    let bytes = memory::room_for_matrices(checkpoint);
    let arena = Arena::new(bytes).map_err(|source| LoadError::Reserve {
        bytes: ByteSize(bytes as u64),
        source,
    })?;
    let mut reader = Reader {
        checkpoint,
        arena,
        family,
        pool,
        progress,
        state: Progress { done: 0, total },
        used: BTreeSet::new(),
    };
    let config = &checkpoint.config;
    let layers = (0..config.layers)
        .map(|layer| reader.layer(layer))
        .collect::<Result<_, _>>()?;
    let table = reader.find("token_embd.weight", &[config.vocabulary, config.hidden])?;
    // Tied: the table stands in for the output matrix. A copy that the files may have is skipped.
    let output = if config.tie_embeddings {
        reader.used.insert("output.weight".to_owned());
        reader.pack(&table)?
    } else {
        reader.matrix("output.weight", config.vocabulary, config.hidden)?
    };
    let weights = Weights {
        embedding: embedding(files, &table)?,
        layers,
        output_norm: reader.vector("output_norm.weight", config.hidden)?,
        output,
        rope_divisors: reader.vector_if_there("rope_freqs.weight", config.rope.dimensions / 2)?,
    };
    reader.refuse_strays()?;
    Ok(weights)
}

fn embedding(files: &ModelFiles, table: &TensorView<'_>) -> Result<crate::model::Embedding, LoadError> {
    let (map, range) = files
        .locate(table.data)
        .ok_or_else(|| LoadError::Map(std::io::Error::other("the table does not lie in a mapped file")))?;
    let rows: Mapped = map.part(range).map_err(LoadError::Map)?;
    let columns = table.shape.last().copied().unwrap_or_default();
    crate::model::Embedding::new(rows, table.dtype, columns).map_err(|source| tensor_error(table, source))
}

fn tensor_error(tensor: &TensorView<'_>, source: TensorError) -> LoadError {
    LoadError::Tensor {
        name: tensor.name.to_string(),
        source,
    }
}

struct Reader<'a, 'b> {
    checkpoint: &'a Checkpoint<'b>,
    /// Where matrices go.
    arena: Arc<Arena>,
    family: &'static Family,
    pool: &'a Pool,
    progress: &'a mut dyn FnMut(Progress),
    state: Progress,
    used: BTreeSet<String>,
}

impl<'b> Reader<'_, 'b> {
    fn layer(&mut self, layer: usize) -> Result<Layer, LoadError> {
        let (config, family) = (&self.checkpoint.config, self.family);
        let (hidden, head_dim, ffn) = (config.hidden, config.head_dim, config.ffn);
        let (query, kv) = (config.query_width(), config.kv_width());
        let window = (family.window)(config, layer);
        let name = |part: &str| format!("blk.{layer}.{part}");
        let attention = Attention {
            norm: self.vector(&name("attn_norm.weight"), hidden)?,
            query: self.linear(&name("attn_q"), query, hidden, family.qkv_bias)?,
            key: self.linear(&name("attn_k"), kv, hidden, family.qkv_bias)?,
            value: self.linear(&name("attn_v"), kv, hidden, family.qkv_bias)?,
            query_norm: self.vector_by(&name("attn_q_norm.weight"), head_dim, family.qk_norm)?,
            key_norm: self.vector_by(&name("attn_k_norm.weight"), head_dim, family.qk_norm)?,
            output: self.linear(&name("attn_output"), hidden, query, family.output_bias)?,
            window,
        };
        let feed_forward = FeedForward {
            norm: self.vector(&name("ffn_norm.weight"), hidden)?,
            gate: self.matrix(&name("ffn_gate.weight"), ffn, hidden)?,
            up: self.matrix(&name("ffn_up.weight"), ffn, hidden)?,
            down: self.matrix(&name("ffn_down.weight"), hidden, ffn)?,
            activation: family.activation,
        };
        Ok(Layer {
            attention,
            feed_forward,
        })
    }

    fn linear(
        &mut self,
        name: &str,
        rows: usize,
        columns: usize,
        bias: Presence,
    ) -> Result<Linear, LoadError> {
        Ok(Linear {
            weight: self.matrix(&format!("{name}.weight"), rows, columns)?,
            bias: self.vector_by(&format!("{name}.bias"), rows, bias)?,
        })
    }

    fn matrix(&mut self, name: &str, rows: usize, columns: usize) -> Result<Matrix, LoadError> {
        let tensor = self.find(name, &[rows, columns])?;
        self.pack(&tensor)
    }

    fn pack(&mut self, tensor: &TensorView<'_>) -> Result<Matrix, LoadError> {
        let [rows, columns] = tensor.shape[..] else {
            let (name, found) = (tensor.name.to_string(), tensor.shape.clone());
            return Err(LoadError::Shape {
                name,
                found,
                expected: vec![0, 0],
            });
        };
        let matrix = Matrix::pack_into(&self.arena, self.pool, tensor.dtype, rows, columns, tensor.data)
            .map_err(|source| tensor_error(tensor, source))?;
        self.advance(tensor);
        Ok(matrix)
    }

    fn vector(&mut self, name: &str, len: usize) -> Result<Vec<f32>, LoadError> {
        let tensor = self.find(name, &[len])?;
        let mut values = vec![0.0; len];
        dequantize(tensor.dtype, tensor.data, &mut values).map_err(|source| tensor_error(&tensor, source))?;
        self.advance(&tensor);
        Ok(values)
    }

    fn vector_if_there(&mut self, name: &str, len: usize) -> Result<Option<Vec<f32>>, LoadError> {
        self.vector_by(name, len, Presence::Optional)
    }

    fn vector_by(
        &mut self,
        name: &str,
        len: usize,
        presence: Presence,
    ) -> Result<Option<Vec<f32>>, LoadError> {
        let there = self.checkpoint.get(name).is_some();
        match presence {
            Presence::Required => self.vector(name, len).map(Some),
            Presence::Optional if there => self.vector(name, len).map(Some),
            Presence::Optional | Presence::Absent => Ok(None),
        }
    }

    fn find(&mut self, name: &str, shape: &[usize]) -> Result<TensorView<'b>, LoadError> {
        let tensor = self.checkpoint.get(name).ok_or_else(|| LoadError::Missing {
            name: name.to_owned(),
            expected: format!("in every layer of a `{}` model", self.family.name),
        })?;
        if tensor.shape != shape {
            let (name, found) = (name.to_owned(), tensor.shape.clone());
            return Err(LoadError::Shape {
                name,
                found,
                expected: shape.to_vec(),
            });
        }
        self.used.insert(name.to_owned());
        Ok(tensor.clone())
    }

    fn advance(&mut self, tensor: &TensorView<'_>) {
        self.state.done += tensor.data.len() as u64;
        (self.progress)(self.state);
    }

    fn refuse_strays(&self) -> Result<(), LoadError> {
        let stray = self
            .checkpoint
            .tensors()
            .find(|tensor| !self.used.contains(tensor.name.as_ref()));
        match stray {
            Some(tensor) => Err(LoadError::Stray {
                name: tensor.name.to_string(),
                family: self.family.name,
            }),
            None => Ok(()),
        }
    }
}

/// Bytes of a row of `columns` elements of `dtype`.
pub(crate) fn row_bytes(dtype: DType, columns: usize) -> Result<usize, TensorError> {
    let block = dtype.block_len();
    dtype.bytes_for(columns).ok_or(TensorError::Columns {
        dtype,
        cols: columns,
        block,
    })
}
