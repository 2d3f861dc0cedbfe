//! Parts of a date in UTC, from seconds since the Unix epoch.

const SECONDS_PER_DAY: i64 = 86_400;
/// Beyond this many seconds from the epoch no date is computed; the calendar's arithmetic stays far from overflow.
const MAX_SECONDS: i64 = 1 << 53;

/// A part of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DateField {
    Minute,
    Hour,
    DayOfWeek,
    DayOfMonth,
    DayOfYear,
    DaysInMonth,
    Month,
    Year,
}

impl DateField {
    /// The part of the date `seconds` after the epoch, fractions cut off; `NaN` where there is no such date.
    pub(crate) fn of(self, seconds: f64) -> f64 {
        if seconds.is_nan() || seconds.abs() > MAX_SECONDS as f64 {
            return f64::NAN;
        }
        let seconds = seconds as i64;
        let days = seconds.div_euclid(SECONDS_PER_DAY);
        let second_of_day = seconds.rem_euclid(SECONDS_PER_DAY);
        let date = CivilDate::from_days(days);
        let field = match self {
            Self::Minute => second_of_day / 60 % 60,
            Self::Hour => second_of_day / 3600,
            Self::DayOfWeek => (days + 4).rem_euclid(7),
            Self::DayOfMonth => date.day,
            Self::DayOfYear => days - days_from_civil(date.year, 1, 1) + 1,
            Self::DaysInMonth => days_in_month(date.year, date.month),
            Self::Month => date.month,
            Self::Year => date.year,
        };
        field as f64
    }
}

struct CivilDate {
    year: i64,
    /// 1 to 12.
    month: i64,
    /// From 1.
    day: i64,
}

impl CivilDate {
    /// The date so many days after 1970-01-01.
    ///
    /// Years are counted from March so that the leap day comes last; 400 years are one era of always the same length.
    fn from_days(days: i64) -> Self {
        let from_march_0000 = days + 719_468;
        let era = from_march_0000.div_euclid(146_097);
        let day_of_era = from_march_0000.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let month = if month_from_march < 10 {
            month_from_march + 3
        } else {
            month_from_march - 9
        };
        Self {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month,
            day: day_of_year - (153 * month_from_march + 2) / 5 + 1,
        }
    }
}

/// The days from 1970-01-01 to a date.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year_from_march = year - i64::from(month <= 2);
    let era = year_from_march.div_euclid(400);
    let year_of_era = year_from_march.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn days_in_month(year: i64, month: i64) -> i64 {
    let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if is_leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(seconds: f64, expected: [i64; 8]) {
        use DateField::{DayOfMonth, DayOfWeek, DayOfYear, DaysInMonth, Hour, Minute, Month, Year};
        let fields = [
            Year,
            Month,
            DayOfMonth,
            Hour,
            Minute,
            DayOfWeek,
            DayOfYear,
            DaysInMonth,
        ];
        for (field, expected) in fields.into_iter().zip(expected) {
            assert_eq!(field.of(seconds), expected as f64, "{field:?} of {seconds}");
        }
    }

    #[test]
    fn known_dates() {
        check(0.0, [1970, 1, 1, 0, 0, 4, 1, 31]);
        check(-1.0, [1969, 12, 31, 23, 59, 3, 365, 31]);
        check(951_782_400.0, [2000, 2, 29, 0, 0, 2, 60, 29]);
        check(4_107_542_399.9, [2100, 2, 28, 23, 59, 0, 59, 28]);
        check(1_735_689_599.0, [2024, 12, 31, 23, 59, 2, 366, 31]);
        check(-62_135_596_800.0, [1, 1, 1, 0, 0, 1, 1, 31]);
    }

    #[test]
    fn days_and_dates_are_inverse() {
        for days in (-800_000..800_000).step_by(13) {
            let date = CivilDate::from_days(days);
            assert_eq!(days_from_civil(date.year, date.month, date.day), days);
            assert!((1..=days_in_month(date.year, date.month)).contains(&date.day));
        }
    }

    #[test]
    fn no_date() {
        for seconds in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
            assert!(DateField::Year.of(seconds).is_nan());
        }
    }
}
