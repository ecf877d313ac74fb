//! After set-up, computing allocates nothing: counted by the allocator itself.

#![expect(unsafe_code, reason = "an allocator that counts is an allocator")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use tidegate_base::DType;
use tidegate_tensor::ops::{self, Pairing, RopeTable};
use tidegate_tensor::{
    Batch, Cpu, Inputs, KvDType, KvShape, KvStore, Matrix, Pool, Shape, Span, attend, matmul,
};

/// The system's allocator, which counts while the count is wanted.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, SeqCst);
        // SAFETY: the caller's promise is the one that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is the one that `System` asks for.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The least allocations of some tries: other tests of this program run beside.
fn allocations(mut work: impl FnMut()) -> usize {
    work();
    let tries = (0..50).map(|_| {
        let before = ALLOCATIONS.load(SeqCst);
        work();
        ALLOCATIONS.load(SeqCst) - before
    });
    tries.min().unwrap_or(usize::MAX)
}

#[test]
fn the_counter_counts() {
    assert!(allocations(|| drop(std::hint::black_box(vec![1_u8; 100]))) > 0);
}

#[test]
fn a_product_allocates_nothing() {
    for cpu in Cpu::available() {
        let pool = Pool::new(2, cpu);
        for dtype in DType::all() {
            let (rows, cols, tokens) = (64, 256, 5);
            let data = vec![0x11; dtype.bytes_for(rows * cols).unwrap()];
            let matrix = Matrix::pack(&pool, dtype, rows, cols, &data).unwrap();
            let mut inputs = Inputs::new(tokens, cols);
            let values = vec![0.5; tokens * cols];
            let mut out = vec![0.0; tokens * rows];
            let count = allocations(|| {
                let mut loaded = inputs.load(&values, tokens, cols);
                matmul(&pool, &matrix, &mut loaded, &mut out);
            });
            assert_eq!(count, 0, "{cpu:?} {dtype}");
        }
    }
}

#[test]
fn attention_and_small_operations_allocate_nothing() {
    for cpu in Cpu::available() {
        let pool = Pool::new(2, cpu);
        let (rows, heads, kv_heads, head_dim) = (20, 4, 2, 64);
        let shape = KvShape {
            dtype: KvDType::F16,
            layers: 1,
            pages: 4,
            page_size: 16,
            kv_heads,
            head_dim,
        };
        let mut store = KvStore::new(shape).unwrap();
        let spans = [Span {
            first_row: 0,
            rows,
            first_position: 0,
            pages: 0..2,
        }];
        let batch = Batch {
            spans: &spans,
            pages: &[2, 1],
        };
        let shape = Shape {
            heads,
            scale: 0.125,
            window: None,
        };
        let table = RopeTable::new(head_dim, &[0.1; 32], 32, Pairing::Halves);
        let positions: Vec<u32> = (0..20).collect();
        let mut x = vec![0.5; rows * heads * head_dim];
        let keys = vec![0.5; rows * kv_heads * head_dim];
        let mut out = vec![0.0; x.len()];
        let weight = vec![1.0; heads * head_dim];
        let count = allocations(|| {
            ops::rope(&pool, &mut x, head_dim, &positions, &table);
            store.store(&pool, 0, batch, &keys, &keys);
            attend(&pool, shape, &store, 0, batch, &x, &mut out);
            ops::rms_norm(&pool, &out, &weight, 1e-5, &mut x);
            ops::silu_mul(&pool, &mut out, &x);
            ops::add_in_place(&pool, &mut x, &out);
            ops::softmax(&mut out);
        });
        assert_eq!(count, 0, "{cpu:?}");
    }
}
