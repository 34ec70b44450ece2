//! Uploads that are taken, and what becomes of them.

use futures_util::stream;
use sharedspaces_proto::assets::v1 as pb;
use tonic::Code;

use super::pictures;
use super::world::{World, fields, parts, reason};

const LIMIT_BYTES: usize = 5_242_880;

#[tokio::test]
async fn each_format_is_stored_and_shown_with_its_real_type() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let files = [
        (pictures::png(40, 20), pb::ImageFormat::Png, "image/png", "logo.png"),
        (pictures::jpeg(40, 20), pb::ImageFormat::Jpeg, "image/jpeg", "logo.jpg"),
        (pictures::webp(40, 20), pb::ImageFormat::Webp, "image/webp", "logo.webp"),
    ];
    for (file, format, content_type, name) in files {
        let logo = world.upload(&editor, space_id, &file).await.unwrap();
        assert_eq!((logo.format(), logo.width_px, logo.height_px), (format, 40, 20));
        assert_eq!(logo.space_id, space_id.to_string());
        assert!(logo.create_time.is_some());

        let shown = world.get(&editor, &logo.logo_id).await.unwrap();
        assert_eq!(shown.logo.as_ref(), Some(&logo));
        assert_eq!(shown.url_ttl.unwrap().seconds, 60);
        let answer = world.http.get(&shown.url).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        assert_eq!(answer.headers()["content-type"], content_type);
        assert_eq!(answer.headers()["content-disposition"], format!("inline; filename=\"{name}\"").as_str());
        assert_eq!(answer.content_length(), u64::try_from(logo.size_bytes).ok());
    }
    assert_eq!(world.count_rows("READY").await, 3);
    assert_eq!(world.count_objects(), 9);
}

#[tokio::test]
async fn a_file_of_5242880_bytes_is_taken_and_one_of_5242881_is_refused() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let refused = world.upload(&editor, space_id, &pictures::png_of_size(LIMIT_BYTES + 1)).await.unwrap_err();
    assert_eq!((refused.code(), reason(&refused).as_str()), (Code::InvalidArgument, "LOGO_TOO_LARGE"));
    assert_eq!(fields(&refused), [("chunk".to_owned(), "must have at most 5242880 bytes in all".to_owned())]);
    let refused = world.upload(&editor, space_id, &pictures::png_of_size(4 * LIMIT_BYTES)).await.unwrap_err();
    assert_eq!(reason(&refused), "LOGO_TOO_LARGE", "told while the client is still sending");
    assert_eq!((world.count_rows("PENDING").await, world.count_objects()), (0, 0));

    let taken = world.upload(&editor, space_id, &pictures::png_of_size(LIMIT_BYTES)).await.unwrap();
    assert_eq!((taken.width_px, taken.height_px), (8, 8));
}

#[tokio::test]
async fn metadata_and_what_is_appended_do_not_survive() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let secret = "taken at 48.8584 N <script>alert(1)</script>";
    let png =
        pictures::with_png_chunk(&pictures::png(16, 8), b"tEXt", format!("Comment\0{secret}").as_bytes());
    let png = pictures::with_png_chunk(&png, b"eXIf", &pictures::exif(1, secret));
    let jpeg = pictures::jpeg_with_exif(&pictures::jpeg(16, 8), &pictures::exif(1, secret));
    for mut file in [png, jpeg, pictures::webp(16, 8)] {
        file.extend_from_slice(b"PK\x03\x04");
        file.extend_from_slice(secret.as_bytes());
        let logo = world.upload(&editor, space_id, &file).await.unwrap();
        let stored = world.fetch(&editor, &logo.logo_id).await;
        assert_eq!(i64::try_from(stored.len()).unwrap(), logo.size_bytes);
    }
    let all = world.objects();
    assert_eq!(all.len(), 9, "three files, each in three sizes");
    for key in all {
        let stored = std::fs::read(world.bucket_dir().join(&key)).unwrap();
        for trace in ["48.8584", "<script>", "PK\x03\x04", "Exif", "eXIf", "tEXt"] {
            assert!(!pictures::contains(&stored, trace), "{trace} in {key}");
        }
    }
}

#[tokio::test]
async fn the_stored_hash_is_that_of_the_stored_object() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let logo = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap();
    let stored = world.fetch(&editor, &logo.logo_id).await;
    let noted: Vec<u8> = sqlx::query_scalar("SELECT sha256 FROM logos")
        .fetch_one(&world.database.superuser_pool())
        .await
        .unwrap();
    assert_eq!(noted, ring::digest::digest(&ring::digest::SHA256, &stored).as_ref());
}

#[tokio::test]
async fn the_same_idempotency_key_gives_the_same_logo() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let file = pictures::png(16, 8);
    let first = world.upload_with_key(&editor, space_id, &file, "one").await.unwrap();
    let again = world.upload_with_key(&editor, space_id, &file, "one").await.unwrap();
    let other = world.upload_with_key(&editor, space_id, &file, "two").await.unwrap();
    let mixed_up = world.upload_with_key(&editor, space_id, &pictures::png(8, 16), "one").await.unwrap_err();
    assert_eq!(mixed_up.code(), tonic::Code::InvalidArgument, "{mixed_up}");
    let renamed = stream::iter(parts(space_id, "other.png", &file));
    let mixed_up = world.send(&editor, Some("one"), renamed).await.unwrap_err();
    assert_eq!(mixed_up.code(), tonic::Code::InvalidArgument, "{mixed_up}");
    assert_eq!(again, first);
    assert_ne!(other.logo_id, first.logo_id);
    assert_eq!((world.count_rows("READY").await, world.count_rows("PENDING").await), (2, 3));
}

#[tokio::test]
async fn a_failing_object_store_is_told_as_unavailable_and_nothing_is_ready() {
    let world = World::new().await;
    let (editor, space_id) = world.editor();
    let faults = [
        r#"{"target":"s3","method":"PUT","status":500}"#,
        r#"{"target":"s3","method":"PUT","drop":true}"#,
        // The object is stored, its answer is lost.
        r#"{"target":"s3","method":"PUT","phase":"after_commit","drop":true}"#,
        // The object is gone when it is looked for.
        r#"{"target":"s3","method":"HEAD","status":404}"#,
        // The image is stored, one of its smaller sizes is not.
        r#"{"target":"s3","method":"PUT","path":".gallery","status":500}"#,
    ];
    for fault in faults {
        world.break_s3(fault).await;
        let refused = world.upload(&editor, space_id, &pictures::png(16, 8)).await.unwrap_err();
        assert_eq!(refused.code(), Code::Unavailable, "{fault}");
        assert_eq!(reason(&refused), "OBJECT_STORE_UNAVAILABLE");
    }
    assert_eq!((world.count_rows("READY").await, world.count_rows("PENDING").await), (0, 5));
    assert!(world.upload(&editor, space_id, &pictures::png(16, 8)).await.is_ok());
}
