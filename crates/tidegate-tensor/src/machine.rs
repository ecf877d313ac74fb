//! How fast this machine reads and multiplies: the limits that kernels are measured against.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use tidegate_base::Clock;

use crate::buffer::Buffer;
use crate::kernel;
use crate::pool::Pool;

/// How often a probe is repeated; the best counts, because others use the machine too.
const TRIES: usize = 5;
/// What each thread reads: more than its share of any cache.
const WORDS_PER_THREAD: usize = 128 << 20 >> 3;
/// Pieces that a thread reads it in.
const PIECES: usize = 16;

/// Bytes per second that all threads of `pool` together read from memory. Takes a fraction of a
/// second and 128 MiB for each thread.
pub fn bandwidth(pool: &Pool, clock: &dyn Clock) -> f64 {
    let mut words = Buffer::<u64>::zeroed(WORDS_PER_THREAD * pool.threads());
    words.as_mut_slice().fill(1);
    let words = words.as_slice();
    let piece = WORDS_PER_THREAD / PIECES;
    best(clock, || {
        let total = AtomicUsize::new(0);
        pool.run(PIECES * pool.threads(), &|number| {
            let sum = kernel::sum_words(pool.cpu(), &words[number * piece..][..piece]);
            total.fetch_add(sum as usize, Relaxed);
        });
        total.into_inner() * size_of::<u64>()
    })
}

/// Multiply-additions of 8-bit integers per second that all threads together reach in registers.
pub fn int8_peak(pool: &Pool, clock: &dyn Clock) -> f64 {
    in_registers(pool, clock, |rounds| kernel::int8_peak(pool.cpu(), rounds))
}

/// Multiply-additions in single precision per second that all threads together reach in registers.
pub fn f32_peak(pool: &Pool, clock: &dyn Clock) -> f64 {
    in_registers(pool, clock, |rounds| kernel::f32_peak(pool.cpu(), rounds))
}

fn in_registers(pool: &Pool, clock: &dyn Clock, work: impl Fn(usize) -> usize + Sync) -> f64 {
    best(clock, || {
        let total = AtomicUsize::new(0);
        pool.run(4 * pool.threads(), &|_| {
            total.fetch_add(work(300_000), Relaxed);
        });
        total.into_inner()
    })
}

/// The best rate of some tries: what `work` answers over the seconds that it took.
fn best(clock: &dyn Clock, work: impl Fn() -> usize) -> f64 {
    let rates = (0..TRIES).map(|_| {
        let start = clock.monotonic();
        let done = work();
        done as f64 / (clock.monotonic() - start).as_secs_f64().max(1e-9)
    });
    rates.fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use tidegate_base::SystemClock;

    use super::*;
    use crate::cpu::Cpu;

    #[test]
    fn every_instruction_set_has_its_limits() {
        for cpu in Cpu::available() {
            let pool = Pool::new(1, cpu);
            assert!(int8_peak(&pool, &SystemClock::new()) > 0.0);
            assert!(f32_peak(&pool, &SystemClock::new()) > 0.0);
        }
    }

    #[test]
    fn memory_is_read_at_some_speed() {
        let pool = Pool::new(1, Cpu::detect());
        assert!(bandwidth(&pool, &SystemClock::new()) > 0.0);
    }
}
