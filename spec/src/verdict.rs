//! Whether an engine did as well on our memories as on its own.

use crate::outcome::{Outcome, Run};
use crate::script::Script;

/// A script on one engine, with each kind of memory.
#[derive(Debug)]
pub struct Pair {
    pub own: Run,
    pub ours: Run,
}

impl Pair {
    /// What speaks against us, in words; nothing if all is well. `shared` tells whether shared
    /// memories are made by us as well: some engines let nobody make them.
    pub fn charges(&self, script: &Script, shared: bool) -> Vec<String> {
        match (&self.own, &self.ours) {
            (Run::Done(own), Run::Done(ours)) => {
                let mut charges = worse(own, ours);
                charges.extend(strangers(script, own, ours, shared));
                charges
            }
            (Run::Done(_), Run::Broken(why)) => {
                vec![format!("the runner {why}, on our memories only")]
            }
            (Run::Broken(why), Run::Done(_)) => {
                vec![format!("the runner {why}, on its own memories")]
            }
            (Run::Broken(own), Run::Broken(ours)) if own == ours => {
                vec![format!("the runner {ours}, on either memories")]
            }
            (Run::Broken(own), Run::Broken(ours)) => {
                vec![format!("the runner {ours}, and on its own memories it {own}")]
            }
        }
    }
}

/// The lines at which less passed on our memories. That others do better there is no excuse.
fn worse(own: &Outcome, ours: &Outcome) -> Vec<String> {
    let own_lines = own.by_line();
    let mut charges = Vec::new();
    for (line, (failed, missed)) in ours.by_line() {
        let (own_failed, own_missed) = own_lines.get(&line).copied().unwrap_or_default();
        if failed > own_failed || missed > own_missed {
            let why = ours
                .failed
                .iter()
                .map(|miss| ("fails", miss))
                .chain(ours.skipped.iter().map(|miss| ("is skipped", miss)))
                .find(|(_, miss)| miss.line == line);
            let (how, why) = why.map_or(("misses", ""), |(how, miss)| (how, miss.why.as_str()));
            charges.push(format!("line {line} {how} on our memories only: {why}"));
        }
    }
    charges
}

/// Memories that were not made by whom they should have been.
fn strangers(script: &Script, own: &Outcome, ours: &Outcome, shared: bool) -> Option<String> {
    if own.memories != 0 {
        return Some(format!("wasm_memory made {} of the engine's own memories", own.memories));
    }
    let certain = ours.certain(script);
    let least = certain.unshared + if shared { certain.shared } else { 0 };
    (ours.memories < least).then(|| {
        format!(
            "wasm_memory made {} memories, but the modules that ran define {least}",
            ours.memories
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::features::Features;
    use crate::outcome::tests::script;

    fn done(output: &str) -> Run {
        Run::Done(Outcome::parse(output, &script()).unwrap())
    }

    fn broken(why: &str) -> Run {
        Run::Broken(why.into())
    }

    fn charges(own: Run, ours: Run) -> Vec<String> {
        Pair { own, ours }.charges(&script(), true)
    }

    #[track_caller]
    fn charged(own: &str, ours: &str, with: &str) {
        let charges = charges(done(own), done(ours)).join("; ");
        assert!(charges.contains(with), "{charges}");
    }

    #[test]
    fn as_good_is_good_enough() {
        assert!(charges(done("total 5 0 0 0"), done("total 5 0 0 2")).is_empty());
        let (own, ours) =
            ("fail 2 a\nskip 4 b\ntotal 3 1 1 0", "fail 2 x\nskip 4 y\ntotal 3 1 1 3");
        assert!(charges(done(own), done(ours)).is_empty());
        // Better is well, too.
        let (own, ours) = ("fail 2 a\nfail 4 b\ntotal 3 2 0 0", "skip 2 a\ntotal 4 0 1 2");
        assert!(charges(done(own), done(ours)).is_empty());
    }

    #[test]
    fn a_line_that_fails_on_ours_only_is_worse() {
        charged(
            "total 5 0 0 0",
            "fail 2 got 7\ntotal 4 1 0 2",
            "line 2 fails on our memories only: got 7",
        );
        charged("total 5 0 0 0", "skip 2 lacks it\ntotal 4 0 1 2", "line 2 is skipped on our");
        charged("skip 2 a\ntotal 4 0 1 0", "fail 2 b\ntotal 4 1 0 2", "line 2 fails");
    }

    #[test]
    fn the_same_sum_at_other_lines_is_worse() {
        charged("fail 4 a\ntotal 4 1 0 0", "fail 2 a\ntotal 4 1 0 2", "line 2 fails");
        charged("fail 3 a\ntotal 4 1 0 0", "fail 3 a\nfail 3 b\ntotal 3 2 0 2", "line 3 fails");
        charged("fail 3 a\ntotal 4 1 0 0", "fail 3 a\nskip 3 b\ntotal 3 1 1 2", "line 3");
    }

    #[test]
    fn a_broken_runner_is_never_well() {
        let well = || done("total 5 0 0 2");
        let own = || done("total 5 0 0 0");
        let crash = || broken("crashed by signal 11");
        assert_eq!(
            charges(own(), crash()),
            ["the runner crashed by signal 11, on our memories only"]
        );
        assert_eq!(
            charges(crash(), well()),
            ["the runner crashed by signal 11, on its own memories"]
        );
        assert_eq!(
            charges(crash(), crash()),
            ["the runner crashed by signal 11, on either memories"]
        );
        assert_eq!(charges(crash(), broken("said no total")).len(), 1);
    }

    #[test]
    fn memories_of_others_are_found() {
        charged(
            "total 5 0 0 0",
            "total 5 0 0 0",
            "made 0 memories, but the modules that ran define 2",
        );
        charged("total 5 0 0 0", "total 5 0 0 1", "made 1 memories");
        charged("total 5 0 0 2", "total 5 0 0 2", "made 2 of the engine's own");
        // A module that did not instantiate proves nothing.
        let failed = "fail 1 a\ntotal 4 1 0 0";
        assert!(charges(done(failed), done(failed)).is_empty());
    }

    #[test]
    fn shared_memories_count_if_they_are_ours() {
        let text = "(module (memory 1 1 shared))";
        let script = Script::convert("threads/m", text, Features::THREADS).unwrap();
        let run = |output| Run::Done(Outcome::parse(output, &script).unwrap());
        let pair = Pair { own: run("total 1 0 0 0"), ours: run("total 1 0 0 0") };
        assert_eq!(pair.charges(&script, true).len(), 1);
        assert!(pair.charges(&script, false).is_empty());
    }
}
