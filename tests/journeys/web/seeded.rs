//! What `cargo xtask up` opens on: the seeded organisation, as each of its people sees it in the browser.

use journeys::crm::Crm;
use sharedspaces_proto::crmsync::v1::LogState;
use xtask::demo::{INVITED, ORGANIZATION, PEOPLE, REQUESTER, SPACE_ADDRESS, SPACE_TITLE};

use super::*;

/// Seeds as `up` does.
async fn seed(world: &World) {
    let demo = std::path::PathBuf::from(std::env::var_os("TEST_BINARIES").unwrap()).join("demo");
    let mut seed = std::process::Command::new(demo);
    seed.arg("seed").envs(xtask::environment::demo_env(&world.addresses).unwrap());
    let seeded = tokio::task::spawn_blocking(move || seed.output()).await.unwrap().unwrap();
    assert!(seeded.status.success(), "{}", String::from_utf8_lossy(&seeded.stderr));
}

/// Keeps what README shows.
async fn keep_picture(browser: &Browser) {
    if std::env::var_os("WRITE_SCREENS").is_some_and(|wish| wish == "1") {
        let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/screens/demo.png");
        std::fs::write(file, browser.picture(WIDE).await.unwrap()).unwrap();
    }
}

/// Everything that another start could do once more.
async fn all_of_it(journey: &Journey, seller: &Session) -> Vec<String> {
    let mut all = Vec::new();
    for space in journey.find_spaces(seller, "").await.unwrap() {
        all.push(space.title);
        all.extend(
            journey.items(seller, &space.space_id, "").await.unwrap().into_iter().map(|item| item.title),
        );
        all.extend(journey.timeline(seller, &space.space_id).await.unwrap());
        for person in journey.participants(seller, &space.space_id).await.unwrap() {
            all.push(format!("{} {:?}", person.email_address, person.state()));
        }
        for request in journey.access_requests(seller, &space.space_id).await.unwrap() {
            all.push(format!("{} {:?}", request.email_address, request.state()));
        }
        // The others have no logs: nobody may ask for those of a space that crm-sync never heard of.
        if space.url.ends_with(SPACE_ADDRESS) {
            let panel = journey.crm_panel(seller, &space.space_id).await.unwrap();
            all.extend(panel.logs.into_iter().map(|log| log.log_id));
        }
    }
    for (address, subject) in [(INVITED, ""), (REQUESTER, "Confirm your address")] {
        let mails = journey.outside.mails(address).await.unwrap().into_iter();
        all.extend(mails.filter(|mail| mail.subject.contains(subject)).map(|mail| mail.message_id));
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn up_opens_on_a_filled_space_that_its_seller_guest_and_admin_find_and_a_second_start_leaves_alone() {
    let world = start(|| {
        let mut world = World::start()?;
        world.start_gateway(&[])?;
        world.start_web_behind_gateway()?;
        Ok(world)
    })
    .await;
    seed(&world).await;
    let journey = Journey::new(&world.environment().unwrap()).unwrap();
    let web = format!("http://{}", world.addresses.web);
    let address_of = |role: &str| PEOPLE.into_iter().find(|(is, _)| *is == role).unwrap().1;

    let seller = Browser::start(true).await.unwrap();
    sign_in(&seller, &web, (ORGANIZATION, address_of("seller"))).await;
    seller.reads(SPACE_TITLE).await.unwrap();
    seller.go(&format!("{web}/{ORGANIZATION}/{SPACE_ADDRESS}")).await.unwrap();
    let space = seller.arrive("/app/spaces/").await.unwrap();
    for words in ["team Contoso", "Offer 2027", "Site plan", "Product tour", "Contract", "How we start"] {
        seller.reads(words).await.unwrap();
    }
    assert_eq!(seller.count(".hero img").await.unwrap(), 2, "both logos");
    look(&seller, "seeded").await;
    keep_picture(&seller).await;
    seller.go(&format!("{space}/people")).await.unwrap();
    for words in ["Rita Moss", "I plan the shops", "Nora Field", "Head of Purchasing", INVITED, "Noah Novak"]
    {
        seller.reads(words).await.unwrap();
    }
    look(&seller, "seeded-people").await;

    let guest = Browser::start(true).await.unwrap();
    sign_in(&guest, &web, (ORGANIZATION, address_of("guest"))).await;
    guest.reads(SPACE_TITLE).await.unwrap();
    assert!(!guest.text("body").await.unwrap().contains("Northwind"), "a guest sees a space of others");
    guest.go(&space).await.unwrap();
    guest.press(".item:nth-of-type(1) .item-actions a:last-of-type").await.unwrap();
    guest.reads("Does the price hold if we take 50 licences?").await.unwrap();
    guest.reads("for all three years").await.unwrap();
    let admin = Browser::start(true).await.unwrap();
    sign_in(&admin, &web, (ORGANIZATION, address_of("admin"))).await;
    admin.go(&format!("{web}/app/admin/look")).await.unwrap();
    admin.reads("Harbour").await.unwrap();
    let link = journey.outside.wait_for_mail(INVITED, SPACE_TITLE).await.unwrap().link().unwrap();
    assert!(link.as_str().starts_with(&web), "{link}");

    for browser in [seller, guest, admin] {
        browser.close().await.unwrap();
    }

    // What people have changed is not put back, and nothing is there twice.
    let mia = journey.sign_in(ORGANIZATION, address_of("seller")).await.unwrap();
    let id = space.rsplit('/').next().unwrap();
    let logs = journey.crm_panel(&mia, id).await.unwrap().logs;
    assert!(logs.iter().all(|log| log.state() == LogState::Logged), "{logs:?}");
    for which in Crm::ALL {
        assert!(journey.records_naming(which, SPACE_TITLE).await.unwrap() > 0, "nothing in {}", which.name());
    }
    journey.rename(&mia, id, "Contoso, renewed").await.unwrap();
    let request = journey.access_request_of(&mia, id, REQUESTER).await.unwrap();
    journey.decline(&mia, id, &request).await.unwrap();
    world.quiesce().await.unwrap();
    let before = all_of_it(&journey, &mia).await;
    seed(&world).await;
    world.quiesce().await.unwrap();
    assert_eq!(all_of_it(&journey, &mia).await, before);
}
