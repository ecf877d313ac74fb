//! Someone who wants to hear how a download goes.

/// Hears how a pull goes; a terminal draws bars, a log writes lines.
pub trait Progress {
    /// A file begins. `have` bytes of `total` are here already.
    fn begin(&self, file: &str, total: Option<u64>, have: u64);
    /// The file has now this many bytes.
    fn at(&self, bytes: u64);
    /// The file is here and proven.
    fn end(&self);
    /// Something worth a line: a retry, a choice that was made, a wait.
    fn note(&self, text: &str);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silent;

impl Progress for Silent {
    fn begin(&self, _file: &str, _total: Option<u64>, _have: u64) {}
    fn at(&self, _bytes: u64) {}
    fn end(&self) {}
    fn note(&self, _text: &str) {}
}
