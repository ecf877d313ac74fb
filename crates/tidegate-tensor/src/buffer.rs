//! Memory on cache-line borders, zeroed, read as whatever plain type lies in it.

use std::fmt;

use bytemuck::{Pod, Zeroable};

/// One cache line; the widest load of any kernel.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A fixed number of zeroed elements that start on a cache line.
pub(crate) struct Buffer<T> {
    lines: Vec<Line>,
    len: usize,
    element: std::marker::PhantomData<T>,
}

impl<T: Pod> Buffer<T> {
    /// `len` zeroes. Memory comes from the system untouched, so a page costs nothing before its
    /// first use.
    pub(crate) fn zeroed(len: usize) -> Self {
        let lines = (len * size_of::<T>()).div_ceil(size_of::<Line>());
        Self {
            lines: bytemuck::zeroed_vec(lines),
            len,
            element: std::marker::PhantomData,
        }
    }

    pub(crate) fn as_slice(&self) -> &[T] {
        let elements = bytemuck::cast_slice::<Line, T>(&self.lines);
        &elements[..self.len]
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        let len = self.len;
        let elements = bytemuck::cast_slice_mut::<Line, T>(&mut self.lines);
        &mut elements[..len]
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
        }
    }
}
