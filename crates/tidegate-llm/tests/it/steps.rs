//! A step of the model allocates nothing.

use std::sync::Arc;

use tidegate_base::DType;
use tidegate_llm::{Forward, LoadOptions, Model, ModelFiles, Step, StepSpan};
use tidegate_tensor::{Cpu, KvDType, Pool};

use crate::allocations::on_this_thread;
use crate::tiny::tiny;

/// A piece of a prompt and two single tokens.
const SPANS: [StepSpan; 3] = [
    StepSpan {
        first_row: 0,
        rows: 13,
        first_position: 9,
        pages: 0..3,
    },
    StepSpan {
        first_row: 13,
        rows: 1,
        first_position: 0,
        pages: 3..4,
    },
    StepSpan {
        first_row: 14,
        rows: 1,
        first_position: 17,
        pages: 4..7,
    },
];

/// On one thread everything runs on the caller's, where allocations are counted; what the other
/// threads of a pool run is the same.
#[test]
fn a_step_of_the_model_allocates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.gguf");
    let page_table = [0, 1, 2, 3, 4, 5, 6];
    let tokens: Vec<u32> = (0..15).collect();
    for (dtype, kv_dtype, threads) in [
        (DType::F32, KvDType::F32, 1),
        (DType::F16, KvDType::F16, 1),
        (DType::Q8_0, KvDType::F16, 2),
        (DType::Q4_0, KvDType::F16, 1),
    ] {
        for family in ["mistral", "qwen2", "qwen3"] {
            tiny(family).write_gguf(&path, |_| dtype);
            let options = LoadOptions {
                kv_dtype,
                page_size: 8,
                pages: 8,
                max_rows: 16,
                ..LoadOptions::default()
            };
            let pool = Arc::new(Pool::new(threads, Cpu::detect()));
            let files = ModelFiles::open(&path).unwrap();
            let mut model = Model::load(files, &options, pool, &mut |_| ()).unwrap();

            let before = on_this_thread();
            for outputs in [&[12, 13, 14][..], &[14], &[]] {
                let step = Step {
                    tokens: &tokens,
                    spans: &SPANS,
                    page_table: &page_table,
                    outputs,
                };
                assert_eq!(model.forward(&step).unwrap().len(), outputs.len() * 101);
                assert_eq!(model.hidden_states(&step).unwrap().len(), 15 * 64);
            }
            let count = on_this_thread() - before;
            assert_eq!(
                count, 0,
                "allocations in steps of a `{family}` model of `{dtype}`"
            );
        }
    }
}
