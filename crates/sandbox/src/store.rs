//! Owns what the object store of s3s-fs lacks: the list of uploads that are under way.
//!
//! Hands everything else on. Must not touch a file: it reads names alone.

use std::path::PathBuf;
use std::pin::Pin;
use std::time::SystemTime;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use s3s::dto::{
    ListMultipartUploadsInput, ListMultipartUploadsOutput, MultipartUpload, StorageClass, Timestamp,
};
use s3s::{S3, S3Request, S3Response, S3Result};
use s3s_fs::FileSystem;

/// A directory as an object store that lists its uploads.
#[derive(Debug)]
pub(crate) struct Directory {
    files: FileSystem,
    root: PathBuf,
}

impl Directory {
    /// Opens a directory that is there.
    pub(crate) fn open(root: PathBuf) -> anyhow::Result<Self> {
        let files = FileSystem::new(&root)
            .map_err(|error| anyhow::anyhow!("cannot open {}: {error:?}", root.display()))?;
        Ok(Self { files, root })
    }

    /// Finds the uploads of a bucket whose keys have a prefix, by the names of the files that s3s-fs keeps of them.
    fn uploads(&self, bucket: &str, prefix: &str) -> std::io::Result<Vec<MultipartUpload>> {
        let mut uploads = Vec::new();
        for entry in std::fs::read_dir(&self.root)? {
            let entry = entry?;
            let name = entry.file_name();
            let Some((of, key, upload_id)) = name.to_str().and_then(read_name) else { continue };
            if of == bucket && key.starts_with(prefix) {
                let begun =
                    entry.metadata().and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
                uploads.push(MultipartUpload {
                    key: Some(key),
                    upload_id: Some(upload_id.to_owned()),
                    initiated: Some(Timestamp::from(begun)),
                    storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
                    ..MultipartUpload::default()
                });
            }
        }
        uploads.sort_by(|one, other| (&one.key, &one.upload_id).cmp(&(&other.key, &other.upload_id)));
        Ok(uploads)
    }
}

/// Reads `.bucket-<base64>.object-<base64>.upload-<id>.metadata.json`.
fn read_name(name: &str) -> Option<(String, String, &str)> {
    let decoded = |text: &str| String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok();
    let name = name.strip_prefix(".bucket-")?.strip_suffix(".metadata.json")?;
    let (bucket, rest) = name.split_once(".object-")?;
    let (key, upload_id) = rest.split_once(".upload-")?;
    Some((decoded(bucket)?, decoded(key)?, upload_id))
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = S3Result<S3Response<T>>> + Send + 'a>>;

/// The trait's methods as its attribute writes them, handed on.
macro_rules! hand_on {
    ($($method:ident: $input:ident => $output:ident),* $(,)?) => {
        $(fn $method<'one, 'all>(&'one self, request: S3Request<s3s::dto::$input>) -> Answer<'all, s3s::dto::$output>
        where
            'one: 'all,
            Self: 'all,
        {
            self.files.$method(request)
        })*
    };
}

impl S3 for Directory {
    hand_on! {
        abort_multipart_upload: AbortMultipartUploadInput => AbortMultipartUploadOutput,
        complete_multipart_upload: CompleteMultipartUploadInput => CompleteMultipartUploadOutput,
        copy_object: CopyObjectInput => CopyObjectOutput,
        create_bucket: CreateBucketInput => CreateBucketOutput,
        create_multipart_upload: CreateMultipartUploadInput => CreateMultipartUploadOutput,
        delete_bucket: DeleteBucketInput => DeleteBucketOutput,
        delete_object: DeleteObjectInput => DeleteObjectOutput,
        delete_objects: DeleteObjectsInput => DeleteObjectsOutput,
        get_bucket_location: GetBucketLocationInput => GetBucketLocationOutput,
        get_object: GetObjectInput => GetObjectOutput,
        head_bucket: HeadBucketInput => HeadBucketOutput,
        head_object: HeadObjectInput => HeadObjectOutput,
        list_buckets: ListBucketsInput => ListBucketsOutput,
        list_objects: ListObjectsInput => ListObjectsOutput,
        list_objects_v2: ListObjectsV2Input => ListObjectsV2Output,
        list_parts: ListPartsInput => ListPartsOutput,
        put_object: PutObjectInput => PutObjectOutput,
        upload_part: UploadPartInput => UploadPartOutput,
        upload_part_copy: UploadPartCopyInput => UploadPartCopyOutput,
    }

    fn list_multipart_uploads<'one, 'all>(
        &'one self,
        request: S3Request<ListMultipartUploadsInput>,
    ) -> Answer<'all, ListMultipartUploadsOutput>
    where
        'one: 'all,
        Self: 'all,
    {
        Box::pin(async move {
            let ListMultipartUploadsInput { bucket, prefix, .. } = request.input;
            let found = self.uploads(&bucket, prefix.as_deref().unwrap_or_default());
            let uploads = found.map_err(s3s::S3Error::internal_error)?;
            Ok(S3Response::new(ListMultipartUploadsOutput {
                bucket: Some(bucket),
                prefix,
                is_truncated: Some(false),
                uploads: Some(uploads),
                ..ListMultipartUploadsOutput::default()
            }))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_is_read_from_the_name_that_is_kept_of_it_and_from_no_other() {
        let name = ".bucket-YWJj.object-YS9i.upload-0f.metadata.json";
        assert_eq!(read_name(name), Some(("abc".to_owned(), "a/b".to_owned(), "0f")));
        for other in [
            ".bucket-YWJj.object-YS9i.metadata.json",
            ".upload-0f.json",
            ".bucket-YWJj.object-YS9i.internal.json",
        ] {
            assert_eq!(read_name(other), None, "{other}");
        }
    }
}
