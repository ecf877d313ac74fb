//! Counts allocations of each thread: steady generation makes none on the engine's thread.
#![expect(unsafe_code, reason = "a global allocator is an unsafe trait")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tidegate_engine::Sampling;
use tidegate_llm::worker::Ask;

use crate::worker::{Answer, read, start, warm_up};

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// How often this thread has allocated.
pub(crate) fn on_this_thread() -> u64 {
    COUNT.try_with(Cell::get).unwrap_or(0)
}

fn count() {
    // A thread that is ending has no counter any more.
    COUNT.try_with(|count| count.set(count.get() + 1)).unwrap_or(());
}

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[tokio::test]
async fn a_step_of_steady_generation_allocates_nothing() {
    let mut gate = Arc::default();
    let (worker, log) = start(|fake, _| gate = Arc::clone(&fake.gate));
    let warm = warm_up(&worker).await;
    let samplings = [
        Sampling::default(),
        Sampling {
            temperature: 0.0,
            ..Sampling::default()
        },
        Sampling {
            top_p: 0.9,
            top_k: 20,
            min_p: 0.01,
            ..Sampling::default()
        },
        Sampling {
            frequency_penalty: 0.5,
            presence_penalty: 0.5,
            repetition_penalty: 1.1,
            logit_bias: vec![(3, 1.0)],
            top_p: 0.5,
            ..Sampling::default()
        },
    ];
    // All four join before the second step of the first.
    let closed = gate.lock();
    let mut tasks = tokio::task::JoinSet::new();
    for (number, sampling) in (1..).zip(samplings) {
        let ask = Ask {
            prompt: vec![number; 9],
            max_tokens: 300,
            sampling,
            choices: 1,
            logprobs: (number % 2 == 0).then_some(20),
            ignore_end: true,
            ..Ask::default()
        };
        for intake in worker.generate(ask).unwrap() {
            tasks.spawn(read(intake));
        }
    }
    drop(closed);
    while let Some(answer) = tasks.join_next().await {
        let Answer { tokens, end, .. } = answer.unwrap();
        assert_eq!(tokens.len(), 300);
        assert!(end.unwrap().is_ok());
    }
    // None ended before the 300th.
    let counts: Vec<u64> = (warm + 20..warm + 290)
        .map(|step| log[step].load(Ordering::Relaxed))
        .collect();
    assert!(counts[0] > 0, "the counter counts");
    let more: Vec<usize> = (1..counts.len())
        .filter(|step| counts[*step] != counts[step - 1])
        .collect();
    assert!(
        more.is_empty(),
        "allocations in the steps {more:?} after the 20th"
    );
}
