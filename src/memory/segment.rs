//! Passive data segments: `memory.init` and `data.drop`.

use super::Memory;
use super::bulk::copy_many;
use super::overlay::Denied;
use crate::error::Error;
use core::sync::atomic::{AtomicUsize, Ordering};

/// The bytes of a data segment. Any thread may use it.
///
/// Dropping it in WebAssembly's sense makes it empty; its bytes go with the object, so that an `init`
/// on another thread never has to be waited for.
///
/// ```
/// use wasm_memory::{DataSegment, Engine, IndexType, Memory, MemoryType, Policy};
///
/// let engine = Engine::new(Policy::default())?;
/// let memory = Memory::new(&engine, MemoryType::new(IndexType::I32, 1, None)?)?;
/// let segment = DataSegment::new(b"data segment")?;
/// memory.init(0, &segment, 5, 7)?;
/// assert_eq!(memory.load::<u8>(0)?, b's');
/// segment.mark_dropped();
/// memory.init(0, &segment, 0, 0)?;
/// assert!(memory.init(0, &segment, 0, 1).is_err());
/// # Ok::<(), wasm_memory::Error>(())
/// ```
#[derive(Debug)]
pub struct DataSegment {
    bytes: Vec<u8>,
    /// All of `bytes`, or nothing once dropped.
    length: AtomicUsize,
}

impl DataSegment {
    /// A segment with a copy of these bytes.
    pub fn new(bytes: &[u8]) -> Result<Self, Error> {
        let mut copy = Vec::new();
        copy.try_reserve_exact(bytes.len()).map_err(|_| Error::OutOfHeap(bytes.len()))?;
        copy.extend_from_slice(bytes);
        Ok(Self { length: AtomicUsize::new(bytes.len()), bytes: copy })
    }

    /// `data.drop`: the segment is empty from now on.
    pub fn mark_dropped(&self) {
        // Relaxed: the bytes stay where they are, so no access has to be ordered with this.
        self.length.store(0, Ordering::Relaxed);
    }
}

impl Memory {
    /// `memory.init`: copies `length` bytes at `source` of the segment to `destination`. Both ranges are
    /// checked before anything is written.
    #[inline]
    pub fn init(
        &self,
        destination: u64,
        segment: &DataSegment,
        source: u32,
        length: u32,
    ) -> Result<(), Error> {
        let to = match self.writable(destination, u64::from(length)) {
            Err(Denied::Error(error)) => return Err(error),
            to => to,
        };
        let segment_bytes = segment.length.load(Ordering::Relaxed) as u64;
        let (offset, length) = (u64::from(source), u64::from(length));
        // Two 32-bit numbers: the sum fits 64 bits.
        if offset.wrapping_add(length) > segment_bytes {
            return Err(Error::SegmentOutOfBounds { offset, length, segment_bytes });
        }
        let from = segment.bytes.as_ptr();
        // SAFETY: `writable` found the destination in the memory; the compare above found the source in
        // the segment, which has at least `segment_bytes` bytes, so both numbers fit usize. They may
        // overlap, if the host's bytes of a memory are those of the segment.
        #[allow(clippy::cast_possible_truncation, reason = "both are at most a usize")]
        unsafe {
            let from = from.add(offset as usize);
            match to {
                Ok(to) => copy_many(from, to, length as usize, self.is_shared()),
                Err(denied) => {
                    return self.write_denied(denied, destination, from, length as usize);
                }
            }
        }
        Ok(())
    }
}
