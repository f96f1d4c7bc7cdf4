//! The binary: turns a result into an exit code.

/// What reading many pages takes is given back when it is done, and small texts take no more than they need.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    tidings::cli::run()
}
