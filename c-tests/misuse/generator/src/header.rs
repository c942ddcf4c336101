//! What a header declares, as far as calls need it.

use std::collections::BTreeMap;

/// A parameter of a function, or a field of a structure.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name; empty for a parameter that has none.
    pub name: String,
    /// What it is.
    pub kind: Type,
}

/// A type, as it is written.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// Anything but a pointer to a function; without the word `struct`, and with one space between words.
    Plain(String),
    /// A pointer to a function.
    Callback(Signature),
}

/// What a function takes and answers.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// The type of the answer.
    pub returns: String,
    /// In their order.
    pub parameters: Vec<Parameter>,
}

/// A function that the header declares.
#[derive(Debug)]
pub struct Function {
    /// Its name.
    pub name: String,
    /// What it takes and answers.
    pub signature: Signature,
    /// The parts of its comment by their headings: `Parameters`, `Returns` and so on, each in one line.
    pub parts: BTreeMap<String, String>,
}

/// A header.
#[derive(Debug, Default)]
pub struct Header {
    /// The functions, in their order.
    pub functions: Vec<Function>,
    /// Types of which only the library knows what is in them.
    pub opaque: Vec<String>,
    /// Structures with their fields.
    pub structures: BTreeMap<String, Vec<Parameter>>,
    /// Other names of types.
    pub aliases: BTreeMap<String, Type>,
    /// The names of the statuses, without `WASM_MEMORY_`.
    pub statuses: Vec<String>,
}

/// One space between words, none around parentheses and commas, `*` after a space, no `struct`.
fn tidy(text: &str) -> String {
    let spaced: String =
        text.chars().flat_map(|c| if c == '*' { vec![' ', '*', ' '] } else { vec![c] }).collect();
    let mut tidied = String::new();
    for word in spaced.split_whitespace().filter(|word| *word != "struct") {
        let is_glued = tidied.is_empty() || (tidied.ends_with('*') && word == "*");
        if !is_glued {
            tidied.push(' ');
        }
        tidied.push_str(word);
    }
    tidied
}

/// `text` without its comments, and without the lines of the preprocessor.
fn bare(text: &str) -> String {
    let mut bare = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("/*") {
        bare.push_str(before);
        rest = after.split_once("*/").map_or("", |(_, behind)| behind);
    }
    bare.push_str(rest);
    bare.lines().filter(|line| !line.trim_start().starts_with('#')).collect::<Vec<_>>().join("\n")
}

/// Splits at the commas that are in no parentheses.
fn split_arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut found) = (0, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                found.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    found.push(&text[start..]);
    found
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// A declaration without its semicolon: of a parameter, a field, or what follows `typedef`.
fn declaration(text: &str) -> Result<Parameter, String> {
    let text = text.trim();
    if let Some((returns, rest)) = text.split_once("(*") {
        let (name, rest) =
            rest.split_once(')').ok_or_else(|| format!("`{text}` is not understood"))?;
        let arguments = rest.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
        let arguments = arguments.ok_or_else(|| format!("`{text}` is not understood"))?;
        let signature = Signature { returns: tidy(returns), parameters: parameters(arguments)? };
        return Ok(Parameter { name: tidy(name), kind: Type::Callback(signature) });
    }
    let tidied = tidy(text);
    let start = tidied.rfind(|c| !is_word(c)).map_or(0, |at| at + 1);
    let (kind, name) = tidied.split_at(start);
    if kind.is_empty() || name.is_empty() {
        // `void *` alone has no name; a lone word is a type.
        return Ok(Parameter { name: String::new(), kind: Type::Plain(tidied) });
    }
    Ok(Parameter { name: name.to_owned(), kind: Type::Plain(kind.trim().to_owned()) })
}

fn parameters(text: &str) -> Result<Vec<Parameter>, String> {
    if text.trim() == "void" {
        return Ok(Vec::new());
    }
    split_arguments(text).into_iter().map(declaration).collect()
}

const HEADINGS: [&str; 6] =
    ["Parameters", "Returns", "Ownership", "Threads", "Invalidates", "Specification"];

/// The parts of a comment: each starts a line with a heading and a colon.
fn parts(comment: &str) -> BTreeMap<String, String> {
    let mut parts: BTreeMap<String, String> = BTreeMap::new();
    let mut heading = String::new();
    for line in comment.lines() {
        let line = line.trim().trim_start_matches("/**").trim_start_matches('*').trim();
        let line = line.trim_end_matches("*/");
        match line.split_once(": ") {
            Some((word, rest)) if HEADINGS.contains(&word) => {
                heading = word.to_owned();
                parts.insert(heading.clone(), rest.to_owned());
            }
            _ => {
                let part = parts.entry(heading.clone()).or_default();
                part.push(' ');
                part.push_str(line);
            }
        }
    }
    parts
}

fn function(comment: &str, text: &str) -> Result<Function, String> {
    let (before, rest) =
        text.split_once('(').ok_or_else(|| format!("`{text}` is not understood"))?;
    let arguments =
        rest.trim_end().strip_suffix(')').ok_or_else(|| format!("`{text}` is not understood"))?;
    let named = declaration(before)?;
    let Type::Plain(returns) = named.kind else {
        return Err(format!("`{text}` is not understood"));
    };
    let signature = Signature { returns, parameters: parameters(arguments)? };
    Ok(Function { name: named.name, signature, parts: parts(comment) })
}

impl Header {
    /// Reads a header. What looks like a declaration and is not understood is an error.
    pub fn read(text: &str) -> Result<Self, String> {
        let mut header = Self::default();
        let mut rest = text;
        while let Some(at) = rest.find("\nWASM_MEMORY_API") {
            let (before, after) = rest.split_at(at);
            let comment = before.rfind("/**").map_or("", |start| &before[start..]);
            let end = after.find(';').ok_or("a declaration does not end")?;
            let declared = after["\nWASM_MEMORY_API".len()..end].trim();
            header.functions.push(function(comment, declared)?);
            rest = &after[end..];
        }
        for line in text.lines() {
            let Some(defined) = line.strip_prefix("#define WASM_MEMORY_") else { continue };
            if let Some((name, number)) = defined.split_once(' ')
                && number.parse::<u32>().is_ok()
            {
                header.statuses.push(name.to_owned());
            }
        }
        header.read_types(&bare(text))?;
        Ok(header)
    }

    fn read_types(&mut self, text: &str) -> Result<(), String> {
        for piece in text.split("\ntypedef ").skip(1) {
            let fields = piece.find('{').filter(|&open| open < piece.find(';').unwrap_or(0));
            if let Some(open) = fields {
                let close = piece.find('}').ok_or("a structure does not end")?;
                let name = tidy(&piece[..open]);
                let fields: Result<Vec<_>, _> = piece[open + 1..close]
                    .split(';')
                    .filter(|field| !field.trim().is_empty())
                    .map(declaration)
                    .collect();
                self.structures.insert(name, fields?);
                continue;
            }
            let declared = piece.split(';').next().unwrap_or_default();
            let alias = declaration(declared)?;
            if declared.trim_start().starts_with("struct ") {
                self.opaque.push(alias.name);
            } else {
                self.aliases.insert(alias.name, alias.kind);
            }
        }
        Ok(())
    }

    /// For a function `..._install`, the one that takes it back, if there is one.
    pub fn switched_off_by(&self, name: &str) -> Option<String> {
        let off = format!("{}_uninstall", name.strip_suffix("_install")?);
        self.functions.iter().any(|function| function.name == off).then_some(off)
    }

    /// The type behind other names of it.
    pub fn resolve(&self, kind: &Type) -> Type {
        match kind {
            Type::Plain(name) => match self.aliases.get(name) {
                Some(behind) => self.resolve(behind),
                None => kind.clone(),
            },
            Type::Callback(_) => kind.clone(),
        }
    }
}

impl Function {
    /// What the comment says about a parameter: from its name on to the next one's.
    pub fn words_about(&self, parameter: &str) -> &str {
        let all = self.parts.get("Parameters").map_or("", String::as_str);
        let names: Vec<_> = self.signature.parameters.iter().map(|p| p.name.as_str()).collect();
        // Several may be told about together: `offset`, `length`: in bytes.
        let mut groups: Vec<(usize, Vec<&str>, usize)> = Vec::new();
        let (mut at, mut group, mut start) = (0, Vec::new(), 0);
        while let Some(open) = all[at..].find('`').map(|open| at + open) {
            let Some(close) = all[open + 1..].find('`').map(|close| open + 1 + close) else {
                break;
            };
            at = close + 1;
            let name = &all[open + 1..close];
            if !names.contains(&name) {
                continue;
            }
            if group.is_empty() {
                start = open;
            }
            group.push(name);
            if all[at..].starts_with(':') {
                groups.push((start, std::mem::take(&mut group), at + 1));
            } else if !all[at..].starts_with(", ") {
                group.clear();
            }
        }
        for (index, (_, group, from)) in groups.iter().enumerate() {
            if group.contains(&parameter) {
                let end = groups.get(index + 1).map_or(all.len(), |(start, _, _)| *start);
                return &all[*from..end];
            }
        }
        ""
    }
}
