//! A delivery job: one activity on its way to a number of inboxes, and how far it has got.
//!
//! The job is a record that never changes. Beside it lies `queue/JOB.log`, one JSON object a line, appended to as
//! deliveries succeed and fail; a line that was cut off by a crash counts as not written.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::file::file_name;
use super::{Disk, Indexed, Record, StoreError};

/// The folder of the jobs and their logs.
pub const FOLDER: &str = "queue";

/// One activity on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// Random; later jobs have greater ids.
    pub id: String,
    /// The name of the actor that signs.
    pub actor: String,
    /// The fingerprint of the key that signs, when it is a former one: the Update that announces a new key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The id of the activity.
    pub activity: String,
    /// When it was made.
    pub created: Timestamp,
    /// Where it goes, each inbox once.
    pub inboxes: Vec<String>,
    /// What is sent.
    pub body: Value,
}

impl Record for Job {
    type Glance = Job;
}

impl Indexed for Job {
    type Brief = ();

    fn id(&self) -> &str {
        &self.id
    }

    fn brief(&self) {}
}

/// A line of a job's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mark {
    /// Nothing more is sent to this inbox: it has it, or it was given up for this reason.
    Done {
        /// The inbox.
        inbox: String,
        /// When.
        at: Timestamp,
        /// Why it was given up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
    },
    /// An attempt failed.
    Failed {
        /// The inbox.
        inbox: String,
        /// When.
        at: Timestamp,
        /// How many attempts have failed so far.
        attempts: u32,
        /// When the next is due.
        next: Timestamp,
        /// How many probes of its host have failed in a row; 0 when only this delivery failed.
        #[serde(default, skip_serializing_if = "is_zero")]
        down: u32,
        /// What went wrong.
        error: String,
    },
    /// These inboxes get it too: a shared inbox is gone, these are those of the people behind it.
    Added {
        /// The inboxes.
        inboxes: Vec<String>,
    },
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The log of a job.
pub fn log_name(job: &str) -> String {
    format!("{FOLDER}/{}.log", file_name(job))
}

/// The marks of a job, in the order in which they were made. Lines that don't parse are left out.
///
/// # Errors
/// When the file can't be read.
pub fn read_marks(disk: &Disk, job: &str) -> Result<Vec<Mark>, StoreError> {
    let Some(bytes) = disk.read(&log_name(job))? else {
        return Ok(Vec::new());
    };
    Ok(bytes
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok())
        .collect())
}

/// Appends marks to the log of a job, without waiting for the disk: [`Disk::sync`] does, for several together.
///
/// # Errors
/// When the file can't be written.
pub fn append_marks(disk: &Disk, job: &str, marks: &[Mark]) -> Result<(), StoreError> {
    let mut lines = Vec::new();
    for mark in marks {
        // A line that a crash cut off must not swallow this one.
        lines.push(b'\n');
        serde_json::to_writer(&mut lines, mark).expect("a mark has string keys and is written to memory");
    }
    lines.push(b'\n');
    disk.append(&log_name(job), &lines)
}

/// Removes logs whose job is done: a crash came between the removal of the two.
///
/// # Errors
/// When the folder can't be read or written.
pub fn sweep_logs(disk: &Disk, has_job: impl Fn(&str) -> bool) -> Result<(), StoreError> {
    let path = disk.root().join(FOLDER);
    let Ok(entries) = std::fs::read_dir(&path) else {
        // No job was ever stored.
        return Ok(());
    };
    for entry in entries {
        let name = entry.map_err(|error| StoreError::io(&path, error))?.file_name();
        let log = format!("{FOLDER}/{}", name.to_string_lossy());
        if log.ends_with(".log") && !has_job(&log) {
            disk.unlink(&log)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_come_back_and_a_line_that_was_cut_off_costs_only_itself() {
        let folder = tempfile::tempdir().unwrap();
        let disk = Disk::new(folder.path());
        disk.make_folder(FOLDER).unwrap();
        assert_eq!(read_marks(&disk, "j").unwrap(), []);
        let at: Timestamp = "2026-11-21T10:00:00Z".parse().unwrap();
        let done = Mark::Done {
            inbox: "https://a.example/inbox".into(),
            at,
            error: None,
        };
        let failed = Mark::Failed {
            inbox: "https://b.example/inbox".into(),
            at,
            attempts: 2,
            next: at,
            down: 0,
            error: "500".into(),
        };
        append_marks(&disk, "j", std::slice::from_ref(&done)).unwrap();
        disk.append(&log_name("j"), b"{\"done\":{\"inbox\":\"https://c.ex")
            .unwrap();
        append_marks(&disk, "j", std::slice::from_ref(&failed)).unwrap();
        disk.sync(&[log_name("j")]).unwrap();
        assert_eq!(read_marks(&disk, "j").unwrap(), [done, failed]);
    }
}
