//! `misuse-generator HEADER OUT.c`: writes a call of every function that the header declares, for ../calls.c, which
//! puts NULL and nonsense in every argument. Fails with a sentence where it does not know how.

mod header;
mod program;

use std::process::ExitCode;

fn run(from: &str, to: &str) -> Result<usize, String> {
    let text = std::fs::read_to_string(from).map_err(|error| format!("{from}: {error}"))?;
    let header = header::Header::read(&text)?;
    let program = program::write(&header)?;
    std::fs::write(to, program).map_err(|error| format!("{to}: {error}"))?;
    Ok(header.functions.len())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to] = arguments.as_slice() else {
        eprintln!("usage: misuse-generator HEADER OUT.c");
        return ExitCode::FAILURE;
    };
    match run(from, to) {
        Ok(functions) => {
            eprintln!("misuse-generator: calls of {functions} functions");
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("misuse-generator: {why}");
            ExitCode::FAILURE
        }
    }
}
