//! The binary: turns a result into an exit code.

fn main() -> std::process::ExitCode {
    tidings::cli::run()
}
