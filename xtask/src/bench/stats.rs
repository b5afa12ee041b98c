//! Medians, percentiles, and the slope of a line.

/// The value in the middle; the mean of both where two are.
pub(super) fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values);
    let middle = sorted.len() / 2;
    let upper = sorted.get(middle)?;
    if sorted.len() % 2 == 1 {
        return Some(*upper);
    }
    let lower = sorted.get(middle.checked_sub(1)?)?;
    Some(f64::midpoint(*lower, *upper))
}

/// The smallest measured value that `percent` of all do not exceed.
pub(super) fn percentile(values: &[f64], percent: usize) -> Option<f64> {
    let sorted = sorted(values);
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

pub(super) fn max(values: &[f64]) -> Option<f64> {
    values.iter().copied().max_by(f64::total_cmp)
}

/// How steep the line is that is nearest to these points by least squares; `None` if they do not make one.
pub(super) fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let count = f64::from(u32::try_from(points.len()).ok()?);
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let over: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let under: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    (under > 0.0).then(|| over / under)
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is(found: Option<f64>, expected: f64) -> bool {
        found.is_some_and(|found| (found - expected).abs() < 1e-9)
    }

    #[test]
    fn the_median_is_in_the_middle() {
        assert!(is(median(&[3.0, 1.0, 2.0]), 2.0));
        assert!(is(median(&[4.0, 1.0, 2.0, 3.0]), 2.5));
        assert!(is(median(&[7.0]), 7.0));
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let values: Vec<f64> = (1..=200).rev().map(f64::from).collect();
        assert!(is(percentile(&values, 50), 100.0));
        assert!(is(percentile(&values, 99), 198.0));
        assert!(is(percentile(&values, 100), 200.0));
        assert!(is(percentile(&[5.0], 99), 5.0));
        assert!(is(percentile(&[1.0, 2.0], 0), 1.0));
        assert_eq!(percentile(&[], 50), None);
        assert!(is(max(&[1.0, 3.0, 2.0]), 3.0));
        assert_eq!(max(&[]), None);
    }

    #[test]
    fn the_slope_is_that_of_the_nearest_line() {
        assert!(is(slope(&[(0.0, 1.0), (1.0, 3.0), (2.0, 5.0)]), 2.0));
        // Off the line by as much on either side.
        assert!(is(slope(&[(0.0, 1.0), (1.0, -1.0), (2.0, -1.0), (3.0, 1.0)]), 0.0));
        assert!(is(slope(&[(0.0, 0.0), (1.0, 1.0), (2.0, 1.0)]), 0.5));
        assert_eq!(slope(&[(1.0, 5.0), (1.0, 6.0)]), None);
        assert_eq!(slope(&[(1.0, 5.0)]), None);
        assert_eq!(slope(&[]), None);
    }
}
