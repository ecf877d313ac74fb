//! What a pool promises: every part once, panics that arrive, no hang.

use std::sync::atomic::AtomicU32;

use super::*;

fn pool(threads: usize) -> Pool {
    Pool::new(threads, Cpu::scalar())
}

#[test]
fn every_part_runs_once() {
    for threads in [1, 2, 3, 7] {
        let pool = pool(threads);
        for parts in [0, 1, 2, 5, 64, 1000] {
            let counts: Vec<AtomicU32> = (0..parts).map(|_| AtomicU32::new(0)).collect();
            pool.run(parts, &|part| {
                counts[part].fetch_add(1, SeqCst);
            });
            assert!(counts.iter().all(|count| count.load(SeqCst) == 1));
        }
    }
}

#[test]
fn many_short_jobs_in_a_row_finish_with_more_threads_than_cores() {
    let pool = pool(9);
    let total = AtomicUsize::new(0);
    for _ in 0..2_000 {
        pool.run(4, &|_| {
            total.fetch_add(1, SeqCst);
        });
    }
    assert_eq!(total.load(SeqCst), 8_000);
}

#[test]
fn threads_that_fell_asleep_wake_up() {
    let pool = pool(3);
    for _ in 0..3 {
        thread::sleep(std::time::Duration::from_millis(20));
        let total = AtomicUsize::new(0);
        pool.run(50, &|_| {
            total.fetch_add(1, SeqCst);
        });
        assert_eq!(total.load(SeqCst), 50);
    }
}

#[test]
fn a_panic_in_a_part_reaches_the_caller_and_the_pool_lives_on() {
    for threads in [1, 2, 4] {
        let pool = pool(threads);
        for round in 0..20 {
            let outcome = catch_unwind(AssertUnwindSafe(|| {
                pool.run(10, &|part| assert_ne!(part, round % 10, "part {part} fails"));
            }));
            let panic = outcome.expect_err("the panic was lost");
            let text = panic.downcast_ref::<String>().map(String::as_str);
            assert!(text.is_some_and(|text| text.contains("fails")));
        }
        let total = AtomicUsize::new(0);
        pool.run(10, &|_| {
            total.fetch_add(1, SeqCst);
        });
        assert_eq!(total.load(SeqCst), 10);
    }
}

#[test]
fn callers_on_several_threads_take_turns() {
    let pool = pool(2);
    let total = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..100 {
                    pool.run(3, &|_| {
                        total.fetch_add(1, SeqCst);
                    });
                }
            });
        }
    });
    assert_eq!(total.load(SeqCst), 1_200);
}

#[test]
#[cfg(debug_assertions)]
fn a_job_inside_a_job_is_refused() {
    let pool = pool(2);
    let outcome = catch_unwind(AssertUnwindSafe(|| pool.run(2, &|_| pool.run(2, &|_| {}))));
    assert!(outcome.is_err());
}

#[test]
fn chunks_cover_the_slice_without_overlap() {
    let pool = pool(3);
    let mut numbers = vec![0_usize; 103];
    pool.for_chunks(&mut numbers, 10, |chunk, piece| {
        for (place, number) in piece.iter_mut().enumerate() {
            *number += chunk * 10 + place + 1;
        }
    });
    assert!(
        numbers
            .iter()
            .enumerate()
            .all(|(place, number)| *number == place + 1)
    );
}
