//! Measures every kernel and sets it beside the limits of the machine:
//! `cargo run --release -p tidegate-tensor --example roofline -- [--threads N] [--cpu NAME] [--json]
//! [--cpu-time] [--only TEXT] [--seconds N]`. `--cpu-time` counts the time that the process had a core instead of the
//! time that passed, which is fair on a busy machine and only makes sense with one thread.

#![expect(clippy::print_stdout, reason = "a program that prints a table")]
#![expect(
    unsafe_code,
    reason = "the standard library does not tell a process its CPU time"
)]

use std::error::Error;
use std::hint::black_box;
use std::time::Duration;

use tidegate_base::{Clock, DType, SystemClock};
use tidegate_tensor::{
    Batch, Cpu, Inputs, KvDType, KvShape, KvStore, Matrix, Pool, Shape, Span, attend, machine, matmul, ops,
};

/// What one kernel reached.
struct Row {
    what: String,
    gigabytes: f64,
    of_bandwidth: f64,
    gigamacs: f64,
    of_peak: f64,
}

/// The limits of this machine.
struct Limits {
    bandwidth: f64,
    int8: f64,
    f32: f64,
}

/// Time that this process had a core.
#[derive(Debug)]
struct CpuClock;

impl Clock for CpuClock {
    fn monotonic(&self) -> Duration {
        unsafe extern "C" {
            /// POSIX; `time` is a `struct timespec`, two words on 64-bit systems.
            fn clock_gettime(clock: i32, time: *mut [i64; 2]) -> i32;
        }
        const CLOCK_PROCESS_CPUTIME_ID: i32 = 2;
        let mut time = [0_i64; 2];
        // SAFETY: `time` lives through the call and has the size of a `struct timespec`.
        unsafe { clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
        let [seconds, nanoseconds] = time.map(i64::unsigned_abs);
        Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
    }

    fn unix(&self) -> Duration {
        SystemClock::new().unix()
    }
}

struct Bench {
    clock: Box<dyn Clock>,
    /// Only kernels with this in their name.
    only: String,
    /// How long each kernel is tried; the best try counts.
    seconds: f64,
    pool: Pool,
    limits: Limits,
    rows: Vec<Row>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut threads = 1;
    let mut cpu = Cpu::detect();
    let (mut json, mut cpu_time, mut only, mut seconds) = (false, false, String::new(), 0.5);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--threads" => threads = arguments.next().ok_or("`--threads` wants a number")?.parse()?,
            "--cpu" => {
                let name = arguments.next().ok_or("`--cpu` wants a name")?;
                cpu = Cpu::named(&name).ok_or(format!("this machine has no `{name}`"))?;
            }
            "--json" => json = true,
            "--cpu-time" => cpu_time = true,
            "--seconds" => seconds = arguments.next().ok_or("`--seconds` wants a number")?.parse()?,
            "--only" => only = arguments.next().ok_or("`--only` wants a text")?,
            other => return Err(format!("`{other}` is not known").into()),
        }
    }
    let clock: Box<dyn Clock> = if cpu_time {
        Box::new(CpuClock)
    } else {
        Box::new(SystemClock::new())
    };
    let pool = Pool::new(threads, cpu);
    let limits = Limits {
        bandwidth: machine::bandwidth(&pool, &*clock),
        int8: machine::int8_peak(&pool, &*clock),
        f32: machine::f32_peak(&pool, &*clock),
    };
    let mut bench = Bench {
        clock,
        only,
        seconds,
        pool,
        limits,
        rows: Vec::new(),
    };
    for dtype in DType::all() {
        // A working set beyond every cache, as the weights of a model are.
        bench.products(dtype, 5632, 2048, 1, 16)?;
    }
    for dtype in [DType::Q4_0, DType::Q8_0, DType::F16] {
        bench.products(dtype, 768, 768, 1, 1)?;
        for tokens in [2, 4, 8, 16] {
            bench.products(dtype, 5632, 2048, tokens, 16)?;
        }
        bench.products(dtype, 2048, 2048, 96, 1)?;
    }
    for dtype in DType::all() {
        bench.products(dtype, 2048, 2048, 512, 1)?;
    }
    for dtype in [DType::Q4_0, DType::Q8_0, DType::F16] {
        for (rows, cols) in [(768, 768), (2048, 5632), (5632, 2048)] {
            bench.products(dtype, rows, cols, 512, 1)?;
        }
    }
    for (heads, kv_heads) in [(12, 12), (32, 4)] {
        for (rows, past) in [(1, 255), (1, 2047), (512, 0), (128, 1920)] {
            bench.attention(heads, kv_heads, rows, past)?;
        }
    }
    for tokens in [1, 512] {
        bench.small(tokens);
    }
    if json {
        bench.print_json()
    } else {
        bench.print()
    }
    Ok(())
}

impl Bench {
    /// Products of `tokens` with `copies` different matrices, one after another.
    fn products(
        &mut self,
        dtype: DType,
        rows: usize,
        cols: usize,
        tokens: usize,
        copies: usize,
    ) -> Result<(), Box<dyn Error>> {
        let what = format!("{dtype} {rows}x{cols} tokens {tokens}");
        if !what.contains(&self.only) {
            return Ok(());
        }
        let bytes = dtype.bytes_for(rows * cols).ok_or("not whole blocks")?;
        // Small scales: bytes of 0x11 are tiny numbers in every format.
        let data = vec![0x11; bytes];
        let matrices = (0..copies)
            .map(|_| Matrix::pack(&self.pool, dtype, rows, cols, &data))
            .collect::<Result<Vec<_>, _>>()?;
        let values: Vec<f32> = (0..tokens * cols).map(|i| (i % 97) as f32 / 97.0 - 0.5).collect();
        let mut inputs = Inputs::new(tokens, cols);
        let mut out = vec![0.0; tokens * rows];
        let seconds = self.best(|pool| {
            let mut loaded = inputs.load(&values, tokens, cols);
            for matrix in &matrices {
                matmul(pool, matrix, &mut loaded, &mut out);
            }
            black_box(&mut out);
        });
        let bytes: usize = matrices.iter().map(Matrix::bytes).sum();
        let peak = if dtype.block_len() == 1 {
            self.limits.f32
        } else {
            self.limits.int8
        };
        let (read, macs) = (
            bytes as f64 / seconds,
            (rows * cols * tokens * copies) as f64 / seconds,
        );
        self.put(what, read, macs, peak);
        Ok(())
    }

    /// Attention of `rows` tokens of one sequence that follow `past` others.
    fn attention(
        &mut self,
        heads: usize,
        kv_heads: usize,
        rows: usize,
        past: usize,
    ) -> Result<(), Box<dyn Error>> {
        let what = format!("attention {heads}/{kv_heads} heads of 64, {rows} after {past}");
        if !what.contains(&self.only) {
            return Ok(());
        }
        let (page_size, head_dim) = (32, 64);
        let pages = (rows + past).div_ceil(page_size);
        let mut store = KvStore::new(KvShape {
            dtype: KvDType::F16,
            layers: 1,
            pages,
            page_size,
            kv_heads,
            head_dim,
        })?;
        let table: Vec<u32> = (0..).take(pages).collect();
        let span = |first_position, rows| Span {
            first_row: 0,
            rows,
            first_position,
            pages: 0..pages,
        };
        let values = vec![0.01; (rows + past) * kv_heads * head_dim];
        let all = [span(0, rows + past)];
        store.store(
            &self.pool,
            0,
            Batch {
                spans: &all,
                pages: &table,
            },
            &values,
            &values,
        );
        let queries = vec![0.5; rows * heads * head_dim];
        let mut out = queries.clone();
        let shape = Shape {
            heads,
            scale: 0.125,
            window: None,
        };
        let spans = [span(past, rows)];
        let batch = Batch {
            spans: &spans,
            pages: &table,
        };
        let seconds = self.best(|pool| attend(pool, shape, &store, 0, batch, &queries, &mut out));
        let seen: usize = (past + 1..=past + rows).sum();
        let macs = (2 * seen * heads * head_dim) as f64 / seconds;
        self.put(what, store.bytes() as f64 / seconds, macs, self.limits.f32);
        Ok(())
    }

    /// The operations between matrices, at the widths of a model of 1.1 B.
    fn small(&mut self, tokens: usize) {
        let (hidden, ffn) = (2048, 5632);
        let mut x = vec![0.5; tokens * hidden];
        let mut out = x.clone();
        let weight = vec![1.0; hidden];
        let (mut gate, up) = (vec![0.5; tokens * ffn], vec![1.0; tokens * ffn]);
        let table = ops::RopeTable::new(64, &[0.1; 32], tokens, ops::Pairing::Interleaved);
        let positions: Vec<u32> = (0..).take(tokens).collect();
        let seconds = self.best(|pool| ops::rms_norm(pool, &x, &weight, 1e-5, &mut out));
        self.put(
            format!("rms_norm tokens {tokens}"),
            (8 * x.len()) as f64 / seconds,
            x.len() as f64 / seconds,
            self.limits.f32,
        );
        let seconds = self.best(|pool| ops::add_in_place(pool, &mut x, &out));
        self.put(
            format!("add tokens {tokens}"),
            (12 * x.len()) as f64 / seconds,
            x.len() as f64 / seconds,
            self.limits.f32,
        );
        let seconds = self.best(|pool| ops::rope(pool, &mut x, 64, &positions, &table));
        self.put(
            format!("rope tokens {tokens}"),
            (8 * x.len()) as f64 / seconds,
            x.len() as f64 / seconds,
            self.limits.f32,
        );
        let seconds = self.best(|pool| ops::silu_mul(pool, &mut gate, &up));
        self.put(
            format!("silu_mul tokens {tokens}"),
            (12 * up.len()) as f64 / seconds,
            up.len() as f64 / seconds,
            self.limits.f32,
        );
        let seconds = self.best(|pool| pool.run(pool.threads(), &|_| {}));
        self.put(
            format!("empty job {:.2} us", seconds * 1e6),
            0.0,
            0.0,
            self.limits.f32,
        );
    }

    fn put(&mut self, what: String, read: f64, macs: f64, peak: f64) {
        self.rows.push(Row {
            what,
            gigabytes: read / 1e9,
            of_bandwidth: read / self.limits.bandwidth,
            gigamacs: macs / 1e9,
            of_peak: macs / peak,
        });
    }

    /// The least seconds that `work` took.
    fn best(&self, mut work: impl FnMut(&Pool)) -> f64 {
        let begin = self.clock.monotonic();
        let mut best = f64::INFINITY;
        let mut tries = 0;
        while tries < 5 || (self.clock.monotonic() - begin).as_secs_f64() < self.seconds {
            let start = self.clock.monotonic();
            work(&self.pool);
            best = best.min((self.clock.monotonic() - start).as_secs_f64());
            tries += 1;
        }
        best
    }

    fn print(&self) {
        let Limits { bandwidth, int8, f32 } = self.limits;
        println!(
            "{:?}: reads {:.1} GB/s, multiplies {:.1} G int8/s, {:.1} G f32/s",
            self.pool,
            bandwidth / 1e9,
            int8 / 1e9,
            f32 / 1e9
        );
        for row in &self.rows {
            println!(
                "{:44} {:8.2} GB/s {:4.0}%  {:8.1} GMAC/s {:4.0}%",
                row.what,
                row.gigabytes,
                row.of_bandwidth * 100.0,
                row.gigamacs,
                row.of_peak * 100.0
            );
        }
    }

    fn print_json(&self) {
        let rows: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                serde_json::json!({
                    "kernel": row.what,
                    "gb_per_s": row.gigabytes,
                    "of_bandwidth": row.of_bandwidth,
                    "gmac_per_s": row.gigamacs,
                    "of_peak": row.of_peak,
                })
            })
            .collect();
        let report = serde_json::json!({
            "cpu": self.pool.cpu().name(),
            "threads": self.pool.threads(),
            "bandwidth_gb_per_s": self.limits.bandwidth / 1e9,
            "int8_gmac_per_s": self.limits.int8 / 1e9,
            "f32_gmac_per_s": self.limits.f32 / 1e9,
            "kernels": rows,
        });
        println!("{report:#}");
    }
}
