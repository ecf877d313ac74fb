//! Memory on cache-line borders, zeroed, read as whatever plain type lies in it.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use bytemuck::{Pod, Zeroable};

use crate::arena::{Arena, Piece};

/// One cache line; the widest load of any kernel.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A fixed number of zeroed elements that start on a cache line.
pub(crate) struct Buffer<T> {
    memory: Memory,
    len: usize,
    element: PhantomData<T>,
}

enum Memory {
    Own(Vec<Line>),
    Piece(Piece),
}

impl<T: Pod> Buffer<T> {
    /// `len` zeroes in memory of their own.
    pub(crate) fn zeroed(len: usize) -> Self {
        let lines = (len * size_of::<T>()).div_ceil(size_of::<Line>());
        Self {
            memory: Memory::Own(bytemuck::zeroed_vec(lines)),
            len,
            element: PhantomData,
        }
    }

    /// `len` zeroes in an arena, or in memory of their own where it is full.
    pub(crate) fn zeroed_in(arena: &Arc<Arena>, len: usize) -> Self {
        match arena.take(len * size_of::<T>()) {
            Some(piece) => Self {
                memory: Memory::Piece(piece),
                len,
                element: PhantomData,
            },
            None => Self::zeroed(len),
        }
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        let elements = match &self.memory {
            Memory::Own(lines) => bytemuck::cast_slice::<Line, T>(lines),
            Memory::Piece(piece) => bytemuck::cast_slice::<u8, T>(piece.as_slice()),
        };
        &elements[..self.len]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        let elements = match &mut self.memory {
            Memory::Own(lines) => bytemuck::cast_slice_mut::<Line, T>(lines),
            Memory::Piece(piece) => bytemuck::cast_slice_mut::<u8, T>(piece.as_mut_slice()),
        };
        &mut elements[..self.len]
    }
}

impl<T> fmt::Debug for Buffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({} elements)", self.len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_zero_and_start_on_a_cache_line() {
        for len in [0, 1, 15, 16, 17, 1000] {
            let mut buffer = Buffer::<u32>::zeroed(len);
            assert_eq!(buffer.as_slice(), vec![0; len]);
            assert!(buffer.as_slice().as_ptr().addr().is_multiple_of(64));
            buffer.as_mut_slice().fill(7);
            assert_eq!(buffer.as_slice(), vec![7; len]);
            let arena = Arena::new(Arena::room_for(4 * len)).unwrap();
            for mut buffer in [
                Buffer::<u32>::zeroed_in(&arena, len),
                Buffer::zeroed_in(&arena, len),
            ] {
                assert_eq!(buffer.as_slice(), vec![0; len]);
                buffer.as_mut_slice().fill(7);
                assert_eq!(buffer.as_slice(), vec![7; len]);
            }
        }
    }
}
