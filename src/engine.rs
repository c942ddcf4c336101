//! An engine: the policy that memories are made under, and the warm regions that they leave behind.
//!
//! A deleted memory's region is zeroed in place and kept for the next memory of the same shape, so
//! that making and deleting memories in turn maps and unmaps nothing. A region that cannot be
//! proven zero is given back to the system instead.

#![forbid(unsafe_code)]

use crate::alloc::Ref;
use crate::error::Error;
use crate::plan::{BoundsPolicy, Layout, Planner, Policy};
use crate::region::Region;
use crate::sys::{self, HostCaps, OsError};
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
        Self::on_host(policy, sys::host())
    }

    fn on_host(policy: Policy, host: HostCaps) -> Result<Self, Error> {
        policy.check(&host)?;
        Ok(Self(Ref::try_new(State { policy, host, warm: Mutex::default() })?))
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

    /// A region for a memory of type `ty` with `needed` bytes open and zero; `moving` when it
    /// replaces a region that the memory has outgrown.
    ///
    /// The ladder: guarded; checked with the whole reservation; checked with what is needed now,
    /// extended in place later; the heap. GUARDED stays on the first rung, CHECKED starts on the
    /// second. A rung that a limit on the address space would turn into a squeeze is skipped.
    pub(crate) fn acquire(
        &self,
        ty: &MemoryType,
        needed: usize,
        moving: bool,
    ) -> Result<Region, Error> {
        let planner = Planner { policy: &self.0.policy, host: &self.0.host, ty, needed, moving };
        let bounds = match (planner.can_guard(), self.0.policy.bounds) {
            (true, bounds) => bounds,
            (false, BoundsPolicy::Guarded) if !self.0.host.can_guard => {
                return Err(Error::Unsupported(
                    "this host cannot guard memories: use memory_bounds AUTO or CHECKED",
                ));
            }
            (false, _) => BoundsPolicy::Checked,
        };
        if bounds == BoundsPolicy::Guarded {
            let layout = planner.guarded()?;
            return self.region(&layout, needed).map_err(|os| self.refused(&layout, os));
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
        self.region(&layout, needed).map_err(|os| self.refused(&layout, os))
    }

    /// The region, unless the layout does not exist, the system refuses it, or it would take more
    /// than its share of what a limit on the address space leaves.
    fn if_affordable(
        &self,
        planner: &Planner<'_>,
        layout: Result<Layout, Error>,
    ) -> Option<Region> {
        let layout = layout.ok()?;
        if let Some(region) = self.warm_region(&layout, planner.needed) {
            return Some(region);
        }
        if !planner.leaves_room(&layout, sys::address_space_left()) {
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
            let warm = core::mem::take(&mut *self.warm());
            if warm.0.iter().all(Option::is_none) {
                return Err(refused);
            }
            drop(warm);
            Region::new(*layout, needed, &self.0.host)
        })
    }

    /// Takes a region back from a memory that is gone.
    pub(crate) fn release(&self, mut region: Region) {
        if region.is_reusable() && region.zero().is_ok() {
            // Whatever does not fit is unmapped outside the lock.
            let overflow = self.warm().put(region);
            drop(overflow);
        }
    }

    fn refused(&self, layout: &Layout, os: OsError) -> Error {
        let bytes = layout.total(&self.0.host).map_or(u64::MAX, |total| total as u64);
        self.out_of_memory("reserve a linear memory", bytes, os)
    }

    /// The error for a system that refused `bytes` of address space or memory.
    pub(crate) fn out_of_memory(&self, purpose: &'static str, bytes: u64, os: OsError) -> Error {
        Error::OutOfMemory { purpose, bytes, os, limit: sys::diagnose(bytes, &self.0.host) }
    }
}
