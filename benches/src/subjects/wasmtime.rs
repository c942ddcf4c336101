//! wasmtime, through its Rust interface. Its memories belong to a store and go with it, so making
//! one means making a store too. Shared ones belong to no store.

use std::time::Duration;

use wasmtime::{Config, Engine, MemoryType, SharedMemory, Store, Trap, WaitResult};

use super::{
    Access, Base, Bounds, Bulk, DataAndStore, Grow, GrowTogether, Host, Notify, Observe, Plan,
    SharedHost, Wait, Waited,
};
use crate::probe::{seen, used};
use crate::row::Result;

pub const NAME: &str = "wasmtime";

pub struct Wasmtime {
    engine: Engine,
    memory_type: MemoryType,
}

pub struct Memory {
    memory: wasmtime::Memory,
    store: Store<()>,
}

impl Host for Wasmtime {
    type Memory = Memory;

    fn open(plan: Plan) -> Result<Self> {
        let mut config = Config::new();
        if plan.bounds == Bounds::Checked {
            // No reservation for all indexes and no guard: its code has to compare.
            config.memory_reservation(0).memory_guard_size(0);
        }
        Ok(Self {
            engine: Engine::new(&config)?,
            memory_type: MemoryType::new(plan.minimum, Some(plan.maximum)),
        })
    }

    fn make(&self) -> Memory {
        let mut store = Store::new(&self.engine, ());
        match wasmtime::Memory::new(&mut store, self.memory_type.clone()) {
            Ok(memory) => Memory { memory, store },
            Err(error) => panic!("wasmtime: {error}"),
        }
    }
}

impl Base for Memory {
    fn base(&self) -> *mut u8 {
        self.memory.data_ptr(&self.store)
    }
}

impl Observe for Memory {
    fn data_size(&self) -> usize {
        self.memory.data_size(&self.store)
    }

    fn pages(&self) -> u64 {
        self.memory.size(&self.store)
    }
}

impl Access for Memory {
    fn read(&self, offset: u32, buffer: &mut [u8; 8]) -> bool {
        self.memory.read(&self.store, offset as usize, buffer).is_ok()
    }

    fn write(&mut self, offset: u32, bytes: &[u8; 8]) -> bool {
        self.memory.write(&mut self.store, offset as usize, bytes).is_ok()
    }

    fn load(&self, offset: u32, value: &mut u64) -> bool {
        let data = self.memory.data(&self.store);
        let bytes = data.get(offset as usize..).and_then(|rest| rest.first_chunk());
        bytes.map(|bytes| *value = u64::from_le_bytes(*bytes)).is_some()
    }

    fn store(&mut self, offset: u32, value: u64) -> bool {
        let data = self.memory.data_mut(&mut self.store);
        let bytes = data.get_mut(offset as usize..).and_then(|rest| rest.first_chunk_mut());
        bytes.map(|bytes| *bytes = value.to_le_bytes()).is_some()
    }
}

impl Bulk for Memory {
    fn fill(&mut self, offset: u32, value: u8, length: usize) -> bool {
        let start = offset as usize;
        let data = self.memory.data_mut(&mut self.store);
        data.get_mut(start..start + length).map(|range| range.fill(value)).is_some()
    }

    fn copy_within(&mut self, destination: u32, source: u32, length: usize) -> bool {
        let source = source as usize;
        let data = self.memory.data_mut(&mut self.store);
        data.copy_within(source..source + length, destination as usize);
        true
    }
}

impl DataAndStore for Memory {
    fn data_and_store(&mut self) -> usize {
        let (bytes, data) = self.memory.data_and_store_mut(&mut self.store);
        used(bytes.as_ptr().addr());
        seen(data);
        bytes.len()
    }
}

impl Grow for Memory {
    fn grow(&mut self, pages: u32) -> bool {
        self.memory.grow(&mut self.store, pages.into()).is_ok()
    }
}

/// With what it takes to make shared memories, which is off unless asked for.
pub struct WasmtimeShared {
    engine: Engine,
    memory_type: MemoryType,
}

pub struct Shared(SharedMemory);

impl WasmtimeShared {
    /// One page, known to be zero only.
    pub fn one_page() -> Result<Shared> {
        Ok(Self::open(Plan::one_page())?.make())
    }
}

impl SharedHost for WasmtimeShared {
    type Memory = Shared;

    fn open(plan: Plan) -> Result<Self> {
        let mut config = Config::new();
        // Bounds are as they are without being told: a shared memory cannot move, and grows no further than
        // what was reserved.
        config.wasm_threads(true).shared_memory(true);
        Ok(Self {
            engine: Engine::new(&config)?,
            memory_type: MemoryType::shared(plan.minimum, plan.maximum),
        })
    }

    fn make(&self) -> Shared {
        match SharedMemory::new(&self.engine, self.memory_type.clone()) {
            Ok(memory) => Shared(memory),
            Err(error) => panic!("wasmtime: {error}"),
        }
    }
}

impl Base for Shared {
    fn base(&self) -> *mut u8 {
        self.0.data().as_ptr().cast_mut().cast()
    }
}

/// It has no sign for a timeout that never comes.
fn timeout(nanoseconds: i64) -> Option<Duration> {
    u64::try_from(nanoseconds).ok().map(Duration::from_nanos)
}

fn waited(result: std::result::Result<WaitResult, Trap>) -> Waited {
    match result {
        Ok(WaitResult::Ok) => Waited::Woken,
        Ok(WaitResult::Mismatch) => Waited::Differs,
        Ok(WaitResult::TimedOut) => Waited::TimedOut,
        Err(trap) => panic!("wasmtime: {trap}"),
    }
}

impl Wait<u32> for Shared {
    fn wait(&self, offset: u64, expected: u32, nanoseconds: i64) -> Waited {
        waited(self.0.atomic_wait32(offset, expected, timeout(nanoseconds)))
    }
}

impl Wait<u64> for Shared {
    fn wait(&self, offset: u64, expected: u64, nanoseconds: i64) -> Waited {
        waited(self.0.atomic_wait64(offset, expected, timeout(nanoseconds)))
    }
}

impl Notify for Shared {
    fn notify(&self, offset: u64, count: u32) -> u32 {
        match self.0.atomic_notify(offset, count) {
            Ok(woken) => woken,
            Err(trap) => panic!("wasmtime: {trap}"),
        }
    }
}

impl GrowTogether for Shared {
    fn grow(&self, pages: u32) -> bool {
        self.0.grow(pages.into()).is_ok()
    }

    fn pages(&self) -> u64 {
        self.0.size()
    }
}
