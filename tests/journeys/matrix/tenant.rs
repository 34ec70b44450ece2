//! One organisation with an object of every kind, each with a canary in what it says.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use journeys::api::with_token;
use journeys::outside::within;
use journeys::room::readable_colors;
use journeys::visit::{Accounts, Journey, Session, fresh_key, png, unique};
use journeys::world::World;
use messaging::Event;
use prost_reflect::FieldDescriptor;
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::crmsync::v1 as crm;
use sharedspaces_proto::identity::events::v1::OrganizationUpdated;
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::notifications::v1 as notifications;
use sharedspaces_proto::spaces::events::v1::LogoPlaced;
use sharedspaces_proto::spaces::v1 as spaces;
use sqlx::PgPool;
use uuid::Uuid;

use super::kinds::Kind;

const PATIENCE: Duration = Duration::from_secs(60);
/// Somebody whom the CRM knows.
const CONTACT: &str = "nora.field@contoso.test";

/// The event that each service that runs jobs has given up.
const DEAD_EVENTS: [(&str, &str); 4] = [
    ("spaces", OrganizationUpdated::ROUTING_KEY),
    ("assets", LogoPlaced::ROUTING_KEY),
    ("notifications", OrganizationUpdated::ROUTING_KEY),
    ("crm-sync", OrganizationUpdated::ROUTING_KEY),
];

/// An organisation as the matrix uses it.
pub(crate) struct Tenant {
    pub(crate) slug: String,
    pub(crate) organization_id: String,
    /// Owns the space, and is the organisation's admin.
    pub(crate) admin: Session,
    /// Takes part in the space.
    pub(crate) guest: Session,
    /// A link that was not used yet.
    invitation_token: String,
    /// The CRM's own.
    record_id: String,
    /// That of a person in it.
    contact_id: String,
    /// Where the CRM's sign-in is.
    login_url: String,
    ids: BTreeMap<Kind, String>,
}

impl Tenant {
    /// Returns the id of this organisation's object of a kind.
    pub(crate) fn id(&self, kind: Kind) -> &str {
        self.ids.get(&kind).unwrap()
    }

    /// Returns what this organisation's client would write into a field that is no id; nothing: it leaves it empty.
    pub(crate) fn text(&self, field: &FieldDescriptor) -> Option<String> {
        let message = field.parent_message().name().to_owned();
        let text = match field.name() {
            "organization_id" => &self.organization_id,
            "record_id" if message == "LogPerson" => &self.contact_id,
            "record_id" => &self.record_id,
            // Invitations that are logged go to people of the CRM alone.
            "email_addresses" if message == "InviteParticipantsRequest" => CONTACT,
            // With an address, only mails to that one.
            "email_address" if message == "ListDeliveriesRequest" => return None,
            "organization" => &self.slug,
            "token" => &self.invitation_token,
            "title" | "display_name" | "record_name" => "Written by the matrix",
            "name" => return Some(format!("Matrix {}", unique())),
            "email_address" | "email_addresses" => return Some(format!("m{}@buyer.example", unique())),
            "locale" => "en",
            "query" if message == "SearchPeopleRequest" => "Nora",
            "query" if message.starts_with("Search") && message != "SearchMembersRequest" => "Contoso",
            // An item is a link or a file; this one is a file.
            "url" if message == "AddItemRequest" => return None,
            "url" => "https://www.example.com/",
            "login_url" => &self.login_url,
            "file_name" => "matrix.txt",
            "sha256" => "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "background" | "header_text" | "accent_text" => "#ffffff",
            "text" | "header" | "accent" => "#1b1b1f",
            _ => return None,
        };
        Some(text.to_owned())
    }

    /// Exchanges the tokens, which live five minutes.
    pub(crate) async fn refresh(&mut self, journey: &Journey) {
        for session in [&mut self.admin, &mut self.guest] {
            let refresh_token = session.tokens.refresh_token.clone();
            let request = identity::RefreshSessionRequest { refresh_token };
            let answer = journey.api.sign_in.clone().refresh_session(request).await.unwrap();
            session.tokens = answer.into_inner().tokens.unwrap();
        }
    }

    /// Founds an organisation whose objects all say `CANARY_<letter>_…`.
    pub(crate) async fn found(world: &World, journey: &Journey, letter: char) -> Self {
        let canary = |what: &str| format!("CANARY_{letter}_{what}");
        let accounts = Accounts::of(&format!("org-{}", unique()));
        let slug = accounts.organization.clone();
        journey.found(&accounts, &canary("organization"), "en", identity::Plan::Ultimate).await.unwrap();
        let admin = journey.sign_in(&slug, &accounts.admin).await.unwrap();
        let elsewhere = journey.sign_in(&slug, &accounts.admin).await.unwrap();
        let mut ids = BTreeMap::from([(Kind::Session, claim(&elsewhere, "sid"))]);
        ids.insert(Kind::Notice, publish_notice(journey, &admin, &canary("notice")).await);

        let (connection, account) = journey.find_account(&admin, &admin).await.unwrap();
        let target = Some((&connection, &account));
        let space = journey.create_space(&admin, &canary("space"), "", target).await.unwrap().space_id;
        ids.insert(Kind::Connection, connection.connection_id.clone());
        ids.insert(Kind::Log, log_of(journey, &admin, &space).await);

        let address = canary("member").to_lowercase() + "@" + &slug + ".example";
        let member = create_member(journey, &admin, &address, &canary("member")).await;
        let [guest, pending] =
            ["guest", "pending"].map(|who| format!("{}.{}@buyer.example", canary(who), unique()));
        let invited = [address.as_str(), &guest, &pending];
        let note = canary("note");
        let answer = journey.invite(&admin, &space, &invited, &note).await.unwrap();
        let invitee = answer.participants.iter().find(|p| p.email_address == pending.to_lowercase()).unwrap();
        ids.insert(Kind::Participant, invitee.participant_id.clone());
        ids.insert(Kind::Invitee, invitee.user_id.clone());
        let token = journey.invitation_token(&guest, "").await.unwrap();
        let (_, guest) = journey.enter(&token, &canary("guest")).await.unwrap();
        let invitation_token = journey.invitation_token(&pending, "").await.unwrap();
        ids.extend([(Kind::Member, member), (Kind::Guest, guest.user_id.clone())]);
        ids.insert(Kind::Owner, admin.user_id.clone());
        ids.insert(Kind::Delivery, delivery_of(journey, &admin).await);
        ids.insert(Kind::Notification, notification_of(journey, &admin).await);
        let asking = journey.sign_in(&slug, &accounts.members[1]).await.unwrap();
        ids.insert(Kind::AccessRequest, ask_for_access(journey, &asking, &admin, &slug, &space).await);

        let shown = journey.show_logo(&admin, &space, &png(64, 32).unwrap()).await.unwrap();
        ids.insert(Kind::Logo, shown.customer_logo.unwrap().logo_id);
        ids.insert(Kind::Banner, upload_banner(journey, &admin, &canary("banner")).await);
        upload_picture(journey, &admin).await;
        for (kind, name) in [(Kind::Theme, "theme"), (Kind::OtherTheme, "other_theme")] {
            let (theme, _) = journey.create_theme(&admin, &canary(name), readable_colors()).await.unwrap();
            ids.insert(kind, theme.theme_id);
        }
        let folder = journey.create_folder(&admin, &space, &canary("folder")).await.unwrap().item_id;
        let item = journey.add_link(&admin, &space, &folder, &canary("item")).await.unwrap();
        let comment = journey.comment(&admin, &space, &item.item_id, &canary("comment"), &[]).await.unwrap();
        ids.insert(Kind::Comment, comment.comment_id);
        ids.insert(Kind::Asset, upload_file(journey, &admin, &space, &canary("file")).await);
        ids.extend([(Kind::Folder, folder), (Kind::Item, item.item_id), (Kind::Space, space)]);

        journey.request_link(&slug, &accounts.admin).await.unwrap();
        let organization_id = claim(&admin, "org");
        for (kind, sql) in [
            (
                Kind::SignInLink,
                "SELECT sign_in_link_id FROM sign_in_links WHERE organization_id = $1 LIMIT 1",
            ),
            (
                Kind::Invitation,
                "SELECT invitation_id FROM invitation_links WHERE organization_id = $1 AND use_time IS NULL LIMIT 1",
            ),
        ] {
            ids.insert(kind, kept(world, sql, &organization_id).await);
        }
        let dead_job = Uuid::parse_str(&nobodys_id()).unwrap();
        let organization = organization_id.parse().unwrap();
        for (service, name) in DEAD_EVENTS {
            // Without what it needs, it is dead again as soon as it is tried.
            let nothing = (&serde_json::json!({}), [].as_slice());
            world.leave_dead_event(service, (organization, dead_job), name, nothing).await.unwrap();
        }
        ids.insert(Kind::DeadJob, dead_job.to_string());
        let record_id = account.record_id;
        let contact_id = contact_of(journey, &admin, &connection.connection_id).await;
        let login_url = journey.outside.salesforce().to_owned();
        Self { slug, organization_id, admin, guest, invitation_token, record_id, contact_id, login_url, ids }
    }
}

/// Reads a claim of an access token.
fn claim(session: &Session, name: &str) -> String {
    let payload = session.token().split('.').nth(1).unwrap();
    let claims: serde_json::Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).unwrap()).unwrap();
    claims.get(name).and_then(serde_json::Value::as_str).unwrap().to_owned()
}

async fn publish_notice(journey: &Journey, admin: &Session, text: &str) -> String {
    let texts = vec![identity::PrivacyNoticeText { locale: "en".to_owned(), text: text.to_owned() }];
    let request = identity::PublishPrivacyNoticeRequest { texts, is_material: false };
    let published =
        journey.api.consent.clone().publish_privacy_notice(with_token(request, admin.token())).await.unwrap();
    published.into_inner().privacy_notices.swap_remove(0).privacy_notice_id
}

async fn create_member(journey: &Journey, admin: &Session, address: &str, name: &str) -> String {
    let member = identity::NewMember {
        email_address: address.to_owned(),
        display_name: name.to_owned(),
        ..identity::NewMember::default()
    };
    let request = identity::CreateMemberRequest { member: Some(member), role: identity::Role::Member.into() };
    let created =
        journey.api.organizations.clone().create_member(with_token(request, admin.token())).await.unwrap();
    created.into_inner().member.unwrap().user_id
}

async fn upload_picture(journey: &Journey, person: &Session) {
    use assets::upload_profile_picture_request::Part;
    let header = assets::ImageHeader { file_name: "me.png".to_owned() };
    let parts = [Part::Header(header), Part::Chunk(Bytes::from(png(64, 64).unwrap()))];
    let messages = parts.map(|part| assets::UploadProfilePictureRequest { part: Some(part) });
    let request = with_token(tokio_stream::iter(messages), person.token());
    journey.api.logos.clone().upload_profile_picture(request).await.unwrap();
}

async fn upload_banner(journey: &Journey, admin: &Session, name: &str) -> String {
    use assets::upload_theme_banner_request::Part;
    let header = assets::ImageHeader { file_name: format!("{name}.png") };
    let parts = [Part::Header(header), Part::Chunk(Bytes::from(png(640, 160).unwrap()))];
    let messages = parts.map(|part| assets::UploadThemeBannerRequest { part: Some(part) });
    let request = with_token(tokio_stream::iter(messages), admin.token());
    journey.api.logos.clone().upload_theme_banner(request).await.unwrap().into_inner().logo.unwrap().logo_id
}

/// Uploads a picture, waits for its previews and shows it.
async fn upload_file(journey: &Journey, admin: &Session, space_id: &str, name: &str) -> String {
    let file = png(64, 32).unwrap();
    let asset = journey.upload(admin, space_id, &format!("{name}.png"), file, false).await.unwrap();
    journey.add_file(admin, space_id, "", name, &asset.asset_id).await.unwrap();
    within(PATIENCE, "a preview", async || {
        let asset = journey.asset(admin, &asset.asset_id).await?;
        Ok(asset.has_preview.then_some(asset.asset_id))
    })
    .await
    .unwrap()
}

async fn log_of(journey: &Journey, admin: &Session, space_id: &str) -> String {
    within(PATIENCE, "a log", async || {
        let request = crm::ListLogsRequest { space_id: space_id.to_owned(), ..Default::default() };
        let logs = journey.api.logs.clone().list_logs(with_token(request, admin.token())).await?;
        Ok(logs.into_inner().logs.pop().map(|log| log.log_id))
    })
    .await
    .unwrap()
}

async fn delivery_of(journey: &Journey, admin: &Session) -> String {
    within(PATIENCE, "a delivery", async || {
        let request = with_token(notifications::ListDeliveriesRequest::default(), admin.token());
        let list = journey.api.deliveries.clone().list_deliveries(request).await?;
        Ok(list.into_inner().deliveries.pop().map(|delivery| delivery.delivery_id))
    })
    .await
    .unwrap()
}

async fn contact_of(journey: &Journey, admin: &Session, connection_id: &str) -> String {
    let query = "Nora".to_owned();
    let request = crm::SearchPeopleRequest { connection_id: connection_id.to_owned(), query };
    let found = journey.api.records.clone().search_people(with_token(request, admin.token())).await.unwrap();
    found.into_inner().people.swap_remove(0).record_id
}

async fn notification_of(journey: &Journey, admin: &Session) -> String {
    within(PATIENCE, "a notice", async || {
        let request = with_token(notifications::ListNotificationsRequest::default(), admin.token());
        let list = journey.api.notices.clone().list_notifications(request).await?;
        Ok(list.into_inner().notifications.pop().map(|notice| notice.notification_id))
    })
    .await
    .unwrap()
}

/// Lets a member who takes no part ask to be let in, and waits until that is seen.
async fn ask_for_access(
    journey: &Journey,
    asking: &Session,
    admin: &Session,
    organization: &str,
    space_id: &str,
) -> String {
    let space = journey.get_space(admin, space_id).await.unwrap();
    let request = spaces::RequestAccessRequest {
        organization: organization.to_owned(),
        space_address: space.address,
        ..Default::default()
    };
    journey.api.access_requests.clone().request_access(with_token(request, asking.token())).await.unwrap();
    within(PATIENCE, "a request for access", async || {
        let request =
            spaces::ListAccessRequestsRequest { space_id: space_id.to_owned(), ..Default::default() };
        let request = with_token(request, admin.token());
        let list = journey.api.access_requests.clone().list_access_requests(request).await?;
        Ok(list.into_inner().access_requests.pop().map(|request| request.access_request_id))
    })
    .await
    .unwrap()
}

/// Reads an id that no interface tells anybody.
async fn kept(world: &World, sql: &'static str, organization_id: &str) -> String {
    let pool = PgPool::connect(&world.superuser_url("identity").unwrap()).await.unwrap();
    let id: Uuid = sqlx::query_scalar(sql)
        .bind(organization_id.parse::<Uuid>().unwrap())
        .fetch_one(&pool)
        .await
        .unwrap();
    id.to_string()
}

/// Returns an id that nobody has given to anything.
pub(crate) fn nobodys_id() -> String {
    fresh_key()
}
