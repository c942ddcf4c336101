//! Memories of the library that follow one another: in the slots of a pool or in those that an
//! engine keeps unasked, from images, reset, and asked what was written.

use std::ffi::c_void;
use std::mem;
use std::ptr;
use std::sync::Arc;

use super::{Memory, Policy, Store, abi, reason};
use crate::row::Result;
use crate::subjects::{Base, Fill, Plan, Reset, Reuse};

/// What an engine is told about its pool. Zero is the default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pool {
    pub slot_bytes: u64,
}

/// A store, and an engine that other threads may have stores of too.
pub struct Reused {
    store: Store,
    image: Option<Arc<Image>>,
    policy: Arc<Policy>,
}

impl Reused {
    /// Without a pool the engine is as one is that was told nothing.
    pub fn open(plan: Plan, pool: Option<Pool>, fill: Fill) -> Result<Self> {
        let policy = Policy::open_with(plan, |config| {
            let Some(Pool { slot_bytes }) = pool else { return };
            let options = abi::PoolOptions {
                struct_size: mem::size_of::<abi::PoolOptions>(),
                slots: 0,
                slot_bytes,
                keep_resident_bytes: 0,
                decommit_batch: 0,
                overflow: false,
            };
            // SAFETY: the configuration is live and the options are copied.
            unsafe { abi::wasm_config_memory_pool_set(config, &options) }
        })?;
        let image = match fill {
            Fill::Zeros => None,
            Fill::Image => Some(Arc::new(Image::of(plan, fill)?)),
        };
        Ok(Self { store: policy.store(), image, policy: Arc::new(policy) })
    }

    /// The same engine with a store of its own.
    pub fn another(&self) -> Self {
        let (image, policy) = (self.image.clone(), Arc::clone(&self.policy));
        Self { store: policy.store(), image, policy }
    }

    /// Makes a store without a memory and deletes it.
    pub fn only_store(&self) {
        drop(self.policy.store());
    }

    /// A memory that can be reset to what it held when it was new.
    pub fn resetting(&self) -> Resetting {
        Resetting { memory: self.make(), image: self.image.clone() }
    }
}

impl Reuse for Reused {
    type Memory = Memory;

    fn make(&self) -> Memory {
        let Some(image) = &self.image else { return self.policy.memory(&self.store) };
        let (memory_type, mut memory) = (self.policy.memory_type, ptr::null_mut());
        // SAFETY: store, type and image are live, and `memory` is a place for the handle.
        let status = unsafe {
            abi::wasm_memory_new_from_image(self.store.0, memory_type, image.0, &mut memory)
        };
        assert!(status == abi::OK, "{}", reason("wasm_memory_new_from_image"));
        Memory(memory)
    }
}

/// What a memory holds when it is new.
struct Image(*mut abi::Image);

// SAFETY: images may be used from any thread.
unsafe impl Send for Image {}
// SAFETY: as above.
unsafe impl Sync for Image {}

impl Image {
    /// As long as a new memory.
    fn of(plan: Plan, fill: Fill) -> Result<Self> {
        let bytes = vec![fill.byte(); plan.minimum as usize * crate::PAGE];
        let segment =
            abi::ImageSegment { offset: 0, bytes: bytes.as_ptr().cast(), length: bytes.len() };
        let mut image = ptr::null_mut();
        // SAFETY: there is one segment, whose bytes are copied, and `image` is a place for the handle.
        let status = unsafe { abi::wasm_memory_image_new(&segment, 1, &mut image) };
        if status == abi::OK {
            Ok(Self(image))
        } else {
            Err(reason("wasm_memory_image_new").into())
        }
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        // SAFETY: the handle is ours.
        unsafe { abi::wasm_memory_image_delete(self.0) }
    }
}

/// A memory and the image that it was made from, if there is one.
pub struct Resetting {
    memory: Memory,
    image: Option<Arc<Image>>,
}

impl Base for Resetting {
    fn base(&self) -> *mut u8 {
        self.memory.base()
    }
}

impl Reset for Resetting {
    fn reset(&mut self) -> bool {
        let image = self.image.as_ref().map_or(ptr::null_mut(), |image| image.0);
        // SAFETY: both handles are live, and NULL stands for zeros.
        unsafe { abi::wasm_memory_reset(self.memory.0, image) == abi::OK }
    }
}

impl Memory {
    /// From here on what is written counts as changed.
    pub fn dirty_clear(&mut self) -> bool {
        // SAFETY: the handle is live, as in every call below.
        unsafe { abi::wasm_memory_dirty_clear(self.0) == abi::OK }
    }

    /// Calls `range` with the offset and length of each run of changed pages.
    pub fn dirty_ranges<F: FnMut(u64, u64)>(&self, mut range: F) -> bool {
        extern "C" fn hand_on<F: FnMut(u64, u64)>(env: *mut c_void, offset: u64, length: u64) {
            // SAFETY: `env` is the function below, which nobody else uses meanwhile.
            unsafe { (*env.cast::<F>())(offset, length) }
        }
        let env = ptr::from_mut(&mut range).cast();
        // SAFETY: as above, and `env` lives until the call has returned.
        unsafe { abi::wasm_memory_dirty_ranges(self.0, hand_on::<F>, env) == abi::OK }
    }
}
