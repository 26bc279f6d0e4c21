//! The time of day, to be read by people and compared between two screens.

use std::time::Duration;

use crate::canvas::{BLACK, Canvas, Colour, WHITE, text_size};

const GREY: Colour = Colour(126, 128, 128);
const DAY_S: u64 = 86_400;

/// Date and time of day with milliseconds, UTC, and a bar that fills once a second. `since_epoch` is the time since the
/// beginning of 1970.
///
/// UTC, because a library cannot ask for the local time without racing with a host that changes its environment.
pub fn draw_clock(canvas: &mut Canvas<'_>, since_epoch: Duration) {
    canvas.fill(BLACK);
    let (width, height) = (canvas.width(), canvas.height());
    let time = time_text(since_epoch);
    let date = date_text(since_epoch.as_secs() / DAY_S);
    let unit = text_size(time.len(), 1);
    let scale = (width * 9 / 10 / unit.0).min(height / 3 / unit.1).max(1);
    let small = scale.div_ceil(2);
    let (time_width, time_height) = text_size(time.len(), scale);
    let (date_width, date_height) = text_size(date.len(), small);
    let top = height.saturating_sub(time_height) / 2;
    canvas.text(
        width.saturating_sub(time_width) / 2,
        top,
        scale,
        &time,
        WHITE,
    );
    let above = top.saturating_sub(date_height + 2 * small);
    canvas.text(
        width.saturating_sub(date_width) / 2,
        above,
        small,
        &date,
        GREY,
    );
    let bar = time_width * since_epoch.subsec_millis() as usize / 1_000;
    let below = top + time_height + 2 * small;
    canvas.fill_rect(
        width.saturating_sub(time_width) / 2,
        below,
        bar,
        2 * small,
        WHITE,
    );
}

fn time_text(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs() % DAY_S;
    let (hour, minute, second) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    format!(
        "{hour:02}:{minute:02}:{second:02}.{:03}",
        since_epoch.subsec_millis()
    )
}

fn date_text(days: u64) -> String {
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02} UTC")
}

/// Year, month and day of a number of days since 1970-01-01, in the Gregorian calendar.
fn civil(days: u64) -> (u64, u64, u64) {
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    // 400 years have a fixed number of days; the rest is counted.
    const CYCLE: u64 = 146_097;
    let mut year = 1_970 + days / CYCLE * 400;
    let mut rest = days % CYCLE;
    loop {
        let length = if leap(year) { 366 } else { 365 };
        if rest < length {
            break;
        }
        rest -= length;
        year += 1;
    }
    let february = if leap(year) { 29 } else { 28 };
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if rest < length {
            break;
        }
        rest -= length;
        month += 1;
    }
    (year, month, rest + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::canvas::tests::Picture;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (days, date) in [
            (0, "1970-01-01 UTC"),
            (58, "1970-02-28 UTC"),
            (59, "1970-03-01 UTC"),
            (11_016, "2000-02-29 UTC"),
            (20_779, "2026-11-22 UTC"),
            (47_540, "2100-02-28 UTC"),
            (47_541, "2100-03-01 UTC"),
        ] {
            assert_eq!(date_text(days), date);
        }
    }

    #[test]
    fn the_time_of_day_has_milliseconds() {
        assert_eq!(
            time_text(Duration::from_millis(86_400_000 + 3_723_045)),
            "01:02:03.045"
        );
    }

    #[test]
    fn each_millisecond_has_its_picture() {
        let draw = |ms| {
            let mut picture = Picture::new(320, 180);
            draw_clock(&mut picture.canvas(), Duration::from_millis(ms));
            picture.y
        };
        assert_eq!(draw(1_000), draw(1_000));
        assert_ne!(draw(1_000), draw(1_001));
    }

    #[test]
    fn pictures_of_any_size_are_drawn() {
        for (width, height) in [(1, 1), (3, 2), (40, 7), (4_096, 2)] {
            let mut picture = Picture::new(width, height);
            draw_clock(&mut picture.canvas(), Duration::from_secs(1_795_000_000));
        }
    }
}
