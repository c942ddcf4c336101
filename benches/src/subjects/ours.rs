//! The library under test, through its C interface alone.

use std::ffi::{CStr, c_char};
use std::ptr;

use super::{Access, Base, Bounds, Bulk, Grow, Host, Observe, Plan};
use crate::row::Result;

/// The functions that are measured, as the installed header declares them.
mod abi {
    use std::ffi::{c_char, c_void};

    pub const OK: i32 = 0;
    pub const BOUNDS_AUTO: i32 = 0;
    pub const BOUNDS_GUARDED: i32 = 1;
    pub const BOUNDS_CHECKED: i32 = 2;

    pub enum Config {}
    pub enum Engine {}
    pub enum Store {}
    pub enum MemoryType {}
    pub enum Memory {}

    #[repr(C)]
    pub struct View {
        pub base: *mut u8,
        pub byte_length: usize,
    }

    unsafe extern "C" {
        pub fn wasm_config_new() -> *mut Config;
        pub fn wasm_config_memory_bounds_set(config: *mut Config, bounds: i32);
        pub fn wasm_engine_new_with_config(config: *mut Config) -> *mut Engine;
        pub fn wasm_engine_delete(engine: *mut Engine);
        pub fn wasm_store_new(engine: *mut Engine) -> *mut Store;
        pub fn wasm_store_delete(store: *mut Store);
        pub fn wasm_memorytype_try_new(
            minimum: u64,
            maximum_present: bool,
            maximum: u64,
            is_64: bool,
            shared: bool,
            page_size_log2: u8,
            out: *mut *mut MemoryType,
        ) -> i32;
        pub fn wasm_memorytype_delete(memory_type: *mut MemoryType);
        pub fn wasm_memory_try_new(
            store: *mut Store,
            memory_type: *const MemoryType,
            out: *mut *mut Memory,
        ) -> i32;
        pub fn wasm_memory_delete(memory: *mut Memory);
        pub fn wasm_memory_try_grow(
            memory: *mut Memory,
            delta_pages: u64,
            out_previous_pages: *mut u64,
        ) -> i32;
        pub fn wasm_memory_data(memory: *mut Memory) -> *mut u8;
        pub fn wasm_memory_data_size(memory: *const Memory) -> usize;
        pub fn wasm_memory_size(memory: *const Memory) -> u32;
        pub fn wasm_memory_pages(memory: *const Memory) -> u64;
        pub fn wasm_memory_view(memory: *const Memory) -> *const View;
        pub fn wasm_memory_read(
            memory: *const Memory,
            offset: u64,
            buffer: *mut c_void,
            length: usize,
        ) -> i32;
        pub fn wasm_memory_write(
            memory: *mut Memory,
            offset: u64,
            bytes: *const c_void,
            length: usize,
        ) -> i32;
        pub fn wasm_memory_load_u64(memory: *const Memory, offset: u64, out: *mut u64) -> i32;
        pub fn wasm_memory_store_u64(memory: *mut Memory, offset: u64, value: u64) -> i32;
        pub fn wasm_memory_fill(memory: *mut Memory, offset: u64, value: u8, length: u64) -> i32;
        pub fn wasm_memory_copy_within(
            memory: *mut Memory,
            destination: u64,
            source: u64,
            length: u64,
        ) -> i32;
        pub fn wasm_memory_last_error(buffer: *mut c_char, capacity: usize) -> usize;
        pub fn wasm_memory_version() -> *const c_char;
    }
}

pub use abi::View;

/// The version that the loaded library gives itself.
pub fn version() -> String {
    // SAFETY: the function has no conditions, and its string is static.
    let version = unsafe { CStr::from_ptr(abi::wasm_memory_version()) };
    version.to_string_lossy().into_owned()
}

/// The library's own sentence about the last failure of this thread.
fn reason(failed: &str) -> String {
    let mut buffer = [0_u8; 512];
    let start: *mut c_char = buffer.as_mut_ptr().cast();
    // SAFETY: the buffer is as long as the call is told.
    unsafe { abi::wasm_memory_last_error(start, buffer.len()) };
    let sentence = CStr::from_bytes_until_nul(&buffer).unwrap_or_default();
    format!("{failed}: {}", sentence.to_string_lossy())
}

/// An engine and a type.
struct Policy {
    engine: *mut abi::Engine,
    memory_type: *mut abi::MemoryType,
}

impl Policy {
    fn open(plan: Plan) -> Result<Self> {
        let bounds = match plan.bounds {
            Bounds::Default => abi::BOUNDS_AUTO,
            Bounds::Guarded => abi::BOUNDS_GUARDED,
            Bounds::Checked => abi::BOUNDS_CHECKED,
        };
        // SAFETY: the configuration is live until the engine takes it; NULL is allowed throughout.
        let engine = unsafe {
            let config = abi::wasm_config_new();
            abi::wasm_config_memory_bounds_set(config, bounds);
            abi::wasm_engine_new_with_config(config)
        };
        let mut policy = Self { engine, memory_type: ptr::null_mut() };
        if engine.is_null() {
            return Err(reason("wasm_engine_new_with_config").into());
        }
        let (minimum, maximum) = (plan.minimum.into(), plan.maximum.into());
        let out = &mut policy.memory_type;
        // SAFETY: `out` is a place for the handle.
        let status =
            unsafe { abi::wasm_memorytype_try_new(minimum, true, maximum, false, false, 16, out) };
        if status == abi::OK { Ok(policy) } else { Err(reason("wasm_memorytype_try_new").into()) }
    }

    fn store(&self) -> Store {
        // SAFETY: the engine is live.
        let store = unsafe { abi::wasm_store_new(self.engine) };
        assert!(!store.is_null(), "{}", reason("wasm_store_new"));
        Store(store)
    }

    fn memory(&self, store: &Store) -> Memory {
        let mut memory = ptr::null_mut();
        // SAFETY: store and type are live, and `memory` is a place for the handle.
        let status = unsafe { abi::wasm_memory_try_new(store.0, self.memory_type, &mut memory) };
        assert!(status == abi::OK, "{}", reason("wasm_memory_try_new"));
        Memory(memory)
    }
}

impl Drop for Policy {
    fn drop(&mut self) {
        // SAFETY: both handles are ours, and NULL is allowed.
        unsafe {
            abi::wasm_memorytype_delete(self.memory_type);
            abi::wasm_engine_delete(self.engine);
        }
    }
}

struct Store(*mut abi::Store);

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: the handle is ours.
        unsafe { abi::wasm_store_delete(self.0) }
    }
}

/// A host that makes all its memories in one store.
pub struct Ours {
    store: Store,
    policy: Policy,
}

impl Host for Ours {
    type Memory = Memory;

    fn open(plan: Plan) -> Result<Self> {
        let policy = Policy::open(plan)?;
        Ok(Self { store: policy.store(), policy })
    }

    fn make(&self) -> Memory {
        self.policy.memory(&self.store)
    }
}

/// A host that makes a store for each memory.
pub struct OursWithStore(Policy);

pub struct MemoryInStore {
    memory: Memory,
    _store: Store,
}

impl Host for OursWithStore {
    type Memory = MemoryInStore;

    fn open(plan: Plan) -> Result<Self> {
        Ok(Self(Policy::open(plan)?))
    }

    fn make(&self) -> MemoryInStore {
        let store = self.0.store();
        MemoryInStore { memory: self.0.memory(&store), _store: store }
    }
}

impl Base for MemoryInStore {
    fn base(&self) -> *mut u8 {
        self.memory.base()
    }
}

/// A memory, which lives as long as its handle and needs no store for that.
pub struct Memory(*mut abi::Memory);

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the handle is ours.
        unsafe { abi::wasm_memory_delete(self.0) }
    }
}

impl Memory {
    /// Where inline code reads base and length, for as long as the memory lives.
    pub fn view(&self) -> *const View {
        // SAFETY: the handle is live, as in every call below.
        unsafe { abi::wasm_memory_view(self.0) }
    }

    /// The size in pages as the standard's C interface has it.
    pub fn size(&self) -> u32 {
        // SAFETY: as above.
        unsafe { abi::wasm_memory_size(self.0) }
    }
}

impl Base for Memory {
    fn base(&self) -> *mut u8 {
        // SAFETY: as above.
        unsafe { abi::wasm_memory_data(self.0) }
    }
}

impl Observe for Memory {
    fn data_size(&self) -> usize {
        // SAFETY: as above.
        unsafe { abi::wasm_memory_data_size(self.0) }
    }

    fn pages(&self) -> u64 {
        // SAFETY: as above.
        unsafe { abi::wasm_memory_pages(self.0) }
    }
}

impl Access for Memory {
    fn read(&self, offset: u32, buffer: &mut [u8; 8]) -> bool {
        let target = buffer.as_mut_ptr().cast();
        // SAFETY: as above, and the buffer has the length that the call is told.
        unsafe { abi::wasm_memory_read(self.0, offset.into(), target, buffer.len()) == abi::OK }
    }

    fn write(&mut self, offset: u32, bytes: &[u8; 8]) -> bool {
        let source = bytes.as_ptr().cast();
        // SAFETY: as above.
        unsafe { abi::wasm_memory_write(self.0, offset.into(), source, bytes.len()) == abi::OK }
    }

    fn load(&self, offset: u32, value: &mut u64) -> bool {
        // SAFETY: as above.
        unsafe { abi::wasm_memory_load_u64(self.0, offset.into(), value) == abi::OK }
    }

    fn store(&mut self, offset: u32, value: u64) -> bool {
        // SAFETY: as above.
        unsafe { abi::wasm_memory_store_u64(self.0, offset.into(), value) == abi::OK }
    }
}

impl Bulk for Memory {
    fn fill(&mut self, offset: u32, value: u8, length: usize) -> bool {
        // SAFETY: as above.
        unsafe { abi::wasm_memory_fill(self.0, offset.into(), value, length as u64) == abi::OK }
    }

    fn copy_within(&mut self, destination: u32, source: u32, length: usize) -> bool {
        let (destination, source) = (destination.into(), source.into());
        // SAFETY: as above.
        let status =
            unsafe { abi::wasm_memory_copy_within(self.0, destination, source, length as u64) };
        status == abi::OK
    }
}

impl Grow for Memory {
    fn grow(&mut self, pages: u32) -> bool {
        let mut previous = 0;
        // SAFETY: as above, and `previous` is a place for the answer.
        unsafe { abi::wasm_memory_try_grow(self.0, pages.into(), &mut previous) == abi::OK }
    }
}
