//! Writing the message of a planned mail.
//!
//! Owns which words go with which mail, and what identity is asked for them. The links and codes it learns go into the
//! message and nowhere else.

use chrono::{DateTime, Utc};
use lettre::message::Mailbox;
use service_kit::ids::{OrganizationId, UserId};
use service_kit::locale::Locale;
use sharedspaces_proto::identity::v1::{LinkPurpose, Person};
use uuid::Uuid;

use crate::delivery::{Deliveries, Delivery, Mail, MailKind, Notice, Setback, Told};
use crate::directory::{Directory, InvitationFor, Issued, SignInLink};
use crate::mail::{Addressee, Letter, Moment, Words, compose};

/// Writes messages.
pub(crate) struct Letters {
    deliveries: Deliveries,
    directory: Directory,
    from: Mailbox,
}

/// What there is to send.
pub(crate) enum Ready {
    /// A message.
    Letter(Letter),
    /// Nothing any more: what the mail was for has happened, so it arrived.
    Arrived,
    /// Nothing: the mail's link is not to be had.
    NotDue,
}

impl Letters {
    /// Returns what writes messages from a sender.
    pub(crate) fn new(deliveries: Deliveries, directory: Directory, from: Mailbox) -> Self {
        Self { deliveries, directory, from }
    }

    /// Asks identity and writes the message. `told` keeps what identity said even where it then cannot be written.
    pub(crate) async fn write(
        &self,
        organization_id: OrganizationId,
        delivery: &Delivery,
        mail: &Mail,
        told: &mut Told,
    ) -> Result<Ready, Setback> {
        let (to, words) = match mail {
            Mail::GuestInvitation { space, invitation_id, inviter_user_id, inviter, recipient, note } => {
                let wanted = InvitationFor {
                    organization_id,
                    invitation_id: *invitation_id,
                    space_id: space.space_id,
                    user_id: recipient_of(delivery)?,
                    inviter_user_id: *inviter_user_id,
                };
                let Issued::Link(issued) = self.directory.issue_invitation(wanted).await? else {
                    return Ok(Ready::Arrived);
                };
                let locale = Locale::of(&issued.locale);
                let to = Addressee::new(issued.email_address, recipient.clone(), locale);
                let organization = issued.organization_display_name;
                (to, Words::guest_invitation(&space.title, inviter, &organization, note, &issued.url))
            }
            Mail::ColleagueInvitation { space, inviter, note } => {
                let person = self.person(organization_id, delivery).await?;
                (person.into(), Words::colleague_invitation(&space.title, inviter, note, &space.url))
            }
            Mail::InvitationAccepted { space, person, inviter } => {
                let recipient = self.person(organization_id, delivery).await?;
                let words = Words::invitation_accepted(&space.title, person, inviter.as_deref(), &space.url);
                (recipient.into(), words)
            }
            Mail::AccountLink { sign_in_link_id, expire_time: _ } => {
                let Some(link) = self.link(organization_id, *sign_in_link_id, told).await? else {
                    return Ok(Ready::NotDue);
                };
                let words = words_of_link(&link);
                (link.person.into(), words)
            }
            Mail::SecurityNotice { notice, organization, device, event_time } => {
                let person = self.person(organization_id, delivery).await?;
                let moment = self.moment(organization_id, *event_time, &person.time_zone).await?;
                (person.into(), Ok(words_of_notice(*notice, organization, device, moment)))
            }
            Mail::Reminder { .. }
            | Mail::AccessRequested { .. }
            | Mail::AccessGranted { .. }
            | Mail::AccessDeclined { .. }
            | Mail::VisitSummary { .. }
            | Mail::NewJoiner { .. }
            | Mail::NewComment { .. }
            | Mail::NewContent { .. } => return Err(Setback::permanent("SKELETON")),
        };
        told.email_address = Some(to.email_address.clone());
        compose(&self.from, &to, delivery, &words?).map(Ready::Letter)
    }

    async fn person(&self, organization_id: OrganizationId, delivery: &Delivery) -> Result<Person, Setback> {
        self.directory.person(organization_id, recipient_of(delivery)?).await
    }

    async fn link(
        &self,
        organization_id: OrganizationId,
        sign_in_link_id: Uuid,
        told: &mut Told,
    ) -> Result<Option<SignInLink>, Setback> {
        let Some(link) = self.directory.find_sign_in_link(organization_id, sign_in_link_id).await? else {
            return Ok(None);
        };
        let kind = match link.purpose {
            LinkPurpose::SignIn => MailKind::SignInLink,
            LinkPurpose::ResetPassword => MailKind::PasswordReset,
            LinkPurpose::RequestAccess | LinkPurpose::Unspecified => {
                return Err(Setback::permanent("identity did not say what the link is for"));
            }
        };
        told.kind = Some(kind);
        told.recipient_user_id = Some(link.user_id);
        Ok(Some(link))
    }

    /// The time as the person's own clock shows it, or in UTC.
    async fn moment(
        &self,
        organization_id: OrganizationId,
        time: DateTime<Utc>,
        zone: &str,
    ) -> Result<Moment, Setback> {
        if zone.is_empty() {
            return Ok(Moment::utc(time));
        }
        let local = self.deliveries.find_local_time(organization_id, time, zone.to_owned()).await;
        let local = local.map_err(|_| Setback::passing("the time zone could not be looked up"))?;
        Ok(local.map_or_else(|| Moment::utc(time), |local| Moment::local(local, zone)))
    }
}

fn recipient_of(delivery: &Delivery) -> Result<UserId, Setback> {
    delivery.recipient_user_id.ok_or_else(|| Setback::permanent("the mail has no recipient"))
}

fn words_of_link(link: &SignInLink) -> Result<Words, Setback> {
    if link.purpose == LinkPurpose::ResetPassword {
        Words::password_reset(&link.organization, &link.url)
    } else {
        Words::sign_in_link(&link.organization, &link.code, &link.url)
    }
}

fn words_of_notice(notice: Notice, organization: &str, device: &str, moment: Moment) -> Words {
    match notice {
        Notice::NewDevice => Words::new_device(organization, device, moment),
        Notice::PasswordChanged => Words::password_changed(organization, device, moment),
        Notice::SessionReused => Words::session_reused(organization, device, moment),
    }
}
