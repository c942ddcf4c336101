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
use wasm_memory::{
    BoundsPolicy, DataSegment, Engine, Error, IndexType, Memory, MemoryType, PageSize, Pages,
    Policy,
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
}

impl Model {
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
        operations in prop::collection::vec(operation(), 1..40),
    ) {
        let (minimum, maximum) = match page_size {
            PageSize::One => (70_001, 200_003),
            PageSize::Wasm => (1, 5),
        };
        let ty = MemoryType::custom(index, page_size, minimum, Some(maximum), false).unwrap();
        let engine = Engine::new(policy).unwrap();
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
