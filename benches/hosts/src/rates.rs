//! Instances: how many a host makes, touches and drops in a second.

use crate::Result;
use crate::figures::Figures;
use crate::host::Host;
use crate::options::Options;
use crate::row::{Facts, Kind, Row};

struct Place {
    name: &'static str,
    /// What its memories are called.
    memories: &'static [&'static str],
    /// Rows: what their names end with, whose memories are the measure, and ours against them.
    pairs: &'static [(&'static str, &'static str, &'static str)],
}

/// The end of rows that have no goal: the host is told what suits these modules, and ours is not.
const TUNED: &str = "/tuned";

const PLACES: [Place; 2] = [
    Place {
        name: "wasmtime",
        memories: &["own", "ours", "own-pool", "ours-pool", "own-tuned"],
        pairs: &[
            ("", "own", "ours"),
            ("/pool", "own-pool", "ours-pool"),
            (TUNED, "own-tuned", "ours-pool"),
        ],
    },
    // It has no pool of its own.
    Place {
        name: "wazero",
        memories: &["own", "ours", "ours-pool"],
        pairs: &[("", "own", "ours"), ("/pool", "own", "ours-pool")],
    },
];

const MODULES: [(&str, &str); 2] =
    [("small", "one page of memory"), ("image", "16 pages of memory, 64 KiB of data")];

pub fn measure(options: &Options) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for place in &PLACES {
        for (module, about) in MODULES {
            for threads in [1, 2] {
                let name = format!("{}/instances/{module}/{threads}", place.name);
                let names: Vec<String> =
                    place.pairs.iter().map(|(end, ..)| format!("{name}{end}")).collect();
                if names.iter().any(|name| options.wants(name)) {
                    eprintln!("{name} ...");
                    let samples = sample(options, place, module, threads)?;
                    let about = format!("an instance of {about}, one page touched");
                    rows.extend(rows_of(place, &names, &about, &samples));
                }
            }
        }
    }
    rows.retain(|row| options.wants(&row.name));
    Ok(rows)
}

/// Nanoseconds of an instance: of each memory, round by round.
fn sample(options: &Options, place: &Place, module: &str, threads: u32) -> Result<Vec<Vec<f64>>> {
    // Three processes, as for programs: see there.
    let (processes, rounds, milliseconds) = if options.smoke { (1, 1, 10) } else { (3, 9, 80) };
    let mut samples = vec![Vec::new(); place.memories.len()];
    for _ in 0..processes {
        let program = options.build.join(place.name);
        let module = options.build.join(format!("{module}.wasm"));
        let mut host = Host::start(place.name, &program, Some(&module))?;
        // The first round fetches what is cold.
        for round in 0..=rounds {
            let mut order: Vec<usize> = (0..place.memories.len()).collect();
            if round % 2 == 1 {
                order.reverse();
            }
            for at in order {
                let memory = place.memories[at];
                let rate = host.rate(memory, threads, milliseconds)?;
                let ours = memory.starts_with("ours");
                if (ours && rate.made < rate.count) || (!ours && rate.made > 0) {
                    return Err(format!(
                        "{} on {memory} memory: {} instances, {} memories made by wasm_memory",
                        place.name, rate.count, rate.made
                    )
                    .into());
                }
                if round > 0 {
                    samples[at].push(rate.nanoseconds / rate.count as f64);
                }
            }
        }
        host.end()?;
    }
    Ok(samples)
}

fn rows_of(place: &Place, names: &[String], about: &str, samples: &[Vec<f64>]) -> Vec<Row> {
    let of = |memory: &str| {
        let at = place.memories.iter().position(|name| *name == memory);
        &samples[at.expect("a pair names memories of its place")]
    };
    let rows = place.pairs.iter().zip(names).map(|((end, own, ours), name)| {
        let (own_samples, our_samples) = (of(own), of(ours));
        let ratios = own_samples.iter().zip(our_samples).map(|(own, ours)| ours / own);
        Row {
            name: name.clone(),
            about: format!("{about}; {own} against {ours}"),
            kind: Kind::Instance,
            ratio: Figures::of(ratios.collect()),
            own: Figures::of(own_samples.clone()),
            ours: Figures::of(our_samples.clone()),
            has_goal: *end != TUNED,
            facts: Facts::default(),
        }
    });
    rows.collect()
}
