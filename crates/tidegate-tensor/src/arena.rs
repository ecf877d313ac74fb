//! One large piece of zeroed memory for many buffers, in huge pages where the system has them.
//!
//! A kernel that streams gigabytes through pages of 4 KiB waits for their addresses, on a virtual
//! machine twice for each: from huge pages one thread wrote 5 to 20 % more tokens a second there, and
//! packing took half the time. Buffers of their own would each have to be padded to 2 MiB to get
//! them; pieces of one arena lie side by side.

#![expect(
    unsafe_code,
    reason = "pieces are mutable parts of one map, which the compiler cannot tell apart"
)]

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use memmap2::{MmapOptions, MmapRaw};

/// The usual size of a huge page; smaller arenas would not get one.
pub(crate) const HUGE_PAGE: usize = 2 << 20;
/// Pieces begin on a cache line, the widest load of any kernel.
const LINE: usize = 64;

/// Memory that matrices are packed into; given back when the last of them is dropped.
pub struct Arena {
    map: MmapRaw,
    /// Where the first huge page begins.
    start: usize,
    bytes: usize,
    used: AtomicUsize,
}

impl Arena {
    /// An arena of `bytes`. The system hands the memory out, zeroed, as it is first written.
    ///
    /// # Errors
    ///
    /// If the system has not so much to give.
    pub fn new(bytes: usize) -> io::Result<Arc<Self>> {
        let whole = bytes.checked_add(HUGE_PAGE).ok_or(io::ErrorKind::OutOfMemory)?;
        let map = MmapRaw::from(MmapOptions::new().len(whole).map_anon()?);
        // A system without huge pages refuses; then the pages are small.
        #[cfg(target_os = "linux")]
        drop(map.advise(memmap2::Advice::HugePage));
        let start = map.as_ptr().addr().next_multiple_of(HUGE_PAGE) - map.as_ptr().addr();
        Ok(Arc::new(Self {
            map,
            start,
            bytes,
            used: AtomicUsize::new(0),
        }))
    }

    /// Room that one more buffer of `bytes` takes at most.
    pub fn room_for(bytes: usize) -> usize {
        bytes.saturating_add(LINE)
    }

    /// The next `bytes`, if that many are left.
    pub(crate) fn take(self: &Arc<Self>, bytes: usize) -> Option<Piece> {
        let end_of = |from: usize| from.next_multiple_of(LINE).checked_add(bytes);
        let fits = |from: usize| end_of(from).filter(|end| *end <= self.bytes);
        let from = self.used.fetch_update(Relaxed, Relaxed, fits).ok()?;
        Some(Piece {
            from: self.start + from.next_multiple_of(LINE),
            bytes,
            arena: Arc::clone(self),
        })
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Arena({} of {} bytes used)",
            self.used.load(Relaxed),
            self.bytes
        )
    }
}

/// A part of an arena that nobody else has.
#[derive(Debug)]
pub(crate) struct Piece {
    arena: Arc<Arena>,
    from: usize,
    bytes: usize,
}

impl Piece {
    pub(crate) fn as_slice(&self) -> &[u8] {
        // SAFETY: `take` made sure that the piece ends inside the map.
        let start = unsafe { self.arena.map.as_ptr().add(self.from) };
        // SAFETY: the bytes are mapped and initialised (zero at first) for as long as the arena,
        // which this piece keeps; `take` gave them to this piece alone, and it is borrowed.
        unsafe { std::slice::from_raw_parts(start, self.bytes) }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [u8] {
        // SAFETY: `take` made sure that the piece ends inside the map.
        let start = unsafe { self.arena.map.as_mut_ptr().add(self.from) };
        // SAFETY: as above, and the piece is borrowed mutably.
        unsafe { std::slice::from_raw_parts_mut(start, self.bytes) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_zero_aligned_and_apart() {
        let arena = Arena::new(1000).unwrap();
        let mut pieces: Vec<Piece> = [100, 0, 64, 1].map(|bytes| arena.take(bytes).unwrap()).into();
        for (number, piece) in pieces.iter_mut().enumerate() {
            assert!(piece.as_slice().as_ptr().addr().is_multiple_of(LINE));
            assert!(piece.as_slice().iter().all(|byte| *byte == 0));
            piece.as_mut_slice().fill(number as u8 + 1);
        }
        for (number, piece) in pieces.iter().enumerate() {
            assert!(piece.as_slice().iter().all(|byte| *byte == number as u8 + 1));
        }
        drop(arena);
        assert_eq!(pieces[0].as_slice(), [1; 100]);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_smaller_pieces_still_fit() {
        let arena = Arena::new(Arena::room_for(100)).unwrap();
        assert!(arena.take(200).is_none());
        assert!(arena.take(usize::MAX).is_none());
        assert!(arena.take(100).is_some());
        assert!(arena.take(100).is_none());
        assert!(Arena::new(usize::MAX).is_err());
    }
}
