//! The house's rules that the compiler doesn't check: imports point down, and each outside thing has one door.

use std::fs;
use std::path::{Path, PathBuf};

/// The layer of a module by its path below `src`, or of the crate `pages` and its modules; the longest match counts.
const LAYERS: &[(&str, u8)] = &[
    ("main.rs", 4),
    ("lib.rs", 4),
    ("cli", 4),
    ("control", 4),
    ("daemon", 4),
    ("http", 3),
    ("publish", 2),
    ("deliver", 2),
    ("inbox", 2),
    ("widget", 2),
    ("instance", 2),
    ("remote", 2),
    ("config", 1),
    ("store", 1),
    ("net", 1),
    ("keys", 1),
    ("hooks", 1),
    ("site/scan", 1),
    ("site/snapshot", 0),
    ("site/frame", 0),
    ("site/survey", 0),
    ("site/translations", 0),
    ("site/watch", 1),
    ("site/mod", 1),
    ("site/page", 0),
    ("site/diff", 0),
    ("site/feed", 0),
    ("ap", 0),
    ("dom", 0),
    ("sig", 0),
    ("article", 0),
    ("queue", 0),
    ("sanitize", 0),
    ("aside", 0),
    ("clock", 0),
    ("pages", 0),
    ("page", 0),
    ("feed", 0),
    ("frame", 0),
    ("path", 0),
    ("flow", 0),
];

fn sources() -> Vec<(String, String)> {
    fn walk(folder: &Path, into: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, into);
            // Unit tests that fill a file of their own are no product.
            } else if path.extension().is_some_and(|e| e == "rs") && !path.ends_with("tests.rs") {
                into.push(path);
            }
        }
    }
    let mut sources = Vec::new();
    for (folder, name) in [("src", ""), ("pages/src", "pages/")] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let mut files = Vec::new();
        walk(&root, &mut files);
        sources.extend(files.into_iter().map(|file| {
            let below = file.strip_prefix(&root).unwrap().to_str().unwrap();
            (format!("{name}{below}"), fs::read_to_string(&file).unwrap())
        }));
    }
    sources
}

fn layer(module: &str) -> u8 {
    LAYERS
        .iter()
        .filter(|(prefix, _)| {
            module == *prefix
                || module
                    .strip_prefix(prefix)
                    .is_some_and(|rest| rest.starts_with(['/', '.']))
        })
        .max_by_key(|(prefix, _)| prefix.len())
        .unwrap_or_else(|| {
            panic!("{module} has no layer: add it to tests/tidings/layers.rs and to ARCHITECTURE.md")
        })
        .1
}

/// The part of a file that is the product: what stands before its unit tests, without comments.
fn product(text: &str) -> String {
    let code = text.split("#[cfg(test)]").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Modules that a file names as `crate::a::b`, also inside braces one level deep.
fn imports(code: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let names: Vec<String> = if let Some(inner) = rest.strip_prefix('{') {
            inner
                .split('}')
                .next()
                .unwrap_or_default()
                .split(',')
                .map(|name| name.trim().to_string())
                .collect()
        } else {
            vec![rest.to_string()]
        };
        for name in names {
            let path: Vec<&str> = name
                .split("::")
                .take(2)
                .map(|part| {
                    let end = part
                        .find(|c: char| !c.is_alphanumeric() && c != '_')
                        .unwrap_or(part.len());
                    &part[..end]
                })
                .collect();
            let first = path.first().copied().unwrap_or_default();
            if first.is_empty() || first.chars().next().is_some_and(char::is_uppercase) {
                continue;
            }
            found.push(if first == "site" && path.len() > 1 {
                format!("site/{}", path[1])
            } else {
                first.to_string()
            });
        }
    }
    found
}

#[test]
fn imports_point_down() {
    for (file, text) in sources() {
        let own = layer(&file);
        for import in imports(&product(&text)) {
            if import == "site/Source"
                || import.starts_with("site/") && import.chars().nth(5).is_some_and(char::is_uppercase)
            {
                continue;
            }
            assert!(
                layer(&import) <= own,
                "{file} (layer {own}) imports {import} (layer {})",
                layer(&import)
            );
        }
    }
}

#[test]
fn each_outside_thing_has_one_door() {
    let doors: &[(&str, &[&str], &[&str])] = &[
        (
            "writing to the disk",
            &[
                "fs::write(",
                "File::create(",
                "fs::rename(",
                "fs::remove_file(",
                "fs::create_dir",
                "OpenOptions",
                "tokio::fs",
                "fs::remove_dir",
            ],
            // The store makes its own directory and lock; the others write what the owner asked for, outside the data
            // directory: a configuration, man pages, rendered widgets, a socket.
            &["store/", "cli/", "daemon", "control"],
        ),
        (
            "the HTTP client",
            &["hyper_util::client", "hyper::client", "hyper_rustls"],
            &["net/"],
        ),
        (
            "the web framework",
            &["hyper::server", "hyper_util::server", "hyper::service"],
            &["http/", "daemon"],
        ),
        (
            "the system's clock",
            &["Timestamp::now(", "SystemTime::now(", "Zoned::now("],
            &["clock.rs"],
        ),
    ];
    for (file, text) in sources() {
        let code = product(&text);
        for (what, signs, allowed) in doors {
            if allowed.iter().any(|door| file.starts_with(door)) {
                continue;
            }
            for sign in *signs {
                assert!(
                    !code.contains(sign),
                    "{file} uses {sign}: {what} belongs into {allowed:?}"
                );
            }
        }
        if !file.starts_with("ap/iri.rs") {
            assert!(
                !code.contains("\"{}/ap/"),
                "{file} builds one of our own URLs: that belongs into ap/iri.rs"
            );
        }
    }
}
