//! People and their profiles, both ways.

use service_kit::validate::Violations;
use sharedspaces_proto::identity::v1 as pb;

use super::mask::Mask;
use crate::person::{
    DISPLAY_NAME_MAX, GuestChange, OwnProfile, PROFILE_FIELD_MAX, Person, PersonKind, ProfileChange,
    TIME_ZONE_MAX, read_phone,
};
use service_kit::locale::Locale;

impl TryFrom<pb::UpdateProfileRequest> for ProfileChange {
    type Error = Violations;

    fn try_from(request: pb::UpdateProfileRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let change = read_change(&mut check, request);
        check.into_result().map(|()| change)
    }
}

impl TryFrom<pb::UpdateGuestProfileRequest> for GuestChange {
    type Error = Violations;

    fn try_from(request: pb::UpdateGuestProfileRequest) -> Result<Self, Violations> {
        let mut check = Violations::default();
        let organization_id = check.id("organization_id", &request.organization_id);
        let user_id = check.id("user_id", &request.user_id);
        let change = pb::UpdateProfileRequest {
            update_mask: request.update_mask,
            display_name: request.display_name,
            job_title: request.job_title,
            company: request.company,
            phone: request.phone,
            locale: request.locale,
            time_zone: request.time_zone,
        };
        let change = read_change(&mut check, change);
        check.into_result().map(|()| Self { organization_id, user_id, change })
    }
}

fn read_change(check: &mut Violations, request: pb::UpdateProfileRequest) -> ProfileChange {
    const FIELDS: &[&str] = &["display_name", "job_title", "company", "phone", "locale", "time_zone"];
    let mask = Mask::read(check, request.update_mask.unwrap_or_default().paths, FIELDS);
    ProfileChange {
        display_name: mask
            .value("display_name", |field| check.line(field, &request.display_name, 1, DISPLAY_NAME_MAX)),
        job_title: mask
            .value("job_title", |field| check.line(field, &request.job_title, 0, PROFILE_FIELD_MAX)),
        company: mask.value("company", |field| check.line(field, &request.company, 0, PROFILE_FIELD_MAX)),
        phone: mask.value("phone", |field| read_phone(check, field, &request.phone)),
        locale: mask.value("locale", |field| Locale::read(check, field, &request.locale)),
        time_zone: mask.value("time_zone", |field| check.line(field, &request.time_zone, 0, TIME_ZONE_MAX)),
    }
}

impl From<OwnProfile> for pb::GetProfileResponse {
    fn from(OwnProfile { person, has_password }: OwnProfile) -> Self {
        Self { person: Some((&person).into()), has_password }
    }
}

impl From<Person> for pb::UpdateProfileResponse {
    fn from(person: Person) -> Self {
        Self { person: Some((&person).into()) }
    }
}

impl From<Person> for pb::UpdateGuestProfileResponse {
    fn from(person: Person) -> Self {
        Self { person: Some((&person).into()) }
    }
}

impl From<&Person> for pb::Person {
    fn from(person: &Person) -> Self {
        let kind = match person.kind {
            PersonKind::Member => pb::PersonKind::Member,
            PersonKind::Guest => pb::PersonKind::Guest,
        };
        Self {
            user_id: person.user_id.to_string(),
            kind: kind.into(),
            email_address: person.email_address.as_str().to_owned(),
            display_name: person.display_name.clone(),
            locale: person.locale.as_str().to_owned(),
            job_title: person.job_title.clone(),
            company: person.company.clone(),
            phone: person.phone.clone(),
            time_zone: person.time_zone.clone(),
            is_deactivated: person.is_deactivated,
            consent_notice_version: person.consent_notice_version,
        }
    }
}
