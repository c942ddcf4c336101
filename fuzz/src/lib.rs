//! What the targets have in common: bytes that become choices, a count of what was done, planted defects.
//!
//! Each target is a function of bytes. It panics where the library does something else than it should.

pub mod abi;
pub mod api;
pub mod image_file;
pub mod structs;
pub mod wait_notify;

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

// The exported functions are called as C calls them, by their names.
extern crate wasm_memory as _;

/// What the header declares; pointers of all kinds are `P`.
pub mod ffi {
    #![allow(missing_docs, clippy::too_many_arguments, reason = "made from the header")]
    include!(concat!(env!("OUT_DIR"), "/header.rs"));
}

/// A pointer of the C interface.
pub type P = *mut core::ffi::c_void;
pub const NULL: P = core::ptr::null_mut();

/// The name of a target and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: [Target; 4] = [
    ("api", api::run),
    ("abi", abi::run),
    ("image_file", image_file::run),
    ("wait_notify", wait_notify::run),
];

pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|(one, _)| *one == name)
}

/// How many operations of the library were run, in all.
pub static OPERATIONS: AtomicU64 = AtomicU64::new(0);

pub fn count_operation() {
    OPERATIONS.fetch_add(1, Ordering::Relaxed);
}

/// Says what happens, if FUZZ_TRACE is set: for whoever looks for the cause of a finding.
#[macro_export]
macro_rules! trace {
    ($($words:tt)*) => {
        if $crate::is_tracing() {
            eprintln!($($words)*);
        }
    };
}

pub fn is_tracing() -> bool {
    static TRACING: std::sync::LazyLock<bool> =
        std::sync::LazyLock::new(|| std::env::var_os("FUZZ_TRACE").is_some());
    *TRACING
}

/// Which defect is planted; 0 for none. Each target has some, to show that it would notice.
pub static PLANTED: AtomicU32 = AtomicU32::new(0);

pub fn planted(number: u32) -> bool {
    PLANTED.load(Ordering::Relaxed) == number
}

/// An input, as choices. When it is used up, every choice is the first.
pub struct Bytes<'a> {
    data: &'a [u8],
    at: usize,
}

impl<'a> Bytes<'a> {
    pub fn new(data: &'a [u8]) -> Self {
        Self { data, at: 0 }
    }

    pub fn from(data: &'a [u8], at: usize) -> Self {
        Self { data, at }
    }

    pub fn at(&self) -> usize {
        self.at
    }

    pub fn is_empty(&self) -> bool {
        self.at >= self.data.len()
    }

    pub fn rest(&self) -> &'a [u8] {
        self.data.get(self.at..).unwrap_or_default()
    }

    pub fn u8(&mut self) -> u8 {
        let byte = self.data.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        byte
    }

    pub fn u16(&mut self) -> u16 {
        u16::from_le_bytes([self.u8(), self.u8()])
    }

    pub fn u32(&mut self) -> u32 {
        u32::from(self.u16()) | u32::from(self.u16()) << 16
    }

    pub fn u64(&mut self) -> u64 {
        u64::from(self.u32()) | u64::from(self.u32()) << 32
    }

    pub fn flag(&mut self) -> bool {
        self.u8() & 1 == 1
    }

    /// One of the numbers from 0 to `most` - 1.
    pub fn below(&mut self, most: u64) -> u64 {
        match most {
            0 | 1 => 0,
            2..=256 => u64::from(self.u8()) % most,
            257..=65_536 => u64::from(self.u16()) % most,
            _ => u64::from(self.u32()) % most,
        }
    }

    pub fn index(&mut self, length: usize) -> usize {
        self.below(length as u64) as usize
    }

    /// Offsets around the start, the end and the pages of something that has `length` bytes, and far away.
    pub fn offset(&mut self, length: u64) -> u64 {
        match self.u8() % 16 {
            0..=4 => self.below(length.max(1)),
            5..=7 => self.below(length.max(1)) & !7,
            8 | 9 => (self.below(length / 4096 + 2) * 4096).wrapping_sub(u64::from(self.u8() % 24)),
            10 | 11 => self.below(length / 4096 + 2) * 4096,
            12 => length.wrapping_sub(u64::from(self.u8() % 24)),
            13 => length.wrapping_add(u64::from(self.u8() % 3)),
            14 => u64::from(self.u8()),
            _ => match self.u8() % 8 {
                0 => u64::from(u32::MAX),
                1 => 1 << 32,
                2 => u64::MAX,
                3 => u64::MAX - 7,
                4 => i64::MAX as u64,
                5 => 1 << 48,
                6 => u64::MAX << 12,
                _ => self.u64(),
            },
        }
    }

    /// Lengths that often fit behind `offset` in something that has `length` bytes.
    pub fn length(&mut self, offset: u64, length: u64) -> u64 {
        let left = length.saturating_sub(offset);
        match self.u8() % 16 {
            0..=4 => u64::from(self.u8()) % (left + 1).min(256),
            5..=7 => self.below(left.max(1)),
            8 => left,
            9 => left.wrapping_add(1),
            10 => left.saturating_sub(u64::from(self.u8() % 10)),
            11 | 12 => self.below(left / 4096 + 1) * 4096,
            13 => 0,
            14 => u64::from(self.u8()) * 16,
            _ => match self.u8() % 4 {
                0 => u64::MAX,
                1 => u64::MAX - offset,
                2 => 1 << 40,
                _ => self.u64(),
            },
        }
    }
}

/// Random numbers for inputs, always the same for a seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    pub fn below(&mut self, most: usize) -> usize {
        (self.next() % most.max(1) as u64) as usize
    }
}

/// A new random input, or one of `known` changed here and there.
pub fn make_input(random: &mut Random, known: &[Vec<u8>], into: &mut Vec<u8>) {
    into.clear();
    if known.is_empty() || random.below(3) == 0 {
        let length = 1 << random.below(10);
        let length = length + random.below(length);
        into.extend((0..length).map(|_| random.next() as u8));
        return;
    }
    into.extend_from_slice(&known[random.below(known.len())]);
    for _ in 0..1 + random.below(8) {
        let at = random.below(into.len().max(1));
        match random.below(6) {
            0 if at < into.len() => into[at] ^= 1 << random.below(8),
            1 if at < into.len() => into[at] = random.next() as u8,
            2 => {
                let end = into.len().min(at + random.below(16));
                into.drain(at.min(end)..end);
            }
            3 => {
                let more: Vec<u8> = (0..random.below(16)).map(|_| random.next() as u8).collect();
                let at = at.min(into.len());
                into.splice(at..at, more);
            }
            4 => {
                // The rest of another one.
                let other = &known[random.below(known.len())];
                into.truncate(at);
                into.extend_from_slice(&other[at.min(other.len())..]);
            }
            _ => {
                let end = into.len().min(at + 8);
                let value = [0u64, u64::MAX, 1 << 32, 4096, 65_536][random.below(5)].to_le_bytes();
                let at = at.min(end);
                into[at..end].copy_from_slice(&value[..end - at]);
            }
        }
    }
    into.truncate(1 << 16);
}
