//! The parts of an attention: a few queries that share their keys, against all positions they see.

#![expect(
    unsafe_code,
    reason = "the parts of a job write to results that do not overlap"
)]

use std::cell::RefCell;
use std::ops::Range;

use super::store::{HEAD_DIM_MAX, PAGE_SIZE_MAX};
use super::{Batch, KvStore, Shape, Span};
use crate::cpu::Cpu;
use crate::kernel;
use crate::panel::{FloatTile, ROWS, Sums, TILE};
use crate::pool::Shared;

/// Slots whose scores are known before the softmax takes them in: whole pages.
const CHUNK: usize = 128;
const _: () = assert!(CHUNK >= PAGE_SIZE_MAX, "a chunk holds at least one page");

/// One call of [`super::attend`].
pub(super) struct Work<'a> {
    pub(super) cpu: Cpu,
    pub(super) shape: Shape,
    pub(super) store: &'a KvStore,
    pub(super) layer: usize,
    pub(super) batch: Batch<'a>,
    pub(super) queries: &'a [f32],
    /// Heads of queries for each head of keys.
    pub(super) group: usize,
    /// The most queries in a tile.
    pub(super) width: usize,
}

/// Queries that meet the same keys: consecutive pairs of row and head in the group, row by row.
struct Tile<'a> {
    span: &'a Span,
    kv_head: usize,
    /// The first pair, counted from the span's first row.
    first: usize,
    queries: usize,
    /// `queries`, padded to a width that has a kernel.
    width: usize,
}

/// What is known of a tile's softmax so far (Milakov and Gimelshein, "Online normalizer calculation
/// for softmax", 2018; Dao et al., "FlashAttention", 2022).
struct State {
    /// Queries times scale, `[element][query]`.
    queries: [f32; HEAD_DIM_MAX * TILE],
    /// Scores, later weights: `[query][slot]`.
    scores: [[f32; CHUNK]; TILE],
    /// Weights, `[slot][query]`.
    weights: [f32; CHUNK * TILE],
    /// The largest score of each query.
    most: [f32; TILE],
    /// The sum of each query's weights.
    total: [f32; TILE],
    /// The weighted sum of values: panels of sixteen elements, `[panel][query]`.
    sums: [[Sums; TILE]; HEAD_DIM_MAX / ROWS],
}

thread_local! {
    /// The state of the tile that this thread works on; kept, because 40 KB are slow to clear.
    static STATE: RefCell<State> = const { RefCell::new(State::new()) };
}

impl State {
    const fn new() -> Self {
        Self {
            queries: [0.0; HEAD_DIM_MAX * TILE],
            scores: [[0.0; CHUNK]; TILE],
            weights: [0.0; CHUNK * TILE],
            most: [f32::NEG_INFINITY; TILE],
            total: [0.0; TILE],
            sums: [[[0.0; ROWS]; TILE]; HEAD_DIM_MAX / ROWS],
        }
    }

    /// Forgets the tile before. What may stay in queries and weights belongs to queries that only
    /// fill up a tile, whose results nobody reads.
    fn begin(&mut self, head_dim: usize) {
        self.most.fill(f32::NEG_INFINITY);
        self.total.fill(0.0);
        self.sums[..head_dim.div_ceil(ROWS)].fill([[0.0; ROWS]; TILE]);
    }
}

impl Work<'_> {
    /// How many parts a span has.
    pub(super) fn parts(&self, span: &Span) -> usize {
        self.tiles(span) * self.store.shape().kv_heads
    }

    fn tiles(&self, span: &Span) -> usize {
        (span.rows * self.group).div_ceil(self.width)
    }

    /// Computes part `part` of all spans. Parts of one span begin with its last tile, which has
    /// the most to do.
    pub(super) fn run(&self, part: usize, out: &Shared<'_, f32>) {
        let mut part = part;
        for span in self.batch.spans {
            let parts = self.parts(span);
            if part < parts {
                let kv_heads = self.store.shape().kv_heads;
                let number = self.tiles(span) - 1 - part / kv_heads;
                let first = number * self.width;
                let queries = self.width.min(span.rows * self.group - first);
                let widths = kernel::float_widths(self.cpu).iter().copied();
                let tile = Tile {
                    span,
                    kv_head: part % kv_heads,
                    first,
                    queries,
                    width: widths.filter(|width| *width >= queries).min().unwrap_or(queries),
                };
                self.attend(&tile, out);
                return;
            }
            part -= parts;
        }
    }

    fn attend(&self, tile: &Tile<'_>, out: &Shared<'_, f32>) {
        STATE.with_borrow_mut(|state| self.attend_with(tile, state, out));
    }

    fn attend_with(&self, tile: &Tile<'_>, state: &mut State, out: &Shared<'_, f32>) {
        state.begin(self.store.shape().head_dim);
        self.take_queries(tile, state);
        let page_size = self.store.shape().page_size;
        let pages_per_chunk = CHUNK / page_size.next_multiple_of(ROWS);
        let seen = self.seen(tile, 0).start..self.seen(tile, tile.queries - 1).end;
        let pages = seen.start / page_size..seen.end.div_ceil(page_size);
        for first in pages.clone().step_by(pages_per_chunk) {
            let pages = first..pages.end.min(first + pages_per_chunk);
            self.score(tile, pages.clone(), state);
            self.weigh(tile, pages.clone(), state);
            self.add_values(tile, pages, &seen, state);
        }
        self.put_results(tile, state, out);
    }

    /// The positions that a query sees.
    fn seen(&self, tile: &Tile<'_>, query: usize) -> Range<usize> {
        let position = tile.span.first_position + (tile.first + query) / self.group;
        let first = self
            .shape
            .window
            .map_or(0, |window| (position + 1).saturating_sub(window));
        first..position + 1
    }

    /// Where a query stands among the elements of `queries` and of the results.
    fn place(&self, tile: &Tile<'_>, query: usize) -> usize {
        let pair = tile.first + query;
        let row = tile.span.first_row + pair / self.group;
        let head = tile.kv_head * self.group + pair % self.group;
        (row * self.shape.heads + head) * self.store.shape().head_dim
    }

    fn take_queries(&self, tile: &Tile<'_>, state: &mut State) {
        let head_dim = self.store.shape().head_dim;
        for query in 0..tile.queries {
            let elements = &self.queries[self.place(tile, query)..][..head_dim];
            let columns = state.queries.chunks_exact_mut(tile.width);
            for (column, element) in columns.zip(elements) {
                column[query] = element * self.shape.scale;
            }
        }
    }

    fn page(&self, tile: &Tile<'_>, page: usize) -> u32 {
        self.batch.pages[tile.span.pages.clone()][page]
    }

    /// Multiplies the keys of some pages with the queries.
    fn score(&self, tile: &Tile<'_>, pages: Range<usize>, state: &mut State) {
        let shape = self.store.shape();
        let queries = FloatTile {
            tokens: tile.width,
            values: &state.queries[..shape.head_dim * tile.width],
        };
        let mut panel = 0;
        for page in pages {
            let page = self.page(tile, page);
            for number in 0..shape.page_size.div_ceil(ROWS) {
                let keys = self.store.key_panel(self.layer, page, tile.kv_head, number);
                let mut sums = [[0.0; ROWS]; TILE];
                kernel::float(self.cpu, keys, queries, &mut sums);
                for (scores, sums) in state.scores.iter_mut().zip(&sums).take(tile.queries) {
                    scores[panel * ROWS..][..ROWS].copy_from_slice(sums);
                }
                panel += 1;
            }
        }
    }

    /// Turns scores into weights and rescales what was summed under a smaller maximum.
    fn weigh(&self, tile: &Tile<'_>, pages: Range<usize>, state: &mut State) {
        let page_size = self.store.shape().page_size;
        let slots = page_size.next_multiple_of(ROWS);
        for query in 0..tile.queries {
            let seen = self.seen(tile, query);
            let scores = &mut state.scores[query][..pages.len() * slots];
            for (page, scores) in pages.clone().zip(scores.chunks_exact_mut(slots)) {
                let seen = slots_of(page, page_size, &seen);
                scores[..seen.start].fill(f32::NEG_INFINITY);
                scores[seen.end..].fill(f32::NEG_INFINITY);
            }
            let most = kernel::maximum(self.cpu, scores).max(state.most[query]);
            if most > state.most[query] {
                let factor = (state.most[query] - most).exp();
                state.most[query] = most;
                state.total[query] *= factor;
                for sums in &mut state.sums {
                    sums[query].iter_mut().for_each(|sum| *sum *= factor);
                }
            }
            // All of the chunk may lie before the window: then weights are zero, not exp(-inf + inf).
            let shift = if most == f32::NEG_INFINITY { 0.0 } else { most };
            state.total[query] += kernel::exp_and_sum(self.cpu, scores, shift);
            let columns = state.weights.chunks_exact_mut(tile.width);
            for (column, weight) in columns.zip(scores) {
                column[query] = *weight;
            }
        }
    }

    /// Multiplies the values of some pages with the weights.
    fn add_values(&self, tile: &Tile<'_>, pages: Range<usize>, seen: &Range<usize>, state: &mut State) {
        let shape = self.store.shape();
        let slots = shape.page_size.next_multiple_of(ROWS);
        for (number, page) in pages.enumerate() {
            // Slots that no query sees may hold anything, even what is not a number.
            let taken = slots_of(page, shape.page_size, seen);
            let from = (number * slots + taken.start) * tile.width;
            let weights = FloatTile {
                tokens: tile.width,
                values: &state.weights[from..][..taken.len() * tile.width],
            };
            let page = self.page(tile, page);
            let values = |panel| {
                let taken = taken.clone();
                self.store
                    .value_panel(self.layer, page, tile.kv_head, panel, taken)
            };
            let panels = shape.head_dim.div_ceil(ROWS);
            let (pairs, last) = state.sums[..panels].as_chunks_mut::<2>();
            for (pair, sums) in pairs.iter_mut().enumerate() {
                let values = [values(2 * pair), values(2 * pair + 1)];
                kernel::float_pair(self.cpu, values, weights, sums);
            }
            for sums in last {
                kernel::float(self.cpu, values(panels - 1), weights, sums);
            }
        }
    }

    fn put_results(&self, tile: &Tile<'_>, state: &State, out: &Shared<'_, f32>) {
        let head_dim = self.store.shape().head_dim;
        for query in 0..tile.queries {
            // SAFETY: every pair of row and head is in one tile, every tile in one part, and the
            // borrow ends before the next query.
            let out = unsafe { out.piece(self.place(tile, query), head_dim) };
            let factor = 1.0 / state.total[query];
            for (out, sums) in out.chunks_mut(ROWS).zip(&state.sums) {
                for (out, sum) in out.iter_mut().zip(&sums[query]) {
                    *out = sum * factor;
                }
            }
        }
    }
}

/// The slots of a page whose positions are in `seen`.
fn slots_of(page: usize, page_size: usize, seen: &Range<usize>) -> Range<usize> {
    let begin = page * page_size;
    let start = seen.start.saturating_sub(begin).min(page_size);
    let end = seen.end.saturating_sub(begin).min(page_size);
    start..end.max(start)
}
