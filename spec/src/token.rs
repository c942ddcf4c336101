//! The words of a script: strings, numbers, expected results.

use std::fmt::Write;

use wast::core::{AbstractHeapType, HeapType, NanPattern, V128Pattern, WastArgCore, WastRetCore};
use wast::token::{F32, F64, Id};
use wast::{WastArg, WastRet};

/// A string as one word: whatever is not plain becomes `%XX`, the empty one `%`.
pub fn string(text: &str) -> String {
    match text {
        "" => "%".into(),
        // A bare one means that there is no name.
        "-" => "%2D".into(),
        _ => text.bytes().fold(String::new(), |mut word, byte| {
            if byte.is_ascii_alphanumeric() || b"_.-".contains(&byte) {
                word.push(byte.into());
            } else {
                let _ = write!(word, "%{byte:02X}");
            }
            word
        }),
    }
}

/// A name in the script, or `-` for none.
pub fn name(id: Option<Id<'_>>) -> String {
    id.map_or("-".into(), |id| string(id.name()))
}

/// An argument. Fails for a value that the format has no word for.
pub fn argument(argument: &WastArg<'_>) -> Result<String, String> {
    let WastArg::Core(argument) = argument else {
        return Err("an argument of a component".into());
    };
    Ok(match argument {
        WastArgCore::I32(value) => format!("i32:{value:08x}"),
        WastArgCore::I64(value) => format!("i64:{value:016x}"),
        WastArgCore::F32(value) => format!("f32:{:08x}", value.bits),
        WastArgCore::F64(value) => format!("f64:{:016x}", value.bits),
        WastArgCore::V128(value) => vector(value.to_le_bytes()),
        WastArgCore::RefNull(kind) => null(kind)?,
        WastArgCore::RefExtern(number) => format!("externref:{number}"),
        WastArgCore::RefHost(_) => return Err("a reference to a host's value".into()),
    })
}

/// An expected result.
pub fn result(result: &WastRet<'_>) -> Result<String, String> {
    let WastRet::Core(result) = result else {
        return Err("a result of a component".into());
    };
    core_result(result)
}

fn core_result(result: &WastRetCore<'_>) -> Result<String, String> {
    Ok(match result {
        WastRetCore::I32(value) => format!("i32:{value:08x}"),
        WastRetCore::I64(value) => format!("i64:{value:016x}"),
        WastRetCore::F32(pattern) => format!("f32:{}", lane32(pattern)),
        WastRetCore::F64(pattern) => format!("f64:{}", lane64(pattern)),
        WastRetCore::V128(pattern) => vector_pattern(pattern),
        WastRetCore::RefNull(None) => "ref:null".into(),
        WastRetCore::RefNull(Some(kind)) => null(kind)?,
        WastRetCore::RefExtern(Some(number)) => format!("externref:{number}"),
        WastRetCore::RefExtern(None) | WastRetCore::RefFunc(None) => "ref".into(),
        WastRetCore::Either(results) => {
            let words: Result<Vec<_>, _> = results.iter().map(core_result).collect();
            words?.join("|")
        }
        other => return Err(format!("the result {other:?}")),
    })
}

fn null(kind: &HeapType<'_>) -> Result<String, String> {
    match kind {
        HeapType::Abstract { shared: false, ty: AbstractHeapType::Func } => {
            Ok("funcref:null".into())
        }
        HeapType::Abstract { shared: false, ty: AbstractHeapType::Extern } => {
            Ok("externref:null".into())
        }
        other => Err(format!("a null reference of the type {other:?}")),
    }
}

fn lane32(pattern: &NanPattern<F32>) -> String {
    match pattern {
        NanPattern::CanonicalNan => "nan:canonical".into(),
        NanPattern::ArithmeticNan => "nan:arithmetic".into(),
        NanPattern::Value(value) => format!("{:08x}", value.bits),
    }
}

fn lane64(pattern: &NanPattern<F64>) -> String {
    match pattern {
        NanPattern::CanonicalNan => "nan:canonical".into(),
        NanPattern::ArithmeticNan => "nan:arithmetic".into(),
        NanPattern::Value(value) => format!("{:016x}", value.bits),
    }
}

/// The vector as one number, whose least significant byte is the first in memory.
fn vector(bytes: [u8; 16]) -> String {
    format!("v128:{:032x}", u128::from_le_bytes(bytes))
}

fn vector_pattern(pattern: &V128Pattern) -> String {
    let mut bytes = [0; 16];
    match pattern {
        V128Pattern::I8x16(lanes) => fill(&mut bytes, lanes.map(i8::to_le_bytes)),
        V128Pattern::I16x8(lanes) => fill(&mut bytes, lanes.map(i16::to_le_bytes)),
        V128Pattern::I32x4(lanes) => fill(&mut bytes, lanes.map(i32::to_le_bytes)),
        V128Pattern::I64x2(lanes) => fill(&mut bytes, lanes.map(i64::to_le_bytes)),
        // Only a vector of floats may leave a lane open.
        V128Pattern::F32x4(lanes) => {
            return format!("v128.f32x4:{}", lanes.each_ref().map(lane32).join(","));
        }
        V128Pattern::F64x2(lanes) => {
            return format!("v128.f64x2:{}", lanes.each_ref().map(lane64).join(","));
        }
    }
    vector(bytes)
}

fn fill<const LANES: usize, const WIDTH: usize>(bytes: &mut [u8; 16], lanes: [[u8; WIDTH]; LANES]) {
    for (slot, lane) in bytes.chunks_exact_mut(WIDTH).zip(lanes) {
        slot.copy_from_slice(&lane);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_is_one_word() {
        assert_eq!(string("grow_by.1-x"), "grow_by.1-x");
        assert_eq!(string(""), "%");
        assert_eq!(string("-"), "%2D");
        assert_eq!(string("a b%\n\u{e9}"), "a%20b%25%0A%C3%A9");
    }

    #[test]
    fn the_first_lane_is_the_least_significant() {
        let lanes = [1, 0x0203, -1, 0];
        assert_eq!(
            vector_pattern(&V128Pattern::I32x4(lanes)),
            "v128:00000000ffffffff0000020300000001"
        );
        let mut bytes = [0; 16];
        bytes[0] = 0x7f;
        assert_eq!(vector(bytes), format!("v128:{}7f", "0".repeat(30)));
    }
}
