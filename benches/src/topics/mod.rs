//! The rows, one file for each topic. A new topic is a file here and a line in [`all`].

mod access;
mod atomics;
mod bulk;
mod calls;
mod create;
mod density;
mod erase;
mod grow;
mod images;
mod inline;
mod pool;
mod shared;
mod traps;
mod wait;

use crate::row::Row;

/// Calls that do next to nothing: their goal, in out-of-line loads.
const CALL: f64 = 2.5;
const OUT_OF_LINE_LOAD: &str = "one load behind a function of a shared library";
const OUT_OF_LINE_STORE: &str = "one store behind a function of a shared library";

/// Every row, in the order of the report. Those of density and of classification have so many memories.
pub fn all(memories: u32) -> Vec<Row> {
    let topics = [
        calls::rows(),
        access::rows(),
        inline::rows(),
        bulk::rows(),
        erase::rows(),
        create::rows(),
        pool::rows(),
        images::rows(),
        density::rows(memories),
        grow::rows(),
        atomics::rows(),
        wait::rows(),
        shared::rows(),
        traps::rows(memories),
    ];
    topics.into_iter().flatten().collect()
}
