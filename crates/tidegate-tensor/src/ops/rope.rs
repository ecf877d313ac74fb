//! Rotary positions: pairs of elements turn by an angle that grows with the position.

use crate::pool::Pool;

/// Which elements of a head form a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairing {
    /// Neighbours: 0 and 1, 2 and 3 (GGUF files of the `llama` architecture).
    Interleaved,
    /// One from each half of the rotated part: 0 and d/2, 1 and d/2 + 1 (most others).
    Halves,
}

/// Sines and cosines for every position.
#[derive(Debug)]
pub struct RopeTable {
    dims: usize,
    pairing: Pairing,
    /// For each position the cosines of all pairs, then the sines.
    turns: Vec<f32>,
}

impl RopeTable {
    /// A table for heads whose first `dims` elements turn; the rest of a head stays. Pair `i` at
    /// position `p` turns by `p * inv_freq[i]`.
    ///
    /// # Panics
    ///
    /// If `inv_freq` has not one number for each pair.
    pub fn new(dims: usize, inv_freq: &[f32], max_position: usize, pairing: Pairing) -> Self {
        assert_eq!(
            inv_freq.len() * 2,
            dims,
            "one frequency for each pair of dimensions"
        );
        let mut turns = Vec::with_capacity(max_position * dims);
        for position in 0..max_position {
            // In single precision as the reference implementations have it; only the sine and the
            // cosine are taken more exactly.
            let angle = |freq: &f32| f64::from(position as f32 * freq);
            turns.extend(inv_freq.iter().map(|freq| angle(freq).cos() as f32));
            turns.extend(inv_freq.iter().map(|freq| angle(freq).sin() as f32));
        }
        Self { dims, pairing, turns }
    }

    /// Positions that it knows.
    pub fn positions(&self) -> usize {
        self.turns.len().checked_div(self.dims).unwrap_or(usize::MAX)
    }

    fn turn_head(&self, head: &mut [f32], position: usize) {
        let pairs = self.dims / 2;
        let turns = &self.turns[position * self.dims..][..self.dims];
        let (cosines, sines) = turns.split_at(pairs);
        let turn = |a: &mut f32, b: &mut f32, cosine: f32, sine: f32| {
            (*a, *b) = (*a * cosine - *b * sine, *a * sine + *b * cosine);
        };
        let head = &mut head[..self.dims];
        match self.pairing {
            Pairing::Interleaved => {
                let pairs = head.as_chunks_mut::<2>().0.iter_mut();
                for ([a, b], (cosine, sine)) in pairs.zip(cosines.iter().zip(sines)) {
                    turn(a, b, *cosine, *sine);
                }
            }
            Pairing::Halves => {
                let (low, high) = head.split_at_mut(pairs);
                for ((a, b), (cosine, sine)) in low.iter_mut().zip(high).zip(cosines.iter().zip(sines)) {
                    turn(a, b, *cosine, *sine);
                }
            }
        }
    }
}

/// Turns every head of every row by the row's position. `x` is rows x heads x `head_dim`, one row
/// for each of `positions`.
///
/// # Panics
///
/// If `x` is not whole rows of whole heads, a head is shorter than the table's dimensions, or a
/// position is not in the table.
pub fn rope(pool: &Pool, x: &mut [f32], head_dim: usize, positions: &[u32], table: &RopeTable) {
    if positions.is_empty() {
        return;
    }
    let width = x.len() / positions.len();
    assert_eq!(width * positions.len(), x.len(), "one position for each row");
    assert!(
        width.is_multiple_of(head_dim) && width > 0,
        "rows are not whole heads"
    );
    pool.for_chunks(x, width, |row, x| {
        for head in x.chunks_exact_mut(head_dim) {
            table.turn_head(head, positions[row] as usize);
        }
    });
}
