//! Files seen as memory: the one place of this crate that needs `unsafe`.
#![expect(
    unsafe_code,
    reason = "a mapped file is memory that others can change; the proof stands below"
)]

use std::io;
use std::ops::{Deref, Range};
use std::path::{Path, PathBuf};

use fs_err::File;
use memmap2::{Mmap, MmapOptions};

/// A file, or a part of one, that is read as memory and only held in memory while it is used.
#[derive(Debug)]
pub(crate) struct Mapped {
    path: PathBuf,
    bytes: Bytes,
}

/// Where the bytes are.
#[derive(Debug)]
enum Bytes {
    /// The file stays open, so that another part of the same file can be mapped after the name was
    /// given to a new one.
    File(Mmap, File),
    /// In the program itself; also an empty file, which the system cannot map.
    Program(&'static [u8]),
}

impl Mapped {
    /// Maps a whole file.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let empty = file.metadata()?.len() == 0;
        let bytes = if empty {
            Bytes::Program(&[])
        } else {
            let map = map(&file, None)?;
            // Weights are packed from front to back, so the system may read far ahead.
            #[cfg(unix)]
            map.advise(memmap2::Advice::Sequential)?;
            Bytes::File(map, file)
        };
        Ok(Self {
            path: path.to_owned(),
            bytes,
        })
    }

    /// A file that is a part of the program; `name` stands for its path in messages.
    pub(crate) fn embedded(name: &str, bytes: &'static [u8]) -> Self {
        Self {
            path: PathBuf::from(name),
            bytes: Bytes::Program(bytes),
        }
    }

    /// Maps a part of the same file anew, so that this map can be dropped. Rows of it will be read
    /// here and there, so the system is asked not to read ahead.
    pub(crate) fn part(&self, range: Range<usize>) -> io::Result<Self> {
        let file = match &self.bytes {
            Bytes::Program(bytes) => {
                let bytes = bytes.get(range).ok_or(io::ErrorKind::UnexpectedEof)?;
                return Ok(Self {
                    path: self.path.clone(),
                    bytes: Bytes::Program(bytes),
                });
            }
            Bytes::File(_, file) => file.try_clone()?,
        };
        if file.metadata()?.len() < range.end as u64 {
            let path = self.path.display();
            return Err(io::Error::other(format!(
                "`{path}` became shorter while it was read"
            )));
        }
        let map = map(&file, Some(range))?;
        #[cfg(unix)]
        map.advise(memmap2::Advice::Random)?;
        Ok(Self {
            path: self.path.clone(),
            bytes: Bytes::File(map, file),
        })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Deref for Mapped {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match &self.bytes {
            Bytes::File(map, _) => map,
            Bytes::Program(bytes) => bytes,
        }
    }
}

fn map(file: &File, range: Option<Range<usize>>) -> io::Result<Mmap> {
    let mut options = MmapOptions::new();
    if let Some(range) = range {
        options.offset(range.start as u64).len(range.len());
    }
    // SAFETY: the map is read-only and private to this process, and everything that reads it checks
    // bounds on each read and gives any byte a meaning, so changed content gives wrong numbers and
    // not undefined jumps. What remains is the promise that every engine asks of its operator: a
    // model file in use is replaced (a new file under the same name), never edited or cut short.
    unsafe { options.map(file.file()) }
}
