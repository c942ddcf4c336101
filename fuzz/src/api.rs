//! Sequences of operations on several memories, of all kinds, and on a naive model of them: bytes in a `Vec`, and the
//! rules of the specification and of the header said as simply as possible.

use crate::ffi::{self, *};
use crate::structs::{self, Limiter, Limits, PoolOptions, PoolStats, Segment, Stats, host};
use crate::{Bytes, NULL, P, count_operation, planted, trace};
use std::cell::Cell;

/// The pages of the host, on which mappings and protections lie.
const GRAIN: u64 = 4096;
/// No memory of the model becomes larger.
const LARGEST: u64 = 1 << 21;
/// The files that are mapped have so many pages.
const FILE_PAGES: u64 = 12;
const NONE: i32 = PROT_NONE;
const READ: i32 = PROT_READ;
const READ_WRITE: i32 = PROT_READ_WRITE;
const PORTABLE: bool = cfg!(wasm_memory_portable);

const OPERATIONS_PER_INPUT: u64 = 3000;

#[derive(Clone, Copy, PartialEq, Debug)]
enum Mapped {
    Nothing,
    ReadOnly,
    Private,
    /// A page of the file that is mapped to be shared.
    Shared(u64),
}

#[derive(Clone, Copy)]
struct HostPage {
    protection: i32,
    mapped: Mapped,
}

const PLAIN: HostPage = HostPage { protection: READ_WRITE, mapped: Mapped::Nothing };

/// What a memory is.
struct Memory {
    bytes: Vec<u8>,
    page_bytes: u64,
    minimum: u64,
    /// That of the type, or what the specification allows.
    limit: u64,
    is_64: bool,
    shared: bool,
    host_made: bool,
    /// On the heap: no mappings, no protections.
    heap: bool,
    engine: usize,
    /// Whether it counts for the slots of its engine's pool.
    pooled: bool,
    reserved: u64,
    may_move: bool,
    pages: Vec<HostPage>,
    /// What the bytes were when changes began to count.
    before: Vec<u8>,
    touched: Vec<bool>,
    /// Something happened of which it is not modelled how much of it is told.
    all_touched: bool,
    peak: u64,
    grows: u64,
    failures: u64,
    closed: bool,
    tokens: Vec<P>,
}

/// A memory in a store: one, or for a shared memory one of several.
struct Member {
    memory: usize,
    store: usize,
    handles: Vec<P>,
}

struct Engine {
    handle: P,
    host_made: bool,
    exportable: bool,
    may_move: bool,
    huge_pages: bool,
    slots: Option<(u64, u64, bool)>,
}

struct Told {
    most: u64,
    failures: Cell<u64>,
    finalized: Cell<u64>,
}

struct Store {
    handle: P,
    engine: usize,
    limits: [u64; 3],
    limiter: Option<&'static Told>,
    /// How many failures the limiter must have heard of.
    failures: u64,
    data: u64,
}

struct Image {
    handle: P,
    /// Page size and pages of a snapshot.
    snapshot: Option<(u64, u64)>,
    end: u128,
    /// Where its bytes start, and they.
    pieces: Vec<(u64, Vec<u8>)>,
}

struct Files {
    /// Mapped to be shared, at most by this model; changes.
    shared: i32,
    contents: Vec<u8>,
    /// Mapped in the other ways; never changes.
    constant: i32,
}

struct World<'a> {
    b: Bytes<'a>,
    engines: Vec<Engine>,
    stores: Vec<Store>,
    memories: Vec<Option<Memory>>,
    members: Vec<Member>,
    images: Vec<Image>,
    segments: Vec<(P, Vec<u8>)>,
    files: Files,
}

fn constant_byte(at: u64) -> u8 {
    (at.wrapping_mul(37) >> 3) as u8 ^ 0x5a
}

fn file() -> i32 {
    // SAFETY: a name that is text.
    let file = unsafe { libc::memfd_create(c"fuzz".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(file >= 0, "no file without a name");
    file
}

fn fill_file(file: i32, bytes: &[u8]) {
    // SAFETY: the bytes are there.
    let done = unsafe { libc::pwrite(file, bytes.as_ptr().cast(), bytes.len(), 0) };
    assert_eq!(done, bytes.len() as isize);
}

impl Files {
    fn new() -> Self {
        thread_local! {
            static OPEN: (i32, i32) = {
                let constant: Vec<u8> = (0..FILE_PAGES * GRAIN).map(constant_byte).collect();
                let files = (file(), file());
                fill_file(files.1, &constant);
                files
            };
        }
        let (shared, constant) = OPEN.with(|files| *files);
        let contents: Vec<u8> = (0..FILE_PAGES * GRAIN).map(|at| (at >> 2) as u8 | 1).collect();
        fill_file(shared, &contents);
        Self { shared, contents, constant }
    }
}

impl Memory {
    fn length(&self) -> u64 {
        self.bytes.len() as u64
    }

    fn is_inside(&self, offset: u64, length: u64) -> bool {
        u128::from(offset) + u128::from(length) <= self.bytes.len() as u128
    }

    /// Whether the memory can have `length` bytes if all but the system allow it; `None`: unknown.
    fn has_room(&self, length: u64) -> Option<bool> {
        if self.host_made {
            return Some(length <= host::ROOM as u64);
        }
        if length <= self.reserved {
            return Some(true);
        }
        // Past a slot, it depends on where the memory lies and whether the pool has anything larger.
        if self.pooled && length <= LARGEST {
            return None;
        }
        Some(self.may_move && !self.is_overlaid() && length <= LARGEST)
    }

    /// The host pages of a range that is inside.
    fn pages_of(&self, offset: u64, length: u64) -> std::ops::Range<usize> {
        match length {
            0 => 0..0,
            _ => (offset / GRAIN) as usize..((offset + length - 1) / GRAIN) as usize + 1,
        }
    }

    fn status(&self, offset: u64, length: u64, needed: i32) -> i32 {
        if !self.is_inside(offset, length) {
            return OUT_OF_BOUNDS;
        }
        let pages = &self.pages[self.pages_of(offset, length)];
        if pages.iter().any(|page| page.protection < needed) { PROTECTED } else { OK }
    }

    fn has_mapping(&self) -> bool {
        self.pages.iter().any(|page| page.mapped != Mapped::Nothing)
    }

    /// Whether something lies over its pages, which keeps it where it is.
    fn is_overlaid(&self) -> bool {
        self.has_mapping() || self.pages.iter().any(|page| page.protection != READ_WRITE)
    }

    fn is_shared_with_file(&self, offset: u64, length: u64) -> bool {
        let pages = &self.pages[self.pages_of(offset, length)];
        pages.iter().any(|page| matches!(page.mapped, Mapped::Shared(_)))
    }

    /// Ranges that lie within one page each.
    fn parts(offset: u64, length: u64) -> impl Iterator<Item = std::ops::Range<u64>> {
        let mut at = offset;
        std::iter::from_fn(move || {
            let end = (offset + length).min((at / GRAIN + 1) * GRAIN);
            (at < end).then(|| std::mem::replace(&mut at, end)..end)
        })
    }

    fn get(&self, files: &Files, offset: u64, length: u64) -> Vec<u8> {
        if !self.has_mapping() {
            return self.bytes[offset as usize..(offset + length) as usize].to_vec();
        }
        let mut out = Vec::with_capacity(length as usize);
        for part in Self::parts(offset, length) {
            let from = match self.pages[(part.start / GRAIN) as usize].mapped {
                Mapped::Shared(page) => {
                    let at = (page * GRAIN + part.start % GRAIN) as usize;
                    &files.contents[at..at + (part.end - part.start) as usize]
                }
                _ => &self.bytes[part.start as usize..part.end as usize],
            };
            out.extend_from_slice(from);
        }
        out
    }

    fn touch(&mut self, offset: u64, length: u64) {
        trace!("  touches {offset} + {length} of {}", self.length());
        let pages = self.pages_of(offset, length);
        self.touched[pages].fill(true);
    }

    fn put(&mut self, files: &mut Files, offset: u64, bytes: &[u8]) {
        self.touch(offset, bytes.len() as u64);
        for part in Self::parts(offset, bytes.len() as u64) {
            let from = &bytes[(part.start - offset) as usize..(part.end - offset) as usize];
            match self.pages[(part.start / GRAIN) as usize].mapped {
                Mapped::Shared(page) => {
                    let at = (page * GRAIN + part.start % GRAIN) as usize;
                    files.contents[at..at + from.len()].copy_from_slice(from);
                }
                _ => self.bytes[part.start as usize..part.end as usize].copy_from_slice(from),
            }
        }
    }

    fn resize(&mut self, length: u64) {
        let before = self.length();
        self.bytes.resize(length as usize, 0);
        let pages = length.div_ceil(GRAIN) as usize;
        self.pages.resize(pages, PLAIN);
        self.touched.resize(pages, true);
        // The page that it ended in has new bytes, too.
        self.touch(before.min(length), length.saturating_sub(before));
        self.peak = self.peak.max(length);
    }

    fn start_over(&mut self, files: &Files) {
        self.before = self.get(files, 0, self.length());
        self.touched.fill(false);
        self.all_touched = self.pages.iter().any(|page| page.mapped != Mapped::Nothing);
    }
}

impl Image {
    /// What a memory of `length` bytes starts with.
    fn contents(&self, length: u64) -> Vec<u8> {
        let mut bytes = vec![0; length as usize];
        for (offset, piece) in &self.pieces {
            bytes[*offset as usize..*offset as usize + piece.len()].copy_from_slice(piece);
        }
        bytes
    }

    /// Why a memory cannot have it, with what size it can.
    fn fits(&self, minimum: u64, page_bytes: u64, limit: u64) -> Result<u64, i32> {
        match self.snapshot {
            Some((page, _)) if page != page_bytes => Err(INVALID_TYPE),
            Some((_, pages)) if pages > limit => Err(MAXIMUM_EXCEEDED),
            Some((_, pages)) => Ok(pages.max(minimum) * page_bytes),
            None if self.end > u128::from(minimum * page_bytes) => Err(OUT_OF_BOUNDS),
            None => Ok(minimum * page_bytes),
        }
    }
}

fn last_error() -> String {
    let mut text = vec![0u8; 1000];
    // SAFETY: the buffer is as long as is said.
    let length = unsafe { wasm_memory_last_error(text.as_mut_ptr() as P, text.len()) };
    text.truncate(length.min(999));
    String::from_utf8_lossy(&text).into_owned()
}

#[track_caller]
fn same(status: i32, expected: i32) -> bool {
    count_operation();
    trace!("{}: status {status}", core::panic::Location::caller().line());
    assert!(status == expected, "status {status}, expected {expected}; {}", last_error());
    status == OK
}

#[track_caller]
fn one_of(status: i32, expected: &[i32]) -> bool {
    count_operation();
    trace!("{}: status {status}", core::panic::Location::caller().line());
    assert!(
        expected.contains(&status),
        "status {status}, expected one of {expected:?}; {}",
        last_error()
    );
    status == OK
}

/// What two ranges allow together. If both forbid something, there is no rule which is looked at first.
fn either(first: i32, second: i32) -> [i32; 2] {
    match (first, second) {
        (OK, other) | (other, OK) => [other; 2],
        both => both.into(),
    }
}

unsafe extern "C" fn decide(env: P, _current: u64, desired: u64, _maximum: u64) -> bool {
    // SAFETY: the env is a `Told` that is never freed.
    desired <= unsafe { &*env.cast::<Told>() }.most
}

unsafe extern "C" fn hear(env: P, _status: i32, message: *const core::ffi::c_char) {
    // SAFETY: as above; the message is text.
    let (told, message) = unsafe { (&*env.cast::<Told>(), core::ffi::CStr::from_ptr(message)) };
    assert!(!message.is_empty());
    told.failures.set(told.failures.get() + 1);
}

unsafe extern "C" fn finalize(env: P) {
    // SAFETY: as above.
    let told = unsafe { &*env.cast::<Told>() };
    told.finalized.set(told.finalized.get() + 1);
}

unsafe extern "C" fn collect(env: P, offset: u64, length: u64) {
    // SAFETY: the env is the vector that the caller has for this.
    unsafe { (*env.cast::<Vec<(u64, u64)>>()).push((offset, length)) };
}

pub fn run(data: &[u8]) {
    let mut world = World {
        b: Bytes::new(data),
        engines: Vec::new(),
        stores: Vec::new(),
        memories: (0..5).map(|_| None).collect(),
        members: Vec::new(),
        images: Vec::new(),
        segments: Vec::new(),
        files: Files::new(),
    };
    world.set_up();
    for _ in 0..OPERATIONS_PER_INPUT {
        if world.b.is_empty() {
            break;
        }
        world.step();
    }
    world.tear_down();
}

// All calls of the library below get what the header asks for: handles that live, buffers as long as they are said to
// be, structures with their sizes.
#[allow(clippy::undocumented_unsafe_blocks, reason = "said once, above")]
impl World<'_> {
    fn set_up(&mut self) {
        for _ in 0..2 {
            let engine = self.engine();
            self.engines.push(engine);
        }
        for number in 0..3 {
            let engine = number % 2;
            let handle = unsafe { wasm_store_new(self.engines[engine].handle) };
            assert!(!handle.is_null());
            unsafe { wasm_store_data_set(handle, (number + 1) as P, NULL) };
            let limits = [u64::MAX; 3];
            let data = number as u64 + 1;
            self.stores.push(Store { handle, engine, limits, limiter: None, failures: 0, data });
        }
        for _ in 0..2 {
            self.create(None);
        }
    }

    fn engine(&mut self) -> Engine {
        let b = &mut self.b;
        let config = unsafe { wasm_config_new() };
        let kind = b.u8();
        let mut engine = Engine {
            handle: NULL,
            host_made: kind.is_multiple_of(8),
            exportable: false,
            may_move: b.u8().is_multiple_of(4),
            huge_pages: false,
            slots: None,
        };
        let bounds = match b.u8() % 3 {
            // The host of `structs` makes no guards; the heap has none.
            BOUNDS_GUARDED_U8 if engine.host_made || PORTABLE => BOUNDS_AUTO,
            other => i32::from(other),
        };
        unsafe {
            wasm_config_memory_bounds_set(config, bounds);
            wasm_config_memory_may_move_set(config, engine.may_move);
            if engine.host_made {
                // It is copied.
                let allocator = host::allocator();
                wasm_config_memory_allocator_set(config, (&raw const allocator) as P);
            }
            let more = b.u8();
            if more & 1 == 1 {
                wasm_config_memory_reservation_set(config, u64::from(b.u8() % 24) * 32_768);
            }
            if more & 2 == 2 {
                wasm_config_memory_reservation_for_growth_set(
                    config,
                    u64::from(b.u8() % 8) * 65_536,
                );
            }
            if more & 4 == 4 {
                wasm_config_memory_guard_size_set(config, u64::from(b.u8()) * 4096);
            }
            if more & 8 == 8 {
                wasm_config_guard_before_memory_set(config, false);
            }
            if more & 16 == 16 {
                engine.huge_pages = true;
                wasm_config_memory_huge_pages_set(config, true);
            }
            if more & 96 == 96 && !PORTABLE {
                engine.exportable = true;
                wasm_config_memory_exportable_set(config, true);
            }
            if more & 128 == 128 {
                let options = PoolOptions {
                    struct_size: size_of::<PoolOptions>(),
                    slots: 1 + u64::from(b.u8() % 5),
                    slot_bytes: (1 + u64::from(b.u8() % 32)) * 65_536,
                    keep_resident_bytes: u64::from(b.u8()) * 2048,
                    decommit_batch: u64::from(b.u8() % 6),
                    overflow: b.flag(),
                };
                wasm_config_memory_pool_set(config, (&raw const options) as P);
                engine.slots = Some((options.slots, options.slot_bytes, options.overflow));
            }
            engine.handle = wasm_engine_new_with_config(config);
        }
        assert!(!engine.handle.is_null(), "no engine");
        engine
    }

    fn step(&mut self) {
        match self.b.u8() % 44 {
            0 | 1 => self.grow(),
            2 => self.read(),
            3 | 4 => self.write(),
            5 => self.load(),
            6 => self.store_number(),
            7 => self.fill(),
            8 => self.copy_within(),
            9 => self.copy_between(),
            10 => self.init(),
            11 => self.segment(),
            12 => self.erase(),
            13 | 14 => self.discard(),
            15 | 16 => self.reset(),
            17 => self.snapshot(),
            18 => self.image(),
            19 => self.create_some(),
            20 | 21 => self.create_from_image(),
            22 | 23 => self.dirty_ranges(),
            24 => self.dirty_clear(),
            25 | 26 => self.protect(),
            27 | 28 => self.map_file(),
            29 => self.unmap(),
            30 | 31 => self.atomic(),
            32 => self.wait_and_notify(),
            33 => self.stats(),
            34 => self.lend(),
            35 => self.handles(),
            36 => self.share(),
            37 => self.limits(),
            38 => self.limiter(),
            39 => self.pool(),
            40 => self.queries(),
            41 => self.hexdump(),
            _ => self.guest_write(),
        }
    }

    /// A member at random, if there is any: which, its memory's number, one of its handles.
    fn pick(&mut self) -> Option<(usize, usize, P)> {
        if self.members.is_empty() {
            return None;
        }
        let at = self.b.index(self.members.len());
        let member = &self.members[at];
        trace!("  memory {}", member.memory);
        let handle = member.handles[usize::from(self.b.u8()) % member.handles.len()];
        Some((at, member.memory, handle))
    }

    fn model(&mut self, memory: usize) -> &mut Memory {
        self.memories[memory].as_mut().expect("members have memories")
    }

    /// What all the memories of a store have together, how many there are, and whether that is certain: a shared
    /// memory of several stores may have grown behind the back of one.
    fn account(&self, store: usize) -> (u64, u64, bool) {
        let (mut total, mut count, mut certain) = (0, 0, true);
        for member in self.members.iter().filter(|member| member.store == store) {
            let same = self.members.iter().filter(|other| other.memory == member.memory).count();
            certain &= same == 1;
            count += 1;
            total += self.memories[member.memory].as_ref().map_or(0, Memory::length);
        }
        (total, count, certain)
    }

    /// Whether limits and limiter of a store let a memory have `desired` bytes that has `current`; `None`: unknown.
    fn allows(&self, store: usize, current: Option<u64>, desired: u64) -> Option<bool> {
        let (total, count, certain) = self.account(store);
        let Store { limits, limiter, .. } = &self.stores[store];
        let new = current.is_none();
        let total = total.saturating_sub(current.unwrap_or(0)).saturating_add(desired);
        let within = desired <= limits[0] && (!new || count < limits[2]);
        let limiter = limiter.is_none_or(|told| desired <= told.most);
        if !within || !limiter {
            return Some(false);
        }
        if limits[1] == u64::MAX || total <= limits[1] && certain {
            return Some(true);
        }
        certain.then_some(false)
    }

    /// After something failed of which the limiter has to hear.
    fn heard(&mut self, store: usize, failed: bool) {
        let store = &mut self.stores[store];
        if let Some(told) = store.limiter {
            store.failures += u64::from(failed);
            assert_eq!(told.failures.get(), store.failures, "failures that a limiter heard of");
        }
    }

    /// Where it is not modelled whether it hears.
    fn heard_perhaps(&mut self, store: usize) {
        let store = &mut self.stores[store];
        store.failures = store.limiter.map_or(0, |told| told.failures.get());
    }

    fn create_some(&mut self) {
        self.create(None);
    }

    fn create_from_image(&mut self) {
        if !self.images.is_empty() {
            let image = self.b.index(self.images.len());
            self.create(Some(image));
        }
    }

    fn create(&mut self, image: Option<usize>) {
        let place = self.b.index(self.memories.len());
        self.remove(place);
        let b = &mut self.b;
        let store = b.index(self.stores.len());
        let flags = b.u8();
        let (is_64, shared, small) = (flags & 1 == 1, flags & 6 == 6, flags & 24 == 24);
        let has_maximum = shared || flags & 32 == 32;
        let (page_bytes, log2) = if small { (1, 0u8) } else { (65_536, 16) };
        let minimum =
            if small { b.below(70_000) } else { b.below(if flags & 64 == 64 { 4 } else { 12 }) };
        let more = if small { b.below(140_000) } else { b.below(10) };
        let maximum = minimum + more;
        let limit = match (has_maximum, is_64, small) {
            (true, ..) => maximum,
            (_, false, false) => 1 << 16,
            (_, false, true) => u64::from(u32::MAX),
            (_, true, false) => 1 << 48,
            (_, true, true) => u64::MAX,
        };
        let mut ty = NULL;
        let status = unsafe {
            wasm_memorytype_try_new(
                minimum,
                has_maximum,
                maximum,
                is_64,
                shared,
                log2,
                (&raw mut ty) as P,
            )
        };
        same(status, OK);

        let engine = self.stores[store].engine;
        let mut reasons = Vec::new();
        let mut length = minimum * page_bytes;
        if let Some(image) = image {
            match self.images[image].fits(minimum, page_bytes, limit) {
                Ok(bytes) => length = bytes,
                Err(status) => reasons.push(status),
            }
        }
        let allowed = self.allows(store, None, length);
        if allowed != Some(true) {
            reasons.push(LIMIT_DENIED);
        }
        let Engine { host_made, exportable, slots, may_move, .. } = self.engines[engine];
        if host_made && shared {
            reasons.push(UNSUPPORTED);
        }
        let pooled = slots.is_some() && !host_made && !(exportable && shared);
        let mut perhaps = allowed.is_none();
        if pooled && let Some((slots, slot_bytes, overflow)) = slots {
            let live = self
                .memories
                .iter()
                .flatten()
                .filter(|one| one.engine == engine && one.pooled)
                .count();
            let full = live as u64 >= slots || length > slot_bytes;
            if full && !overflow {
                // One that has moved may have left its slot; on the heap there are none.
                perhaps |= may_move || PORTABLE;
                reasons.push(OUT_OF_MEMORY);
            }
        }
        let mut handle = NULL;
        let store_handle = self.stores[store].handle;
        let status = unsafe {
            match image {
                Some(image) => wasm_memory_new_from_image(
                    store_handle,
                    ty,
                    self.images[image].handle,
                    (&raw mut handle) as P,
                ),
                None => wasm_memory_try_new(store_handle, ty, (&raw mut handle) as P),
            }
        };
        unsafe { wasm_memorytype_delete(ty) };
        if perhaps || reasons.is_empty() {
            reasons.push(OK);
        }
        let made = one_of(status, &reasons);
        assert_eq!(made, !handle.is_null());
        self.heard(store, !made);
        if !made {
            return;
        }
        let stats = stats_of(handle);
        // The reservation of the engine's options may be more than the pool lets a memory have.
        let most = slots.filter(|_| pooled && length <= slots.map_or(0, |(_, bytes, _)| bytes));
        let reserved = most.map_or(u64::MAX, |(_, bytes, _)| bytes).min(stats.reserved_bytes);
        trace!(
            "  makes memory {place}: {length} bytes, pages of {page_bytes}, limit {limit}, 64-bit {is_64}, shared \
             {shared}, image {image:?}, bounds {}, reserved {}, pool {slots:?}, may move {may_move}, host {host_made}",
            stats.bounds, stats.reserved_bytes
        );
        let protect = unsafe { wasm_memory_protect(handle, 0, 0, READ_WRITE) };
        let heap = protect == UNSUPPORTED && !host_made;
        assert!(heap == (PORTABLE && !host_made) || shared, "on the heap without need");
        let expected = match (shared, host_made || heap) {
            (true, _) => SHARED,
            (_, true) => UNSUPPORTED,
            _ => OK,
        };
        same(protect, expected);
        let bytes = match image {
            Some(image) => self.images[image].contents(length),
            None => vec![0; length as usize],
        };
        let mut memory = Memory {
            bytes: Vec::new(),
            page_bytes,
            minimum,
            limit,
            is_64,
            shared,
            host_made,
            heap,
            engine,
            pooled,
            reserved,
            may_move: self.engines[engine].may_move && !shared,
            pages: Vec::new(),
            before: Vec::new(),
            touched: Vec::new(),
            all_touched: false,
            peak: 0,
            grows: 0,
            failures: 0,
            closed: false,
            tokens: Vec::new(),
        };
        memory.resize(length);
        memory.bytes = bytes;
        memory.start_over(&self.files);
        self.memories[place] = Some(memory);
        self.members.push(Member { memory: place, store, handles: vec![handle] });
        self.compare(place, handle);
    }

    /// Deletes all that refers to a memory.
    fn remove(&mut self, memory: usize) {
        let Some(gone) = self.memories[memory].take() else { return };
        self.members.retain(|member| {
            if member.memory != memory {
                return true;
            }
            for handle in &member.handles {
                unsafe { wasm_memory_delete(*handle) };
            }
            false
        });
        for token in gone.tokens {
            unsafe { wasm_shared_memory_delete(token) };
        }
        count_operation();
    }

    /// All of the bytes, as the guest would see them.
    fn compare(&mut self, memory: usize, handle: P) {
        let model = self.memories[memory].as_ref().expect("members have memories");
        let (base, size) =
            unsafe { (wasm_memory_data(handle).cast::<u8>(), wasm_memory_data_size(handle)) };
        assert_eq!(size as u64, model.length(), "length");
        assert!(!base.is_null());
        if model.pages.iter().all(|page| page.protection != NONE && page.mapped == Mapped::Nothing)
        {
            // SAFETY: all of it can be read, and nobody changes it.
            let ours = unsafe { core::slice::from_raw_parts(base, size) };
            if ours != model.bytes.as_slice() {
                let at = ours.iter().zip(&model.bytes).position(|(ours, model)| ours != model);
                panic!("the byte at {at:?} of {size} is another");
            }
            return;
        }
        for (number, page) in
            model.pages.iter().enumerate().filter(|(_, page)| page.protection != NONE)
        {
            let start = number * GRAIN as usize;
            let end = size.min(start + GRAIN as usize);
            // SAFETY: as above.
            let ours = unsafe { core::slice::from_raw_parts(base.add(start), end - start) };
            let model = model.get(&self.files, start as u64, (end - start) as u64);
            assert!(ours == model.as_slice(), "page {number} ({:?}) differs", page.mapped);
        }
    }

    fn compare_some(&mut self, memory: usize, handle: P) {
        // Each time would take most of the time.
        if self.model(memory).length() < 100_000 || self.b.u8().is_multiple_of(4) {
            self.compare(memory, handle);
        }
    }

    fn grow(&mut self) {
        let Some((member, memory, handle)) = self.pick() else { return };
        let page_bytes = self.model(memory).page_bytes;
        let choice = self.b.u8();
        let delta = match choice % 16 {
            0 => 0,
            1 => u64::MAX,
            2 => (1 << 50) / page_bytes + u64::from(self.b.u8()),
            3 => u64::MAX - self.model(memory).length() / page_bytes,
            _ if page_bytes == 1 => self.b.below(40_000),
            _ => 1 + u64::from(choice) / 16 % 4,
        };
        self.grow_by(member, memory, handle, delta, false);
        self.compare_some(memory, handle);
    }

    fn grow_by(&mut self, member: usize, memory: usize, handle: P, delta: u64, lent: bool) {
        let store = self.members[member].store;
        let model = self.memories[memory].as_ref().expect("members have memories");
        let (page_bytes, length) = (model.page_bytes, model.length());
        let pages = length / page_bytes;
        let wanted = pages.checked_add(delta).filter(|wanted| *wanted <= model.limit);
        let desired = wanted.map(|wanted| u128::from(wanted) * u128::from(page_bytes));
        if desired.is_some_and(|desired| desired > u128::from(LARGEST) && desired < 1 << 50) {
            return;
        }
        let asked = desired.map(|desired| u64::try_from(desired).unwrap_or(u64::MAX));
        let expected: &[i32] = match asked {
            _ if delta == 0 => &[OK],
            _ if lent => &[BORROWED],
            None => &[MAXIMUM_EXCEEDED],
            Some(desired) => match self.allows(store, Some(length), desired) {
                Some(false) => &[LIMIT_DENIED],
                allowed => match (model.has_room(desired), allowed.is_none()) {
                    (Some(true), false) => &[OK],
                    (Some(true), true) => &[OK, LIMIT_DENIED],
                    (Some(false), false) => &[OUT_OF_MEMORY],
                    (Some(false), true) => &[OUT_OF_MEMORY, LIMIT_DENIED],
                    (None, false) => &[OK, OUT_OF_MEMORY],
                    (None, true) => &[OK, OUT_OF_MEMORY, LIMIT_DENIED],
                },
            },
        };
        trace!(
            "  grows by {delta} to {desired:?}: reserved {}, may move {}, files {}, expected {expected:?}",
            model.reserved,
            model.may_move,
            model.is_overlaid()
        );
        let mut previous = 77;
        let how = self.b.u8() % 8;
        let done = if how == 0 && delta <= u64::from(u32::MAX) {
            count_operation();
            let done = unsafe { ffi::wasm_memory_grow(handle, delta as u32) };
            assert!(done == (expected[0] == OK) || expected.len() > 1, "growth by {delta}");
            done
        } else if how == 1 {
            let future = unsafe { wasm_memory_grow_async(handle, delta) };
            assert!(!future.is_null());
            let status = unsafe { wasm_memory_future_poll(future) };
            let done = one_of(status, expected);
            let before = unsafe { wasm_memory_future_previous_pages(future) };
            assert_eq!(before, if done { pages } else { 0 });
            unsafe { wasm_memory_future_delete(future) };
            done
        } else {
            let status = unsafe { wasm_memory_try_grow(handle, delta, (&raw mut previous) as P) };
            let done = one_of(status, expected);
            assert_eq!(previous, if done { pages } else { 0 }, "previous pages");
            done
        };
        let planted_defect = planted(1) && delta % 4 == 3;
        let model = self.model(memory);
        if done && delta != 0 {
            model.grows += 1;
            model.resize(length + delta * page_bytes);
            if planted_defect && let Some(last) = model.bytes.last_mut() {
                *last = 1;
            }
            // It may have moved, into something larger.
            if model.length() > model.reserved {
                model.reserved = stats_of(handle).reserved_bytes;
            }
        } else if !done {
            model.failures += 1;
        }
        self.heard(store, !done);
    }

    fn read(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let length = self.model(memory).length();
        let offset = self.b.offset(length);
        let count = self.b.length(offset, length).min(LARGEST);
        let model = self.memories[memory].as_ref().expect("members have memories");
        let expected = model.status(offset, count, READ);
        let mut buffer = vec![0xaa; count as usize + 1];
        let status =
            unsafe { wasm_memory_read(handle, offset, buffer.as_mut_ptr() as P, count as usize) };
        if same(status, expected) {
            let bytes = model.get(&self.files, offset, count);
            assert!(buffer[..count as usize] == bytes, "read of {count} at {offset}");
        } else {
            assert!(buffer.iter().all(|byte| *byte == 0xaa), "a failed read wrote");
        }
        assert_eq!(buffer[count as usize], 0xaa);
    }

    /// Bytes that cost few choices.
    fn some_bytes(&mut self, count: u64) -> Vec<u8> {
        let seed = self.b.u16();
        (0..count).map(|at| (u64::from(seed) ^ at.wrapping_mul(31) ^ at >> 7) as u8).collect()
    }

    fn write(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let length = self.model(memory).length();
        let offset = self.b.offset(length);
        let count = self.b.length(offset, length).min(LARGEST);
        let bytes = self.some_bytes(count);
        let model = self.memories[memory].as_mut().expect("members have memories");
        let expected = model.status(offset, count, READ_WRITE);
        let status =
            unsafe { wasm_memory_write(handle, offset, bytes.as_ptr() as P, count as usize) };
        if same(status, expected) {
            model.put(&mut self.files, offset, &bytes);
        }
        self.compare_some(memory, handle);
    }

    /// Through the base, as a guest does, in what it may write.
    fn guest_write(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let length = self.model(memory).length();
        let offset = self.b.offset(length);
        let count = self.b.length(offset, length).min(LARGEST);
        let bytes = self.some_bytes(count);
        let model = self.memories[memory].as_mut().expect("members have memories");
        if model.status(offset, count, READ_WRITE) != OK {
            return;
        }
        count_operation();
        // SAFETY: inside, and nothing forbids it.
        unsafe {
            let base = wasm_memory_data(handle).cast::<u8>();
            base.add(offset as usize).copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        }
        model.put(&mut self.files, offset, &bytes);
    }

    fn load(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let length = self.model(memory).length();
        let offset = self.b.offset(length);
        let kind = self.b.index(LOADS.len());
        let (width, load) = LOADS[kind];
        let model = self.memories[memory].as_ref().expect("members have memories");
        let mut out = [0xaau8; 16];
        let status = unsafe { load(handle, offset, out.as_mut_ptr() as P) };
        let mut expected = [0xaau8; 16];
        let bytes = match same(status, model.status(offset, width as u64, READ)) {
            true => model.get(&self.files, offset, width as u64),
            false => vec![0; width],
        };
        expected[..width].copy_from_slice(&bytes);
        assert_eq!(out, expected, "load of {width} at {offset}");
    }

    fn store_number(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let length = self.model(memory).length();
        let offset = self.b.offset(length);
        let value = self.b.u64();
        let bytes = [value.to_le_bytes(), (!value).to_le_bytes()].concat();
        let (width, status) = unsafe {
            match self.b.u8() % 7 {
                0 => (1, wasm_memory_store_u8(handle, offset, value as u8)),
                1 => (2, wasm_memory_store_u16(handle, offset, value as u16)),
                2 => (4, wasm_memory_store_u32(handle, offset, value as u32)),
                3 => (8, wasm_memory_store_u64(handle, offset, value)),
                4 => (4, wasm_memory_store_f32(handle, offset, f32::from_bits(value as u32))),
                5 => (8, wasm_memory_store_f64(handle, offset, f64::from_bits(value))),
                _ => (16, wasm_memory_store_v128(handle, offset, bytes.as_ptr() as P)),
            }
        };
        let model = self.memories[memory].as_mut().expect("members have memories");
        if same(status, model.status(offset, width as u64, READ_WRITE)) {
            model.put(&mut self.files, offset, &bytes[..width]);
        }
    }

    fn fill(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let length = self.model(memory).length();
        let offset = self.b.offset(length);
        let count = self.b.length(offset, length);
        let value = self.b.u8();
        let zero = self.b.u8().is_multiple_of(4);
        let value = if zero { 0 } else { value };
        let status = unsafe {
            match zero {
                true => wasm_memory_zero(handle, offset, count),
                false => wasm_memory_fill(handle, offset, value, count),
            }
        };
        let model = self.memories[memory].as_mut().expect("members have memories");
        if same(status, model.status(offset, count, READ_WRITE)) {
            model.put(&mut self.files, offset, &vec![value; count as usize]);
        }
        self.compare_some(memory, handle);
    }

    fn copy_within(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let length = self.model(memory).length();
        let (to, from) = (self.b.offset(length), self.b.offset(length));
        let count = self.b.length(to.max(from), length);
        let apart = self.b.flag();
        let model = self.memories[memory].as_mut().expect("members have memories");
        let is_inside = model.is_inside(to, count) && model.is_inside(from, count);
        // What overlaps in the file but not in the memory has no rule.
        if is_inside
            && model.is_shared_with_file(to, count)
            && model.is_shared_with_file(from, count)
        {
            return;
        }
        let overlap = is_inside && count != 0 && to.abs_diff(from) < count;
        let expected = if !is_inside {
            either(model.status(to, count, READ_WRITE), model.status(from, count, READ)).to_vec()
        } else {
            let protected =
                model.status(to, count, READ_WRITE) != OK || model.status(from, count, READ) != OK;
            match (apart && overlap, protected) {
                (true, true) => vec![OVERLAP, PROTECTED],
                (true, false) => vec![OVERLAP],
                (false, true) => vec![PROTECTED],
                (false, false) => vec![OK],
            }
        };
        let status = unsafe {
            match apart {
                true => wasm_memory_copy_within_nonoverlapping(handle, to, from, count),
                false => wasm_memory_copy_within(handle, to, from, count),
            }
        };
        if one_of(status, &expected) {
            let bytes = model.get(&self.files, from, count);
            model.put(&mut self.files, to, &bytes);
            if planted(2) && count > 200 && to > from && to - from < count {
                // As a copy from the front would do it.
                model.bytes[to as usize + count as usize - 1] ^= 1;
            }
        }
        self.compare_some(memory, handle);
    }

    fn copy_between(&mut self) {
        let Some((_, to_memory, to_handle)) = self.pick() else { return };
        let Some((_, from_memory, from_handle)) = self.pick() else { return };
        let to_length = self.model(to_memory).length();
        let from_length = self.model(from_memory).length();
        let (to, from) = (self.b.offset(to_length), self.b.offset(from_length));
        let left = from_length.saturating_sub(from).min(to_length.saturating_sub(to));
        let count = self.b.length(0, left);
        let target = self.memories[to_memory].as_ref().expect("members have memories");
        let source = self.memories[from_memory].as_ref().expect("members have memories");
        let is_inside = target.is_inside(to, count) && source.is_inside(from, count);
        if is_inside
            && target.is_shared_with_file(to, count)
            && source.is_shared_with_file(from, count)
        {
            return;
        }
        let first = target.status(to, count, READ_WRITE);
        let second = source.status(from, count, READ);
        let bytes = if (first, second) == (OK, OK) {
            source.get(&self.files, from, count)
        } else {
            Vec::new()
        };
        let status = unsafe { wasm_memory_copy_between(to_handle, to, from_handle, from, count) };
        if one_of(status, &either(first, second)) {
            let target = self.memories[to_memory].as_mut().expect("members have memories");
            target.put(&mut self.files, to, &bytes);
        }
        self.compare_some(to_memory, to_handle);
    }

    fn segment(&mut self) {
        if self.segments.len() < 4 && self.b.flag() {
            let count = self.b.below(600);
            let bytes = self.some_bytes(count);
            let handle = unsafe { wasm_data_segment_new(bytes.as_ptr() as P, bytes.len()) };
            assert!(!handle.is_null());
            self.segments.push((handle, bytes));
        } else if !self.segments.is_empty() {
            let at = self.b.index(self.segments.len());
            if self.b.flag() {
                unsafe { wasm_data_segment_drop(self.segments[at].0) };
                self.segments[at].1.clear();
            } else {
                unsafe { wasm_data_segment_delete(self.segments.swap_remove(at).0) };
            }
        }
        count_operation();
    }

    fn init(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        if self.segments.is_empty() {
            return;
        }
        let at = self.b.index(self.segments.len());
        let length = self.model(memory).length();
        let to = self.b.offset(length);
        let has = self.segments[at].1.len() as u64;
        let from = self.b.offset(has) as u32;
        let count = self.b.length(u64::from(from), has) as u32;
        let model = self.memories[memory].as_mut().expect("members have memories");
        let is_inside = u64::from(from) + u64::from(count) <= has;
        let expected = either(
            model.status(to, u64::from(count), READ_WRITE),
            if is_inside { OK } else { OUT_OF_BOUNDS },
        );
        let (segment, bytes) = &self.segments[at];
        let status = unsafe { wasm_memory_init(handle, to, *segment, from, count) };
        if one_of(status, &expected) {
            model.put(&mut self.files, to, &bytes[from as usize..(from + count) as usize]);
        }
        self.compare_some(memory, handle);
    }

    fn erase(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let model = self.memories[memory].as_mut().expect("members have memories");
        let length = model.length();
        let status = unsafe { wasm_memory_erase(handle) };
        if same(status, model.status(0, length, READ_WRITE)) {
            model.put(&mut self.files, 0, &vec![0; length as usize]);
        }
        self.compare(memory, handle);
    }

    fn discard(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let length = self.model(memory).length();
        let offset = self.b.offset(length);
        let count = self.b.length(offset, length);
        let model = self.memories[memory].as_mut().expect("members have memories");
        let status = unsafe { wasm_memory_discard(handle, offset, count) };
        if same(status, model.status(offset, count, READ_WRITE)) {
            model.put(&mut self.files, offset, &vec![0; count as usize]);
        }
        self.compare(memory, handle);
    }

    fn reset(&mut self) {
        let Some((member, memory, handle)) = self.pick() else { return };
        let store = self.members[member].store;
        let image = match self.b.u8() {
            choice if choice.is_multiple_of(3) || self.images.is_empty() => None,
            choice => Some(usize::from(choice) % self.images.len()),
        };
        let model = self.memories[memory].as_ref().expect("members have memories");
        let current = model.length();
        let fits = match image {
            Some(image) => self.images[image].fits(model.minimum, model.page_bytes, model.limit),
            None => Ok(model.minimum * model.page_bytes),
        };
        let mut length = fits.unwrap_or(0);
        if model.host_made {
            length = length.max(current);
        }
        let larger = length > current;
        let expected: Vec<i32> = if model.shared {
            vec![SHARED]
        } else if let Err(status) = fits {
            vec![status]
        } else if larger {
            // What lies over its pages is undone before it moves.
            let has_room = if model.may_move {
                model.has_room(length).filter(|fits| *fits)
            } else {
                model.has_room(length)
            };
            let mut expected = Vec::new();
            let allowed = self.allows(store, Some(current), length);
            if allowed != Some(true) {
                expected.push(LIMIT_DENIED);
            }
            if has_room != Some(true) {
                expected.push(OUT_OF_MEMORY);
            }
            if expected.is_empty() || allowed != Some(false) && has_room != Some(false) {
                expected.push(OK);
            }
            expected
        } else {
            vec![OK]
        };
        let image_handle = image.map_or(NULL, |image| self.images[image].handle);
        let status = unsafe { wasm_memory_reset(handle, image_handle) };
        self.heard_perhaps(store);
        if one_of(status, &expected) {
            let bytes = match image {
                Some(image) => self.images[image].contents(length),
                None => vec![0; length as usize],
            };
            let model = self.model(memory);
            model.pages.fill(PLAIN);
            model.touched.fill(true);
            model.resize(length);
            model.bytes = bytes;
            if model.length() > model.reserved {
                model.reserved = stats_of(handle).reserved_bytes;
            }
            if planted(3) && image.is_some() && length > 70_000 {
                model.bytes[69_999] ^= 0x80;
            }
        }
        self.compare(memory, handle);
    }

    fn snapshot(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let model = self.memories[memory].as_ref().expect("members have memories");
        let mut image = NULL;
        let status = unsafe { wasm_memory_image_from_memory(handle, (&raw mut image) as P) };
        let length = model.length();
        if same(status, model.status(0, length, READ)) {
            let bytes = model.get(&self.files, 0, length);
            let snapshot = Some((model.page_bytes, length / model.page_bytes));
            self.keep(Image {
                handle: image,
                snapshot,
                end: u128::from(length),
                pieces: vec![(0, bytes)],
            });
        } else {
            assert!(image.is_null());
        }
    }

    fn keep(&mut self, image: Image) {
        assert!(!image.handle.is_null());
        if self.images.len() >= 5 {
            let at = self.b.index(self.images.len());
            unsafe { wasm_memory_image_delete(self.images.swap_remove(at).handle) };
        }
        self.images.push(image);
    }

    fn image(&mut self) {
        let mut pieces = Vec::new();
        for _ in 0..self.b.below(5) {
            let offset = match self.b.u8() % 32 {
                0 => u64::MAX - u64::from(self.b.u8()),
                1 => 1 << 40,
                _ => self.b.offset(200_000).min(400_000),
            };
            let count = match self.b.u8() % 4 {
                0 => 0,
                1 => self.b.below(20_000),
                _ => self.b.below(300),
            };
            let bytes = match self.b.u8() % 4 {
                0 => vec![0; count as usize],
                _ => self.some_bytes(count),
            };
            pieces.push((offset, bytes));
        }
        let segments: Vec<_> = pieces
            .iter()
            .map(|(offset, bytes)| Segment {
                offset: *offset,
                bytes: bytes.as_ptr(),
                length: bytes.len(),
            })
            .collect();
        let end = pieces
            .iter()
            .map(|(offset, bytes)| u128::from(*offset) + bytes.len() as u128)
            .max()
            .unwrap_or(0);
        let expected: &[i32] = match end {
            _ if end > 1 << 64 => &[OUT_OF_BOUNDS],
            _ if end == 1 << 64 => &[OK, OUT_OF_BOUNDS],
            _ => &[OK],
        };
        let mut handle = NULL;
        let status = unsafe {
            wasm_memory_image_new(segments.as_ptr() as P, segments.len(), (&raw mut handle) as P)
        };
        if one_of(status, expected) {
            self.keep(Image { handle, snapshot: None, end, pieces });
        } else {
            assert!(handle.is_null());
        }
    }

    fn dirty_ranges(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let mut told: Vec<(u64, u64)> = Vec::new();
        let status =
            unsafe { wasm_memory_dirty_ranges(handle, collect as P, (&raw mut told) as P) };
        let stats = stats_of(handle);
        let model = self.memories[memory].as_ref().expect("members have memories");
        let length = model.length();
        let readable = model.status(0, length, READ);
        if !one_of(status, if readable == OK { &[OK] } else { &[OK, PROTECTED] }) {
            assert!(told.is_empty());
            return;
        }
        let granule = stats.dirty_granule_bytes;
        let mut floor = 0;
        let mut is_told = vec![false; model.pages.len()];
        for (number, (offset, count)) in told.iter().enumerate() {
            assert!(*count > 0 && (number == 0 || *offset > floor), "ranges {told:?}");
            floor = offset + count;
            assert!(floor <= length, "a range past the end");
            assert!(
                offset.is_multiple_of(GRAIN) && (floor.is_multiple_of(GRAIN) || floor == length)
            );
            is_told[model.pages_of(*offset, *count)].fill(true);
        }
        // The first write to a huge page makes all of it.
        let huge = self.engines[model.engine].huge_pages;
        let page_wise = granule == GRAIN && !huge && !model.has_mapping() && !model.all_touched;
        for (number, is_told) in is_told.iter().enumerate() {
            let start = number as u64 * GRAIN;
            let end = length.min(start + GRAIN);
            let now = model.get(&self.files, start, end - start);
            let before = model.before.get(start as usize..end as usize);
            let mut changed = before.is_none_or(|before| before != now.as_slice());
            if planted(4) {
                changed |= model.touched[number];
            }
            assert!(*is_told || !changed, "page {number} has changed and is not told");
            let has_reason = model.touched[number];
            assert!(
                !is_told || !page_wise || has_reason,
                "page {number} is told and was not touched: {told:?}"
            );
        }
    }

    fn dirty_clear(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let status = unsafe { wasm_memory_dirty_clear(handle) };
        let model = self.memories[memory].as_mut().expect("members have memories");
        let length = model.length();
        let readable = model.status(0, length, READ);
        if one_of(status, if readable == OK { &[OK] } else { &[OK, PROTECTED] }) {
            model.start_over(&self.files);
        }
    }

    /// A range of whole pages, most of the time.
    fn page_range(&mut self, memory: usize) -> (u64, u64) {
        let length = self.model(memory).length();
        let pages = length / GRAIN;
        let choice = self.b.u8();
        let offset = self.b.below(pages.max(1)) * GRAIN;
        let most = if choice & 1 == 1 { pages } else { 6 };
        let count = self.b.below((pages - offset / GRAIN).min(most) + 1) * GRAIN;
        match choice % 16 {
            0 => (self.b.offset(length), count),
            1 => (offset, self.b.length(offset, length)),
            2 => (self.b.offset(length) & !(GRAIN - 1), count),
            _ => (offset, count),
        }
    }

    /// What comes before a range is looked at, for mappings and protections.
    fn range_status(&self, memory: usize, offset: u64, count: u64) -> i32 {
        let model = self.memories[memory].as_ref().expect("members have memories");
        if model.shared {
            SHARED
        } else if model.host_made || model.heap {
            UNSUPPORTED
        } else if !offset.is_multiple_of(GRAIN) || !count.is_multiple_of(GRAIN) {
            UNALIGNED
        } else if !model.is_inside(offset, count) {
            OUT_OF_BOUNDS
        } else {
            OK
        }
    }

    fn protect(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let (offset, count) = self.page_range(memory);
        let protection = match self.b.u8() % 16 {
            0 => 3,
            1 => -1,
            choice => i32::from(choice % 3),
        };
        let mut expected = self.range_status(memory, offset, count);
        if !(0..=2).contains(&protection) {
            expected = INVALID_ARGUMENT;
        }
        let model = self.memories[memory].as_mut().expect("members have memories");
        let pages = if expected == OK { model.pages_of(offset, count) } else { 0..0 };
        if protection == READ_WRITE
            && model.pages[pages.clone()].iter().any(|page| page.mapped == Mapped::ReadOnly)
        {
            expected = PROTECTED;
        }
        let status = unsafe { wasm_memory_protect(handle, offset, count, protection) };
        if same(status, expected) {
            model.pages[pages].iter_mut().for_each(|page| page.protection = protection);
            model.touch(offset, count);
        }
        self.compare_some(memory, handle);
    }

    fn map_file(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let (offset, count) = self.page_range(memory);
        let flags = u32::from(self.b.u8() % 4);
        let page = self.b.below(FILE_PAGES);
        let file_offset = page * GRAIN + u64::from(self.b.u8().is_multiple_of(32));
        let count = if count > (FILE_PAGES - page) * GRAIN && self.b.u8() % 4 != 0 {
            (FILE_PAGES - page) * GRAIN
        } else {
            count
        };
        let mut expected = self.range_status(memory, offset, count);
        if flags == 0 {
            expected = INVALID_ARGUMENT;
        } else if (expected == OK || expected == OUT_OF_BOUNDS)
            && !file_offset.is_multiple_of(GRAIN)
        {
            expected = UNALIGNED;
        } else if expected == OK && count > 0 && file_offset + count > FILE_PAGES * GRAIN {
            expected = IO;
        }
        let shared = flags == 3;
        // Twice in one memory, and one write would write a byte twice, in an order that has no rule.
        let from = file_offset / GRAIN..(file_offset + count.min(1 << 30)).div_ceil(GRAIN);
        let again =
            |page: &HostPage| matches!(page.mapped, Mapped::Shared(at) if from.contains(&at));
        if shared && self.model(memory).pages.iter().any(again) {
            return;
        }
        let fd = if shared { self.files.shared } else { self.files.constant };
        let status =
            unsafe { wasm_memory_map_file(handle, offset, fd as isize, file_offset, count, flags) };
        if same(status, expected) {
            let model = self.memories[memory].as_mut().expect("members have memories");
            for number in model.pages_of(offset, count) {
                let from = file_offset / GRAIN + number as u64 - offset / GRAIN;
                let (mapped, protection) = match flags {
                    1 => (Mapped::ReadOnly, READ),
                    2 => (Mapped::Private, READ_WRITE),
                    _ => (Mapped::Shared(from), READ_WRITE),
                };
                model.pages[number] = HostPage { mapped, protection };
                if !shared {
                    let bytes: Vec<u8> =
                        (from * GRAIN..(from + 1) * GRAIN).map(constant_byte).collect();
                    let start = number * GRAIN as usize;
                    model.bytes[start..start + GRAIN as usize].copy_from_slice(&bytes);
                }
                model.touched[number] = true;
            }
            model.all_touched |= count > 0;
        }
        self.compare_some(memory, handle);
    }

    fn unmap(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let (offset, count) = self.page_range(memory);
        let expected = self.range_status(memory, offset, count);
        let status = unsafe { wasm_memory_unmap(handle, offset, count) };
        if same(status, expected) {
            let model = self.memories[memory].as_mut().expect("members have memories");
            let pages = model.pages_of(offset, count);
            model.pages[pages].fill(PLAIN);
            model.put(&mut self.files, offset, &vec![0; count as usize]);
        }
        self.compare(memory, handle);
    }

    fn atomic(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let length = self.model(memory).length();
        let offset = self.b.offset(length);
        let width = 1u64 << (self.b.u8() % 4);
        let offset = if self.b.u8() % 4 != 0 { offset & !(width - 1) } else { offset };
        let mask = u64::MAX >> (64 - 8 * width);
        let operand = self.b.u64();
        let kind = self.b.u8() % 9;
        let model = self.memories[memory].as_mut().expect("members have memories");
        let mut expected = model.status(offset, width, if kind == 0 { READ } else { READ_WRITE });
        if !offset.is_multiple_of(width) {
            expected = UNALIGNED;
        }
        let mut old = 0;
        if expected == OK {
            let mut bytes = [0; 8];
            bytes[..width as usize].copy_from_slice(&model.get(&self.files, offset, width));
            old = u64::from_le_bytes(bytes);
        }
        let hit = self.b.flag();
        let replaced = (if hit { old } else { !old }) & mask;
        let mut out = u64::MAX;
        let at = (&raw mut out) as P;
        let status = unsafe {
            match (kind, width) {
                (0, 1) => wasm_memory_atomic_load8(handle, offset, at),
                (0, 2) => wasm_memory_atomic_load16(handle, offset, at),
                (0, 4) => wasm_memory_atomic_load32(handle, offset, at),
                (0, _) => wasm_memory_atomic_load64(handle, offset, at),
                (1, 1) => wasm_memory_atomic_store8(handle, offset, operand as u8),
                (1, 2) => wasm_memory_atomic_store16(handle, offset, operand as u16),
                (1, 4) => wasm_memory_atomic_store32(handle, offset, operand as u32),
                (1, _) => wasm_memory_atomic_store64(handle, offset, operand),
                (2, 1) => {
                    wasm_memory_atomic_cmpxchg8(handle, offset, replaced as u8, operand as u8, at)
                }
                (2, 2) => wasm_memory_atomic_cmpxchg16(
                    handle,
                    offset,
                    replaced as u16,
                    operand as u16,
                    at,
                ),
                (2, 4) => wasm_memory_atomic_cmpxchg32(
                    handle,
                    offset,
                    replaced as u32,
                    operand as u32,
                    at,
                ),
                (2, _) => wasm_memory_atomic_cmpxchg64(handle, offset, replaced, operand, at),
                (_, 1) => {
                    wasm_memory_atomic_rmw8(handle, i32::from(kind) - 3, offset, operand as u8, at)
                }
                (_, 2) => wasm_memory_atomic_rmw16(
                    handle,
                    i32::from(kind) - 3,
                    offset,
                    operand as u16,
                    at,
                ),
                (_, 4) => wasm_memory_atomic_rmw32(
                    handle,
                    i32::from(kind) - 3,
                    offset,
                    operand as u32,
                    at,
                ),
                (_, _) => {
                    wasm_memory_atomic_rmw64(handle, i32::from(kind) - 3, offset, operand, at)
                }
            }
        };
        let done = same(status, expected);
        if kind != 1 {
            let expected = if done { old } else { 0 };
            assert_eq!(out & mask, expected, "the old number");
            assert_eq!(out | mask, u64::MAX, "more was written than the number");
        }
        if done && kind != 0 {
            let new = match kind {
                1 => operand,
                2 if hit => operand,
                2 => old,
                3 => old.wrapping_add(operand),
                4 => old.wrapping_sub(operand),
                5 => old & operand,
                6 => old | operand,
                7 => old ^ operand,
                _ => operand,
            };
            model.put(&mut self.files, offset, &new.to_le_bytes()[..width as usize]);
        }
    }

    fn wait_and_notify(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let length = self.model(memory).length();
        let offset = self.b.offset(length);
        let wide = self.b.flag();
        let width = if wide { 8 } else { 4 };
        let offset = if self.b.u8() % 4 != 0 { offset & !(width - 1) } else { offset };
        let model = self.memories[memory].as_mut().expect("members have memories");
        match self.b.u8() % 8 {
            0..=3 => {
                let expected = match model.is_inside(offset, 4) {
                    _ if !offset.is_multiple_of(4) => UNALIGNED,
                    true => OK,
                    false => OUT_OF_BOUNDS,
                };
                let mut woken = 77u32;
                let status = unsafe {
                    wasm_memory_atomic_notify(handle, offset, u32::MAX, (&raw mut woken) as P)
                };
                same(status, expected);
                assert_eq!(woken, 0);
            }
            4 => {
                let status = unsafe { wasm_memory_interrupt_waiters(handle, NULL) };
                same(status, if model.shared { OK } else { NOT_SHARED });
            }
            5 if self.b.u8().is_multiple_of(8) => {
                let status = unsafe { wasm_memory_close_waiters(handle) };
                if same(status, if model.shared { OK } else { NOT_SHARED }) {
                    model.closed = true;
                }
            }
            _ => {
                let expected = if !offset.is_multiple_of(width) {
                    UNALIGNED
                } else if !model.shared {
                    NOT_SHARED
                } else if !model.is_inside(offset, width) {
                    OUT_OF_BOUNDS
                } else if model.closed {
                    CLOSED
                } else {
                    OK
                };
                let mut number = [0; 8];
                if expected == OK {
                    let bytes = model.get(&self.files, offset, width);
                    number[..width as usize].copy_from_slice(&bytes);
                }
                let hit = self.b.flag();
                let number = u64::from_le_bytes(number) ^ u64::from(!hit);
                let mut result = 77i32;
                let at = (&raw mut result) as P;
                let status = unsafe {
                    match wide {
                        true => wasm_memory_atomic_wait64(handle, offset, number, 0, at),
                        false => wasm_memory_atomic_wait32(handle, offset, number as u32, 0, at),
                    }
                };
                let done = same(status, expected);
                let answer = if hit { WAIT_TIMED_OUT } else { WAIT_MISMATCH };
                assert_eq!(result, if done { answer } else { 0 });
            }
        }
    }

    fn stats(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let model = self.memories[memory].as_ref().expect("members have memories");
        let stats = stats_of(handle);
        count_operation();
        assert_eq!(stats.byte_length, model.length());
        assert_eq!(stats.peak_bytes, model.peak, "peak");
        assert_eq!(stats.grow_count, model.grows, "growths");
        assert_eq!(stats.grow_failures, model.failures, "failed growths");
        assert_eq!(stats.waiters, 0);
        assert_eq!(stats.shared, model.shared);
        assert_eq!(stats.map_alignment_bytes, GRAIN);
        assert!(stats.reserved_bytes >= stats.byte_length, "reserved {}", stats.reserved_bytes);
        assert!(stats.committed_bytes >= stats.byte_length, "committed {}", stats.committed_bytes);
        assert!(stats.reserved_bytes >= model.reserved, "the reservation became smaller");
        assert!(stats.bounds == BOUNDS_GUARDED || stats.bounds == BOUNDS_CHECKED);
        assert!(model.page_bytes != 1 || stats.bounds == BOUNDS_CHECKED);
    }

    fn lend(&mut self) {
        let Some((member, memory, handle)) = self.pick() else { return };
        let exclusive = self.b.flag();
        struct Lent<'a, 'b>(&'a mut World<'b>, usize, usize, P, bool, u32);
        unsafe extern "C" fn inside(env: P, data: P, length: usize) {
            // SAFETY: the env is the `Lent` of the caller, who waits.
            let Lent(world, member, memory, handle, exclusive, calls) =
                unsafe { &mut *env.cast::<Lent<'_, '_>>() };
            *calls += 1;
            let (member, memory, handle) = (*member, *memory, *handle);
            assert_eq!(length as u64, world.model(memory).length());
            assert_eq!(data, unsafe { wasm_memory_data(handle) });
            let mut out = 77u64;
            let at = (&raw mut out) as P;
            unsafe {
                let read =
                    if *exclusive { BORROWED } else { world.model(memory).status(0, 1, READ) };
                same(wasm_memory_load_u8(handle, 0, at), read);
                same(wasm_memory_store_u8(handle, 0, 1), BORROWED);
                same(wasm_memory_erase(handle), BORROWED);
                same(wasm_memory_dirty_clear(handle), BORROWED);
                same(wasm_memory_reset(handle, NULL), BORROWED);
                same(wasm_memory_with_data_mut(handle, nothing as P, NULL), BORROWED);
                let again = if *exclusive { BORROWED } else { OK };
                same(wasm_memory_with_data(handle, nothing as P, NULL), again);
                same(wasm_memory_atomic_store32(handle, 0, 1), BORROWED);
                let between = wasm_memory_copy_between(handle, 0, handle, 0, 0);
                same(between, BORROWED);
            }
            world.grow_by(member, memory, handle, 1, true);
        }
        unsafe extern "C" fn nothing(_env: P, _data: P, _length: usize) {}
        let expected = if self.model(memory).shared { SHARED } else { OK };
        let mut lent = Lent(self, member, memory, handle, exclusive, 0);
        let env = (&raw mut lent) as P;
        let status = unsafe {
            match exclusive {
                true => wasm_memory_with_data_mut(handle, inside as P, env),
                false => wasm_memory_with_data(handle, inside as P, env),
            }
        };
        let done = same(status, expected);
        assert_eq!(lent.5, u32::from(done));
    }

    fn handles(&mut self) {
        let Some((member, memory, handle)) = self.pick() else { return };
        count_operation();
        if self.members[member].handles.len() < 4 && self.b.flag() {
            let copy = unsafe { wasm_memory_copy(handle) };
            assert!(unsafe { wasm_memory_same(copy, handle) });
            self.members[member].handles.push(copy);
            return;
        }
        let handles = &mut self.members[member].handles;
        let at = handles.iter().position(|one| *one == handle).expect("it was picked");
        unsafe { wasm_memory_delete(handles.swap_remove(at)) };
        if handles.is_empty() {
            self.members.swap_remove(member);
        }
        let is_left = self.members.iter().any(|member| member.memory == memory);
        if !is_left && self.model(memory).tokens.is_empty() {
            self.memories[memory] = None;
        }
    }

    fn share(&mut self) {
        // A token of a memory, a handle of a token, or one token less.
        match self.b.u8() % 3 {
            0 => {
                let Some((_, memory, handle)) = self.pick() else { return };
                let token = unsafe { wasm_memory_share(handle) };
                count_operation();
                let model = self.model(memory);
                assert_eq!(!token.is_null(), model.shared);
                if model.shared {
                    model.tokens.push(token);
                }
            }
            1 => {
                let store = self.b.index(self.stores.len());
                let Some(memory) = self.with_token() else { return };
                let model = self.memories[memory].as_ref().expect("it has a token");
                let token = model.tokens[0];
                let allowed = self.allows(store, None, model.length());
                let handle = unsafe { wasm_memory_obtain(self.stores[store].handle, token) };
                count_operation();
                let done = !handle.is_null();
                assert!(
                    allowed.is_none_or(|allowed| allowed == done),
                    "obtained: {done}, allowed: {allowed:?}"
                );
                self.heard(store, !done);
                if done {
                    self.members.push(Member { memory, store, handles: vec![handle] });
                    self.compare(memory, handle);
                }
            }
            _ => {
                let Some(memory) = self.with_token() else { return };
                let token = self.model(memory).tokens.swap_remove(0);
                unsafe { wasm_shared_memory_delete(token) };
                count_operation();
                let is_left = self.members.iter().any(|member| member.memory == memory);
                if !is_left && self.model(memory).tokens.is_empty() {
                    self.memories[memory] = None;
                }
            }
        }
    }

    fn with_token(&mut self) -> Option<usize> {
        let has = |memory: &Option<Memory>| {
            memory.as_ref().is_some_and(|memory| !memory.tokens.is_empty())
        };
        let all: Vec<_> = (0..self.memories.len()).filter(|at| has(&self.memories[*at])).collect();
        let at = self.b.index(all.len());
        all.get(at).copied()
    }

    fn limits(&mut self) {
        let store = self.b.index(self.stores.len());
        let some = |b: &mut Bytes<'_>, most: u64| match b.u8() % 3 {
            0 => u64::MAX,
            1 => b.below(most),
            _ => b.below(most / 65_536 + 3) * 65_536,
        };
        let b = &mut self.b;
        let values =
            [some(b, LARGEST), some(b, 3 * LARGEST), if b.flag() { u64::MAX } else { b.below(5) }];
        let limits = Limits {
            struct_size: size_of::<Limits>(),
            max_memory_bytes: values[0],
            max_total_bytes: values[1],
            max_memories: values[2],
        };
        let none = b.u8() % 3 == 0;
        let limits = if none { NULL } else { (&raw const limits) as P };
        same(unsafe { wasm_store_limits_set(self.stores[store].handle, limits) }, OK);
        self.stores[store].limits = if none { [u64::MAX; 3] } else { values };
    }

    fn limiter(&mut self) {
        let store = self.b.index(self.stores.len());
        let told = match self.b.u8() % 3 {
            0 => None,
            _ => {
                let most = self.b.below(LARGEST);
                // Never freed: finalizers of idle things may come late.
                Some(&*Box::leak(Box::new(Told {
                    most,
                    failures: Cell::new(0),
                    finalized: Cell::new(0),
                })))
            }
        };
        let limiter = told.map(|told: &'static Told| Limiter {
            struct_size: size_of::<Limiter>(),
            env: (&raw const *told) as P,
            memory_growing: Some(decide),
            memory_grow_failed: Some(hear),
            finalizer: Some(finalize),
        });
        let at = limiter.as_ref().map_or(NULL, |limiter| (&raw const *limiter) as P);
        same(unsafe { wasm_store_limiter_set(self.stores[store].handle, at) }, OK);
        self.retire(store);
        self.stores[store].limiter = told;
        self.stores[store].failures = 0;
    }

    /// The limiter of a store is used no more.
    fn retire(&mut self, store: usize) {
        if let Some(told) = self.stores[store].limiter.take() {
            assert_eq!(told.finalized.get(), 1, "finalized");
            // SAFETY: it was leaked by `limiter`, and its finalizer has run.
            drop(unsafe { Box::from_raw((&raw const *told).cast_mut()) });
        }
    }

    fn pool(&mut self) {
        let engine = self.b.index(self.engines.len());
        let Engine { handle, slots, may_move, .. } = self.engines[engine];
        if self.b.flag() {
            same(unsafe { wasm_engine_pool_trim(handle) }, OK);
        }
        let mut stats = core::mem::MaybeUninit::<PoolStats>::zeroed();
        // SAFETY: a structure of numbers, all of which are written.
        let stats = unsafe {
            (*stats.as_mut_ptr()).struct_size = size_of::<PoolStats>();
            same(wasm_engine_pool_stats(handle, stats.as_mut_ptr() as P), OK);
            stats.assume_init()
        };
        assert_eq!(stats.retired, 0, "slots were given up");
        if let Some((slots, ..)) = slots {
            assert!(stats.live <= slots, "{} live of {slots}", stats.live);
            let live = self
                .memories
                .iter()
                .flatten()
                .filter(|one| one.engine == engine && one.pooled)
                .count();
            assert!(stats.live <= live as u64 || may_move, "{} live, {live} made", stats.live);
        }
    }

    fn queries(&mut self) {
        let Some((member, memory, handle)) = self.pick() else { return };
        let store = self.members[member].store;
        let data = self.stores[store].data;
        let model = self.memories[memory].as_ref().expect("members have memories");
        let pages = model.length() / model.page_bytes;
        count_operation();
        unsafe {
            assert_eq!(wasm_memory_pages(handle), pages);
            assert_eq!(u64::from(wasm_memory_size(handle)), pages);
            assert_eq!(wasm_memory_page_size(handle), model.page_bytes);
            assert_eq!(wasm_memory_initial_pages(handle) >= model.minimum, true);
            let ty = wasm_memory_type(handle);
            assert_eq!(wasm_memorytype_minimum(ty), pages);
            assert_eq!(wasm_memorytype_is64(ty), model.is_64);
            assert_eq!(wasm_memorytype_isshared(ty), model.shared);
            wasm_memorytype_delete(ty);
            let (mut base, mut length, mut told) = (NULL, 77usize, NULL);
            let status = wasm_memory_data_and_store(
                handle,
                (&raw mut base) as P,
                (&raw mut length) as P,
                (&raw mut told) as P,
            );
            same(status, OK);
            assert_eq!(
                (base, length as u64, told as u64),
                (wasm_memory_data(handle), model.length(), data)
            );
            let view = wasm_memory_view(handle).cast::<usize>();
            assert_eq!((view.read() as P, view.add(1).read() as u64), (base, model.length()));
            let (mut start, mut count) = (NULL, 0usize);
            same(wasm_memory_accessible(handle, (&raw mut start) as P, (&raw mut count) as P), OK);
            assert!(
                start <= base && base as usize + length <= start as usize + count,
                "accessible"
            );
        }
        self.compare(memory, handle);
    }

    fn hexdump(&mut self) {
        let Some((_, memory, handle)) = self.pick() else { return };
        let length = self.model(memory).length();
        let offset = self.b.offset(length);
        let count = self.b.length(offset, length).min(2000);
        let capacity = self.b.below(6000) as usize;
        let model = self.memories[memory].as_ref().expect("members have memories");
        let expected = model.status(offset, count, READ);
        let mut buffer = vec![0xaau8; capacity + 1];
        let mut needed = 77usize;
        let status = unsafe {
            wasm_memory_hexdump(
                handle,
                offset,
                count,
                buffer.as_mut_ptr() as P,
                capacity,
                (&raw mut needed) as P,
            )
        };
        if !same(status, expected) {
            assert_eq!(needed, 0);
            assert!(buffer.iter().all(|byte| *byte == 0xaa));
            return;
        }
        assert_eq!(buffer[capacity], 0xaa);
        let text: Vec<u8> =
            buffer[..capacity].iter().copied().take_while(|byte| *byte != 0).collect();
        assert_eq!(text.len(), needed.min(capacity.saturating_sub(1)), "length of the text");
        if needed < capacity {
            // Each byte is there, in order.
            let text = String::from_utf8(text).expect("ASCII");
            let bytes: Vec<u8> = text
                .lines()
                .skip(1)
                .filter_map(|line| line.split_once(": "))
                .flat_map(|(_, line)| {
                    line.split("  |").next().unwrap_or_default().split_whitespace()
                })
                .map(|number| u8::from_str_radix(number, 16).expect("hexadecimal"))
                .collect();
            assert_eq!(bytes, model.get(&self.files, offset, count), "{text}");
        }
    }

    fn tear_down(&mut self) {
        for memory in 0..self.memories.len() {
            let handle = self
                .members
                .iter()
                .find(|member| member.memory == memory)
                .map(|member| member.handles[0]);
            if let Some(handle) = handle {
                self.compare(memory, handle);
            }
            self.remove(memory);
        }
        for at in 0..self.stores.len() {
            unsafe { wasm_store_delete(self.stores[at].handle) };
            self.retire(at);
        }
        for (segment, _) in self.segments.drain(..) {
            unsafe { wasm_data_segment_delete(segment) };
        }
        for image in self.images.drain(..) {
            unsafe { wasm_memory_image_delete(image.handle) };
        }
        for engine in self.engines.drain(..) {
            unsafe { wasm_engine_delete(engine.handle) };
        }
        let live = host::LIVE.load(std::sync::atomic::Ordering::Relaxed);
        assert_eq!(live, 0, "memories of the host's that were not finalized");
    }
}

const BOUNDS_GUARDED_U8: u8 = BOUNDS_GUARDED as u8;

type Load = unsafe extern "C" fn(P, u64, P) -> i32;

const LOADS: [(usize, Load); 7] = [
    (1, wasm_memory_load_u8),
    (2, wasm_memory_load_u16),
    (4, wasm_memory_load_u32),
    (8, wasm_memory_load_u64),
    (4, wasm_memory_load_f32),
    (8, wasm_memory_load_f64),
    (16, wasm_memory_load_v128),
];

fn stats_of(handle: P) -> Stats {
    let mut stats = core::mem::MaybeUninit::<structs::Stats>::zeroed();
    // SAFETY: a structure of numbers, with its size; the memory lives.
    unsafe {
        (*stats.as_mut_ptr()).struct_size = size_of::<Stats>();
        assert_eq!(wasm_memory_stats(handle, stats.as_mut_ptr() as P), OK);
        stats.assume_init()
    }
}
