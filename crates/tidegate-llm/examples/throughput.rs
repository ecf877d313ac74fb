//! How many tokens a second a model reads and writes, without a server around it:
//! `cargo run --release --example throughput -- MODEL [THREADS] [PROMPT] [ANSWER] [SEQUENCES]`.
#![expect(clippy::print_stdout, reason = "a program that reports figures")]
#![expect(
    clippy::cast_possible_truncation,
    reason = "the numbers are those of a command line"
)]

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tidegate_base::{Clock, SystemClock};
use tidegate_llm::{Forward, LoadOptions, Model, ModelFiles, Step, StepSpan};
use tidegate_tensor::{Cpu, Pool};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("expected the path of a model")?;
    let mut number = |default: usize| arguments.next().map_or(Ok(default), |text| text.parse());
    let (threads, prompt, answer, sequences) = (number(2)?, number(512)?, number(128)?, number(1)?);
    let cpu = std::env::var("TIDEGATE_CPU")
        .ok()
        .and_then(|name| Cpu::named(&name));
    let pool = Arc::new(Pool::new(threads, cpu.unwrap_or(Cpu::detect())));

    let clock = SystemClock::new();
    let page_size = 16;
    let pages_each = (prompt + answer).div_ceil(page_size);
    let options = LoadOptions {
        page_size,
        pages: pages_each * sequences,
        max_rows: prompt.max(sequences).min(512),
        max_outputs: sequences,
        ..LoadOptions::default()
    };
    let mut model = Model::load(ModelFiles::open(Path::new(&path))?, &options, pool, &mut |_| ())?;
    println!("loaded in {:.2?}; {}", clock.monotonic(), model.estimate());

    // Once unmeasured: memory is handed out as it is first written.
    measure(&mut model, &clock, prompt, 1, sequences, pages_each)?;
    let (read, written) = measure(&mut model, &clock, prompt, answer, sequences, pages_each)?;
    let rate = |tokens: usize, time: Duration| tokens as f64 / time.as_secs_f64();
    println!(
        "prefill {:8.1} tokens/s ({prompt} tokens, {sequences} times)",
        rate(prompt * sequences, read)
    );
    println!(
        "decode  {:8.1} tokens/s ({answer} tokens, {sequences} at once)",
        rate(answer * sequences, written)
    );
    Ok(())
}

/// Reads a prompt for each sequence, one after another, then writes all answers together. Answers
/// with the time of each.
fn measure(
    model: &mut Model,
    clock: &SystemClock,
    prompt: usize,
    answer: usize,
    sequences: usize,
    pages_each: usize,
) -> Result<(Duration, Duration), Box<dyn Error>> {
    let page_table: Vec<u32> = (0..(pages_each * sequences) as u32).collect();
    let pages = |sequence: usize| (sequence * pages_each) as u32..((sequence + 1) * pages_each) as u32;
    let vocabulary = model.vocabulary() as u32;
    let chunk = model.max_rows();
    let tokens: Vec<u32> = (0..prompt as u32).map(|at| at * 7919 % vocabulary).collect();

    let begin = clock.monotonic();
    for sequence in 0..sequences {
        for first in (0..prompt).step_by(chunk) {
            let tokens = &tokens[first..prompt.min(first + chunk)];
            let rows = tokens.len() as u32;
            let span = StepSpan {
                first_row: 0,
                rows,
                first_position: first as u32,
                pages: pages(sequence),
            };
            let last = [rows - 1];
            let outputs = if first + tokens.len() == prompt {
                &last[..]
            } else {
                &[]
            };
            model.forward(&Step {
                tokens,
                spans: &[span],
                page_table: &page_table,
                outputs,
            })?;
        }
    }
    let middle = clock.monotonic();
    let rows: Vec<u32> = (0..sequences as u32).collect();
    for position in prompt..prompt + answer {
        let tokens: Vec<u32> = rows
            .iter()
            .map(|row| (position as u32 + row) * 31 % vocabulary)
            .collect();
        let spans: Vec<StepSpan> = rows
            .iter()
            .map(|row| StepSpan {
                first_row: *row,
                rows: 1,
                first_position: position as u32,
                pages: pages(*row as usize),
            })
            .collect();
        model.forward(&Step {
            tokens: &tokens,
            spans: &spans,
            page_table: &page_table,
            outputs: &rows,
        })?;
    }
    Ok((middle - begin, clock.monotonic() - middle))
}
