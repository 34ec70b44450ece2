//! People and their profiles, both ways.

use sharedspaces_proto::identity::v1 as pb;

use crate::person::{Person, PersonKind};

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
