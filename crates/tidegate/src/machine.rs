//! What the machine has: cores, and the instruction set to compute with.

use std::collections::BTreeSet;

use tidegate_tensor::Cpu;

use crate::exit::Failure;

/// Physical cores that this process may use: two hardware threads of one core share its units, so
/// a second one would only be in the way.
pub(crate) fn cores() -> usize {
    let allowed = std::thread::available_parallelism().map_or(1, usize::from);
    physical_cores()
        .map_or(allowed, |physical| physical.min(allowed))
        .max(1)
}

/// Linux names for each hardware thread those that share its core.
fn physical_cores() -> Option<usize> {
    let mut cores = BTreeSet::new();
    for entry in fs_err::read_dir("/sys/devices/system/cpu").ok()? {
        let siblings = entry.ok()?.path().join("topology/thread_siblings_list");
        if let Ok(text) = fs_err::read_to_string(siblings) {
            cores.insert(text.trim().to_owned());
        }
    }
    (!cores.is_empty()).then_some(cores.len())
}

/// The instruction set of this name, or the widest of the machine.
pub(crate) fn cpu(name: Option<&str>) -> Result<Cpu, Failure> {
    let Some(name) = name else {
        return Ok(Cpu::detect());
    };
    Cpu::named(name).ok_or_else(|| {
        let here: Vec<_> = Cpu::available().map(Cpu::name).collect();
        Failure::usage(format!("`{name}` is not an instruction set of this machine"))
            .hint(format!("expected one of `{}`", here.join("`, `")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_at_least_one_core_and_no_more_than_the_system_gives() {
        let allowed = std::thread::available_parallelism().unwrap().get();
        assert!((1..=allowed).contains(&cores()));
    }

    #[test]
    fn an_unknown_instruction_set_lists_the_known_ones() {
        let failure = cpu(Some("avx9")).unwrap_err();
        assert!(failure.hint.unwrap().contains("`scalar`"));
        assert_eq!(cpu(Some("scalar")).unwrap(), Cpu::scalar());
    }
}
