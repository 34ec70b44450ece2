//! Telling two samples apart.
//!
//! Owns the mean and the two-sample test of Kolmogorov and Smirnov: whether two sets of times can come from one
//! distribution, whatever its form.

use std::time::Duration;

/// How two samples differ.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Difference {
    /// The greatest distance of the two distribution functions, 0–1.
    pub(crate) statistic: f64,
    /// How probable such a distance is where there is no difference.
    pub(crate) p: f64,
}

/// Returns the mean in milliseconds; 0 of nothing.
pub(crate) fn mean_ms(times: &[Duration]) -> f64 {
    let total: Duration = times.iter().sum();
    total.as_secs_f64() * 1_000.0 / count(times).max(1.0)
}

/// Compares two samples.
pub(crate) fn kolmogorov_smirnov(one: &[Duration], other: &[Duration]) -> Difference {
    let (mut one, mut other) = (one.to_vec(), other.to_vec());
    one.sort_unstable();
    other.sort_unstable();
    let share = |sample: &[Duration], time: Duration| {
        let below = sample.partition_point(|element| *element <= time);
        f64::from(u32::try_from(below).unwrap_or(u32::MAX)) / count(sample).max(1.0)
    };
    let distance = |time: &Duration| (share(&one, *time) - share(&other, *time)).abs();
    let statistic = one.iter().chain(&other).map(distance).fold(0.0, f64::max);
    let effective = count(&one) * count(&other) / (count(&one) + count(&other)).max(1.0);
    let root = effective.sqrt();
    // Stephens (1970) corrects the asymptotic form for finite samples.
    Difference { statistic, p: kolmogorov((root + 0.12 + 0.11 / root.max(f64::MIN_POSITIVE)) * statistic) }
}

/// The complement of Kolmogorov's distribution: 2 Σ (−1)^(k−1) e^(−2k²x²).
fn kolmogorov(x: f64) -> f64 {
    // Below this the sum alternates without end, and the probability is 1 to six digits.
    if x < 0.2 {
        return 1.0;
    }
    let term = |k: i32| {
        let k = f64::from(k);
        (-2.0 * k * k * x * x).exp()
    };
    let sum: f64 = (1..=100).map(|k| if k % 2 == 1 { term(k) } else { -term(k) }).sum();
    (2.0 * sum).clamp(0.0, 1.0)
}

fn count(times: &[Duration]) -> f64 {
    f64::from(u32::try_from(times.len()).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(from: u64, step: u64, count: u64) -> Vec<Duration> {
        (0..count).map(|n| Duration::from_micros(from + n * step)).collect()
    }

    #[test]
    fn the_distribution_has_its_known_values() {
        for (x, p) in [(0.5, 0.963_945), (1.0, 0.27), (1.358, 0.05), (1.628, 0.01), (3.0, 0.0)] {
            assert!((kolmogorov(x) - p).abs() < 1e-3, "{x}: {}", kolmogorov(x));
        }
    }

    #[test]
    fn a_sample_is_like_itself_and_unlike_one_beside_it() {
        let sample = times(1_000, 1, 1_000);
        assert_eq!(kolmogorov_smirnov(&sample, &sample), Difference { statistic: 0.0, p: 1.0 });
        let beside = kolmogorov_smirnov(&sample, &times(2_000, 1, 1_000));
        assert!(beside.statistic > 0.999 && beside.p < 1e-6, "{beside:?}");
        let shifted = kolmogorov_smirnov(&sample, &times(1_030, 1, 1_000));
        assert!((shifted.statistic - 0.03).abs() < 1e-9 && shifted.p > 0.5, "{shifted:?}");
        let more = kolmogorov_smirnov(&sample, &times(1_100, 1, 1_000));
        assert!(more.p < 0.001, "{more:?}");
    }

    #[test]
    fn the_mean_is_in_milliseconds() {
        assert!((mean_ms(&times(1_000, 2_000, 2)) - 2.0).abs() < 1e-9);
        assert!(mean_ms(&[]).abs() < 1e-9);
    }
}
