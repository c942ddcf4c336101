//! From a file of the suite to a script, which a runner reads without a parser of WebAssembly's text.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;
use std::{fs, io};

use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::Span;
use wast::{QuoteWat, QuoteWatTest, Wast, WastDirective, WastExecute, WastInvoke, Wat};

use crate::features::{self, Features, Memories};
use crate::token;

/// One line of a script.
#[derive(Debug, PartialEq, Eq)]
pub struct Directive {
    /// Where it stands in the file of the suite.
    pub line: usize,
    /// Its first word.
    pub word: &'static str,
    /// What follows the line's number.
    pub rest: String,
    /// What the engine must make to obey it.
    pub memories: Memories,
}

impl Directive {
    /// Whether it is something that can pass or fail.
    pub fn counts(&self) -> bool {
        !matches!(self.word, "thread" | "end")
    }
}

/// A file of the suite, made ready for runners.
#[derive(Debug)]
pub struct Script {
    /// As in `3.0/address`.
    pub name: String,
    pub needs: Features,
    pub enable: Features,
    pub directives: Vec<Directive>,
    /// The modules that the directives name by number.
    pub modules: Vec<Vec<u8>>,
    /// Assertions about text that must not parse. No engine here reads text.
    pub text: usize,
    /// Where the suite and the validator do not agree with what is said here, in words.
    pub doubts: Vec<String>,
}

impl Script {
    /// Converts the text of a file. `enable` is what an engine must have switched on for it.
    pub fn convert(name: &str, text: &str, enable: Features) -> Result<Script, String> {
        let complaint = |error: wast::Error| {
            let (line, _) = error.span().linecol_in(text);
            format!("{name}.wast:{}: {}", line + 1, error.message())
        };
        let mut lexer = Lexer::new(text);
        // Names in the suite may have characters that look like others.
        lexer.allow_confusing_unicode(true);
        let buffer = ParseBuffer::new_with_lexer(lexer).map_err(complaint)?;
        let wast: Wast<'_> = parser::parse(&buffer).map_err(complaint)?;

        let script = Script {
            name: name.into(),
            needs: Features::NONE,
            enable,
            directives: Vec::new(),
            modules: Vec::new(),
            text: 0,
            doubts: Vec::new(),
        };
        let mut converter = Converter { text, script };
        for directive in wast.directives {
            converter.directive(directive)?;
        }
        Ok(converter.script)
    }

    /// How many directives can pass or fail.
    pub fn count(&self) -> usize {
        self.directives.iter().filter(|directive| directive.counts()).count()
    }

    /// The script as runners read it.
    pub fn print(&self) -> String {
        let mut out = format!(
            "file {}\nfeatures {}\nenable {}\ntext {}\n",
            token::string(&self.name),
            self.needs.words(),
            self.enable.words(),
            self.text
        );
        for Directive { line, word, rest, .. } in &self.directives {
            let space = if rest.is_empty() { "" } else { " " };
            let _ = writeln!(out, "{word} {line}{space}{rest}");
        }
        out
    }

    /// Writes the script and its modules into a folder, which has nothing else afterwards.
    ///
    /// What is there already stays untouched: somebody may be reading it.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        fs::create_dir_all(folder)?;
        let modules = self.modules.iter().enumerate();
        let mut files: BTreeMap<OsString, Cow<'_, [u8]>> =
            modules.map(|(number, module)| (file(number).into(), module.into())).collect();
        files.insert("script".into(), self.print().into_bytes().into());
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            if !files.contains_key(&entry.file_name()) {
                fs::remove_file(entry.path())?;
            }
        }
        for (name, content) in files {
            let path = folder.join(name);
            if !fs::read(&path).is_ok_and(|old| *old == *content) {
                fs::write(path, content)?;
            }
        }
        Ok(())
    }
}

/// What the file of a module is called.
fn file(number: usize) -> String {
    format!("{number}.wasm")
}

struct Converter<'a> {
    text: &'a str,
    script: Script,
}

impl Converter<'_> {
    fn line(&self, span: Span) -> usize {
        span.linecol_in(self.text).0 + 1
    }

    fn error(&self, span: Span, what: &str) -> String {
        format!("{}.wast:{}: {what}", self.script.name, self.line(span))
    }

    fn push(&mut self, span: Span, word: &'static str, rest: String) {
        let line = self.line(span);
        let memories = Memories::default();
        self.script.directives.push(Directive { line, word, rest, memories });
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Result<(), String> {
        let span = directive.span();
        match directive {
            WastDirective::Module(module) => self.module(span, "module", module)?,
            WastDirective::ModuleDefinition(module) => self.module(span, "define", module)?,
            WastDirective::ModuleInstance { instance, module, .. } => {
                let rest = format!("{} {}", token::name(instance), token::name(module));
                self.push(span, "instance", rest);
            }
            WastDirective::Register { name, module, .. } => {
                let rest = format!("{} {}", token::string(name), token::name(module));
                self.push(span, "register", rest);
            }
            WastDirective::Invoke(invoke) => {
                let action = self.invoke(&invoke)?;
                self.push(span, "do", action);
            }
            WastDirective::AssertReturn { exec, results, .. } => {
                let action = self.action(&exec)?;
                let results: Result<Vec<_>, _> = results.iter().map(token::result).collect();
                let results = results.map_err(|error| self.error(span, &error))?;
                let words: Vec<_> = [action, "=>".into()].into_iter().chain(results).collect();
                self.push(span, "return", words.join(" "));
            }
            WastDirective::AssertTrap { exec: WastExecute::Wat(module), message, .. } => {
                self.refused(span, "uninstantiable", message, module)?;
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let rest = format!("{} {}", token::string(message), self.action(&exec)?);
                self.push(span, "trap", rest);
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let rest = format!("{} {}", token::string(message), self.invoke(&call)?);
                self.push(span, "exhaustion", rest);
            }
            WastDirective::AssertUnlinkable { module, message, .. } => {
                self.refused(span, "unlinkable", message, module)?;
            }
            WastDirective::AssertInvalid { module, message, .. } => {
                self.wrong(span, "invalid", message, module);
            }
            WastDirective::AssertMalformed { module, message, .. } => {
                self.wrong(span, "malformed", message, module);
            }
            WastDirective::Thread(thread) => {
                let rest = format!(
                    "{} {}",
                    token::string(thread.name.name()),
                    token::name(thread.shared_module)
                );
                self.push(span, "thread", rest);
                for directive in thread.directives {
                    self.directive(directive)?;
                }
                self.push(span, "end", String::new());
            }
            WastDirective::Wait { thread, .. } => {
                self.push(span, "wait", token::string(thread.name()));
            }
            // Not one of them stands in a file about memory. A new suite may bring them.
            other => return Err(self.error(span, &format!("no word for {other:?}"))),
        }
        Ok(())
    }

    /// A module that must instantiate, or must at least be valid.
    fn module(
        &mut self,
        span: Span,
        word: &'static str,
        mut module: QuoteWat<'_>,
    ) -> Result<(), String> {
        let name = token::name(module.name());
        let bytes = module.encode().map_err(|error| self.error(span, &error.message()))?;
        let needs = self.needs(span, &bytes)?;
        let memories = features::memories(&bytes);
        let rest = format!("{} {name} {}", self.file(bytes), needs.words());
        self.push(span, word, rest);
        if let Some(directive) = self.script.directives.last_mut()
            && word == "module"
        {
            directive.memories = memories;
        }
        Ok(())
    }

    /// A valid module that must not instantiate.
    fn refused(
        &mut self,
        span: Span,
        word: &'static str,
        message: &str,
        mut module: Wat<'_>,
    ) -> Result<(), String> {
        let bytes = module.encode().map_err(|error| self.error(span, &error.message()))?;
        let needs = self.needs(span, &bytes)?;
        let rest = format!("{} {} {}", token::string(message), self.file(bytes), needs.words());
        self.push(span, word, rest);
        Ok(())
    }

    /// A module that must not validate, or a binary that must not decode.
    fn wrong(&mut self, span: Span, word: &'static str, message: &str, mut module: QuoteWat<'_>) {
        let bytes = match module.to_test() {
            Ok(QuoteWatTest::Binary(bytes)) => bytes,
            // Text that parses and is invalid is as good as a binary.
            Ok(QuoteWatTest::Text(_)) if word == "invalid" && module.encode().is_ok() => {
                module.encode().unwrap_or_default()
            }
            _ => {
                self.script.text += 1;
                return;
            }
        };
        if self.script.enable.accept(&bytes) {
            let doubt = format!("`{message}` is expected of a module that is valid");
            self.script.doubts.push(self.error(span, &doubt));
        }
        let rest = format!("{} {} -", token::string(message), self.file(bytes));
        self.push(span, word, rest);
    }

    fn needs(&mut self, span: Span, module: &[u8]) -> Result<Features, String> {
        let needs = features::needs(module)
            .ok_or_else(|| self.error(span, "a module that should be valid is not"))?;
        if !self.script.enable.accept(module) {
            let doubt = format!("needs {}, which is not all enabled", needs.words());
            self.script.doubts.push(self.error(span, &doubt));
        }
        self.script.needs = self.script.needs.and(needs);
        Ok(needs)
    }

    fn file(&mut self, module: Vec<u8>) -> String {
        self.script.modules.push(module);
        file(self.script.modules.len() - 1)
    }

    fn action(&self, execute: &WastExecute<'_>) -> Result<String, String> {
        match execute {
            WastExecute::Invoke(invoke) => self.invoke(invoke),
            WastExecute::Get { module, global, .. } => {
                Ok(format!("get {} {}", token::name(*module), token::string(global)))
            }
            WastExecute::Wat(module) => Err(self.error(module.span(), "a module is no action")),
        }
    }

    fn invoke(&self, invoke: &WastInvoke<'_>) -> Result<String, String> {
        let mut action =
            format!("invoke {} {}", token::name(invoke.module), token::string(invoke.name));
        for argument in &invoke.args {
            let word =
                token::argument(argument).map_err(|error| self.error(invoke.span, &error))?;
            let _ = write!(action, " {word}");
        }
        Ok(action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(text: &str) -> Result<Script, String> {
        Script::convert("group/name", text, Features::VERSION_3.and(Features::THREADS))
    }

    /// The directives of a script, without its header.
    fn directives(text: &str) -> Vec<String> {
        convert(text).unwrap().print().lines().skip(4).map(String::from).collect()
    }

    #[test]
    fn the_header_tells_of_the_whole() {
        let text = "(module (memory 1) (memory 2))
            (module (memory i64 1))
            (assert_malformed (module quote \"(memory\") \"unexpected token\")";
        let script = Script::convert("group/a name", text, Features::THREADS).unwrap();
        let print = script.print();
        let header: Vec<_> = print.lines().take(4).collect();
        assert_eq!(header[0], "file group%2Fa%20name");
        assert_eq!(header[1], "features multi-memory,memory64");
        assert_eq!(header[2], "enable mutable-global,threads");
        assert_eq!(header[3], "text 1");
        assert_eq!((script.count(), script.text), (2, 1));
        // Neither is allowed with what is said to be enabled.
        assert_eq!(script.doubts.len(), 2, "{:?}", script.doubts);
    }

    #[test]
    fn modules_have_names_files_and_needs() {
        assert_eq!(
            directives(
                "(module)
                (module $M (memory 1 2 shared) (memory i64 1))
                (module definition $D (memory 1))
                (module instance $I $D)
                (module instance)
                (module binary \"\\00asm\\01\\00\\00\\00\")
                (module quote \"(memory 1)\")
                (register \"a b\" $M)
                (register \"\")"
            ),
            [
                "module 1 0.wasm - mvp",
                "module 2 1.wasm M multi-memory,memory64,threads",
                "define 3 2.wasm D mvp",
                "instance 4 I D",
                "instance 5 - -",
                "module 6 3.wasm - mvp",
                "module 7 4.wasm - mvp",
                "register 8 a%20b M",
                "register 9 % -",
            ]
        );
    }

    #[test]
    fn the_files_are_the_modules() {
        let script = convert("(module) (module (memory 1)) (module quote \"(memory 1)\")").unwrap();
        assert_eq!(script.modules[0], b"\0asm\x01\0\0\0");
        assert_eq!(script.modules[1], b"\0asm\x01\0\0\0\x05\x03\x01\0\x01");
        assert_eq!(script.modules[2], script.modules[1]);
        let memories = |index: usize| script.directives[index].memories.unshared;
        assert_eq!([memories(0), memories(1), memories(2)], [0, 1, 1]);
    }

    #[test]
    fn actions_have_arguments_and_results() {
        assert_eq!(
            directives(
                "(module (func (export \"f\")))
                (invoke \"f\")
                (invoke $M \"g h\" (i32.const -1) (i64.const 0x10))
                (assert_return (invoke \"f\"))
                (assert_return (get $M \"e\") (i64.const -2))
                (assert_return (invoke \"\" (f32.const 1) (f64.const -0)) (f32.const nan:0x200000) (f64.const inf))
                (assert_return (invoke \"f\") (f32.const nan:canonical) (f64.const nan:arithmetic))"
            )[1..],
            [
                "do 2 invoke - f",
                "do 3 invoke M g%20h i32:ffffffff i64:0000000000000010",
                "return 4 invoke - f =>",
                "return 5 get M e => i64:fffffffffffffffe",
                "return 6 invoke - % f32:3f800000 f64:8000000000000000 => f32:7fa00000 f64:7ff0000000000000",
                "return 7 invoke - f => f32:nan:canonical f64:nan:arithmetic",
            ]
        );
    }

    #[test]
    fn vectors_and_references_have_words() {
        assert_eq!(
            directives(
                "(module)
                (assert_return (invoke \"f\" (v128.const i8x16 1 2 0 0 0 0 0 0 0 0 0 0 0 0 0 -1)))
                (assert_return (invoke \"f\") (v128.const i64x2 1 2))
                (assert_return (invoke \"f\") (v128.const f32x4 1 nan:canonical nan:arithmetic 0))
                (assert_return (invoke \"f\") (v128.const f64x2 1 nan:canonical))
                (assert_return (invoke \"f\" (ref.null func) (ref.extern 7)) (ref.null extern) (ref.extern 8))
                (assert_return (invoke \"f\") (ref.func) (ref.extern) (ref.null))
                (assert_return (invoke \"f\") (either (i32.const 1) (i32.const 2)))"
            )[1..],
            [
                "return 2 invoke - f v128:ff000000000000000000000000000201 =>",
                "return 3 invoke - f => v128:00000000000000020000000000000001",
                "return 4 invoke - f => v128.f32x4:3f800000,nan:canonical,nan:arithmetic,00000000",
                "return 5 invoke - f => v128.f64x2:3ff0000000000000,nan:canonical",
                "return 6 invoke - f funcref:null externref:7 => externref:null externref:8",
                "return 7 invoke - f => ref ref ref:null",
                "return 8 invoke - f => i32:00000001|i32:00000002",
            ]
        );
    }

    #[test]
    fn what_must_not_work_has_its_message() {
        assert_eq!(
            directives(
                "(module)
                (assert_trap (invoke \"f\" (i32.const 1)) \"out of bounds\")
                (assert_exhaustion (invoke \"f\") \"call stack exhausted\")
                (assert_trap (module (memory 0) (data (i32.const 1) \"a\")) \"out of bounds\")
                (assert_unlinkable (module (import \"a\" \"b\" (memory i64 1))) \"unknown import\")
                (assert_invalid (module (memory 2 1)) \"size\")
                (assert_invalid (module quote \"(memory 2 1)\") \"size\")
                (assert_malformed (module binary \"\") \"unexpected end\")"
            )[1..],
            [
                "trap 2 out%20of%20bounds invoke - f i32:00000001",
                "exhaustion 3 call%20stack%20exhausted invoke - f",
                "uninstantiable 4 out%20of%20bounds 1.wasm mvp",
                "unlinkable 5 unknown%20import 2.wasm memory64",
                "invalid 6 size 3.wasm -",
                "invalid 7 size 4.wasm -",
                "malformed 8 unexpected%20end 5.wasm -",
            ]
        );
    }

    #[test]
    fn only_text_that_cannot_be_encoded_is_left_out() {
        let text = "(module)
            (assert_malformed (module quote \"(memory\") \"unexpected token\")
            (assert_invalid (module quote \"(memory $\") \"unexpected token\")
            (assert_malformed (module quote \"(memory 1)\") \"it is not\")";
        let script = convert(text).unwrap();
        assert_eq!((script.count(), script.text), (1, 3));
    }

    #[test]
    fn threads_keep_their_directives() {
        let text = "(module)
            (thread $T (shared (module $M))
              (register \"m\" $M)
              (assert_return (invoke \"f\")))
            (thread $U)
            (wait $T)";
        assert_eq!(
            directives(text)[1..],
            [
                "thread 2 T M",
                "register 3 m M",
                "return 4 invoke - f =>",
                "end 2",
                "thread 5 U -",
                "end 5",
                "wait 6 T",
            ]
        );
        assert_eq!(convert(text).unwrap().count(), 4);
    }

    #[test]
    fn doubts_are_raised() {
        let script = convert("(assert_invalid (module (memory 1)) \"size\")").unwrap();
        assert_eq!(
            script.doubts,
            ["group/name.wast:1: `size` is expected of a module that is valid"]
        );
    }

    #[test]
    fn what_has_no_word_is_refused_with_its_place() {
        for (text, why) in [
            ("(module)\n(assert_exception (invoke \"f\"))", "group/name.wast:2: no word for"),
            ("(module)\n(assert_return (invoke \"f\") (ref.i31))", "group/name.wast:2: the result"),
            ("(module)\n(invoke \"f\" (ref.null any))", "group/name.wast:2: a null reference"),
            ("(module)\n(invoke \"f\" (ref.host 1))", "group/name.wast:2: a reference to a host"),
            ("(module)\n(module (memory 2 1))", "group/name.wast:2: a module that should be valid"),
            ("(module)\n(hello)", "group/name.wast:2: "),
            ("(module)\n(module", "group/name.wast:2: "),
        ] {
            let error = convert(text).unwrap_err();
            assert!(error.starts_with(why), "{text}: {error}");
        }
    }

    #[test]
    fn a_folder_has_the_script_and_nothing_else() {
        let folder = std::env::temp_dir().join(format!("wasm_memory_spec-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("7.wasm"), "old").unwrap();
        fs::write(folder.join("0.wasm"), "old").unwrap();
        let script = convert("(module) (assert_return (invoke \"f\"))").unwrap();
        script.write(&folder).unwrap();
        let before = fs::metadata(folder.join("script")).unwrap().modified().unwrap();
        script.write(&folder).unwrap();
        assert_eq!(fs::metadata(folder.join("script")).unwrap().modified().unwrap(), before);
        let mut names: Vec<_> =
            fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["0.wasm", "script"]);
        assert_eq!(fs::read(folder.join("0.wasm")).unwrap(), script.modules[0]);
        assert_eq!(fs::read_to_string(folder.join("script")).unwrap(), script.print());
        fs::remove_dir_all(&folder).unwrap();
    }
}
