//! Statistics against published values.

use crate::statistics::*;

fn close(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{found} instead of {expected}");
}

#[test]
fn student_factors_are_those_of_the_tables() {
    let published = [(1.0, 12.706), (2.0, 4.303), (9.0, 2.262), (30.0, 2.042)];
    let beyond = [(31.0, 2.0395), (40.0, 2.0211), (60.0, 2.0003), (120.0, 1.9799), (1e9, 1.96)];
    for (degrees, factor) in published.into_iter().chain(beyond) {
        close(student_t_95(degrees), factor, 0.0006);
    }
}

#[test]
fn student_factors_of_fractions_are_never_too_small() {
    let mut last = f64::INFINITY;
    for tenths in 10..2000 {
        let factor = student_t_95(f64::from(tenths) / 10.0);
        assert!(factor <= last, "{tenths} tenths");
        last = factor;
    }
    assert_eq!(student_t_95(0.5), f64::INFINITY);
    assert_eq!(student_t_95(f64::NAN), f64::INFINITY);
}

#[test]
fn quantiles_are_those_of_numpy() {
    let values = [1.0, 2.0, 4.0, 8.0, 16.0];
    for (q, expected) in
        [(0.0, 1.0), (0.1, 1.4), (0.5, 4.0), (0.9, 12.8), (0.99, 15.68), (1.0, 16.0)]
    {
        close(quantile(&values, q).unwrap(), expected, 1e-9);
    }
    assert_eq!(quantile(&[], 0.5), None);
    assert_eq!(quantile(&[3.0], 0.99), Some(3.0));
}

#[test]
fn nothing_has_no_mean_and_one_value_no_deviation() {
    assert_eq!((mean(&[]), variance(&[5.0]), estimate(&[])), (None, None, None));
    assert_eq!(estimate(&[5.0]), Some(Estimate { n: 1, value: 5.0, interval: None }));
}

#[test]
fn a_mean_has_students_interval() {
    // Mean 5, standard deviation sqrt(20/3), half width 3.182 * 2.582 / 2.
    let found = estimate(&[2.0, 4.0, 6.0, 8.0]).unwrap();
    close(found.value, 5.0, 1e-12);
    close(found.interval.unwrap().low, 0.8918, 0.001);
    close(standard_deviation(&[2.0, 4.0, 6.0, 8.0]).unwrap(), 2.5820, 0.0001);
}

#[test]
fn wilsons_interval_is_the_published_one() {
    // Newcombe 1998, table I: 81 of 263, and 0 of 20 and 15 of 148.
    for ((r, n), (low, high)) in
        [((81, 263), (0.2553, 0.3662)), ((15, 148), (0.0624, 0.1605)), ((0, 20), (0.0, 0.1611))]
    {
        let found = wilson(r, n).unwrap();
        close(found.low, low, 0.0001);
        close(found.high, high, 0.0001);
    }
    assert_eq!(wilson(0, 0), None);
}

#[test]
fn a_difference_of_proportions_is_newcombes() {
    // Newcombe 1998, "Interval estimation for the difference", table II, method 10: 56/70 - 48/80.
    let found = proportion_difference((48, 80), (56, 70)).unwrap();
    close(found.value, 0.2, 1e-9);
    close(found.interval.unwrap().low, 0.0524, 0.0001);
    close(found.interval.unwrap().high, 0.3339, 0.0001);
}

#[test]
fn welchs_difference_is_the_textbooks() {
    // Two samples with very different variances; reference: scipy's ttest_ind(equal_var=False).
    let base =
        [27.5, 21.0, 19.0, 23.6, 17.0, 17.9, 16.9, 20.1, 21.9, 22.6, 23.1, 19.6, 19.0, 21.7, 21.4];
    let change =
        [27.1, 22.0, 20.8, 23.4, 23.4, 23.5, 25.8, 22.0, 24.8, 20.2, 21.9, 22.1, 22.9, 30.5, 24.6];
    let found = welch_difference(&base, &change).unwrap();
    close(found.value, 2.8467, 0.001);
    let interval = found.interval.unwrap();
    assert!(!interval.contains(0.0), "{interval:?}");
    close(interval.high - found.value, found.value - interval.low, 1e-9);
}

#[test]
fn pairs_show_what_noise_between_them_hides() {
    let base = [10.0, 20.0, 30.0, 40.0];
    let change = [11.0, 21.1, 31.0, 41.1];
    let pairs: Vec<_> = base.into_iter().zip(change).collect();
    assert!(!paired_difference(&pairs).unwrap().interval.unwrap().contains(0.0));
    assert!(welch_difference(&base, &change).unwrap().interval.unwrap().contains(0.0));
}

#[test]
fn equal_constants_differ_by_exactly_nothing() {
    let found = welch_difference(&[0.9; 35], &[0.9; 7]).unwrap();
    assert_eq!(found.interval, Some(Interval { low: 0.0, high: 0.0 }));
}
