//! Test pictures that move, so that one sees a stall.

use std::time::Duration;

use crate::canvas::{Canvas, Colour, WHITE, text_size};

/// Time in which the gradient comes back to where it was.
const GRADIENT_PERIOD: Duration = Duration::from_secs(4);
/// Time in which the mark crosses the picture, by axis: their ratio lets it come everywhere.
const LOGO_PERIODS: [Duration; 2] = [Duration::from_millis(5_300), Duration::from_millis(3_700)];
const MARK: &str = "LIVEKIT";
const NIGHT: Colour = Colour(32, 140, 124);
/// The mark's colours, one after the other at each bounce.
const PAINTS: [Colour; 4] = [
    WHITE,
    Colour(145, 54, 34),
    Colour(106, 202, 222),
    Colour(169, 166, 16),
];

/// A gradient that wanders: luma falls along one diagonal, chroma along both axes. `at` is the time since the start.
pub fn draw_gradient(canvas: &mut Canvas<'_>, at: Duration) {
    let (width, height) = (canvas.width(), canvas.height());
    let shift = phase(at, GRADIENT_PERIOD);
    for row in 0..height {
        let down = position(row, height) / 2.0;
        for (column, luma) in canvas.luma_row(row).iter_mut().enumerate() {
            let way = (position(column, width) / 2.0 + down + shift).fract();
            *luma = 16 + (219.0 * triangle(way)) as u8;
        }
    }
    for row in 0..height.div_ceil(2) {
        let down = triangle((position(2 * row, height) + shift).fract());
        let (u, v) = canvas.chroma_rows(row);
        v.fill(48 + (160.0 * down) as u8);
        for (column, u) in u.iter_mut().enumerate() {
            let across = triangle((position(2 * column, width) + shift).fract());
            *u = 48 + (160.0 * across) as u8;
        }
    }
}

/// The name that bounces from edge to edge. `at` is the time since the start.
pub fn draw_logo(canvas: &mut Canvas<'_>, at: Duration) {
    canvas.fill(NIGHT);
    let (width, height) = (canvas.width(), canvas.height());
    // A third of the picture's width, where its height allows.
    let unit = text_size(MARK.len(), 1);
    let scale = (width / 3 / unit.0).min(height / 2 / unit.1).max(1);
    let (mark_width, mark_height) = text_size(MARK.len(), scale);
    let [across, down] = LOGO_PERIODS.map(|period| triangle(phase(at, 2 * period)));
    let left = (across * width.saturating_sub(mark_width) as f64) as usize;
    let top = (down * height.saturating_sub(mark_height) as f64) as usize;
    let bounces: u128 = LOGO_PERIODS
        .iter()
        .map(|period| at.as_micros() / period.as_micros())
        .sum();
    let paint = PAINTS[(bounces % PAINTS.len() as u128) as usize];
    canvas.text(left, top, scale, MARK, paint);
}

/// Where in a period a time lies, 0 to 1.
fn phase(at: Duration, period: Duration) -> f64 {
    (at.as_micros() % period.as_micros()) as f64 / period.as_micros() as f64
}

fn position(index: usize, count: usize) -> f64 {
    index as f64 / count as f64
}

/// Up to 1 and back to 0.
fn triangle(phase: f64) -> f64 {
    1.0 - (2.0 * phase - 1.0).abs()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::tests::Picture;

    fn millis(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_gradient_moves_and_comes_back() {
        let draw = |at| {
            let mut picture = Picture::new(64, 48);
            draw_gradient(&mut picture.canvas(), at);
            (picture.y, picture.u, picture.v)
        };
        assert_ne!(draw(millis(0)), draw(millis(100)));
        assert_eq!(draw(millis(100)), draw(millis(4_100)));
        let (y, u, v) = draw(millis(700));
        for (plane, range) in [(y, 16..=235), (u, 48..=208), (v, 48..=208)] {
            assert!(plane.iter().all(|sample| range.contains(sample)));
            let (low, high) = (plane.iter().min(), plane.iter().max());
            assert!(high > low, "one flat colour is no gradient");
        }
    }

    #[test]
    fn the_logo_stays_inside_and_goes_everywhere() {
        let mut corners = [false; 2];
        for step in 0..600 {
            let mut picture = Picture::new(160, 90);
            draw_logo(&mut picture.canvas(), millis(step * 33));
            let bright = |row: usize| picture.y[row * 160..][..160].iter().any(|luma| *luma != 32);
            let rows: Vec<usize> = (0..90).filter(|row| bright(*row)).collect();
            assert_eq!(rows.len(), 7, "the whole mark, and once");
            corners[0] |= rows[0] < 5;
            corners[1] |= rows[6] > 84;
        }
        assert_eq!(corners, [true; 2]);
    }

    #[test]
    fn pictures_of_any_size_are_drawn() {
        for (width, height) in [(1, 1), (2, 1), (1, 7), (17, 3), (641, 359)] {
            let mut picture = Picture::new(width, height);
            draw_logo(&mut picture.canvas(), millis(1_234));
            draw_gradient(&mut picture.canvas(), millis(1_234));
        }
    }
}
