//! Dates as C's `strftime` writes them, in UTC, for `strftime_now`.

use std::time::Duration;

const DAYS: [&str; 7] = [
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
    "Thursday",
    "Friday",
    "Saturday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// Writes the moment `since_epoch` (time since 1970) by `pattern`. Unknown letters stay as they are.
pub(super) fn format(since_epoch: Duration, pattern: &str) -> String {
    let moment = Moment::new(since_epoch);
    let mut out = String::new();
    let mut characters = pattern.chars();
    while let Some(character) = characters.next() {
        if character != '%' {
            out.push(character);
            continue;
        }
        match characters.next() {
            Some('-') => {
                let letter = characters.next().unwrap_or('%');
                let text = moment.field(letter);
                let short = text.trim_start_matches('0');
                out.push_str(if short.is_empty() && !text.is_empty() {
                    "0"
                } else {
                    short
                });
            }
            Some(letter) => out.push_str(&moment.field(letter)),
            None => out.push('%'),
        }
    }
    out
}

/// A moment in calendar terms.
struct Moment {
    year: u64,
    month: usize,
    day: u64,
    hour: u64,
    minute: u64,
    second: u64,
    weekday: usize,
    /// Day of the year, from 1.
    yearday: u64,
    micros: u32,
}

impl Moment {
    fn new(since_epoch: Duration) -> Self {
        let seconds = since_epoch.as_secs();
        let days = seconds / 86_400;
        let mut year = 1970;
        let mut rest = days;
        while rest >= year_days(year) {
            rest -= year_days(year);
            year += 1;
        }
        let yearday = rest + 1;
        let mut month = 0;
        while rest >= month_days(year, month) {
            rest -= month_days(year, month);
            month += 1;
        }
        Self {
            year,
            month,
            day: rest + 1,
            hour: seconds / 3600 % 24,
            minute: seconds / 60 % 60,
            second: seconds % 60,
            // 1970-01-01 was a Thursday.
            weekday: usize::try_from((days + 4) % 7).unwrap_or(0),
            yearday,
            micros: since_epoch.subsec_micros(),
        }
    }

    fn field(&self, letter: char) -> String {
        let hour12 = match self.hour % 12 {
            0 => 12,
            hour => hour,
        };
        match letter {
            'Y' => self.year.to_string(),
            'y' => format!("{:02}", self.year % 100),
            'm' => format!("{:02}", self.month + 1),
            'd' => format!("{:02}", self.day),
            'e' => format!("{:2}", self.day),
            'j' => format!("{:03}", self.yearday),
            'H' => format!("{:02}", self.hour),
            'I' => format!("{hour12:02}"),
            'M' => format!("{:02}", self.minute),
            'S' => format!("{:02}", self.second),
            'f' => format!("{:06}", self.micros),
            'p' => if self.hour < 12 { "AM" } else { "PM" }.to_owned(),
            'A' => DAYS[self.weekday].to_owned(),
            'a' => DAYS[self.weekday][..3].to_owned(),
            'B' => MONTHS[self.month].to_owned(),
            'b' | 'h' => MONTHS[self.month][..3].to_owned(),
            'w' => self.weekday.to_string(),
            'F' => format!("{}-{:02}-{:02}", self.year, self.month + 1, self.day),
            'T' => format!("{:02}:{:02}:{:02}", self.hour, self.minute, self.second),
            'D' => format!("{:02}/{:02}/{:02}", self.month + 1, self.day, self.year % 100),
            'Z' => "UTC".to_owned(),
            'z' => "+0000".to_owned(),
            '%' => "%".to_owned(),
            other => format!("%{other}"),
        }
    }
}

fn leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn year_days(year: u64) -> u64 {
    if leap(year) { 366 } else { 365 }
}

/// `month` counts from 0.
fn month_days(year: u64, month: usize) -> u64 {
    match month {
        1 if leap(year) => 29,
        1 => 28,
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        let check = |seconds, pattern, expected: &str| {
            assert_eq!(
                format(Duration::from_secs(seconds), pattern),
                expected,
                "{pattern}"
            );
        };
        check(0, "%d %b %Y", "01 Jan 1970");
        check(951_782_400, "%A %d %B %Y %j", "Tuesday 29 February 2000 060");
        check(1_709_251_199, "%Y-%m-%d %H:%M:%S", "2024-02-29 23:59:59");
        check(4_107_542_400, "%a %-d %b %y", "Mon 1 Mar 00");
        check(46_800, "%I:%M %p 100%% %q", "01:00 PM 100% %q");
    }
}
