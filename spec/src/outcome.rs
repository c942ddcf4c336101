//! What a runner says of a script.

use std::collections::BTreeMap;

use crate::features::Memories;
use crate::script::Script;

/// How a run of one script on one engine ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Run {
    Done(Outcome),
    /// The runner crashed, hung, gave up or talked nonsense; in words.
    Broken(String),
}

/// What a whole run says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    pub passed: usize,
    pub failed: Vec<Miss>,
    pub skipped: Vec<Miss>,
    /// Linear memories that wasm_memory made.
    pub memories: u64,
}

/// A directive that did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Miss {
    pub line: usize,
    pub why: String,
}

impl Outcome {
    /// Reads the output of a runner. Nothing in it is believed that does not add up.
    pub fn parse(output: &str, script: &Script) -> Result<Outcome, String> {
        let mut outcome = Outcome::default();
        let mut total = None;
        for line in output.lines() {
            let complaint = || format!("said `{}`", line.escape_debug());
            if total.is_some() {
                return Err(format!("{} after its total", complaint()));
            }
            let (word, rest) = line.split_once(' ').ok_or_else(complaint)?;
            match word {
                "fail" => outcome.failed.push(miss(rest).ok_or_else(complaint)?),
                "skip" => outcome.skipped.push(miss(rest).ok_or_else(complaint)?),
                "total" => total = Some(numbers(rest).ok_or_else(complaint)?),
                _ => return Err(complaint()),
            }
        }
        let [passed, failed, skipped, memories] = total.ok_or("said no total")?;
        outcome.passed = usize::try_from(passed).map_err(|error| error.to_string())?;
        outcome.memories = memories;
        outcome.spread_out(script)?;

        let said = (failed, skipped);
        let listed = (outcome.failed.len() as u64, outcome.skipped.len() as u64);
        if said != listed {
            return Err(format!(
                "said {failed} failed and {skipped} skipped, but named {} and {}",
                listed.0, listed.1
            ));
        }
        let sum = outcome.passed + outcome.failed.len() + outcome.skipped.len();
        if sum != script.count() {
            return Err(format!("spoke of {sum} directives, but there are {}", script.count()));
        }
        outcome.check_lines(script)?;
        Ok(outcome)
    }

    /// A script that was skipped as a whole is one in which each directive was.
    fn spread_out(&mut self, script: &Script) -> Result<(), String> {
        if self.failed.iter().any(|miss| miss.line == 0) {
            return Err("said that line 0 failed".into());
        }
        let Some(whole) = self.skipped.iter().find(|miss| miss.line == 0) else { return Ok(()) };
        if self.skipped.len() + self.failed.len() != 1 || self.passed != 0 {
            return Err("skipped the script as a whole, and spoke of its lines".into());
        }
        let why = whole.why.clone();
        let counted = script.directives.iter().filter(|directive| directive.counts());
        self.skipped =
            counted.map(|directive| Miss { line: directive.line, why: why.clone() }).collect();
        Ok(())
    }

    /// No line may have missed more directives than it has.
    fn check_lines(&self, script: &Script) -> Result<(), String> {
        let mut left: BTreeMap<usize, usize> = BTreeMap::new();
        for directive in script.directives.iter().filter(|directive| directive.counts()) {
            *left.entry(directive.line).or_default() += 1;
        }
        for miss in self.failed.iter().chain(&self.skipped) {
            match left.get_mut(&miss.line) {
                None => return Err(format!("spoke of line {}, which has no directive", miss.line)),
                Some(0) => return Err(format!("spoke of line {} too often", miss.line)),
                Some(count) => *count -= 1,
            }
        }
        Ok(())
    }

    /// How many directives missed at each line: failed, and failed or skipped.
    pub fn by_line(&self) -> BTreeMap<usize, (usize, usize)> {
        let mut lines: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for miss in &self.failed {
            let (failed, missed) = lines.entry(miss.line).or_default();
            *failed += 1;
            *missed += 1;
        }
        for miss in &self.skipped {
            lines.entry(miss.line).or_default().1 += 1;
        }
        lines
    }

    /// The memories that were made for certain: those of modules that were instantiated.
    pub fn certain(&self, script: &Script) -> Memories {
        let missed = self.by_line();
        let mut sum = Memories::default();
        for directive in &script.directives {
            if !missed.contains_key(&directive.line) {
                sum.unshared += directive.memories.unshared;
                sum.shared += directive.memories.shared;
            }
        }
        sum
    }
}

fn miss(text: &str) -> Option<Miss> {
    let (line, why) = text.split_once(' ')?;
    let why = why.trim();
    if why.is_empty() {
        return None;
    }
    Some(Miss { line: line.parse().ok()?, why: why.into() })
}

fn numbers(text: &str) -> Option<[u64; 4]> {
    let numbers: Option<Vec<u64>> = text.split(' ').map(|word| word.parse().ok()).collect();
    numbers?.try_into().ok()
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::features::Features;

    /// A script with a module of two memories at line 1 and four returns, two of them at line 3.
    pub fn script() -> Script {
        let text = "(module (memory 1) (memory 1) (func (export \"f\")))
            (assert_return (invoke \"f\"))
            (assert_return (invoke \"f\")) (assert_return (invoke \"f\"))
            (assert_return (invoke \"f\"))";
        Script::convert("group/name", text, Features::VERSION_3).unwrap()
    }

    fn parse(output: &str) -> Result<Outcome, String> {
        Outcome::parse(output, &script())
    }

    #[track_caller]
    fn refused(output: &str, why: &str) {
        let error = parse(output).unwrap_err();
        assert!(error.contains(why), "{error}");
    }

    #[test]
    fn good_output_is_taken() {
        let outcome = parse("fail 2 got 1, not 2\nskip 3 lacks simd\ntotal 3 1 1 2\n").unwrap();
        assert_eq!(outcome.passed, 3);
        assert_eq!(outcome.failed, [Miss { line: 2, why: "got 1, not 2".into() }]);
        assert_eq!(outcome.skipped, [Miss { line: 3, why: "lacks simd".into() }]);
        assert_eq!(outcome.certain(&script()), Memories { unshared: 2, shared: 0 });
        assert_eq!(parse("total 5 0 0 0").unwrap().passed, 5);
    }

    #[test]
    fn a_module_that_missed_made_no_memories() {
        let outcome = parse("fail 1 out of memory\ntotal 4 1 0 0\n").unwrap();
        assert_eq!(outcome.certain(&script()), Memories::default());
    }

    #[test]
    fn a_script_can_be_skipped_as_a_whole() {
        let outcome = parse("skip 0 lacks simd\ntotal 0 0 5 0\n").unwrap();
        let lines: Vec<_> = outcome.skipped.iter().map(|miss| miss.line).collect();
        assert_eq!(lines, [1, 2, 3, 3, 4]);
        refused("skip 0 lacks simd\ntotal 0 0 1 0\n", "said 0 failed and 1 skipped");
        refused("skip 0 lacks simd\nskip 2 also\ntotal 0 0 5 0\n", "as a whole");
        refused("skip 0 lacks simd\ntotal 1 0 4 0\n", "as a whole");
        refused("fail 0 no\ntotal 4 1 0 0\n", "line 0 failed");
    }

    #[test]
    fn nonsense_is_refused() {
        refused("", "no total");
        refused("fail 2 got 1\n", "no total");
        refused("hello world\ntotal 5 0 0 0\n", "said `hello world`");
        refused("\ntotal 5 0 0 0\n", "said ``");
        refused("total 5 0 0 0\ntotal 5 0 0 0\n", "after its total");
        refused("total 5 0 0 0\nbye now\n", "after its total");
        refused("total 5 0 0\n", "said `total 5 0 0`");
        refused("total 5 0 0 0 0\n", "said `total");
        refused("total 5 0 x 0\n", "said `total");
        refused("total -5 0 0 0\n", "said `total");
        refused("fail two got 1\ntotal 4 1 0 0\n", "said `fail two");
        refused("fail 2\ntotal 4 1 0 0\n", "said `fail 2`");
        refused("fail 2  \ntotal 4 1 0 0\n", "said `fail 2");
        refused("total 99999999999999999999 0 0 0\n", "said `total");
        refused("\u{7}beep beep\ntotal 5 0 0 0\n", "said `\\u{7}beep beep`");
    }

    #[test]
    fn sums_must_agree() {
        refused("total 4 0 0 0\n", "4 directives, but there are 5");
        refused("total 6 0 0 0\n", "6 directives, but there are 5");
        refused("total 4 1 0 0\n", "said 1 failed and 0 skipped, but named 0 and 0");
        refused("fail 2 a\ntotal 4 0 1 0\n", "named 1 and 0");
        refused("fail 9 a\ntotal 4 1 0 0\n", "line 9, which has no directive");
        refused("fail 2 a\nskip 2 b\ntotal 3 1 1 0\n", "line 2 too often");
        assert!(parse("fail 3 a\nskip 3 b\ntotal 3 1 1 0\n").is_ok());
    }
}
