//! What was read of the pages, kept over a restart: a file that costs a start with an unchanged folder no more than a
//! walk through it. It is a cache: nothing is lost with it, and it is never waited for.

use std::io::{BufReader, BufWriter, Write as _};
use std::sync::Arc;
use std::time::SystemTime;

use super::reading::Desk;
use super::{PublishError, Publisher};
use crate::aside;
use crate::instance::Instance;
use crate::site::scan::{Due, Scanner};
use crate::store::StoreError;

/// The file in the data directory.
const FILE: &str = "pages.cache";

/// Who reads pages: this very program. Another build may make something else of the same file.
fn reader() -> Option<String> {
    let about = std::env::current_exe().ok()?.metadata().ok()?;
    let built = about
        .modified()
        .ok()?
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?;
    let version = env!("CARGO_PKG_VERSION");
    Some(format!("{version} {} {}", about.len(), built.as_nanos()))
}

/// Tells a fresh scanner what the one before it knew.
pub(super) fn recall(instance: &Instance, scanner: &mut Scanner) {
    let Some(reader) = reader() else { return };
    match instance.store.disk.open(FILE) {
        Ok(None) => {}
        Ok(Some(file)) => match scanner.recall(BufReader::new(file), &reader) {
            Ok(pages) => {
                share(instance, scanner);
                tracing::info!("{pages} pages are known from before");
            }
            Err(why) => tracing::info!("all pages are read anew, because of {FILE}: {why}"),
        },
        Err(error) => tracing::warn!("all pages are read anew: {error}"),
    }
}

/// Keeps the paths of pages once for the store and the scanner.
fn share(instance: &Instance, scanner: &mut Scanner) {
    scanner.share(&|page| instance.store.objects.group_name(page));
}

/// Writes down what a scanner knows, as far as that isn't done.
fn keep(instance: &Instance, scanner: &mut Scanner) -> Result<(), StoreError> {
    let Some(reader) = reader() else { return Ok(()) };
    let disk = &instance.store.disk;
    let due = scanner.due();
    match due {
        Due::Nothing => Ok(()),
        Due::More => {
            let mut more = Vec::new();
            let told = scanner.tell(&reader, &mut |bytes| {
                more.extend_from_slice(bytes);
                Ok(())
            });
            told.map_err(|error| StoreError::io(&disk.root().join(FILE), error))?;
            disk.append(FILE, &more)
        }
        Due::Whole => disk.replace_by(FILE, |file| {
            let mut file = BufWriter::new(file);
            scanner.tell(&reader, &mut |bytes| file.write_all(bytes))?;
            file.flush()
        }),
    }?;
    if due == Due::Whole {
        share(instance, scanner);
    }
    Ok(())
}

impl Publisher {
    /// Writes down what the scanner knows, for the next start.
    pub(super) async fn keep(&self, desk: &mut Desk) -> Result<(), PublishError> {
        let Some(mut scanner) = desk.scanner.take() else {
            return Ok(());
        };
        let instance = Arc::clone(&self.instance);
        let scanner = aside::run(move || {
            if let Err(error) = keep(&instance, &mut scanner) {
                tracing::warn!("what was read of the pages is not kept for the next start: {error}");
                scanner.mistrust();
            }
            scanner
        });
        desk.scanner = Some(scanner.await?);
        Ok(())
    }
}
