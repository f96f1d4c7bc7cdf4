//! Asks the linker for a smaller program, where it and the system can: packed relocations (a megabyte less, in the file and
//! in memory), functions that are the same once (a hundredth), and what runs at the start in one place (`link/`: a quarter
//! of the idle memory). Where they can't, the program is the same and larger.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The first glibc whose loader reads packed relocations (2.36, August 2022).
const SINCE: (u32, u32) = (2, 36);

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=link/start.ld");
    let is_gnu_linux =
        variable("CARGO_CFG_TARGET_OS") == "linux" && variable("CARGO_CFG_TARGET_ENV") == "gnu";
    // What is built for another machine may run on one with any glibc.
    let is_for_here = variable("HOST") == variable("TARGET");
    if is_gnu_linux && is_for_here && glibc().is_some_and(|version| version >= SINCE) {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    let script = Path::new(&variable("CARGO_MANIFEST_DIR")).join("link/start.ld");
    // A path with a comma would be two arguments of the linker.
    if variable("PROFILE") == "release"
        && let Some(script) = script.to_str().filter(|path| !path.contains(','))
    {
        // Of the linkers, lld takes both: the one that comes with Rust.
        let arguments = ["-Wl,--icf=all".to_string(), format!("-Wl,-T,{script}")];
        if links_with(&arguments) {
            for argument in arguments {
                println!("cargo::rustc-link-arg-bins={argument}");
            }
        }
    }
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// Whether a program can be linked so, by the compiler, linker and flags of this build.
fn links_with(arguments: &[String]) -> bool {
    let folder = PathBuf::from(variable("OUT_DIR"));
    let source = folder.join("empty.rs");
    if std::fs::write(&source, "fn main() {}\n").is_err() {
        return false;
    }
    let mut rustc = Command::new(variable("RUSTC"));
    rustc
        .args(["--crate-name", "empty", "--crate-type", "bin", "--target"])
        .arg(variable("TARGET"))
        .arg("-o")
        .arg(folder.join("empty"))
        .arg(source);
    let flags = variable("CARGO_ENCODED_RUSTFLAGS");
    rustc.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    for argument in arguments {
        rustc.arg(format!("-Clink-arg={argument}"));
    }
    let ended = rustc.stdout(Stdio::null()).stderr(Stdio::null()).status();
    ended.is_ok_and(|status| status.success())
}

/// The version of this system's glibc.
fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?;
    let text = String::from_utf8(said.stdout).ok()?;
    let (major, minor) = text.trim().strip_prefix("glibc ")?.split_once('.')?;
    let minor = minor.split('.').next()?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}
