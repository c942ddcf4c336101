//! An engine: the policy that memories are made under, and the warm regions that they leave behind.
//!
//! A deleted memory's region is zeroed in place and kept for the next memory of the same shape, so
//! that making and deleting memories in turn maps and unmaps nothing. A region that cannot be
//! proven zero is given back to the system instead.

#![forbid(unsafe_code)]

use crate::alloc::Ref;
use crate::creator::MemoryCreator;
use crate::error::Error;
use crate::plan::{Bounds, BoundsPolicy, Layout, Planner, Policy};
use crate::region::{self, Region};
use crate::sys::{self, HostCaps, OsError, Purpose, SharedFile};
use crate::types::MemoryType;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How many regions an engine keeps warm. They hold address space but, zeroed, no memory.
const WARM_REGIONS: usize = 16;

/// Makes memories under one policy. A cheap reference: clones are the same engine, which lives
/// until the last of them and the last of its memories is gone. Any thread may use it.
#[derive(Clone, Debug)]
pub struct Engine(Ref<State>);

#[derive(Debug)]
struct State {
    policy: Policy,
    host: HostCaps,
    warm: Mutex<WarmRegions>,
    /// Who makes the memories, if the host does.
    creator: Option<Box<dyn MemoryCreator>>,
}

#[derive(Debug, Default)]
struct WarmRegions([Option<Region>; WARM_REGIONS]);

impl WarmRegions {
    fn take(&mut self, layout: &Layout) -> Option<Region> {
        let fits = |slot: &&mut Option<Region>| {
            slot.as_ref().is_some_and(|region| region.layout() == layout)
        };
        self.0.iter_mut().find(fits)?.take()
    }

    fn is_full(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    /// Keeps the region, or gives it back where all places are taken.
    fn put(&mut self, region: Region) -> Option<Region> {
        match self.0.iter_mut().find(|slot| slot.is_none()) {
            Some(slot) => slot.replace(region),
            None => Some(region),
        }
    }
}

impl Engine {
    /// An engine with this policy, or an error that names the option that no host could honour.
    pub fn new(policy: Policy) -> Result<Self, Error> {
        Self::on_host(policy, sys::host(), None)
    }

    /// An engine whose memories the host makes. The creator goes with the engine's last memory.
    pub fn with_creator(policy: Policy, creator: Box<dyn MemoryCreator>) -> Result<Self, Error> {
        Self::on_host(policy, sys::host(), Some(creator))
    }

    fn on_host(
        policy: Policy,
        host: HostCaps,
        creator: Option<Box<dyn MemoryCreator>>,
    ) -> Result<Self, Error> {
        policy.check(&host)?;
        Ok(Self(Ref::try_new(State { policy, host, warm: Mutex::default(), creator })?))
    }

    /// Who makes the memories, if the host does.
    pub(crate) fn creator(&self) -> Option<&dyn MemoryCreator> {
        self.0.creator.as_deref()
    }

    /// The options that the engine was made with.
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// What the host can do.
    pub fn host(&self) -> &HostCaps {
        &self.0.host
    }

    fn warm(&self) -> MutexGuard<'_, WarmRegions> {
        // Nothing panics while the lock is held; if it were otherwise, the slots would be whole.
        self.0.warm.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A region for a memory of type `ty` with `needed` bytes open and zero; `outgrown` is the
    /// strategy of the region that it replaces, if the memory moves, and it keeps that.
    ///
    /// The ladder: guarded; checked with the whole reservation; checked with what is needed now,
    /// extended in place later; the heap. GUARDED stays on the first rung, CHECKED starts on the
    /// second. A rung that a limit on the address space would turn into a squeeze is skipped.
    pub(crate) fn acquire(
        &self,
        ty: &MemoryType,
        needed: usize,
        outgrown: Option<Bounds>,
    ) -> Result<Region, Error> {
        let moving = outgrown.is_some();
        let planner = Planner { policy: &self.0.policy, host: &self.0.host, ty, needed, moving };
        // Code that was generated for a guarded memory has no checks: it stays guarded or where
        // it is.
        let wanted = match outgrown {
            None => self.0.policy.bounds,
            Some(Bounds::Guarded) => BoundsPolicy::Guarded,
            Some(Bounds::Checked) => BoundsPolicy::Checked,
        };
        let bounds = self.possible(&planner, wanted)?;
        if bounds == BoundsPolicy::Guarded {
            let layout = planner.guarded()?;
            return self.region(&layout, needed).map_err(|os| self.refused(ty, &layout, os));
        }
        if bounds == BoundsPolicy::Auto
            && let Some(region) = self.if_affordable(&planner, planner.guarded())
        {
            return Ok(region);
        }
        if self.0.host.has_mappings {
            if let Some(region) = self.if_affordable(&planner, planner.checked()) {
                return Ok(region);
            }
            if let Ok(layout) = planner.fitted()
                && let Ok(region) = self.region(&layout, needed)
            {
                return Ok(region);
            }
        } else if let Ok(layout) = planner.heap()
            && let Ok(region) = self.region(&layout, needed)
        {
            return Ok(region);
        }
        let layout = planner.heap_exact()?;
        self.region(&layout, needed).map_err(|os| self.refused(ty, &layout, os))
    }

    /// How many bytes of a file a memory of type `ty` takes that is to be exported.
    pub(crate) fn file_capacity(&self, ty: &MemoryType, needed: usize) -> u64 {
        let (policy, host) = (&self.0.policy, &self.0.host);
        Planner { policy, host, ty, needed, moving: false }.capacity()
    }

    /// A region over `capacity` bytes of a file from `file_offset` on, with `needed` of them open: guarded, or
    /// else checked, as the options say.
    pub(crate) fn acquire_file(
        &self,
        ty: &MemoryType,
        file: &SharedFile,
        file_offset: u64,
        capacity: usize,
        needed: usize,
    ) -> Result<Region, Error> {
        let host = &self.0.host;
        let policy = &self.0.policy;
        let planner = Planner { policy, host, ty, needed: capacity, moving: false };
        let region = |layout| Region::over_file(layout, file, file_offset, capacity, needed, host);
        // In the room that idle regions take, if there is no other.
        let region = |layout| match region(layout) {
            Err(_) if self.give_up_warm() => region(layout),
            made_or_refused => made_or_refused,
        };
        let bounds = self.possible(&planner, policy.bounds)?;
        if bounds == BoundsPolicy::Guarded {
            let layout = planner.guarded()?;
            return region(layout).map_err(|os| self.refused(ty, &layout, os));
        }
        if bounds == BoundsPolicy::Auto
            && let Ok(layout) = planner.guarded()
            && self.is_affordable(&planner, &layout)
            && let Ok(region) = region(layout)
        {
            return Ok(region);
        }
        // No more than there is of the file: what lies behind would not be memory.
        let layout = Layout { reserved: capacity, ..planner.checked()? };
        region(layout).map_err(|os| self.refused(ty, &layout, os))
    }

    /// Whether the layout leaves enough address space to the rest of the process. What idles in this engine is
    /// given up before anybody has to make do with less.
    fn is_affordable(&self, planner: &Planner<'_>, layout: &Layout) -> bool {
        let affordable =
            || planner.leaves_room(layout, region::reserved_bytes(), sys::address_space_left());
        affordable() || self.give_up_warm() && affordable()
    }

    /// The strategy that such a memory can have where `wanted` is asked for.
    fn possible(&self, planner: &Planner<'_>, wanted: BoundsPolicy) -> Result<BoundsPolicy, Error> {
        match (planner.can_guard(), wanted) {
            (true, bounds) => Ok(bounds),
            (false, BoundsPolicy::Guarded) if !self.0.host.can_guard => Err(Error::Unsupported(
                "this host cannot guard memories: use memory_bounds AUTO or CHECKED",
            )),
            (false, _) => Ok(BoundsPolicy::Checked),
        }
    }

    /// What is asked of the host's creator for a memory of type `ty` with `needed` bytes: the strategy,
    /// the bytes to reserve from the base on, and those that fault behind. AUTO asks for no guards.
    pub(crate) fn host_made(
        &self,
        ty: &MemoryType,
        needed: usize,
    ) -> Result<(Bounds, usize, usize), Error> {
        let (policy, host) = (&self.0.policy, &self.0.host);
        let planner = Planner { policy, host, ty, needed, moving: false };
        if self.possible(&planner, policy.bounds)? != BoundsPolicy::Guarded {
            return Ok((Bounds::Checked, 0, 0));
        }
        let layout = planner.guarded()?;
        Ok((Bounds::Guarded, layout.reserved, layout.after))
    }

    /// The region, unless the layout does not exist, the system refuses it, or it would leave too
    /// little address space to the rest of the process.
    fn if_affordable(
        &self,
        planner: &Planner<'_>,
        layout: Result<Layout, Error>,
    ) -> Option<Region> {
        let layout = layout.ok()?;
        if let Some(region) = self.warm_region(&layout, planner.needed) {
            return Some(region);
        }
        if !self.is_affordable(planner, &layout) {
            return None;
        }
        self.region(&layout, planner.needed).ok()
    }

    fn warm_region(&self, layout: &Layout, needed: usize) -> Option<Region> {
        let mut region = self.warm().take(layout)?;
        region.renew(needed).is_ok().then_some(region)
    }

    /// A region of this layout: a warm one, a new one, or a new one in the room that the warm ones
    /// of other shapes take.
    fn region(&self, layout: &Layout, needed: usize) -> Result<Region, OsError> {
        if let Some(region) = self.warm_region(layout, needed) {
            return Ok(region);
        }
        Region::new(*layout, needed, &self.0.host).or_else(|refused| {
            if !self.give_up_warm() {
                return Err(refused);
            }
            Region::new(*layout, needed, &self.0.host)
        })
    }

    /// Gives the warm regions back to the system; false when there are none.
    fn give_up_warm(&self) -> bool {
        let warm = core::mem::take(&mut *self.warm());
        warm.0.iter().any(Option::is_some)
    }

    /// Takes a region back from a memory that is gone.
    pub(crate) fn release(&self, mut region: Region) {
        if region.is_reusable() && !self.warm().is_full() && region.zero().is_ok() {
            // Another thread may have taken the last place meanwhile. Whatever does not fit is
            // unmapped outside the lock.
            let overflow = self.warm().put(region);
            drop(overflow);
        }
    }

    fn refused(&self, ty: &MemoryType, layout: &Layout, os: OsError) -> Error {
        let bytes = layout.total(&self.0.host).map_or(u64::MAX, |total| total as u64);
        let purpose = if ty.is_shared() { Purpose::ReserveShared } else { Purpose::Reserve };
        self.out_of_memory(purpose, bytes, os)
    }

    /// The error for a system that refused `bytes` of address space or memory.
    pub(crate) fn out_of_memory(&self, purpose: Purpose, bytes: u64, os: OsError) -> Error {
        Error::OutOfMemory { purpose, bytes, os, limit: sys::diagnose(bytes, &self.0.host) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::injection::{refuse_after, refuse_one};
    use crate::{IndexType, Memory, PageSize, Pages};

    fn i32_type(minimum: u64, maximum: Option<u64>) -> MemoryType {
        MemoryType::new(IndexType::I32, minimum, maximum).unwrap()
    }

    fn engine(bounds: BoundsPolicy) -> Engine {
        Engine::new(Policy { bounds, ..Policy::default() }).unwrap()
    }

    /// Every host page size up to 64 KiB divides a WebAssembly page, so that a host with larger
    /// pages can be played on one with smaller.
    #[test]
    fn memories_work_on_hosts_with_larger_pages() {
        for page_bytes in [4096, 16384, 65536] {
            for bounds in [BoundsPolicy::Auto, BoundsPolicy::Checked] {
                let real = sys::host();
                let host = HostCaps { page_bytes: page_bytes.max(real.page_bytes), ..real };
                let policy = Policy { bounds, ..Policy::default() };
                let engine = Engine::on_host(policy, host, None).unwrap();
                let memory = Memory::new(&engine, i32_type(1, Some(4))).unwrap();
                memory.store(65_535, 7u8).unwrap();
                assert_eq!(memory.grow(Pages(3)), Ok(Pages(1)));
                memory.store(4 * 65_536 - 8, u64::MAX).unwrap();
                assert_eq!(memory.load(65_535), Ok(7u8));
                let odd =
                    MemoryType::custom(IndexType::I32, PageSize::One, 5, None, false).unwrap();
                let memory = Memory::new(&engine, odd).unwrap();
                assert_eq!(memory.grow(Pages(70_000)), Ok(Pages(5)));
                memory.store(70_004, 1u8).unwrap();
                assert!(memory.store(70_005, 1u8).is_err());
                assert_eq!(memory.stats().map_alignment_bytes as usize, host.page_bytes);
            }
        }
    }

    #[test]
    fn a_reused_region_is_zero_and_guarded_again() {
        if !sys::host().can_guard {
            return;
        }
        let engine = engine(BoundsPolicy::Guarded);
        let first = Memory::new(&engine, i32_type(1, None)).unwrap();
        first.grow(Pages(9)).unwrap();
        first.fill(0, 0xff, 655_360).unwrap();
        let base = first.base();
        drop(first);
        let second = Memory::new(&engine, i32_type(2, None)).unwrap();
        assert_eq!(second.base(), base, "the warm region is used again");
        assert_eq!(second.stats().committed_bytes, 131_072, "what had grown is closed again");
        second.grow(Pages(8)).unwrap();
        let mut bytes = vec![1u8; 655_360];
        second.read(0, &mut bytes).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn a_region_that_cannot_be_zeroed_is_not_reused() {
        if !sys::host().has_mappings {
            return;
        }
        let engine = engine(BoundsPolicy::Checked);
        let memory = Memory::new(&engine, i32_type(1, Some(1))).unwrap();
        refuse_after(Some(0));
        drop(memory);
        refuse_after(None);
        assert!(engine.warm().0.iter().all(Option::is_none));
    }

    #[test]
    fn discard_and_erase_write_the_zeros_where_the_system_takes_no_pages() {
        let engine = engine(BoundsPolicy::Checked);
        let memory = Memory::new(&engine, i32_type(1, Some(1))).unwrap();
        for erase in [false, true] {
            memory.fill(0, 0xff, 65_536).unwrap();
            refuse_after(Some(0));
            let done = if erase { memory.erase() } else { memory.discard(100, 60_000) };
            refuse_after(None);
            assert_eq!(done, Ok(()));
            let mut bytes = vec![1u8; 65_536];
            memory.read(0, &mut bytes).unwrap();
            let zeros = |at: usize| erase || (100..60_100).contains(&at);
            let right = |(at, byte): (usize, &u8)| *byte == if zeros(at) { 0 } else { 0xff };
            assert!(bytes.iter().enumerate().all(right));
        }
    }

    #[test]
    fn warm_regions_are_given_up_before_a_reservation_is_refused() {
        if !sys::host().can_guard {
            return;
        }
        let engine = engine(BoundsPolicy::Guarded);
        drop(Memory::new(&engine, i32_type(1, None)).unwrap());
        assert!(engine.warm().0.iter().any(Option::is_some));
        let wide = MemoryType::new(IndexType::I64, 1, None).unwrap();
        refuse_one(0);
        let memory = Memory::new(&engine, wide);
        refuse_after(None);
        assert!(memory.is_ok());
        assert!(engine.warm().0.iter().all(Option::is_none));
    }

    #[test]
    fn a_strict_system_that_refuses_to_open_all_gets_asked_for_what_is_needed() {
        if !sys::host().has_mappings {
            return;
        }
        let engine = engine(BoundsPolicy::Checked);
        refuse_one(1); // the reservation is granted, opening all of it is not
        let memory = Memory::new(&engine, i32_type(1, Some(4))).unwrap();
        refuse_after(None);
        let stats = memory.stats();
        assert_eq!((stats.reserved_bytes, stats.committed_bytes), (262_144, 65_536));
        memory.grow(Pages(3)).unwrap();
        memory.store(262_143, 1u8).unwrap();
    }

    #[test]
    fn a_memory_may_move_only_if_it_can_outgrow_its_reservation() {
        let movable = |reservation| {
            let policy = Policy { may_move: true, reservation, ..Policy::default() };
            let engine = Engine::new(policy).unwrap();
            Memory::new(&engine, i32_type(1, Some(8))).unwrap().may_move()
        };
        assert!(movable(Some(131_072)));
        assert!(!movable(Some(1 << 20)));
    }

    #[test]
    fn a_moved_memory_gets_the_room_that_the_options_say() {
        let policy = Policy {
            bounds: BoundsPolicy::Checked,
            may_move: true,
            reservation: Some(65_536),
            reservation_for_growth: Some(3 * 65_536),
            ..Policy::default()
        };
        let engine = Engine::new(policy).unwrap();
        let memory = Memory::new(&engine, i32_type(1, None)).unwrap();
        if !sys::host().has_mappings {
            return;
        }
        assert_eq!(memory.stats().reserved_bytes, 65_536);
        memory.grow(Pages(1)).unwrap();
        assert_eq!(memory.stats().reserved_bytes, 5 * 65_536);
        assert!(engine.warm().0.iter().all(Option::is_none), "what was outgrown is not kept");
    }

    #[test]
    fn guarded_fails_where_auto_steps_down_rung_by_rung() {
        if !sys::host().can_guard {
            let refused = Memory::new(&engine(BoundsPolicy::Guarded), i32_type(1, None));
            assert!(matches!(refused, Err(Error::Unsupported(_))));
            return;
        }
        refuse_after(Some(0));
        let guarded = Memory::new(&engine(BoundsPolicy::Guarded), i32_type(1, None));
        let auto = Memory::new(&engine(BoundsPolicy::Auto), i32_type(1, None));
        refuse_after(None);
        assert!(matches!(guarded, Err(Error::OutOfMemory { .. })));
        // No mapping at all was to be had, so the memory lies on the heap, and says so.
        let stats = auto.unwrap().stats();
        assert_eq!((stats.bounds, stats.reserved_bytes), (Bounds::Checked, 65_536));
    }

    #[test]
    fn whichever_system_call_fails_nothing_changes_and_the_memory_goes_on() {
        for bounds in [BoundsPolicy::Auto, BoundsPolicy::Guarded, BoundsPolicy::Checked] {
            for may_move in [false, true] {
                if bounds == BoundsPolicy::Guarded && !sys::host().can_guard {
                    continue;
                }
                let policy =
                    Policy { bounds, may_move, reservation: Some(131_072), ..Policy::default() };
                for calls in 0..12 {
                    let engine = Engine::new(policy).unwrap();
                    refuse_after(Some(calls));
                    let memory = Memory::new(&engine, i32_type(1, Some(64)));
                    refuse_after(None);
                    let Ok(memory) = memory else {
                        assert_eq!(bounds, BoundsPolicy::Guarded);
                        continue;
                    };
                    memory.store(0, 0x1234_5678_9abc_def0u64).unwrap();
                    let mut expected = Pages(1);
                    for _ in 0..4 {
                        refuse_after(Some(calls));
                        let grown = memory.grow(Pages(1));
                        refuse_after(None);
                        if let Ok(previous) = grown {
                            assert_eq!(previous, expected);
                            expected = Pages(expected.0 + 1);
                        }
                        assert_eq!(memory.pages(), expected);
                        assert_eq!(memory.load(0), Ok(0x1234_5678_9abc_def0u64));
                        let end = expected.0 * 65_536;
                        assert_eq!(memory.store(end - 1, 0u8), Ok(()));
                        assert!(memory.store(end, 0u8).is_err());
                    }
                }
            }
        }
    }
}
