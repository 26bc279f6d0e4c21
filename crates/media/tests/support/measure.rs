//! Figures of what was heard.

use super::session::Outcome;

/// Frames in a measured segment: 10 ms.
const SEGMENT: usize = 480;

/// Likeness of what was heard to what was sent, aligned segment by segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Likeness {
    /// Median over segments with sound, in dB, each at most 60.
    pub(crate) median_db: f64,
    /// Mean over them.
    pub(crate) mean_db: f64,
    /// Share of segments above 20 dB.
    pub(crate) good: f64,
}

/// Segmental signal-to-noise ratio of the pulls `from..to` against the reference.
pub(crate) fn likeness(outcome: &Outcome, from: usize, to: usize) -> Likeness {
    let channels = outcome.channels;
    let mut values = Vec::new();
    let mut offset = 0_i64;
    for pull in from..to.min(outcome.positions.len()) {
        let Some(position) = outcome.positions[pull] else {
            continue;
        };
        let heard = &outcome.pcm[pull * SEGMENT * channels..(pull + 1) * SEGMENT * channels];
        // Stretching moves sound against the buffer's own reckoning by some ms: look around for the best place, near
        // the last one first.
        let mut best = snr(outcome, heard, position + offset);
        if best.is_none_or(|best| best < 40.0) {
            for candidate in (-720..=720).step_by(1) {
                let here = snr_quick(outcome, heard, position + candidate, best);
                if here > best {
                    best = here;
                    offset = candidate;
                }
            }
        }
        if let Some(best) = best {
            values.push(best);
        }
    }
    if values.is_empty() {
        return Likeness {
            median_db: f64::NAN,
            mean_db: f64::NAN,
            good: 0.0,
        };
    }
    values.sort_by(f64::total_cmp);
    Likeness {
        median_db: values[values.len() / 2],
        mean_db: values.iter().sum::<f64>() / values.len() as f64,
        good: values.iter().filter(|value| **value > 20.0).count() as f64 / values.len() as f64,
    }
}

fn snr_quick(outcome: &Outcome, heard: &[i16], position: i64, best: Option<f64>) -> Option<f64> {
    // Every eighth value first: most places are far off.
    let sparse = snr_with(outcome, heard, position, 8)?;
    if best.is_some_and(|best| sparse < best - 3.0) {
        None
    } else {
        snr(outcome, heard, position)
    }
}

fn snr(outcome: &Outcome, heard: &[i16], position: i64) -> Option<f64> {
    snr_with(outcome, heard, position, 1)
}

fn snr_with(outcome: &Outcome, heard: &[i16], position: i64, step: usize) -> Option<f64> {
    let start = usize::try_from(position).ok()? * outcome.channels;
    let wanted = outcome.reference.get(start..start + heard.len())?;
    let (mut signal, mut noise) = (0.0, 0.0);
    for index in (0..heard.len()).step_by(step) {
        let (wanted, heard) = (f64::from(wanted[index]), f64::from(heard[index]));
        signal += wanted * wanted;
        noise += (wanted - heard) * (wanted - heard);
    }
    // Near-silence says nothing.
    if signal / ((heard.len() / step) as f64) < 10_000.0 {
        return None;
    }
    Some((10.0 * (signal / noise.max(1e-9)).log10()).min(60.0))
}

/// Largest difference between neighbouring frames of a channel.
pub(crate) fn steepest(pcm: &[i16], channels: usize) -> i32 {
    (channels..pcm.len())
        .map(|at| (i32::from(pcm[at]) - i32::from(pcm[at - channels])).abs())
        .max()
        .unwrap_or(0)
}

/// Value below which `share` of them lie.
pub(crate) fn quantile(values: &[f64], share: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
        .get(((sorted.len() as f64 - 1.0) * share) as usize)
        .copied()
        .unwrap_or(f64::NAN)
}

/// One line with all that matters.
#[expect(
    clippy::print_stderr,
    reason = "the figures are what one reads these tests for"
)]
pub(crate) fn report(name: &str, outcome: &Outcome, heard: Likeness) {
    let delays: Vec<f64> = outcome
        .delays
        .iter()
        .skip(300)
        .rev()
        .skip(30)
        .flatten()
        .copied()
        .collect();
    let stats = outcome.stats;
    let percent = |count: u64| 100.0 * count as f64 / stats.total_samples_received as f64;
    eprintln!(
        "{name:30} SNR median {:4.1} mean {:4.1} dB, {:5.1} % above 20 dB | delay median {:5.1} 99 % {:5.1} ms, target {:3.0} \
         | slope {:4.2} | concealed {:4.1} % in {} events, lost {}, late {}, FEC {}, RED {}, +{:.2} % -{:.2} %",
        heard.median_db,
        heard.mean_db,
        heard.good * 100.0,
        quantile(&delays, 0.5),
        quantile(&delays, 0.99),
        outcome.target_ms,
        slope(outcome),
        percent(stats.concealed_samples),
        stats.concealment_events,
        stats.packets_lost,
        stats.packets_discarded,
        stats.fec_recovered,
        stats.red_recovered,
        percent(stats.inserted_samples_for_deceleration),
        percent(stats.removed_samples_for_acceleration),
    );
}

/// Steepness of what was heard, against that of what was sent: a click is steeper than the sound.
pub(crate) fn slope(outcome: &Outcome) -> f64 {
    f64::from(steepest(&outcome.pcm, outcome.channels))
        / f64::from(steepest(&outcome.reference, outcome.channels))
}
