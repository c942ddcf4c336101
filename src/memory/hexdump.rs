//! A memory as text, for people who debug.

use super::Memory;
use crate::error::Error;
use core::fmt;

/// A range of a memory as text: a title, then sixteen bytes to a line, in hexadecimal and ASCII.
///
/// ```text
/// Memory dump from 0x0000 to 0x0013:
/// 0000: 48 65 6c 6c 6f 2c 20 57 65 62 41 73 73 65 6d 62  |Hello, WebAssemb|
/// 0010: 6c 79 21                                         |ly!|
/// ```
#[derive(Debug)]
pub struct Hexdump<'a> {
    memory: &'a Memory,
    offset: u64,
    length: u64,
}

const LINE: u64 = 16;

impl Memory {
    /// The text of `length` bytes at `offset`.
    ///
    /// ```
    /// # use wasm_memory::{Engine, IndexType, Memory, MemoryType, Policy};
    /// # let engine = Engine::new(Policy::default())?;
    /// # let memory = Memory::new(&engine, MemoryType::new(IndexType::I32, 1, None)?)?;
    /// memory.write(0x40, b"look")?;
    /// let text = memory.hexdump(0x40, 4)?.to_string();
    /// assert!(text.starts_with("Memory dump from 0x0040 to 0x0044:\n0040: 6c 6f 6f 6b "));
    /// # Ok::<(), wasm_memory::Error>(())
    /// ```
    pub fn hexdump(&self, offset: u64, length: u64) -> Result<Hexdump<'_>, Error> {
        self.readable(offset, length).or_else(|denied| self.after_all(denied, offset, length))?;
        Ok(Hexdump { memory: self, offset, length })
    }
}

impl Hexdump<'_> {
    /// How many bytes the text has.
    pub fn text_length(&self) -> u64 {
        let end = self.offset.saturating_add(self.length);
        let title = "Memory dump from 0x to 0x:\n".len() as u64;
        let title = title.saturating_add(digits(self.offset)).saturating_add(digits(end));
        // Around the address and the characters of each line.
        let frame = ": ".len().saturating_add(" |".len()).saturating_add("|\n".len()) as u64;
        let line = frame.saturating_add(LINE.saturating_mul(3));
        let lines = self.length.div_ceil(LINE);
        // Every line has four digits of its address; those from 0x10000 on have a fifth, and so on.
        let mut addresses = lines.saturating_mul(4);
        for power in 4..16u32 {
            let from = 1u64 << power.saturating_mul(4);
            let before = from.saturating_sub(self.offset).div_ceil(LINE).min(lines);
            addresses = addresses.saturating_add(lines.saturating_sub(before));
        }
        title
            .saturating_add(lines.saturating_mul(line))
            .saturating_add(addresses)
            .saturating_add(self.length)
    }
}

/// How many hexadecimal digits an address is shown with.
fn digits(address: u64) -> u64 {
    let bits = u64::BITS.saturating_sub(address.leading_zeros());
    u64::from(bits.div_ceil(4).max(4))
}

impl fmt::Display for Hexdump<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let end = self.offset.saturating_add(self.length);
        writeln!(f, "Memory dump from 0x{:04x} to 0x{end:04x}:", self.offset)?;
        let mut done = 0;
        while done < self.length {
            let count = self.length.saturating_sub(done).min(LINE);
            let mut line = [0u8; LINE as usize];
            let bytes = line.get_mut(..usize::try_from(count).unwrap_or(0)).unwrap_or_default();
            let at = self.offset.saturating_add(done);
            // `hexdump` has found the bytes. Should a file that is mapped there have become too short since, there are
            // zeros to show.
            let _ = self.memory.read(at, bytes);
            write!(f, "{at:04x}: ")?;
            bytes.iter().try_for_each(|byte| write!(f, "{byte:02x} "))?;
            (count..LINE).try_for_each(|_| f.write_str("   "))?;
            f.write_str(" |")?;
            for byte in bytes {
                let shown = if (32..=126).contains(byte) { char::from(*byte) } else { '.' };
                write!(f, "{shown}")?;
            }
            f.write_str("|\n")?;
            done = done.saturating_add(count);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use crate::{Engine, IndexType, Memory, MemoryType, Policy};
    use proptest::prelude::*;

    fn memory() -> Memory {
        let engine = Engine::new(Policy::default()).unwrap();
        Memory::new(&engine, MemoryType::new(IndexType::I32, 17, None).unwrap()).unwrap()
    }

    #[test]
    fn the_text_is_that_of_the_documentation() {
        let memory = memory();
        memory.write(0, b"Hello, WebAssembly!").unwrap();
        let text = "\
Memory dump from 0x0000 to 0x0013:
0000: 48 65 6c 6c 6f 2c 20 57 65 62 41 73 73 65 6d 62  |Hello, WebAssemb|
0010: 6c 79 21                                         |ly!|
";
        assert_eq!(memory.hexdump(0, 19).unwrap().to_string(), text);
    }

    proptest! {
        #[test]
        fn the_length_is_known_without_making_the_text(
            base in prop::sample::select(vec![0u64, 0xff00, 0xfff0, 0xffff, 0xfff00, 0x10_0000]),
            offset in 0u64..40,
            length in 0u64..600,
        ) {
            let memory = memory();
            let dump = memory.hexdump(base + offset, length).unwrap();
            prop_assert_eq!(dump.to_string().len() as u64, dump.text_length());
        }
    }
}
