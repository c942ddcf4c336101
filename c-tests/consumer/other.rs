//! Somebody else's Rust in a static library, with a standard library of its own: it allocates, has threads, and panics.

use std::collections::HashMap;
use std::panic;
use std::thread;

/// The sum of the numbers below `count`, added by a thread; or -1 after a panic that was caught, if `count` is 13.
#[unsafe(no_mangle)]
pub extern "C" fn other_sum(count: u32) -> i64 {
    panic::set_hook(Box::new(|_| {}));
    let sum = || {
        thread::spawn(move || {
            let numbers: HashMap<u32, String> = (0..count).map(|n| (n, n.to_string())).collect();
            assert_ne!(numbers.len(), 13, "an unlucky number");
            numbers.values().map(|n| n.parse::<i64>().unwrap()).sum()
        })
        .join()
        .unwrap()
    };
    panic::catch_unwind(sum).unwrap_or(-1)
}
