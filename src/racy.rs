//! Bytes that others may change at any moment: how the bytes of memories are touched.
//!
//! A guest may write to its memory from several threads while the host reads it. In Rust, as in C, a
//! plain access that races is undefined behaviour, and so are races of atomics of different sizes; for
//! the machine it is ordinary. So on x86-64 the accesses here are instructions, which the compiler does
//! not look into; elsewhere they are relaxed atomics, of words where the addresses allow it. Whoever
//! races gets some mix of old and new bytes; an aligned number of up to eight bytes does not tear.
//!
//! Nothing here orders anything: that is what atomic operations are for.

/// A number that one access moves, in the byte order of this machine.
///
/// # Safety
/// `load` and `store` touch exactly the `size_of::<Self>()` bytes at their address.
pub(crate) unsafe trait Word: Copy {
    /// # Safety
    /// The bytes at `from` are readable; whether others write to them does not matter.
    unsafe fn load(from: *const u8) -> Self;

    /// # Safety
    /// The bytes at `to` are writable; whether others use them does not matter.
    unsafe fn store(to: *mut u8, value: Self);
}

#[cfg(all(target_arch = "x86_64", not(wasm_memory_portable)))]
mod words {
    use super::Word;
    use core::arch::asm;
    use core::arch::x86_64::__m128i;

    macro_rules! word {
        ($word:ty, $load:literal, $store:literal, $class:ident, $via:ty) => {
            // SAFETY: the instructions have the width of the type.
            unsafe impl Word for $word {
                #[inline(always)]
                unsafe fn load(from: *const u8) -> Self {
                    let value: $via;
                    // SAFETY: the caller's bytes are readable, and nothing else is touched.
                    unsafe {
                        asm!($load, value = out($class) value, from = in(reg) from,
                             options(nostack, preserves_flags, readonly));
                    }
                    value as Self
                }

                #[inline(always)]
                unsafe fn store(to: *mut u8, value: Self) {
                    // SAFETY: the caller's bytes are writable, and nothing else is touched.
                    unsafe {
                        asm!($store, value = in($class) value as $via, to = in(reg) to,
                             options(nostack, preserves_flags));
                    }
                }
            }
        };
    }

    word!(u8, "movzx {value:e}, byte ptr [{from}]", "mov byte ptr [{to}], {value:l}", reg, u32);
    word!(u16, "movzx {value:e}, word ptr [{from}]", "mov word ptr [{to}], {value:x}", reg, u32);
    word!(u32, "mov {value:e}, dword ptr [{from}]", "mov dword ptr [{to}], {value:e}", reg, u32);
    word!(u64, "mov {value}, qword ptr [{from}]", "mov qword ptr [{to}], {value}", reg, u64);

    // SAFETY: the instructions move sixteen bytes.
    unsafe impl Word for u128 {
        #[inline(always)]
        unsafe fn load(from: *const u8) -> Self {
            let value: __m128i;
            // SAFETY: the caller's bytes are readable, and nothing else is touched.
            unsafe {
                asm!("movups {value}, xmmword ptr [{from}]", value = out(xmm_reg) value, from = in(reg) from,
                     options(nostack, preserves_flags, readonly));
                core::mem::transmute::<__m128i, Self>(value)
            }
        }

        #[inline(always)]
        unsafe fn store(to: *mut u8, value: Self) {
            // SAFETY: the caller's bytes are writable, and nothing else is touched. Any sixteen bytes are
            // a value of both types.
            unsafe {
                let value = core::mem::transmute::<Self, __m128i>(value);
                asm!("movups xmmword ptr [{to}], {value}", value = in(xmm_reg) value, to = in(reg) to,
                     options(nostack, preserves_flags));
            }
        }
    }

    /// Copies upwards, each byte once.
    ///
    /// # Safety
    /// As [`super::copy`]; `to` does not lie among the bytes behind `from`.
    pub(super) unsafe fn copy_upwards(from: *const u8, to: *mut u8, length: usize) {
        // SAFETY: the caller's ranges. The direction flag is clear in Rust code.
        unsafe {
            asm!("rep movsb", inout("rsi") from => _, inout("rdi") to => _, inout("rcx") length => _,
                 options(nostack, preserves_flags));
        }
    }

    /// Sets each byte once.
    ///
    /// # Safety
    /// As [`super::fill`].
    pub(super) unsafe fn fill(to: *mut u8, value: u8, length: usize) {
        // SAFETY: the caller's range. The direction flag is clear in Rust code.
        unsafe {
            asm!("rep stosb", in("al") value, inout("rdi") to => _, inout("rcx") length => _,
                 options(nostack, preserves_flags));
        }
    }
}

#[cfg(not(all(target_arch = "x86_64", not(wasm_memory_portable))))]
mod words {
    use super::{Word, copy_in_words};
    use core::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};

    macro_rules! word {
        ($word:ty, $atomic:ty) => {
            // SAFETY: one atomic of the width of the type, or as many bytes as it has.
            unsafe impl Word for $word {
                #[inline]
                unsafe fn load(from: *const u8) -> Self {
                    // SAFETY: the caller's bytes are readable; aligned where an atomic wants it.
                    unsafe {
                        if from.addr() & size_of::<Self>().wrapping_sub(1) == 0 {
                            return (*from.cast::<$atomic>()).load(Relaxed);
                        }
                        let mut bytes = [0u8; size_of::<Self>()];
                        for (index, byte) in bytes.iter_mut().enumerate() {
                            *byte = (*from.add(index).cast::<AtomicU8>()).load(Relaxed);
                        }
                        Self::from_ne_bytes(bytes)
                    }
                }

                #[inline]
                unsafe fn store(to: *mut u8, value: Self) {
                    // SAFETY: the caller's bytes are writable; aligned where an atomic wants it.
                    unsafe {
                        if to.addr() & size_of::<Self>().wrapping_sub(1) == 0 {
                            return (*to.cast::<$atomic>()).store(value, Relaxed);
                        }
                        for (index, byte) in value.to_ne_bytes().iter().enumerate() {
                            (*to.add(index).cast::<AtomicU8>()).store(*byte, Relaxed);
                        }
                    }
                }
            }
        };
    }

    word!(u8, AtomicU8);
    word!(u16, AtomicU16);
    word!(u32, AtomicU32);
    word!(u64, AtomicU64);

    // SAFETY: two halves of eight bytes.
    unsafe impl Word for u128 {
        #[inline]
        unsafe fn load(from: *const u8) -> Self {
            let mut bytes = [0u8; 16];
            // SAFETY: the caller's bytes are readable.
            let halves = unsafe { [u64::load(from), u64::load(from.add(8))] };
            for (bytes, half) in bytes.chunks_exact_mut(8).zip(halves) {
                bytes.copy_from_slice(&half.to_ne_bytes());
            }
            Self::from_ne_bytes(bytes)
        }

        #[inline]
        unsafe fn store(to: *mut u8, value: Self) {
            let bytes = value.to_ne_bytes();
            let (low, high) = bytes.split_at(8);
            let half = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap_or([0; 8]));
            // SAFETY: the caller's bytes are writable.
            unsafe {
                u64::store(to, half(low));
                u64::store(to.add(8), half(high));
            }
        }
    }

    /// Copies upwards.
    ///
    /// # Safety
    /// As [`super::copy`]; `to` does not lie among the bytes behind `from`.
    pub(super) unsafe fn copy_upwards(from: *const u8, to: *mut u8, length: usize) {
        // SAFETY: passed on.
        unsafe { copy_in_words(from, to, length) }
    }

    /// Sets bytes up to a multiple of eight, then words, then what is left.
    ///
    /// # Safety
    /// As [`super::fill`].
    pub(super) unsafe fn fill(mut to: *mut u8, value: u8, mut length: usize) {
        let word = u64::from_ne_bytes([value; 8]);
        // SAFETY: the caller's range; each step starts where the one before ended.
        unsafe {
            while length != 0 {
                let step = if length >= 8 && to.addr() & 7 == 0 { 8 } else { 1 };
                if step == 8 {
                    u64::store(to, word);
                } else {
                    u8::store(to, value);
                }
                to = to.add(step);
                length = length.wrapping_sub(step);
            }
        }
    }
}

/// Copies between one and two `T` of bytes; both are read before one is written.
///
/// # Safety
/// As [`copy`], with a length from that of one `T` to that of two.
#[inline]
unsafe fn ends<T: Word>(from: *const u8, to: *mut u8, length: usize) {
    let last = length.wrapping_sub(size_of::<T>());
    // SAFETY: the length is at least that of a T, so both moves lie in both ranges.
    unsafe {
        let head = T::load(from);
        let tail = T::load(from.add(last));
        T::store(to, head);
        T::store(to.add(last), tail);
    }
}

/// The bytes that are moved at once where no instruction moves all of them.
const STRIDE: usize = size_of::<u128>();

/// Copies upwards, sixteen bytes at a time.
///
/// # Safety
/// As [`copy`]; `to` does not lie among the bytes behind `from`.
#[inline]
unsafe fn copy_in_words(mut from: *const u8, mut to: *mut u8, mut length: usize) {
    // SAFETY: the caller's ranges; each step ends where the next starts, and what is left is moved by
    // `copy_few`, which reads all of it before it writes.
    unsafe {
        while length > STRIDE {
            u128::store(to, u128::load(from));
            (from, to) = (from.add(STRIDE), to.add(STRIDE));
            length = length.wrapping_sub(STRIDE);
        }
        copy_few(from, to, length);
    }
}

/// Copies downwards, sixteen bytes at a time.
///
/// # Safety
/// As [`copy`]; `from` does not lie among the bytes behind `to`.
unsafe fn copy_downwards(from: *const u8, to: *mut u8, mut length: usize) {
    const FOUR: usize = 4 * STRIDE;
    // SAFETY: the caller's ranges; each step starts where the next ends, and reads all of its bytes before it
    // writes one.
    unsafe {
        while length > FOUR {
            length = length.wrapping_sub(FOUR);
            let (from, to) = (from.add(length), to.add(length));
            let first = u128::load(from);
            let second = u128::load(from.add(STRIDE));
            let third = u128::load(from.add(2 * STRIDE));
            let fourth = u128::load(from.add(3 * STRIDE));
            u128::store(to, first);
            u128::store(to.add(STRIDE), second);
            u128::store(to.add(2 * STRIDE), third);
            u128::store(to.add(3 * STRIDE), fourth);
        }
        while length > STRIDE {
            length = length.wrapping_sub(STRIDE);
            u128::store(to.add(length), u128::load(from.add(length)));
        }
        copy_few(from, to, length);
    }
}

/// Copies downwards in pieces that do not overlap with where they go.
///
/// # Safety
/// As [`copy_downwards`]; `to` is `distance` bytes behind `from`.
unsafe fn copy_piecewise(from: *const u8, to: *mut u8, mut length: usize, distance: usize) {
    // SAFETY: the caller's ranges; each piece starts where the next ends.
    unsafe {
        while length > distance {
            length = length.wrapping_sub(distance);
            words::copy_upwards(from.add(length), to.add(length), distance);
        }
        words::copy_upwards(from, to, length);
    }
}

/// Copies up to sixteen bytes, all of which are read before one is written.
///
/// # Safety
/// As [`copy`].
#[inline]
unsafe fn copy_few(from: *const u8, to: *mut u8, length: usize) {
    // SAFETY: the caller's ranges, and the lengths that `ends` asks for.
    unsafe {
        match length {
            8..=16 => ends::<u64>(from, to, length),
            4..=7 => ends::<u32>(from, to, length),
            2..=3 => ends::<u16>(from, to, length),
            1 => u8::store(to, u8::load(from)),
            _ => {}
        }
    }
}

/// From how many bytes on one instruction that moves all of them is worth its start.
const MANY: usize = 512;

/// Copies `length` bytes as if through a buffer: the ranges may overlap.
///
/// # Safety
/// `from` is readable and `to` writable for so many bytes; whether others use them does not matter.
#[inline]
pub(crate) unsafe fn copy(from: *const u8, to: *mut u8, length: usize) {
    // SAFETY: the caller's ranges.
    unsafe {
        if length <= STRIDE {
            return copy_few(from, to, length);
        }
        copy_more(from, to, length);
    }
}

/// # Safety
/// As [`copy`].
#[inline(never)]
unsafe fn copy_more(from: *const u8, to: *mut u8, length: usize) {
    let distance = to.addr().wrapping_sub(from.addr());
    // SAFETY: the caller's ranges; the direction is the one that reads bytes before it writes them.
    unsafe {
        if distance != 0 && distance < length {
            if distance < MANY {
                copy_downwards(from, to, length);
            } else {
                copy_piecewise(from, to, length, distance);
            }
        } else if length < MANY {
            copy_in_words(from, to, length);
        } else {
            words::copy_upwards(from, to, length);
        }
    }
}

/// Sets `length` bytes to `value`.
///
/// # Safety
/// `to` is writable for so many bytes; whether others use them does not matter.
pub(crate) unsafe fn fill(to: *mut u8, value: u8, length: usize) {
    // SAFETY: the caller's range.
    unsafe { words::fill(to, value, length) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|index| (index * 31 + index / 256 + 1) as u8).collect()
    }

    #[test]
    fn a_copy_is_as_if_through_a_buffer_at_every_distance_and_length() {
        let lengths = (0..80).chain([127, 128, 129, 511, 512, 513, 1000, 4096, 5001]);
        for length in lengths {
            let distances = (0..40).chain([63, 64, 65, 300, 511, 512, 513, 6000]);
            for distance in distances {
                for upwards in [false, true] {
                    let mut bytes = pattern(length + distance + 64);
                    let mut expected = bytes.clone();
                    let (from, to) =
                        if upwards { (16, 16 + distance) } else { (16 + distance, 16) };
                    expected.copy_within(from..from + length, to);
                    let start = bytes.as_mut_ptr();
                    // SAFETY: both ranges lie in the vector.
                    unsafe { copy(start.add(from), start.add(to), length) };
                    assert!(bytes == expected, "{length} bytes from {from} to {to}");
                }
            }
        }
    }

    #[test]
    fn a_fill_sets_the_range_and_nothing_else() {
        for length in (0..70).chain([255, 4096, 5000]) {
            for start in 0..17 {
                let mut bytes = pattern(length + 64);
                let mut expected = bytes.clone();
                expected[start..start + length].fill(0xa5);
                // SAFETY: the range lies in the vector.
                unsafe { fill(bytes.as_mut_ptr().add(start), 0xa5, length) };
                assert!(bytes == expected, "{length} bytes at {start}");
            }
        }
    }

    #[test]
    fn words_are_whole_at_every_alignment() {
        let mut bytes = pattern(64);
        for at in 0..32 {
            let here = bytes[at..].as_mut_ptr();
            // SAFETY: sixteen bytes from each place lie in the vector.
            unsafe {
                assert_eq!(u8::load(here), bytes[at]);
                assert_eq!(u16::load(here).to_ne_bytes(), bytes[at..at + 2]);
                assert_eq!(u32::load(here).to_ne_bytes(), bytes[at..at + 4]);
                assert_eq!(u64::load(here).to_ne_bytes(), bytes[at..at + 8]);
                assert_eq!(u128::load(here).to_ne_bytes(), bytes[at..at + 16]);
                let mut expected = bytes.clone();
                expected[at..at + 16].copy_from_slice(&(!0x1234_5678u128 << at).to_ne_bytes());
                u128::store(here, !0x1234_5678u128 << at);
                assert_eq!(bytes, expected);
                expected[at..at + 8].copy_from_slice(&7u64.to_ne_bytes());
                u64::store(here, 7);
                expected[at..at + 4].copy_from_slice(&8u32.to_ne_bytes());
                u32::store(here, 8);
                expected[at..at + 2].copy_from_slice(&9u16.to_ne_bytes());
                u16::store(here, 9);
                expected[at] = 10;
                u8::store(here, 10);
                assert_eq!(bytes, expected);
            }
        }
    }
}
