//! What many samples come to.

/// Order statistics of some samples.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    pub median: f64,
    pub minimum: f64,
    /// Half of the samples lie between these.
    pub quarter: f64,
    pub three_quarters: f64,
    pub samples: usize,
}

impl Figures {
    /// Of at least one sample.
    pub fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_unstable_by(f64::total_cmp);
        Self {
            median: at(&samples, 0.5),
            minimum: samples[0],
            quarter: at(&samples, 0.25),
            three_quarters: at(&samples, 0.75),
            samples: samples.len(),
        }
    }
}

/// The value below which a share of the sorted samples lies, between two neighbours if need be.
fn at(sorted: &[f64], share: f64) -> f64 {
    let place = (sorted.len() - 1) as f64 * share;
    let below = sorted[place.floor() as usize];
    let above = sorted[place.ceil() as usize];
    below + (above - below) * place.fract()
}
