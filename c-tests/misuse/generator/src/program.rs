//! What the header declares, as tables and calls in C for ../calls.c. What this does not know how to make, it refuses
//! with a sentence, so that a function with a new kind of parameter cannot go untested.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::header::{Function, Header, Parameter, Signature, Type};

/// What calls.c can make and delete (`handle_t` in calls.h).
const HANDLES: [&str; 10] = [
    "wasm_config_t",
    "wasm_engine_t",
    "wasm_store_t",
    "wasm_memorytype_t",
    "wasm_memory_t",
    "wasm_memory_future_t",
    "wasm_memory_ticket_t",
    "wasm_data_segment_t",
    "wasm_memory_image_t",
    "wasm_shared_memory_t",
];

const INTEGERS: [&str; 12] = [
    "uint8_t", "uint16_t", "uint32_t", "uint64_t", "int8_t", "int16_t", "int32_t", "int64_t",
    "size_t", "intptr_t", "char", "int",
];

/// Words about a parameter with which the header allows it to be NULL. `only` is a condition on its length.
const MAY_BE_NULL: [&str; 6] =
    ["may be NULL", "NULL is ignored", "NULL does nothing", "NULL: ", "NULL for ", "NULL to "];
const ONLY_WITHOUT_LENGTH: [&str; 2] = ["NULL only with", "NULL only if"];

/// A pointer to a function that is called back, written once for each signature.
#[derive(Default)]
struct Callbacks {
    known: Vec<(Signature, bool)>,
    text: String,
}

impl Callbacks {
    /// The name of the function; a finalizer counts how often it is called.
    fn name(
        &mut self,
        signature: &Signature,
        what: &str,
        header: &Header,
    ) -> Result<String, String> {
        let wanted = (signature.clone(), what.contains("finalizer"));
        if let Some(at) = self.known.iter().position(|known| *known == wanted) {
            return Ok(format!("callback_{at}"));
        }
        let name = format!("callback_{}", self.known.len());
        let (mut arguments, mut body) = (Vec::new(), String::new());
        for (index, parameter) in signature.parameters.iter().enumerate() {
            let Type::Plain(kind) = &parameter.kind else {
                return Err(format!("{what}: it takes a callback of its own"));
            };
            arguments.push(format!("{kind} argument_{index}"));
            let pointed = kind.trim_start_matches("const ").trim_end_matches(" *");
            let line = if index == 0 && kind == "void *" {
                format!("called_back(argument_0, {});", wanted.1)
            } else if kind == "const char *" {
                format!("read_text(argument_{index});")
            } else if kind == "uint8_t *" {
                format!("look_at_bytes(argument_{index});")
            } else if HANDLES.contains(&pointed) && !kind.starts_with("const ") {
                format!("consume(HANDLE_{pointed}, argument_{index});")
            } else {
                format!("(void)argument_{index};")
            };
            writeln!(body, "    {line}").map_err(|error| error.to_string())?;
        }
        let answer = match header.resolve(&Type::Plain(signature.returns.clone())) {
            Type::Plain(kind) if kind == "void" => "",
            Type::Plain(kind) if kind == "bool" => "    return true;\n",
            Type::Plain(kind) if kind.ends_with('*') || INTEGERS.contains(&kind.as_str()) => {
                "    return 0;\n"
            }
            other => return Err(format!("{what}: a callback that answers {other:?}")),
        };
        let arguments = if arguments.is_empty() { "void".into() } else { arguments.join(", ") };
        let returns = &signature.returns;
        self.text += &format!("static {returns} {name}({arguments}) {{\n{body}{answer}}}\n\n");
        self.known.push(wanted);
        Ok(name)
    }
}

/// The program that is being written.
struct Program<'a> {
    header: &'a Header,
    callbacks: Callbacks,
    structures: BTreeSet<String>,
    structures_text: String,
    functions_text: String,
}

/// A parameter in C: its kind and what else the table has, and how the call gets it.
struct Given {
    kind: &'static str,
    more: String,
    expression: String,
}

impl Program<'_> {
    /// Writes how a structure that the library reads is filled in, if that was not done yet.
    fn structure(&mut self, name: &str) -> Result<(), String> {
        if !self.structures.insert(name.to_owned()) {
            return Ok(());
        }
        let fields = &self.header.structures[name];
        let (mut table, mut fill) = (String::new(), String::new());
        let mut after_bytes = false;
        for field in fields {
            let what = format!("the field {} of {name}", field.name);
            let (kind, value) = match self.header.resolve(&field.kind) {
                Type::Callback(signature) => {
                    ("CALLBACK", self.callbacks.name(&signature, &what, self.header)?)
                }
                Type::Plain(kind) => match kind.as_str() {
                    "size_t" if field.name == "struct_size" => ("SIZE", "sizeof *value".into()),
                    "size_t" if after_bytes => ("LENGTH", "16".into()),
                    "bool" => ("BOOL", "false".into()),
                    "void *" => ("POINTER", "token".into()),
                    "const void *" => ("POINTER", "some_bytes".into()),
                    kind if INTEGERS.contains(&kind) => ("INTEGER", "0".into()),
                    kind => return Err(format!("{what} is a {kind}, of which this makes none")),
                },
            };
            after_bytes = field.kind == Type::Plain("const void *".into());
            let field = &field.name;
            writeln!(
                table,
                "    {{FIELD_{kind}, offsetof({name}, {field}), sizeof(((const {name} *)0)->{field})}},"
            )
            .map_err(|error| error.to_string())?;
            writeln!(fill, "    value->{field} = {value};").map_err(|error| error.to_string())?;
        }
        self.structures_text += &format!(
            "static const field_t fields_{name}[] = {{\n{table}}};\n\
             static void fill_{name}(void *at, void *token) {{\n    \
             {name} *const value = ({name} *)at;\n    (void)token;\n{fill}}}\n\
             static const structure_t structure_{name} = {{sizeof({name}), {}, fields_{name}, fill_{name}}};\n\n",
            fields.len()
        );
        Ok(())
    }

    fn given(
        &mut self,
        function: &Function,
        index: usize,
        parameter: &Parameter,
    ) -> Result<Given, String> {
        let refuse = |kind: &str| {
            Err(format!(
                "{}: the parameter {} is a `{kind}`, of which this makes none: tell the generator in \
                 c-tests/misuse how",
                function.name, parameter.name
            ))
        };
        let pointer = |kind, more: String| {
            Ok(Given { kind, more, expression: format!("given_pointer(call, {index})") })
        };
        let kind = match self.header.resolve(&parameter.kind) {
            Type::Callback(signature) => {
                let what = format!("{}, the callback {}", function.name, parameter.name);
                let name = self.callbacks.name(&signature, &what, self.header)?;
                return Ok(Given {
                    kind: "CALLBACK",
                    more: String::new(),
                    expression: format!("given_is_null(call, {index}) ? NULL : {name}"),
                });
            }
            Type::Plain(kind) => kind,
        };
        if kind == "bool" {
            let expression = format!("given_integer(call, {index}) != 0");
            return Ok(Given { kind: "BOOL", more: String::new(), expression });
        }
        if kind == "float" || kind == "double" {
            let expression = format!("({kind})given_float(call, {index})");
            return Ok(Given { kind: "FLOAT", more: String::new(), expression });
        }
        if INTEGERS.contains(&kind.as_str()) {
            let is = match (kind.as_str(), parameter.name.as_str()) {
                ("intptr_t", "fd") => "DESCRIPTOR",
                ("int64_t", "timeout_ns") => "TIMEOUT",
                _ => "INTEGER",
            };
            let expression = format!("({kind})given_integer(call, {index})");
            return Ok(Given { kind: is, more: format!(".size = sizeof({kind})"), expression });
        }
        let Some(pointed) = kind.strip_suffix('*') else { return refuse(&kind) };
        let (is_const, pointed) = match pointed.trim().strip_prefix("const ") {
            Some(pointed) => (true, pointed.trim()),
            None => (false, pointed.trim()),
        };
        let is_known =
            |name: &str| HANDLES.contains(&name) && self.header.opaque.iter().any(|o| o == name);
        if is_known(pointed) {
            return pointer("HANDLE", format!(".handle = HANDLE_{pointed}"));
        }
        if let Some(handle) = pointed.strip_suffix("* const").or(pointed.strip_suffix('*')) {
            let handle = handle.trim();
            if pointed.ends_with("* const") && handle == "wasm_memorytype_t" {
                return pointer("HANDLES", format!(".handle = HANDLE_{handle}"));
            }
            if !is_const && pointed.ends_with('*') && is_known(handle) {
                return pointer("OUT_HANDLE", format!(".handle = HANDLE_{handle}"));
            }
            if !is_const
                && (handle == "uint8_t" || handle == "void")
                && parameter.name.starts_with("out")
            {
                return pointer("OUT", ".size = sizeof(void *)".into());
            }
            return refuse(&kind);
        }
        if pointed == "wasm_memorytype_vec_t" {
            let is_out = parameter.name.starts_with("out");
            return pointer(if is_out { "OUT_VECTOR" } else { "VECTOR" }, String::new());
        }
        if let Some(fields) = self.header.structures.get(pointed) {
            if is_const {
                self.structure(pointed)?;
                return pointer("STRUCTURE", format!(".structure = &structure_{pointed}"));
            }
            if fields[0].name == "struct_size" && parameter.name.starts_with("out") {
                return pointer("OUT_STRUCTURE", format!(".size = sizeof({pointed})"));
            }
            return refuse(&kind);
        }
        let Type::Plain(behind) = self.header.resolve(&Type::Plain(pointed.to_owned())) else {
            return refuse(&kind);
        };
        match (is_const, behind.as_str(), parameter.name.as_str()) {
            (true, "void" | "uint8_t", "bytes" | "value") => pointer("BYTES", String::new()),
            (true, "void", "address") => pointer("ADDRESS", String::new()),
            (true, "char", "path") => pointer("PATH", String::new()),
            (false, "intptr_t", "out_fd") => {
                pointer("OUT_DESCRIPTOR", ".size = sizeof(intptr_t)".into())
            }
            (false, "void" | "char", "buffer") => pointer("BUFFER", String::new()),
            (false, "void", "env" | "data" | "info") => pointer("TOKEN", String::new()),
            (false, scalar, name)
                if INTEGERS.contains(&scalar) || scalar == "float" || scalar == "double" =>
            {
                if !name.starts_with("out") {
                    return refuse(&kind);
                }
                // A v128 has no type of its own in C.
                let is_vector =
                    scalar == "uint8_t" && function.words_about(name).contains("sixteen bytes");
                pointer(
                    "OUT",
                    if is_vector {
                        ".size = 16".into()
                    } else {
                        format!(".size = sizeof({scalar})")
                    },
                )
            }
            _ => refuse(&kind),
        }
    }

    /// Whether the header allows a pointer to be NULL.
    fn need(&self, function: &Function, parameter: &Parameter) -> &'static str {
        let words = function.words_about(&parameter.name);
        let for_all_outs = parameter.name.starts_with("out")
            && function.parts.get("Parameters").is_some_and(|all| all.contains("Each may be NULL"));
        if ONLY_WITHOUT_LENGTH.iter().any(|allowed| words.contains(allowed)) {
            "WITH_LENGTH"
        } else if for_all_outs
            || parameter.name.ends_with("_or_null")
            || MAY_BE_NULL.iter().any(|allowed| words.contains(allowed))
        {
            "OPTIONAL"
        } else {
            "REQUIRED"
        }
    }

    /// The statuses that the comment lists, also by naming another function that has them.
    fn statuses(&self, function: &Function, seen: &mut BTreeSet<String>) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        if !seen.insert(function.name.clone()) {
            return found;
        }
        let returns = function.parts.get("Returns").map_or("", String::as_str);
        for word in returns.split('`').skip(1).step_by(2) {
            if self.header.statuses.iter().any(|status| status == word) {
                found.insert(word.to_owned());
            } else if let Some(other) = self.header.functions.iter().find(|f| f.name == word) {
                found.append(&mut self.statuses(other, seen));
            }
        }
        found
    }

    fn function(&mut self, function: &Function) -> Result<(), String> {
        let name = &function.name;
        for part in ["Parameters", "Returns", "Ownership"] {
            if !function.parts.contains_key(part) {
                return Err(format!("{name}: its comment does not tell about `{part}:`"));
            }
        }
        let taken = function.parts["Ownership"].contains("passes to the library")
            || function.parts["Ownership"].contains("pass to the library");
        let parameters = &function.signature.parameters;
        let (mut table, mut values, mut names) = (String::new(), String::new(), Vec::new());
        let mut may_be_taken = 0;
        for (index, parameter) in parameters.iter().enumerate() {
            let about = function.words_about(&parameter.name);
            let given = self.given(function, index, parameter)?;
            let is_pointer =
                !["BOOL", "FLOAT", "DESCRIPTOR", "TIMEOUT", "INTEGER"].contains(&given.kind);
            if is_pointer && about.trim().is_empty() {
                return Err(format!(
                    "{name}: its comment does not tell about the parameter {}",
                    parameter.name
                ));
            }
            let is_token = given.kind == "TOKEN" || given.kind == "ADDRESS";
            let need =
                if !is_pointer || is_token { "OPTIONAL" } else { self.need(function, parameter) };
            let is_taken = taken && given.kind == "HANDLE" && !about.contains("not consumed");
            may_be_taken += usize::from(is_taken);
            // A buffer and how much is in it.
            let counter = parameters.get(index + 1).filter(|_| is_pointer).map(|p| (index + 1, p));
            let before =
                index.checked_sub(1).filter(|_| given.kind == "HANDLES" || given.kind == "BUFFER");
            let is_count = |p: &Parameter| p.kind == Type::Plain("size_t".into());
            let counter = counter
                .filter(|(_, p)| is_count(p))
                .map(|(at, _)| at)
                .or(before.filter(|&at| is_count(&parameters[at])));
            let counter = counter.map_or(-1, |at| at as i64);
            if need == "WITH_LENGTH" && counter < 0 {
                return Err(format!("{name}: the length of {} is not found", parameter.name));
            }
            let more =
                if given.more.is_empty() { String::new() } else { format!(", {}", given.more) };
            writeln!(
                table,
                "    {{.name = \"{}\", .kind = KIND_{}, .need = {need}, .is_consumed = {is_taken}, .counter = {counter}{more}}},",
                parameter.name, given.kind
            )
            .map_err(|error| error.to_string())?;
            let (declared, value) = match &parameter.kind {
                Type::Plain(kind) => (format!("{kind} argument_{index}"), given.expression),
                Type::Callback(signature) => {
                    let kinds: Vec<_> = signature
                        .parameters
                        .iter()
                        .map(|p| match &p.kind {
                            Type::Plain(kind) => kind.clone(),
                            Type::Callback(_) => String::new(),
                        })
                        .collect();
                    let kinds = if kinds.is_empty() { "void".into() } else { kinds.join(", ") };
                    (
                        format!("{} (*argument_{index})({kinds})", signature.returns),
                        given.expression,
                    )
                }
            };
            let cast = match &parameter.kind {
                Type::Plain(kind) if value.starts_with("given_pointer") => format!("({kind})"),
                _ => String::new(),
            };
            writeln!(values, "    {declared} = {cast}{value};")
                .map_err(|error| error.to_string())?;
            names.push(format!("argument_{index}"));
        }
        if taken && may_be_taken > 1 {
            return Err(format!(
                "{name}: which of its arguments passes to the library is not clear"
            ));
        }
        if parameters.len() > 8 {
            return Err(format!("{name}: more parameters than calls.h has room for"));
        }

        let call = format!("{name}({})", names.join(", "));
        let returns = &function.signature.returns;
        let pointed = returns.trim_end_matches('*').trim();
        let (answers, call) = if returns == "wasm_memory_status_t" {
            ("STATUS", format!("end_status(call, {call});"))
        } else if returns == "void" {
            ("NOTHING", format!("{call};\n    end_nothing(call);"))
        } else if HANDLES.contains(&pointed) && returns.ends_with('*') {
            ("VALUE", format!("end_handle(call, HANDLE_{pointed}, {call});"))
        } else if returns == "const char *" {
            ("TEXT", format!("end_text(call, {call});"))
        } else {
            match self.header.resolve(&Type::Plain(returns.clone())) {
                Type::Plain(kind)
                    if kind == "bool"
                        || kind.ends_with('*')
                        || INTEGERS.contains(&kind.as_str()) =>
                {
                    ("VALUE", format!("end_value(call, {call} != 0);"))
                }
                _ => {
                    return Err(format!(
                        "{name}: it answers with a `{returns}`, which this does not know"
                    ));
                }
            }
        };
        let statuses = self.statuses(function, &mut BTreeSet::new());
        if answers == "STATUS" && (statuses.len() < 2 || !statuses.contains("OK")) {
            return Err(format!("{name}: its comment does not list its statuses after `Returns:`"));
        }
        // What a function switches on is switched off again.
        let undo = self.header.switched_off_by(name);
        let undo =
            undo.map_or(String::new(), |other| format!("    if (call->succeeded) {other}();\n"));
        let list: Vec<_> = statuses.iter().map(|status| format!("WASM_MEMORY_{status}")).collect();
        let list = if list.is_empty() { "0".into() } else { list.join(", ") };
        let table = if table.is_empty() { "    {.name = NULL}\n".into() } else { table };
        self.functions_text += &format!(
            "static const parameter_t parameters_{name}[] = {{\n{table}}};\n\
             static const wasm_memory_status_t statuses_{name}[] = {{{list}}};\n\
             static void call_{name}(call_t *call) {{\n{values}    begin(call);\n    {call}\n{undo}}}\n\n"
        );
        Ok(())
    }
}

/// The C source for all functions of a header.
pub fn write(header: &Header) -> Result<String, String> {
    for opaque in &header.opaque {
        if !HANDLES.contains(&opaque.as_str()) {
            return Err(format!(
                "{opaque} is an opaque type that this can neither make nor delete: tell c-tests/misuse how"
            ));
        }
    }
    let mut program = Program {
        header,
        callbacks: Callbacks::default(),
        structures: BTreeSet::new(),
        structures_text: String::new(),
        functions_text: String::new(),
    };
    for function in &header.functions {
        program.function(function)?;
    }
    let mut text = String::from(
        "/* Written by c-tests/misuse/generator from wasm_memory.h. */\n#include \"calls.h\"\n\n",
    );
    text += &program.callbacks.text;
    text += &program.structures_text;
    text += &program.functions_text;
    text += "const function_t functions[] = {\n";
    for function in &header.functions {
        let (name, count) = (&function.name, function.signature.parameters.len());
        text += &format!(
            "    {{\"{name}\", parameters_{name}, {count}, statuses_{name}, \
             sizeof statuses_{name} / sizeof *statuses_{name}, call_{name}}},\n"
        );
    }
    text += "};\n\nvoid switch_everything(bool on) {\n    (void)on;\n";
    for function in &header.functions {
        if let Some(off) = header.switched_off_by(&function.name) {
            text +=
                &format!("    if (on)\n        {}();\n    else\n        {off}();\n", function.name);
        }
    }
    text += &format!("}}\nconst size_t function_count = {};\n", header.functions.len());
    Ok(text)
}
