//! The exported functions with arbitrary arguments. `build/script.rs` writes a call of each function of the header;
//! this says what an argument of each kind is, and what must hold afterwards: nothing crashes, the status is one that
//! the header lists for the function, out-parameters are written (0 or NULL on failure), and nothing around what was
//! passed has changed. Buffers end at a page that cannot be touched.
//!
//! Handles live or are NULL, and pointers point to what their type says: more is not promised to be survived.

use crate::ffi::{self, *};
use crate::structs::{
    Allocator, Limiter, LimiterAsync, Limits, PoolOptions, Segment, TypeVec, host,
};
use crate::{Bytes, NULL, P, count_operation, planted, trace};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::sync::LazyLock;

include!(concat!(env!("OUT_DIR"), "/calls.rs"));

const PAGE: usize = 4096;
/// Buffers that exist at once: arguments of calls within calls.
const BUFFERS: usize = 64;
const CANARY: u8 = 0xa5;
/// What is there before the call: nothing that a memory has by filling it.
const BEFORE: [u8; 8] = [0x5b, 0xe7, 0x13, 0x9a, 0x2c, 0xd1, 0x68, 0x84];
/// Larger memories would take the machine's memory, and time.
const LARGEST: u64 = 8 << 20;
const CALLS_PER_INPUT: usize = 2000;
const VECTORS: usize = 1;

thread_local! {
    static STATE: RefCell<State> = RefCell::new(State::new());
}

fn with<T>(action: impl FnOnce(&mut State) -> T) -> T {
    STATE.with(|state| action(&mut state.borrow_mut()))
}

struct State {
    data: Vec<u8>,
    at: usize,
    handles: BTreeMap<&'static str, Vec<P>>,
    /// Handles that a call under way uses.
    pinned: Vec<P>,
    /// Pages, each followed by one that cannot be touched.
    buffers: usize,
    used: usize,
    depth: usize,
    descriptors: [i32; 3],
    limiters: Vec<Box<u32>>,
    /// How often each function has returned each status.
    seen: BTreeMap<(&'static str, i32), u64>,
}

/// What was reached: functions with a status, and how often each returned what.
pub fn summary() -> String {
    with(|state| {
        let functions: std::collections::BTreeSet<_> =
            state.seen.keys().map(|(name, _)| name).collect();
        let done = state.seen.keys().filter(|(_, status)| *status == OK).count();
        for ((name, status), count) in &state.seen {
            trace!("seen: {name} {status}: {count}");
        }
        format!(
            "{} functions with a status, {done} of them successful at least once, {} pairs of function and status",
            functions.len(),
            state.seen.len()
        )
    })
}

impl State {
    fn new() -> Self {
        // SAFETY: a new mapping, every second page of which is closed; new descriptors.
        unsafe {
            let buffers = libc::mmap(
                core::ptr::null_mut(),
                2 * PAGE * BUFFERS,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            assert_ne!(buffers, libc::MAP_FAILED);
            for number in 0..BUFFERS {
                let guard = buffers.cast::<u8>().add((2 * number + 1) * PAGE);
                assert_eq!(libc::mprotect(guard.cast(), PAGE, libc::PROT_NONE), 0);
            }
            let file = libc::memfd_create(c"fuzz".as_ptr(), libc::MFD_CLOEXEC);
            assert_eq!(libc::ftruncate(file, 16 * PAGE as i64), 0);
            let mut pipe = [0; 2];
            assert_eq!(libc::pipe(pipe.as_mut_ptr()), 0);
            Self {
                data: Vec::new(),
                at: 0,
                handles: BTreeMap::new(),
                pinned: Vec::new(),
                buffers: buffers as usize,
                used: 0,
                depth: 0,
                descriptors: [file, pipe[0], pipe[1]],
                limiters: Vec::new(),
                seen: BTreeMap::new(),
            }
        }
    }

    fn choose<T>(&mut self, choice: impl FnOnce(&mut Bytes<'_>) -> T) -> T {
        let mut b = Bytes::from(&self.data, self.at);
        let value = choice(&mut b);
        self.at = b.at();
        value
    }

    fn is_empty(&self) -> bool {
        self.at >= self.data.len()
    }
}

/// A place in memory that was passed.
#[derive(Clone, Copy, PartialEq)]
enum Role {
    /// A handle of this kind, which the caller owns after success.
    Handle(&'static str),
    /// A number or pointer that is written, whatever happens.
    Number,
    Descriptor,
    /// A structure with its size at the start; so many bytes of it.
    Structure,
    /// Bytes that may be written; or only read.
    Data,
    Constant,
}

struct Place {
    /// The page that it is at the end of.
    page: usize,
    start: *mut u8,
    length: usize,
    role: Role,
    before: Vec<u8>,
}

/// One call.
pub(crate) struct Call {
    name: &'static str,
    places: Vec<Place>,
    mark: usize,
    pins: usize,
    count: usize,
    /// A buffer that was announced NULL has a length all the same.
    consumed: Option<(&'static str, P)>,
}

impl Call {
    fn new(name: &'static str) -> Self {
        let (mark, pins) = with(|state| (state.used, state.pinned.len()));
        Self { name, places: Vec::new(), mark, pins, count: 0, consumed: None }
    }

    /// A place of `length` bytes, as far to its page's end as `align` allows.
    fn place(&mut self, length: usize, align: usize, role: Role) -> *mut u8 {
        assert!(length <= PAGE - 64);
        let end = with(|state| {
            state.used += 1;
            assert!(state.used <= BUFFERS, "more places than buffers");
            state.buffers + (2 * state.used - 1) * PAGE
        });
        let start = (end - length.next_multiple_of(align)) as *mut u8;
        // SAFETY: within the page before the closed one.
        unsafe {
            core::ptr::write_bytes((end - PAGE) as *mut u8, CANARY, PAGE);
            for at in 0..length {
                start.add(at).write(BEFORE[at % BEFORE.len()]);
            }
        }
        self.places.push(Place { page: end - PAGE, start, length, role, before: Vec::new() });
        start
    }

    /// A place with these bytes.
    fn constant(&mut self, bytes: &[u8], align: usize) -> P {
        let start = self.place(bytes.len(), align, Role::Constant);
        // SAFETY: a new place, as long.
        unsafe { start.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len()) };
        start.cast()
    }

    fn u8(&mut self) -> u8 {
        with(|state| state.choose(|b| b.u8()))
    }

    fn number(&mut self) -> u64 {
        with(|state| state.choose(|b| b.offset(3 * 65_536)))
    }

    fn choice(&mut self) -> i32 {
        with(|state| {
            state.choose(|b| match b.u8() {
                0 => i32::MIN,
                1 => i32::MAX,
                2 => -1,
                choice => i32::from(choice % 8),
            })
        })
    }

    fn page_size_log2(&mut self) -> u8 {
        match self.u8() {
            choice if choice < 8 => choice * 9,
            choice if choice % 3 == 0 => 0,
            _ => 16,
        }
    }

    fn timeout(&mut self) -> i64 {
        // Nobody would end a wait without end.
        with(|state| state.choose(|b| i64::from(b.u8()) * 40))
    }

    fn descriptor(&mut self) -> isize {
        with(|state| {
            let files = state.descriptors;
            state.choose(|b| match b.u8() % 16 {
                0 => -1,
                1 => isize::MIN,
                2 => isize::MAX,
                3 => 1 << 32,
                4 => 1 << 20,
                5 => files[1] as isize,
                6 => files[2] as isize,
                // A number of 64 bits that is a descriptor in its lower half.
                7 => files[0] as isize | 1 << 40,
                _ => files[0] as isize,
            })
        })
    }

    fn handle(&mut self, kind: &'static str, consumed: bool) -> P {
        let handle = with(|state| {
            let choice = state.choose(|b| b.u8());
            let all = state.handles.entry(kind).or_default();
            if all.is_empty() || choice.is_multiple_of(16) {
                return NULL;
            }
            let at = usize::from(choice) % all.len();
            let handle = all[at];
            if consumed {
                // One that a call under way uses stays, unless there are more references to it.
                let copies = all.iter().filter(|one| **one == handle).count();
                if state.pinned.contains(&handle) && copies < 2 {
                    return NULL;
                }
                all.swap_remove(at);
            } else {
                state.pinned.push(handle);
            }
            handle
        });
        if consumed {
            self.consumed = Some((kind, handle));
        }
        handle
    }

    fn out_handle(&mut self, kind: &'static str) -> P {
        if self.u8().is_multiple_of(32) {
            return NULL;
        }
        self.place(8, 8, Role::Handle(kind)).cast()
    }

    fn out(&mut self, length: usize) -> P {
        if self.u8().is_multiple_of(16) {
            return NULL;
        }
        self.place(length, length.min(8), Role::Number).cast()
    }

    fn out_descriptor(&mut self) -> P {
        self.place(8, 8, Role::Descriptor).cast()
    }

    fn out_structure(&mut self) -> P {
        let (choice, size) = with(|state| state.choose(|b| (b.u8(), b.u8())));
        let size = match choice % 16 {
            0 => return NULL,
            1 => usize::MAX,
            2 => usize::MAX - 7,
            3 => usize::from(size) * 16,
            4 => usize::from(size) % 9,
            _ => usize::from(size) % 160,
        };
        // As much as is said, or what the largest structure can need.
        let start = self.place(size.clamp(8, 512), 8, Role::Structure);
        // SAFETY: at least eight bytes, aligned.
        unsafe { start.cast::<usize>().write(size) };
        start.cast()
    }

    fn bytes16(&mut self) -> P {
        match self.u8() {
            0..=15 => NULL,
            byte => self.constant(&[byte; 16], 1),
        }
    }

    fn buffer(&mut self, is_constant: bool) -> P {
        let (choice, length) = with(|state| state.choose(|b| (b.u8(), b.u16())));
        self.count = match choice % 16 {
            0 => 0,
            1 => 1,
            2..=4 => usize::from(length) % 3000,
            _ => usize::from(length) % 64,
        };
        if choice >= 248 {
            return NULL;
        }
        let start =
            self.place(self.count, 1, if is_constant { Role::Constant } else { Role::Data });
        // SAFETY: a new place, as long.
        unsafe { core::ptr::write_bytes(start, choice | 1, self.count) };
        start.cast()
    }

    fn last_count(&mut self) -> usize {
        self.count
    }

    #[allow(dead_code, reason = "functions of the header come and go")]
    fn address(&mut self) -> P {
        with(|state| {
            let memories = state.handles.get("wasm_memory_t").cloned().unwrap_or_default();
            let choice = state.choose(|b| b.u8());
            let far = state.choose(|b| b.offset(1 << 20));
            match memories.get(usize::from(choice) % memories.len().max(1)) {
                // SAFETY: a handle that lives.
                Some(memory) if choice % 4 != 0 => {
                    unsafe { wasm_memory_data(*memory) as u64 }.wrapping_add(far) as P
                }
                _ => far as P,
            }
        })
    }

    fn path(&mut self) -> P {
        static PATHS: LazyLock<Vec<CString>> = LazyLock::new(|| {
            let image =
                std::env::temp_dir().join(format!("wasm_memory_fuzz-{}.image", std::process::id()));
            let image = image.into_os_string().into_encoded_bytes();
            [
                image,
                b"/".to_vec(),
                b"/nowhere/image".to_vec(),
                b"/dev/null".to_vec(),
                vec![0xff; 8],
                vec![],
                vec![b'x'; 6000],
            ]
            .into_iter()
            .map(|path| CString::new(path).expect("no NUL"))
            .collect()
        });
        extern "C" fn remove() {
            // SAFETY: a path that is text.
            unsafe { libc::unlink(PATHS[0].as_ptr()) };
        }
        static REMOVED: std::sync::Once = std::sync::Once::new();
        // SAFETY: a function that may be called when the process ends.
        REMOVED.call_once(|| unsafe {
            libc::atexit(remove);
        });
        match usize::from(self.u8()) % 32 {
            0 => NULL,
            choice => PATHS.get(choice).unwrap_or(&PATHS[0]).as_ptr() as P,
        }
    }

    fn environment(&mut self) -> P {
        NULL
    }

    fn callback(&mut self) -> P {
        unsafe extern "C" fn nothing(_env: P) {}
        if self.u8().is_multiple_of(8) { NULL } else { nothing as P }
    }

    fn range_callback(&mut self) -> P {
        unsafe extern "C" fn range(_env: P, _offset: u64, length: u64) {
            assert!(length > 0);
            within();
        }
        if self.u8().is_multiple_of(8) { NULL } else { range as P }
    }

    fn data_callback(&mut self) -> P {
        unsafe extern "C" fn data(_env: P, base: P, _length: usize) {
            assert!(!base.is_null());
            within();
        }
        if self.u8().is_multiple_of(8) { NULL } else { data as P }
    }

    fn limits(&mut self) -> P {
        let (choice, min, max) = with(|state| state.choose(|b| (b.u8(), b.u8(), b.u32())));
        let min = if choice == 255 { max } else { u32::from(min) % 6 };
        let max = match choice % 8 {
            0 => return NULL,
            1 => u32::MAX,
            2 => max,
            _ => min.saturating_add(u32::from(choice)),
        };
        self.constant(&[min.to_le_bytes(), max.to_le_bytes()].concat(), 4)
    }

    fn segments(&mut self) -> P {
        let count = usize::from(self.u8()) % 6;
        if count == 5 {
            self.count = if self.u8() & 1 == 1 { 0 } else { 3 };
            return NULL;
        }
        let mut all = Vec::new();
        for _ in 0..count {
            let (offset, length) = with(|state| state.choose(|b| (b.offset(65_536), b.u8())));
            let bytes = if length == 0 {
                NULL
            } else {
                self.constant(&vec![length; usize::from(length)], 1)
            };
            all.push(Segment { offset, bytes: bytes.cast(), length: usize::from(length) });
        }
        self.count = count;
        // SAFETY: plain data, as long as the array.
        let bytes = unsafe {
            core::slice::from_raw_parts(all.as_ptr().cast::<u8>(), size_of_val(all.as_slice()))
        };
        self.constant(bytes, 8)
    }

    /// A structure that the library reads, of which it is told a size; as long as that, or as the structure is.
    fn structure(&mut self, kind: &'static str) -> P {
        let (choice, size, numbers) = with(|state| {
            state.choose(|b| (b.u8(), b.u8(), [b.offset(1 << 20), b.offset(1 << 20), b.u64()]))
        });
        if choice.is_multiple_of(16) {
            return NULL;
        }
        let mut bytes = structure(kind, choice, numbers);
        let size = match choice % 16 {
            1 => usize::MAX,
            2 => usize::from(size) % 9,
            3..=5 => usize::from(size) % 64,
            _ => bytes.len(),
        };
        bytes.truncate(size.max(8));
        bytes[..8].copy_from_slice(&size.to_le_bytes());
        self.constant(&bytes, 8)
    }

    /// Just before the call: what is there now must be there afterwards, where it is not the library's to write.
    fn begin(&mut self) {
        for place in &mut self.places {
            // SAFETY: a place of this call.
            place.before =
                unsafe { core::slice::from_raw_parts(place.start, place.length) }.to_vec();
        }
        count_operation();
        if crate::is_tracing() {
            let places: Vec<_> = self.places.iter().map(|place| place.length).collect();
            trace!("{}{} {places:?}", "  ".repeat(with(|state| state.depth)), self.name);
        }
    }

    fn status(&mut self, status: i32, listed: u64) {
        trace!("    status {status}");
        with(|state| *state.seen.entry((self.name, status)).or_default() += 1);
        let is_listed =
            u32::try_from(status).is_ok_and(|status| status < 64 && listed >> status & 1 == 1);
        assert!(is_listed, "{}: status {status} is not listed in the header", self.name);
        if status != OK && status != PENDING {
            // SAFETY: only the length is asked for.
            let length = unsafe { wasm_memory_last_error(NULL.cast(), 0) };
            assert!(length > 0, "{}: no sentence about status {status}", self.name);
        }
        self.end(Some(status == OK));
    }

    fn made(&mut self, kind: &'static str, handle: P) {
        if !handle.is_null() {
            with(|state| state.handles.entry(kind).or_default().push(handle));
        }
        self.end(None);
    }

    /// Looks at everything that was passed. `success`: of functions with a status.
    fn end(&mut self, success: Option<bool>) {
        let name = self.name;
        for Place { page, start, length, role, before } in &self.places {
            // SAFETY: the page is ours.
            let (start, length, page) = (*start as usize, *length, *page);
            let all = unsafe { core::slice::from_raw_parts_mut(page as *mut u8, PAGE) };
            let at = start - page;
            if planted(1) && name == "wasm_memory_load_u16" {
                all[at.saturating_sub(1)] = 0;
            }
            let around = all[..at].iter().chain(&all[at + length..]);
            assert!(around.copied().all(|byte| byte == CANARY), "{name}: wrote beside an argument");
            let now = &all[at..at + length];
            match role {
                Role::Constant => assert!(now == before, "{name}: changed what it may only read"),
                Role::Structure => {
                    assert!(now[..8] == before[..8], "{name}: changed struct_size");
                    let size = usize::from_le_bytes(before[..8].try_into().expect("eight bytes"));
                    if size < 8 {
                        assert!(
                            success != Some(true),
                            "{name}: a structure too small for its size"
                        );
                        assert!(now == before, "{name}: wrote into a structure that is too small");
                    }
                }
                Role::Data if success == Some(false) => {
                    assert!(now == before, "{name}: a failed call wrote into a buffer");
                }
                Role::Data => {}
                Role::Handle(_) | Role::Number | Role::Descriptor => {
                    let is_written = now != before || length == 1 && success.is_none();
                    let is_zero = now.iter().all(|byte| *byte == 0);
                    let skip =
                        planted(2) && name == "wasm_memory_atomic_load8" && success == Some(false);
                    match success {
                        Some(false) => {
                            assert!(is_zero != skip, "{name}: an out-parameter is not 0 on failure")
                        }
                        // What was there before may be what is written, but for handles it is not.
                        _ if length > 2 => {
                            assert!(is_written, "{name}: an out-parameter was not written")
                        }
                        _ => {}
                    }
                    let value = || u64::from_le_bytes(now.try_into().expect("eight bytes"));
                    match role {
                        Role::Handle(kind) if success != Some(false) => {
                            let handle = value() as P;
                            assert!(
                                !handle.is_null() || success.is_none(),
                                "{name}: success without a handle"
                            );
                            with(|state| state.handles.entry(kind).or_default().push(handle));
                        }
                        Role::Descriptor if success == Some(true) => {
                            // SAFETY: the descriptor is ours.
                            assert_eq!(unsafe { libc::close(value() as i32) }, 0);
                        }
                        _ => {}
                    }
                }
            }
        }
        let (mark, pins) = (self.mark, self.pins);
        with(|state| {
            state.used = mark;
            state.pinned.truncate(pins);
        });
        tame();
    }
}

/// The bytes of a structure of the header, with callbacks or without, and numbers.
fn structure(kind: &'static str, choice: u8, numbers: [u64; 3]) -> Vec<u8> {
    fn bytes<T>(value: T) -> Vec<u8> {
        // SAFETY: a structure of numbers and pointers, all of which is read, the room between its fields zeroed below.
        unsafe {
            let mut place = core::mem::MaybeUninit::<T>::zeroed();
            place.as_mut_ptr().write(value);
            core::slice::from_raw_parts(place.as_ptr().cast::<u8>(), size_of::<T>()).to_vec()
        }
    }
    unsafe extern "C" fn decide(env: P, _current: u64, desired: u64, _maximum: u64) -> bool {
        // SAFETY: the env is the number that was passed.
        let finalized = unsafe { *env.cast::<u32>() };
        assert_eq!(finalized, 0, "asked after the finalizer");
        desired < 500_000
    }
    unsafe extern "C" fn ask(_env: P, _current: u64, desired: u64, _maximum: u64, ticket: P) {
        if desired.is_multiple_of(3) {
            // SAFETY: the ticket is ours to resolve, once.
            unsafe { wasm_memory_ticket_resolve(ticket, desired < 500_000) };
        } else {
            with(|state| state.handles.entry("wasm_memory_ticket_t").or_default().push(ticket));
        }
    }
    unsafe extern "C" fn hear(_env: P, status: i32, message: *const core::ffi::c_char) {
        assert!(status > 0 && !message.is_null());
    }
    unsafe extern "C" fn finalize(env: P) {
        // SAFETY: as above.
        let finalized = unsafe { &mut *env.cast::<u32>() };
        *finalized += 1;
        assert_eq!(*finalized, 1, "finalized twice");
    }
    let env = || {
        with(|state| {
            state.limiters.push(Box::new(0));
            (&raw mut **state.limiters.last_mut().expect("it was pushed")).cast()
        })
    };
    let has = |bit: u8| choice >> bit & 3 != 1;
    match kind {
        "wasm_memory_limiter_t" => bytes(Limiter {
            struct_size: 0,
            env: env(),
            memory_growing: has(4).then_some(decide),
            memory_grow_failed: has(5).then_some(hear),
            finalizer: has(6).then_some(finalize),
        }),
        "wasm_memory_limiter_async_t" => bytes(LimiterAsync {
            struct_size: 0,
            env: env(),
            memory_growing: has(4).then_some(ask),
            memory_grow_failed: has(5).then_some(hear),
            finalizer: has(6).then_some(finalize),
        }),
        "wasm_memory_limits_t" => bytes(Limits {
            struct_size: 0,
            max_memory_bytes: if has(4) { u64::MAX } else { numbers[0] },
            max_total_bytes: if has(5) { u64::MAX } else { numbers[1] },
            max_memories: if has(6) { u64::MAX } else { numbers[2] % 10 },
        }),
        "wasm_memory_allocator_t" => {
            let allocator = host::allocator();
            bytes(Allocator { new_memory: allocator.new_memory.filter(|_| has(4)), ..allocator })
        }
        "wasm_memory_pool_options_t" => bytes(PoolOptions {
            struct_size: 0,
            slots: if has(4) { numbers[2] % 8 } else { numbers[2] },
            slot_bytes: if has(5) { numbers[0] } else { numbers[1].rotate_left(20) },
            keep_resident_bytes: numbers[1],
            decommit_batch: numbers[0] % 5000,
            overflow: has(6),
        }),
        // A structure that is new in the header: only its size, and zeros, which mean nothing by the rules.
        _ => vec![0; 64],
    }
}

/// Some calls from within a callback.
fn within() {
    let go = with(|state| {
        state.depth += 1;
        state.depth < 3
    });
    if go {
        for _ in 0..2 {
            step();
        }
    }
    with(|state| state.depth -= 1);
}

/// Memories that became too large for the machine are deleted at once, with all the other handles if need be.
fn tame() {
    let memories =
        with(
            |state| {
                if state.depth == 0 { state.handles.get("wasm_memory_t").cloned() } else { None }
            },
        );
    let is_large = |memory: &P| {
        // SAFETY: a handle that lives.
        unsafe { wasm_memory_data_size(*memory) as u64 > LARGEST }
    };
    let tokens = with(|state| {
        if state.depth == 0 { state.handles.get("wasm_shared_memory_t").cloned() } else { None }
    });
    let is_large_token = |token: &P| {
        // SAFETY: a token that lives; its type is deleted again.
        unsafe {
            let ty = wasm_shared_memory_type(*token);
            let bytes = wasm_memorytype_minimum(ty).saturating_mul(wasm_memorytype_page_size(ty));
            wasm_memorytype_delete(ty);
            bytes > LARGEST
        }
    };
    if memories.is_some_and(|all| all.iter().any(is_large))
        || tokens.is_some_and(|all| all.iter().any(is_large_token))
    {
        clear();
    }
}

/// Deletes all handles, in the order of their kinds' names, which is any order.
fn clear() {
    let tickets = with(|state| state.handles.remove("wasm_memory_ticket_t")).unwrap_or_default();
    for ticket in tickets {
        // SAFETY: each ticket is resolved once.
        unsafe { wasm_memory_ticket_resolve(ticket, false) };
    }
    let all = with(|state| std::mem::take(&mut state.handles));
    for (kind, handles) in all {
        for handle in handles {
            // SAFETY: each handle is deleted once.
            unsafe {
                match kind {
                    "wasm_config_t" => wasm_config_delete(handle),
                    "wasm_engine_t" => wasm_engine_delete(handle),
                    "wasm_store_t" => wasm_store_delete(handle),
                    "wasm_memory_t" => wasm_memory_delete(handle),
                    "wasm_memorytype_t" => wasm_memorytype_delete(handle),
                    "wasm_memory_future_t" => wasm_memory_future_delete(handle),
                    "wasm_memory_image_t" => wasm_memory_image_delete(handle),
                    "wasm_data_segment_t" => wasm_data_segment_delete(handle),
                    "wasm_shared_memory_t" => wasm_shared_memory_delete(handle),
                    other => panic!("handles of a kind that is new here: {other}"),
                }
            }
        }
    }
}

/// What a vector of types is for: all of its functions at once.
fn vectors() {
    let (choice, size) = with(|state| state.choose(|b| (b.u8(), b.u16())));
    let size = match choice % 8 {
        0 => usize::MAX,
        1 => usize::MAX / 8,
        2 => 1 << 50,
        _ => usize::from(size) % 300,
    };
    let types = with(|state| state.handles.get("wasm_memorytype_t").cloned()).unwrap_or_default();
    let mut first = TypeVec { size: 7, data: core::ptr::null_mut() };
    let mut second = TypeVec { size: 7, data: core::ptr::null_mut() };
    let (one, two) = ((&raw mut first) as P, (&raw mut second) as P);
    count_operation();
    // SAFETY: vectors that live; types in one vector at a time, of which the copies are deleted with it.
    unsafe {
        wasm_memorytype_vec_new_empty(NULL);
        wasm_memorytype_vec_new_uninitialized(NULL, size);
        wasm_memorytype_vec_delete(NULL);
        wasm_memorytype_vec_copy(one, NULL);
        assert!(first.size == 0 && first.data.is_null());
        wasm_memorytype_vec_new_uninitialized(one, size);
        assert!(first.size == 0 || first.size == size);
        if first.size != 0
            && let Some(ty) = types.first()
        {
            *first.data = wasm_memorytype_copy(*ty);
        }
        wasm_memorytype_vec_copy(two, one);
        assert!(second.size == first.size);
        wasm_memorytype_vec_delete(two);
        wasm_memorytype_vec_delete(one);
        assert!(first.size == 0 && first.data.is_null() && second.size == 0);
        wasm_memorytype_vec_new(one, usize::from(choice), NULL);
        assert!(first.size == 0);
    }
}

fn step() {
    if with(|state| state.is_empty() || state.used + 8 > BUFFERS) {
        return;
    }
    // Common makers more often: handles come first.
    let choice = with(|state| state.choose(|b| b.u16()));
    let (makers, rest) = (usize::from(choice) % 4, usize::from(choice) / 4);
    if makers == 0 {
        make(rest);
        return;
    }
    match rest % (FUNCTIONS + VECTORS) {
        number if number < FUNCTIONS => call(number),
        _ => vectors(),
    }
}

/// Something to work with, made as it should be.
fn make(choice: usize) {
    let get = |kind: &'static str| {
        with(|state| state.handles.get(kind).and_then(|all| all.last().copied()))
    };
    let put = |kind: &'static str, handle: P| {
        if !handle.is_null() {
            with(|state| state.handles.entry(kind).or_default().push(handle));
        }
    };
    let count = |kind: &'static str| with(|state| state.handles.get(kind).map_or(0, Vec::len));
    // SAFETY: handles that live, places for handles.
    unsafe {
        if count("wasm_engine_t") == 0 {
            put("wasm_engine_t", wasm_engine_new());
        }
        let Some(engine) = get("wasm_engine_t") else { return };
        if count("wasm_store_t") == 0 {
            put("wasm_store_t", wasm_store_new(engine));
        }
        let Some(store) = get("wasm_store_t") else { return };
        if choice % 16 == 5
            && let Some(memory) = get("wasm_memory_t")
        {
            // Some of what the other calls meet forbids them something.
            let _ = wasm_memory_protect(memory, 0, PAGE as u64, (choice / 16 % 3) as i32);
        }
        let mut out = NULL;
        let at = (&raw mut out) as P;
        let shared = choice % 4 == 1;
        let log2 = if choice % 3 == 0 { 0 } else { 16 };
        let minimum = (choice / 4 % 3) as u64;
        let most = if log2 == 0 { 50_000 } else { 8 };
        if wasm_memorytype_try_new(minimum, true, most, choice & 64 == 64, shared, log2, at) == OK {
            if count("wasm_memory_t") < 6 {
                let mut memory = NULL;
                if wasm_memory_try_new(store, out, (&raw mut memory) as P) == OK {
                    put("wasm_memory_t", memory);
                }
            }
            put("wasm_memorytype_t", out);
        }
        count_operation();
    }
}

pub fn run(data: &[u8]) {
    assert!(UNKNOWN.is_empty(), "the header has parameters of new kinds: {UNKNOWN:?}");
    with(|state| {
        state.data.clear();
        state.data.extend_from_slice(data);
        state.at = 0;
    });
    for _ in 0..CALLS_PER_INPUT {
        if with(|state| state.is_empty()) {
            break;
        }
        step();
    }
    clear();
    // Whatever was still counting on them is gone now.
    with(|state| {
        state.limiters.clear();
        assert!(state.used == 0 && state.pinned.is_empty());
    });
    assert_eq!(
        host::LIVE.load(std::sync::atomic::Ordering::Relaxed),
        0,
        "memories of the host's that stay"
    );
}
