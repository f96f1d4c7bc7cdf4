//! A folder on a real disk: what waits for a RAM disk has not been measured.

use std::io;
use std::path::Path;

use super::measure::kind_of;
use super::table::Options;

/// What [`kind_of`] says of a RAM disk.
const RAM: &str = "a RAM disk";

/// A folder of its own on a real disk: where `--disk` says, else among the system's temporary files, else beside what
/// cargo builds.
pub(crate) fn folder(options: &Options) -> io::Result<tempfile::TempDir> {
    let usual = std::env::temp_dir();
    let place = match &options.disk {
        Some(place) => place.as_path(),
        None if kind_of(&usual) != RAM => usual.as_path(),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")),
    };
    let kind = kind_of(place);
    eprintln!("the data lies in {} ({kind})", place.display());
    if kind == RAM {
        eprintln!("nothing waits for a disk there: name another folder with --disk FOLDER");
    }
    tempfile::Builder::new()
        .prefix("tidings-bench-")
        .tempdir_in(place)
}
