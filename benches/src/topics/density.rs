//! How many memories a process can have, and what each of them takes.

use std::fs;
use std::mem;
use std::sync::OnceLock;

use crate::row::{Result, Row, Unit};
use crate::subjects::floor::Raw;
use crate::subjects::ours::Ours;
use crate::subjects::{Base, Bounds, Host, Plan};

/// The most mappings of the kernel, for any number of memories.
const MAPPINGS: f64 = 400.0;
/// The most bytes of our own for each memory.
const HEAP_BYTES: f64 = 300.0;

/// So many tell what each takes where every memory has mappings of its own.
const FEW: u32 = 1000;

/// One population of each kind is made, on which every row reports.
pub fn rows(memories: u32) -> Vec<Row> {
    static OURS: OnceLock<Counted> = OnceLock::new();
    static RAW: OnceLock<Counted> = OnceLock::new();
    let ours = move || known(OURS.get_or_init(|| taken_by_ours(memories)));
    let raw = || known(RAW.get_or_init(taken_by_raw));

    let live = Row::new("density/live", "checked memories of a page, each written to, at once")
        .counted(Unit::Pieces)
        .floor_counted("how many mmap and mprotect each allow: the limit of mappings", move || {
            let limit: f64 = fs::read_to_string("/proc/sys/vm/max_map_count")?.trim().parse()?;
            Ok(((limit - mappings()) / raw()?.each_mappings()).floor())
        })
        .ours_counted(move || Ok(ours()?.memories));
    let about =
        format!("mappings that the process has with {memories}, all that it needs else too");
    let mapped = Row::new("density/mappings", about)
        .counted(Unit::Pieces)
        .at_most(MAPPINGS)
        .floor_counted("mmap and mprotect each, if the limit allowed it", move || {
            Ok(raw()?.each_mappings() * f64::from(memories))
        })
        .ours_counted(move || Ok(ours()?.all_mappings));
    let heap = Row::new("density/heap_bytes", "bytes of the heap for each")
        .counted(Unit::Bytes)
        .at_most(HEAP_BYTES)
        .floor_counted("an address and a length", || Ok(mem::size_of::<(usize, usize)>() as f64))
        .ours_counted(move || Ok(ours()?.heap / ours()?.memories));
    let physical = "physical memory for each, with its page tables and the page that was written";
    let physical = Row::new("density/physical_bytes", physical)
        .counted(Unit::Bytes)
        .floor_counted("the same of mmap and mprotect each", move || {
            Ok(raw()?.physical / raw()?.memories)
        })
        .ours_counted(move || Ok(ours()?.physical / ours()?.memories));
    vec![live, mapped, heap, physical]
}

/// Or why there is nothing to tell.
type Counted = std::result::Result<Taken, String>;

fn known(counted: &'static Counted) -> Result<&'static Taken> {
    counted.as_ref().map_err(|error| error.as_str().into())
}

fn taken_by_ours(memories: u32) -> Counted {
    let host = Ours::open(Plan { bounds: Bounds::Checked, ..Plan::one_page() });
    let host = host.map_err(|error| error.to_string())?;
    Taken::by(memories, || host.try_make())
        .map_err(|made| format!("{made} of {memories} memories; {}", Ours::refusal()))
}

fn taken_by_raw() -> Counted {
    let host = Raw::open(Plan::one_page()).map_err(|error| error.to_string())?;
    Taken::by(FEW, || Some(host.make())).map_err(|_| "no memory".to_owned())
}

/// What a process has more with its memories than without them.
struct Taken {
    memories: f64,
    mappings: f64,
    /// Those that it had before too: what is mapped beside others can become one with them.
    all_mappings: f64,
    heap: f64,
    physical: f64,
}

impl Taken {
    /// Makes so many and writes to each. If one cannot be made, there are as many as could be: a
    /// process that has no mapping left cannot even say so, before the memories have gone.
    fn by<M: Base>(
        memories: u32,
        mut make: impl FnMut() -> Option<M>,
    ) -> std::result::Result<Self, usize> {
        let mut live: Vec<M> = Vec::with_capacity(memories as usize);
        // The list is not what is measured, and the system shall have provided it before.
        let room = live.spare_capacity_mut();
        // SAFETY: the room is as long as that, and any bytes will do in it.
        unsafe { room.as_mut_ptr().cast::<u8>().write_bytes(0, mem::size_of_val(room)) };

        let before = (mappings(), heap(), physical());
        for _ in 0..memories {
            let Some(memory) = make() else { return Err(live.len()) };
            // SAFETY: the memory has a page.
            unsafe { memory.base().write_volatile(1) };
            live.push(memory);
        }
        let all_mappings = mappings();
        Ok(Self {
            memories: live.len() as f64,
            mappings: all_mappings - before.0,
            all_mappings,
            heap: heap() - before.1,
            physical: physical() - before.2,
        })
    }

    fn each_mappings(&self) -> f64 {
        self.mappings / self.memories
    }
}

/// Mappings of this process.
fn mappings() -> f64 {
    read("/proc/self/maps").lines().count() as f64
}

/// Bytes that this process has from the heap.
fn heap() -> f64 {
    // SAFETY: it has no conditions.
    let heap = unsafe { libc::mallinfo2() };
    (heap.uordblks + heap.hblkhd) as f64
}

/// Bytes of physical memory that this process has, and its page tables.
fn physical() -> f64 {
    let status = read("/proc/self/status");
    let kibibytes = |name: &str| -> f64 {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.unwrap_or_else(|| panic!("/proc/self/status has no {name}"))
    };
    (kibibytes("VmRSS:") + kibibytes("VmPTE:")) * 1024.0
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{path}: {error}"))
}
