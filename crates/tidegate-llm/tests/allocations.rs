//! A step allocates nothing: a binary of its own, because it counts what the whole process does.
#![expect(unsafe_code, reason = "an allocator can be counted only by being one")]
#[cfg(test)]
#[path = "it/tiny.rs"]
#[expect(dead_code, reason = "shared with the other binary, which uses all of it")]
mod tiny;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use tidegate_base::DType;
use tidegate_llm::{Forward, LoadOptions, Model, ModelFiles, Step, StepSpan};
use tidegate_tensor::{Cpu, KvDType, Pool};

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

struct Counting;

// SAFETY: everything is passed on to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, SeqCst);
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are those that `System` asks for.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// A piece of a prompt and two single tokens; pieces and tokens ask for logits.
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

#[test]
fn a_step_allocates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let page_table = [0, 1, 2, 3, 4, 5, 6];
    let tokens: Vec<u32> = (0..15).collect();
    for (dtype, kv_dtype) in [
        (DType::F32, KvDType::F32),
        (DType::F16, KvDType::F16),
        (DType::Q8_0, KvDType::F16),
        (DType::Q4_0, KvDType::F16),
    ] {
        for family in ["mistral", "qwen2", "qwen3"] {
            let path = folder.path().join("model.gguf");
            tiny::tiny(family).write_gguf(&path, |_| dtype);
            let options = LoadOptions {
                kv_dtype,
                page_size: 8,
                pages: 8,
                max_rows: 16,
                ..LoadOptions::default()
            };
            let pool = Arc::new(Pool::new(2, Cpu::detect()));
            let mut model =
                Model::load(ModelFiles::open(&path).unwrap(), &options, pool, &mut |_| ()).unwrap();

            let before = ALLOCATIONS.load(SeqCst);
            for outputs in [&[12, 13, 14][..], &[14], &[]] {
                let step = Step {
                    tokens: &tokens,
                    spans: &SPANS,
                    page_table: &page_table,
                    outputs,
                };
                let logits = model.forward(&step).unwrap().len();
                assert_eq!(logits, outputs.len() * 101);
                let hidden = model.hidden_states(&step).unwrap().len();
                assert_eq!(hidden, 15 * 64);
            }
            let count = ALLOCATIONS.load(SeqCst) - before;
            assert_eq!(
                count, 0,
                "allocations in steps of a `{family}` model of `{dtype}`"
            );
        }
    }
}
