//! One mutable slice, written by the parts of a job in pieces that do not overlap.

use std::marker::PhantomData;

/// A mutable slice that parts of a job may borrow pieces of at the same time.
pub(crate) struct Shared<'a, T> {
    start: *mut T,
    len: usize,
    borrow: PhantomData<&'a mut [T]>,
}

// SAFETY: a `Shared` hands out pieces of a `&mut [T]`, which may go to other threads if `T` may.
// That pieces do not overlap is the promise of `piece`'s caller.
unsafe impl<T: Send> Sync for Shared<'_, T> {}

impl<'a, T> Shared<'a, T> {
    pub(crate) fn new(slice: &'a mut [T]) -> Self {
        Self {
            start: slice.as_mut_ptr(),
            len: slice.len(),
            borrow: PhantomData,
        }
    }

    /// The elements `from .. from + len`, which must exist.
    ///
    /// # Safety
    ///
    /// While the piece lives, no other piece may contain any of its elements.
    #[expect(
        clippy::mut_from_ref,
        reason = "this is what the type is for; the caller proves that pieces do not overlap"
    )]
    pub(crate) unsafe fn piece(&self, from: usize, len: usize) -> &mut [T] {
        assert!(
            from <= self.len && len <= self.len - from,
            "piece outside the slice"
        );
        // SAFETY: `from` is at most the length of the slice that `start` came from.
        let start = unsafe { self.start.add(from) };
        // SAFETY: `len` elements follow, valid for `'a`, and by the caller's promise nobody else
        // has a reference to them.
        unsafe { std::slice::from_raw_parts_mut(start, len) }
    }
}

impl crate::Pool {
    /// Cuts `slice` into chunks of `len` elements (the last may be shorter) and calls `work` once
    /// for each with its number, on all threads.
    pub(crate) fn for_chunks<T: Send>(
        &self,
        slice: &mut [T],
        len: usize,
        work: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let (total, chunks) = (slice.len(), slice.len().div_ceil(len));
        let shared = Shared::new(slice);
        self.run(chunks, &|chunk| {
            let from = chunk * len;
            // SAFETY: chunk numbers come once each, and chunks of different numbers do not overlap.
            let piece = unsafe { shared.piece(from, len.min(total - from)) };
            work(chunk, piece);
        });
    }
}
