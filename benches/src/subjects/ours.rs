//! The library under test, through its C interface alone.

pub mod reused;
pub mod shared;

use std::ffi::{CStr, c_char, c_void};
use std::{mem, ptr};

use super::{
    Access, Base, Bounds, Bulk, DataAndStore, Grow, Host, Lend, Observe, Plan, Transfer, Zero,
};
use crate::probe::used;
use crate::row::Result;

/// The functions that are measured, as the installed header declares them.
pub(super) mod abi {
    use std::ffi::{c_char, c_void};

    pub const OK: i32 = 0;
    pub const OUT_OF_BOUNDS: i32 = 4;
    pub const LIMIT_DENIED: i32 = 9;
    pub const OUT_OF_MEMORY: i32 = 10;
    pub const BOUNDS_AUTO: i32 = 0;
    pub const BOUNDS_GUARDED: i32 = 1;
    pub const BOUNDS_CHECKED: i32 = 2;
    pub const WAIT_OK: i32 = 0;
    pub const WAIT_MISMATCH: i32 = 1;
    pub const WAIT_TIMED_OUT: i32 = 2;
    pub const RMW_ADD: i32 = 0;

    pub enum Config {}
    pub enum Engine {}
    pub enum Store {}
    pub enum MemoryType {}
    pub enum Memory {}
    pub enum Segment {}
    pub enum SharedMemory {}
    pub enum Image {}

    type Env = *mut c_void;
    pub type DataCallback = extern "C" fn(env: Env, data: *mut u8, length: usize);

    #[repr(C)]
    pub struct Limits {
        pub struct_size: usize,
        pub max_memory_bytes: u64,
        pub max_total_bytes: u64,
        pub max_memories: u64,
    }

    #[repr(C)]
    pub struct Limiter {
        pub struct_size: usize,
        pub env: Env,
        pub memory_growing: Option<extern "C" fn(Env, u64, u64, u64) -> bool>,
        pub memory_grow_failed: Option<extern "C" fn(Env, i32, *const c_char)>,
        pub finalizer: Option<extern "C" fn(Env)>,
    }

    #[repr(C)]
    pub struct LinearMemory {
        pub struct_size: usize,
        pub env: Env,
        pub byte_size: Option<unsafe extern "C" fn(Env) -> usize>,
        pub maximum_byte_size: Option<unsafe extern "C" fn(Env, *mut usize) -> bool>,
        pub grow_to: Option<unsafe extern "C" fn(Env, usize) -> i32>,
        pub as_ptr: Option<unsafe extern "C" fn(Env) -> *mut u8>,
        pub wasm_accessible: Option<unsafe extern "C" fn(Env, *mut *mut u8, *mut usize)>,
        pub finalizer: Option<unsafe extern "C" fn(Env)>,
    }

    pub type NewMemory = unsafe extern "C" fn(
        env: Env,
        memory_type: *const MemoryType,
        minimum: usize,
        maximum: usize,
        reserved_bytes: usize,
        guard_bytes: usize,
        out: *mut LinearMemory,
    ) -> i32;

    #[repr(C)]
    pub struct Allocator {
        pub struct_size: usize,
        pub env: Env,
        pub new_memory: Option<NewMemory>,
        pub finalizer: Option<unsafe extern "C" fn(Env)>,
    }

    #[repr(C)]
    pub struct PoolOptions {
        pub struct_size: usize,
        pub slots: u64,
        pub slot_bytes: u64,
        pub keep_resident_bytes: u64,
        pub decommit_batch: u64,
        pub overflow: bool,
    }

    #[repr(C)]
    pub struct ImageSegment {
        pub offset: u64,
        pub bytes: *const c_void,
        pub length: usize,
    }

    pub type RangeCallback = extern "C" fn(env: Env, offset: u64, length: u64);

    #[repr(C)]
    pub struct View {
        pub base: *mut u8,
        pub byte_length: usize,
    }

    #[repr(C)]
    pub struct Fault {
        pub struct_size: usize,
        pub kind: i32,
        pub offset: u64,
        pub byte_length: u64,
        pub view: *const View,
    }

    #[repr(C)]
    pub struct Trap {
        pub struct_size: usize,
        pub kind: i32,
        pub offset: u64,
        pub byte_length: u64,
        pub address: usize,
        pub view: *const View,
    }

    unsafe extern "C" {
        pub fn wasm_memory_classify_fault(address: *const c_void, out: *mut Fault) -> i32;
        pub fn wasm_memory_trap_handlers_install() -> i32;
        pub fn wasm_memory_trap_handlers_uninstall() -> i32;
        pub fn wasm_memory_catch_trap(
            body: unsafe extern "C" fn(Env),
            env: Env,
            out: *mut Trap,
        ) -> i32;
        pub fn wasm_config_new() -> *mut Config;
        pub fn wasm_config_memory_bounds_set(config: *mut Config, bounds: i32);
        pub fn wasm_config_memory_allocator_set(config: *mut Config, allocator: *const Allocator);
        pub fn wasm_config_memory_pool_set(config: *mut Config, options: *const PoolOptions);
        pub fn wasm_engine_new_with_config(config: *mut Config) -> *mut Engine;
        pub fn wasm_engine_delete(engine: *mut Engine);
        pub fn wasm_store_new(engine: *mut Engine) -> *mut Store;
        pub fn wasm_store_delete(store: *mut Store);
        pub fn wasm_store_data_set(
            store: *mut Store,
            data: *mut c_void,
            finalizer: Option<extern "C" fn(*mut c_void)>,
        );
        pub fn wasm_store_limits_set(store: *mut Store, limits: *const Limits) -> i32;
        pub fn wasm_store_limiter_set(store: *mut Store, limiter: *const Limiter) -> i32;
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
        pub fn wasm_memory_copy_between(
            destination_memory: *mut Memory,
            destination: u64,
            source_memory: *const Memory,
            source: u64,
            length: u64,
        ) -> i32;
        pub fn wasm_memory_zero(memory: *mut Memory, offset: u64, length: u64) -> i32;
        pub fn wasm_memory_erase(memory: *mut Memory) -> i32;
        pub fn wasm_memory_discard(memory: *mut Memory, offset: u64, length: u64) -> i32;
        pub fn wasm_data_segment_new(bytes: *const c_void, length: usize) -> *mut Segment;
        pub fn wasm_data_segment_delete(segment: *mut Segment);
        pub fn wasm_memory_init(
            memory: *mut Memory,
            destination: u64,
            segment: *const Segment,
            source: u32,
            length: u32,
        ) -> i32;
        pub fn wasm_memory_with_data(
            memory: *const Memory,
            callback: DataCallback,
            env: *mut c_void,
        ) -> i32;
        pub fn wasm_memory_data_and_store(
            memory: *mut Memory,
            out_data: *mut *mut u8,
            out_length: *mut usize,
            out_store_data: *mut *mut c_void,
        ) -> i32;
        pub fn wasm_memory_image_new(
            segments: *const ImageSegment,
            count: usize,
            out: *mut *mut Image,
        ) -> i32;
        pub fn wasm_memory_image_delete(image: *mut Image);
        pub fn wasm_memory_new_from_image(
            store: *mut Store,
            memory_type: *const MemoryType,
            image: *const Image,
            out: *mut *mut Memory,
        ) -> i32;
        pub fn wasm_memory_reset(memory: *mut Memory, image: *const Image) -> i32;
        pub fn wasm_memory_dirty_ranges(
            memory: *const Memory,
            range: RangeCallback,
            env: *mut c_void,
        ) -> i32;
        pub fn wasm_memory_dirty_clear(memory: *mut Memory) -> i32;
        pub fn wasm_shared_memory_new(
            engine: *mut Engine,
            memory_type: *const MemoryType,
            out: *mut *mut SharedMemory,
        ) -> i32;
        pub fn wasm_shared_memory_delete(shared: *mut SharedMemory);
        pub fn wasm_memory_obtain(store: *mut Store, shared: *const SharedMemory) -> *mut Memory;
        pub fn wasm_memory_atomic_wait32(
            memory: *mut Memory,
            offset: u64,
            expected: u32,
            timeout: i64,
            out: *mut i32,
        ) -> i32;
        pub fn wasm_memory_atomic_wait64(
            memory: *mut Memory,
            offset: u64,
            expected: u64,
            timeout: i64,
            out: *mut i32,
        ) -> i32;
        pub fn wasm_memory_atomic_notify(
            memory: *mut Memory,
            offset: u64,
            count: u32,
            out_woken: *mut u32,
        ) -> i32;
        pub fn wasm_memory_atomic_load64(memory: *const Memory, offset: u64, out: *mut u64) -> i32;
        pub fn wasm_memory_atomic_store64(memory: *mut Memory, offset: u64, value: u64) -> i32;
        pub fn wasm_memory_atomic_rmw32(
            memory: *mut Memory,
            operation: i32,
            offset: u64,
            operand: u32,
            out_old: *mut u32,
        ) -> i32;
        pub fn wasm_memory_atomic_rmw64(
            memory: *mut Memory,
            operation: i32,
            offset: u64,
            operand: u64,
            out_old: *mut u64,
        ) -> i32;
        pub fn wasm_memory_atomic_cmpxchg64(
            memory: *mut Memory,
            offset: u64,
            expected: u64,
            replacement: u64,
            out_old: *mut u64,
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

/// What an address is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FaultKind {
    Foreign,
    Accessible,
    Guard,
    Protected,
}

/// What is at the address, and how far from the base.
pub fn classify(address: usize) -> (FaultKind, u64) {
    let mut fault = abi::Fault {
        struct_size: mem::size_of::<abi::Fault>(),
        kind: 0,
        offset: 0,
        byte_length: 0,
        view: ptr::null(),
    };
    let address = ptr::without_provenance(address);
    // SAFETY: the address is not read, and `fault` says how large it is.
    let status = unsafe { abi::wasm_memory_classify_fault(address, &mut fault) };
    assert_eq!(status, abi::OK, "{}", reason("wasm_memory_classify_fault"));
    let kind = match fault.kind {
        0 => FaultKind::Foreign,
        1 => FaultKind::Accessible,
        2 => FaultKind::Guard,
        _ => FaultKind::Protected,
    };
    (kind, fault.offset)
}

/// The trap handlers, as long as it lives.
pub struct Traps(());

impl Traps {
    /// Panics if the library refuses.
    pub fn install() -> Self {
        // SAFETY: it has no conditions.
        let status = unsafe { abi::wasm_memory_trap_handlers_install() };
        assert_eq!(status, abi::OK, "{}", reason("wasm_memory_trap_handlers_install"));
        Self(())
    }

    /// Runs the body: where it touched a guard, if it did.
    ///
    /// # Safety
    ///
    /// The body may be called with `env`, is C, and holds nothing that has to be released.
    pub unsafe fn catch(
        &self,
        body: unsafe extern "C" fn(*mut c_void),
        env: *mut c_void,
    ) -> Option<u64> {
        let mut trap = abi::Trap {
            struct_size: mem::size_of::<abi::Trap>(),
            kind: 0,
            offset: 0,
            byte_length: 0,
            address: 0,
            view: ptr::null(),
        };
        // SAFETY: the caller says so of the body, and `trap` says how large it is.
        match unsafe { abi::wasm_memory_catch_trap(body, env, &mut trap) } {
            abi::OK => None,
            abi::OUT_OF_BOUNDS => Some(trap.offset),
            _ => panic!("{}", reason("wasm_memory_catch_trap")),
        }
    }
}

impl Drop for Traps {
    fn drop(&mut self) {
        // SAFETY: they are installed.
        unsafe { abi::wasm_memory_trap_handlers_uninstall() };
    }
}

/// An engine and a type.
pub(super) struct Policy {
    engine: *mut abi::Engine,
    memory_type: *mut abi::MemoryType,
}

// SAFETY: engines and types may be used from any thread.
unsafe impl Send for Policy {}
// SAFETY: as above.
unsafe impl Sync for Policy {}

impl Policy {
    fn open(plan: Plan) -> Result<Self> {
        Self::open_with(plan, |_| ())
    }

    /// `configure` is given the configuration before the engine takes it.
    pub(super) fn open_with(plan: Plan, configure: impl FnOnce(*mut abi::Config)) -> Result<Self> {
        Self::open_any(plan, false, configure)
    }

    fn open_any(
        plan: Plan,
        shared: bool,
        configure: impl FnOnce(*mut abi::Config),
    ) -> Result<Self> {
        let bounds = match plan.bounds {
            Bounds::Default => abi::BOUNDS_AUTO,
            Bounds::Guarded => abi::BOUNDS_GUARDED,
            Bounds::Checked => abi::BOUNDS_CHECKED,
        };
        // SAFETY: the configuration is live until the engine takes it; NULL is allowed throughout.
        let engine = unsafe {
            let config = abi::wasm_config_new();
            abi::wasm_config_memory_bounds_set(config, bounds);
            configure(config);
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
            unsafe { abi::wasm_memorytype_try_new(minimum, true, maximum, false, shared, 16, out) };
        if status == abi::OK { Ok(policy) } else { Err(reason("wasm_memorytype_try_new").into()) }
    }

    pub(super) fn store(&self) -> Store {
        // SAFETY: the engine is live.
        let store = unsafe { abi::wasm_store_new(self.engine) };
        assert!(!store.is_null(), "{}", reason("wasm_store_new"));
        Store(store)
    }

    pub(super) fn memory(&self, store: &Store) -> Memory {
        match self.try_memory(store) {
            Some(memory) => memory,
            None => panic!("{}", reason("wasm_memory_try_new")),
        }
    }

    fn try_memory(&self, store: &Store) -> Option<Memory> {
        let mut memory = ptr::null_mut();
        // SAFETY: store and type are live, and `memory` is a place for the handle.
        let status = unsafe { abi::wasm_memory_try_new(store.0, self.memory_type, &mut memory) };
        (status == abi::OK).then(|| Memory(memory))
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

pub(super) struct Store(*mut abi::Store);

// SAFETY: stores may be used from any thread.
unsafe impl Send for Store {}

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

impl Ours {
    /// Nothing if there is no room for it.
    pub fn try_make(&self) -> Option<Memory> {
        self.policy.try_memory(&self.store)
    }

    /// Why there was none.
    pub fn refusal() -> String {
        reason("wasm_memory_try_new")
    }

    /// Limits on one memory and on all together, in bytes, for the memories made from now on too.
    pub fn limit(&self, max_memory_bytes: u64, max_total_bytes: u64) {
        let limits = abi::Limits {
            struct_size: mem::size_of::<abi::Limits>(),
            max_memory_bytes,
            max_total_bytes,
            max_memories: u64::MAX,
        };
        // SAFETY: the store is live and the limits are copied.
        let status = unsafe { abi::wasm_store_limits_set(self.store.0, &limits) };
        assert!(status == abi::OK, "{}", reason("wasm_store_limits_set"));
    }

    /// A limiter that is asked about every growth and allows it.
    fn ask(&self) {
        extern "C" fn allow(_: *mut c_void, _current: u64, _desired: u64, _maximum: u64) -> bool {
            true
        }
        let limiter = abi::Limiter {
            struct_size: mem::size_of::<abi::Limiter>(),
            env: ptr::null_mut(),
            memory_growing: Some(allow),
            memory_grow_failed: None,
            finalizer: None,
        };
        // SAFETY: the store is live and the table is copied.
        let status = unsafe { abi::wasm_store_limiter_set(self.store.0, &limiter) };
        assert!(status == abi::OK, "{}", reason("wasm_store_limiter_set"));
    }

    /// Gives the store something to hold, which nobody looks into.
    pub fn hold(&self, data: &'static u8) {
        let data = ptr::from_ref(data).cast_mut().cast();
        // SAFETY: the store is live, and without a finalizer the data is only a number to it.
        unsafe { abi::wasm_store_data_set(self.store.0, data, None) }
    }
}

/// A host whose store counts the bytes of its memories against a limit and asks a limiter.
pub struct OursLimited(Ours);

impl Host for OursLimited {
    type Memory = Memory;

    fn open(plan: Plan) -> Result<Self> {
        let ours = Ours::open(plan)?;
        ours.limit(u64::MAX, 64 << 30);
        ours.ask();
        Ok(Self(ours))
    }

    fn make(&self) -> Memory {
        self.0.make()
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

    /// Grows by pages that the limits of the store forbid: whether that is the answer.
    pub fn is_denied(&mut self, pages: u32) -> bool {
        let mut previous = 0;
        // SAFETY: as above, and `previous` is a place for the answer.
        let status = unsafe { abi::wasm_memory_try_grow(self.0, pages.into(), &mut previous) };
        status == abi::LIMIT_DENIED
    }

    /// Makes a range zero and hands its pages back.
    pub fn discard(&mut self, offset: usize, length: usize) -> bool {
        // SAFETY: as above.
        unsafe { abi::wasm_memory_discard(self.0, offset as u64, length as u64) == abi::OK }
    }

    /// Copies `length` bytes of the segment, from its byte `source` on.
    pub fn init(&mut self, destination: u32, from: &Segment, source: u32, length: usize) -> bool {
        let (destination, length) = (destination.into(), length as u32);
        // SAFETY: as above, and the segment is live too.
        unsafe { abi::wasm_memory_init(self.0, destination, from.0, source, length) == abi::OK }
    }

    /// Any number of bytes out of the memory.
    pub fn read_into(&self, offset: usize, buffer: &mut [u8]) -> bool {
        let target = buffer.as_mut_ptr().cast();
        // SAFETY: as above, and the buffer has the length that the call is told.
        unsafe { abi::wasm_memory_read(self.0, offset as u64, target, buffer.len()) == abi::OK }
    }

    /// Any number of bytes into the memory.
    pub fn write_from(&mut self, offset: usize, bytes: &[u8]) -> bool {
        let source = bytes.as_ptr().cast();
        // SAFETY: as above.
        unsafe { abi::wasm_memory_write(self.0, offset as u64, source, bytes.len()) == abi::OK }
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

impl Transfer for Memory {
    fn copy_from(&mut self, destination: u32, from: &Self, source: u32, length: usize) -> bool {
        let (to, destination, source) = (self.0, destination.into(), source.into());
        // SAFETY: as above, of both memories.
        let status = unsafe {
            abi::wasm_memory_copy_between(to, destination, from.0, source, length as u64)
        };
        status == abi::OK
    }
}

impl Zero for Memory {
    fn zero(&mut self, offset: u32, length: usize) -> bool {
        // SAFETY: as above.
        unsafe { abi::wasm_memory_zero(self.0, offset.into(), length as u64) == abi::OK }
    }

    fn erase(&mut self) -> bool {
        // SAFETY: as above.
        unsafe { abi::wasm_memory_erase(self.0) == abi::OK }
    }
}

impl Lend for Memory {
    fn with_data(&self) -> bool {
        extern "C" fn look(_env: *mut c_void, data: *mut u8, length: usize) {
            used(data.addr());
            used(length);
        }
        // SAFETY: as above.
        unsafe { abi::wasm_memory_with_data(self.0, look, ptr::null_mut()) == abi::OK }
    }
}

impl DataAndStore for Memory {
    fn data_and_store(&mut self) -> usize {
        let (mut base, mut length, mut data) = (ptr::null_mut(), 0, ptr::null_mut());
        // SAFETY: as above, and all three are places for an answer.
        unsafe { abi::wasm_memory_data_and_store(self.0, &mut base, &mut length, &mut data) };
        used(base.addr());
        used(data.addr());
        length
    }
}

/// A data segment.
pub struct Segment(*mut abi::Segment);

impl Segment {
    /// With a copy of these bytes.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        // SAFETY: the bytes are as many as the call is told.
        let segment = unsafe { abi::wasm_data_segment_new(bytes.as_ptr().cast(), bytes.len()) };
        if segment.is_null() {
            Err(reason("wasm_data_segment_new").into())
        } else {
            Ok(Self(segment))
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        // SAFETY: the handle is ours.
        unsafe { abi::wasm_data_segment_delete(self.0) }
    }
}

impl Grow for Memory {
    fn grow(&mut self, pages: u32) -> bool {
        let mut previous = 0;
        // SAFETY: as above, and `previous` is a place for the answer.
        unsafe { abi::wasm_memory_try_grow(self.0, pages.into(), &mut previous) == abi::OK }
    }
}
