//! wasmtime's pool, which keeps slots for the memories of instances. A memory that a host makes by
//! itself takes none, so each is made with an instance of a module that has nothing else.

use std::cell::RefCell;

use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, InstancePre, Linker, Module, ModuleExport,
    PoolingAllocationConfig, Store,
};

use super::{Base, Fill, Reuse};
use crate::PAGE;
use crate::row::Result;

pub const NAME: &str = "wasmtime-pool";
pub const NAME_TUNED: &str = "wasmtime-tuned";

/// How the pool is told to make a slot clean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tuning {
    /// As it does when it is told nothing: it gives the pages back.
    Default,
    /// In place: up to 1 MiB of each memory stays, and where the system can tell which pages were
    /// written, the others are left alone.
    KeepResident,
}

/// A module with one memory, ready to be instantiated, and one with none.
pub struct Instances {
    engine: Engine,
    memory: InstancePre<()>,
    export: ModuleExport,
    nothing: InstancePre<()>,
}

/// A store with one instance.
pub struct Memory {
    store: RefCell<Store<()>>,
    instance: wasmtime::Instance,
    export: ModuleExport,
}

impl Instances {
    pub fn open(pages: u32, fill: Fill, tuning: Tuning) -> Result<Self> {
        let mut pool = PoolingAllocationConfig::new();
        if tuning == Tuning::KeepResident {
            pool.linear_memory_keep_resident(1 << 20).pagemap_scan(Enabled::Auto);
        }
        let mut config = Config::new();
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        let engine = Engine::new(&config)?;
        let module = Module::new(&engine, one_memory(pages, fill))?;
        let export = module.get_export_index(EXPORT).ok_or("wasmtime: the module has no memory")?;
        let linker = Linker::new(&engine);
        let memory = linker.instantiate_pre(&module)?;
        let nothing = linker.instantiate_pre(&Module::new(&engine, HEADER)?)?;
        Ok(Self { engine, memory, export, nothing })
    }

    /// What an instance costs that has no memory: made, and gone with its store.
    pub fn nothing(&self) {
        self.instance_of(&self.nothing);
    }

    fn instance_of(&self, module: &InstancePre<()>) -> (Store<()>, wasmtime::Instance) {
        let mut store = Store::new(&self.engine, ());
        match module.instantiate(&mut store) {
            Ok(instance) => (store, instance),
            Err(error) => panic!("wasmtime: {error}"),
        }
    }
}

impl Reuse for Instances {
    type Memory = Memory;

    fn make(&self) -> Memory {
        let (store, instance) = self.instance_of(&self.memory);
        Memory { store: RefCell::new(store), instance, export: self.export }
    }
}

impl Base for Memory {
    fn base(&self) -> *mut u8 {
        let mut store = self.store.borrow_mut();
        let memory = self.instance.get_module_export(&mut *store, &self.export);
        match memory.and_then(|export| export.into_memory()) {
            Some(memory) => memory.data_ptr(&*store),
            None => panic!("wasmtime: the instance has no memory"),
        }
    }
}

const EXPORT: &str = "m";

/// A module without sections.
const HEADER: &[u8] = b"\0asm\x01\0\0\0";

/// A module with a memory of so many pages, which may not grow.
fn one_memory(pages: u32, fill: Fill) -> Vec<u8> {
    const MEMORY: u8 = 5;
    const EXPORTS: u8 = 7;
    const DATA: u8 = 11;

    let mut module = HEADER.to_vec();
    let limits = [&[1, 1][..], &leb128(pages), &leb128(pages)].concat();
    section(&mut module, MEMORY, &limits);
    let exports = [&[1, 1][..], EXPORT.as_bytes(), &[2, 0]].concat();
    section(&mut module, EXPORTS, &exports);
    if fill == Fill::Image {
        let length = pages * PAGE as u32;
        // One active segment at i32.const 0.
        let mut data = [&[1, 0, 0x41, 0, 0x0b][..], &leb128(length)].concat();
        data.resize(data.len() + length as usize, fill.byte());
        section(&mut module, DATA, &data);
    }
    module
}

fn section(module: &mut Vec<u8>, id: u8, contents: &[u8]) {
    module.push(id);
    module.extend(leb128(contents.len() as u32));
    module.extend(contents);
}

fn leb128(mut value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}
