//! The translator and the C compiler, and what they have made before.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsStr;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

#[derive(Clone, Copy, PartialEq)]
pub enum Version {
    /// 1.0.32, which Debian 12 has, with its own runtime.
    Old,
    /// 1.0.39, with the runtime in `bindings/wasm2c/1.0.39`.
    New,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Memory {
    Own,
    Ours,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Bounds {
    Guarded,
    Checked,
}

pub struct Tools {
    pub version: Version,
    pub bounds: Bounds,
    pub has_simd: bool,
    /// The repository.
    root: PathBuf,
    /// Where wasm_memory is installed.
    prefix: PathBuf,
    wasm2c: PathBuf,
    cache: PathBuf,
    /// What everything compiled depends on: the runtime's headers, the compiler.
    stamp: u64,
}

/// A module as C.
pub struct Translated {
    /// Names the files in the cache.
    pub key: String,
    pub header: String,
}

fn hash(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn variable(name: &str) -> Result<PathBuf, String> {
    std::env::var_os(name)
        .map(PathBuf::from)
        .ok_or_else(|| format!("{name} is not set; start the program by ./run"))
}

/// The first complaint in what a tool said, without the places that differ from machine to machine.
fn complaint(said: &[u8]) -> String {
    let said = String::from_utf8_lossy(said);
    // Without the escape sequences for colours.
    let plain: String =
        said.split('\u{1b}').enumerate().fold(String::new(), |text, (index, part)| {
            text + if index == 0 { part } else { part.split_once('m').map_or("", |(_, rest)| rest) }
        });
    let line = plain.lines().find(|line| line.contains("error:")).or_else(|| plain.lines().next());
    let line = line.unwrap_or("it said nothing");
    line.split_once("error:").map_or(line, |(_, why)| why).trim().to_owned()
}

impl Tools {
    pub fn from_environment(version: Version, bounds: Bounds) -> Result<Self, String> {
        let mut tools = Tools {
            version,
            bounds,
            has_simd: false,
            root: variable("WASM2C_SPEC_ROOT")?,
            prefix: variable("WASM2C_SPEC_PREFIX")?,
            wasm2c: variable("WASM2C_SPEC_WASM2C")?,
            cache: variable("WASM2C_SPEC_CACHE")?,
            stamp: 0,
        };
        fs::create_dir_all(&tools.cache)
            .map_err(|error| format!("{}: {error}", tools.cache.display()))?;
        tools.has_simd = version == Version::New
            && ["/usr/include", "/usr/local/include"]
                .iter()
                .any(|folder| Path::new(folder).join("simde/wasm/simd128.h").exists());
        let mut all = Vec::new();
        for folder in tools.include_folders() {
            let mut names: Vec<_> = fs::read_dir(&folder)
                .map_err(|error| format!("{}: {error}", folder.display()))?
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(|path| {
                    let name = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
                    name.ends_with(".h") && (name.starts_with("wasm") || name.starts_with("glue"))
                })
                .collect();
            names.sort();
            for path in names {
                all.push(fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?);
            }
        }
        tools.stamp = hash((all, tools.compiler_arguments()));
        Ok(tools)
    }

    /// What this translator has, of the names in scripts.
    pub fn has(&self, feature: &str) -> bool {
        match feature {
            "mutable-global"
            | "sign-extension"
            | "saturating-float-to-int"
            | "multi-value"
            | "bulk-memory"
            | "reference-types"
            | "multi-memory" => true,
            // In code of the old one tags have another type, which the driver does not know.
            "memory64" | "threads" | "custom-page-sizes" | "relaxed-simd" | "tail-call"
            | "extended-const" | "exceptions" => self.version == Version::New,
            "simd" => self.has_simd,
            _ => false,
        }
    }

    fn feature_flags(&self, enable: &[String]) -> Vec<String> {
        const ON: [(&str, &str); 7] = [
            ("mutable-global", "--disable-mutable-globals"),
            ("sign-extension", "--disable-sign-extension"),
            ("saturating-float-to-int", "--disable-saturating-float-to-int"),
            ("simd", "--disable-simd"),
            ("multi-value", "--disable-multi-value"),
            ("bulk-memory", "--disable-bulk-memory"),
            ("reference-types", "--disable-reference-types"),
        ];
        let is_on = |name: &str| enable.iter().any(|enabled| enabled == name);
        // The old one refuses to work if any of them is off.
        let mut flags: Vec<String> = ON
            .iter()
            .filter(|(name, _)| self.version == Version::New && !is_on(name))
            .map(|(_, flag)| (*flag).to_owned())
            .collect();
        for feature in enable {
            if self.has(feature) && !ON.iter().any(|(name, _)| name == feature) {
                flags.push(format!("--enable-{feature}"));
            }
        }
        flags
    }

    fn include_folders(&self) -> Vec<PathBuf> {
        let own = self.root.join("c-tests/hosts/wasm2c/spec/runtime");
        let binding = self.root.join("bindings/wasm2c");
        match self.version {
            Version::Old => vec![
                self.old_runtime(),
                self.old_prefix().join("include"),
                own,
                binding.join("1.0.32"),
                binding,
            ],
            Version::New => vec![binding.join("1.0.39"), own, binding],
        }
    }

    fn old_prefix(&self) -> PathBuf {
        self.wasm2c.parent().and_then(Path::parent).unwrap_or(Path::new("/usr")).to_owned()
    }

    fn old_runtime(&self) -> PathBuf {
        self.old_prefix().join("share/wabt/wasm2c")
    }

    fn compiler_arguments(&self) -> Vec<String> {
        let guarded = u8::from(self.bounds == Bounds::Guarded);
        let mut arguments: Vec<String> = ["-std=gnu11", "-O0", "-w"].map(str::to_owned).to_vec();
        arguments.push(match self.version {
            Version::Old => format!("-DWASM_RT_MEMCHECK_SIGNAL_HANDLER={guarded}"),
            Version::New => format!("-DWASM_RT_MEMCHECK_GUARD_PAGES={guarded}"),
        });
        for folder in self.include_folders() {
            arguments.push(format!("-I{}", folder.display()));
        }
        arguments.push(format!("-I{}", self.prefix.join("include").display()));
        arguments
    }

    fn compiler(&self) -> Command {
        let mut command = Command::new(std::env::var_os("CC").unwrap_or("cc".into()));
        command.args(self.compiler_arguments());
        command
    }

    fn cached(&self, name: &str) -> PathBuf {
        self.cache.join(name)
    }

    /// A folder for what is not finished, on the same file system as the cache.
    fn workshop(&self) -> Result<PathBuf, String> {
        let folder = self.cache.join(format!("unfinished-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(folder)
    }

    pub fn tidy(&self) {
        let _ = fs::remove_dir_all(self.cache.join(format!("unfinished-{}", std::process::id())));
    }

    fn run(command: &mut Command) -> Result<std::process::Output, String> {
        command
            .output()
            .map_err(|error| format!("{:?} did not start: {error}", command.get_program()))
    }

    /// Whether the translator takes these bytes; `Err` with its complaint if not.
    fn translated_to(
        &self,
        bytes: &[u8],
        enable: &[String],
        module: &str,
        key: &str,
    ) -> Result<Result<(), String>, String> {
        let folder = self.workshop()?;
        let [input, output] = ["wasm", "c"].map(|kind| folder.join(format!("{key}.{kind}")));
        fs::write(&input, bytes).map_err(|error| error.to_string())?;
        let mut command = Command::new(&self.wasm2c);
        command
            .args(self.feature_flags(enable))
            .args(["-n", module, "-o"])
            .arg(&output)
            .arg(&input);
        let result = Self::run(&mut command)?;
        Ok(match result.status.code() {
            Some(0) => Ok(()),
            Some(1) => Err(complaint(&result.stderr)),
            _ => Err(format!("the translator ended abnormally: {}", complaint(&result.stderr))),
        })
    }

    /// Whether the translator refuses a module, by its own complaint.
    pub fn refuses(&self, bytes: &[u8], enable: &[String]) -> Result<bool, String> {
        let key = format!(
            "r{:016x}{:016x}",
            hash((bytes, 0)),
            hash((self.feature_flags(enable), &self.wasm2c))
        );
        let known = self.cached(&key);
        if let Ok(answer) = fs::read(&known) {
            return Ok(answer == b"refused");
        }
        let result = self.translated_to(bytes, enable, "m", &key)?;
        let refused = matches!(&result, Err(why) if !why.starts_with("the translator ended"));
        self.keep(&key, if refused { b"refused" } else { b"taken" })?;
        Ok(refused)
    }

    fn keep(&self, name: &str, content: &[u8]) -> Result<(), String> {
        let unfinished = self.workshop()?.join(name);
        fs::write(&unfinished, content)
            .and_then(|()| fs::rename(&unfinished, self.cached(name)))
            .map_err(|error| format!("{name}: {error}"))
    }

    /// Translates and compiles a module. The inner error is about the module, the outer about the machine.
    pub fn translate(
        &self,
        bytes: &[u8],
        enable: &[String],
        module: &str,
    ) -> Result<Result<Translated, String>, String> {
        let key = format!(
            "m{:016x}{:016x}",
            hash((bytes, module)),
            hash((self.feature_flags(enable), &self.wasm2c, self.stamp))
        );
        let [object, error] = ["o", "error"].map(|kind| self.cached(&format!("{key}.{kind}")));
        if let Ok(why) = fs::read_to_string(&error) {
            return Ok(Err(why));
        }
        if !object.exists() {
            let folder = self.workshop()?;
            let made = |kind: &str| folder.join(format!("{key}.{kind}"));
            let mut result = self.translated_to(bytes, enable, module, &key)?;
            if result.is_ok() {
                let compiled =
                    Self::run(self.compiler().arg("-c").arg(made("c")).arg("-o").arg(made("o")))?;
                if !compiled.status.success() {
                    result =
                        Err(format!("its C does not compile: {}", complaint(&compiled.stderr)));
                }
            }
            if let Err(why) = result {
                let why = format!("wasm2c: {why}");
                self.keep(&format!("{key}.error"), why.as_bytes())?;
                return Ok(Err(why));
            }
            // The object last: where it is, the header is.
            for kind in ["h", "o"] {
                fs::rename(made(kind), self.cached(&format!("{key}.{kind}")))
                    .map_err(|error| format!("{key}.{kind}: {error}"))?;
            }
        }
        let path = self.cached(&format!("{key}.h"));
        let header =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Ok(Translated { key, header }))
    }

    /// The objects of the runtime with one kind of memory.
    fn runtime(&self, memory: Memory) -> Result<Vec<PathBuf>, String> {
        let own = self.root.join("c-tests/hosts/wasm2c/spec/runtime");
        let binding = self.root.join("bindings/wasm2c");
        let sources = match (self.version, memory) {
            (Version::Old, Memory::Own) => {
                vec![self.old_runtime().join("wasm-rt-impl.c"), own.join("glue_old_own.c")]
            }
            (Version::Old, Memory::Ours) => vec![
                self.old_runtime().join("wasm-rt-impl.c"),
                binding.join("1.0.32/wasm_rt_memory.c"),
                binding.join("wasm_rt_host.c"),
                own.join("glue_old_ours.c"),
                own.join("glue_count.c"),
            ],
            (Version::New, Memory::Own) => {
                vec![binding.join("1.0.39/wasm_rt.c"), own.join("plain_memory.c")]
            }
            (Version::New, Memory::Ours) => vec![
                binding.join("1.0.39/wasm_rt.c"),
                binding.join("1.0.39/wasm_rt_memory.c"),
                binding.join("wasm_rt_host.c"),
                own.join("glue_new_ours.c"),
                own.join("glue_count.c"),
            ],
        };
        let mut objects = Vec::new();
        for source in sources {
            let text =
                fs::read(&source).map_err(|error| format!("{}: {error}", source.display()))?;
            // All of wabt's runtime but its memories: README.md of the binding.
            let replaced = self.version == Version::Old
                && memory == Memory::Ours
                && source.ends_with("wasm-rt-impl.c");
            let key = format!("r{:016x}{:016x}.o", hash((&text, replaced)), self.stamp);
            let object = self.cached(&key);
            if !object.exists() {
                let mut command = self.compiler();
                if replaced {
                    for name in ["allocate", "grow", "free"] {
                        command.arg(format!("-Dwasm_rt_{name}_memory=wabt_unused_{name}_memory"));
                    }
                }
                let made = self.workshop()?.join(&key);
                let compiled = Self::run(command.arg("-c").arg(&source).arg("-o").arg(&made))?;
                if !compiled.status.success() {
                    let said = String::from_utf8_lossy(&compiled.stderr).into_owned();
                    return Err(format!("{} does not compile: {said}", source.display()));
                }
                fs::rename(&made, &object).map_err(|error| error.to_string())?;
            }
            objects.push(object);
        }
        Ok(objects)
    }

    /// Compiles a driver and links it with modules; answers where the program is.
    pub fn link(
        &self,
        driver: &str,
        modules: &[&str],
        memory: Memory,
        folder: &Path,
    ) -> Result<PathBuf, String> {
        let source = folder.join("driver.c");
        let program = folder.join("driver");
        fs::write(&source, driver).map_err(|error| error.to_string())?;
        let mut command = self.compiler();
        command.arg(format!("-I{}", self.cache.display())).arg(&source).arg("-o").arg(&program);
        for key in modules {
            command.arg(self.cached(&format!("{key}.o")));
        }
        command.args(self.runtime(memory)?);
        if memory == Memory::Ours {
            let libraries = self.prefix.join("lib");
            command
                .arg(format!("-L{}", libraries.display()))
                .arg("-lwasm_memory")
                .arg(format!("-Wl,-rpath,{}", libraries.display()));
        }
        let result = Self::run(command.args(["-lpthread", "-lm"]))?;
        if result.status.success() {
            Ok(program)
        } else {
            Err(format!("the driver does not compile: {}", String::from_utf8_lossy(&result.stderr)))
        }
    }
}
