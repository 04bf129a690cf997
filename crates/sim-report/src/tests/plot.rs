//! Axes, and plots at their limits.

use crate::{
    plot::{Axis, BLUE, Layer, Plot},
    units,
};

/// The labels of an axis, as a plot shows them.
fn labels(x: &Axis) -> Vec<String> {
    let y = Axis::linear(0.0, 1.0, |_| String::new());
    let svg = Plot { x: x.clone(), y, layers: Vec::new() }.svg().unwrap();
    let texts = svg.split("</text>").filter_map(|part| part.rsplit_once(">\n"));
    texts.map(|(_, text)| text.trim().to_owned()).filter(|text| !text.is_empty()).collect()
}

#[test]
fn marks_are_round_numbers() {
    let decimal = units::decimal;
    assert_eq!(labels(&Axis::linear(0.0, 1.0, decimal)), ["0", "0.2", "0.4", "0.6", "0.8", "1"]);
    assert_eq!(labels(&Axis::linear(-3.0, 9.0, decimal)), ["0", "5"]);
    assert_eq!(labels(&Axis::counts(2.0, decimal)), ["0", "1", "2"]);
    assert_eq!(labels(&Axis::bytes(5000.0, units::bytes)), ["0 B", "2 KiB", "4 KiB"]);
}

#[test]
fn wide_ranges_are_logarithmic() {
    let axis = Axis::fitting(0.05, 2.0, units::seconds);
    assert!(axis.is_logarithmic());
    assert_eq!(labels(&axis), ["50 ms", "100 ms", "200 ms", "500 ms", "1 s", "2 s"]);
    let axis = Axis::fitting(0.001, 100.0, units::seconds);
    assert_eq!(labels(&axis), ["1 ms", "10 ms", "100 ms", "1 s", "10 s", "100 s"]);
    assert!(!Axis::fitting(0.0, 2.0, units::seconds).is_logarithmic());
}

#[test]
fn labels_that_would_touch_are_left_out() {
    let axis = Axis::values(&[0.0, 0.001, 0.002, 1.0], &["0", "0.001", "0.002", "1"]);
    assert_eq!(labels(&axis), ["0", "1"]);
    assert_eq!(
        labels(&Axis::named(&["none", "a name that is far too long"])),
        ["none", "a name that…"]
    );
}

#[test]
fn ranges_of_nothing_are_drawn_too() {
    let numbers = [0.0, -1.0, 1e-300, 1e300, f64::INFINITY, f64::NAN, f64::NEG_INFINITY];
    for low in numbers {
        for high in numbers {
            let x = Axis::fitting(low, high, units::seconds);
            let y = Axis::linear(low, high, units::decimal);
            let points = vec![(x.place(low), y.place(high)), (x.place(high), y.place(low))];
            let layers = vec![Layer::Line { color: BLUE, points }];
            let svg = Plot { x, y, layers }.svg().unwrap();
            assert!(svg.len() < 20_000, "{low} to {high}: {}", svg.len());
        }
    }
}
