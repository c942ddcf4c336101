//! The scripts that `spec` writes: `spec/README.md` says what stands in them.

use std::fs;
use std::path::Path;

pub struct Script {
    pub enable: Vec<String>,
    pub directives: Vec<Directive>,
}

pub struct Directive {
    pub line: u32,
    pub what: What,
}

pub enum What {
    Module {
        file: String,
        name: Option<String>,
        needs: Vec<String>,
    },
    Define {
        file: String,
        name: Option<String>,
        needs: Vec<String>,
    },
    Instance {
        name: Option<String>,
        definition: Option<String>,
    },
    Register {
        alias: String,
        name: Option<String>,
    },
    Do(Action),
    Return(Action, Vec<String>),
    Trap {
        message: String,
        action: Action,
    },
    Unlinkable {
        file: String,
        needs: Vec<String>,
    },
    Uninstantiable {
        message: String,
        file: String,
        needs: Vec<String>,
    },
    /// `invalid` and `malformed`: the translator must refuse it.
    Refused {
        file: String,
    },
    Unknown(String),
}

pub struct Action {
    pub instance: Option<String>,
    pub name: String,
    /// `None`: a global is read.
    pub arguments: Option<Vec<String>>,
}

fn decoded(word: &str) -> Result<String, String> {
    let mut bytes = Vec::new();
    let mut rest = word.bytes();
    if word == "%" {
        return Ok(String::new());
    }
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next(), rest.next()].map(|digit| digit.unwrap_or(b'?'));
            let digits = String::from_utf8_lossy(&digits).into_owned();
            bytes.push(
                u8::from_str_radix(&digits, 16).map_err(|_| format!("not a string: {word}"))?,
            );
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).map_err(|_| format!("not UTF-8: {word}"))
}

fn optional(word: &str) -> Result<Option<String>, String> {
    if word == "-" { Ok(None) } else { decoded(word).map(Some) }
}

fn list(word: &str) -> Vec<String> {
    word.split(',').filter(|entry| *entry != "mvp" && *entry != "-").map(str::to_owned).collect()
}

/// The words of one line, taken one after the other.
struct Words<'a>(std::str::Split<'a, char>);

impl<'a> Words<'a> {
    fn next(&mut self) -> Result<&'a str, String> {
        self.0.next().ok_or_else(|| "a word is missing".to_owned())
    }

    fn string(&mut self) -> Result<String, String> {
        decoded(self.next()?)
    }

    fn optional(&mut self) -> Result<Option<String>, String> {
        optional(self.next()?)
    }

    fn list(&mut self) -> Result<Vec<String>, String> {
        self.next().map(list)
    }

    /// An action, and the words behind `=>`.
    fn action(&mut self) -> Result<(Action, Vec<String>), String> {
        let kind = self.next()?;
        let instance = self.optional()?;
        let name = self.string()?;
        let mut arguments: Vec<String> = self.0.by_ref().map(str::to_owned).collect();
        let arrow = arguments.iter().position(|word| word == "=>");
        let results = arrow.map_or(Vec::new(), |at| arguments.split_off(at)[1..].to_vec());
        let results = results.into_iter().filter(|word| !word.is_empty()).collect();
        let arguments = match kind {
            "invoke" => Some(arguments),
            "get" => None,
            other => return Err(format!("no such action: {other}")),
        };
        Ok((Action { instance, name, arguments }, results))
    }
}

fn directive(line: &str) -> Result<Option<Directive>, String> {
    let mut words = Words(line.split(' '));
    let word = words.next()?;
    let number = words.next()?;
    let at = || number.parse::<u32>().map_err(|_| format!("not a line number: {number}"));
    let what = match word {
        "module" => {
            What::Module { file: words.string()?, name: words.optional()?, needs: words.list()? }
        }
        "define" => {
            What::Define { file: words.string()?, name: words.optional()?, needs: words.list()? }
        }
        "instance" => What::Instance { name: words.optional()?, definition: words.optional()? },
        "register" => What::Register { alias: words.string()?, name: words.optional()? },
        "do" => What::Do(words.action()?.0),
        "return" => {
            let (action, results) = words.action()?;
            What::Return(action, results)
        }
        "trap" | "exhaustion" => What::Trap { message: words.string()?, action: words.action()?.0 },
        "unlinkable" => {
            words.string()?;
            What::Unlinkable { file: words.string()?, needs: words.list()? }
        }
        "uninstantiable" => What::Uninstantiable {
            message: words.string()?,
            file: words.string()?,
            needs: words.list()?,
        },
        "invalid" | "malformed" => {
            words.string()?;
            What::Refused { file: words.string()? }
        }
        "end" => return Ok(None),
        other => What::Unknown(other.to_owned()),
    };
    Ok(Some(Directive { line: at()?, what }))
}

pub fn read(folder: &Path) -> Result<Script, String> {
    let path = folder.join("script");
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut script = Script { enable: Vec::new(), directives: Vec::new() };
    for (index, line) in text.lines().enumerate() {
        match line.split(' ').next() {
            Some("file" | "features" | "text") => {}
            Some("enable") => script.enable = list(line.split(' ').nth(1).unwrap_or_default()),
            _ => {
                let read = directive(line)
                    .map_err(|why| format!("line {} of the script: {why}", index + 1))?;
                script.directives.extend(read);
            }
        }
    }
    Ok(script)
}
