//! Starting runners: each in a process of its own, so that one that crashes or hangs is seen as such.

use std::fs::{self, File};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use crate::outcome::{Outcome, Run};
use crate::script::Script;
use crate::verdict::Pair;

/// An engine and the program that runs scripts on it.
#[derive(Clone, Debug)]
pub struct Engine {
    pub name: String,
    /// For a shell, which adds the arguments.
    pub command: String,
    /// Shared memories are not the engine's own when it runs on ours.
    pub shared: bool,
}

/// How to run.
#[derive(Clone, Debug)]
pub struct Ways {
    /// Where the scripts are.
    pub scripts: PathBuf,
    /// Where the words of runners go.
    pub logs: PathBuf,
    pub timeout: Duration,
    /// How many runners at once.
    pub jobs: usize,
}

impl Engine {
    /// What the runner says of itself, as in `wasmtime 48.0.0`.
    pub fn version(&self) -> Result<String, String> {
        let complaint = |what: &str| format!("{}: `{} --version` {what}", self.name, self.command);
        let output = self
            .shell(&["--version"])
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| complaint(&error.to_string()))?;
        if !output.status.success() {
            return Err(complaint(&end(output.status)));
        }
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.trim();
        if line.is_empty() || line.contains('\n') {
            return Err(complaint("does not print one line"));
        }
        Ok(line.into())
    }

    fn shell(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("{} \"$@\"", self.command), "sh"]).args(arguments);
        command.stdin(Stdio::null());
        command
    }

    /// Runs one script on one kind of memory, `own` or `ours`.
    fn run(&self, script: &Script, memory: &str, ways: &Ways) -> Run {
        let log = ways.logs.join(&self.name).join(format!("{}.{memory}", script.name));
        match self.output(script, memory, ways, &log) {
            Err(error) => Run::Broken(error),
            Ok(output) => match Outcome::parse(&output, script) {
                Ok(outcome) => Run::Done(outcome),
                Err(error) => Run::Broken(error),
            },
        }
    }

    fn output(
        &self,
        script: &Script,
        memory: &str,
        ways: &Ways,
        log: &Path,
    ) -> Result<String, String> {
        // Into files: a pipe would stay open for as long as something that the runner left behind.
        let out = log.with_added_extension("out");
        let errors = log.with_added_extension("err");
        let trouble = |error: std::io::Error| format!("could not be started: {error}");
        fs::create_dir_all(log.parent().unwrap_or(log)).map_err(trouble)?;
        let folder = ways.scripts.join(&script.name);
        let folder = folder.to_str().ok_or("was given a folder whose name is not UTF-8")?;
        let child = self
            .shell(&["--memory", memory, folder])
            .stdout(File::create(&out).map_err(trouble)?)
            .stderr(File::create(&errors).map_err(trouble)?)
            // So that compilers it may have started can be ended with it.
            .process_group(0)
            .spawn()
            .map_err(trouble)?;
        let status = wait(child, ways.timeout)?;
        if !status.success() {
            let words = fs::read(&errors).unwrap_or_default();
            let words = String::from_utf8_lossy(&words);
            let last = words.lines().last().map_or(String::new(), |line| format!(" ({line})"));
            return Err(format!("{}{last}", end(status)));
        }
        let output = fs::read(&out).map_err(|error| format!("left no output: {error}"))?;
        String::from_utf8(output).map_err(|_| "said something that is not UTF-8".into())
    }
}

/// How a process ended that did not end well.
fn end(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("crashed by signal {signal}"),
        // A shell's way to say the same.
        (_, Some(code)) if code > 128 => format!("crashed by signal {}", code - 128),
        (_, Some(code)) => format!("gave up with exit status {code}"),
        (None, None) => "ended in an unknown way".into(),
    }
}

fn wait(mut child: Child, timeout: Duration) -> Result<ExitStatus, String> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        match child.try_wait() {
            Err(error) => return Err(format!("got lost: {error}")),
            Ok(Some(status)) => return Ok(status),
            Ok(None) if start.elapsed() < timeout => {
                thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(50));
            }
            Ok(None) => break,
        }
    }
    // The whole group, which the child leads.
    let group = format!("-{}", child.id());
    let killed = Command::new("kill").args(["-KILL", "--", &group]).status();
    if !killed.is_ok_and(|status| status.success()) {
        let _ = child.kill();
    }
    let _ = child.wait();
    Err(format!("did not end within {} s", timeout.as_secs_f32()))
}

/// Runs every script on every engine, both ways. The result is ordered as the engines are, then as
/// the scripts are, whatever ends first.
pub fn run(engines: &[Engine], scripts: &[Script], ways: &Ways) -> Vec<Vec<Pair>> {
    let tasks: Vec<(usize, usize, usize)> = (0..scripts.len())
        .flat_map(|script| (0..engines.len()).map(move |engine| (engine, script)))
        .flat_map(|(engine, script)| (0..2).map(move |way| (engine, script, way)))
        .collect();
    let next = Mutex::new(tasks.into_iter());
    let results: Vec<Vec<[Mutex<Option<Run>>; 2]>> =
        engines.iter().map(|_| scripts.iter().map(|_| Default::default()).collect()).collect();
    thread::scope(|scope| {
        for _ in 0..ways.jobs {
            scope.spawn(|| {
                loop {
                    let task = lock(&next).next();
                    let Some((engine, script, way)) = task else { break };
                    let memory = ["own", "ours"][way];
                    let run = engines[engine].run(&scripts[script], memory, ways);
                    *lock(&results[engine][script][way]) = Some(run);
                }
            });
        }
    });
    let take = |slot: Mutex<Option<Run>>| {
        let run = slot.into_inner().unwrap_or_else(|poison| poison.into_inner());
        run.unwrap_or(Run::Broken("was never started".into()))
    };
    results
        .into_iter()
        .map(|scripts| {
            scripts
                .into_iter()
                .map(|[own, ours]| Pair { own: take(own), ours: take(ours) })
                .collect()
        })
        .collect()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poison| poison.into_inner())
}
