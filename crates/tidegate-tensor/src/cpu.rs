//! Which instruction set computes: a value that exists only on a machine that has it.

use std::fmt;

/// An instruction set that this machine has. The only ways to get one ask the machine, so whoever
/// holds one may call its kernels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cpu(Isa);

/// The sets that have kernels, narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Isa {
    /// Plain Rust: the oracle of the others, and the way out on every other machine.
    Scalar,
    /// 128 bits, `sdot`.
    #[cfg(target_arch = "aarch64")]
    Neon,
    /// 256 bits, fused multiply-add, half precision.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// 512 bits with `vpdpbusd`.
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

impl Cpu {
    /// The widest set of this machine.
    pub fn detect() -> Self {
        Self::available().last().unwrap_or(Self::scalar())
    }

    /// Plain Rust.
    pub fn scalar() -> Self {
        Self(Isa::Scalar)
    }

    /// Every set that this machine has, narrowest first.
    pub fn available() -> impl Iterator<Item = Self> {
        Isa::ALL.iter().copied().filter(|isa| isa.is_here()).map(Self)
    }

    /// The set with this name (`scalar`, `avx2`, `avx512`, `neon`), if this machine has it.
    pub fn named(name: &str) -> Option<Self> {
        Self::available().find(|cpu| cpu.name() == name)
    }

    /// The name that [`Cpu::named`] knows.
    pub fn name(self) -> &'static str {
        match self.0 {
            Isa::Scalar => "scalar",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => "neon",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "avx512",
        }
    }

    pub(crate) fn isa(self) -> Isa {
        self.0
    }
}

impl Isa {
    #[cfg(target_arch = "x86_64")]
    const ALL: &[Self] = &[Self::Scalar, Self::Avx2, Self::Avx512];
    #[cfg(target_arch = "aarch64")]
    const ALL: &[Self] = &[Self::Scalar, Self::Neon];
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    const ALL: &[Self] = &[Self::Scalar];

    /// Asks the machine for every feature that the kernels of the set are compiled with: the lists
    /// here and in `#[target_feature]` there are the same.
    fn is_here(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => {
                std::arch::is_aarch64_feature_detected!("neon")
                    && std::arch::is_aarch64_feature_detected!("dotprod")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => {
                is_x86_feature_detected!("avx2")
                    && is_x86_feature_detected!("fma")
                    && is_x86_feature_detected!("f16c")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                Self::Avx2.is_here()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512dq")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
            }
        }
    }
}

impl fmt::Debug for Cpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cpu({})", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_found_by_the_name_it_prints() {
        for cpu in Cpu::available() {
            assert_eq!(Cpu::named(cpu.name()), Some(cpu));
        }
        assert_eq!(Cpu::named("avx9"), None);
        assert_eq!(Cpu::named("scalar"), Some(Cpu::scalar()));
    }
}
