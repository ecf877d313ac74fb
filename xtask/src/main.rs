//! Repository chores, in Rust: `cargo xtask tidy`, `cargo xtask ci`.

fn main() -> anyhow::Result<()> {
    anyhow::bail!("usage: cargo xtask <tidy|ci>")
}
