//! Fetching from the content port.

use std::time::Duration;

use reqwest::Response;
use reqwest::header::{HeaderMap, RANGE};
use sharedspaces_proto::spaces::v1::Permission;
use tonic::Code;

use super::world::{Files, GUEST, noise};
use crate::asset::ASK_EVERY;
use crate::tests::pictures;
use crate::tests::world::reason;

async fn get(files: &Files, url: &str, range: Option<&str>) -> Response {
    let request = files.http.get(url);
    let request = match range {
        Some(range) => request.header(RANGE, range),
        None => request,
    };
    request.send().await.unwrap()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> &'a str {
    headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
}

fn assert_common(headers: &HeaderMap) {
    assert_eq!(header(headers, "x-content-type-options"), "nosniff");
    assert_eq!(header(headers, "content-security-policy"), "sandbox; default-src 'none'");
    assert_eq!(header(headers, "cache-control"), "private, no-store");
    assert_eq!(header(headers, "referrer-policy"), "no-referrer");
    assert!(headers.get("set-cookie").is_none());
}

/// Expects the one answer to everything that is wrong.
async fn assert_not_found(files: &Files, url: &str) {
    let answer = get(files, url, None).await;
    assert_eq!(answer.status(), 404, "{url}");
    assert_common(answer.headers());
    assert_eq!(answer.text().await.unwrap(), "not found\n", "{url}");
}

#[tokio::test]
async fn a_file_is_saved_under_its_name_with_headers_that_run_nothing() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let content = noise(300_000);
    let asset = files.upload_file(&uploader, space_id, "Angebot März.bin", &content).await;
    let url = files.issue(&uploader, space_id, &asset.asset_id, false).await.unwrap();
    let answer = get(&files, &url, None).await;
    assert_eq!(answer.status(), 200);
    let headers = answer.headers().clone();
    assert_common(&headers);
    assert_eq!(header(&headers, "content-type"), "application/octet-stream");
    assert_eq!(header(&headers, "content-length"), "300000");
    assert_eq!(header(&headers, "accept-ranges"), "bytes");
    assert_eq!(header(&headers, "cross-origin-resource-policy"), "same-origin");
    let disposition = "attachment; filename=\"Angebot M_rz.bin\"; filename*=UTF-8''Angebot%20M%C3%A4rz.bin";
    assert_eq!(header(&headers, "content-disposition"), disposition);
    assert_eq!(answer.bytes().await.unwrap(), content);

    let head = files.http.head(&url).send().await.unwrap();
    assert_eq!(head.status(), 200);
    assert_eq!(header(head.headers(), "content-length"), "300000");
    assert_eq!(header(head.headers(), "content-disposition"), disposition);
    assert!(head.bytes().await.unwrap().is_empty());
}

#[tokio::test]
async fn ranges_are_served() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let asset = files.upload_file(&uploader, space_id, "a.txt", b"0123456789").await;
    let url = files.issue(&uploader, space_id, &asset.asset_id, false).await.unwrap();
    for (range, status, content_range, body) in [
        ("bytes=0-0", 206, "bytes 0-0/10", "0"),
        ("bytes=2-4", 206, "bytes 2-4/10", "234"),
        ("bytes=7-", 206, "bytes 7-9/10", "789"),
        ("bytes=-3", 206, "bytes 7-9/10", "789"),
        ("bytes=8-99", 206, "bytes 8-9/10", "89"),
        ("bytes=10-", 416, "bytes */10", ""),
        ("bytes=1-2,4-5", 200, "", "0123456789"),
        ("nonsense", 200, "", "0123456789"),
    ] {
        let answer = get(&files, &url, Some(range)).await;
        assert_eq!(answer.status(), status, "{range}");
        assert_common(answer.headers());
        assert_eq!(header(answer.headers(), "content-range"), content_range, "{range}");
        assert_eq!(answer.text().await.unwrap(), body, "{range}");
    }
}

#[tokio::test]
async fn an_address_that_is_expired_forged_or_anothers_gives_the_same_nothing() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let asset = files.upload_file(&uploader, space_id, "a.txt", b"hello").await;
    let url = files.issue(&uploader, space_id, &asset.asset_id, false).await.unwrap();
    let base = url.split("/content/").next().unwrap().to_owned();
    for path in
        ["", "/", "/content", "/content/", "/content/x", "/content/..%2f..", "/content/%ff", "/healthz"]
    {
        assert_not_found(&files, &format!("{base}{path}")).await;
    }
    let mut forged = url.clone();
    let last = if forged.pop() == Some('A') { 'B' } else { 'A' };
    forged.insert(forged.len() - 3, last);
    assert_not_found(&files, &forged).await;
    assert_not_found(&files, &format!("{url}/more")).await;
    // Somebody who takes no part in the space: the right is theirs to lose, not the address's.
    let stranger = testkit::caller_of(uploader.organization_id, uploader.kind);
    let theirs = files.issue(&stranger, space_id, &asset.asset_id, false).await.unwrap();
    assert_not_found(&files, &theirs).await;
    for method in
        [reqwest::Method::POST, reqwest::Method::PUT, reqwest::Method::DELETE, reqwest::Method::OPTIONS]
    {
        assert_eq!(files.http.request(method, &url).send().await.unwrap().status(), 404);
    }
    files.clock.advance(Duration::from_secs(59));
    assert_eq!(get(&files, &url, None).await.status(), 200);
    files.clock.advance(Duration::from_secs(1));
    assert_not_found(&files, &url).await;
}

#[tokio::test]
async fn a_right_that_is_lost_after_the_address_was_given_is_lost_at_once() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let guest = files.colleague(&uploader, space_id, &GUEST);
    let asset = files.upload_file(&uploader, space_id, "a.txt", b"hello").await;
    let saved = files.issue(&guest, space_id, &asset.asset_id, false).await.unwrap();
    let shown = files.issue(&guest, space_id, &asset.asset_id, true).await.unwrap();
    assert_eq!(get(&files, &saved, None).await.status(), 200);
    // The space's toggle: guests see, and no longer download.
    files.spaces.allow(&guest, space_id, &[Permission::View]);
    assert_not_found(&files, &saved).await;
    assert_eq!(get(&files, &shown, None).await.status(), 200);
    files.spaces.allow(&guest, space_id, &[]);
    assert_not_found(&files, &shown).await;
}

#[tokio::test]
async fn a_file_that_is_deleted_after_the_address_was_given_is_gone() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let asset = files.upload_file(&uploader, space_id, "a.txt", b"hello").await;
    let url = files.issue(&uploader, space_id, &asset.asset_id, false).await.unwrap();
    files.delete(&uploader, &asset.asset_id).await.unwrap();
    assert_not_found(&files, &url).await;
}

#[tokio::test]
async fn only_images_pdf_and_plain_text_are_shown_in_the_browser() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    for (name, content, shown_as) in [
        ("a.png", pictures::png(8, 8), "image/png"),
        ("a.jpg", pictures::jpeg(8, 8), "image/jpeg"),
        ("a.webp", pictures::webp(8, 8), "image/webp"),
        ("a.gif", pictures::gif(), "image/gif"),
        ("a.pdf", b"%PDF-1.7\n".to_vec(), "application/pdf"),
        ("a.txt", b"plain".to_vec(), "text/plain; charset=utf-8"),
    ] {
        let asset = files.upload_file(&uploader, space_id, name, &content).await;
        assert!(asset.can_be_inline, "{name}");
        let url = files.issue(&uploader, space_id, &asset.asset_id, true).await.unwrap();
        let answer = get(&files, &url, None).await;
        assert_common(answer.headers());
        assert_eq!(header(answer.headers(), "content-type"), shown_as, "{name}");
        assert!(header(answer.headers(), "content-disposition").starts_with("inline; "), "{name}");
        assert_eq!(answer.bytes().await.unwrap(), content, "{name}");
    }
    for (name, content) in [
        ("a.svg", pictures::svg()),
        ("a.html", b"<html><script>alert(1)</script>".to_vec()),
        ("page.txt", b"<html><script>alert(1)</script>".to_vec()),
        ("a.xml", b"<?xml version=\"1.0\"?><x/>".to_vec()),
        ("a.exe", b"MZ\x90\0".to_vec()),
        ("a.zip", b"PK\x03\x04".to_vec()),
        ("script", b"#!/bin/sh\n".to_vec()),
    ] {
        let asset = files.upload_file(&uploader, space_id, name, &content).await;
        assert!(!asset.can_be_inline, "{name}");
        let refused = files.issue(&uploader, space_id, &asset.asset_id, true).await.unwrap_err();
        assert_eq!(
            (refused.code(), reason(&refused).as_str()),
            (Code::FailedPrecondition, "INLINE_NOT_ALLOWED")
        );
        let url = files.issue(&uploader, space_id, &asset.asset_id, false).await.unwrap();
        let answer = get(&files, &url, None).await;
        assert!(header(answer.headers(), "content-disposition").starts_with("attachment; "), "{name}");
        assert!(!header(answer.headers(), "content-type").starts_with("text/html"), "{name}");
    }
}

/// More than what the connection's buffers hold.
const LONG: usize = 48 * 1024 * 1024;

/// Reads what is left; returns how much that was, and whether it came to its end.
async fn rest(mut answer: Response) -> (usize, bool) {
    let mut read = 0;
    loop {
        match answer.chunk().await {
            Ok(Some(piece)) => read += piece.len(),
            Ok(None) => return (read, true),
            Err(_) => return (read, false),
        }
    }
}

#[tokio::test]
async fn content_that_is_being_sent_is_cut_off_when_the_right_is_gone() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let guest = files.colleague(&uploader, space_id, &GUEST);
    let asset = files.upload_file(&uploader, space_id, "long.bin", &vec![7; LONG]).await;
    let range = format!("bytes=1-{}", LONG - 1);
    for range in [None, Some(range.as_str())] {
        for (left, is_whole) in [(&GUEST[..], true), (&[Permission::View], false), (&[], false)] {
            files.spaces.allow(&guest, space_id, &GUEST);
            let url = files.issue(&guest, space_id, &asset.asset_id, false).await.unwrap();
            let mut slow = get(&files, &url, range).await;
            assert!(slow.status().is_success());
            let first = slow.chunk().await.unwrap().unwrap().len();
            files.spaces.allow(&guest, space_id, left);
            files.clock.advance(ASK_EVERY);
            let (read, ended) = rest(slow).await;
            let size = LONG - usize::from(range.is_some());
            assert_eq!((ended, first + read == size), (is_whole, is_whole), "{left:?}: {read} of {size}");
        }
    }
}

#[tokio::test]
async fn content_that_is_being_sent_is_cut_off_when_its_file_is_deleted() {
    let files = Files::new().await;
    let (uploader, space_id) = files.uploader();
    let asset = files.upload_file(&uploader, space_id, "long.bin", &vec![7; LONG]).await;
    let url = files.issue(&uploader, space_id, &asset.asset_id, false).await.unwrap();
    let mut slow = get(&files, &url, None).await;
    slow.chunk().await.unwrap().unwrap();
    files.delete(&uploader, &asset.asset_id).await.unwrap();
    files.clock.advance(ASK_EVERY);
    assert!(!rest(slow).await.1);
}
