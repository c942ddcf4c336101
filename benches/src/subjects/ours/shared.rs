//! Shared memories of the library, by tokens and by handles that all threads use, and the atomic
//! accesses.

use std::ptr;

use super::{Memory, Policy, Store, abi, reason};
use crate::row::Result;
use crate::subjects::{
    Atomics, Base, GrowTogether, Host, Notify, Observe, Plan, SharedHost, Wait, Waited,
};

/// The same as [`super::Ours`] with memories that may be shared.
pub struct OursShared {
    store: Store,
    policy: Policy,
}

impl OursShared {
    fn policy(plan: Plan) -> Result<Policy> {
        Policy::open_any(plan, true, |_| ())
    }

    /// One page, known to be zero only.
    pub fn one_page() -> Result<SharedMemory> {
        Ok(SharedHost::make(&<Self as SharedHost>::open(Plan::one_page())?))
    }
}

impl Host for OursShared {
    type Memory = Memory;

    fn open(plan: Plan) -> Result<Self> {
        let policy = Self::policy(plan)?;
        Ok(Self { store: policy.store(), policy })
    }

    fn make(&self) -> Memory {
        self.policy.memory(&self.store)
    }
}

impl SharedHost for OursShared {
    type Memory = SharedMemory;

    fn open(plan: Plan) -> Result<Self> {
        Host::open(plan)
    }

    fn make(&self) -> SharedMemory {
        SharedMemory(Host::make(self))
    }
}

/// A reference to a shared memory, which is in no store.
pub struct Token(*mut abi::SharedMemory);

impl Drop for Token {
    fn drop(&mut self) {
        // SAFETY: the handle is ours.
        unsafe { abi::wasm_shared_memory_delete(self.0) }
    }
}

/// A host that makes shared memories in no store.
pub struct Tokens(Policy);

impl Tokens {
    pub fn open(plan: Plan) -> Result<Self> {
        Ok(Self(OursShared::policy(plan)?))
    }

    pub fn make(&self) -> Token {
        let mut token = ptr::null_mut();
        // SAFETY: engine and type are live, and `token` is a place for the handle.
        let status =
            unsafe { abi::wasm_shared_memory_new(self.0.engine, self.0.memory_type, &mut token) };
        assert!(status == abi::OK, "{}", reason("wasm_shared_memory_new"));
        Token(token)
    }
}

/// A store of its own, in which one shared memory is asked for again and again.
pub struct Obtaining {
    store: Store,
    token: Token,
    _policy: Policy,
}

impl Obtaining {
    pub fn open() -> Result<Self> {
        let tokens = Tokens::open(Plan::one_page())?;
        let token = tokens.make();
        Ok(Self { store: tokens.0.store(), token, _policy: tokens.0 })
    }

    pub fn obtain(&self) -> Memory {
        // SAFETY: both handles are live.
        let memory = unsafe { abi::wasm_memory_obtain(self.store.0, self.token.0) };
        assert!(!memory.is_null(), "{}", reason("wasm_memory_obtain"));
        Memory(memory)
    }
}

/// A shared memory, by one handle that all threads use.
pub struct SharedMemory(Memory);

// SAFETY: every call on a shared memory may be made from any thread, and none of ours ends its
// handle before all are done.
unsafe impl Send for SharedMemory {}
// SAFETY: as above.
unsafe impl Sync for SharedMemory {}

impl Base for SharedMemory {
    fn base(&self) -> *mut u8 {
        self.0.base()
    }
}

/// How a wait ended that had to succeed.
fn waited(status: i32, result: i32) -> Waited {
    assert!(status == abi::OK, "{}", reason("wasm_memory_atomic_wait"));
    match result {
        abi::WAIT_OK => Waited::Woken,
        abi::WAIT_MISMATCH => Waited::Differs,
        abi::WAIT_TIMED_OUT => Waited::TimedOut,
        _ => panic!("wasm_memory_atomic_wait: {result} is no result"),
    }
}

impl Wait<u32> for SharedMemory {
    fn wait(&self, offset: u64, expected: u32, timeout: i64) -> Waited {
        let mut result = 0;
        // SAFETY: the handle is live, and `result` is a place for the answer.
        let status = unsafe {
            abi::wasm_memory_atomic_wait32(self.0.0, offset, expected, timeout, &mut result)
        };
        waited(status, result)
    }
}

impl Wait<u64> for SharedMemory {
    fn wait(&self, offset: u64, expected: u64, timeout: i64) -> Waited {
        let mut result = 0;
        // SAFETY: as above.
        let status = unsafe {
            abi::wasm_memory_atomic_wait64(self.0.0, offset, expected, timeout, &mut result)
        };
        waited(status, result)
    }
}

impl Notify for SharedMemory {
    fn notify(&self, offset: u64, count: u32) -> u32 {
        let mut woken = 0;
        // SAFETY: as above.
        let status = unsafe { abi::wasm_memory_atomic_notify(self.0.0, offset, count, &mut woken) };
        assert!(status == abi::OK, "{}", reason("wasm_memory_atomic_notify"));
        woken
    }
}

impl GrowTogether for SharedMemory {
    fn grow(&self, pages: u32) -> bool {
        let mut previous = 0;
        // SAFETY: as above.
        unsafe { abi::wasm_memory_try_grow(self.0.0, pages.into(), &mut previous) == abi::OK }
    }

    fn pages(&self) -> u64 {
        self.0.pages()
    }
}

/// The atomic accesses at one place of a memory.
pub struct AtomicsAt {
    memory: Memory,
    offset: u64,
}

impl AtomicsAt {
    pub fn new(memory: Memory, offset: u64) -> Self {
        Self { memory, offset }
    }
}

/// Out of the way of the calls: it makes a sentence.
#[cold]
fn fail(function: &str) -> ! {
    panic!("{}", reason(function))
}

impl Atomics for AtomicsAt {
    fn load64(&self) -> u64 {
        let (memory, offset, mut value) = (self.memory.0, self.offset, 0);
        // SAFETY: the handle is live, and `value` is a place for the answer; so below.
        let status = unsafe { abi::wasm_memory_atomic_load64(memory, offset, &mut value) };
        if status == abi::OK { value } else { fail("wasm_memory_atomic_load64") }
    }

    fn store64(&self, value: u64) {
        // SAFETY: as above.
        let status = unsafe { abi::wasm_memory_atomic_store64(self.memory.0, self.offset, value) };
        if status != abi::OK {
            fail("wasm_memory_atomic_store64")
        }
    }

    fn add64(&self, operand: u64) -> u64 {
        let (memory, offset, add, mut old) = (self.memory.0, self.offset, abi::RMW_ADD, 0);
        // SAFETY: as above.
        let status =
            unsafe { abi::wasm_memory_atomic_rmw64(memory, add, offset, operand, &mut old) };
        if status == abi::OK { old } else { fail("wasm_memory_atomic_rmw64") }
    }

    fn add32(&self, operand: u32) -> u32 {
        let (memory, offset, add, mut old) = (self.memory.0, self.offset, abi::RMW_ADD, 0);
        // SAFETY: as above.
        let status =
            unsafe { abi::wasm_memory_atomic_rmw32(memory, add, offset, operand, &mut old) };
        if status == abi::OK { old } else { fail("wasm_memory_atomic_rmw32") }
    }

    fn cmpxchg64(&self, expected: u64, replacement: u64) -> u64 {
        let (memory, offset, mut old) = (self.memory.0, self.offset, 0);
        // SAFETY: as above.
        let status = unsafe {
            abi::wasm_memory_atomic_cmpxchg64(memory, offset, expected, replacement, &mut old)
        };
        if status == abi::OK { old } else { fail("wasm_memory_atomic_cmpxchg64") }
    }
}
