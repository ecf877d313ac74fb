//! The model that is a part of the program, so that a copy of the program alone can serve.

/// What the bundled model is called.
pub(crate) const NAME: &str = "tide";

/// Tensors want to begin at multiples of 32; a page of 64 serves every vector load.
#[repr(align(64))]
struct Aligned<T: ?Sized>(T);

static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!(env!("TIDEGATE_BUNDLED")));

/// The bundled model as a GGUF file, if the program was built with one.
pub(crate) fn file() -> Option<&'static [u8]> {
    (!FILE.0.is_empty()).then_some(&FILE.0)
}
