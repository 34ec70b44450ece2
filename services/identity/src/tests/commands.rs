//! What the operator does on the command line.

use clap::Parser;
use sharedspaces_proto::identity::events::v1::OrganizationUpdated;
use sharedspaces_proto::identity::v1 as pb;

use super::world::*;
use crate::Command;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

fn parse(line: &str) -> Result<Command, clap::Error> {
    let words = std::iter::once("identity").chain(line.split_whitespace());
    Arguments::try_parse_from(words).map(|arguments| arguments.command)
}

const CREATE: &str = "create-organization --slug acme --name Acme --plan ULTIMATE --locale de \
                      --admin-address ada@acme.example --admin-name Ada";

async fn run(world: &World, line: &str) -> anyhow::Result<service_kit::Outcome> {
    world.identity.execute(parse(line).unwrap()).await
}

#[test]
fn the_command_line_is_read_with_its_options_and_refused_without_those_it_needs() {
    let created = parse(&format!("{CREATE} --base-url https://rooms.acme.example")).unwrap();
    let Command::CreateOrganization { slug, base_url, admin_address, .. } = created else { panic!() };
    assert_eq!((slug.as_str(), base_url.as_str()), ("acme", "https://rooms.acme.example"));
    assert_eq!(admin_address, "ada@acme.example");
    assert!(matches!(parse("rotate-keys").unwrap(), Command::RotateKeys));
    assert_eq!(parse("verify-consents").unwrap(), Command::VerifyConsents { slug: None });
    let one = Command::VerifyConsents { slug: Some("acme".to_owned()) };
    assert_eq!(parse("verify-consents --slug acme").unwrap(), one);
    for bad in
        ["create-organization --slug acme", "set-plan --slug acme", "rotate-keys --now", "nonsense", ""]
    {
        assert!(parse(bad).is_err(), "{bad:?}");
    }
}

#[tokio::test]
async fn the_operator_creates_an_organisation_whose_admin_has_no_password() {
    let world = World::new().await;
    let done = run(&world, CREATE).await.unwrap();
    assert!(done.is_success);
    assert!(done.text.contains("https://share.example/acme/sign-in"), "{}", done.text);
    assert_eq!(world.count("organizations WHERE locale = 'de' AND plan = 'ULTIMATE'").await, 1);
    assert_eq!(world.count("people WHERE role = 'ADMIN'").await, 1);
    assert_eq!(world.count("credentials").await, 0);
    let taken = run(&world, CREATE).await.unwrap_err().to_string();
    assert!(taken.contains("taken"), "{taken}");
    let bad = CREATE.replace("ULTIMATE", "GOLD").replace("acme ", "a ");
    let bad = run(&world, &bad).await.unwrap_err().to_string();
    assert!(bad.contains("plan: ") && bad.contains("slug: "), "{bad}");
}

#[tokio::test]
async fn the_operator_changes_a_plan_and_the_others_are_told_once() {
    let world = World::new().await;
    world.tenant("acme").await;
    for _ in 0..2 {
        let done = run(&world, "set-plan --slug acme --plan PLUS").await.unwrap();
        assert_eq!(done.text, "organisation acme has the plan PLUS");
    }
    let events = world.events::<OrganizationUpdated>().await;
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].2.organization.as_ref().unwrap().plan(), pb::Plan::Plus);
    assert!(run(&world, "set-plan --slug nobody --plan PLUS").await.is_err());
    assert!(run(&world, "set-plan --slug acme --plan plus").await.is_err());
}

#[tokio::test]
async fn the_operator_verifies_one_ledger_or_all_and_a_broken_one_is_no_success() {
    let world = World::new().await;
    let (acme, globex) = (world.tenant("acme").await, world.tenant("globex").await);
    world.enter(&acme, "gus@outside.example").await;
    world.enter(&globex, "gus@outside.example").await;
    let all = run(&world, "verify-consents").await.unwrap();
    assert!(all.is_success && all.text.matches("intact, 1 entries").count() == 2, "{}", all.text);
    sqlx::query("UPDATE consents SET user_agent = 'x' WHERE organization_id::text = $1")
        .bind(&globex.id)
        .execute(&world.all)
        .await
        .unwrap();
    let all = run(&world, "verify-consents").await.unwrap();
    assert!(!all.is_success && all.text.contains("globex: BROKEN at entry 1"), "{}", all.text);
    assert!(run(&world, "verify-consents --slug acme").await.unwrap().is_success);
    assert!(!run(&world, "verify-consents --slug globex").await.unwrap().is_success);
    assert!(run(&world, "verify-consents --slug nobody").await.is_err());
}

#[tokio::test]
async fn the_operator_publishes_the_next_key_and_repeating_it_makes_no_second() {
    let world = World::new().await;
    let first = run(&world, "rotate-keys").await.unwrap();
    assert_eq!(run(&world, "rotate-keys").await.unwrap().text, first.text);
    assert_eq!(world.count("signing_keys").await, 2);
    assert_eq!(world.identity.keys.public().keys.len(), 2);
}
