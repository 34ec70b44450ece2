//! One guest's first visit, from end to end.
//!
//! Owns the steps of the product's main job as a client app takes them. The demo narrates each with what it sent and
//! saw; the tests run the same steps. A step that does not go as it should is an error that says what was seen.

use std::io::Cursor;
use std::time::Duration;

use anyhow::{Context, ensure};
use bytes::Bytes;
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::crmsync::v1 as crm;
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::spaces::v1 as spaces;
use tonic::{Code, Status};
use uuid::Uuid;

use crate::api::{Api, with_key, with_token};
use crate::environment::Environment;
use crate::outside::{Outside, within};

/// Passwords of demo and test accounts: long, and in no list.
pub const PASSWORD: &str = xtask::demo::PASSWORD;

const PATIENCE: Duration = Duration::from_secs(60);
const CHUNK_BYTES: usize = 64 * 1024;

/// The people of an organisation that a journey is made with.
#[derive(Clone, Debug)]
pub struct Accounts {
    /// The organisation's slug.
    pub organization: String,
    /// Its admin's address.
    pub admin: String,
    /// Two members' addresses.
    pub members: [String; 2],
}

impl Accounts {
    /// Returns the accounts that an organisation of this slug is seeded with.
    pub fn of(organization: &str) -> Self {
        let at = |name: &str| format!("{name}@{organization}.example");
        Self { organization: organization.to_owned(), admin: at("ada"), members: [at("mia"), at("noah")] }
    }
}

/// Somebody signed in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who.
    pub user_id: String,
    /// What they hold.
    pub tokens: identity::Tokens,
}

impl Session {
    /// Returns the access token.
    pub fn token(&self) -> &str {
        &self.tokens.access_token
    }
}

/// Takes the steps.
#[derive(Clone, Debug)]
pub struct Journey {
    /// Clients of all services.
    pub api: Api,
    /// Mailbox and CRM.
    pub outside: Outside,
    environment: Environment,
}

impl Journey {
    /// Returns a journey through a running system.
    pub fn new(environment: &Environment) -> anyhow::Result<Self> {
        Ok(Self {
            api: Api::connect(environment)?,
            outside: Outside::new(environment)?,
            environment: environment.clone(),
        })
    }

    /// Step 1: an operator creates an organisation with an admin and two members. What exists already stays.
    pub async fn found(
        &self,
        accounts: &Accounts,
        name: &str,
        locale: &str,
        plan: identity::Plan,
    ) -> anyhow::Result<()> {
        let admin = new_member(&accounts.admin, "Ada Admin", locale);
        let request = identity::CreateOrganizationRequest {
            slug: accounts.organization.clone(),
            display_name: name.to_owned(),
            plan: plan.into(),
            locale: locale.to_owned(),
            admin: Some(admin),
            base_url: String::new(),
        };
        let token = self.environment.operator_token()?;
        let key = format!("found-{}", accounts.organization);
        let created =
            self.api.organizations.clone().create_organization(with_key(request, &token, &key)).await;
        unless_exists(created.map(drop))?;
        let admin = self.sign_in(&accounts.organization, &accounts.admin).await?;
        for (address, name) in accounts.members.iter().zip(["Mia Meyer", "Noah Novak"]) {
            let member = Some(new_member(address, name, locale));
            let request = identity::CreateMemberRequest { member, role: identity::Role::Member.into() };
            let created =
                self.api.organizations.clone().create_member(with_token(request, admin.token())).await;
            unless_exists(created.map(drop))?;
        }
        Ok(())
    }

    /// Step 2: somebody signs in with address and password.
    pub async fn sign_in(&self, organization: &str, address: &str) -> anyhow::Result<Session> {
        let request = identity::SignInWithPasswordRequest {
            organization: organization.to_owned(),
            email_address: address.to_owned(),
            password: PASSWORD.to_owned(),
            device: None,
        };
        let answer = self.api.sign_in.clone().sign_in_with_password(request).await?.into_inner();
        Ok(Session { user_id: answer.user_id, tokens: answer.tokens.context("no tokens")? })
    }

    /// Step 3, first half: the admin connects the CRM once; a member finds the customer's Account.
    pub async fn find_account(
        &self,
        admin: &Session,
        member: &Session,
    ) -> anyhow::Result<(crm::Connection, crm::CrmRecord)> {
        let connection = self.connect_crm(admin).await?;
        let request = crm::SearchAccountsRequest {
            connection_id: connection.connection_id.clone(),
            query: "Contoso".to_owned(),
        };
        let found = self.api.records.clone().search_accounts(with_token(request, member.token())).await?;
        let account = found.into_inner().accounts.into_iter().next().context("the CRM knows no Contoso")?;
        Ok((connection, account))
    }

    async fn connect_crm(&self, admin: &Session) -> anyhow::Result<crm::Connection> {
        let mut connections = self.api.connections.clone();
        let list = within(PATIENCE, "crm-sync's knowledge of the organisation", async || {
            let request = with_token(crm::ListConnectionsRequest::default(), admin.token());
            Ok(Some(connections.list_connections(request).await?.into_inner()))
        })
        .await?;
        if let Some(connection) = list.connections.into_iter().next() {
            return Ok(connection);
        }
        let request = crm::StartConnectionRequest {
            provider: crm::CrmProvider::Salesforce.into(),
            display_name: "Salesforce".to_owned(),
            login_url: self.outside.salesforce().to_owned(),
            ..crm::StartConnectionRequest::default()
        };
        let started = connections.start_connection(with_token(request, admin.token())).await?.into_inner();
        let (code, state) = self.outside.approve(&started.authorization_url).await?;
        let request = crm::CompleteConnectionRequest { code, state };
        let completed = connections.complete_connection(with_token(request, admin.token())).await?;
        completed.into_inner().connection.context("no connection")
    }

    /// Step 3, second half: a member creates a space, its creation to be logged to an Account.
    pub async fn create_space(
        &self,
        member: &Session,
        title: &str,
        address: &str,
        target: Option<(&crm::Connection, &crm::CrmRecord)>,
    ) -> anyhow::Result<spaces::Space> {
        let crm_target = target.map(|(connection, account)| spaces::CrmTarget {
            connection_id: connection.connection_id.clone(),
            record_type: spaces::CrmRecordType::Account.into(),
            record_id: account.record_id.clone(),
            record_name: account.display_name.clone(),
        });
        let request = spaces::CreateSpaceRequest {
            title: title.to_owned(),
            address: address.to_owned(),
            sharing: Some(spaces::SharingToggles { download: true, invite: false, upload: false }),
            description: "Welcome! Here you find **everything** about the offer.".to_owned(),
            crm_target,
            ..spaces::CreateSpaceRequest::default()
        };
        let key = fresh_key();
        let created = within(PATIENCE, "spaces' knowledge of the organisation", async || {
            let request = with_key(request.clone(), member.token(), &key);
            match self.api.spaces.clone().create_space(request).await {
                Ok(answer) => Ok(Some(answer.into_inner())),
                Err(status) if status.code() == Code::Unavailable => Ok(None),
                Err(status) => Err(status.into()),
            }
        })
        .await?;
        created.space.context("no space")
    }

    /// Step 4: a logo is uploaded in chunks and shown in the space's header.
    pub async fn show_logo(
        &self,
        member: &Session,
        space_id: &str,
        png: &[u8],
    ) -> anyhow::Result<spaces::Space> {
        let logo = self.upload_logo(member, space_id, "contoso.png", png).await?;
        let request = spaces::SetCustomerLogoRequest { space_id: space_id.to_owned(), logo_id: logo.logo_id };
        let set = self.api.spaces.clone().set_customer_logo(with_token(request, member.token())).await?;
        set.into_inner().space.context("no space")
    }

    /// Uploads a file as a logo, in chunks.
    pub async fn upload_logo(
        &self,
        member: &Session,
        space_id: &str,
        file_name: &str,
        file: &[u8],
    ) -> Result<assets::Logo, Status> {
        let header =
            assets::UploadLogoHeader { space_id: space_id.to_owned(), file_name: file_name.to_owned() };
        let mut parts = vec![assets::upload_logo_request::Part::Header(header)];
        parts.extend(
            file.chunks(CHUNK_BYTES)
                .map(|chunk| assets::upload_logo_request::Part::Chunk(Bytes::copy_from_slice(chunk))),
        );
        let messages = parts.into_iter().map(|part| assets::UploadLogoRequest { part: Some(part) });
        let request = with_token(tokio_stream::iter(messages.collect::<Vec<_>>()), member.token());
        let answer = self.api.logos.clone().upload_logo(request).await?;
        answer.into_inner().logo.ok_or_else(|| Status::internal("no logo"))
    }

    /// Step 5: people are invited by address.
    pub async fn invite(
        &self,
        member: &Session,
        space_id: &str,
        addresses: &[&str],
        note: &str,
    ) -> Result<spaces::InviteParticipantsResponse, Status> {
        self.invite_with_key(member, space_id, addresses, note, &fresh_key()).await
    }

    /// Invites people with an idempotency key, for a client app that repeats the call.
    pub async fn invite_with_key(
        &self,
        member: &Session,
        space_id: &str,
        addresses: &[&str],
        note: &str,
        key: &str,
    ) -> Result<spaces::InviteParticipantsResponse, Status> {
        let request = spaces::InviteParticipantsRequest {
            space_id: space_id.to_owned(),
            email_addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
            personal_note: note.to_owned(),
            ..spaces::InviteParticipantsRequest::default()
        };
        let request = with_key(request, member.token(), key);
        Ok(self.api.participants.clone().invite_participants(request).await?.into_inner())
    }

    /// Returns the token of the invitation that an address received.
    pub async fn invitation_token(&self, address: &str, subject: &str) -> anyhow::Result<String> {
        let link = self.outside.wait_for_mail(address, subject).await?.link()?;
        Ok(link.fragment().context("the link has no fragment")?.to_owned())
    }

    /// Step 6, first half: the guest opens the link, sees what may be shown, agrees to the notice and comes in.
    pub async fn enter(
        &self,
        token: &str,
        name: &str,
    ) -> anyhow::Result<(identity::GetInvitationResponse, Session)> {
        let request = identity::GetInvitationRequest { token: token.to_owned(), locale: String::new() };
        let seen = self.api.invitations.clone().get_invitation(request).await?.into_inner();
        let notice = seen.privacy_notice.clone().context("no privacy notice")?;
        let request = identity::AcceptInvitationRequest {
            token: token.to_owned(),
            privacy_notice_id: notice.privacy_notice_id,
            consent_given: true,
            display_name: name.to_owned(),
            ..identity::AcceptInvitationRequest::default()
        };
        let accepted = self.api.invitations.clone().accept_invitation(request).await?.into_inner();
        let tokens = accepted.tokens.context("no tokens")?;
        Ok((seen, Session { user_id: accepted.user_id, tokens }))
    }

    /// Returns a space as somebody sees it.
    pub async fn get_space(&self, who: &Session, space_id: &str) -> Result<spaces::Space, Status> {
        let request = spaces::GetSpaceRequest { space_id: space_id.to_owned() };
        let answer = self.api.spaces.clone().get_space(with_token(request, who.token())).await?;
        answer.into_inner().space.ok_or_else(|| Status::internal("no space"))
    }

    /// Tries to change a space's title.
    pub async fn rename(&self, who: &Session, space_id: &str, title: &str) -> Result<spaces::Space, Status> {
        let request = spaces::UpdateSpaceRequest {
            space_id: space_id.to_owned(),
            update_mask: Some(prost_types::FieldMask { paths: vec!["title".to_owned()] }),
            title: title.to_owned(),
            ..spaces::UpdateSpaceRequest::default()
        };
        let answer = self.api.spaces.clone().update_space(with_token(request, who.token())).await?;
        answer.into_inner().space.ok_or_else(|| Status::internal("no space"))
    }

    /// Step 7: waits until the space's one log is in the CRM.
    pub async fn logged(&self, member: &Session, space_id: &str) -> anyhow::Result<crm::CrmLog> {
        within(PATIENCE, "the log of the creation", async || {
            let request =
                crm::ListLogsRequest { space_id: space_id.to_owned(), ..crm::ListLogsRequest::default() };
            let logs =
                self.api.logs.clone().list_logs(with_token(request, member.token())).await?.into_inner().logs;
            ensure!(logs.len() <= 1, "{} logs of one creation", logs.len());
            Ok(logs.into_iter().find(|log| log.state() == crm::LogState::Logged))
        })
        .await
    }

    /// Tells whether somebody is a member or a guest.
    pub async fn get_profile_kind(&self, who: &Session) -> Result<identity::PersonKind, Status> {
        let request = with_token(identity::GetProfileRequest {}, who.token());
        let answer = self.api.account.clone().get_profile(request).await?.into_inner();
        answer.person.map(|person| person.kind()).ok_or_else(|| Status::internal("no person"))
    }

    /// Lists who takes part.
    pub async fn participants(
        &self,
        who: &Session,
        space_id: &str,
    ) -> Result<Vec<spaces::Participant>, Status> {
        let request = spaces::ListParticipantsRequest {
            space_id: space_id.to_owned(),
            ..spaces::ListParticipantsRequest::default()
        };
        let answer =
            self.api.participants.clone().list_participants(with_token(request, who.token())).await?;
        Ok(answer.into_inner().participants)
    }
}

/// Returns an idempotency key that no earlier call has used.
pub fn fresh_key() -> String {
    #[expect(clippy::disallowed_methods, reason = "a client app makes its keys as it likes")]
    Uuid::now_v7().to_string()
}

/// Returns a word that no earlier run has used.
pub fn unique() -> String {
    fresh_key().replace('-', "").split_off(20)
}

/// Returns a PNG of a plain colour with some noise in it, so that it has a size worth chunking.
pub fn png(width: u32, height: u32) -> anyhow::Result<Vec<u8>> {
    let image = image::RgbaImage::from_fn(width, height, |x, y| {
        let noise = u8::try_from((x.wrapping_mul(2_654_435_761) ^ y.wrapping_mul(40_503)) >> 24).unwrap_or(0);
        image::Rgba([20, 90, noise, 255])
    });
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png)?;
    Ok(bytes.into_inner())
}

fn new_member(address: &str, name: &str, locale: &str) -> identity::NewMember {
    identity::NewMember {
        email_address: address.to_owned(),
        display_name: name.to_owned(),
        locale: locale.to_owned(),
        password: PASSWORD.to_owned(),
    }
}

fn unless_exists(result: Result<(), Status>) -> anyhow::Result<()> {
    match result {
        Err(status) if status.code() != Code::AlreadyExists => Err(status.into()),
        _ => Ok(()),
    }
}
