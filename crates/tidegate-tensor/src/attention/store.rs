//! The memory of keys and values: pages, in the order of panels, so that the kernels of matrices
//! serve attention too.
//!
//! A page of keys is a matrix of its slots (rows) by the elements of a head (columns), a page of
//! values a matrix of the elements of a head by slots. Both lie in panels of sixteen rows, like
//! weights of plain numbers: scores are the product of the first with queries, results the product
//! of the second with the weights that the softmax gives.

#![expect(unsafe_code, reason = "the parts of a job write to heads that do not overlap")]

use bytemuck::Pod;
use half::f16;
use half::slice::HalfFloatSliceExt;

use super::{Batch, KvDType, KvShape};
use crate::arena::{Arena, HUGE_PAGE};
use crate::buffer::Buffer;
use crate::error::TensorError;
use crate::panel::{Float, FloatPanel, ROWS};
use crate::pool::{Pool, Shared};

/// The most elements that a head may have.
pub const HEAD_DIM_MAX: usize = 256;
/// The most tokens that a page may hold.
pub const PAGE_SIZE_MAX: usize = 128;
/// With fewer rows than this one thread stores them all.
const ROWS_TO_SHARE: usize = 16;

/// The keys and values of all layers, in pages.
#[derive(Debug)]
pub struct KvStore {
    shape: KvShape,
    keys: Buffer<u8>,
    values: Buffer<u8>,
}

impl KvShape {
    /// Memory that the keys and the values of such a store take.
    ///
    /// # Errors
    ///
    /// [`TensorError::Dimension`] if a number is zero, a head or a page is too long, or the sizes
    /// overflow.
    pub fn bytes(&self) -> Result<[usize; 2], TensorError> {
        let numbers = [
            ("layers", self.layers, usize::MAX, "at least 1"),
            ("pages", self.pages, usize::MAX, "at least 1"),
            ("page_size", self.page_size, PAGE_SIZE_MAX, "1 to 128"),
            ("kv_heads", self.kv_heads, usize::MAX, "at least 1"),
            ("head_dim", self.head_dim, HEAD_DIM_MAX, "1 to 256"),
        ];
        for (what, value, most, expected) in numbers {
            if value == 0 || value > most {
                return Err(TensorError::Dimension {
                    what,
                    value,
                    expected,
                });
            }
        }
        let bytes = |head_bytes: usize| {
            [self.layers, self.pages, self.kv_heads]
                .into_iter()
                .try_fold(head_bytes, usize::checked_mul)
                .filter(|bytes| *bytes <= isize::MAX as usize / 2)
                .ok_or(TensorError::Dimension {
                    what: "pages",
                    value: self.pages,
                    expected: "a store that fits in memory",
                })
        };
        Ok([bytes(self.key_bytes())?, bytes(self.value_bytes())?])
    }
}

impl KvStore {
    /// Room for keys and values. The system hands out the memory as pages are first written.
    ///
    /// # Errors
    ///
    /// Those of [`KvShape::bytes`].
    pub fn new(shape: KvShape) -> Result<Self, TensorError> {
        let bytes = shape.bytes()?;
        let room = bytes.iter().fold(0, |room: usize, bytes| {
            room.saturating_add(Arena::room_for(*bytes))
        });
        if room < HUGE_PAGE {
            let [keys, values] = bytes.map(Buffer::zeroed);
            return Ok(Self { shape, keys, values });
        }
        let arena = Arena::new(room).map_err(|_| TensorError::Dimension {
            what: "pages",
            value: shape.pages,
            expected: "a store that fits in memory",
        })?;
        let [keys, values] = bytes.map(|bytes| Buffer::zeroed_in(&arena, bytes));
        Ok(Self { shape, keys, values })
    }

    /// What it was made for.
    pub fn shape(&self) -> KvShape {
        self.shape
    }

    /// Memory of the whole store.
    pub fn bytes(&self) -> usize {
        self.keys.as_slice().len() + self.values.as_slice().len()
    }

    /// Writes the keys and values of the batch's rows (each `kv_heads` x `head_dim`, already
    /// rotated) to `layer`. No two rows may have the same place.
    ///
    /// # Panics
    ///
    /// If the layer, a page or a row does not exist.
    pub fn store(&mut self, pool: &Pool, layer: usize, batch: Batch<'_>, keys: &[f32], values: &[f32]) {
        match self.shape.dtype {
            KvDType::F32 => self.store_as::<f32>(pool, layer, batch, keys, values),
            KvDType::F16 => self.store_as::<f16>(pool, layer, batch, keys, values),
        }
    }

    fn store_as<T: Element>(
        &mut self,
        pool: &Pool,
        layer: usize,
        batch: Batch<'_>,
        keys: &[f32],
        values: &[f32],
    ) {
        let shape = self.shape;
        let (key_bytes, value_bytes) = (shape.key_bytes(), shape.value_bytes());
        let key_pages = Shared::new(self.keys.as_mut_slice());
        let value_pages = Shared::new(self.values.as_mut_slice());
        let store_head = |head: usize| {
            for (row, page, slot) in places(batch, shape.page_size) {
                let place = shape.place(layer, page, head);
                let from = (row * shape.kv_heads + head) * shape.head_dim;
                // SAFETY: places of different heads do not overlap, each head belongs to one part,
                // and the borrow ends before the next row.
                let page = unsafe { key_pages.piece(place * key_bytes, key_bytes) };
                T::put_key(page, &keys[from..][..shape.head_dim], slot);
                // SAFETY: as above.
                let page = unsafe { value_pages.piece(place * value_bytes, value_bytes) };
                T::put_value(page, &values[from..][..shape.head_dim], slot, shape.page_size);
            }
        };
        let rows: usize = batch.spans.iter().map(|span| span.rows).sum();
        if rows < ROWS_TO_SHARE {
            (0..shape.kv_heads).for_each(store_head);
        } else {
            pool.run(shape.kv_heads, &store_head);
        }
    }

    /// Sixteen slots of a page of keys: a panel with a column for each element of a head.
    pub(super) fn key_panel(&self, layer: usize, page: u32, head: usize, panel: usize) -> FloatPanel<'_> {
        let float = self.shape.float();
        let len = self.shape.head_dim * float.column_bytes();
        let from = self.shape.place(layer, page, head) * self.shape.key_bytes() + panel * len;
        FloatPanel {
            float,
            columns: &self.keys.as_slice()[from..][..len],
        }
    }

    /// Sixteen elements of a page of values: a panel with a column for each slot, of which `slots`
    /// are taken.
    pub(super) fn value_panel(
        &self,
        layer: usize,
        page: u32,
        head: usize,
        panel: usize,
        slots: std::ops::Range<usize>,
    ) -> FloatPanel<'_> {
        let float = self.shape.float();
        let column = float.column_bytes();
        let place = self.shape.place(layer, page, head) * self.shape.value_bytes();
        let from = place + (panel * self.shape.page_size + slots.start) * column;
        FloatPanel {
            float,
            columns: &self.values.as_slice()[from..][..slots.len() * column],
        }
    }
}

impl KvShape {
    fn float(&self) -> Float {
        match self.dtype {
            KvDType::F32 => Float::F32,
            KvDType::F16 => Float::F16,
        }
    }

    /// Bytes of one head of a page of keys.
    fn key_bytes(&self) -> usize {
        self.page_size.div_ceil(ROWS) * self.head_dim * self.float().column_bytes()
    }

    /// Bytes of one head of a page of values.
    fn value_bytes(&self) -> usize {
        self.head_dim.div_ceil(ROWS) * self.page_size * self.float().column_bytes()
    }

    /// The number of one head of a page among all.
    fn place(&self, layer: usize, page: u32, head: usize) -> usize {
        assert!(layer < self.layers, "layer {layer} does not exist");
        assert!((page as usize) < self.pages, "page {page} does not exist");
        (layer * self.pages + page as usize) * self.kv_heads + head
    }
}

/// The row, page and slot of every row of a batch.
fn places(batch: Batch<'_>, page_size: usize) -> impl Iterator<Item = (usize, u32, usize)> {
    batch.spans.iter().flat_map(move |span| {
        let pages = &batch.pages[span.pages.clone()];
        (0..span.rows).map(move |row| {
            let position = span.first_position + row;
            let page = pages[position / page_size];
            (span.first_row + row, page, position % page_size)
        })
    })
}

/// A type that keys and values are kept in.
trait Element: Pod {
    /// Converts a head.
    fn convert(head: &[f32], to: &mut [Self]);

    /// Writes a key: one row of a panel, spread over its columns.
    fn put_key(page: &mut [u8], head: &[f32], slot: usize) {
        let mut converted = [Self::zeroed(); HEAD_DIM_MAX];
        Self::convert(head, &mut converted[..head.len()]);
        let page: &mut [Self] = bytemuck::cast_slice_mut(page);
        let panel = &mut page[slot / ROWS * head.len() * ROWS..];
        let columns = panel.as_chunks_mut::<ROWS>().0;
        for (column, element) in columns.iter_mut().zip(&converted[..head.len()]) {
            column[slot % ROWS] = *element;
        }
    }

    /// Writes a value: one column in each panel.
    fn put_value(page: &mut [u8], head: &[f32], slot: usize, page_size: usize) {
        let mut converted = [Self::zeroed(); HEAD_DIM_MAX];
        Self::convert(head, &mut converted[..head.len()]);
        let page: &mut [Self] = bytemuck::cast_slice_mut(page);
        let panels = page.chunks_exact_mut(page_size * ROWS);
        for (panel, elements) in panels.zip(converted.chunks_exact(ROWS)) {
            panel[slot * ROWS..][..ROWS].copy_from_slice(elements);
        }
    }
}

impl Element for f32 {
    fn convert(head: &[f32], to: &mut [Self]) {
        to.copy_from_slice(head);
    }
}

impl Element for f16 {
    fn convert(head: &[f32], to: &mut [Self]) {
        to.convert_from_f32_slice(head);
    }
}
