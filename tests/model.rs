//! Random operation sequences on memories and on a naive model of them, bytes in a `Vec`: after
//! each operation both give the same answer and hold the same bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that goes wrong fails"
)]

use proptest::prelude::*;
use std::time::Duration;
use wasm_memory::{
    BoundsPolicy, DataSegment, Engine, Error, IndexType, Memory, MemoryType, PageSize, Pages,
    Policy, RmwOp, WaitResult,
};

#[derive(Clone, Debug)]
enum Operation {
    Grow(u64),
    Read { offset: u64, length: usize },
    Write { offset: u64, bytes: Vec<u8> },
    Fill { offset: u64, value: u8, length: u64 },
    Copy { destination: u64, source: u64, length: u64 },
    CopyApart { destination: u64, source: u64, length: u64 },
    Discard { offset: u64, length: u64 },
    Erase,
    Init { destination: u64, source: u32, length: u32 },
    Rmw { op: RmwOp, width: u64, offset: u64, operand: u64 },
    Cmpxchg { width: u64, offset: u64, hit: bool, replacement: u64 },
    AtomicStore { width: u64, offset: u64, value: u64 },
    Wait { width: u64, offset: u64, hit: bool },
    Notify { offset: u64, count: u32 },
    LoadU32(u64),
    StoreU64(u64, u64),
    StoreF32(u64, u32),
}

/// Offsets around the start, around each page boundary that occurs, and far away.
fn offset() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => 0u64..200_000,
        2 => (0u64..5, 0u64..40).prop_map(|(page, near)| (page * 65_536 + near).saturating_sub(20)),
        1 => prop::sample::select(vec![
            u64::from(u32::MAX), 1 << 32, u64::MAX, u64::MAX - 7, i64::MAX as u64,
        ]),
    ]
}

fn length() -> impl Strategy<Value = u64> {
    prop_oneof![4 => 0u64..70, 2 => 0u64..150_000, 1 => prop::sample::select(vec![u64::MAX, 1 << 40])]
}

/// Offsets of which most are aligned.
fn near() -> impl Strategy<Value = u64> {
    prop_oneof![4 => offset().prop_map(|offset| offset & !7), 1 => offset()]
}

fn width() -> impl Strategy<Value = u64> {
    prop::sample::select(vec![1, 2, 4, 8])
}

fn rmw_op() -> impl Strategy<Value = RmwOp> {
    use RmwOp::*;
    prop::sample::select(vec![Add, Sub, And, Or, Xor, Xchg])
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation::*;
    prop_oneof![
        prop_oneof![4 => 0u64..3, 2 => 0u64..70_000, 1 => Just(u64::MAX)].prop_map(Grow),
        (offset(), 0usize..100_000).prop_map(|(offset, length)| Read { offset, length }),
        (offset(), prop::collection::vec(any::<u8>(), 0..100))
            .prop_map(|(offset, bytes)| Write { offset, bytes }),
        (offset(), any::<u8>(), length()).prop_map(|(offset, value, length)| Fill {
            offset,
            value,
            length
        }),
        (offset(), offset(), length()).prop_map(|(destination, source, length)| Copy {
            destination,
            source,
            length
        }),
        (offset(), offset(), length()).prop_map(|(destination, source, length)| CopyApart {
            destination,
            source,
            length
        }),
        (offset(), length()).prop_map(|(offset, length)| Discard { offset, length }),
        Just(Erase),
        (offset(), 0u32..300, 0u32..300).prop_map(|(destination, source, length)| Init {
            destination,
            source,
            length
        }),
        prop_oneof![
            (rmw_op(), width(), near(), any::<u64>())
                .prop_map(|(op, width, offset, operand)| Rmw { op, width, offset, operand }),
            (width(), near(), any::<bool>(), any::<u64>()).prop_map(
                |(width, offset, hit, replacement)| Cmpxchg { width, offset, hit, replacement }
            ),
            (width(), near(), any::<u64>()).prop_map(|(width, offset, value)| AtomicStore {
                width,
                offset,
                value
            }),
            (prop::sample::select(vec![4, 8]), near(), any::<bool>())
                .prop_map(|(width, offset, hit)| Wait { width, offset, hit }),
            (near(), any::<u32>()).prop_map(|(offset, count)| Notify { offset, count }),
        ],
        offset().prop_map(LoadU32),
        (offset(), any::<u64>()).prop_map(|(offset, value)| StoreU64(offset, value)),
        (offset(), any::<u32>()).prop_map(|(offset, bits)| StoreF32(offset, bits)),
    ]
}

/// What a memory is, said as simply as possible.
struct Model {
    bytes: Vec<u8>,
    page_bytes: usize,
    maximum_pages: u64,
    is_shared: bool,
}

/// What an atomic operation answers.
#[derive(Debug, PartialEq)]
enum Answer {
    Unaligned,
    NotShared,
    OutOfBounds,
    Value(u64),
}

impl Answer {
    fn of(result: Result<u64, Error>) -> Self {
        match result {
            Ok(value) => Self::Value(value),
            Err(Error::Unaligned { .. }) => Self::Unaligned,
            Err(Error::NotShared) => Self::NotShared,
            Err(Error::OutOfBounds { .. }) => Self::OutOfBounds,
            Err(error) => panic!("{error}"),
        }
    }
}

impl Model {
    /// Replaces the number at `offset` by what `change` makes of it.
    fn atomic(&mut self, width: u64, offset: u64, change: impl Fn(u64) -> u64) -> Answer {
        if !offset.is_multiple_of(width) {
            return Answer::Unaligned;
        }
        let Some(range) = self.range(offset, width) else { return Answer::OutOfBounds };
        let mut bytes = [0; 8];
        bytes[..width as usize].copy_from_slice(&self.bytes[range.clone()]);
        let old = u64::from_le_bytes(bytes);
        self.bytes[range].copy_from_slice(&change(old).to_le_bytes()[..width as usize]);
        Answer::Value(old)
    }

    /// The number at `offset`, or another one.
    fn expected(&self, width: u64, offset: u64, hit: bool) -> u64 {
        let Some(range) = self.range(offset, width) else { return 0 };
        let mut bytes = [0; 8];
        bytes[..width as usize].copy_from_slice(&self.bytes[range]);
        u64::from_le_bytes(bytes) ^ u64::from(!hit)
    }

    fn range(&self, offset: u64, length: u64) -> Option<std::ops::Range<usize>> {
        let end = u128::from(offset) + u128::from(length);
        (end <= self.bytes.len() as u128).then_some(offset as usize..end as usize)
    }

    fn grow(&mut self, delta: u64) -> Option<u64> {
        let pages = (self.bytes.len() / self.page_bytes) as u64;
        let wanted = pages.checked_add(delta).filter(|wanted| *wanted <= self.maximum_pages)?;
        self.bytes.resize(wanted as usize * self.page_bytes, 0);
        Some(pages)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) -> bool {
        let range = self.range(offset, bytes.len() as u64);
        range.map(|range| self.bytes[range].copy_from_slice(bytes)).is_some()
    }
}

fn agree(memory: &Memory, model: &mut Model, operation: Operation) {
    match operation {
        Operation::Grow(delta) => match (memory.grow(Pages(delta)), model.grow(delta)) {
            (Ok(previous), Some(expected)) => assert_eq!(previous, Pages(expected)),
            (Err(Error::MaximumExceeded { .. }), None) => {}
            (ours, expected) => panic!("grow by {delta}: {ours:?}, expected {expected:?}"),
        },
        Operation::Read { offset, length } => {
            let mut ours = vec![0xaa; length];
            let done = memory.read(offset, &mut ours).is_ok();
            let expected = match model.range(offset, length as u64) {
                Some(range) => (true, model.bytes[range].to_vec()),
                None => (false, vec![0xaa; length]),
            };
            assert!((done, ours) == expected, "read of {length} at {offset}");
        }
        Operation::Write { offset, bytes } => {
            assert_eq!(memory.write(offset, &bytes).is_ok(), model.write(offset, &bytes));
        }
        Operation::Fill { offset, value, length } => {
            let range = model.range(offset, length);
            assert_eq!(memory.fill(offset, value, length).is_ok(), range.is_some());
            if let Some(range) = range {
                model.bytes[range].fill(value);
            }
        }
        Operation::Copy { destination, source, length } => {
            let ranges = model.range(source, length).zip(model.range(destination, length));
            let done = memory.copy_within(destination, source, length).is_ok();
            assert_eq!(done, ranges.is_some());
            if let Some((from, to)) = ranges {
                model.bytes.copy_within(from, to.start);
            }
        }
        Operation::CopyApart { destination, source, length } => {
            let ranges = model.range(source, length).zip(model.range(destination, length));
            let done = memory.copy_within_nonoverlapping(destination, source, length);
            match ranges {
                None => assert!(matches!(done, Err(Error::OutOfBounds { .. }))),
                Some((from, to)) if from.clone().any(|at| to.contains(&at)) => {
                    assert!(matches!(done, Err(Error::Overlap { .. })));
                }
                Some((from, to)) => {
                    assert_eq!(done, Ok(()));
                    model.bytes.copy_within(from, to.start);
                }
            }
        }
        Operation::Discard { offset, length } => {
            let range = model.range(offset, length);
            assert_eq!(memory.discard(offset, length).is_ok(), range.is_some());
            if let Some(range) = range {
                model.bytes[range].fill(0);
            }
        }
        Operation::Erase => {
            assert_eq!(memory.erase(), Ok(()));
            model.bytes.fill(0);
        }
        Operation::Init { destination, source, length } => {
            let bytes: Vec<u8> = (0..250).collect();
            let segment = DataSegment::new(&bytes).unwrap();
            let from = bytes.get(source as usize..(source + length) as usize);
            let to = model.range(destination, u64::from(length));
            let done = memory.init(destination, &segment, source, length).is_ok();
            assert_eq!(done, from.is_some() && to.is_some());
            if let (Some(from), Some(to)) = (from, to) {
                model.bytes[to].copy_from_slice(from);
            }
        }
        Operation::Rmw { op, width, offset, operand } => {
            let old = match width {
                1 => memory.atomic_rmw(op, offset, operand as u8).map(u64::from),
                2 => memory.atomic_rmw(op, offset, operand as u16).map(u64::from),
                4 => memory.atomic_rmw(op, offset, operand as u32).map(u64::from),
                _ => memory.atomic_rmw(op, offset, operand),
            };
            let expected = model.atomic(width, offset, |old| match op {
                RmwOp::Add => old.wrapping_add(operand),
                RmwOp::Sub => old.wrapping_sub(operand),
                RmwOp::And => old & operand,
                RmwOp::Or => old | operand,
                RmwOp::Xor => old ^ operand,
                RmwOp::Xchg => operand,
            });
            assert_eq!(Answer::of(old), expected);
        }
        Operation::Cmpxchg { width, offset, hit, replacement } => {
            let expected = model.expected(width, offset, hit);
            let old = match width {
                1 => {
                    memory.atomic_cmpxchg(offset, expected as u8, replacement as u8).map(u64::from)
                }
                2 => memory
                    .atomic_cmpxchg(offset, expected as u16, replacement as u16)
                    .map(u64::from),
                4 => memory
                    .atomic_cmpxchg(offset, expected as u32, replacement as u32)
                    .map(u64::from),
                _ => memory.atomic_cmpxchg(offset, expected, replacement),
            };
            let change = |old| if old == expected { replacement } else { old };
            assert_eq!(Answer::of(old), model.atomic(width, offset, change));
        }
        Operation::AtomicStore { width, offset, value } => {
            let done = match width {
                1 => memory.atomic_store(offset, value as u8),
                2 => memory.atomic_store(offset, value as u16),
                4 => memory.atomic_store(offset, value as u32),
                _ => memory.atomic_store(offset, value),
            };
            let loaded = done.and_then(|()| match width {
                1 => memory.atomic_load::<u8>(offset).map(u64::from),
                2 => memory.atomic_load::<u16>(offset).map(u64::from),
                4 => memory.atomic_load::<u32>(offset).map(u64::from),
                _ => memory.atomic_load::<u64>(offset),
            });
            model.atomic(width, offset, |_| value);
            assert_eq!(Answer::of(loaded), model.atomic(width, offset, |now| now));
        }
        Operation::Wait { width, offset, hit } => {
            let expected = model.expected(width, offset, hit);
            let timeout = Some(Duration::ZERO);
            let result = match width {
                4 => memory.atomic_wait32(offset, expected as u32, timeout),
                _ => memory.atomic_wait64(offset, expected, timeout),
            };
            let answer = Answer::of(result.map(|result| match result {
                WaitResult::Ok => 0,
                WaitResult::Mismatch => 1,
                WaitResult::TimedOut => 2,
            }));
            let right = if !offset.is_multiple_of(width) {
                Answer::Unaligned
            } else if !model.is_shared {
                Answer::NotShared
            } else if model.range(offset, width).is_none() {
                Answer::OutOfBounds
            } else {
                Answer::Value(if hit { 2 } else { 1 })
            };
            assert_eq!(answer, right);
        }
        Operation::Notify { offset, count } => {
            let woken = Answer::of(memory.atomic_notify(offset, count).map(u64::from));
            let right = match model.atomic(4, offset, |now| now) {
                Answer::Value(_) => Answer::Value(0),
                trap => trap,
            };
            assert_eq!(woken, right);
        }
        Operation::LoadU32(offset) => {
            let expected = model
                .range(offset, 4)
                .map(|range| u32::from_le_bytes(model.bytes[range].try_into().unwrap()));
            assert_eq!(memory.load::<u32>(offset).ok(), expected);
        }
        Operation::StoreU64(offset, value) => {
            let done = model.write(offset, &value.to_le_bytes());
            assert_eq!(memory.store(offset, value).is_ok(), done);
        }
        Operation::StoreF32(offset, bits) => {
            let done = model.write(offset, &bits.to_le_bytes());
            assert_eq!(memory.store(offset, f32::from_bits(bits)).is_ok(), done);
        }
    }
    assert_eq!(memory.byte_length(), model.bytes.len());
}

fn policies() -> impl Strategy<Value = Policy> {
    let bounds = prop::sample::select(vec![
        BoundsPolicy::Auto,
        BoundsPolicy::Guarded,
        BoundsPolicy::Checked,
    ]);
    (bounds, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |(bounds, movable, huge_pages, guard_before)| Policy {
            bounds,
            huge_pages,
            guard_before,
            may_move: movable,
            // A movable memory starts with next to nothing, so that it does move.
            reservation: movable.then_some(65_536),
            reservation_for_growth: movable.then_some(65_536),
            ..Policy::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn a_memory_does_what_the_model_does(
        policy in policies(),
        index in prop::sample::select(vec![IndexType::I32, IndexType::I64]),
        page_size in prop::sample::select(vec![PageSize::One, PageSize::Wasm]),
        is_shared in any::<bool>(),
        exportable in any::<bool>(),
        operations in prop::collection::vec(operation(), 1..40),
    ) {
        let (minimum, maximum) = match page_size {
            PageSize::One => (70_001, 200_003),
            PageSize::Wasm => (1, 5),
        };
        let ty = MemoryType::custom(index, page_size, minimum, Some(maximum), is_shared).unwrap();
        let engine = Engine::new(policy).unwrap();
        let exportable = exportable && engine.host().has_shared_files;
        let engine = Engine::new(Policy { exportable, ..policy }).unwrap();
        if policy.bounds == BoundsPolicy::Guarded && !engine.host().can_guard {
            return Ok(());
        }
        // Without a movable base the heap backend reserves the maximum here, for it is small.
        let page_bytes = page_size.bytes() as usize;
        // Twice, so that the second memory lies in the region of the first.
        for _ in 0..2 {
            let memory = Memory::new(&engine, ty).unwrap();
            let mut model = Model {
                bytes: vec![0; minimum as usize * page_bytes],
                page_bytes,
                maximum_pages: maximum,
                is_shared,
            };
            for operation in operations.clone() {
                agree(&memory, &mut model, operation);
            }
            let mut bytes = vec![0; memory.byte_length()];
            memory.read(0, &mut bytes).unwrap();
            prop_assert!(bytes == model.bytes);
        }
    }
}
