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

use crate::delivery::{Deliveries, Delivery, Mail, MailKind, Notice, Setback, Space, Told};
use crate::directory::{Directory, InvitationFor, Issued, SignInLink};
use crate::mail::{Addressee, Letter, Look, Moment, Mute, Page, Span, Visit, Words, compose};
use crate::organization::{Logos, Organization, Organizations};
use crate::unsubscribe::Links;

/// Writes messages.
pub(crate) struct Letters {
    deliveries: Deliveries,
    directory: Directory,
    organizations: Organizations,
    logos: Logos,
    links: Links,
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

/// What is known of a mail before it is given its look.
enum Draft {
    Words(Box<Drafted>),
    Arrived,
    NotDue,
}

/// A mail's words and whom they are for.
struct Drafted {
    to: Addressee,
    words: Words,
    /// The organisation's name as told with the words; empty where it was not.
    organization: String,
}

impl Draft {
    fn new(to: impl Into<Addressee>, words: Words) -> Self {
        Self::told(to, words, "")
    }

    fn told(to: impl Into<Addressee>, words: Words, organization: &str) -> Self {
        Self::Words(Box::new(Drafted { to: to.into(), words, organization: organization.to_owned() }))
    }
}

impl Letters {
    /// Returns what writes messages from a sender.
    pub(crate) fn new(
        deliveries: Deliveries,
        directory: Directory,
        organizations: Organizations,
        logos: Logos,
        links: Links,
        from: Mailbox,
    ) -> Self {
        Self { deliveries, directory, organizations, logos, links, from }
    }

    /// Asks identity and writes the message. `told` keeps what identity said even where it then cannot be written.
    pub(crate) async fn write(
        &self,
        organization_id: OrganizationId,
        delivery: &Delivery,
        mail: &Mail,
        told: &mut Told,
    ) -> Result<Ready, Setback> {
        let drafted = match self.draft(organization_id, delivery, mail, told).await? {
            Draft::Words(drafted) => *drafted,
            Draft::Arrived => return Ok(Ready::Arrived),
            Draft::NotDue => return Ok(Ready::NotDue),
        };
        let Drafted { to, words, organization: name } = drafted;
        told.email_address = Some(to.email_address.clone());
        let organization = self.organizations.find(organization_id).await;
        let organization =
            organization.map_err(|_| Setback::passing("the organisation could not be read"))?;
        let mute = match mail.space() {
            Some(space) => self.mute(organization_id, delivery, space, organization.as_ref(), &words)?,
            None => None,
        };
        let name = organization.map_or(name, |organization| organization.display_name);
        let colors = mail.space().and_then(|space| space.colors.as_ref());
        let look = Look::new(&name, colors, self.logos.find(organization_id).await);
        compose(&self.from, &to, delivery, &Page { words, look, mute }).map(Ready::Letter)
    }

    async fn draft(
        &self,
        organization_id: OrganizationId,
        delivery: &Delivery,
        mail: &Mail,
        told: &mut Told,
    ) -> Result<Draft, Setback> {
        match mail {
            Mail::GuestInvitation { space, invitation_id, inviter_user_id, inviter, recipient, note } => {
                let wanted =
                    invitation_for(organization_id, delivery, space, *invitation_id, *inviter_user_id)?;
                let words = |link: &str| Words::guest_invitation(&space.title, inviter, note, link);
                Ok(self.personal(wanted, recipient, words).await?.unwrap_or(Draft::Arrived))
            }
            Mail::Reminder { space, invitation_id, inviter_user_id, inviter, recipient } => {
                let wanted =
                    invitation_for(organization_id, delivery, space, *invitation_id, *inviter_user_id)?;
                let words = |link: &str| Words::reminder(&space.title, inviter, link);
                // Who came in by the invitation's own mail needs no reminder.
                Ok(self.personal(wanted, recipient, words).await?.unwrap_or(Draft::NotDue))
            }
            Mail::AccessGranted { space, invitation: Some(invitation), granter, recipient } => {
                let (id, granter_user_id) = (invitation.invitation_id, invitation.granter_user_id);
                let wanted = invitation_for(organization_id, delivery, space, id, granter_user_id)?;
                let words = |link: &str| Words::access_granted(&space.title, granter, true, link);
                Ok(self.personal(wanted, recipient, words).await?.unwrap_or(Draft::Arrived))
            }
            Mail::AccessDeclined { space, email_address, recipient: _, locale } => {
                // The name is what somebody typed who need not own the address.
                let to = Addressee::new(email_address.clone(), String::new(), Locale::of(locale));
                Ok(Draft::new(to, Words::access_declined(&space.title)))
            }
            Mail::AccountLink { sign_in_link_id, expire_time: _ } => {
                let Some(link) = self.link(organization_id, *sign_in_link_id, told).await? else {
                    return Ok(Draft::NotDue);
                };
                let words = words_of_link(&link)?;
                Ok(Draft::told(link.person, words, &link.organization))
            }
            Mail::SecurityNotice { notice, organization, device, event_time } => {
                let person = self.person(organization_id, delivery).await?;
                let moment = self.moment(organization_id, *event_time, &person.time_zone).await?;
                Ok(Draft::told(person, words_of_notice(*notice, device, moment), organization))
            }
            Mail::VisitSummary { space, visitor, start_time, end_time, opened, downloaded } => {
                let person = self.person(organization_id, delivery).await?;
                let visit = Visit {
                    title: &space.title,
                    visitor,
                    start: self.moment(organization_id, *start_time, &person.time_zone).await?,
                    span: Span::between(*start_time, *end_time),
                    opened,
                    downloaded,
                };
                Ok(Draft::new(person, Words::visit_summary(&visit, &space.url)?))
            }
            mail => {
                let words = words_of_space(mail)?;
                Ok(Draft::new(self.person(organization_id, delivery).await?, words))
            }
        }
    }

    /// Drafts a mail that carries a guest's own link. Nothing: the guest has come in.
    async fn personal(
        &self,
        wanted: InvitationFor,
        recipient: &str,
        words: impl FnOnce(&str) -> Result<Words, Setback>,
    ) -> Result<Option<Draft>, Setback> {
        let Issued::Link(issued) = self.directory.issue_invitation(wanted).await? else {
            return Ok(None);
        };
        let to = Addressee::new(issued.email_address, recipient.to_owned(), Locale::of(&issued.locale));
        Ok(Some(Draft::told(to, words(&issued.url)?, &issued.organization_display_name)))
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
            LinkPurpose::RequestAccess => MailKind::RequestLink,
            LinkPurpose::Unspecified => {
                return Err(Setback::permanent("identity did not say what the link is for"));
            }
        };
        told.kind = Some(kind);
        told.recipient_user_id = link.user_id;
        Ok(Some(link))
    }

    /// Returns how the mail is muted; nothing where it cannot be (R12.2, R12.3).
    fn mute(
        &self,
        organization_id: OrganizationId,
        delivery: &Delivery,
        space: &Space,
        organization: Option<&Organization>,
        words: &Words,
    ) -> Result<Option<Mute>, Setback> {
        let Some(setting) = words.kind().muted_by() else { return Ok(None) };
        let user_id = recipient_of(delivery)?;
        let base_url = organization.map_or_else(|| base_of(&space.url), |found| found.base_url.as_str());
        let links = self.links.of(organization_id, space.space_id, user_id, setting, base_url);
        let settings = format!("{}/settings", space.url);
        Mute::try_new(&links.one_click, &links.page, &settings).map(Some)
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

fn invitation_for(
    organization_id: OrganizationId,
    delivery: &Delivery,
    space: &Space,
    invitation_id: Uuid,
    inviter_user_id: UserId,
) -> Result<InvitationFor, Setback> {
    let user_id = recipient_of(delivery)?;
    Ok(InvitationFor { organization_id, invitation_id, space_id: space.space_id, user_id, inviter_user_id })
}

/// The address of a space is that of the web client, the organisation's part and its own.
fn base_of(space_url: &str) -> &str {
    let organization_url = space_url.rsplit_once('/').map_or(space_url, |(rest, _)| rest);
    organization_url.rsplit_once('/').map_or(organization_url, |(rest, _)| rest)
}

/// The words of mails that say what their event told, and lead to the space itself.
fn words_of_space(mail: &Mail) -> Result<Words, Setback> {
    match mail {
        Mail::ColleagueInvitation { space, inviter, note } => {
            Words::colleague_invitation(&space.title, inviter, note, &space.url)
        }
        Mail::InvitationAccepted { space, person, inviter } => {
            Words::invitation_accepted(&space.title, person, inviter.as_deref(), &space.url)
        }
        Mail::AccessRequested { space, requests, more } => {
            let words = Words::access_requested(&space.title, requests, &format!("{}/people", space.url));
            Ok(words?.and_more(*more))
        }
        Mail::AccessGranted { space, granter, .. } => {
            Words::access_granted(&space.title, granter, false, &space.url)
        }
        Mail::NewJoiner { space, people, more } => {
            Ok(Words::new_joiner(&space.title, people, &space.url)?.and_more(*more))
        }
        Mail::NewComment { space, comments, more } => {
            Ok(Words::new_comment(&space.title, comments, &space.url)?.and_more(*more))
        }
        Mail::NewContent { space, items, more } => {
            Ok(Words::new_content(&space.title, items, &space.url)?.and_more(*more))
        }
        Mail::GuestInvitation { .. }
        | Mail::Reminder { .. }
        | Mail::AccessDeclined { .. }
        | Mail::AccountLink { .. }
        | Mail::VisitSummary { .. }
        | Mail::SecurityNotice { .. } => Err(Setback::permanent("the mail says more than its event told")),
    }
}

fn words_of_link(link: &SignInLink) -> Result<Words, Setback> {
    match link.purpose {
        LinkPurpose::ResetPassword => Words::password_reset(&link.url),
        LinkPurpose::RequestAccess => Words::request_link(&link.url),
        LinkPurpose::SignIn | LinkPurpose::Unspecified => Words::sign_in_link(&link.code, &link.url),
    }
}

fn words_of_notice(notice: Notice, device: &str, moment: Moment) -> Words {
    match notice {
        Notice::NewDevice => Words::new_device(device, moment),
        Notice::PasswordChanged => Words::password_changed(device, moment),
        Notice::SessionReused => Words::session_reused(device, moment),
    }
}
