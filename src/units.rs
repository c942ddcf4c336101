//! The units of the WebAssembly specification: pages, page sizes, byte counts.
//!
//! A page count is a [`Pages`], never a bare integer. A byte count that a type may name can be as
//! large as 2^64, so it is a `u128`; a byte count that exists in this process is a `usize`.

#![forbid(unsafe_code)]

use core::fmt;

/// The size of a page: the two that the custom-page-sizes proposal allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PageSize {
    /// Pages of one byte.
    One,
    /// Pages of 64 KiB, the size of the core specification.
    Wasm,
}

impl PageSize {
    /// The page size whose base-two logarithm is `log2`: 0 or 16, `None` for any other number.
    pub const fn from_log2(log2: u8) -> Option<Self> {
        match log2 {
            0 => Some(Self::One),
            16 => Some(Self::Wasm),
            _ => None,
        }
    }

    /// The base-two logarithm: 0 or 16.
    pub const fn log2(self) -> u8 {
        match self {
            Self::One => 0,
            Self::Wasm => 16,
        }
    }

    /// The size in bytes: 1 or 65536.
    pub const fn bytes(self) -> u64 {
        1 << self.log2()
    }
}

/// A number of WebAssembly pages of some memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pages(pub u64);

impl Pages {
    /// How many bytes so many pages are. 2^64 bytes are possible, hence the wide result.
    pub const fn bytes(self, page_size: PageSize) -> u128 {
        (self.0 as u128) << page_size.log2()
    }

    /// How many bytes so many pages are, when this process can address that many.
    pub fn host_bytes(self, page_size: PageSize) -> Option<usize> {
        usize::try_from(self.bytes(page_size)).ok()
    }

    /// The sum, or `None` when it does not fit 64 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }
}

impl fmt::Display for Pages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} page{plural}", self.0)
    }
}

/// `bytes` rounded up to a multiple of `unit`, a power of two; `None` when that does not fit.
pub(crate) fn round_up(bytes: usize, unit: usize) -> Option<usize> {
    debug_assert!(unit.is_power_of_two());
    let mask = unit.wrapping_sub(1);
    Some(bytes.checked_add(mask)? & !mask)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_byte_and_64_kib_are_page_sizes() {
        for log2 in 0..=u8::MAX {
            let size = PageSize::from_log2(log2);
            assert_eq!(size.is_some(), log2 == 0 || log2 == 16, "log2 {log2}");
            assert!(size.is_none_or(|size| size.log2() == log2 && size.bytes() == 1 << log2));
        }
    }

    #[test]
    fn two_to_the_64_bytes_are_representable() {
        assert_eq!(Pages(1 << 48).bytes(PageSize::Wasm), 1 << 64);
        assert_eq!(Pages(1 << 48).host_bytes(PageSize::Wasm), None);
        assert_eq!(Pages(u64::MAX).bytes(PageSize::One), u128::from(u64::MAX));
    }

    #[test]
    fn rounding_up_never_wraps() {
        assert_eq!(round_up(0, 4096), Some(0));
        assert_eq!(round_up(1, 4096), Some(4096));
        assert_eq!(round_up(65536, 65536), Some(65536));
        assert_eq!(round_up(usize::MAX, 4096), None);
    }
}
