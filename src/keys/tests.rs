//! Keys that are lost, exposed or exchanged, and rotations with interruptions.

use super::*;

fn keys(folder: &tempfile::TempDir) -> Keys {
    Keys::new(&Disk::new(folder.path()))
}

#[test]
fn keys_are_made_once_and_stay() {
    let folder = tempfile::tempdir().unwrap();
    let first = keys(&folder).of("blog").unwrap();
    let again = keys(&folder).of("blog").unwrap();
    assert_eq!(first.rsa.public_pem(), again.rsa.public_pem());
    assert_eq!(first.ed25519.public_pem(), again.ed25519.public_pem());
    let mode = |name: &str| {
        let path = folder.path().join("actors/blog").join(name);
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    };
    assert_eq!((mode(RSA), mode(ED25519)), (0o600, 0o600));
}

#[test]
fn a_key_that_is_lost_damaged_exchanged_or_exposed_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    keys(&folder).of("blog").unwrap();
    keys(&folder).of("other").unwrap();
    let file = folder.path().join("actors/blog/key.pem");
    let pem = std::fs::read(&file).unwrap();
    let fails = |what: &str| {
        let error = keys(&folder).of("blog").unwrap_err();
        assert!(matches!(error, StoreError::Key { .. }), "{what}: {error}");
    };
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    fails("exposed");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::write(&file, &pem[..pem.len() / 2]).unwrap();
    fails("damaged");
    std::fs::write(&file, b"\xff\xfe").unwrap();
    fails("not text");
    std::fs::copy(folder.path().join("actors/other/key.pem"), &file).unwrap();
    fails("exchanged");
    std::fs::remove_file(&file).unwrap();
    fails("lost");
    assert!(!file.exists(), "a lost key is never made again");
    std::fs::write(&file, &pem).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    keys(&folder).of("blog").unwrap();
}

#[test]
fn a_rotation_keeps_the_former_key_until_it_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let keys = keys(&folder);
    let old = keys.of("blog").unwrap();
    let rotation = keys.begin_rotation("blog").unwrap();
    assert_eq!(rotation.former, old.fingerprint);
    assert_ne!(rotation.new.fingerprint, old.fingerprint);
    assert_ne!(rotation.new.ed25519.public_pem(), old.ed25519.public_pem());
    assert_eq!(keys.of("blog").unwrap().fingerprint, old.fingerprint);
    keys.finish_rotation("blog").unwrap();
    assert!(keys.unfinished_rotation("blog").unwrap().is_none());
    assert_eq!(keys.of("blog").unwrap().fingerprint, rotation.new.fingerprint);
    let former = keys.with_fingerprint("blog", &rotation.former).unwrap();
    assert_eq!(former.rsa.public_pem(), old.rsa.public_pem());
    keys.forget_former("blog", |_| false).unwrap();
    let now = keys.with_fingerprint("blog", &rotation.former).unwrap();
    assert_eq!(now.fingerprint, rotation.new.fingerprint);
}

#[test]
fn a_rotation_that_was_interrupted_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    let old = keys(&folder).of("blog").unwrap();
    let begun = keys(&folder).begin_rotation("blog").unwrap();
    // As after a crash before the Update was queued.
    let after = keys(&folder);
    let rotation = after.unfinished_rotation("blog").unwrap().unwrap();
    assert_eq!(rotation.former, old.fingerprint);
    assert_eq!(rotation.new.fingerprint, begun.new.fingerprint);
    assert_eq!(
        after.begin_rotation("blog").unwrap().new.fingerprint,
        begun.new.fingerprint
    );
    // As after a crash before the new keys were in place.
    let file = folder.path().join("keys.json");
    let record = std::fs::read_to_string(&file).unwrap();
    let swapped = record.replacen(&old.fingerprint, &begun.new.fingerprint, 1);
    assert_ne!(record, swapped);
    let record: Remembered = serde_json::from_str(&swapped).unwrap();
    assert_eq!(
        record.actors["blog"].next.as_ref(),
        Some(&record.actors["blog"].key)
    );
    std::fs::write(&file, swapped).unwrap();
    assert_eq!(
        keys(&folder).of("blog").unwrap().fingerprint,
        begun.new.fingerprint
    );
    assert!(keys(&folder).unfinished_rotation("blog").unwrap().is_none());
    assert!(!folder.path().join("actors/blog/next-key.pem").exists());
}
