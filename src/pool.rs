//! The regions that no memory has now: kept for the next one, so that making and deleting memories in turn asks the
//! system for nothing.
//!
//! They lie in shards, and each thread has one that it prefers; when that has nothing, or somebody else is at it, the
//! others are tried. A region that has come back is cleaned, back to the image that it remembers, and waits in a
//! bin for a memory of its shape. Slots of slabs wait until there are some, and are cleaned together. What cannot be
//! shown to be clean never comes back.
//!
//! Locks are only tried, or waited for a while: in the child of a fork, whoever held one is gone.

#![forbid(unsafe_code)]

use crate::alloc::Ref;
use crate::census::{Census, home};
use crate::error::Error;
use crate::image::MemoryImage;
use crate::plan::{Layout, PoolOptions};
use crate::region::{Region, Slab, Used, clean_together, empty_together};
use crate::sys::{self, HostCaps, OsError};
use crate::try_lock::{Taken, TryLock};
use crate::types::MemoryType;
use core::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Without options, a shard keeps so many regions.
const WARM_REGIONS: usize = 16;
/// Without options, so many bytes that a deleted memory wrote stay in memory, and of all that a shard keeps.
const WARM_BYTES: usize = 1 << 20;
const WARM_BYTES_IN_ALL: u64 = 8 << 20;
/// Without options, so many deleted memories wait to be cleaned together.
const WARM_BATCH: usize = 16;
/// More shards than this are not needed, however many processors there are.
const SHARDS_MOST: usize = 16;
/// How many slots are taken out of a slab together, so that they lie together when they are cleaned.
const CARVED_TOGETHER: usize = 8;
/// Each shape may have this share of the idle regions, even if others have to go for it.
const SHARE_OF_A_SHAPE: usize = 4;
/// The first slab of a shape has so many slots, and each further one twice as many, up to so many or so many bytes.
const SLAB_SLOTS: usize = 64;
const SLAB_SLOTS_MOST: usize = 1 << 14;
const SLAB_BYTES_MOST: usize = 1 << 30;
/// After so many memories have come back to a shard, it looks which regions lay idle all the time.
const DECAY_EVERY: u32 = 256;
/// Where memories write more bytes than this on average, slots are cleaned one at a time: the next memory finds those of
/// the last one in the processor's cache.
const FEW_BYTES: u64 = 16 << 10;

/// The regions of one engine.
#[derive(Debug)]
pub(crate) struct Pool {
    shards: Vec<Shard>,
    slabs: TryLock<Vec<Ref<Slab>>>,
    limits: Limits,
    /// How many regions there are, with memories in them or not.
    regions: AtomicU64,
    /// Their address space, guards and slabs included.
    address_space: AtomicU64,
    retired: AtomicU64,
    misses: AtomicU64,
    census: Ref<Census>,
}

#[derive(Debug)]
struct Limits {
    /// The most regions there may be.
    regions: u64,
    /// The most that lie idle in one shard.
    idle: usize,
    /// How many bytes stay in memory of what one memory wrote.
    keep: usize,
    /// And of all that lie idle in one shard.
    keep_in_all: u64,
    batch: usize,
}

/// One thread's, mostly.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Shard {
    idle: TryLock<Idle>,
    /// How many regions lie in it, and the bytes that they have in memory: for who wants to know without the lock.
    count: AtomicUsize,
    resident_bytes: AtomicU64,
    /// Whether slots are cleaned one at a time.
    cleans_at_once: AtomicBool,
}

#[derive(Debug, Default)]
struct Idle {
    bins: Vec<Bin>,
    /// Slots that wait to be cleaned.
    used: Vec<Used>,
    /// The room of the last batch, for the next.
    spare: Vec<Used>,
    /// What the last memory got that had to be planned for.
    recent: Option<Recent>,
    hits: u64,
    returns: u32,
}

/// The shape that a memory of this type got, of which so many bytes were needed.
#[derive(Clone, Copy, Debug)]
struct Recent {
    ty: MemoryType,
    needed: usize,
    layout: Layout,
}

/// Clean regions of one shape with one image.
#[derive(Debug)]
struct Bin {
    layout: Layout,
    image: Option<MemoryImage>,
    regions: Vec<Region>,
    /// The fewest there were since the shard looked.
    fewest: usize,
}

/// What a pool has and has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Memories in slots.
    pub live: u64,
    /// Idle slots that have pages in memory, or wait to be cleaned.
    pub warm: u64,
    /// Idle slots without pages.
    pub cold: u64,
    /// Slots that were given up because they could not be shown to be clean.
    pub retired: u64,
    /// Memories that were made in an idle slot.
    pub hits: u64,
    /// Memories that needed something new.
    pub misses: u64,
    /// The address space of all slots, guards included, in bytes.
    pub reserved_bytes: u64,
    /// What idle slots have in memory, in bytes.
    pub resident_bytes: u64,
}

impl Bin {
    fn new(layout: Layout, image: Option<MemoryImage>) -> Self {
        Self { layout, image, regions: Vec::new(), fewest: 0 }
    }

    fn take(&mut self) -> Option<Region> {
        let region = self.regions.pop()?;
        self.fewest = self.fewest.min(self.regions.len());
        Some(region)
    }
}

impl Idle {
    /// A clean region of this shape, if possible one that has the image.
    fn take(&mut self, layout: &Layout, image: Option<&MemoryImage>) -> Option<Region> {
        let has = |bin: &Bin, image: Option<&MemoryImage>| match (&bin.image, image) {
            (Some(own), Some(other)) => own.same(other),
            (None, None) => true,
            _ => false,
        };
        let mut best = None;
        for (index, bin) in self.bins.iter().enumerate() {
            if bin.regions.is_empty() || bin.layout != *layout {
                continue;
            }
            if has(bin, image) {
                best = Some(index);
                break;
            }
            // Zeros are nearer to an image than another image is.
            if best.is_none() || bin.image.is_none() {
                best = Some(index);
            }
        }
        let index = best?;
        let bin = self.bins.get_mut(index)?;
        let region = bin.take();
        if bin.regions.is_empty() && (bin.image.is_some() || self.bins.len() > 8) {
            self.bins.swap_remove(index);
        }
        region
    }

    /// How many clean regions there are of this shape.
    fn count_of(&self, layout: &Layout) -> usize {
        let alike = self.bins.iter().filter(|bin| bin.layout == *layout);
        alike.map(|bin| bin.regions.len()).sum()
    }

    /// The one that has lain idle longest of another shape, of which there are most.
    fn evict(&mut self, layout: &Layout) -> Option<Region> {
        let bins = self.bins.iter().enumerate().filter(|(_, bin)| bin.layout != *layout);
        let (index, _) = bins.max_by_key(|(_, bin)| bin.regions.len())?;
        let bin = self.bins.get_mut(index)?;
        let region = (!bin.regions.is_empty()).then(|| bin.regions.remove(0))?;
        bin.fewest = bin.fewest.min(bin.regions.len());
        if bin.regions.is_empty() {
            self.bins.swap_remove(index);
        }
        Some(region)
    }

    /// Puts a clean region into its bin; gives it back if there is no heap for that.
    fn put(&mut self, region: Region) -> Result<(), Region> {
        let fits =
            |bin: &&mut Bin| bin.layout == *region.layout() && region.has_image(bin.image.as_ref());
        if let Some(bin) = self.bins.iter_mut().find(fits) {
            return push(&mut bin.regions, region);
        }
        if self.bins.try_reserve(1).is_err() {
            return Err(region);
        }
        let mut bin = Bin::new(*region.layout(), region.image().cloned());
        push(&mut bin.regions, region)?;
        self.bins.push(bin);
        Ok(())
    }
}

fn push<T>(list: &mut Vec<T>, item: T) -> Result<(), T> {
    if list.try_reserve(1).is_err() {
        return Err(item);
    }
    list.push(item);
    Ok(())
}

impl Pool {
    /// A pool with these options, the defaults in; without, one of a few regions.
    pub(crate) fn new(options: Option<PoolOptions>, census: &Ref<Census>) -> Result<Self, Error> {
        let limits = match options {
            None => Limits {
                regions: u64::MAX,
                idle: WARM_REGIONS,
                keep: WARM_BYTES,
                keep_in_all: WARM_BYTES_IN_ALL,
                batch: WARM_BATCH,
            },
            Some(options) => {
                let bytes = |value: u64| usize::try_from(value).unwrap_or(usize::MAX);
                Limits {
                    regions: options.slots,
                    idle: usize::MAX,
                    keep: bytes(options.keep_resident_bytes),
                    keep_in_all: u64::MAX,
                    batch: bytes(options.decommit_batch),
                }
            }
        };
        let count = sys::processors().clamp(1, SHARDS_MOST).next_power_of_two();
        let mut shards = Vec::new();
        let bytes = count.saturating_mul(size_of::<Shard>());
        shards.try_reserve_exact(count).map_err(|_| Error::OutOfHeap(bytes))?;
        shards.resize_with(count, Shard::default);
        Ok(Self {
            shards,
            slabs: TryLock::default(),
            limits,
            regions: AtomicU64::new(0),
            address_space: AtomicU64::new(0),
            retired: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            census: census.clone(),
        })
    }

    /// The shards, the calling thread's own first.
    fn shards(&self) -> impl Iterator<Item = &Shard> {
        // The number of shards is a power of two.
        let first = home() & self.shards.len().wrapping_sub(1);
        let (before, from) = self.shards.split_at_checked(first).unwrap_or((&[], &self.shards));
        from.iter().chain(before)
    }

    /// An idle region of this shape for a memory of `needed` bytes, clean or with the image.
    pub(crate) fn take(
        &self,
        layout: &Layout,
        needed: usize,
        image: Option<&MemoryImage>,
    ) -> Option<Region> {
        self.shards().find_map(|shard| {
            if shard.count.load(Ordering::Relaxed) == 0 {
                return None;
            }
            self.take_from(shard, shard.idle.attempt()?, layout, needed, image)
        })
    }

    /// The same where no shard is left out because somebody is at it.
    pub(crate) fn take_patiently(
        &self,
        layout: &Layout,
        needed: usize,
        image: Option<&MemoryImage>,
    ) -> Option<Region> {
        self.shards()
            .find_map(|shard| self.take_from(shard, shard.idle.patiently()?, layout, needed, image))
    }

    /// An idle region of the shape that the last memory of this type got.
    pub(crate) fn take_again(
        &self,
        ty: &MemoryType,
        needed: usize,
        image: Option<&MemoryImage>,
    ) -> Option<Region> {
        let shard = self.shards().next()?;
        let idle = shard.idle.attempt()?;
        let Recent { layout, .. } =
            idle.recent.filter(|recent| recent.needed == needed && recent.ty == *ty)?;
        self.take_from(shard, idle, &layout, needed, image)
    }

    /// Remembers the shape that a memory of this type has got.
    pub(crate) fn remember(&self, ty: &MemoryType, needed: usize, region: &Region) {
        if region.is_pooled()
            && let Some(shard) = self.shards().next()
            && let Some(mut idle) = shard.idle.attempt()
        {
            idle.recent = Some(Recent { ty: *ty, needed, layout: *region.layout() });
        }
    }

    fn take_from<'a>(
        &self,
        shard: &'a Shard,
        mut idle: Taken<'a, Idle>,
        layout: &Layout,
        needed: usize,
        image: Option<&MemoryImage>,
    ) -> Option<Region> {
        let mut found = idle.take(layout, image);
        if found.is_none() && idle.used.iter().any(|used| used.region.layout() == layout) {
            idle = self.clean_used(shard, idle);
            found = idle.take(layout, image);
        }
        let mut region = found?;
        idle.hits = idle.hits.wrapping_add(1);
        shard.leaves(&region);
        drop(idle);
        match region.renew(needed, image) {
            Ok(()) => Some(region),
            Err(_) => {
                self.retire(region);
                if let Some(mut idle) = shard.idle.patiently() {
                    idle.hits = idle.hits.wrapping_sub(1);
                }
                None
            }
        }
    }

    /// Takes a region back from a memory that is gone and wrote no further than `bytes`.
    pub(crate) fn put(&self, mut region: Region, bytes: usize) {
        if !region.is_pooled() {
            return;
        }
        let Some(home) = self.shards().next() else { return self.drop_region(region) };
        if region.is_slot() && self.limits.batch > 1 && !home.cleans_at_once.load(Ordering::Relaxed)
        {
            return self.put_used(home, Used::new(region, bytes));
        }
        if !self.has_room(home) && !self.make_room(home, region.layout()) {
            return self.let_go(region, bytes);
        }
        let image = region.image_to_keep();
        let cleaned = match region.close_idle() {
            Ok(true) => Ok(()),
            Ok(false) => region.clean(bytes, image.as_ref(), self.limits.keep),
            Err(refused) => Err(refused),
        };
        if cleaned.is_err() {
            return self.retire(region);
        }
        if region.is_slot() {
            // Look again from time to time whether that is still so.
            home.cleans_at_once.store(region.resident_bytes() > FEW_BYTES, Ordering::Relaxed);
        }
        for shard in self.shards() {
            if let Some(idle) = shard.idle.attempt() {
                return self.put_clean(shard, idle, region);
            }
        }
        match home.idle.patiently() {
            Some(idle) => self.put_clean(home, idle, region),
            None => self.drop_region(region),
        }
    }

    /// Gives up what lies idle in the other shapes, where there are few regions of this one: shapes that nobody asks for
    /// any more must not be in the way for ever.
    fn make_room(&self, shard: &Shard, layout: &Layout) -> bool {
        let Some(mut idle) = shard.idle.attempt() else { return false };
        let is_rare = idle.count_of(layout) < self.limits.idle.div_ceil(SHARE_OF_A_SHAPE);
        let Some(region) = is_rare.then(|| idle.evict(layout)).flatten() else { return false };
        shard.leaves(&region);
        drop(idle);
        self.let_go(region, 0);
        self.has_room(shard)
    }

    fn has_room(&self, shard: &Shard) -> bool {
        shard.count.load(Ordering::Relaxed) < self.limits.idle && self.has_room_for_pages(shard)
    }

    fn put_clean(&self, shard: &Shard, mut idle: Taken<'_, Idle>, region: Region) {
        shard.enters(&region);
        let outcome = idle.put(region);
        if let Err(region) = &outcome {
            shard.leaves(region);
        }
        idle.returns = idle.returns.wrapping_add(1);
        if idle.returns.is_multiple_of(DECAY_EVERY) {
            self.decay(shard, &mut idle);
        }
        drop(idle);
        if let Err(region) = outcome {
            self.drop_region(region);
        }
    }

    /// Takes a slot that is to wait.
    fn put_used(&self, home: &Shard, used: Used) {
        let Some(mut idle) = home.idle.patiently() else {
            return self.let_go(used.region, used.bytes);
        };
        home.add(1);
        if let Err(used) = push(&mut idle.used, used) {
            home.add(usize::MAX);
            drop(idle);
            return self.let_go(used.region, used.bytes);
        }
        if idle.used.len() >= self.limits.batch {
            drop(self.clean_used(home, idle));
        }
    }

    /// Cleans the slots that wait in a shard, or as many as it may keep; the others go back to their slabs.
    fn clean_used<'a>(&self, shard: &'a Shard, mut idle: Taken<'a, Idle>) -> Taken<'a, Idle> {
        let spare = core::mem::take(&mut idle.spare);
        let mut batch = core::mem::replace(&mut idle.used, spare);
        let mut clean = shard.count.load(Ordering::Relaxed).saturating_sub(batch.len());
        if let Some(layout) = batch.first().map(|used| *used.region.layout()) {
            let share = self.limits.idle.div_ceil(SHARE_OF_A_SHAPE);
            let mut missing = share.saturating_sub(idle.count_of(&layout)).min(batch.len());
            while missing != 0
                && self.limits.idle.saturating_sub(clean) < missing
                && let Some(region) = idle.evict(&layout)
            {
                shard.leaves(&region);
                clean = clean.wrapping_sub(1);
                missing = missing.wrapping_sub(1);
                self.let_go(region, 0);
            }
        }
        let room = self.limits.idle.saturating_sub(clean);
        let room = if self.has_room_for_pages(shard) { room.min(batch.len()) } else { 0 };
        shard.add(batch.len().wrapping_neg());
        batch.sort_unstable_by_key(|used| used.region.base());
        let mut bytes = 0u64;
        if let Some((kept, rest)) = batch.split_at_mut_checked(room) {
            for near in kept.chunk_by_mut(|one, next| one.region.is_near(&next.region)) {
                if !clean_together(near, self.limits.keep) {
                    for used in near {
                        let image = used.region.image_to_keep();
                        let (bytes, keep) = (used.bytes, self.limits.keep);
                        used.is_clean = used.region.clean(bytes, image.as_ref(), keep).is_ok();
                    }
                }
            }
            bytes = kept.iter().map(|used| used.region.resident_bytes()).sum();
            if !empty_together(rest) {
                for used in rest {
                    used.is_clean = used.region.empty(used.bytes).is_ok();
                }
            }
        }
        let few = FEW_BYTES.saturating_mul(room as u64);
        shard.cleans_at_once.store(bytes > few, Ordering::Relaxed);
        // The lowest is the next to be used, so that the next batch is in order already.
        for (index, Used { region, is_clean, .. }) in batch.drain(..).enumerate().rev() {
            if !is_clean {
                self.retire(region);
            } else if index < room {
                shard.enters(&region);
                if let Err(region) = idle.put(region) {
                    shard.leaves(&region);
                    self.drop_region(region);
                }
            } else {
                self.regions.fetch_sub(1, Ordering::Relaxed);
                region.return_slot();
            }
            idle.returns = idle.returns.wrapping_add(1);
            if idle.returns.is_multiple_of(DECAY_EVERY) {
                self.decay(shard, &mut idle);
            }
        }
        idle.spare = batch;
        idle
    }

    fn has_room_for_pages(&self, shard: &Shard) -> bool {
        shard.resident_bytes.load(Ordering::Relaxed) < self.limits.keep_in_all
    }

    /// Half of the regions that lay idle since the last look give their pages back.
    fn decay(&self, shard: &Shard, idle: &mut Idle) {
        for bin in &mut idle.bins {
            let mut many = bin.fewest.div_ceil(2);
            bin.fewest = bin.regions.len();
            bin.regions.retain_mut(|region| {
                let bytes = region.resident_bytes();
                if many == 0 || bytes == 0 {
                    return true;
                }
                many = many.wrapping_sub(1);
                shard.leaves(region);
                if region.cool().is_err() {
                    self.retired.fetch_add(1, Ordering::Relaxed);
                    self.forget(region);
                    return false;
                }
                shard.enters(region);
                true
            });
        }
    }

    /// Gives back a region that is not to be kept.
    pub(crate) fn let_go(&self, mut region: Region, bytes: usize) {
        if !region.is_slot() {
            return self.drop_region(region);
        }
        if region.empty(bytes).is_err() {
            return self.retire(region);
        }
        self.regions.fetch_sub(1, Ordering::Relaxed);
        region.return_slot();
    }

    /// Gives a slot that counts no longer back to its slab, if it can be shown to be clean.
    fn empty_slot(&self, Used { mut region, bytes, .. }: Used) {
        if region.empty(bytes).is_ok() {
            region.return_slot();
        } else {
            self.retired.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Gives up a region that may not be clean.
    pub(crate) fn retire(&self, region: Region) {
        self.retired.fetch_add(1, Ordering::Relaxed);
        self.drop_region(region);
    }

    /// Forgets a region, which goes back to the system, or is lost to its slab.
    pub(crate) fn drop_region(&self, region: Region) {
        self.forget(&region);
    }

    /// Counts a region no longer.
    fn forget(&self, region: &Region) {
        if region.is_pooled() {
            self.address_space.fetch_sub(region.own_address_space(), Ordering::Relaxed);
            self.regions.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Counts a memory that needed something new.
    pub(crate) fn count_miss(&self) {
        self.misses.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether there may be one region more; it is counted then.
    pub(crate) fn admit(&self) -> bool {
        let more = |regions: u64| (regions < self.limits.regions).then(|| regions.wrapping_add(1));
        self.regions.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    /// How many bytes of what one memory wrote stay in memory.
    pub(crate) fn keep_resident(&self) -> usize {
        self.limits.keep
    }

    /// The most regions there may be.
    pub(crate) fn most_regions(&self) -> u64 {
        self.limits.regions
    }

    /// Makes a new region, which has been admitted, one of the pool's.
    pub(crate) fn adopt(&self, region: &mut Region) {
        region.join_pool();
        self.address_space.fetch_add(region.own_address_space(), Ordering::Relaxed);
    }

    /// A region that was admitted is not to be after all.
    pub(crate) fn withdraw(&self) {
        self.regions.fetch_sub(1, Ordering::Relaxed);
    }

    /// A slot of a slab, which has been admitted; `None` if the system refuses it. `room` says whether a slab of so many
    /// bytes leaves enough address space to the rest of the process.
    pub(crate) fn carve(
        &self,
        layout: &Layout,
        host: &HostCaps,
        room: impl Fn(u64) -> bool,
    ) -> Result<Region, OsError> {
        let slab = self.slab_with_room(layout, host, room)?;
        let Some(region) = Slab::carve(&slab)? else { return Err(OsError::no_memory()) };
        // Some more that lie beside it, for the memories that follow.
        if let Some(shard) = self.shards().next()
            && shard.count.load(Ordering::Relaxed).saturating_add(CARVED_TOGETHER)
                <= self.limits.idle
            && let Some(mut idle) = shard.idle.attempt()
        {
            let mut more = Vec::new();
            let wanted = CARVED_TOGETHER.wrapping_sub(1);
            if more.try_reserve_exact(wanted).is_ok() {
                while more.len() < wanted && self.admit() {
                    match Slab::carve(&slab) {
                        Ok(Some(region)) => more.push(region),
                        Ok(None) | Err(_) => {
                            self.withdraw();
                            break;
                        }
                    }
                }
            }
            // The nearest is the next.
            for region in more.into_iter().rev() {
                shard.enters(&region);
                if let Err(region) = idle.put(region) {
                    shard.leaves(&region);
                    self.withdraw();
                    region.return_slot();
                }
            }
        }
        Ok(region)
    }

    fn slab_with_room(
        &self,
        layout: &Layout,
        host: &HostCaps,
        room: impl Fn(u64) -> bool,
    ) -> Result<Ref<Slab>, OsError> {
        let mut slabs = self.slabs.patiently().ok_or(OsError::no_memory())?;
        let mut of_shape = slabs.iter().rev().filter(|slab| slab.layout() == layout);
        if let Some(slab) = of_shape.clone().find(|slab| slab.has_free()) {
            return Ok(slab.clone());
        }
        let stride = Slab::stride(layout);
        let most = SLAB_BYTES_MOST.checked_div(stride).unwrap_or(1).clamp(1, SLAB_SLOTS_MOST);
        let doublings = of_shape.by_ref().count().min(16);
        let mut slots = (SLAB_SLOTS << doublings).min(most);
        let limited = usize::try_from(self.limits.regions).unwrap_or(usize::MAX);
        slots = slots.min(limited.max(1));
        loop {
            let bytes = stride.saturating_mul(slots);
            let made = if room(bytes as u64) {
                Slab::new(*layout, slots, host, &self.census)
            } else {
                Err(OsError::no_memory())
            };
            match made {
                Ok(slab) => {
                    slabs.try_reserve(1).map_err(|_| OsError::no_memory())?;
                    self.address_space.fetch_add(slab.address_space(), Ordering::Relaxed);
                    slabs.push(slab.clone());
                    return Ok(slab);
                }
                Err(refused) if slots == 1 => return Err(refused),
                Err(_) => slots >>= 1,
            }
        }
    }

    /// Gives back everything that no memory has now; false if that is nothing.
    pub(crate) fn trim(&self) -> bool {
        let mut any = false;
        for shard in &self.shards {
            let Some(mut idle) = shard.idle.patiently() else { continue };
            let mut used = core::mem::take(&mut idle.used);
            let bins = core::mem::take(&mut idle.bins);
            idle.spare = Vec::new();
            shard.count.store(0, Ordering::Relaxed);
            shard.resident_bytes.store(0, Ordering::Relaxed);
            // They count no longer from now on, so that others may be made while these are on their way.
            let lens = bins.iter().map(|bin| bin.regions.len());
            let count = lens.fold(used.len(), |sum: usize, regions| sum.saturating_add(regions));
            self.regions.fetch_sub(count as u64, Ordering::Relaxed);
            drop(idle);
            any |= count != 0;
            for region in bins.into_iter().flat_map(|bin| bin.regions) {
                let bytes = region.open_bytes();
                if !region.is_slot() {
                    self.address_space.fetch_sub(region.own_address_space(), Ordering::Relaxed);
                } else if let Err(slot) = push(&mut used, Used::new(region, bytes)) {
                    // No heap to gather them.
                    self.empty_slot(slot);
                }
            }
            let together = empty_together(&mut used);
            for slot in used {
                if together {
                    slot.region.return_slot();
                } else {
                    self.empty_slot(slot);
                }
            }
        }
        if let Some(mut slabs) = self.slabs.patiently() {
            slabs.retain(|slab| {
                let unused = slab.is_unused();
                if unused {
                    any = true;
                    self.address_space.fetch_sub(slab.address_space(), Ordering::Relaxed);
                }
                !unused
            });
        }
        any
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let mut stats = PoolStats {
            retired: self.retired.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            reserved_bytes: self.address_space.load(Ordering::Relaxed),
            ..PoolStats::default()
        };
        let mut count = |resident: u64, waits: bool| {
            let warm = waits || resident != 0;
            let counter = if warm { &mut stats.warm } else { &mut stats.cold };
            *counter = counter.wrapping_add(1);
            stats.resident_bytes = stats.resident_bytes.saturating_add(resident);
        };
        let mut hits = 0u64;
        for shard in &self.shards {
            let Some(idle) = shard.idle.patiently() else { continue };
            hits = hits.wrapping_add(idle.hits);
            for region in idle.bins.iter().flat_map(|bin| &bin.regions) {
                count(region.idle_resident_bytes(None), false);
            }
            for used in &idle.used {
                count(used.region.idle_resident_bytes(Some(used.bytes)), true);
            }
        }
        stats.hits = hits;
        let idle = stats.warm.wrapping_add(stats.cold);
        stats.live = self.regions.load(Ordering::Relaxed).saturating_sub(idle);
        stats
    }
}

impl Shard {
    /// A clean region comes into it, whose lock the caller has.
    fn enters(&self, region: &Region) {
        self.add(1);
        add(&self.resident_bytes, region.resident_bytes());
    }

    /// A clean region goes out of it, whose lock the caller has.
    fn leaves(&self, region: &Region) {
        self.add(usize::MAX);
        add(&self.resident_bytes, region.resident_bytes().wrapping_neg());
    }

    /// So many regions more, modulo 2^N; the caller has the lock.
    fn add(&self, regions: usize) {
        let count = self.count.load(Ordering::Relaxed).wrapping_add(regions);
        self.count.store(count, Ordering::Relaxed);
    }
}

/// So much more, modulo 2^64. Not a read-modify-write operation: who changes it has a lock.
fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
}
