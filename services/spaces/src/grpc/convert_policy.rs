//! Between the sharing policy on the wire and what the use cases know of it.

use service_kit::clock::timestamp;
use service_kit::validate::Violations;
use sharedspaces_proto::spaces::v1 as pb;

use super::convert::etag;
use crate::policy::{Policy, PolicyChange};

impl From<Policy> for pb::SharingPolicy {
    fn from(policy: Policy) -> Self {
        Self {
            allow_download: policy.allowed.download,
            allow_invite: policy.allowed.invite,
            allow_upload: policy.allowed.upload,
            etag: policy.version.to_string(),
            update_time: policy.update_time.map(timestamp),
        }
    }
}

impl From<Policy> for pb::GetSharingPolicyResponse {
    fn from(policy: Policy) -> Self {
        Self { sharing_policy: Some(policy.into()) }
    }
}

impl From<Policy> for pb::UpdateSharingPolicyResponse {
    fn from(policy: Policy) -> Self {
        Self { sharing_policy: Some(policy.into()) }
    }
}

impl TryFrom<pb::UpdateSharingPolicyRequest> for PolicyChange {
    type Error = Violations;

    fn try_from(request: pb::UpdateSharingPolicyRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let mut change = Self { version: etag(&mut check, &request.etag), ..Self::default() };
        let paths = request.update_mask.unwrap_or_default().paths;
        if paths.is_empty() {
            check.add("update_mask", "must name at least one of allow_download, allow_invite, allow_upload");
        }
        for path in &paths {
            match path.as_str() {
                "allow_download" => change.download = Some(request.allow_download),
                "allow_invite" => change.invite = Some(request.allow_invite),
                "allow_upload" => change.upload = Some(request.allow_upload),
                other => check.add(
                    "update_mask",
                    format!("must name only allow_download, allow_invite, allow_upload, not {other:?}"),
                ),
            }
        }
        check.into_result()?;
        Ok(change)
    }
}
