//! The C program that does what a script says with the modules that were translated for it. Linking is the host's work
//! with wasm2c: it is done here, as far as types tell, and by the program where sizes count.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use wasmparser::{GlobalType, MemoryType, RefType, TableType, ValType};

use crate::module::{self, Extern, Import, Module};
use crate::script::{Action, Directive, Script, What};
use crate::tools::{Memory, Tools, Translated, Version};

/// What is known of a directive before the program runs.
pub enum Outcome {
    Passed,
    Failed(String),
    Skipped(String),
    /// The program will tell.
    Run,
}

pub struct Driver {
    pub source: String,
    /// One for each directive.
    pub outcomes: Vec<Outcome>,
    pub modules: Vec<String>,
}

/// A module of the script that C was made of.
struct Unit {
    label: usize,
    facts: Module,
    translated: Translated,
}

/// What a name stands for.
#[derive(Clone)]
enum Instance {
    /// Index of the instance, and of its unit.
    Live {
        index: usize,
        unit: usize,
        line: u32,
    },
    Failed {
        line: u32,
    },
    Skipped(String),
}

/// Where an import comes from.
enum Source {
    Spectest(&'static str),
    Instance { index: usize, unit: usize, export: usize },
}

enum Link {
    /// Types fit, sizes are to be seen.
    Fits(Vec<(Source, Extern)>),
    /// An import is missing or of another type.
    Differs(String),
    Depends(Instance),
}

struct Builder<'a> {
    tools: &'a Tools,
    memory: Memory,
    enable: &'a [String],
    folder: &'a Path,
    units: Vec<Unit>,
    /// By file: the unit, or why there is none.
    files: HashMap<String, Result<usize, Outcome>>,
    definitions: HashMap<String, Result<usize, Instance>>,
    last_definition: Option<Result<usize, Instance>>,
    named: HashMap<String, Instance>,
    registered: HashMap<String, Instance>,
    current: Option<Instance>,
    instances: usize,
    declarations: String,
    functions: String,
    calls: String,
}

pub fn build(
    script: &Script,
    folder: &Path,
    tools: &Tools,
    memory: Memory,
) -> Result<Driver, String> {
    let mut builder = Builder {
        tools,
        memory,
        enable: &script.enable,
        folder,
        units: Vec::new(),
        files: HashMap::new(),
        definitions: HashMap::new(),
        last_definition: None,
        named: HashMap::new(),
        registered: HashMap::new(),
        current: None,
        instances: 0,
        declarations: String::new(),
        functions: String::new(),
        calls: String::new(),
    };
    let mut outcomes = Vec::new();
    for (id, directive) in script.directives.iter().enumerate() {
        outcomes.push(builder.directive(id, directive)?);
    }
    Ok(builder.finish(outcomes))
}

fn outcome_of(instance: &Instance) -> Outcome {
    match instance {
        Instance::Live { .. } => Outcome::Run,
        Instance::Failed { line } => Outcome::Failed(no_instance(*line)),
        Instance::Skipped(reason) => Outcome::Skipped(reason.clone()),
    }
}

fn no_instance(line: u32) -> String {
    format!("no instance: module at line {line}")
}

fn clone_outcome(outcome: &Outcome) -> Outcome {
    match outcome {
        Outcome::Passed => Outcome::Passed,
        Outcome::Failed(why) => Outcome::Failed(why.clone()),
        Outcome::Skipped(why) => Outcome::Skipped(why.clone()),
        Outcome::Run => Outcome::Run,
    }
}

/// The kinds of trap that a message of the specification stands for, as C.
fn traps(message: &str) -> &'static str {
    const KINDS: [(&str, &str); 16] = [
        ("out of bounds", "trap == WASM_RT_TRAP_OOB"),
        ("undefined element", "trap == WASM_RT_TRAP_CALL_INDIRECT || trap == WASM_RT_TRAP_OOB"),
        ("uninitialized element", "trap == WASM_RT_TRAP_CALL_INDIRECT"),
        ("indirect call type mismatch", "trap == WASM_RT_TRAP_CALL_INDIRECT"),
        ("unaligned atomic", "trap == SPEC_TRAP_UNALIGNED"),
        ("expected shared memory", "trap == SPEC_TRAP_NOT_SHARED"),
        ("unreachable", "trap == WASM_RT_TRAP_UNREACHABLE"),
        ("integer divide by zero", "trap == WASM_RT_TRAP_DIV_BY_ZERO"),
        ("integer overflow", "trap == WASM_RT_TRAP_INT_OVERFLOW"),
        ("invalid conversion to integer", "trap == WASM_RT_TRAP_INVALID_CONVERSION"),
        ("call stack exhausted", "trap == WASM_RT_TRAP_EXHAUSTION"),
        ("too many waiters", "trap == SPEC_TRAP_TOO_MANY_WAITERS"),
        ("null reference", "trap == SPEC_TRAP_NULL_REF"),
        ("null function reference", "trap == SPEC_TRAP_NULL_REF"),
        ("null exception reference", "trap == SPEC_TRAP_NULL_REF"),
        ("uncaught exception", "trap == WASM_RT_TRAP_UNCAUGHT_EXCEPTION"),
    ];
    KINDS.iter().find(|(start, _)| message.starts_with(start)).map_or("1", |(_, test)| test)
}

/// What the runner itself gives to modules that import from `spectest`: type and C.
fn spectest(name: &str, version: Version) -> Option<(Extern, &'static str)> {
    let function = |parameters: &[ValType]| {
        Extern::Function(wasmparser::FuncType::new(parameters.iter().copied(), std::iter::empty()))
    };
    let global =
        |ty| Extern::Global(GlobalType { content_type: ty, mutable: false, shared: false });
    let memory = |shared| {
        let (initial, maximum) = (1, Some(2));
        Extern::Memory(MemoryType {
            memory64: false,
            shared,
            initial,
            maximum,
            page_size_log2: None,
        })
    };
    use ValType::{F32, F64, I32, I64};
    Some(match name {
        "print" => (function(&[]), "spectest_print"),
        "print_i32" => (function(&[I32]), "spectest_print_i32"),
        "print_i64" => (function(&[I64]), "spectest_print_i64"),
        "print_f32" => (function(&[F32]), "spectest_print_f32"),
        "print_f64" => (function(&[F64]), "spectest_print_f64"),
        "print_i32_f32" => (function(&[I32, F32]), "spectest_print_i32_f32"),
        "print_f64_f64" => (function(&[F64, F64]), "spectest_print_f64_f64"),
        "global_i32" => (global(I32), "&spectest_global_i32"),
        "global_i64" => (global(I64), "&spectest_global_i64"),
        "global_f32" => (global(F32), "&spectest_global_f32"),
        "global_f64" => (global(F64), "&spectest_global_f64"),
        "memory" => (memory(false), "&spectest_memory"),
        "shared_memory" if version == Version::New => (memory(true), "&spectest_shared_memory"),
        "table" => (
            Extern::Table(TableType {
                element_type: RefType::FUNCREF,
                table64: false,
                initial: 10,
                maximum: Some(20),
                shared: false,
            }),
            "&spectest_table",
        ),
        _ => return None,
    })
}

/// Whether what is provided can be what is required, as far as types say; sizes are the program's.
fn fits(provided: &Extern, required: &Extern, memory_is_asked: bool) -> bool {
    // A provided maximum that is absent is any.
    let maximum_fits = |provided: Option<u64>, required: Option<u64>| match (provided, required) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(provided), Some(required)) => provided <= required,
    };
    match (provided, required) {
        (Extern::Function(provided), Extern::Function(required)) => provided == required,
        (Extern::Tag(provided), Extern::Tag(required)) => provided == required,
        (Extern::Global(provided), Extern::Global(required)) => provided == required,
        (Extern::Table(provided), Extern::Table(required)) => {
            provided.element_type == required.element_type
                && provided.table64 == required.table64
                && maximum_fits(provided.maximum, required.maximum)
        }
        (Extern::Memory(provided), Extern::Memory(required)) => {
            // wasm2c writes no maximum as the largest there is, so nobody can tell these two apart later.
            let absent = provided.maximum.is_none() && required.maximum.is_some();
            !absent
                && (memory_is_asked
                    || provided.memory64 == required.memory64
                        && provided.shared == required.shared
                        && provided.page_size_log2.unwrap_or(16)
                            == required.page_size_log2.unwrap_or(16)
                        && maximum_fits(provided.maximum, required.maximum))
        }
        _ => false,
    }
}

impl Builder<'_> {
    // --- names in C ---

    fn instance_type(&self, label: usize) -> String {
        match self.tools.version {
            Version::Old => format!("Z_m{label}_instance_t"),
            Version::New => format!("w2c_m{label}"),
        }
    }

    fn import_struct(&self, label: usize) -> String {
        match self.tools.version {
            Version::Old => format!("struct Z_x{label}_instance_t"),
            Version::New => format!("struct w2c_x{label}"),
        }
    }

    fn export(&self, unit: usize, export: usize) -> String {
        let label = self.units[unit].label;
        match self.tools.version {
            Version::Old => format!("Z_m{label}Z_e{export}"),
            Version::New => format!("w2c_m{label}_e{export}"),
        }
    }

    fn import(&self, label: usize, import: usize) -> String {
        match self.tools.version {
            Version::Old => format!("Z_x{label}Z_i{import}"),
            Version::New => format!("w2c_x{label}_i{import}"),
        }
    }

    // --- modules ---

    fn bytes(&self, file: &str) -> Result<Vec<u8>, String> {
        let path = self.folder.join(file);
        fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn lacks(&self, needs: &[String]) -> Option<String> {
        needs
            .iter()
            .find(|feature| !self.tools.has(feature))
            .map(|feature| format!("lacks {feature}"))
    }

    fn unit(&mut self, file: &str, needs: &[String]) -> Result<Result<usize, Outcome>, String> {
        if let Some(known) = self.files.get(file) {
            return Ok(known.as_ref().map(|unit| *unit).map_err(clone_outcome));
        }
        let made = self.make_unit(file, needs)?;
        let copy = made.as_ref().map(|unit| *unit).map_err(clone_outcome);
        self.files.insert(file.to_owned(), copy);
        Ok(made)
    }

    fn make_unit(
        &mut self,
        file: &str,
        needs: &[String],
    ) -> Result<Result<usize, Outcome>, String> {
        if let Some(reason) = self.lacks(needs) {
            return Ok(Err(Outcome::Skipped(reason)));
        }
        let bytes = self.bytes(file)?;
        let facts = match module::read(&bytes) {
            Ok(facts) => facts,
            Err(why) => return Ok(Err(Outcome::Failed(format!("not readable: {why}")))),
        };
        if facts.waits && self.memory == Memory::Own {
            return Ok(Err(Outcome::Skipped("lacks wait and notify".to_owned())));
        }
        let label = self.units.len();
        let mut module = match module::renamed(&bytes, &format!("x{label}")) {
            Ok(module) => module,
            Err(why) => return Ok(Err(Outcome::Failed(format!("not readable: {why}")))),
        };
        match wasm2c_prepare::prepare(&module) {
            Ok(prepared) => module = prepared.module,
            Err(why) => return Ok(Err(Outcome::Failed(why.to_string()))),
        }
        let translated = match self.tools.translate(&module, self.enable, &format!("m{label}"))? {
            Ok(translated) => translated,
            Err(why) => return Ok(Err(Outcome::Failed(why))),
        };
        let unit = Unit { label, facts, translated };
        if let Err(why) = self.declare(&unit) {
            return Ok(Err(Outcome::Failed(why)));
        }
        self.units.push(unit);
        Ok(Ok(label))
    }

    /// The imports of a unit as C functions, which ask the structure that the instance was given.
    fn declare(&mut self, unit: &Unit) -> Result<(), String> {
        let label = unit.label;
        let mut text = format!("#include \"{}.h\"\n", unit.translated.key);
        let structure = self.import_struct(label);
        let count = unit.facts.imports.len();
        if count > 0 {
            writeln!(
                text,
                "{structure} {{ void *object[{count}]; function_t function[{count}]; }};"
            )
            .unwrap();
        }
        for (index, import) in unit.facts.imports.iter().enumerate() {
            let symbol = self.import(label, index);
            if let Extern::Tag(_) = import.ty {
                // A constant of the generated code, which is none here: the linker sees the same name.
                writeln!(text, "wasm_rt_tag_t tag_{label}_{index} __asm__(\"{symbol}\");").unwrap();
                continue;
            }
            let call = format!("{symbol}(");
            let line = unit.translated.header.lines().find(|line| line.contains(&call));
            let (result, rest) = line
                .and_then(|line| line.split_once(&call))
                .ok_or("wasm2c declares no such import")?;
            let result = result.trim().trim_start_matches("extern ").trim();
            let parameters = rest.split_once(')').map_or("", |(parameters, _)| parameters);
            let types: Vec<&str> = parameters.split(", ").skip(1).collect();
            if let Extern::Function(_) = import.ty {
                let list: String =
                    types.iter().enumerate().map(|(i, ty)| format!(", {ty} a{i}")).collect();
                let pass: String = (0..types.len()).map(|i| format!(", a{i}")).collect();
                let plain: String = types.iter().map(|ty| format!(", {ty}")).collect();
                let back = if result == "void" { "" } else { "return " };
                writeln!(
                    text,
                    "{result} {symbol}({structure} *x{list}) {{ \
                     {back}(({result} (*)(void *{plain}))x->function[{index}])(x->object[{index}]{pass}); }}"
                )
                .unwrap();
            } else {
                writeln!(
                    text,
                    "{result} {symbol}({structure} *x) {{ return ({result})x->object[{index}]; }}"
                )
                .unwrap();
            }
        }
        self.declarations.push_str(&text);
        Ok(())
    }

    // --- linking ---

    fn provider(&self, import: &Import) -> Result<(Source, Extern), Link> {
        let unknown = || Link::Differs(format!("unknown import {}.{}", import.module, import.name));
        if import.module == "spectest" && !self.registered.contains_key("spectest") {
            let (ty, c) = spectest(&import.name, self.tools.version).ok_or_else(unknown)?;
            return Ok((Source::Spectest(c), ty));
        }
        match self.registered.get(&import.module) {
            None => Err(unknown()),
            Some(Instance::Live { index, unit, .. }) => {
                let (export, ty) =
                    self.units[*unit].facts.export(&import.name).ok_or_else(unknown)?;
                Ok((Source::Instance { index: *index, unit: *unit, export }, ty.clone()))
            }
            Some(other) => Err(Link::Depends(other.clone())),
        }
    }

    fn link(&self, facts: &Module) -> Link {
        let mut sources = Vec::new();
        for import in &facts.imports {
            let (source, provided) = match self.provider(import) {
                Ok(found) => found,
                Err(link) => return link,
            };
            let asked = self.memory == Memory::Ours && self.tools.version == Version::New;
            if !fits(&provided, &import.ty, asked) {
                return Link::Differs(format!(
                    "incompatible import {}.{}",
                    import.module, import.name
                ));
            }
            sources.push((source, import.ty.clone()));
        }
        Link::Fits(sources)
    }

    /// C that has in `object` and `function` what import `index` gets, and `differs` if a size is too small.
    fn connect(&self, text: &mut String, index: usize, source: &Source, required: &Extern) {
        let (mut object, mut function) = ("0".to_owned(), "0".to_owned());
        match (source, required) {
            (Source::Spectest(c), Extern::Function(_)) => function = format!("(function_t){c}"),
            (Source::Spectest(c), _) => object = format!("(void *){c}"),
            (Source::Instance { index: from, unit, export }, Extern::Function(_)) => {
                object = format!("&instance_{from}");
                function = format!("(function_t){}", self.export(*unit, *export));
            }
            (Source::Instance { unit, export, .. }, Extern::Tag(_)) => {
                object = format!("(void *){}", self.export(*unit, *export));
            }
            (Source::Instance { index: from, unit, export }, _) => {
                object = format!("(void *){}(&instance_{from})", self.export(*unit, *export));
            }
        }
        if let Source::Instance { index: from, .. } = source {
            writeln!(text, "    if (!alive[{from}]) missing = 1;").unwrap();
        }
        writeln!(text, "    object[{index}] = {object}; function[{index}] = {function};").unwrap();
        match required {
            Extern::Memory(ty) => {
                let log2 = ty.page_size_log2.unwrap_or(16);
                let most = match (ty.memory64, log2) {
                    (false, 16) => 1 << 16,
                    (true, 16) => 1 << 48,
                    (false, _) => u64::from(u32::MAX),
                    (true, _) => u64::MAX,
                };
                writeln!(
                    text,
                    "    if (!glue_matches(object[{index}], {}ull, {}ull, {}, {}, {}u)) differs = 1;",
                    ty.initial,
                    ty.maximum.unwrap_or(most),
                    u8::from(ty.memory64),
                    u8::from(ty.shared),
                    1u32 << log2,
                )
                .unwrap();
            }
            Extern::Table(ty) => {
                let minimum = ty.initial;
                writeln!(
                    text,
                    "    if (((wasm_rt_funcref_table_t *)object[{index}])->size < {minimum}ull) differs = 1;"
                )
                .unwrap();
            }
            _ => {}
        }
    }

    // --- directives ---

    fn directive(&mut self, id: usize, directive: &Directive) -> Result<Outcome, String> {
        let line = directive.line;
        Ok(match &directive.what {
            What::Module { file, name, needs } => {
                let unit = self.unit(file, needs)?;
                self.new_instance(id, line, name.as_ref(), unit)
            }
            What::Define { file, name, needs } => {
                let unit = self.unit(file, needs)?;
                let (definition, outcome) = match unit {
                    Ok(unit) => (Ok(unit), Outcome::Passed),
                    Err(Outcome::Skipped(why)) => {
                        (Err(Instance::Skipped(why.clone())), Outcome::Skipped(why))
                    }
                    Err(other) => (Err(Instance::Failed { line }), other),
                };
                if let Some(name) = name {
                    self.definitions.insert(name.clone(), definition.clone());
                }
                self.last_definition = Some(definition);
                outcome
            }
            What::Instance { name, definition } => {
                let found = match definition {
                    Some(definition) => self.definitions.get(definition).cloned(),
                    None => self.last_definition.clone(),
                };
                let unit = match found {
                    Some(Ok(unit)) => Ok(unit),
                    Some(Err(instance)) => Err(outcome_of(&instance)),
                    None => Err(Outcome::Failed("no such definition".to_owned())),
                };
                self.new_instance(id, line, name.as_ref(), unit)
            }
            What::Register { alias, name } => {
                let Some(instance) = self.instance(name.as_ref()) else {
                    return Ok(Outcome::Failed("no such instance".to_owned()));
                };
                self.registered.insert(alias.clone(), instance.clone());
                if let Instance::Live { index, line, .. } = instance {
                    self.function(
                        id,
                        &format!("    NEED({id}, {index}, {line});\n    passed({id});\n"),
                    );
                }
                outcome_of(&instance)
            }
            What::Do(action) => self.action(id, action, |_, call, _| {
                Ok(format!("    (void){call};\n    passed({id});\n"))
            }),
            What::Return(action, results) => {
                self.action(id, action, |_, call, types| compared(id, call, types, results))
            }
            What::Trap { message, action } => {
                let test = traps(message);
                let text =
                    format!("    if (trap != 0) {{ expected({id}, trap, {test}); return; }}\n");
                self.caught_action(id, action, &text, |_, call, _| {
                    Ok(format!("    (void){call};\n    failed({id}, \"no trap\");\n"))
                })
            }
            What::Unlinkable { file, needs } => self.unlinkable(id, file, needs)?,
            What::Uninstantiable { message, file, needs } => match self.unit(file, needs)? {
                Ok(unit) => {
                    let test = traps(message);
                    let text =
                        format!("    if (trap != 0) {{ expected({id}, trap, {test}); return; }}\n");
                    let after = format!("    failed({id}, \"it was instantiated\");\n");
                    self.instantiate(id, unit, &text, &after).1
                }
                Err(outcome) => outcome,
            },
            What::Refused { file } => {
                let bytes = self.bytes(file)?;
                if self.tools.refuses(&bytes, self.enable)? {
                    Outcome::Passed
                } else {
                    Outcome::Failed("wasm2c takes it".to_owned())
                }
            }
            What::Unknown(word) => Outcome::Failed(format!("directive not known: {word}")),
        })
    }

    fn instance(&self, name: Option<&String>) -> Option<Instance> {
        match name {
            Some(name) => self.named.get(name).cloned(),
            None => self.current.clone(),
        }
    }

    fn function(&mut self, id: usize, body: &str) {
        writeln!(self.functions, "static void d{id}(void) {{\n{body}}}").unwrap();
        writeln!(self.calls, "    d{id}();").unwrap();
    }

    fn new_instance(
        &mut self,
        id: usize,
        line: u32,
        name: Option<&String>,
        unit: Result<usize, Outcome>,
    ) -> Outcome {
        let (instance, outcome) = match unit {
            Ok(unit) => {
                let text = format!("    if (trap != 0) {{ trapped({id}, trap); return; }}\n");
                let index = self.instances;
                let after = format!("    alive[{index}] = 1;\n    passed({id});\n");
                match self.instantiate(id, unit, &text, &after) {
                    (Some(index), outcome) => (Instance::Live { index, unit, line }, outcome),
                    (None, Outcome::Skipped(why)) => {
                        (Instance::Skipped(why.clone()), Outcome::Skipped(why))
                    }
                    (None, outcome) => (Instance::Failed { line }, outcome),
                }
            }
            Err(Outcome::Skipped(why)) => (Instance::Skipped(why.clone()), Outcome::Skipped(why)),
            Err(outcome) => (Instance::Failed { line }, outcome),
        };
        if let Some(name) = name {
            self.named.insert(name.clone(), instance.clone());
        }
        self.current = Some(instance);
        outcome
    }

    /// Writes the function that instantiates; the index of the instance is `None` if it cannot be.
    fn instantiate(
        &mut self,
        id: usize,
        unit: usize,
        on_trap: &str,
        after: &str,
    ) -> (Option<usize>, Outcome) {
        let sources = match self.link(&self.units[unit].facts) {
            Link::Fits(sources) => sources,
            Link::Differs(why) => return (None, Outcome::Failed(format!("does not link: {why}"))),
            Link::Depends(instance) => return (None, outcome_of(&instance)),
        };
        let index = self.instances;
        self.instances += 1;
        let label = self.units[unit].label;
        let (ty, structure) = (self.instance_type(label), self.import_struct(label));
        writeln!(self.declarations, "static {ty} instance_{index};").unwrap();
        let mut text = String::new();
        if !sources.is_empty() {
            writeln!(self.declarations, "static {structure} imports_{index};").unwrap();
            writeln!(text, "    void **object = imports_{index}.object;").unwrap();
            writeln!(text, "    function_t *function = imports_{index}.function;").unwrap();
            writeln!(text, "    int missing = 0, differs = 0;").unwrap();
            for (import, (source, required)) in sources.iter().enumerate() {
                self.connect(&mut text, import, source, required);
                if let Extern::Tag(_) = required {
                    writeln!(text, "    tag_{label}_{import} = object[{import}];").unwrap();
                }
            }
            writeln!(
                text,
                "    if (missing) {{ failed({id}, \"what it imports from has failed\"); return; }}"
            )
            .unwrap();
            writeln!(text, "    if (differs) {{ failed({id}, \"does not link: incompatible import\"); return; }}")
                .unwrap();
        }
        writeln!(text, "    int trap = TRY();\n{on_trap}").unwrap();
        let start = match self.tools.version {
            Version::Old => format!("Z_m{label}_instantiate"),
            Version::New => format!("wasm2c_m{label}_instantiate"),
        };
        if self.tools.version == Version::Old {
            writeln!(text, "    Z_m{label}_init_module();").unwrap();
        }
        let call = format!("void {start}(");
        let header = &self.units[unit].translated.header;
        let parameters =
            header.lines().find_map(|line| line.split_once(&call)).map_or("", |(_, rest)| rest);
        let parameters = parameters.split_once(')').map_or("", |(parameters, _)| parameters);
        let arguments: String = parameters
            .split(", ")
            .skip(1)
            .map(|parameter| {
                if parameter.contains("w2c_waits") {
                    ", 0".to_owned()
                } else {
                    format!(", &imports_{index}")
                }
            })
            .collect();
        writeln!(text, "    {start}(&instance_{index}{arguments});").unwrap();
        text.push_str(after);
        self.function(id, &text);
        (Some(index), Outcome::Run)
    }

    /// No translation is needed: the translator knows nothing of linking.
    fn unlinkable(&mut self, id: usize, file: &str, needs: &[String]) -> Result<Outcome, String> {
        if let Some(reason) = self.lacks(needs) {
            return Ok(Outcome::Skipped(reason));
        }
        let facts = match module::read(&self.bytes(file)?) {
            Ok(facts) => facts,
            Err(why) => return Ok(Outcome::Failed(format!("not readable: {why}"))),
        };
        let sources = match self.link(&facts) {
            Link::Fits(sources) => sources,
            Link::Differs(_) => return Ok(Outcome::Passed),
            Link::Depends(instance) => return Ok(outcome_of(&instance)),
        };
        let count = sources.len().max(1);
        let mut text = format!(
            "    void *object[{count}];\n    function_t function[{count}];\n    int missing = 0, differs = 0;\n"
        );
        for (import, (source, required)) in sources.iter().enumerate() {
            self.connect(&mut text, import, source, required);
        }
        write!(
            text,
            "    if (missing) failed({id}, \"what it imports from has failed\");\n    \
             else if (differs) passed({id});\n    else failed({id}, \"it links\");\n"
        )
        .unwrap();
        self.function(id, &text);
        Ok(Outcome::Run)
    }

    fn action(
        &mut self,
        id: usize,
        action: &Action,
        then: impl Fn(&Self, &str, &[ValType]) -> Result<String, String>,
    ) -> Outcome {
        let text = format!("    if (trap != 0) {{ trapped({id}, trap); return; }}\n");
        self.caught_action(id, action, &text, then)
    }

    fn caught_action(
        &mut self,
        id: usize,
        action: &Action,
        on_trap: &str,
        then: impl Fn(&Self, &str, &[ValType]) -> Result<String, String>,
    ) -> Outcome {
        let Some(instance) = self.instance(action.instance.as_ref()) else {
            return Outcome::Failed("no such instance".to_owned());
        };
        let Instance::Live { index, unit, line } = instance else {
            return outcome_of(&instance);
        };
        let Some((export, ty)) = self.units[unit].facts.export(&action.name) else {
            return Outcome::Failed(format!("no such export: {}", action.name));
        };
        let symbol = self.export(unit, export);
        let (call, types) = match (ty, &action.arguments) {
            (Extern::Function(ty), Some(arguments)) => {
                let mut call = format!("{symbol}(&instance_{index}");
                for argument in arguments {
                    match value(argument) {
                        Some(value) => write!(call, ", {value}").unwrap(),
                        None => return Outcome::Failed(format!("argument not known: {argument}")),
                    }
                }
                (call + ")", ty.results().to_vec())
            }
            (Extern::Global(ty), None) => {
                (format!("*{symbol}(&instance_{index})"), vec![ty.content_type])
            }
            _ => return Outcome::Failed(format!("{} is of another kind", action.name)),
        };
        match then(self, &call, &types) {
            Ok(rest) => {
                self.function(
                    id,
                    &format!(
                        "    NEED({id}, {index}, {line});\n    int trap = TRY();\n{on_trap}{rest}"
                    ),
                );
                Outcome::Run
            }
            Err(why) => Outcome::Failed(why),
        }
    }

    fn finish(self, outcomes: Vec<Outcome>) -> Driver {
        let old = u8::from(self.tools.version == Version::Old);
        let count = self.instances.max(1);
        let source = format!(
            "#define SPEC_OLD {old}\n#define SPEC_SIMD {}\n#include \"driver.h\"\n{}static int alive[{count}];\n#define NEED(id, index, line) \
             do {{ if (!alive[index]) {{ failed(id, \"no instance: module at line \" #line); return; }} }} while (0)\n\
             {}int main(void) {{\n    start();\n{}    finish();\n    return 0;\n}}\n",
            u8::from(self.tools.has_simd),
            self.declarations,
            self.functions,
            self.calls
        );
        let modules = self.units.into_iter().map(|unit| unit.translated.key).collect();
        Driver { source, outcomes, modules }
    }
}

/// An argument as C.
fn value(text: &str) -> Option<String> {
    let (ty, value) = text.split_once(':')?;
    Some(match ty {
        "i32" => format!("0x{value}u"),
        "i64" => format!("0x{value}ull"),
        "f32" => format!("f32_of(0x{value}u)"),
        "f64" => format!("f64_of(0x{value}ull)"),
        "v128" => format!("v128_of(0x{}ull, 0x{}ull)", value.get(..16)?, value.get(16..)?),
        "funcref" if value == "null" => "wasm_rt_funcref_null_value".to_owned(),
        "externref" if value == "null" => "0".to_owned(),
        "externref" => format!("externref_of({value})"),
        _ => return None,
    })
}

/// C that is true if a number of some bits is what is expected.
fn bits_test(width: u32, bits: &str, expected: &str) -> String {
    match expected {
        "nan:canonical" => format!("f{width}_is_canonical({bits})"),
        "nan:arithmetic" => format!("f{width}_is_arithmetic({bits})"),
        exact => format!("({bits}) == 0x{exact}ull"),
    }
}

/// C that is true if `got` is one expected result.
fn test(got: &str, expected: &str) -> Option<String> {
    if expected.contains('|') {
        let each: Option<Vec<String>> = expected.split('|').map(|one| test(got, one)).collect();
        return Some(format!("({})", each?.join(" || ")));
    }
    if expected == "ref" {
        return Some(format!("bits_of_reference(&{got}, sizeof {got}) != 0"));
    }
    let (ty, value) = expected.split_once(':')?;
    Some(match ty {
        "i32" | "i64" => format!("{got} == 0x{value}ull"),
        "f32" => bits_test(32, &format!("bits_of_f32({got})"), value),
        "f64" => bits_test(64, &format!("bits_of_f64({got})"), value),
        "v128" => format!("v128_is(&{got}, 0x{}ull, 0x{}ull)", value.get(..16)?, value.get(16..)?),
        "v128.f32x4" | "v128.f64x2" => {
            let width = if ty == "v128.f32x4" { 32 } else { 64 };
            let lanes = value.split(',').enumerate();
            let tests = lanes.map(|(lane, bits)| {
                bits_test(width, &format!("lane{width}(&{got}, {lane})"), bits)
            });
            format!("({})", tests.collect::<Vec<_>>().join(" && "))
        }
        "funcref" | "ref" if value == "null" => {
            format!("bits_of_reference(&{got}, sizeof {got}) == 0")
        }
        "externref" if value == "null" => format!("bits_of_reference(&{got}, sizeof {got}) == 0"),
        "externref" => format!("{got} == externref_of({value})"),
        _ => return None,
    })
}

/// C that makes a call and compares its results.
fn compared(
    id: usize,
    call: &str,
    types: &[ValType],
    results: &[String],
) -> Result<String, String> {
    if types.len() != results.len() {
        return Ok(format!(
            "    failed({id}, \"{} results, expected {}\");\n",
            types.len(),
            results.len()
        ));
    }
    let mut text = match types.len() {
        0 => format!("    {call};\n"),
        // Its type is the compiler's business.
        _ => format!("    __auto_type r = {call};\n"),
    };
    for (index, (ty, expected)) in types.iter().zip(results).enumerate() {
        let got = match module::letter(*ty) {
            _ if types.len() == 1 => "r".to_owned(),
            Some(letter) => format!("r.{letter}{index}"),
            None => return Err(format!("a result of type {ty}")),
        };
        let test = test(&got, expected).ok_or_else(|| format!("result not known: {expected}"))?;
        writeln!(
            text,
            "    if (!({test})) {{ differs_at({id}, {index}, &{got}, sizeof {got}); return; }}"
        )
        .unwrap();
    }
    writeln!(text, "    passed({id});").unwrap();
    Ok(text)
}
