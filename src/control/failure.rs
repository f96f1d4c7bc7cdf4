//! Why a command failed, with the exit code that follows from it.

use std::fmt;
use std::io::ErrorKind;

use serde::{Deserialize, Serialize};

use crate::config::Problem;
use crate::store::StoreError;

/// The exit codes of every command.
pub mod code {
    /// It failed.
    pub const FAILED: u8 = 1;
    /// It was called in a wrong way.
    pub const USAGE: u8 = 2;
    /// The configuration or the site is wrong.
    pub const CONFIG: u8 = 3;
    /// The store is locked, damaged or newer than the program.
    pub const STORE: u8 = 4;
    /// `plan --exit-code` found changes.
    pub const CHANGES: u8 = 10;
}

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// What is wrong, one or several mistakes, each with what to do about it.
    pub errors: Vec<(String, Option<String>)>,
}

impl Failure {
    /// A failure with this exit code.
    pub fn new(code: u8, error: impl fmt::Display) -> Failure {
        Failure {
            code,
            errors: vec![(error.to_string(), None)],
        }
    }

    /// Something that just failed.
    pub fn failed(error: impl fmt::Display) -> Failure {
        Failure::new(code::FAILED, error)
    }

    /// Adds what to do about the last mistake.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Failure {
        if let Some((_, place)) = self.errors.last_mut() {
            *place = Some(hint.into());
        }
        self
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, (error, _)) in self.errors.iter().enumerate() {
            if n > 0 {
                f.write_str("; ")?;
            }
            f.write_str(error)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        let code = match &error {
            StoreError::Foreign { .. } => code::CONFIG,
            StoreError::Locked(_)
            | StoreError::Damaged { .. }
            | StoreError::Key { .. }
            | StoreError::Newer { .. }
            | StoreError::WrongUser { .. }
            | StoreError::Io { .. } => code::STORE,
        };
        let failure = Failure::new(code, &error);
        match error {
            StoreError::Locked(_) => {
                failure.hint("end the other tidings first; if it is the daemon, wait until it has started")
            }
            StoreError::Io { error, .. } => match error.kind() {
                ErrorKind::PermissionDenied => {
                    failure.hint("the data directory and all in it must belong to the user that runs tidings")
                }
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                    failure.hint("make room on the disk of the data directory")
                }
                ErrorKind::ReadOnlyFilesystem => failure.hint(
                    "mount the disk of the data directory for writing; when the system made it read-only by itself, `dmesg` says why",
                ),
                _ => failure,
            },
            StoreError::Damaged { .. } => failure.hint("put it back from your backup"),
            _ => failure,
        }
    }
}

impl From<Vec<Problem>> for Failure {
    fn from(problems: Vec<Problem>) -> Failure {
        Failure {
            code: code::CONFIG,
            errors: problems
                .into_iter()
                .map(|problem| (problem.to_string(), problem.hint))
                .collect(),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Failure {
        Failure::failed(format!("{error:#}"))
    }
}
