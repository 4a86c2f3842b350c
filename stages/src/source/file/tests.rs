//! A file is read whole, from any offset, and never as two versions.

use super::*;
use std::io::Write;

fn bytes(count: usize) -> Vec<u8> {
    (0..count).map(|n| (n * n % 251) as u8).collect()
}

fn file_of(bytes: &[u8]) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(bytes).unwrap();
    file
}

async fn read_rest(source: &mut dyn Source, room_bytes: usize) -> Result<Vec<u8>, Fatal> {
    let mut all = Vec::new();
    loop {
        let mut into = BytesMut::with_capacity(room_bytes);
        let count = source.read(&mut into).await?;
        assert!(count <= room_bytes.max(1) && into.len() == count);
        if count == 0 {
            return Ok(all);
        }
        all.extend_from_slice(&into);
    }
}

#[tokio::test]
async fn reads_from_any_offset_in_any_pieces() {
    for size in [0, 1, MAX_READ_BYTES, MAX_READ_BYTES + 1, 1_000_000] {
        let whole = bytes(size);
        let file = file_of(&whole);
        let origin = FileOrigin::pin(file.path()).await.unwrap();
        assert_eq!(origin.pinned().size_bytes, Some(size as u64));
        for offset in [0, size / 2, size.saturating_sub(1), size] {
            for room_bytes in [10_007, MAX_READ_BYTES] {
                let mut source = origin.read_from(offset as u64).await.unwrap();
                let rest = read_rest(&mut *source, room_bytes).await.unwrap();
                assert!(rest == whole[offset..], "{size} from {offset}");
                assert_eq!(source.bytes_read(), size as u64);
            }
        }
    }
}

#[tokio::test]
async fn head_is_at_most_what_is_there() {
    let file = file_of(b"abc");
    let origin = FileOrigin::pin(file.path()).await.unwrap();
    assert_eq!(origin.head(2).await.unwrap(), "ab");
    assert_eq!(origin.head(9).await.unwrap(), "abc");
}

/// Reads a little, lets `change` have the file, reads on.
async fn check_changed(change: impl FnOnce(&Path)) {
    let file = file_of(&bytes(3_000_000));
    let past = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    file.as_file().set_modified(past).unwrap();
    let origin = FileOrigin::pin(file.path()).await.unwrap();
    let mut source = origin.read_from(0).await.unwrap();
    let mut into = BytesMut::new();
    source.read(&mut into).await.unwrap();
    change(file.path());
    for _ in 0..2 {
        let fatal = read_rest(&mut *source, MAX_READ_BYTES).await.unwrap_err();
        assert_eq!(
            (fatal.code, fatal.retry),
            ("source_changed", pipeline::Retry::Never)
        );
    }
    let again = origin.read_from(0).await.err();
    assert_eq!(again.map(|fatal| fatal.code), Some("source_changed"));
}

#[tokio::test]
async fn file_that_grows_is_changed() {
    check_changed(|path| {
        let mut file = File::options().append(true).open(path).unwrap();
        file.write_all(b"more").unwrap();
    })
    .await;
}

#[tokio::test]
async fn file_that_is_cut_is_changed() {
    check_changed(|path| {
        let file = File::options().write(true).open(path).unwrap();
        file.set_len(1_000_000).unwrap();
    })
    .await;
}

#[tokio::test]
async fn file_that_is_written_over_is_changed() {
    check_changed(|path| {
        let mut file = File::options().write(true).open(path).unwrap();
        file.write_all(b"other bytes, same size").unwrap();
    })
    .await;
}

#[tokio::test]
async fn file_that_is_replaced_is_read_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("orders.csv");
    let old = bytes(3_000_000);
    std::fs::write(&path, &old).unwrap();
    let origin = FileOrigin::pin(&path).await.unwrap();
    let mut source = origin.read_from(0).await.unwrap();
    std::fs::write(folder.path().join("new"), "new").unwrap();
    std::fs::rename(folder.path().join("new"), &path).unwrap();
    assert!(read_rest(&mut *source, MAX_READ_BYTES).await.unwrap() == old);
    let again = origin.read_from(0).await.err();
    assert_eq!(again.map(|fatal| fatal.code), Some("source_changed"));
}

#[tokio::test]
async fn content_follows_the_version_and_not_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let (real, link) = (folder.path().join("real.csv"), folder.path().join("l.csv"));
    std::fs::write(&real, "1").unwrap();
    std::os::unix::fs::symlink(&real, &link).unwrap();
    let first = FileOrigin::pin(&real).await.unwrap().pinned().clone();
    let linked = FileOrigin::pin(&link).await.unwrap().pinned().clone();
    assert_eq!((&*first.name, &*linked.name), ("real.csv", "l.csv"));
    assert!(first.content.is_some() && first.content == linked.content);
    std::fs::write(&real, "22").unwrap();
    let second = FileOrigin::pin(&real).await.unwrap().pinned().clone();
    assert_ne!(first.content, second.content);
}

#[tokio::test]
async fn what_is_no_readable_file_has_its_own_code() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let socket = folder.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for (path, code) in [
        (folder.path().join("missing"), "not_found"),
        (file.join("below"), "not_found"),
        (folder.path().to_owned(), "not_a_file"),
        (socket, "not_a_file"),
    ] {
        let fatal = FileOrigin::pin(&path).await.err().unwrap();
        assert_eq!(fatal.code, code, "{}", path.display());
        assert!(fatal.hint.is_some());
    }
}

/// The tests may run as a user who may read everything, so the error is made here.
#[test]
fn refused_permission_is_access_denied() {
    let refused = io::Error::from(io::ErrorKind::PermissionDenied);
    let fatal = io_fatal(Path::new("/x"), "open", &refused);
    assert_eq!(
        (fatal.code, fatal.retry),
        ("access_denied", pipeline::Retry::Never)
    );
}
