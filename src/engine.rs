//! An engine: the policy that memories are made under, and the regions that they leave behind.

#![forbid(unsafe_code)]

use crate::alloc::Ref;
use crate::census::{Census, Count};
use crate::creator::MemoryCreator;
use crate::error::Error;
use crate::image::MemoryImage;
use crate::plan::{Bounds, BoundsPolicy, Layout, Planner, Policy, PoolOptions};
use crate::pool::{Pool, PoolStats};
use crate::region::{self, Region};
use crate::sys::{self, HostCaps, OsError, Purpose, SharedFile};
use crate::types::MemoryType;
use core::sync::atomic::{AtomicBool, Ordering};

/// Makes memories under one policy. A cheap reference: clones are the same engine, which lives
/// until the last of them and the last of its memories is gone. Any thread may use it.
///
/// ```
/// use wasm_memory::{Bounds, BoundsPolicy, Engine, Error, IndexType, Memory, MemoryType, Policy};
///
/// // Bounds are checked by the code, so no address space is taken for guards.
/// let engine = Engine::new(Policy { bounds: BoundsPolicy::Checked, ..Policy::default() })?;
/// let memory = Memory::new(&engine, MemoryType::new(IndexType::I32, 1, Some(2))?)?;
/// assert_eq!(memory.stats().bounds, Bounds::Checked);
/// drop(engine); // the memory keeps it
/// memory.store(0, 1u8)?;
///
/// // What no host could honour is refused at once, by its name.
/// let refused = Engine::new(Policy { guard_size: Some(u64::MAX), ..Policy::default() });
/// assert!(matches!(refused, Err(Error::TooLarge { name: "memory_guard_size", .. })));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Engine(Ref<State>);

#[derive(Debug)]
struct State {
    policy: Policy,
    host: HostCaps,
    /// The options of the pool, with the defaults in.
    pool_options: Option<PoolOptions>,
    pool: Pool,
    census: Ref<Census>,
    /// Whether the system has refused guards that take no mappings.
    no_slab_guards: AtomicBool,
    /// Who makes the memories, if the host does.
    creator: Option<Box<dyn MemoryCreator>>,
}

/// What an engine has; sizes in bytes.
///
/// It is added up while memories come and go: what is there all the time counts once, what comes or goes meanwhile counts
/// once or not at all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineStats {
    /// How many stores there are: those that were dropped, but are kept by a memory, a future or a ticket, included.
    pub stores: u64,
    /// How many memories there are, in its stores or in none. A shared memory is one, however many stores have it.
    pub memories: u64,
    /// The sum of their lengths.
    pub byte_length: u64,
    /// The address space that the engine holds for memories: those that there are, and those that lie idle or unused in its
    /// pool, with their guards. Where there are no mappings, the blocks of the heap. What the host provides
    /// ([`MemoryCreator`]) does not count here and below.
    pub reserved_bytes: u64,
    /// What is readable and writable of that now, whether it is in physical memory or not.
    pub committed_bytes: u64,
    /// How many mappings of the system's that is, where the system does not merge neighbours: one for a slab of a pool or
    /// what is readable and writable as a whole; up to three for what has guards; and what the pages of images
    /// divide. What mappings of the host's files and protections divide does not count.
    pub mappings: u64,
}

/// What a memory is to have of a region.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) ty: &'a MemoryType,
    /// The bytes that are open and hold what the memory starts with.
    pub(crate) needed: usize,
    /// What that is; zeros without.
    pub(crate) image: Option<&'a MemoryImage>,
}

/// Why there is no region.
enum Refusal {
    /// The system refuses it.
    System(OsError),
    /// The pool has as many as it may have.
    Exhausted,
}

impl From<OsError> for Refusal {
    fn from(os: OsError) -> Self {
        Self::System(os)
    }
}

impl Engine {
    /// An engine with this policy, or an error that names the option that no host could honour.
    pub fn new(policy: Policy) -> Result<Self, Error> {
        Self::on_host(policy, sys::host(), None)
    }

    /// An engine whose memories the host makes: see [`MemoryCreator`]. The creator goes with the engine's last memory.
    pub fn with_creator(policy: Policy, creator: Box<dyn MemoryCreator>) -> Result<Self, Error> {
        Self::on_host(policy, sys::host(), Some(creator))
    }

    fn on_host(
        policy: Policy,
        host: HostCaps,
        creator: Option<Box<dyn MemoryCreator>>,
    ) -> Result<Self, Error> {
        policy.check(&host)?;
        let pool_options = policy.pool.map(|pool| pool.resolved(&host));
        let census = Ref::try_new(Census::default())?;
        let pool = Pool::new(pool_options, &census)?;
        let no_slab_guards = AtomicBool::new(false);
        let state = State { policy, host, pool_options, pool, census, no_slab_guards, creator };
        Ok(Self(Ref::try_new(state)?))
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

    /// What the engine's idle memories are, and how often they were of use. Works with and without a pool.
    ///
    /// ```
    /// use wasm_memory::{Engine, IndexType, Memory, MemoryType, Policy, PoolOptions};
    ///
    /// let pool = PoolOptions { slots: 2, decommit_batch: 1, ..PoolOptions::default() };
    /// let engine = Engine::new(Policy { pool: Some(pool), ..Policy::default() })?;
    /// let ty = MemoryType::new(IndexType::I32, 1, Some(4))?;
    /// for _ in 0..10 {
    ///     let memory = Memory::new(&engine, ty)?;
    ///     assert_eq!(memory.load::<u32>(0)?, 0); // whoever was here before
    ///     memory.store(0, 0xdead_u32)?;
    /// }
    /// let stats = engine.pool_stats();
    /// assert_eq!((stats.live, stats.hits + stats.misses), (0, 10));
    ///
    /// # if !engine.host().has_mappings { return Ok(()) }
    /// let (_first, _second) = (Memory::new(&engine, ty)?, Memory::new(&engine, ty)?);
    /// let refused = Memory::new(&engine, ty).unwrap_err();
    /// assert!(refused.to_string().starts_with("all 2 slots of this engine's memory pool are in use"));
    ///
    /// engine.trim_pool();
    /// assert_eq!(engine.pool_stats().resident_bytes, 0);
    /// # Ok::<(), wasm_memory::Error>(())
    /// ```
    pub fn pool_stats(&self) -> PoolStats {
        self.0.pool.stats()
    }

    /// Gives back the pages and the address space of all memories that are idle.
    pub fn trim_pool(&self) {
        self.0.pool.trim();
    }

    /// What the engine has. Takes time with its stores, about as much as making a memory for each, and holds nobody up.
    ///
    /// ```
    /// use wasm_memory::{Engine, IndexType, Memory, MemoryType, Pages, Policy, Store};
    ///
    /// let engine = Engine::new(Policy::default())?;
    /// let store = Store::new(&engine)?;
    /// let ty = MemoryType::new(IndexType::I32, 1, Some(4))?;
    /// let (inside, outside) = (store.new_memory(ty)?, Memory::new(&engine, ty)?);
    /// outside.grow(Pages(2))?;
    /// let stats = engine.stats();
    /// assert_eq!((stats.stores, stats.memories, stats.byte_length), (1, 2, 4 * 65_536));
    /// assert!(stats.reserved_bytes >= stats.committed_bytes);
    /// assert!(stats.committed_bytes >= stats.byte_length);
    ///
    /// drop((inside, outside, store));
    /// engine.trim_pool();
    /// assert_eq!(engine.stats(), Default::default());
    /// # Ok::<(), wasm_memory::Error>(())
    /// ```
    pub fn stats(&self) -> EngineStats {
        let Count { stores, memories, byte_length, reserved_bytes, committed_bytes, mappings } =
            self.0.census.count();
        // The two were read one after the other, while regions came and went.
        let committed_bytes = committed_bytes.min(reserved_bytes);
        EngineStats { stores, memories, byte_length, reserved_bytes, committed_bytes, mappings }
    }

    /// What is counted of the engine.
    #[inline]
    pub(crate) fn census(&self) -> &Census {
        &self.0.census
    }

    /// How many bytes of what a memory wrote stay in memory when it is reset.
    pub(crate) fn keep_resident(&self) -> usize {
        self.0.pool.keep_resident()
    }

    /// A region for a memory, as `wanted` says; `outgrown` is the strategy of the region that it replaces, if the
    /// memory moves, and it keeps that.
    ///
    /// From the pool, if its options provide for such a memory; else, if they allow that, on demand.
    pub(crate) fn acquire(
        &self,
        wanted: &Wanted<'_>,
        outgrown: Option<Bounds>,
    ) -> Result<Region, Error> {
        let &Wanted { ty, needed, image } = wanted;
        if outgrown.is_none()
            && let Some(region) = self.0.pool.take_again(ty, needed, image)
        {
            return Ok(region);
        }
        let region = self.acquire_anew(wanted, outgrown)?;
        self.0.pool.remember(ty, needed, &region);
        Ok(region)
    }

    fn acquire_anew(&self, wanted: &Wanted<'_>, outgrown: Option<Bounds>) -> Result<Region, Error> {
        let needed = wanted.needed as u64;
        let Some(pool) = self.0.pool_options else {
            return self.climb_down(wanted, outgrown, None);
        };
        if outgrown.is_none() && needed <= pool.slot_bytes {
            match self.climb_down(wanted, None, Some(pool.slot_bytes)) {
                Err(Error::PoolExhausted { .. }) if pool.overflow => {}
                made_or_refused => return made_or_refused,
            }
        } else if !pool.overflow {
            return Err(Error::SlotTooSmall { wanted: needed, slot_bytes: pool.slot_bytes });
        }
        self.climb_down(wanted, outgrown, None)
    }

    /// The most bytes that the pool lets a memory in this region have.
    pub(crate) fn slot_bytes(&self, region: &Region) -> Option<u64> {
        Some(self.0.pool_options.filter(|_| region.is_pooled())?.slot_bytes)
    }

    /// A region, from the highest rung that there is.
    ///
    /// The ladder: guarded; checked with the whole reservation; checked with what is needed now,
    /// extended in place later; the heap. GUARDED stays on the first rung, CHECKED starts on the
    /// second. A rung that a limit on the address space would turn into a squeeze is skipped.
    fn climb_down(
        &self,
        wanted: &Wanted<'_>,
        outgrown: Option<Bounds>,
        slot_bytes: Option<u64>,
    ) -> Result<Region, Error> {
        let (policy, host) = (&self.0.policy, &self.0.host);
        let &Wanted { ty, needed, .. } = wanted;
        let moving = outgrown.is_some();
        let planner = Planner { policy, host, ty, needed, moving, slot_bytes };
        // Code that was generated for a guarded memory has no checks: it stays guarded or where
        // it is.
        let strategy = match outgrown {
            None => policy.bounds,
            Some(Bounds::Guarded) => BoundsPolicy::Guarded,
            Some(Bounds::Checked) => BoundsPolicy::Checked,
        };
        let bounds = self.possible(&planner, strategy)?;
        if bounds == BoundsPolicy::Guarded {
            let layout = planner.guarded()?;
            return self
                .region(&planner, &layout, wanted)
                .map_err(|refusal| self.refused(ty, &layout, refusal));
        }
        if bounds == BoundsPolicy::Auto
            && let Some(region) = self.if_affordable(&planner, planner.guarded(), wanted)?
        {
            return Ok(region);
        }
        if host.has_mappings {
            if let Some(region) = self.slot(&planner, wanted)? {
                return Ok(region);
            }
            if let Some(region) = self.if_affordable(&planner, planner.checked(), wanted)? {
                return Ok(region);
            }
            if let Ok(layout) = planner.fitted()
                && let Ok(region) = self.on_demand(&layout, wanted)
            {
                return Ok(region);
            }
        } else if let Ok(layout) = planner.heap()
            && let Ok(region) = self.on_demand(&layout, wanted)
        {
            return Ok(region);
        }
        let layout = planner.heap_exact()?;
        self.on_demand(&layout, wanted).map_err(|os| self.refused(ty, &layout, os.into()))
    }

    /// How many bytes of a file a memory of type `ty` takes that is to be exported.
    pub(crate) fn file_capacity(&self, ty: &MemoryType, needed: usize) -> u64 {
        self.planner(ty, needed).capacity()
    }

    /// A planner of what no pool has.
    fn planner<'a>(&'a self, ty: &'a MemoryType, needed: usize) -> Planner<'a> {
        let (policy, host) = (&self.0.policy, &self.0.host);
        Planner { policy, host, ty, needed, moving: false, slot_bytes: None }
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
        let planner = self.planner(ty, capacity);
        let region = |layout| -> Result<Region, OsError> {
            let mut region = Region::over_file(layout, file, file_offset, capacity, needed, host)?;
            region.enter_census(&self.0.census);
            Ok(region)
        };
        // In the room that idle regions take, if there is no other.
        let region = |layout| match region(layout) {
            Err(_) if self.give_up_warm() => region(layout),
            made_or_refused => made_or_refused,
        };
        let bounds = self.possible(&planner, policy.bounds)?;
        if bounds == BoundsPolicy::Guarded {
            let layout = planner.guarded()?;
            return region(layout).map_err(|os| self.refused(ty, &layout, os.into()));
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
        region(layout).map_err(|os| self.refused(ty, &layout, os.into()))
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
        let planner = self.planner(ty, needed);
        if self.possible(&planner, self.0.policy.bounds)? != BoundsPolicy::Guarded {
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
        wanted: &Wanted<'_>,
    ) -> Result<Option<Region>, Error> {
        let Ok(layout) = layout else { return Ok(None) };
        if self.is_pooled(planner)
            && let Some(region) = self.0.pool.take(&layout, wanted.needed, wanted.image)
        {
            return Ok(Some(region));
        }
        if !self.is_affordable(planner, &layout) {
            return Ok(None);
        }
        match self.region(planner, &layout, wanted) {
            Ok(region) => Ok(Some(region)),
            Err(Refusal::System(_)) => Ok(None),
            Err(refusal) => Err(self.refused(wanted.ty, &layout, refusal)),
        }
    }

    /// A slot of a slab, if the memory is one for it and the system does not refuse it.
    fn slot(&self, planner: &Planner<'_>, wanted: &Wanted<'_>) -> Result<Option<Region>, Error> {
        // All of a slab is open.
        if !self.is_pooled(planner) || self.0.host.opening_commits {
            return Ok(None);
        }
        let no_guards = &self.0.no_slab_guards;
        let guard = || (!no_guards.load(Ordering::Relaxed)).then_some(self.0.host.page_bytes);
        let Some(layout) = planner.slab_slot(guard()) else { return Ok(None) };
        match self.slot_of(planner, &layout, wanted) {
            Ok(region) => return Ok(Some(region)),
            Err(Refusal::Exhausted) => {
                return Err(self.refused(wanted.ty, &layout, Refusal::Exhausted));
            }
            // So does a system that has no such guards.
            Err(Refusal::System(OsError::INVALID)) if layout.before != 0 => {
                no_guards.store(true, Ordering::Relaxed);
            }
            Err(Refusal::System(_)) => return Ok(None),
        }
        let Some(layout) = planner.slab_slot(guard()) else { return Ok(None) };
        match self.slot_of(planner, &layout, wanted) {
            Ok(region) => Ok(Some(region)),
            Err(Refusal::System(_)) => Ok(None),
            Err(refusal) => Err(self.refused(wanted.ty, &layout, refusal)),
        }
    }

    fn slot_of(
        &self,
        planner: &Planner<'_>,
        layout: &Layout,
        wanted: &Wanted<'_>,
    ) -> Result<Region, Refusal> {
        let pool = &self.0.pool;
        if let Some(region) = pool.take(layout, wanted.needed, wanted.image) {
            return Ok(region);
        }
        if let Some(region) = self.admit(layout, wanted)? {
            return Ok(region);
        }
        let room = |bytes| {
            planner.slab_leaves_room(bytes, region::reserved_bytes(), sys::address_space_left())
        };
        let carved = pool.carve(layout, &self.0.host, room);
        let mut region = carved.inspect_err(|_| pool.withdraw())?;
        match region.renew(wanted.needed, wanted.image) {
            Ok(()) => {
                pool.count_miss();
                Ok(region)
            }
            Err(refused) => {
                pool.drop_region(region);
                Err(refused.into())
            }
        }
    }

    /// A region of this layout: an idle one, a new one, or a new one in the room that the idle ones
    /// of other shapes take.
    fn region(
        &self,
        planner: &Planner<'_>,
        layout: &Layout,
        wanted: &Wanted<'_>,
    ) -> Result<Region, Refusal> {
        let pool = &self.0.pool;
        if !self.is_pooled(planner) {
            return Ok(self.on_demand(layout, wanted)?);
        }
        if let Some(region) = pool.take(layout, wanted.needed, wanted.image) {
            return Ok(region);
        }
        if let Some(region) = self.admit(layout, wanted)? {
            return Ok(region);
        }
        let made = self.new_region(layout, wanted);
        let mut region = made.inspect_err(|_| pool.withdraw())?;
        if region.is_reusable() {
            pool.adopt(&mut region);
        } else {
            pool.withdraw();
        }
        pool.count_miss();
        Ok(region)
    }

    /// Whether the planned region is to be one of the pool's: with options for one, what is larger than its slots is
    /// not, nor what finds no slot.
    fn is_pooled(&self, planner: &Planner<'_>) -> bool {
        self.0.pool_options.is_none() || planner.slot_bytes.is_some()
    }

    /// Counts one region more, if the pool may have it when everything idle is given up; or finds an idle one that was
    /// only hard to get.
    fn admit(&self, layout: &Layout, wanted: &Wanted<'_>) -> Result<Option<Region>, Refusal> {
        let pool = &self.0.pool;
        if pool.admit() {
            return Ok(None);
        }
        if let Some(region) = pool.take_patiently(layout, wanted.needed, wanted.image) {
            return Ok(Some(region));
        }
        // Others may take what one attempt gives up.
        while pool.trim() {
            if pool.admit() {
                return Ok(None);
            }
        }
        if pool.admit() { Ok(None) } else { Err(Refusal::Exhausted) }
    }

    /// A region that is in no pool.
    fn on_demand(&self, layout: &Layout, wanted: &Wanted<'_>) -> Result<Region, OsError> {
        let region = self.new_region(layout, wanted)?;
        self.0.pool.count_miss();
        Ok(region)
    }

    fn new_region(&self, layout: &Layout, wanted: &Wanted<'_>) -> Result<Region, OsError> {
        let made = |layout| {
            let mut region = Region::new(layout, wanted.needed, &self.0.host)?;
            region.enter_census(&self.0.census);
            if wanted.image.is_some() {
                region.renew(wanted.needed, wanted.image)?;
            }
            Ok(region)
        };
        made(*layout).or_else(|refused| {
            if !self.give_up_warm() {
                return Err(refused);
            }
            made(*layout)
        })
    }

    /// Gives the idle regions back to the system; false when there are none.
    fn give_up_warm(&self) -> bool {
        self.0.pool.trim()
    }

    /// Takes a region back from a memory that is gone and wrote no further than `used` bytes.
    pub(crate) fn release(&self, region: Region, used: usize) {
        self.0.pool.put(region, used);
    }

    /// Gives up a region that may not be what it should.
    pub(crate) fn retire(&self, region: Region) {
        self.0.pool.retire(region);
    }

    /// Gives back a region that its memory has outgrown, at so many bytes.
    pub(crate) fn discard(&self, region: Region, used: usize) {
        self.0.pool.let_go(region, used);
    }

    fn refused(&self, ty: &MemoryType, layout: &Layout, refusal: Refusal) -> Error {
        let os = match refusal {
            Refusal::Exhausted => {
                return Error::PoolExhausted { slots: self.0.pool.most_regions() };
            }
            Refusal::System(os) => os,
        };
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

    fn is_idle(engine: &Engine, regions: u64) -> bool {
        let stats = engine.pool_stats();
        stats.warm + stats.cold == regions
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
        let memory = Memory::new(&engine, i32_type(40, Some(40))).unwrap();
        memory.store(0, 1u8).unwrap();
        refuse_after(Some(0));
        drop(memory);
        refuse_after(None);
        assert!(is_idle(&engine, 0));
        assert_eq!(engine.pool_stats().retired, 1);
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
        assert!(!is_idle(&engine, 0));
        let wide = MemoryType::new(IndexType::I64, 1, None).unwrap();
        refuse_one(0);
        let memory = Memory::new(&engine, wide);
        refuse_after(None);
        assert!(memory.is_ok());
        assert!(is_idle(&engine, 0));
    }

    #[test]
    fn a_strict_system_that_refuses_to_open_all_gets_asked_for_what_is_needed() {
        let host = sys::host();
        if !host.has_mappings || host.opening_commits {
            return;
        }
        let engine = engine(BoundsPolicy::Checked);
        refuse_one(1); // the reservation is granted, opening all of it is not
        let memory = Memory::new(&engine, i32_type(1, Some(40))).unwrap();
        refuse_after(None);
        let stats = memory.stats();
        assert_eq!((stats.reserved_bytes, stats.committed_bytes), (2_621_440, 65_536));
        memory.grow(Pages(39)).unwrap();
        memory.store(2_621_439, 1u8).unwrap();
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
    fn a_memory_with_a_protection_stays_and_says_why_it_cannot_grow() {
        if !sys::host().has_mappings {
            return;
        }
        let reservation = Some(327_680);
        let policy = Policy { may_move: true, reservation, ..Policy::default() };
        let engine = Engine::new(policy).unwrap();
        let memory = Memory::new(&engine, i32_type(4, Some(64))).unwrap();
        let page = memory.stats().map_alignment_bytes;
        memory.protect(0, page, sys::Protection::Read).unwrap();
        let refused = memory.grow(Pages(3)).unwrap_err();
        assert!(refused.to_string().contains("wasm_memory_protect"), "{refused}");
        memory.protect(0, page, sys::Protection::ReadWrite).unwrap();
        assert_eq!(memory.grow(Pages(3)), Ok(Pages(4)));
    }

    #[test]
    fn a_memory_in_a_slot_may_have_what_the_slot_has_and_says_so() {
        if !sys::host().has_mappings {
            return;
        }
        let options = PoolOptions { slot_bytes: 262_144, ..PoolOptions::default() };
        let reservation = Some(327_680);
        let policy = Policy { pool: Some(options), reservation, ..Policy::default() };
        let engine = Engine::new(policy).unwrap();
        let memory = Memory::new(&engine, i32_type(2, Some(64))).unwrap();
        let stats = memory.stats();
        assert!(memory.grow(Pages(3)).is_err());
        assert_eq!(stats.reserved_bytes, 262_144);
        assert_eq!(memory.grow(Pages(2)), Ok(Pages(2)));
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
        assert_eq!(engine.pool_stats().live, 1, "what was outgrown is given back");
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
