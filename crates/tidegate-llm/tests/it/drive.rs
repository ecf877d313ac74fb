//! A scheduler of a few lines: runs several sequences together, greedily.

#![expect(clippy::cast_possible_truncation, reason = "the numbers of tests are small")]

use tidegate_llm::{Forward, Step, StepSpan};

/// What came out of one sequence.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Outcome {
    /// The logits after the last token of the prompt.
    pub(crate) logits: Vec<f32>,
    /// The most likely tokens, one after another.
    pub(crate) tokens: Vec<u32>,
}

struct Sequence {
    tokens: Vec<u32>,
    prompt: usize,
    done: usize,
    pages: Vec<u32>,
    logits: Vec<f32>,
}

/// Generates `count` tokens after each prompt. Prompts are read `chunk` tokens a step; sequence `n`
/// joins in step `2 * n`, so that prompts of some mix with single tokens of others. Pages are dealt
/// in turns, so that those of one sequence are not neighbours.
pub(crate) fn generate(
    model: &mut impl Forward,
    prompts: &[Vec<u32>],
    count: usize,
    chunk: usize,
) -> Vec<Outcome> {
    let page_size = model.page_size();
    let mut sequences: Vec<Sequence> = prompts
        .iter()
        .enumerate()
        .map(|(number, prompt)| {
            let pages = (prompt.len() + count).div_ceil(page_size);
            let pages = (0..pages)
                .map(|page| (page * prompts.len() + number) as u32)
                .collect();
            Sequence {
                tokens: prompt.clone(),
                prompt: prompt.len(),
                done: 0,
                pages,
                logits: Vec::new(),
            }
        })
        .collect();
    for step in 0.. {
        let started = (step / 2 + 1).min(sequences.len());
        let mut running: Vec<&mut Sequence> = sequences[..started]
            .iter_mut()
            .filter(|sequence| sequence.tokens.len() < sequence.prompt + count)
            .collect();
        if running.is_empty() && started == prompts.len() {
            break;
        }
        if !running.is_empty() {
            one_step(model, &mut running, chunk);
        }
    }
    sequences
        .into_iter()
        .map(|sequence| Outcome {
            tokens: sequence.tokens[sequence.prompt..].to_vec(),
            logits: sequence.logits,
        })
        .collect()
}

fn one_step(model: &mut impl Forward, running: &mut [&mut Sequence], chunk: usize) {
    let (mut tokens, mut spans, mut page_table, mut outputs) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for sequence in running.iter() {
        let rows = chunk.min(sequence.tokens.len() - sequence.done);
        let first_page = page_table.len() as u32;
        page_table.extend_from_slice(&sequence.pages);
        spans.push(StepSpan {
            first_row: tokens.len() as u32,
            rows: rows as u32,
            first_position: sequence.done as u32,
            pages: first_page..page_table.len() as u32,
        });
        tokens.extend_from_slice(&sequence.tokens[sequence.done..sequence.done + rows]);
        if sequence.done + rows == sequence.tokens.len() {
            outputs.push(tokens.len() as u32 - 1);
        }
    }
    let vocabulary = model.vocabulary();
    let step = Step {
        tokens: &tokens,
        spans: &spans,
        page_table: &page_table,
        outputs: &outputs,
    };
    let mut logits = model.forward(&step).unwrap().chunks_exact(vocabulary);
    for (sequence, span) in running.iter_mut().zip(&spans) {
        sequence.done += span.rows as usize;
        if sequence.done < sequence.tokens.len() {
            continue;
        }
        let logits = logits.next().unwrap();
        if sequence.done == sequence.prompt {
            sequence.logits = logits.to_vec();
        }
        sequence.tokens.push(argmax(logits));
    }
    assert!(logits.next().is_none());
}

pub(crate) fn argmax(logits: &[f32]) -> u32 {
    let best = (0..logits.len()).reduce(|best, at| if logits[at] > logits[best] { at } else { best });
    best.unwrap() as u32
}

/// The largest difference between two rows.
pub(crate) fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}
