//! A host: a process that does what it is told on standard input. `hosts/serve.h` has the language.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use crate::Result;

pub struct Host {
    name: String,
    process: Child,
    /// Taken when the host is to end: that is how it learns of it.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

/// One run of a program.
#[derive(Clone, Copy, Debug)]
pub struct Ran {
    pub exit_status: u64,
    pub whole_ns: f64,
    pub run_ns: f64,
    pub cpu_ns: f64,
    pub faults: f64,
    pub pages: u64,
    pub made: u64,
}

/// Instances that were made, touched and dropped.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    pub count: u64,
    pub nanoseconds: f64,
    pub made: u64,
}

impl Host {
    /// Starts the host `program` with a module; `name` is for sentences.
    pub fn start(name: &str, program: &Path, module: Option<&Path>) -> Result<Self> {
        let mut process = Command::new(program)
            .args(module)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        let commands = process.stdin.take();
        let answers = process.stdout.take().map(BufReader::new).ok_or("no pipe to a host")?;
        Ok(Self { name: name.into(), process, commands, answers })
    }

    pub fn run(
        &mut self,
        memory: &str,
        input: &Path,
        output: &Path,
        arguments: &[&str],
    ) -> Result<Ran> {
        let (input, output) = (input.display(), output.display());
        let command = format!("run {memory} {input} {output} {}", arguments.join(" "));
        let [exit_status, whole, run, cpu, faults, pages, made] = self.ask(&command, "ran")?;
        Ok(Ran {
            exit_status,
            whole_ns: whole as f64,
            run_ns: run as f64,
            cpu_ns: cpu as f64,
            faults: faults as f64,
            pages,
            made,
        })
    }

    pub fn rate(&mut self, memory: &str, threads: u32, milliseconds: u32) -> Result<Rate> {
        let command = format!("rate {memory} {threads} {milliseconds}");
        let [count, nanoseconds, made] = self.ask(&command, "rate")?;
        Ok(Rate { count, nanoseconds: nanoseconds as f64, made })
    }

    /// Sends a line, and takes the numbers of the answer, which begins with `word`.
    fn ask<const N: usize>(&mut self, command: &str, word: &str) -> Result<[u64; N]> {
        let commands = self.commands.as_mut().ok_or("a host that has ended is asked")?;
        // A host that has ended says why on standard error, which is ours; here only that it did.
        let sent = writeln!(commands, "{command}").and_then(|()| commands.flush());
        let mut line = String::new();
        if sent.is_err() || self.answers.read_line(&mut line)? == 0 {
            return Err(format!("{} ended at: {command}", self.name).into());
        }
        let mut words = line.split_whitespace();
        if words.next() != Some(word) {
            return Err(format!("{} answered {line:?} to: {command}", self.name).into());
        }
        let numbers: Option<Vec<u64>> = words.map(|number| number.parse().ok()).collect();
        numbers
            .and_then(|numbers| numbers.try_into().ok())
            .ok_or_else(|| format!("{} answered {line:?} to: {command}", self.name).into())
    }

    /// Lets the host end, and sees to it that it did so in peace.
    pub fn end(mut self) -> Result<()> {
        drop(self.commands.take());
        let status = self.process.wait()?;
        if !status.success() {
            return Err(format!("{} ended with {status}", self.name).into());
        }
        Ok(())
    }
}

impl Drop for Host {
    /// After a failure: nobody is left behind.
    fn drop(&mut self) {
        drop(self.commands.take());
        // Both fail only if it has ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
