//! What comes out is a module, valid, and has nothing left of what wasm2c cannot do.

use wasm2c_prepare::{Error, prepare};
use wasmparser::{Operator, Parser, Payload, Validator, WasmFeatures};

fn validated(module: &[u8]) {
    Validator::new_with_features(WasmFeatures::all())
        .validate_all(module)
        .expect("the prepared module is valid");
}

/// The instructions of all functions, as text.
fn code(module: &[u8]) -> Vec<String> {
    let mut code = Vec::new();
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CodeSectionEntry(body) = payload.unwrap() {
            for operator in body.get_operators_reader().unwrap() {
                code.push(format!("{:?}", operator.unwrap()));
            }
        }
    }
    code
}

fn prepared(text: &str) -> wasm2c_prepare::Prepared {
    let module = wat::parse_str(text).unwrap();
    let prepared = prepare(&module).unwrap();
    validated(&prepared.module);
    prepared
}

#[test]
fn what_needs_nothing_stays_as_it_is() {
    let module = wat::parse_str(
        r#"(module (memory 1 1 shared) (func (drop (i32.atomic.load (i32.const 0)))))"#,
    )
    .unwrap();
    let prepared = prepare(&module).unwrap();
    assert_eq!(prepared.module, module);
    assert_eq!((prepared.waits, prepared.functions, prepared.rmws), (0, 0, 0));
}

#[test]
fn every_wait_and_notify_grows_its_own_memory_by_0() {
    let prepared = prepared(
        r#"(module
             (import "m" "f" (func $f))
             (import "m" "memory" (memory 1 2 shared))
             (memory 1 2 shared)
             (memory i64 1 2 shared)
             (func (export "all") (param i32 i64)
               (drop (memory.atomic.wait32 0 offset=4 (local.get 0) (i32.const 1) (i64.const -1)))
               (drop (memory.atomic.wait64 1 (local.get 0) (i64.const 1) (i64.const -1)))
               (drop (memory.atomic.notify 1 (local.get 0) (i32.const 1)))
               (drop (memory.atomic.notify 2 offset=0xfffffffffffffff8 (local.get 1) (i32.const 1)))
               (call $f) (call $own))
             (func $own)
             (start $own))"#,
    );
    assert_eq!(prepared.waits, 4);
    let code = code(&prepared.module);
    assert!(!code.iter().any(|operator| operator.contains("MemoryAtomic")), "{code:?}");
    let grown: Vec<&String> =
        code.iter().filter(|operator| operator.starts_with("MemoryGrow")).collect();
    assert_eq!(
        grown,
        [
            "MemoryGrow { mem: 0 }",
            "MemoryGrow { mem: 1 }",
            "MemoryGrow { mem: 1 }",
            "MemoryGrow { mem: 2 }"
        ]
    );
    // The offset of 64 bits survives, and the module's own functions have moved behind four imports.
    assert!(code.contains(&"I64Const { value: -8 }".to_owned()));
    assert!(code.contains(&"Call { function_index: 0 }".to_owned()));
    assert!(code.contains(&"Call { function_index: 6 }".to_owned()));
}

#[test]
fn imported_functions_in_tables_are_called_by_the_modules_own() {
    let prepared = prepared(
        r#"(module
             (import "m" "f" (func $f (param i32 f64) (result i32 i64)))
             (import "m" "g" (func $g))
             (table 4 funcref)
             (elem (i32.const 0) func $f $own)
             (elem funcref (ref.func $f) (ref.null func))
             (elem declare func $g)
             (func $own (drop (ref.func $g))))"#,
    );
    assert_eq!(prepared.functions, 1);
    let mut elements = Vec::new();
    for payload in Parser::new(0).parse_all(&prepared.module) {
        if let Payload::ElementSection(section) = payload.unwrap() {
            for element in section {
                match element.unwrap().items {
                    wasmparser::ElementItems::Functions(items) => {
                        elements.push(items.into_iter().map(Result::unwrap).collect::<Vec<_>>());
                    }
                    wasmparser::ElementItems::Expressions(_, items) => {
                        let mut functions = Vec::new();
                        for item in items {
                            for operator in item.unwrap().get_operators_reader() {
                                if let Operator::RefFunc { function_index } = operator.unwrap() {
                                    functions.push(function_index);
                                }
                            }
                        }
                        elements.push(functions);
                    }
                }
            }
        }
    }
    assert_eq!(elements, [vec![3, 2], vec![3], vec![1]]);
    assert!(code(&prepared.module).contains(&"LocalGet { local_index: 1 }".to_owned()));
}

#[test]
fn a_module_without_code_gets_some() {
    let prepared = prepared(
        r#"(module
             (import "m" "f" (func $f (result i32)))
             (import "m" "t" (table 1 funcref))
             (import "m" "memory" (memory 1))
             (elem (i32.const 0) $f)
             (data (i32.const 0) "x"))"#,
    );
    assert_eq!(prepared.functions, 1);
    assert_eq!(code(&prepared.module), ["Call { function_index: 0 }", "End"]);
}

#[test]
fn only_unshared_read_modify_writes_are_replaced() {
    let prepared = prepared(
        r#"(module
             (memory $plain 1 2)
             (memory $shared 1 2 shared)
             (memory $wide i64 1 2)
             (func (param i32 i64) (result i32)
               (drop (i32.atomic.rmw8.add_u 0 (local.get 0) (i32.const 1)))
               (drop (i32.atomic.rmw8.add_u 0 (local.get 0) (i32.const 2)))
               (drop (i32.atomic.rmw8.add_u 0 offset=1 (local.get 0) (i32.const 2)))
               (drop (i32.atomic.rmw.sub 1 (local.get 0) (i32.const 2)))
               (drop (i64.atomic.rmw32.cmpxchg_u 2 (local.get 1) (i64.const 2) (i64.const 3)))
               (drop (i64.atomic.rmw.xor 2 (local.get 1) (i64.const 2)))
               (i32.atomic.rmw.xchg 0 (local.get 0) (i32.const 3))))"#,
    );
    assert_eq!(prepared.rmws, 5);
    let code = code(&prepared.module);
    let left: Vec<&String> = code.iter().filter(|operator| operator.contains("Rmw")).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    // One function for each kind and offset.
    assert_eq!(code.iter().filter(|operator| *operator == "End").count(), 1 + 4 + 1);
}

#[test]
fn what_cannot_be_done_is_said() {
    assert!(matches!(prepare(b"\0asm"), Err(Error::Malformed(_))));
    assert!(matches!(prepare(b"no module"), Err(Error::Malformed(_))));
    let taken = wat::parse_str(
        r#"(module (import "waits" "f" (func)) (memory 1 1 shared)
             (func (drop (memory.atomic.notify (i32.const 0) (i32.const 1)))))"#,
    )
    .unwrap();
    assert!(prepare(&taken).unwrap_err().to_string().contains("`waits`"));
}

/// A module that is not valid must not become valid by what is added to it, or by what is replaced.
#[test]
fn what_is_not_valid_does_not_become_so() {
    let module = |ty: u8, code: &[u8]| {
        let mut bytes = b"\0asm\x01\0\0\0".to_vec();
        // Types [] -> [] and [] -> [i32], one function, and a shared memory.
        bytes.extend([1, 8, 2, 0x60, 0, 0, 0x60, 0, 1, 0x7f, 3, 2, 1, ty, 5, 4, 1, 3, 1, 1]);
        let size = u8::try_from(code.len()).unwrap();
        bytes.extend([10, size + 4, 1, size + 2, 0]);
        bytes.extend(code);
        bytes.push(0x0b);
        bytes
    };
    let wait = |alignment: u8| [0x41, 0, 0x41, 0, 0x42, 0, 0xfe, 1, alignment, 0, 0x1a];
    assert_eq!(prepare(&module(0, &wait(2))).unwrap().waits, 1);
    for (wrong, why) in [
        (module(0, &wait(0)), "alignment"),
        (module(2, &wait(2)), "unknown type 2"),
        // With one import more, the next of these would be the function that was the first.
        (module(0, &[&wait(2)[..], &[0x10, 1]].concat()), "unknown function 1"),
        (module(0, &[&wait(2)[..], &[0x10, 255, 255, 255, 255, 15]].concat()), "unknown function"),
    ] {
        match prepare(&wrong) {
            Err(Error::Malformed(said)) => {
                assert!(said.contains(why), "{said:?} does not say {why:?}")
            }
            other => panic!("{why}: {other:?}"),
        }
    }
}
