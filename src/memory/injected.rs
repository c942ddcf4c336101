//! What must hold whichever system call fails, tried with engines of all kinds: nobody sees bytes of others, and a call
//! that fails changes nothing. And the stories of defects that there were.

use super::Memory;
use crate::engine::Engine;
use crate::error::Error;
use crate::image::{MemoryImage, Segment};
use crate::plan::{Bounds, BoundsPolicy, Policy, PoolOptions};
use crate::sys::injection::{refuse_after, refuse_one};
use crate::sys::{self, FileMapping, Protection};
use crate::types::{IndexType, MemoryType};
use crate::units::Pages;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;
use std::thread;

const WASM_PAGE: usize = 65_536;
/// No memory in here has more bytes than this.
const LONGEST: usize = 24 * WASM_PAGE;

fn i32_type(minimum: usize, maximum: Option<usize>) -> MemoryType {
    let maximum = maximum.map(|maximum| maximum as u64);
    MemoryType::new(IndexType::I32, minimum as u64, maximum).unwrap()
}

fn engine(bounds: BoundsPolicy, pool: Option<PoolOptions>) -> Engine {
    Engine::new(Policy { bounds, pool, ..Policy::default() }).unwrap()
}

/// Lets the system refuse nothing more.
fn refuse_nothing() {
    refuse_after(None);
}

/// The ways to refuse: one call after some, or all after some.
fn ways_to_refuse() -> impl Iterator<Item = (u32, bool)> {
    (0..10).flat_map(|calls| [(calls, false), (calls, true)])
}

fn refuse((calls, all): (u32, bool)) {
    if all { refuse_after(Some(calls)) } else { refuse_one(calls) }
}

/// Whether an access to a byte faults, found out without one.
fn faults(base: *mut u8, at: usize) -> bool {
    let mut byte = 0u8;
    // SAFETY: the kernel looks whether the byte can be read, wherever it is.
    unsafe { sys::copy_by_kernel(base.wrapping_add(at), &raw mut byte, 1) }.is_err()
}

/// The bytes of a memory that nobody writes to while they are looked at.
fn bytes_of(memory: &Memory) -> &[u8] {
    // SAFETY: base and length of a live memory, all of which the callers know to be readable.
    unsafe { core::slice::from_raw_parts(memory.base(), memory.byte_length()) }
}

/// Writes as the guest does, without the library.
fn guest_writes(memory: &Memory, at: usize, byte: u8, count: usize) {
    assert!(at + count <= memory.byte_length());
    // SAFETY: inside of a live memory that is readable and writable there.
    unsafe { memory.base().add(at).write_bytes(byte, count) };
}

/// Whether all bytes are the same one; in a test build, that is faster by a comparison.
fn consists_of(bytes: &[u8], byte: u8) -> bool {
    bytes == vec![byte; bytes.len()]
}

fn has_zeros_alone(memory: &Memory) -> bool {
    consists_of(bytes_of(memory), 0)
}

/// Everything that generated code could reach behind a guarded memory faults.
fn is_guarded(memory: &Memory) -> bool {
    memory.stats().bounds == Bounds::Checked
        || (memory.byte_length()..LONGEST + WASM_PAGE)
            .step_by(3 * WASM_PAGE)
            .all(|at| faults(memory.base(), at))
}

/// What the system says is in memory of a range.
fn resident_bytes(base: *mut u8, bytes: usize) -> Option<u64> {
    sys::resident_bytes(NonNull::new(base)?, bytes, sys::host().page_bytes)
}

/// Whether the system tells which pages were written.
fn tells_written_pages(memory: &Memory) -> bool {
    let (start, bytes) = (NonNull::new(memory.base()).unwrap(), memory.byte_length());
    sys::written_pages(start, bytes, Tenant::page_bytes(), |_| {}).is_ok()
}

/// Tells why a test has not tried anything.
fn skipped(why: &str) {
    println!("skipped: {why}");
}

/// A file that is gone in the end.
struct TemporaryFile {
    path: PathBuf,
    file: File,
}

impl TemporaryFile {
    fn new(bytes: &[u8]) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("wasm_memory-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::write(&path, bytes).unwrap();
        let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        Self { path, file }
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// The number that the system knows an open file by.
fn descriptor(file: &File) -> isize {
    #[cfg(all(unix, not(wasm_memory_portable)))]
    {
        std::os::fd::AsRawFd::as_raw_fd(file) as isize
    }
    #[cfg(not(all(unix, not(wasm_memory_portable))))]
    {
        let _ = file;
        -1
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % limit as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

/// An image, and what should be in it.
struct Start {
    image: MemoryImage,
    bytes: Vec<u8>,
    /// The size of a snapshot; images of segments go into memories of any size that holds them.
    pages: Option<usize>,
}

impl Start {
    /// Images of segments: some that are copied, some that are mapped, one in too many pieces for that.
    fn some(random: &mut Random) -> Vec<Self> {
        let kinds =
            [(1, 1, 100), (1, 3, 5000), (4, 2, 100_000), (16, 2, 600_000), (16, 12, 60_000)];
        let mut starts: Vec<_> = kinds
            .into_iter()
            .map(|(pages, count, longest)| {
                let segments = (0..count).map(|_| {
                    let length = 1 + random.below(longest);
                    let offset = random.below(pages * WASM_PAGE - length + 1);
                    (offset, vec![0x80 | random.below(127) as u8; length])
                });
                Self::of_segments(&segments.collect::<Vec<_>>())
            })
            .collect();
        starts.push(Self::of_segments(&[(0, vec![0xa5; 6 * WASM_PAGE])]));
        starts
    }

    fn of_segments(segments: &[(usize, Vec<u8>)]) -> Self {
        let end = segments.iter().map(|(offset, bytes)| offset + bytes.len()).max();
        let mut bytes = vec![0; end.unwrap_or(0)];
        for (offset, own) in segments {
            bytes[*offset..*offset + own.len()].copy_from_slice(own);
        }
        let segments: Vec<_> = segments
            .iter()
            .map(|(offset, bytes)| Segment { offset: *offset as u64, bytes })
            .collect();
        Self { image: MemoryImage::new(&segments).unwrap(), bytes, pages: None }
    }

    /// What a memory has that starts with it; `None` if it does not fit the type.
    fn contents(start: Option<&Self>, minimum: usize, maximum: usize) -> Option<Vec<u8>> {
        let pages = start.and_then(|start| start.pages).unwrap_or(0).max(minimum);
        let own = start.map_or(&[][..], |start| &start.bytes);
        let mut bytes = vec![0; pages * WASM_PAGE];
        bytes.get_mut(..own.len())?.copy_from_slice(own);
        (pages <= maximum).then_some(bytes)
    }
}

/// What a page of the host in a memory is.
#[derive(Clone, Copy, PartialEq, Debug)]
struct Cell {
    file: Option<FileMapping>,
    rights: Protection,
}

const OWN: Cell = Cell { file: None, rights: Protection::ReadWrite };
/// The byte that the file consists of.
const OF_FILE: u8 = 0xee;
const FILE_PAGES: usize = 8;

impl Cell {
    /// Whether the guest may write there, and nobody else sees it.
    fn is_writable(&self) -> bool {
        let private = matches!(self.file, None | Some(FileMapping::CopyOnWrite));
        private && self.rights == Protection::ReadWrite
    }
}

/// A memory, and what should be in it.
struct Tenant {
    memory: Memory,
    bytes: Vec<u8>,
    cells: Vec<Cell>,
    minimum: usize,
    maximum: usize,
    /// Whether it may have less room than the options ask for, because the system refused that.
    is_reduced: bool,
}

impl Tenant {
    fn page_bytes() -> usize {
        sys::host().page_bytes
    }

    /// It has these bytes now, and nothing else in it.
    fn is_now(&mut self, bytes: Vec<u8>) {
        self.cells = vec![OWN; bytes.len() / Self::page_bytes()];
        self.bytes = bytes;
    }

    fn is_plain(&self) -> bool {
        self.cells.iter().all(|cell| *cell == OWN)
    }

    /// The cells that have bytes of a range.
    fn cells_of(&self, at: usize, count: usize) -> &[Cell] {
        let page = Self::page_bytes();
        if count == 0 { &[] } else { &self.cells[at / page..(at + count).div_ceil(page)] }
    }

    /// Fails where the memory is not what the model says.
    fn check(&self) -> Result<(), String> {
        let (page, base) = (Self::page_bytes(), self.memory.base());
        let length = self.memory.byte_length();
        if length != self.bytes.len() {
            return Err(format!("{length} bytes, but {} expected", self.bytes.len()));
        }
        if !is_guarded(&self.memory) {
            return Err(format!("a byte past the end, {length}, can be read"));
        }
        if self.is_plain() {
            return self.check_bytes(0, length);
        }
        for (index, cell) in self.cells.iter().enumerate() {
            let at = index * page;
            if cell.rights != Protection::None {
                self.check_bytes(at, page)?;
            } else if !faults(base, at) {
                return Err(format!("byte {at} can be read, which a protection forbids"));
            }
        }
        Ok(())
    }

    fn check_bytes(&self, at: usize, count: usize) -> Result<(), String> {
        // SAFETY: below the length of the memory, and readable there.
        let found = unsafe { core::slice::from_raw_parts(self.memory.base().add(at), count) };
        let expected = &self.bytes[at..at + count];
        if found == expected {
            return Ok(());
        }
        let wrong = found.iter().zip(expected).position(|(found, expected)| found != expected);
        let wrong = wrong.unwrap_or(0);
        let (found, expected) = (found[wrong], expected[wrong]);
        Err(format!("byte {} is {found:#x}, but {expected:#x} expected", at + wrong))
    }

    /// A reset was refused: mappings and protections may have been undone then, and nothing else. Goes on with zeros.
    fn after_refused_reset(&mut self) -> Result<(), String> {
        let page = Self::page_bytes();
        for (index, cell) in self.cells.clone().into_iter().enumerate() {
            let at = index * page;
            if cell == OWN || !faults(self.memory.base(), at) {
                let bytes = self.check_bytes(at, page);
                if bytes.is_err() && cell.file.is_some() {
                    self.bytes[at..at + page].fill(0);
                    self.check_bytes(at, page)?;
                } else {
                    bytes?;
                }
            } else if cell.rights != Protection::None {
                return Err(format!("byte {at} can no longer be read"));
            }
        }
        let reset = self.memory.reset(None);
        self.is_now(vec![0; self.minimum * WASM_PAGE]);
        reset.map_err(|error| format!("a reset without refusals: {error}"))
    }
}

/// An engine and its memories.
struct World {
    engine: Engine,
    random: Random,
    starts: Vec<Start>,
    tenants: Vec<Tenant>,
    file: TemporaryFile,
    /// How many memories were made.
    made: u64,
    /// Whether the system refuses all calls from some moment on, in what was done last.
    refuses_all: bool,
    /// What was done last.
    what: String,
}

impl World {
    fn new(policy: Policy, seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self {
            engine: Engine::new(policy).unwrap(),
            starts: Start::some(&mut random),
            random,
            tenants: Vec::new(),
            file: TemporaryFile::new(&vec![OF_FILE; FILE_PAGES * Tenant::page_bytes()]),
            made: 0,
            refuses_all: false,
            what: String::new(),
        }
    }

    /// Lets the system refuse something from now on, or nothing; says whether it may.
    fn maybe_refuse(&mut self) -> bool {
        // Most of what is done asks the system for little.
        let most = self.random.one_of(&[3, 12]);
        let calls = self.random.below(most) as u32;
        let how = match self.random.below(4) {
            0 | 1 => Some(false),
            2 => Some(true),
            _ => None,
        };
        self.refuses_all = how == Some(true);
        let Some(all) = how else {
            self.what.push_str(", nothing refused");
            return false;
        };
        self.what.push_str(&format!(", refused after {calls}{}", if all { ": all" } else { "" }));
        refuse((calls, all));
        true
    }

    /// One step; fails where something was possible or impossible that should not be.
    fn step(&mut self) -> Result<(), String> {
        let operation = self.random.below(22);
        self.what.clear();
        if self.tenants.is_empty() || operation < 4 {
            return if self.tenants.len() < 5 { self.create() } else { Ok(()) };
        }
        let index = self.random.below(self.tenants.len());
        match operation {
            4..=6 => self.delete(index),
            7..=10 => self.write(index),
            11 | 12 => self.grow(index),
            13..=15 => self.reset(index)?,
            16 => self.discard(index)?,
            17..=19 => self.overlay(index)?,
            20 => self.snapshot(index)?,
            _ => {
                self.what = "trim".into();
                self.maybe_refuse();
                self.engine.trim_pool();
            }
        }
        Ok(())
    }

    /// One of the images, or none.
    fn choose(&mut self) -> Option<usize> {
        Some(self.random.below(self.starts.len() + 3)).filter(|index| *index < self.starts.len())
    }

    fn create(&mut self) -> Result<(), String> {
        let minimum = self.random.one_of(&[1, 1, 2, 4, 8, 16]);
        let maximum = self.random.one_of(&[4, 16, 24]).max(minimum);
        let chosen = self.choose();
        self.what = format!("create {minimum}..{maximum} with {chosen:?}");
        let may_refuse = self.maybe_refuse();
        let start = chosen.map(|index| &self.starts[index]);
        let ty = i32_type(minimum, Some(maximum));
        let made = match start {
            Some(start) => Memory::from_image(&self.engine, ty, &start.image),
            None => Memory::new(&self.engine, ty),
        };
        refuse_nothing();
        match (made, Start::contents(start, minimum, maximum)) {
            (Ok(memory), Some(bytes)) => {
                self.made += 1;
                let stats = memory.stats();
                let is_reduced = stats.reserved_bytes == stats.byte_length;
                let cells = Vec::new();
                let mut tenant =
                    Tenant { memory, bytes: Vec::new(), cells, minimum, maximum, is_reduced };
                tenant.is_now(bytes);
                self.tenants.push(tenant);
                Ok(())
            }
            (Ok(_), None) => Err("an image that does not fit was accepted".into()),
            (Err(error), Some(_)) if !may_refuse => Err(format!("no memory: {error}")),
            (Err(_), _) => Ok(()),
        }
    }

    fn delete(&mut self, index: usize) {
        let tenant = self.tenants.swap_remove(index);
        self.what = format!("delete {:?}", tenant.memory.base());
        self.maybe_refuse();
        drop(tenant);
    }

    fn write(&mut self, index: usize) {
        let (tenant, random) = (&mut self.tenants[index], &mut self.random);
        for _ in 0..1 + random.below(4) {
            let longest = random.one_of(&[8, 4096, 20_000, 300_000, LONGEST]);
            let count = (1 + random.below(longest)).min(tenant.bytes.len());
            let at = random.below(tenant.bytes.len() - count + 1);
            let byte = 1 + random.below(127) as u8;
            if tenant.cells_of(at, count).iter().all(Cell::is_writable) {
                guest_writes(&tenant.memory, at, byte, count);
                tenant.bytes[at..at + count].fill(byte);
                self.what.push_str(&format!("write {:?} {at} {count}; ", tenant.memory.base()));
            }
        }
    }

    fn grow(&mut self, index: usize) {
        let delta = 1 + self.random.below(6);
        self.what = format!("grow {:?} by {delta}", self.tenants[index].memory.base());
        self.maybe_refuse();
        let tenant = &mut self.tenants[index];
        if tenant.memory.grow(Pages(delta as u64)).is_ok() {
            let length = tenant.bytes.len() + delta * WASM_PAGE;
            tenant.bytes.resize(length, 0);
            tenant.cells.resize(length / Tenant::page_bytes(), OWN);
        }
    }

    fn reset(&mut self, index: usize) -> Result<(), String> {
        let chosen = self.choose();
        self.what = format!("reset {:?} to {chosen:?}", self.tenants[index].memory.base());
        let may_refuse = self.maybe_refuse();
        let tenant = &mut self.tenants[index];
        let start = chosen.map(|index| &self.starts[index]);
        let reset = tenant.memory.reset(start.map(|start| &start.image));
        refuse_nothing();
        let bytes = Start::contents(start, tenant.minimum, tenant.maximum);
        match (reset, bytes) {
            (Ok(()), Some(bytes)) => tenant.is_now(bytes),
            (Ok(()), None) => return Err("an image that does not fit was accepted".into()),
            // Nothing has changed.
            (Err(_), None) => {}
            (Err(_), Some(_)) if tenant.is_plain() => {}
            // Not the system, but the options leave no room.
            (Err(_), Some(_)) if !may_refuse && !tenant.is_reduced => {}
            (Err(_), Some(_)) => return tenant.after_refused_reset(),
        }
        Ok(())
    }

    fn discard(&mut self, index: usize) -> Result<(), String> {
        let length = self.tenants[index].bytes.len();
        let at = self.random.below(length);
        let count = self.random.below(length - at + 1);
        let cells = self.tenants[index].cells_of(at, count);
        let has_file = cells.iter().any(|cell| cell.file.is_some());
        let is_allowed = cells.iter().all(Cell::is_writable);
        if cells.iter().any(|cell| cell.file == Some(FileMapping::Shared)) {
            return Ok(());
        }
        self.what = format!("discard {:?} {at} {count}", self.tenants[index].memory.base());
        // A file that cannot be written to may have been written in part.
        if !has_file {
            self.maybe_refuse();
        }
        let tenant = &mut self.tenants[index];
        match (tenant.memory.discard(at as u64, count as u64), is_allowed) {
            (Ok(()), true) => tenant.bytes[at..at + count].fill(0),
            (Err(Error::Protected { .. }), false) => {}
            (answer, _) => return Err(format!("{answer:?}")),
        }
        Ok(())
    }

    /// Maps, unmaps or protects some pages.
    fn overlay(&mut self, index: usize) -> Result<(), String> {
        let page = Tenant::page_bytes();
        let kind = self.random.below(7);
        let pages = self.tenants[index].cells.len();
        let first = self.random.below(pages);
        let count = 1 + self.random.below((pages - first).min(FILE_PAGES));
        let base = self.tenants[index].memory.base();
        self.what = format!("overlay {kind} of {base:?} {first}+{count}");
        let may_refuse = self.maybe_refuse();
        let tenant = &mut self.tenants[index];
        let memory = &tenant.memory;
        let (offset, length) = ((first * page) as u64, (count * page) as u64);
        let new = match kind {
            0 => None,
            1 => Some((None, Protection::None)),
            2 => Some((None, Protection::Read)),
            3 => Some((None, Protection::ReadWrite)),
            4 => Some((Some(FileMapping::ReadOnly), Protection::Read)),
            5 => Some((Some(FileMapping::CopyOnWrite), Protection::ReadWrite)),
            _ => Some((Some(FileMapping::Shared), Protection::ReadWrite)),
        };
        let done = match new {
            None => memory.unmap(offset, length),
            Some((None, rights)) => memory.protect(offset, length, rights),
            Some((Some(how), _)) => {
                memory.map_file(offset, descriptor(&self.file.file), 0, length, how)
            }
        };
        let is_plain = tenant.is_plain();
        let cells = &mut tenant.cells[first..first + count];
        let read_only = |cell: &Cell| cell.file == Some(FileMapping::ReadOnly);
        let is_forbidden = kind == 3 && cells.iter().any(read_only);
        let range = first * page..(first + count) * page;
        match (done, new) {
            (Ok(()), _) if is_forbidden => return Err("a read-only file is writable".into()),
            (Ok(()), None) => {
                cells.fill(OWN);
                tenant.bytes[range].fill(0);
            }
            (Ok(()), Some((None, rights))) => {
                cells.iter_mut().for_each(|cell| cell.rights = rights)
            }
            (Ok(()), Some((file, rights))) => {
                cells.fill(Cell { file, rights });
                tenant.bytes[range].fill(OF_FILE);
            }
            // A memory that lies on the heap has no pages to map.
            (Err(Error::Unsupported(_)), _) if is_plain => {}
            (Err(Error::Unsupported(_)), Some((Some(_), _))) if !sys::host().maps_files => {}
            (Err(error), _) if !may_refuse && !is_forbidden => return Err(error.to_string()),
            // Where the system refuses to undo a part, what is forbidden before or after may be forbidden.
            (Err(_), Some((None, rights))) if self.refuses_all && !is_forbidden => {
                refuse_nothing();
                memory.protect(offset, length, rights).map_err(|error| error.to_string())?;
                cells.iter_mut().for_each(|cell| cell.rights = rights);
            }
            (Err(_), _) => {}
        }
        Ok(())
    }

    fn snapshot(&mut self, index: usize) -> Result<(), String> {
        self.what = format!("snapshot {:?}", self.tenants[index].memory.base());
        let may_refuse = self.maybe_refuse();
        let tenant = &self.tenants[index];
        let image = tenant.memory.snapshot();
        refuse_nothing();
        let is_readable = tenant.cells.iter().all(|cell| cell.rights != Protection::None);
        match image {
            Ok(_) if !is_readable => Err("what a protection forbids was read".into()),
            Ok(image) => {
                if self.starts.len() < 12 {
                    let bytes = tenant.bytes.clone();
                    let pages = Some(bytes.len() / WASM_PAGE);
                    self.starts.push(Start { image, bytes, pages });
                }
                Ok(())
            }
            Err(error) if is_readable && !may_refuse => Err(error.to_string()),
            Err(_) => Ok(()),
        }
    }

    /// Fails where anything is not what it should be.
    fn check(&self) -> Result<(), String> {
        for tenant in &self.tenants {
            tenant.check().map_err(|wrong| format!("{:?}: {wrong}", tenant.memory.base()))?;
        }
        let stats = self.engine.pool_stats();
        if stats.live > self.tenants.len() as u64 {
            return Err(format!("{} memories, but {stats:?}", self.tenants.len()));
        }
        Ok(())
    }
}

fn kinds_of_engines() -> Vec<(&'static str, Policy)> {
    let default = Policy::default();
    let checked = Policy { bounds: BoundsPolicy::Checked, ..default };
    let guarded = Policy { bounds: BoundsPolicy::Guarded, ..default };
    let pool = |slots, slot_bytes, keep_resident_bytes, decommit_batch| {
        let overflow = true;
        Some(PoolOptions { slots, slot_bytes, keep_resident_bytes, decommit_batch, overflow })
    };
    let (small, large) = (4 * WASM_PAGE as u64, 64 << 20);
    let mut kinds = vec![
        ("AUTO", default),
        ("CHECKED", checked),
        (
            "CHECKED, moves",
            Policy { may_move: true, reservation: Some(2 * WASM_PAGE as u64), ..checked },
        ),
        ("AUTO, small slots", Policy { pool: pool(3, small, 1, 1), ..default }),
        ("CHECKED, slots", Policy { pool: pool(8, 1 << 20, 16_384, 1), ..checked }),
        ("CHECKED, large slots", Policy { pool: pool(8, large, 16_384, 1), ..checked }),
        ("CHECKED, batches", Policy { pool: pool(32, 1 << 20, 0, 16), ..checked }),
        ("CHECKED, small slots", Policy { pool: pool(8, small, 1, 16), ..checked }),
    ];
    if sys::host().can_guard {
        kinds.extend([
            ("GUARDED", guarded),
            ("GUARDED, large slots", Policy { pool: pool(8, large, 65_536, 16), ..guarded }),
            ("GUARDED, small slots", Policy { pool: pool(4, small, 0, 1), ..guarded }),
        ]);
    }
    kinds
}

#[test]
fn whichever_system_call_fails_nobody_sees_bytes_of_others() {
    for (kind, policy) in kinds_of_engines() {
        for seed in [1, 3, 8] {
            let mut world = World::new(policy, seed);
            for step in 0..150 {
                let done = world.step();
                refuse_nothing();
                if let Err(wrong) = done.and_then(|()| world.check()) {
                    panic!("{kind}, seed {seed}, step {step}, {}: {wrong}", world.what);
                }
            }
            let World { engine, tenants, made, .. } = world;
            drop(tenants);
            assert_eq!(engine.pool_stats().live, 0, "{kind}, seed {seed}");
            engine.trim_pool();
            let stats = engine.pool_stats();
            let idle = (stats.warm, stats.cold, stats.resident_bytes);
            assert_eq!(idle, (0, 0, 0), "{kind}, seed {seed}");
            // A memory that moves needs something new as well.
            let is_told = stats.hits + stats.misses == made || policy.may_move;
            assert!(is_told, "{kind}, seed {seed}: {made} made, {stats:?}");
        }
    }
}

// The stories.

/// A memory lay in a place with an image mapped in it. Its reset could not take the image's pages away, because the system
/// refused, and counted them as gone: the next memory in that place found them when it grew.
#[test]
fn an_image_that_could_not_be_unmapped_does_not_show_up_when_a_later_memory_grows() {
    // More than what stays in memory of a deleted one.
    let large = Start::of_segments(&[(0, vec![0xaa; LONGEST])]);
    let small = Start::of_segments(&[(100, vec![0xbb; 4 * WASM_PAGE - 100])]);
    for bounds in [BoundsPolicy::Auto, BoundsPolicy::Checked] {
        for way in ways_to_refuse() {
            let engine = engine(bounds, None);
            let ty = i32_type(4, Some(24));
            let source = Memory::new(&engine, i32_type(24, Some(24))).unwrap();
            source.write(0, &large.bytes).unwrap();
            let snapshot = source.snapshot().unwrap();
            drop(source);
            engine.trim_pool();
            let memory = Memory::from_image(&engine, ty, &snapshot).unwrap();
            assert_eq!(memory.byte_length(), LONGEST);
            refuse(way);
            let reset = memory.reset(Some(&small.image));
            refuse_nothing();
            let expected = if reset.is_ok() { &small.bytes } else { &large.bytes };
            assert!(bytes_of(&memory) == expected, "{bounds:?} {way:?}");
            drop(memory);
            for start in [None, Some(&small.image)] {
                let later = Memory::starting_with(&engine, ty, start).unwrap();
                later.grow(Pages(20)).unwrap();
                let tail = &bytes_of(&later)[4 * WASM_PAGE..];
                assert!(consists_of(tail, 0), "{bounds:?} {way:?}");
            }
        }
    }
}

/// The same where the memory had become smaller: what was mapped lay behind the open bytes, and could be read there.
#[test]
fn a_memory_that_goes_back_from_a_larger_image_is_guarded_from_its_end_on() {
    if !sys::host().can_guard {
        return skipped("no guards here");
    }
    let large_slots =
        PoolOptions { slots: 16, slot_bytes: 64 << 20, decommit_batch: 16, ..Default::default() };
    for pool in [None, Some(large_slots)] {
        for way in ways_to_refuse() {
            let engine = engine(BoundsPolicy::Guarded, pool);
            let ty = i32_type(1, Some(24));
            let source = Memory::new(&engine, i32_type(7, Some(24))).unwrap();
            source.fill(0, 0xcc, 7 * WASM_PAGE as u64).unwrap();
            let snapshot = source.snapshot().unwrap();
            drop(source);
            for turn in 0..3 {
                let memory = Memory::from_image(&engine, ty, &snapshot).unwrap();
                refuse(way);
                let reset = memory.reset(None);
                refuse_nothing();
                assert!(is_guarded(&memory), "{way:?} {turn}");
                assert!(reset.is_err() || has_zeros_alone(&memory), "{way:?} {turn}");
                drop(memory);
                // It remembers an image that is larger than what is open.
                for _ in 0..2 {
                    let later = Memory::new(&engine, ty).unwrap();
                    assert!(has_zeros_alone(&later) && is_guarded(&later), "{way:?} {turn}");
                }
            }
        }
    }
}

/// What is to be kept was not rounded to whole pages, so that cleaning asked the system for a part of one: refused, and
/// every slot was given up after its first memory.
#[test]
fn less_than_a_page_to_keep_retires_nothing() {
    for bounds in [BoundsPolicy::Checked, BoundsPolicy::Auto] {
        for (keep_resident_bytes, decommit_batch) in [(1, 1), (1, 4), (4095, 1), (5000, 4)] {
            let slot_bytes = 4 * WASM_PAGE as u64;
            let slots = 4;
            let overflow = false;
            let pool =
                PoolOptions { slots, slot_bytes, keep_resident_bytes, decommit_batch, overflow };
            let engine = engine(bounds, Some(pool));
            for _ in 0..20 {
                let memory = Memory::new(&engine, i32_type(1, Some(4))).unwrap();
                assert!(has_zeros_alone(&memory));
                guest_writes(&memory, 100, 1, 10_000);
            }
            assert_eq!(engine.pool_stats().retired, 0, "{bounds:?} {keep_resident_bytes}");
        }
    }
}

/// Each cleaning forgot what lay behind the end of its memory, so that memories whose sizes fell left ever more.
#[test]
fn memories_whose_sizes_fall_leave_no_more_than_is_kept_and_the_stats_tell_it() {
    let keep_resident_bytes = WASM_PAGE as u64;
    let slot_bytes = 16 * WASM_PAGE;
    let pool = PoolOptions {
        slots: 1,
        slot_bytes: slot_bytes as u64,
        keep_resident_bytes,
        decommit_batch: 1,
        overflow: false,
    };
    for bounds in [BoundsPolicy::Checked, BoundsPolicy::Auto] {
        let engine = engine(bounds, Some(pool));
        for pages in (1..=16).rev() {
            let memory = Memory::new(&engine, i32_type(pages, Some(16))).unwrap();
            let base = memory.base();
            guest_writes(&memory, (pages - 1) * WASM_PAGE, 1, WASM_PAGE);
            if engine.pool_stats().live != 1 {
                return skipped("no pools here");
            }
            drop(memory);
            let told = engine.pool_stats().resident_bytes;
            if let Some(resident) = resident_bytes(base, slot_bytes) {
                assert_eq!(resident, told, "{bounds:?}, {pages} pages");
            }
            assert!(told <= keep_resident_bytes, "{bounds:?}, {pages} pages: {told}");
        }
    }
}

/// Trimming emptied the lists first and counted the slots down later: meanwhile the pool seemed full.
#[test]
fn no_memory_is_refused_while_another_thread_trims() {
    const SLOTS: usize = 8;
    let pool = PoolOptions {
        slots: SLOTS as u64,
        slot_bytes: 16 * WASM_PAGE as u64,
        ..Default::default()
    };
    for bounds in [BoundsPolicy::Auto, BoundsPolicy::Checked] {
        let engine = engine(bounds, Some(pool));
        let is_over = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    engine.trim_pool();
                    thread::yield_now();
                }
            });
            let mut refused = None;
            for _ in 0..200 {
                let memories: Vec<_> =
                    (0..SLOTS).map(|_| Memory::new(&engine, i32_type(1, Some(16)))).collect();
                for memory in &memories {
                    match memory {
                        Ok(memory) => guest_writes(memory, 0, 7, 8192),
                        Err(error) => refused = Some(error.to_string()),
                    }
                }
            }
            is_over.store(true, Ordering::Relaxed);
            assert_eq!(refused, None, "{bounds:?}");
        });
    }
}

#[test]
fn slots_that_lie_idle_for_long_give_their_pages_back() {
    const MANY: u64 = 6;
    let pool = PoolOptions {
        slots: 16,
        slot_bytes: 4 * WASM_PAGE as u64,
        keep_resident_bytes: WASM_PAGE as u64,
        decommit_batch: 1,
        overflow: false,
    };
    for bounds in [BoundsPolicy::Checked, BoundsPolicy::Auto] {
        let engine = engine(bounds, Some(pool));
        let make = || {
            let memory = Memory::new(&engine, i32_type(1, Some(4))).unwrap();
            guest_writes(&memory, 0, 1, 1);
            memory
        };
        let memories: Vec<_> = (0..MANY).map(|_| make()).collect();
        if engine.pool_stats().live != MANY || !tells_written_pages(&memories[0]) {
            return skipped("no pools here, or nothing tells which pages were written");
        }
        drop(memories);
        let before = engine.pool_stats();
        assert_eq!((before.live, before.warm), (0, MANY), "{bounds:?}");
        assert_ne!(before.resident_bytes, 0);
        // One is used, again and again.
        for _ in 0..256 * MANY {
            drop(make());
        }
        let after = engine.pool_stats();
        assert_eq!((after.live, after.warm, after.retired), (0, 1, 0), "{bounds:?}");
        assert_eq!(after.warm + after.cold, before.warm + before.cold);
        assert!(after.resident_bytes <= before.resident_bytes / MANY, "{after:?}");
    }
}

/// A memory that was too large for the slots took an idle one when its reservation was as large as theirs, and then could
/// not grow.
#[test]
fn memories_beyond_the_slots_take_none() {
    let host = sys::host();
    if !host.has_mappings {
        return skipped("no mappings here");
    }
    let slot_bytes = 16 * WASM_PAGE as u64;
    let pool = Some(PoolOptions { slots: 4, slot_bytes, overflow: true, ..Default::default() });
    for bounds in [BoundsPolicy::Auto, BoundsPolicy::Guarded, BoundsPolicy::Checked] {
        if bounds == BoundsPolicy::Guarded && !host.can_guard {
            continue;
        }
        let policy = Policy {
            bounds,
            pool,
            reservation: Some(host.address_space_bytes >> 15),
            ..Policy::default()
        };
        let engine = Engine::new(policy).unwrap();
        // Once with no slot idle, and once with one.
        for _ in 0..2 {
            let memory = Memory::new(&engine, i32_type(17, None)).unwrap();
            assert_eq!(memory.grow(Pages(1)), Ok(Pages(17)), "{bounds:?}");
            assert_eq!(engine.pool_stats().live, 0, "{bounds:?}");
            drop(memory);
            let memory = Memory::new(&engine, i32_type(1, None)).unwrap();
            assert_eq!(engine.pool_stats().live, 1, "{bounds:?}");
            drop(memory);
        }
    }
}

/// The watch of a memory that was extended where it lies saw no more than there had been before.
#[test]
fn changes_are_told_behind_where_a_memory_was_extended() {
    let engine = engine(BoundsPolicy::Checked, None);
    // With the reservation refused, the memory gets what it needs and is extended later.
    refuse_one(0);
    let memory = Memory::new(&engine, i32_type(1, None));
    refuse_nothing();
    let memory = memory.unwrap();
    if memory.stats().reserved_bytes != WASM_PAGE as u64 {
        return skipped("no memories here that are extended");
    }
    memory.clear_dirty().unwrap();
    if memory.grow(Pages(3)).is_err() {
        return skipped("something lies behind the memory");
    }
    memory.clear_dirty().unwrap();
    let at = 3 * WASM_PAGE + 5;
    guest_writes(&memory, at, 1, 1);
    let dirty = memory.dirty_ranges().unwrap();
    assert!(dirty.iter().any(|range| range.contains(&(at as u64))), "{dirty:?}");
}

/// The system gives up what lies in a range before it asks the file that is to be mapped there. A file that refused then
/// left a hole in the memory, where anything could be mapped.
#[test]
fn a_file_that_refuses_late_leaves_no_hole() {
    let page = Tenant::page_bytes();
    let stubborn = [
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/devices/system/cpu/online",
        "/sys/kernel/uevent_seqnum",
        "/sys/kernel/btf/vmlinux",
    ];
    let mut tried = 0;
    for file in stubborn.into_iter().filter_map(|path| File::open(path).ok()) {
        for bounds in [BoundsPolicy::Auto, BoundsPolicy::Checked] {
            let engine = engine(bounds, None);
            let memory = Memory::new(&engine, i32_type(1, Some(4))).unwrap();
            for how in [FileMapping::ReadOnly, FileMapping::CopyOnWrite, FileMapping::Shared] {
                memory.fill(0, 0x77, WASM_PAGE as u64).unwrap();
                let at = page;
                match memory.map_file(at as u64, descriptor(&file), 0, page as u64, how) {
                    // It can be mapped after all.
                    Ok(()) => memory.unmap(at as u64, page as u64).unwrap(),
                    Err(Error::File { .. }) => {
                        tried += 1;
                        assert!(!faults(memory.base(), at), "a hole");
                        assert!(consists_of(bytes_of(&memory), 0x77));
                        guest_writes(&memory, 0, 0x78, WASM_PAGE);
                    }
                    Err(_) => {}
                }
            }
        }
    }
    if tried == 0 {
        skipped("no file that refuses to be mapped");
    }
}

/// Refused attempts were counted too, so that the numbers said nothing about the memories that were made.
#[test]
fn hits_and_misses_are_the_memories_that_were_made() {
    let pool = PoolOptions {
        slots: 3,
        slot_bytes: 4 * WASM_PAGE as u64,
        overflow: true,
        ..Default::default()
    };
    for bounds in [BoundsPolicy::Checked, BoundsPolicy::Auto] {
        for pool in [None, Some(pool)] {
            let engine = engine(bounds, pool);
            let mut made = 0;
            for way in [None].into_iter().chain(ways_to_refuse().map(Some)) {
                for maximum in [Some(4), Some(8), None] {
                    let mut memories = Vec::new();
                    for minimum in [1, 1, 3, 1, 3] {
                        way.into_iter().for_each(refuse);
                        let memory = Memory::new(&engine, i32_type(minimum, maximum));
                        refuse_nothing();
                        made += u64::from(memory.is_ok());
                        memories.push(memory);
                    }
                    drop(memories);
                    let stats = engine.pool_stats();
                    assert_eq!(stats.hits + stats.misses, made, "{bounds:?} {way:?} {stats:?}");
                }
            }
        }
    }
}
