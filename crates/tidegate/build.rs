//! Finds the bundled model (`models/*.gguf` of the repository), so that it can be put into the
//! program. Without one, an empty file stands in and the program says that it has no model.

use std::env;
use std::error::Error;
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("../../models");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files: Vec<PathBuf> = match fs_err::read_dir(&folder) {
        Ok(entries) => entries
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_, std::io::Error>>()?,
        Err(_) => Vec::new(),
    };
    files.retain(|file| file.extension().is_some_and(|extension| extension == "gguf"));
    files.sort();
    let file = match files.pop() {
        Some(file) => file.canonicalize()?,
        None => {
            let empty = Path::new(&env::var("OUT_DIR")?).join("empty.gguf");
            fs_err::write(&empty, [])?;
            empty
        }
    };
    println!("cargo::rustc-env=TIDEGATE_BUNDLED={}", file.display());
    Ok(())
}
