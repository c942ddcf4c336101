//! `wasm2c-prepare IN.wasm OUT.wasm`: see the library.

use std::process::ExitCode;

fn run(from: &str, to: &str) -> Result<wasm2c_prepare::Prepared, String> {
    let module = std::fs::read(from).map_err(|error| format!("{from}: {error}"))?;
    let prepared = wasm2c_prepare::prepare(&module).map_err(|error| format!("{from}: {error}"))?;
    std::fs::write(to, &prepared.module).map_err(|error| format!("{to}: {error}"))?;
    Ok(prepared)
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [from, to] = arguments.as_slice() else {
        eprintln!("usage: wasm2c-prepare IN.wasm OUT.wasm");
        return ExitCode::FAILURE;
    };
    match run(from, to) {
        Ok(done) => {
            eprintln!(
                "wasm2c-prepare: replaced {} waits and notifies, {} imported functions in tables, {} read-modify-writes",
                done.waits, done.functions, done.rmws
            );
            ExitCode::SUCCESS
        }
        Err(why) => {
            eprintln!("wasm2c-prepare: {why}");
            ExitCode::FAILURE
        }
    }
}
