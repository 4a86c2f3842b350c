//! Files that start anew, go on and are finished, step by step.

use super::*;

/// Opens `out` in `folder`; the text of the part and of the file, or the code of the error.
async fn open(folder: &Path, resume: Option<Option<u64>>) -> Result<PartFile, &'static str> {
    let opened = PartFile::open(&folder.join("out"), b"head\n", resume).await;
    opened.map_err(|fatal| fatal.code)
}

fn text(folder: &Path, name: &str) -> Option<String> {
    std::fs::read_to_string(folder.join(name)).ok()
}

async fn append(file: &PartFile, text: &str) -> Result<u64, &'static str> {
    let appended = file
        .append(text.split_inclusive(',').map(str::as_bytes))
        .await;
    appended.map_err(|fatal| fatal.code)
}

#[tokio::test]
async fn it_appears_when_it_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let file = open(folder, None).await.ok().unwrap();
    assert_eq!(append(&file, "a,b\n").await, Ok(9));
    assert_eq!(append(&file, "").await, Ok(9));
    assert_eq!(text(folder, "out"), None);
    file.rename().await.unwrap();
    file.rename().await.unwrap();
    assert_eq!(text(folder, "out").unwrap(), "head\na,b\n");
    assert_eq!(text(folder, "out.part"), None);
    assert_eq!(append(&file, "c").await, Err("target_exists"));
    file.rename().await.unwrap();
}

#[tokio::test]
async fn what_exists_is_never_touched() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    std::fs::write(folder.join("out"), "mine").unwrap();
    for resume in [None, Some(None), Some(Some(3)), Some(Some(5))] {
        assert_eq!(
            open(folder, resume).await.err(),
            Some("target_exists"),
            "{resume:?}"
        );
    }
    std::fs::remove_file(folder.join("out")).unwrap();
    let file = open(folder, None).await.ok().unwrap();
    std::fs::write(folder.join("out"), "mine").unwrap();
    assert_eq!(file.rename().await.unwrap_err().code, "target_exists");
    assert_eq!(text(folder, "out").unwrap(), "mine");
    assert_eq!(text(folder, "out.part").unwrap(), "head\n");
}

#[tokio::test]
async fn a_resumed_load_goes_on_at_its_mark() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let file = open(folder, None).await.ok().unwrap();
    let mark = append(&file, "one\n").await.unwrap();
    append(&file, "beyond the checkpoint\n").await.unwrap();
    drop(file);
    let file = open(folder, Some(Some(mark))).await.ok().unwrap();
    assert_eq!(text(folder, "out.part").unwrap(), "head\none\n");
    assert_eq!(append(&file, "two\n").await, Ok(13));
    drop(file);
    assert_eq!(
        open(folder, Some(Some(14))).await.err(),
        Some("target_changed")
    );
    // A checkpoint without a mark: nothing was acknowledged.
    let file = open(folder, Some(None)).await.ok().unwrap();
    assert_eq!(text(folder, "out.part").unwrap(), "head\n");
    drop(file);
    // Without --resume, a left-over is overwritten.
    std::fs::write(folder.join("out.part"), "a left-over, and a long one").unwrap();
    let file = open(folder, None).await.ok().unwrap();
    file.rename().await.unwrap();
    assert_eq!(text(folder, "out").unwrap(), "head\n");
}

#[tokio::test]
async fn a_load_that_was_finished_but_not_noted_is_found_so() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let file = open(folder, None).await.ok().unwrap();
    let mark = append(&file, "one\n").await.unwrap();
    file.rename().await.unwrap();
    drop(file);
    assert_eq!(
        open(folder, Some(Some(mark - 1))).await.err(),
        Some("target_exists")
    );
    let file = open(folder, Some(Some(mark))).await.ok().unwrap();
    file.rename().await.unwrap();
    assert_eq!(text(folder, "out").unwrap(), "head\none\n");
    assert_eq!(text(folder, "out.part"), None);
}

#[tokio::test]
async fn a_part_that_is_gone_is_not_made_again_behind_a_mark() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        open(folder.path(), Some(Some(9))).await.err(),
        Some("target_changed")
    );
}

#[tokio::test]
async fn one_process_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = open(folder.path(), None).await.ok().unwrap();
    append(&file, "one\n").await.unwrap();
    assert_eq!(open(folder.path(), None).await.err(), Some("target_busy"));
    assert_eq!(text(folder.path(), "out.part").unwrap(), "head\none\n");
    drop(file);
    assert!(open(folder.path(), None).await.is_ok());
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let opened = open(&folder.path().join("no"), None).await;
    assert_eq!(opened.err(), Some("target_unwritable"));
}

#[tokio::test]
async fn a_full_disk_may_heal() {
    let full = PartFile::new(
        Path::new("out"),
        "/dev/full".into(),
        State::Writing(
            File::options().write(true).open("/dev/full").await.unwrap(),
            0,
        ),
    );
    let fatal = full
        .append([b"x".as_slice()].into_iter())
        .await
        .unwrap_err();
    assert_eq!(
        (fatal.code, fatal.retry),
        ("target_full", pipeline::Retry::Later)
    );
    assert_eq!(append(&full, "y").await, Err("target_io"));
    assert_eq!(full.rename().await.unwrap_err().code, "target_io");
}

#[tokio::test]
async fn a_finished_file_takes_nothing_and_says_how_long_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let path = folder.join("out");
    assert!(!may_be_finished(&path));
    let file = open(folder, None).await.ok().unwrap();
    assert_eq!(append(&file, "a,b\n").await, Ok(9));
    assert!(!may_be_finished(&path));
    file.rename().await.unwrap();
    assert!(may_be_finished(&path));
    drop(file);
    // Its process was killed before that was noted.
    let again = open(folder, Some(Some(9))).await.ok().unwrap();
    assert_eq!(append(&again, "").await, Ok(9));
    assert_eq!(append(&again, "c").await, Err("target_exists"));
    again.rename().await.unwrap();
    assert_eq!(text(folder, "out").unwrap(), "head\na,b\n");
    std::fs::write(folder.join("out.part"), "").unwrap();
    assert!(!may_be_finished(&path));
}
