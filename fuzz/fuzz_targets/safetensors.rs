//! Any bytes as a safetensors file, as its index, and as a `config.json`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tidegate_weights::safetensors::Index;
use tidegate_weights::{Checkpoint, ModelConfig, SafeTensors};

fuzz_target!(|file: &[u8]| {
    if let Ok(read) = SafeTensors::parse(file) {
        let bytes: usize = read.tensors().map(|tensor| tensor.data.len()).sum();
        assert!(bytes <= file.len());
        for tensor in read.tensors() {
            assert_eq!(tensor.dtype.bytes_for(tensor.elements()), Some(tensor.data.len()));
        }
    }
    if let Ok(index) = Index::parse(file) {
        assert!(index.files().iter().all(|name| !name.contains('/')));
    }
    if let Ok(config) = ModelConfig::from_hf(file) {
        config.check().expect("a configuration that was read is valid");
        let _missing = Checkpoint::from_safetensors(file, &[], None);
    }
});
