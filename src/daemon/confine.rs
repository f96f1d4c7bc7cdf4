//! What the daemon may do to the file system, enforced by the kernel where it has landlock: write below the data directory
//! and nowhere else, and start no program.
//!
//! Reading stays as it is: the site, certificates and what look-ups of names need lie in many places. Nothing can be
//! taken back, and it holds for what this thread starts, so it comes before the runtime, and after the helper for hooks.

use std::path::{Path, PathBuf};

use landlock::{
    ABI, AccessFs, BitFlags, PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _,
    RulesetError, RulesetStatus, Scope,
};

use super::check_output;
use crate::config::{Config, Listen};
use crate::control::{self, Failure};
use crate::store;

/// The newest version of landlock whose rights are named here (Linux 6.12); of an older kernel, what it has is used.
const NEWEST: ABI = ABI::V6;

/// Looks at what the configuration names, makes the data directory if it isn't there, and gives up all writing outside of
/// it.
///
/// # Errors
/// When there is no site, or the data directory can't be made. That the kernel doesn't help is none.
pub fn confine(config: &Config) -> Result<(), Failure> {
    check_output(config)?;
    store::prepare(&config.site.data)?;
    let folders = written(&config.site.data)?;
    let sockets = match &config.server.listen {
        Listen::Unix(path) => path.parent().map(Path::to_path_buf),
        Listen::Tcp(_) => None,
    };
    match restrict(&folders, sockets.as_deref()) {
        Ok(RulesetStatus::FullyEnforced) => {
            tracing::info!(
                "landlock: nothing is written outside of {}, no program is started",
                names(&folders)
            );
        }
        Ok(RulesetStatus::PartiallyEnforced) => tracing::info!(
            "landlock: nothing is made or opened for writing outside of {}, no program is started; this kernel doesn't know all rights",
            names(&folders)
        ),
        Ok(RulesetStatus::NotEnforced) => tracing::info!("landlock: this kernel doesn't have it"),
        Err(error) => tracing::warn!("landlock: not enforced: {error}"),
    }
    Ok(())
}

/// The folders that are written to: the data directory, what links in it lead to, and where its control socket lies.
fn written(data: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut folders = vec![data.to_path_buf()];
    for entry in std::fs::read_dir(data).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_symlink()) && entry.path().is_dir() {
            folders.push(entry.path());
        }
    }
    folders.extend(control::socket_folder(data)?);
    Ok(folders)
}

fn names(folders: &[PathBuf]) -> String {
    let names: Vec<String> = folders
        .iter()
        .map(|folder| folder.display().to_string())
        .collect();
    names.join(", ")
}

fn restrict(folders: &[PathBuf], sockets: Option<&Path>) -> Result<RulesetStatus, RulesetError> {
    let writing = AccessFs::from_write(NEWEST);
    let mut rules = Ruleset::default()
        .handle_access(writing | AccessFs::Execute)?
        .scope(Scope::Signal)?
        .create()?;
    for folder in folders {
        rules = allow(rules, folder, writing)?;
    }
    if let Some(folder) = sockets {
        rules = allow(rules, folder, AccessFs::MakeSock | AccessFs::RemoveFile)?;
    }
    // Libraries throw things away there.
    rules = allow(rules, Path::new("/dev/null"), AccessFs::WriteFile.into())?;
    Ok(rules.restrict_self()?.ruleset)
}

fn allow(
    rules: landlock::RulesetCreated,
    path: &Path,
    access: BitFlags<AccessFs>,
) -> Result<landlock::RulesetCreated, RulesetError> {
    match PathFd::new(path) {
        Ok(place) => rules.add_rule(PathBeneath::new(place, access)),
        Err(error) => {
            tracing::warn!("landlock: {error}");
            Ok(rules)
        }
    }
}
