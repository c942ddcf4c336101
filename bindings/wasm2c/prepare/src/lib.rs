//! wasm2c stops at some instructions and gets others wrong. [`prepare`] replaces them by what it translates as the
//! specification says.
//!
//! **Waits and notifies** (1.0.39 stops at them; the runtime in `../1.0.39` understands what is put in their place):
//!
//! ```text
//! ;; [index expected timeout]          ;; [index expected timeout]
//! memory.atomic.wait32 $m offset=16    i64.const 16
//!                                      call $waits.wait32   ;; an import: leaves the request
//!                                      i32.const 0
//!                                      memory.grow $m       ;; takes it up, in $m
//! ```
//!
//! The import alone could not know the memory: generated C passes an import only what the host gave it. Growth by 0 does
//! nothing else, and its result is what the instruction would have left. With a 64-bit index the import is `wait32m64`,
//! and the result is cut to 32 bits.
//!
//! **Imported functions in element segments** (1.0.32 and 1.0.39 call them with a wrong instance): each gets a function
//! of the module's own that calls it, and the segments have that one.
//!
//! **Read-modify-write on memories that are not shared** (1.0.39 answers the new value, and the expected one of a
//! `cmpxchg`): each becomes the call of a function that loads, computes and stores. No other thread can see between.

mod rmw;

use std::fmt;

use rmw::Rmw;
use wasm_encoder::reencode::{self, Reencode, utils};
use wasm_encoder::{Instruction, SectionId, ValType};
use wasmparser::{
    CompositeInnerType, ConstExpr, ElementItems, ElementKind, FuncType, MemArgTarget, Operator,
    Parser, Payload, TypeRef, Validator, WasmFeatures,
};

/// The module that the imports for waits and notifies are of. The runtime defines `w2c_waits_wait32` and so on.
pub const IMPORT_MODULE: &str = "waits";

/// What can be imported: name, parameters between the index and the offset, and the index.
const IMPORTS: [(&str, &[ValType], ValType); 6] = [
    ("wait32", &[ValType::I32, ValType::I64], ValType::I32),
    ("wait64", &[ValType::I64, ValType::I64], ValType::I32),
    ("notify", &[ValType::I32], ValType::I32),
    ("wait32m64", &[ValType::I32, ValType::I64], ValType::I64),
    ("wait64m64", &[ValType::I64, ValType::I64], ValType::I64),
    ("notifym64", &[ValType::I32], ValType::I64),
];

/// Why a module could not be prepared.
#[derive(Debug)]
pub enum Error {
    /// It is no WebAssembly module, or not a valid one, or uses what this tool does not know. (What needs no preparing
    /// is not validated here: wasm2c does that.)
    Malformed(String),
    /// It has an import module of the name that the tool needs.
    NameTaken,
    /// An instruction names a memory that does not exist.
    NoSuchMemory {
        /// The index in the instruction.
        index: u32,
        /// How many memories there are.
        memories: usize,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Malformed(why) => write!(f, "not a module that can be read: {why}"),
            Error::NameTaken => {
                write!(
                    f,
                    "the module has imports from `{IMPORT_MODULE}` already, which is the name needed here"
                )
            }
            Error::NoSuchMemory { index, memories } => {
                write!(f, "an atomic instruction is on memory {index}, and there are {memories}")
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<wasmparser::Error> for Error {
    fn from(error: wasmparser::Error) -> Self {
        Error::Malformed(error.to_string())
    }
}

impl From<reencode::Error<Error>> for Error {
    fn from(error: reencode::Error<Error>) -> Self {
        match error {
            reencode::Error::UserError(error) => error,
            other => Error::Malformed(other.to_string()),
        }
    }
}

/// A module that wasm2c can translate.
#[derive(Debug)]
pub struct Prepared {
    /// The module: the given bytes if nothing was to be replaced.
    pub module: Vec<u8>,
    /// How many waits and notifies were replaced.
    pub waits: usize,
    /// How many imported functions in element segments were.
    pub functions: usize,
    /// How many read-modify-writes were.
    pub rmws: usize,
}

/// Replaces what wasm2c cannot translate rightly.
pub fn prepare(module: &[u8]) -> Result<Prepared, Error> {
    let facts = Facts::of(module)?;
    let mut prepared = Prepared {
        module: Vec::new(),
        waits: facts.waits,
        functions: facts.wrapped.len(),
        rmws: facts.rmws,
    };
    if prepared.waits + prepared.functions + prepared.rmws == 0 {
        prepared.module = module.to_vec();
        return Ok(prepared);
    }
    if facts.waits > 0 && facts.name_taken {
        return Err(Error::NameTaken);
    }
    // What is added could make a wrong index a right one, and what is replaced is no longer there to be looked at.
    Validator::new_with_features(WasmFeatures::all()).validate_all(module)?;
    let mut output = wasm_encoder::Module::new();
    Rewriter { facts, in_element: false, imports: false, functions: false, code: false }
        .parse_core_module(&mut output, Parser::new(0), module)?;
    prepared.module = output.finish();
    Ok(prepared)
}

/// A wait or notify.
struct Waiting {
    /// Which of `IMPORTS`, if the index has 32 bits.
    which: usize,
    memory: u32,
    offset: u64,
}

fn waiting(operator: &Operator<'_>) -> Option<Waiting> {
    let (which, memarg) = match *operator {
        Operator::MemoryAtomicWait32 { memarg } => (0, memarg),
        Operator::MemoryAtomicWait64 { memarg } => (1, memarg),
        Operator::MemoryAtomicNotify { memarg } => (2, memarg),
        _ => return None,
    };
    match memarg.target {
        MemArgTarget::Memory(memory) => Some(Waiting { which, memory, offset: memarg.offset }),
        // On an array: stays, and wasm2c says what it thinks of it.
        MemArgTarget::Array(_) => None,
    }
}

#[derive(Clone, Copy)]
struct Memory {
    is_64: bool,
    shared: bool,
}

impl From<wasmparser::MemoryType> for Memory {
    fn from(ty: wasmparser::MemoryType) -> Self {
        Memory { is_64: ty.memory64, shared: ty.shared }
    }
}

/// What must be known of a module before it is written anew.
#[derive(Default)]
struct Facts {
    memories: Vec<Memory>,
    /// The function types by index, `None` for other types.
    types: Vec<Option<FuncType>>,
    /// The types of the imported functions.
    imported: Vec<u32>,
    /// How many functions the module defines.
    own: u32,
    name_taken: bool,
    waits: usize,
    /// Which of `IMPORTS` are needed.
    used: [bool; IMPORTS.len()],
    /// The imported functions that stand in element segments.
    wrapped: Vec<u32>,
    rmws: usize,
    /// What read-modify-writes there are, each once.
    rmw_kinds: Vec<Rmw>,
}

impl Facts {
    fn of(module: &[u8]) -> Result<Self, Error> {
        let mut facts = Facts::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        facts.types.extend(group?.into_types().map(|ty| {
                            match ty.composite_type.inner {
                                CompositeInnerType::Func(ty) => Some(ty),
                                _ => None,
                            }
                        }));
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        facts.name_taken |= import.module == IMPORT_MODULE;
                        match import.ty {
                            TypeRef::Func(ty) | TypeRef::FuncExact(ty) => facts.imported.push(ty),
                            TypeRef::Memory(memory) => facts.memories.push(memory.into()),
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => facts.own = section.count(),
                Payload::MemorySection(section) => {
                    for memory in section {
                        facts.memories.push(memory?.into());
                    }
                }
                Payload::ElementSection(section) => {
                    for element in section {
                        let element = element?;
                        if !matches!(element.kind, ElementKind::Declared) {
                            facts.elements(element.items)?;
                        }
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    for operator in body.get_operators_reader()? {
                        facts.operator(&operator?)?;
                    }
                }
                _ => {}
            }
        }
        Ok(facts)
    }

    fn elements(&mut self, items: ElementItems<'_>) -> Result<(), Error> {
        let mut functions = Vec::new();
        match items {
            ElementItems::Functions(section) => {
                for function in section {
                    functions.push(function?);
                }
            }
            ElementItems::Expressions(_, section) => {
                for expression in section {
                    functions.extend(function_of(&expression?)?);
                }
            }
        }
        for function in functions {
            if (function as usize) < self.imported.len() && !self.wrapped.contains(&function) {
                self.wrapped.push(function);
            }
        }
        Ok(())
    }

    fn operator(&mut self, operator: &Operator<'_>) -> Result<(), Error> {
        if let Some(waiting) = waiting(operator) {
            let import = self.import_for(&waiting)?;
            self.used[import] = true;
            self.waits += 1;
        } else if let Some(rmw) = self.rmw(operator)? {
            self.rmws += 1;
            if !self.rmw_kinds.contains(&rmw) {
                self.rmw_kinds.push(rmw);
            }
        }
        Ok(())
    }

    fn memory(&self, index: u32) -> Result<Memory, Error> {
        let none = Error::NoSuchMemory { index, memories: self.memories.len() };
        self.memories.get(index as usize).copied().ok_or(none)
    }

    /// A read-modify-write that must be replaced.
    fn rmw(&self, operator: &Operator<'_>) -> Result<Option<Rmw>, Error> {
        match Rmw::of(operator) {
            Some(rmw) if !self.memory(rmw.memory)?.shared => Ok(Some(rmw)),
            _ => Ok(None),
        }
    }

    /// Where in `IMPORTS` the function is for an instruction.
    fn import_for(&self, waiting: &Waiting) -> Result<usize, Error> {
        let first = if self.memory(waiting.memory)?.is_64 { IMPORTS.len() / 2 } else { 0 };
        Ok(first + waiting.which)
    }

    /// How many of the needed imports come before this one.
    fn used_before(&self, import: usize) -> u32 {
        (0..import).map(|earlier| u32::from(self.used[earlier])).sum()
    }

    fn added_imports(&self) -> u32 {
        self.used_before(IMPORTS.len())
    }

    fn imported(&self) -> u32 {
        u32::try_from(self.imported.len()).expect("a module has fewer functions")
    }

    fn types(&self) -> u32 {
        u32::try_from(self.types.len()).expect("a module has fewer types")
    }

    /// The first of the functions that are added: those for imported functions, then those for read-modify-writes.
    fn first_added(&self) -> u32 {
        self.imported() + self.added_imports() + self.own
    }

    /// The index of the function that stands for an imported one in segments.
    fn wrapper(&self, function: u32) -> Option<u32> {
        let place = self.wrapped.iter().position(|wrapped| *wrapped == function)?;
        Some(self.first_added() + u32::try_from(place).ok()?)
    }

    fn rmw_function(&self, rmw: &Rmw) -> u32 {
        let place =
            self.rmw_kinds.iter().position(|kind| kind == rmw).expect("all were found before");
        self.first_added()
            + u32::try_from(self.wrapped.len() + place).expect("a module has fewer functions")
    }
}

/// The function that a constant expression refers to.
fn function_of(expression: &ConstExpr<'_>) -> Result<Option<u32>, Error> {
    for operator in expression.get_operators_reader() {
        if let Operator::RefFunc { function_index } = operator? {
            return Ok(Some(function_index));
        }
    }
    Ok(None)
}

struct Rewriter {
    facts: Facts,
    /// What is written now is an element segment that gets into a table.
    in_element: bool,
    /// Which sections have got what is added to them.
    imports: bool,
    functions: bool,
    code: bool,
}

impl Rewriter {
    fn add_types(&self, types: &mut wasm_encoder::TypeSection) {
        for (import, (_, middle, index)) in IMPORTS.iter().enumerate() {
            if self.facts.used[import] {
                let offset = ValType::I64;
                let parameters =
                    std::iter::once(*index).chain(middle.iter().copied()).chain([offset]);
                types.ty().function(parameters.collect::<Vec<_>>(), []);
            }
        }
        for rmw in &self.facts.rmw_kinds {
            let (parameters, result) = rmw.signature(self.is_64(rmw));
            types.ty().function(parameters, [result]);
        }
    }

    fn is_64(&self, rmw: &Rmw) -> bool {
        self.facts.memories[rmw.memory as usize].is_64
    }

    fn add_imports(&mut self, section: &mut wasm_encoder::ImportSection) {
        for (import, (name, ..)) in IMPORTS.iter().enumerate() {
            if self.facts.used[import] {
                let ty = self.facts.types() + self.facts.used_before(import);
                section.import(IMPORT_MODULE, name, wasm_encoder::EntityType::Function(ty));
            }
        }
        self.imports = true;
    }

    fn add_functions(&mut self, section: &mut wasm_encoder::FunctionSection) {
        for function in &self.facts.wrapped {
            section.function(self.facts.imported[*function as usize]);
        }
        let first = self.facts.types() + self.facts.added_imports();
        for (ty, _) in (first..).zip(&self.facts.rmw_kinds) {
            section.function(ty);
        }
        self.functions = true;
    }

    fn add_code(&mut self, section: &mut wasm_encoder::CodeSection) -> Result<(), Error> {
        for function in &self.facts.wrapped {
            let ty = self.facts.types.get(self.facts.imported[*function as usize] as usize);
            let ty = ty.and_then(Option::as_ref).ok_or_else(|| {
                Error::Malformed(format!("imported function {function} has no function type"))
            })?;
            let mut body = wasm_encoder::Function::new([]);
            for (parameter, _) in (0..).zip(ty.params()) {
                body.instruction(&Instruction::LocalGet(parameter));
            }
            body.instruction(&Instruction::Call(*function)).instruction(&Instruction::End);
            section.function(&body);
        }
        for rmw in &self.facts.rmw_kinds {
            section.function(&rmw.body());
        }
        self.code = true;
        Ok(())
    }

    /// What stands for a wait or notify.
    fn waiting(&self, waiting: &Waiting) -> Result<Vec<Instruction<'static>>, Error> {
        let import = self.facts.import_for(waiting)?;
        let is_64 = self.facts.memory(waiting.memory)?.is_64;
        let mut code = vec![
            Instruction::I64Const(waiting.offset.cast_signed()),
            Instruction::Call(self.facts.imported() + self.facts.used_before(import)),
            if is_64 { Instruction::I64Const(0) } else { Instruction::I32Const(0) },
            Instruction::MemoryGrow(waiting.memory),
        ];
        if is_64 {
            code.push(Instruction::I32WrapI64);
        }
        Ok(code)
    }

    /// What stands for an instruction, if something does.
    fn replacement(
        &self,
        operator: &Operator<'_>,
    ) -> Result<Option<Vec<Instruction<'static>>>, Error> {
        if let Some(waiting) = waiting(operator) {
            return self.waiting(&waiting).map(Some);
        }
        let rmw = self.facts.rmw(operator)?;
        Ok(rmw.map(|rmw| vec![Instruction::Call(self.facts.rmw_function(&rmw))]))
    }
}

/// The order of the sections that matter here; the end comes after all.
fn place(section: Option<SectionId>) -> u32 {
    match section {
        Some(SectionId::Type) => 1,
        Some(SectionId::Import) => 2,
        Some(SectionId::Function) => 3,
        Some(SectionId::Code) => 5,
        Some(SectionId::Data) | None => 6,
        Some(_) => 4,
    }
}

impl Reencode for Rewriter {
    type Error = Error;

    /// The new imports come behind the old ones and before the module's own functions.
    fn function_index(&mut self, function: u32) -> Result<u32, reencode::Error<Error>> {
        if function >= self.facts.imported() {
            return Ok(function + self.facts.added_imports());
        }
        let wrapper = if self.in_element { self.facts.wrapper(function) } else { None };
        Ok(wrapper.unwrap_or(function))
    }

    fn parse_type_section(
        &mut self,
        types: &mut wasm_encoder::TypeSection,
        section: wasmparser::TypeSectionReader<'_>,
    ) -> Result<(), reencode::Error<Error>> {
        utils::parse_type_section(self, types, section)?;
        self.add_types(types);
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut wasm_encoder::ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Result<(), reencode::Error<Error>> {
        utils::parse_import_section(self, imports, section)?;
        self.add_imports(imports);
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut wasm_encoder::FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Result<(), reencode::Error<Error>> {
        utils::parse_function_section(self, functions, section)?;
        self.add_functions(functions);
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut wasm_encoder::CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), reencode::Error<Error>> {
        utils::parse_code_section(self, code, section)?;
        self.add_code(code).map_err(reencode::Error::UserError)
    }

    fn parse_element(
        &mut self,
        elements: &mut wasm_encoder::ElementSection,
        element: wasmparser::Element<'_>,
    ) -> Result<(), reencode::Error<Error>> {
        self.in_element = !matches!(element.kind, ElementKind::Declared);
        let result = utils::parse_element(self, elements, element);
        self.in_element = false;
        result
    }

    /// A module that lacks a section gets it where it belongs.
    fn intersperse_section_hook(
        &mut self,
        module: &mut wasm_encoder::Module,
        _: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), reencode::Error<Error>> {
        let next = place(before);
        if !self.imports && next > place(Some(SectionId::Import)) {
            let mut section = wasm_encoder::ImportSection::new();
            self.add_imports(&mut section);
            if !section.is_empty() {
                module.section(&section);
            }
        }
        if !self.functions && next > place(Some(SectionId::Function)) {
            let mut section = wasm_encoder::FunctionSection::new();
            self.add_functions(&mut section);
            if !section.is_empty() {
                module.section(&section);
            }
        }
        if !self.code && next > place(Some(SectionId::Code)) {
            let mut section = wasm_encoder::CodeSection::new();
            self.add_code(&mut section).map_err(reencode::Error::UserError)?;
            if !section.is_empty() {
                module.section(&section);
            }
        }
        Ok(())
    }

    fn parse_function_body(
        &mut self,
        code: &mut wasm_encoder::CodeSection,
        body: wasmparser::FunctionBody<'_>,
    ) -> Result<(), reencode::Error<Error>> {
        let mut function = self.new_function_with_parsed_locals(&body)?;
        for operator in body.get_operators_reader()? {
            let operator = operator?;
            match self.replacement(&operator).map_err(reencode::Error::UserError)? {
                Some(instructions) => {
                    for instruction in instructions {
                        function.instruction(&instruction);
                    }
                }
                None => {
                    function.instruction(&self.instruction(operator)?);
                }
            }
        }
        code.function(&function);
        Ok(())
    }
}
