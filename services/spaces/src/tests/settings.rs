//! Which mails of a space people get, and who still gets one.

use service_kit::caller::{Call, Caller};
use service_kit::ids::UserId;
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::participant_service_server::ParticipantService;
use tonic::{Code, Request};

use super::requests::from;
use super::world::{Service, new_id};
use crate::grpc::ParticipantGrpc;
use crate::participant::{Mute, MuteableMail, OwnSettings, ParticipantError, RecipientQuestion};
use crate::space::{Notifications, SpaceChange};

const MAILS: [MuteableMail; 4] = [
    MuteableMail::VisitSummaries,
    MuteableMail::NewJoiners,
    MuteableMail::Comments,
    MuteableMail::NewContent,
];

struct Stage {
    service: Service,
    owner: Caller,
    guest: Caller,
    space_id: service_kit::ids::SpaceId,
}

async fn stage() -> Stage {
    let service = Service::start().await;
    let owner = service.member_of_new_organization(true).await;
    service.know_member(&owner, "olga").await;
    let space_id = service.space(&owner, "Room").await;
    let guest = service.participant(&owner, space_id, "gina@buyer.example").await;
    Stage { service, owner, guest, space_id }
}

impl Stage {
    async fn gets(&self, mail: Option<MuteableMail>) -> Vec<UserId> {
        let question = RecipientQuestion {
            organization_id: self.owner.organization_id,
            space_id: self.space_id,
            user_ids: vec![self.owner.user_id, self.guest.user_id, new_id().into()],
            mail,
        };
        self.service.participants.check_recipients(question).await.unwrap()
    }

    async fn mute(&self, who: &Caller, mail: MuteableMail) {
        let (organization_id, user_id) = (who.organization_id, who.user_id);
        let mute = Mute { organization_id, space_id: self.space_id, user_id, mail };
        let _muted: pb::MuteNotificationsResponse =
            self.service.participants.mute(&Call::internal("notifications"), mute).await.unwrap();
    }
}

#[tokio::test]
async fn the_spaces_defaults_hold_until_somebody_chooses_their_own() {
    let Stage { service, owner, guest, space_id } = stage().await;
    let of = async |who: &Caller| service.participants.settings(who, space_id).await.unwrap();
    let member = of(&owner).await;
    assert!(member.visit_summaries && member.new_joiners && member.comments && member.new_content);
    let visitor = of(&guest).await;
    assert!(!visitor.visit_summaries, "guests have none");
    assert!(visitor.new_joiners && visitor.comments && visitor.new_content);
    let own = OwnSettings { comments: Some(true), new_content: Some(false), ..OwnSettings::default() };
    let _saved: pb::UpdateNotificationSettingsResponse =
        service.participants.update_settings(&testkit::call(&owner), space_id, own).await.unwrap();
    let none = Notifications { visit_summaries: false, new_joiners: false, comments: false };
    let change = SpaceChange { notifications: Some(none), ..SpaceChange::default() };
    let _off: pb::UpdateSpaceResponse =
        service.spaces.update(&testkit::call(&owner), space_id, change).await.unwrap();
    let member = of(&owner).await;
    assert!(member.comments, "one's own choice outlives the default");
    assert!(!member.visit_summaries && !member.new_joiners && !member.new_content);
    assert!(!of(&guest).await.comments);
    let admin = testkit::caller_of(owner.organization_id, service_kit::caller::CallerKind::Admin);
    let nobody = service.participants.settings(&admin, space_id).await;
    assert!(matches!(nobody, Err(ParticipantError::SpaceNotFound)), "who takes no part gets no mails");
}

#[tokio::test]
async fn settings_are_changed_by_known_names_and_guests_have_no_visit_summaries() {
    let Stage { service, owner, guest, space_id } = stage().await;
    let grpc = ParticipantGrpc { participants: service.participants.clone() };
    let update = async |who: &Caller, paths: &[&str]| {
        let request = pb::UpdateNotificationSettingsRequest {
            space_id: space_id.to_string(),
            update_mask: Some(prost_types::FieldMask {
                paths: paths.iter().map(|path| (*path).to_owned()).collect(),
            }),
            settings: Some(pb::NotificationSettings::default()),
        };
        let method = "ParticipantService/UpdateNotificationSettings";
        grpc.update_notification_settings(from(who, method, request)).await
    };
    for (who, paths, words) in [
        (&owner, &[][..], "update_mask"),
        (&owner, &["mails"], "update_mask"),
        (&guest, &["comments", "visit_summaries"], "settings.visit_summaries"),
    ] {
        let refused = update(who, paths).await.unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument);
        assert!(refused.message().contains(words), "{refused}");
    }
    assert!(service.participants.settings(&guest, space_id).await.unwrap().comments, "nothing was changed");
    update(&guest, &["comments"]).await.unwrap();
    assert!(!service.participants.settings(&guest, space_id).await.unwrap().comments);
    update(&owner, &["visit_summaries"]).await.unwrap();
}

#[tokio::test]
async fn muting_by_the_link_of_a_mail_stays_and_repeating_it_changes_nothing() {
    let stage = stage().await;
    for mail in MAILS {
        for who in [&stage.owner, &stage.guest] {
            assert_eq!(
                stage.gets(Some(mail)).await.contains(&who.user_id),
                who.user_id == stage.owner.user_id || mail != MuteableMail::VisitSummaries
            );
            stage.mute(who, mail).await;
            stage.mute(who, mail).await;
            assert!(!stage.gets(Some(mail)).await.contains(&who.user_id), "{mail:?}");
        }
    }
    assert_eq!(stage.gets(None).await, [stage.owner.user_id, stage.guest.user_id]);
    let stranger = testkit::caller_of(stage.owner.organization_id, service_kit::caller::CallerKind::Guest);
    stage.mute(&stranger, MuteableMail::Comments).await;
    // Who leaves and comes back is as muted as before.
    let participants = &stage.service.participants;
    let _left: pb::LeaveSpaceResponse =
        participants.leave(&testkit::call(&stage.guest), stage.space_id).await.unwrap();
    stage.service.participant(&stage.owner, stage.space_id, "gina@buyer.example").await;
    assert!(!stage.gets(Some(MuteableMail::Comments)).await.contains(&stage.guest.user_id));
}

#[tokio::test]
async fn who_is_out_or_without_consent_gets_no_mail_nor_anybody_of_a_space_that_is_not_open() {
    let stage = stage().await;
    let both = [stage.owner.user_id, stage.guest.user_id];
    assert_eq!(stage.gets(None).await, both);
    let set = async |sql: &str| stage.service.sql(sql).await;
    let guest = stage.guest.user_id;
    for (shut, open) in [
        ("people SET consent_withdraw_time = now()", "people SET consent_withdraw_time = NULL"),
        ("people SET is_deactivated = true", "people SET is_deactivated = false"),
        ("participants SET state = 'REVOKED'", "participants SET state = 'ACTIVE'"),
        ("participants SET state = 'LEFT'", "participants SET state = 'ACTIVE'"),
    ] {
        set(&format!("UPDATE {shut} WHERE user_id = '{guest}'")).await;
        for mail in [None, Some(MuteableMail::Comments)] {
            assert_eq!(stage.gets(mail).await, [stage.owner.user_id], "{shut}");
        }
        set(&format!("UPDATE {open} WHERE user_id = '{guest}'")).await;
    }
    set("UPDATE organizations SET required_notice_version = 2").await;
    assert_eq!(stage.gets(None).await, [stage.owner.user_id], "a newer notice has to be agreed to");
    // An invitation asks for consent: it goes out without. Nothing else does.
    set(&format!("UPDATE participants SET state = 'INVITED' WHERE user_id = '{guest}'")).await;
    assert_eq!(stage.gets(None).await, both);
    assert_eq!(stage.gets(Some(MuteableMail::NewJoiners)).await, [stage.owner.user_id]);
    set("UPDATE spaces SET state = 'ARCHIVED', archive_time = now()").await;
    assert!(stage.gets(None).await.is_empty());
}

#[tokio::test]
async fn a_question_for_recipients_takes_200_people_and_muting_a_known_kind_of_mail() {
    let Stage { service, owner, space_id, .. } = stage().await;
    let grpc = ParticipantGrpc { participants: service.participants.clone() };
    let ask = |count: usize| pb::CheckRecipientsRequest {
        organization_id: owner.organization_id.to_string(),
        space_id: space_id.to_string(),
        user_ids: (0..count).map(|_| new_id().to_string()).collect(),
        mail: 0,
    };
    grpc.check_recipients(Request::new(ask(200))).await.unwrap();
    let refused = grpc.check_recipients(Request::new(ask(201))).await.unwrap_err();
    assert!(refused.message().contains("user_ids"), "{refused}");
    for mail in [0, 9] {
        let request = pb::MuteNotificationsRequest {
            organization_id: owner.organization_id.to_string(),
            space_id: space_id.to_string(),
            user_id: owner.user_id.to_string(),
            mail,
        };
        let method = "ParticipantService/MuteNotifications";
        let refused = grpc.mute_notifications(from(&owner, method, request)).await.unwrap_err();
        assert!(refused.message().contains("mail: must be a kind of mail"), "{refused}");
    }
}
