//! The memory of wasmi's first generation, whose `MemoryInstance` is a library of its own.

use wasmi::memory_units::Pages;
use wasmi::{MemoryInstance, MemoryRef};

use super::{Access, Base, Bulk, Grow, Host, Lend, Observe, Plan, Transfer, Zero};
use crate::PAGE;
use crate::probe::used;
use crate::row::Result;

pub const NAME: &str = "wasmi";

/// It has one way to keep bounds: it compares.
pub struct Wasmi {
    plan: Plan,
}

pub struct Memory(MemoryRef);

impl Host for Wasmi {
    type Memory = Memory;

    fn open(plan: Plan) -> Result<Self> {
        Ok(Self { plan })
    }

    fn make(&self) -> Memory {
        let Plan { minimum, maximum, .. } = self.plan;
        let maximum = Pages(maximum as usize);
        match MemoryInstance::alloc(Pages(minimum as usize), Some(maximum)) {
            Ok(memory) => Memory(memory),
            Err(error) => panic!("wasmi: {error}"),
        }
    }
}

impl Base for Memory {
    fn base(&self) -> *mut u8 {
        self.0.with_direct_access_mut(|bytes| bytes.as_mut_ptr())
    }
}

impl Observe for Memory {
    fn data_size(&self) -> usize {
        self.0.current_size().0 * PAGE
    }

    fn pages(&self) -> u64 {
        self.0.current_size().0 as u64
    }
}

impl Access for Memory {
    fn read(&self, offset: u32, buffer: &mut [u8; 8]) -> bool {
        self.0.get_into(offset, buffer).is_ok()
    }

    fn write(&mut self, offset: u32, bytes: &[u8; 8]) -> bool {
        self.0.set(offset, bytes).is_ok()
    }

    fn load(&self, offset: u32, value: &mut u64) -> bool {
        self.0.get_value::<i64>(offset).map(|loaded| *value = loaded as u64).is_ok()
    }

    fn store(&mut self, offset: u32, value: u64) -> bool {
        self.0.set_value(offset, value as i64).is_ok()
    }
}

impl Bulk for Memory {
    fn fill(&mut self, offset: u32, value: u8, length: usize) -> bool {
        self.0.clear(offset as usize, value, length).is_ok()
    }

    fn copy_within(&mut self, destination: u32, source: u32, length: usize) -> bool {
        self.0.copy(source as usize, destination as usize, length).is_ok()
    }
}

impl Transfer for Memory {
    fn copy_from(&mut self, destination: u32, from: &Self, source: u32, length: usize) -> bool {
        let (source, destination) = (source as usize, destination as usize);
        MemoryInstance::transfer(&from.0, source, &self.0, destination, length).is_ok()
    }
}

impl Zero for Memory {
    fn zero(&mut self, offset: u32, length: usize) -> bool {
        self.0.zero(offset as usize, length).is_ok()
    }

    fn erase(&mut self) -> bool {
        self.0.erase().is_ok()
    }
}

impl Lend for Memory {
    fn with_data(&self) -> bool {
        self.0.with_direct_access(|bytes| {
            used(bytes.as_ptr().addr());
            used(bytes.len());
        });
        true
    }
}

impl Grow for Memory {
    fn grow(&mut self, pages: u32) -> bool {
        self.0.grow(Pages(pages as usize)).is_ok()
    }
}
