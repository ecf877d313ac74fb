//! Vectors of texts: the mean of the hidden states after the last normalisation, of length one.

use std::collections::VecDeque;

use tidegate_base::Fault;
use tidegate_engine::{EmbedRequest, Embeddings};

use super::LanguageEngine;

impl LanguageEngine {
    /// Embeds all texts, several at a time, so that one large request does not fill the queue.
    pub(super) async fn answer_embedding(&self, request: EmbedRequest) -> Result<Embeddings, Fault> {
        let (count, most) = (request.inputs.len(), self.config.max_embeddings);
        if count == 0 || count > most {
            return Err(
                Fault::invalid(format!("`input` has {count} texts, expected 1 to {most}"))
                    .with_param("input"),
            );
        }
        let width = self.card.embedding_length;
        let dimensions = request.dimensions.unwrap_or(width);
        if dimensions == 0 || dimensions > width {
            return Err(
                Fault::invalid(format!("`dimensions` is {dimensions}, expected 1 to {width}"))
                    .with_param("dimensions"),
            );
        }
        let prompts = self.encode_all(request.inputs).await?;
        let context = self.card.context_length;
        for (number, tokens) in prompts.iter().enumerate() {
            let param = format!("input[{number}]");
            if tokens.is_empty() {
                return Err(
                    Fault::invalid(format!("`{param}` has no tokens, expected at least one"))
                        .with_param(param),
                );
            }
            if tokens.len() > context {
                return Err(Fault::invalid(format!(
                    "this model's context holds {context} tokens; `{param}` has {}",
                    tokens.len()
                ))
                .with_param(param)
                .with_code("context_length_exceeded"));
            }
        }
        let prompt_tokens = prompts.iter().map(Vec::len).sum();
        let vectors = self.embed_tokens(prompts, dimensions).await?;
        Ok(Embeddings {
            vectors,
            prompt_tokens,
        })
    }

    async fn embed_tokens(&self, prompts: Vec<Vec<u32>>, dimensions: usize) -> Result<Vec<Vec<f32>>, Fault> {
        let at_once = self.worker.limits().running.div_ceil(2);
        let mut vectors = Vec::with_capacity(prompts.len());
        let mut prompts = prompts.into_iter();
        let mut running = VecDeque::new();
        loop {
            while running.len() < at_once
                && let Some(prompt) = prompts.next()
            {
                running.push_back(self.worker.embed(prompt)?);
            }
            let Some(first) = running.pop_front() else {
                return Ok(vectors);
            };
            let vector = first
                .await
                .map_err(|error| Fault::internal("the engine dropped an embedding").with_source(error))??;
            vectors.push(unit(vector, dimensions));
        }
    }
}

/// The first `dimensions` numbers, made a vector of length one.
fn unit(mut vector: Vec<f32>, dimensions: usize) -> Vec<f32> {
    vector.truncate(dimensions);
    let square: f64 = vector
        .iter()
        .map(|value| f64::from(*value) * f64::from(*value))
        .sum();
    let length = square.sqrt();
    if length > 0.0 {
        for value in &mut vector {
            #[expect(clippy::cast_possible_truncation, reason = "the quotient is at most 1")]
            let scaled = (f64::from(*value) / length) as f32;
            *value = scaled;
        }
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::unit;

    #[test]
    fn a_cut_vector_has_length_one() {
        assert_eq!(unit(vec![3.0, 4.0, 12.0], 2), [0.6, 0.8]);
        assert_eq!(unit(vec![0.0, 0.0], 2), [0.0, 0.0]);
    }
}
