//! A little of everything that is measured, failures included.
//!
//! Owns the steps after which each metric has a value: people, spaces, files, mails, a CRM, and what goes wrong with each:
//! refused calls, a locked table, a message that cannot be read, a CRM and mail servers that refuse.

use std::time::Duration;

use anyhow::{Context, ensure};
use lapin::options::BasicPublishOptions;
use lapin::{BasicProperties, Connection, ConnectionProperties};
use serde_json::json;
use sharedspaces_proto::crmsync::v1 as crm;
use sharedspaces_proto::identity::v1::Plan;
use sqlx::{Connection as _, Executor, PgConnection};
use tonic::Code;

use crate::crm::Crm;
use crate::files::announced;
use crate::outside::within;
use crate::visit::{Accounts, Journey, PASSWORD, Session, png, unique};
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(120);

/// What was used on the way.
#[derive(Debug)]
pub struct Used {
    /// Nobody who watches may see any of these: tokens, addresses, the password, contents.
    pub secrets: Vec<String>,
    /// A member who is signed in.
    pub member: Session,
    /// A guest who has come in.
    pub guest: Session,
    /// A space of the member's that the guest is in.
    pub space_id: String,
}

/// Takes all steps, in the order in which they need each other.
pub async fn run(world: &World, journey: &Journey) -> anyhow::Result<Used> {
    let accounts = Accounts::of(&format!("work-{}", unique()));
    journey.found(&accounts, "Acme & Söhne", "en", Plan::Ultimate).await?;
    let [member_address, _] = &accounts.members;
    let admin = journey.sign_in(&accounts.organization, &accounts.admin).await?;
    let member = journey.sign_in(&accounts.organization, member_address).await?;

    let space_id = log_to_a_crm(journey, &admin, &member).await?;
    let note = format!("A note for {} alone", unique());
    let address = format!("gina.{}@buyer.example", unique());
    let refused_address = format!("nobody.{}@buyer.example", unique());
    let guest_token = mail(journey, &member, &space_id, (&address, &refused_address), &note).await?;
    let (_, guest) = journey.enter(&guest_token, "Gina").await?;
    files(journey, &member, &guest, &space_id).await?;
    refusals(world, journey, &admin, &guest, &space_id).await?;
    poison(world).await?;

    let mut secrets =
        vec![PASSWORD.to_owned(), guest_token, address, refused_address, note, accounts.admin.clone()];
    secrets.extend(accounts.members.clone());
    for session in [&admin, &member, &guest] {
        secrets.extend([session.token().to_owned(), session.tokens.refresh_token.clone()]);
    }
    Ok(Used { secrets, member, guest, space_id })
}

/// The CRM does not answer at first; then a space is logged, and people are invited who are found there.
async fn log_to_a_crm(journey: &Journey, admin: &Session, member: &Session) -> anyhow::Result<String> {
    let connection = journey.connect(admin, Crm::Salesforce, "").await?;
    let id = &connection.connection_id;
    let account = journey.find_record(member, id, "Contoso Ltd").await?;
    for fault in
        [json!({"target": "salesforce", "drop": true}), json!({"target": "salesforce", "status": 503})]
    {
        journey.outside.fail_next(&fault).await?;
    }
    let space = journey.create_space(member, "Worked on", "", Some((&connection, &account))).await?;
    journey.logged(member, &space.space_id).await?;
    let invited = journey.invite_logged(member, &space.space_id, &["nora.field@contoso.test"]).await?;
    journey.log_in_state(member, &invited.crm_log_id, crm::LogState::Logged).await?;
    Ok(space.space_id)
}

/// One mail is put off and then taken, another is refused for good. Returns the token in the first.
async fn mail(
    journey: &Journey,
    member: &Session,
    space_id: &str,
    (address, refused): (&str, &str),
    note: &str,
) -> anyhow::Result<String> {
    let later = json!({"phase": "rcpt", "reply": "451 4.3.0 later", "recipient": address});
    let never = json!({"phase": "rcpt", "reply": "550 5.1.1 no such user", "recipient": refused});
    for fault in [later, never] {
        journey.outside.fail_next(&fault).await?;
    }
    journey.invite(member, space_id, &[address, refused], note).await?;
    journey.invitation_token(address, "").await
}

/// One file goes all the way, another stays on its way.
async fn files(journey: &Journey, member: &Session, guest: &Session, space_id: &str) -> anyhow::Result<()> {
    let asset = journey.upload(member, space_id, "Plan.png", png(320, 200)?, false).await?;
    let item = journey.add_file(member, space_id, "", "The plan", &asset.asset_id).await?;
    journey.comment(guest, space_id, &item.item_id, "Thank you", &[]).await?;
    journey.upload_logo(member, space_id, "logo.png", &png(64, 64)?).await?;
    let begun = announced(space_id, "Begun.png", &png(16, 16)?);
    journey.start_upload(member, begun).await.context("an upload begins")?;
    Ok(())
}

/// Calls that are refused, that fail because the database does, and an event that waits for it.
async fn refusals(
    world: &World,
    journey: &Journey,
    admin: &Session,
    guest: &Session,
    space_id: &str,
) -> anyhow::Result<()> {
    let refused =
        journey.rename(guest, space_id, "Mine").await.err().context("a guest may rename a space")?;
    ensure!(refused.code() == Code::PermissionDenied, "{refused}");
    let unknown = journey.get_space(admin, &uuid::Uuid::nil().to_string()).await.err();
    ensure!(unknown.is_some(), "a space that is none was found");
    let stranger = Session { tokens: sharedspaces_proto::identity::v1::Tokens::default(), ..guest.clone() };
    let stranger = journey.get_space(&stranger, space_id).await.err().context("anybody sees a space")?;
    ensure!(stranger.code() == Code::Unauthenticated, "{stranger}");

    let mut locked = lock(world, "spaces", "spaces").await?;
    let failed = journey.get_space(guest, space_id).await.err().context("a locked table was read")?;
    ensure!(failed.code() == Code::Unavailable, "{failed}");
    // assets asks spaces.
    let begun = announced(space_id, "Late.png", &png(16, 16)?);
    let failed = journey.start_upload(admin, begun).await.err().context("spaces answered")?;
    ensure!(failed.code() == Code::Unavailable, "{failed}");
    locked.execute("ROLLBACK").await?;

    let mut locked = lock(world, "notifications", "organizations").await?;
    let accounts = Accounts::of(&format!("late-{}", unique()));
    journey.found(&accounts, "Late", "en", Plan::Plus).await?;
    let superuser = world.superuser_url("notifications")?;
    within(PATIENCE, "an event that could not be applied", async || {
        let mut connection = PgConnection::connect(&superuser).await?;
        let tried: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM jobs WHERE last_error IS NOT NULL AND event IS NOT NULL",
        )
        .fetch_one(&mut connection)
        .await?;
        Ok((tried > 0).then_some(()))
    })
    .await?;
    locked.execute("ROLLBACK").await?;
    Ok(())
}

/// Keeps a table from everybody until the connection rolls back.
async fn lock(world: &World, service: &str, table: &str) -> anyhow::Result<PgConnection> {
    let mut connection = PgConnection::connect(&world.superuser_url(service)?).await?;
    connection.execute("BEGIN").await?;
    let lock = format!("LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE");
    connection.execute(sqlx::AssertSqlSafe(lock)).await?;
    Ok(connection)
}

/// A message that nobody can read, in a queue of notifications.
async fn poison(world: &World) -> anyhow::Result<()> {
    let connection =
        Connection::connect(&world.addresses.broker_url, ConnectionProperties::default()).await?;
    let channel = connection.create_channel().await?;
    let queue = format!("{}notifications.from-spaces", world.addresses.broker_prefix);
    let options = BasicPublishOptions::default();
    channel
        .basic_publish("".into(), queue.into(), options, b"no event", BasicProperties::default())
        .await?
        .await?;
    connection.close(200, "OK".into()).await?;
    Ok(())
}
