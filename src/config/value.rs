//! The small languages inside the values of `ap.toml`: durations, sizes, shares, permissions, language tags, globs.

use std::time::Duration;

use globset::{Glob, GlobSet, GlobSetBuilder};

use super::Share;
use super::problem::Refusal;

/// Longest duration that is taken: a century is as good as never.
const MAX_DURATION: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// Reads "2s", "10m", "1h", "3d", "2w", "2y", "500ms".
pub(super) fn duration(text: &str) -> Result<Duration, Refusal> {
    let refusal = || {
        Refusal::new(format!("{text:?} is not a duration"))
            .hint("write a number and a unit: \"500ms\", \"2s\", \"10m\", \"1h\", \"3d\", \"2w\" or \"2y\"")
    };
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !c.is_ascii_digit()).ok_or_else(refusal)?;
    let (number, unit) = trimmed.split_at(split);
    let number: u64 = number.parse().map_err(|_| refusal())?;
    let millis: u64 = match unit.trim_start() {
        "ms" => 1,
        "s" => 1000,
        "m" | "min" => 60 * 1000,
        "h" => 3600 * 1000,
        "d" => 24 * 3600 * 1000,
        "w" => 7 * 24 * 3600 * 1000,
        "y" => 365 * 24 * 3600 * 1000,
        _ => return Err(refusal()),
    };
    number
        .checked_mul(millis)
        .map(Duration::from_millis)
        .filter(|duration| *duration <= MAX_DURATION)
        .ok_or_else(|| Refusal::new(format!("{text:?} is longer than a century")))
}

/// Reads an age, or "never".
pub(super) fn age(text: &str) -> Result<Option<Duration>, Refusal> {
    if text == "never" {
        return Ok(None);
    }
    match duration(text) {
        Ok(Duration::ZERO) => {
            Err(Refusal::new("nothing would be kept").hint("write an age such as \"2y\", or \"never\""))
        }
        Ok(age) => Ok(Some(age)),
        Err(refusal) => Err(Refusal::new(refusal.message).hint("write an age such as \"2y\", or \"never\"")),
    }
}

/// Reads "256 MiB", "1 GB", "4096"; answers bytes.
pub(super) fn size(text: &str) -> Result<u64, Refusal> {
    let refusal = || {
        Refusal::new(format!("{text:?} is not a size"))
            .hint("write a number and a unit: \"256 MiB\", \"1 GiB\", \"500 MB\"")
    };
    let trimmed = text.trim();
    let split = trimmed
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(split);
    let number: u64 = number.parse().map_err(|_| refusal())?;
    let factor: u64 = match unit.trim() {
        "" | "B" => 1,
        "kB" | "KB" => 1000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return Err(refusal()),
    };
    number
        .checked_mul(factor)
        .ok_or_else(|| Refusal::new(format!("{text:?} is too much")))
}

/// Reads "10%".
pub(super) fn share(text: &str) -> Result<Share, Refusal> {
    let refusal = || {
        Refusal::new(format!("{text:?} is not a share")).hint("write a number, or a share such as \"10%\"")
    };
    let percent: f64 = text
        .trim()
        .strip_suffix('%')
        .ok_or_else(refusal)?
        .trim_end()
        .parse()
        .map_err(|_| refusal())?;
    if (0.0..=100.0).contains(&percent) {
        Ok(Share::Percent(percent))
    } else {
        Err(Refusal::new(format!("{text:?} is not between 0% and 100%")))
    }
}

/// Reads the permissions of a socket, "0660".
pub(super) fn mode(text: &str) -> Result<u32, Refusal> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 && !text.starts_with('+') => Ok(mode),
        _ => {
            Err(Refusal::new(format!("{text:?} are no permissions"))
                .hint("write them in octal, as in \"0660\""))
        }
    }
}

/// Reads a language tag (BCP 47): letters, digits and hyphens.
pub(super) fn language(text: &str) -> Result<String, Refusal> {
    let parts_fit = text
        .split('-')
        .all(|part| (1..=8).contains(&part.len()) && part.chars().all(|c| c.is_ascii_alphanumeric()));
    if parts_fit && text.starts_with(|c: char| c.is_ascii_alphabetic()) {
        Ok(text.to_string())
    } else {
        Err(Refusal::new(format!("{text:?} is not a language tag"))
            .hint("write for example \"en\" or \"pt-BR\""))
    }
}

/// Checks one glob and adds it.
pub(super) fn glob(text: &str, globs: &mut GlobSetBuilder) -> Result<(), Refusal> {
    let glob = Glob::new(text.trim_start_matches('/')).map_err(|error| {
        Refusal::new(format!("{text:?} is not a glob: {}", error.kind()))
            .hint("write for example \"posts/**\"")
    })?;
    globs.add(glob);
    Ok(())
}

/// The set of these globs.
pub(super) fn globs(builder: &GlobSetBuilder) -> Result<GlobSet, Refusal> {
    builder
        .build()
        .map_err(|error| Refusal::new(format!("these globs are too much together: {}", error.kind())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_an_end() {
        assert_eq!(duration("2s").unwrap(), Duration::from_secs(2));
        assert_eq!(duration("500ms").unwrap(), Duration::from_millis(500));
        assert_eq!(duration("10 m").unwrap(), Duration::from_secs(600));
        assert_eq!(duration("2y").unwrap(), Duration::from_secs(730 * 24 * 3600));
        for wrong in [
            "",
            "2",
            "s",
            "-2s",
            "2 fortnights",
            "99999999999999999999y",
            "18446744073709551615y",
            "101y",
            "ü",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
        assert_eq!(age("never").unwrap(), None);
        assert!(age("0s").is_err());
    }

    #[test]
    fn sizes_know_both_kinds_of_units() {
        assert_eq!(size("256 MiB").unwrap(), 256 << 20);
        assert_eq!(size("1GB").unwrap(), 1_000_000_000);
        assert_eq!(size("4096").unwrap(), 4096);
        for wrong in ["", "MiB", "1 mib", "99999999999 TiB"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn shares_lie_between_nothing_and_all() {
        assert_eq!(share("10%").unwrap(), Share::Percent(10.0));
        assert_eq!(share("2.5 %").unwrap(), Share::Percent(2.5));
        for wrong in ["10", "101%", "-1%", "NaN%", "inf%", "%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }
}
