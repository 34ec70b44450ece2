//! The web client in a real browser: what a seller and a guest do, each page looked at by axe-core at two widths, and the same
//! forms without JavaScript.

mod crm;
mod jobs;
mod live;
mod people;
mod seeded;

use std::path::PathBuf;
use std::time::Duration;

use journeys::browser::Browser;
use journeys::outside::within;
use journeys::visit::PASSWORD;
use serde_json::Value;

use super::*;

const PATIENCE: Duration = Duration::from_secs(60);
const WIDE: u64 = 1_280;
const PHONE: u64 = 360;
/// The pages of which pictures are kept.
const PICTURES: [&str; 12] = [
    "sign-in",
    "spaces",
    "space",
    "people",
    "invitation",
    "guest",
    "item",
    "timeline",
    "settings",
    "look",
    "crm",
    "crms",
];
const GUEST_PASSWORD: &str = "four green kites over quiet water";

/// Looks at the page as it stands: nothing that keeps people out, nothing beyond the right edge of a phone.
async fn look(browser: &Browser, name: &str) {
    let axe = std::fs::read_to_string(std::env::var_os("TEST_AXE").unwrap()).unwrap();
    for width in [PHONE, WIDE] {
        browser.resize(width, 900).await.unwrap();
        let reach = browser.reach().await.unwrap();
        assert!(reach <= width, "{name} reaches to {reach} of {width} pixels");
        browser.run(&axe).await.unwrap();
        let found = browser
            .run_async(
                "const done = arguments[0]; const tags = ['wcag2a','wcag2aa','wcag21a','wcag21aa','wcag22aa','best-practice']; \
                 axe.run(document, { runOnly: tags }).then(found => done(found.violations.map(of => \
                 of.id + ': ' + of.nodes.map(node => node.html).join(' | '))))",
            )
            .await
            .unwrap();
        assert_eq!(found, Value::Array(Vec::new()), "{name} at {width} pixels");
    }
    let is_wanted = std::env::var_os("WRITE_SCREENS").is_some_and(|wish| wish == "1");
    if is_wanted && PICTURES.contains(&name) {
        let dir = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/screens");
        std::fs::create_dir_all(&dir).unwrap();
        for (width, ending) in [(WIDE, ""), (PHONE, "-phone")] {
            let picture = browser.picture(width).await.unwrap();
            std::fs::write(dir.join(format!("{name}{ending}.png")), picture).unwrap();
        }
    }
    browser.resize(WIDE, 900).await.unwrap();
}

/// Types the address and the password.
async fn sign_in(browser: &Browser, web: &str, (organization, address): (&str, &str)) {
    browser.go(&format!("{web}/{organization}/sign-in")).await.unwrap();
    browser.type_into("[name=email_address]", address).await.unwrap();
    browser.press("form[action$='/sign-in'] .primary").await.unwrap();
    browser.type_into("[name=password]", PASSWORD).await.unwrap();
    browser.press("form[action$='/password'] .primary").await.unwrap();
    browser.arrive("/app/spaces").await.unwrap();
}

/// Creates a space and returns the address of its page.
async fn create_space(browser: &Browser, web: &str, title: &str) -> String {
    browser.go(&format!("{web}/app/spaces/new")).await.unwrap();
    browser.type_into("[name=title]", title).await.unwrap();
    browser.type_into("[name=description]", "Welcome, **team Fabrikam**!").await.unwrap();
    browser.press("form[action='/app/spaces/new'] .primary").await.unwrap();
    let address = browser.arrive("done=created").await.unwrap();
    address.split('?').next().unwrap().to_owned()
}

async fn invite(browser: &Browser, space: &str, addresses: &str) {
    browser.go(&format!("{space}/people")).await.unwrap();
    browser.type_into("[name=pasted_list]", addresses).await.unwrap();
    browser.type_into("[name=personal_note]", "Looking forward to Tuesday!").await.unwrap();
    browser.press("form[action$='/people'] .primary").await.unwrap();
}

struct Web {
    world: World,
    journey: Journey,
    accounts: Accounts,
    address: String,
}

async fn open() -> Web {
    let world = start(|| {
        let mut world = World::start()?;
        world.start_web()?;
        Ok(world)
    })
    .await;
    let journey = Journey::new(&world.environment().unwrap()).unwrap();
    let accounts = Accounts::of(&format!("org-{}", unique()));
    journey.found(&accounts, "Acme", "en", Plan::Ultimate).await.unwrap();
    // A form is sent once: every service knows the organisation by then.
    assert_eq!(world.quiesce().await.unwrap(), 0);
    let address = format!("http://{}", world.addresses.web);
    Web { world, journey, accounts, address }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_fills_a_room_and_a_guest_comes_from_the_mail_and_answers() {
    let Web { world, journey, accounts, address: web } = open().await;
    let seller = Browser::start(true).await.unwrap();
    seller.go(&format!("{web}/{}/sign-in", accounts.organization)).await.unwrap();
    look(&seller, "sign-in").await;
    sign_in(&seller, &web, (&accounts.organization, &accounts.members[0])).await;
    seller.reads("No spaces yet").await.unwrap();
    look(&seller, "no-spaces").await;
    let space = create_space(&seller, &web, "Fabrikam onboarding").await;

    // A link that is none keeps what was typed and says the rule; put right, it is there.
    seller.press(".adders details:nth-of-type(2) summary").await.unwrap();
    seller.run("for (const form of document.forms) form.noValidate = true").await.unwrap();
    seller.type_into("[name=url]", "nonsense").await.unwrap();
    seller.type_into("form[action*='/links'] [name=title]", "Product tour").await.unwrap();
    seller.press("form[action*='/links'] .primary").await.unwrap();
    seller.reads("Give a whole address").await.unwrap();
    assert_eq!(seller.held("form[action*='/links'] [name=title]").await.unwrap(), "Product tour");
    look(&seller, "link-refused").await;
    seller.replace("[name=url]", "https://www.example.com/tour").await.unwrap();
    seller.press("form[action*='/links'] .primary").await.unwrap();
    seller.arrive("done=added").await.unwrap();

    // A file, with the script's progress.
    let dir = xtask::throwaway::Throwaway::create("upload").unwrap();
    let file = dir.path().join("Offer 2027.txt");
    std::fs::write(&file, "42 licences\n".repeat(100)).unwrap();
    seller.press(".adders details:nth-of-type(1) summary").await.unwrap();
    seller.type_into("[name=file]", &file.to_string_lossy()).await.unwrap();
    seller.press("form[action*='/files'] .primary").await.unwrap();
    seller.reads("1.2 kB").await.unwrap();
    look(&seller, "space").await;

    // One bad address keeps the good one unsent; then it goes.
    let guest_address = format!("gina.{}@buyer.example", unique());
    invite(&seller, &space, &format!("{guest_address}, not-an-address")).await;
    seller.reads("nothing has been sent yet").await.unwrap();
    assert!(journey.outside.mails(&guest_address).await.unwrap().is_empty());
    look(&seller, "invitation-refused").await;
    seller.replace("[name=pasted_list]", &guest_address).await.unwrap();
    seller.press("form[action$='/people'] .primary").await.unwrap();
    seller.arrive("done=invited").await.unwrap();
    look(&seller, "people").await;

    // The guest opens the mail's link: nothing of the space before the consent.
    let link = journey.outside.wait_for_mail(&guest_address, "").await.unwrap().link().unwrap();
    let guest = Browser::start(true).await.unwrap();
    guest.go(link.as_str()).await.unwrap();
    guest.reads("Privacy notice").await.unwrap();
    assert!(!guest.text("body").await.unwrap().contains("team Fabrikam"));
    assert!(!guest.address().await.unwrap().contains('#'), "the token stays in the address");
    look(&guest, "invitation").await;
    guest.press("form[action$='/accept'] .primary").await.unwrap();
    guest.reads("Tick the box to go on").await.unwrap();
    guest.press("[name=consent_given]").await.unwrap();
    guest.type_into("[name=display_name]", "Gina Guest").await.unwrap();
    guest.type_into("[name=password]", GUEST_PASSWORD).await.unwrap();
    guest.press("form[action$='/accept'] .primary").await.unwrap();
    guest.reads("team Fabrikam").await.unwrap();
    assert_eq!(guest.count("#add").await.unwrap(), 0, "a guest who may not upload is offered to");
    look(&guest, "guest").await;

    // They open, comment, and are seen: by their name, once the space has heard that they came in.
    journey.outside.wait_for_mail(&accounts.members[0], "Gina Guest accepted").await.unwrap();
    guest.press(".item:nth-of-type(2) .item-actions a:last-of-type").await.unwrap();
    guest.type_into("[name=text]", "Thank you, **this helps**.").await.unwrap();
    guest.press("form[action$='/comments'] .primary").await.unwrap();
    guest.arrive("done=added").await.unwrap();
    assert_eq!(guest.text(".comments strong:last-of-type").await.unwrap(), "Gina Guest");
    look(&guest, "item").await;
    let download = guest.run("return document.querySelector('a[href$=\"/download\"]').href").await.unwrap();
    let bytes = guest
        .run_async(&format!(
            "const done = arguments[0]; fetch({download}, {{ redirect: 'manual' }}).then(answer => done(answer.type))"
        ))
        .await
        .unwrap();
    assert_eq!(bytes, "opaqueredirect", "the download does not lead to the files' own origin");
    for page in ["timeline", "insights", "settings", "notifications", "duplicate", "preview"] {
        seller.go(&format!("{space}/{page}")).await.unwrap();
        look(&seller, page).await;
    }
    seller.go(&format!("{space}/insights")).await.unwrap();
    within(Duration::from_secs(60), "the guest's visit", async || {
        seller.go(&format!("{space}/insights")).await?;
        Ok(seller.text("table").await?.contains("Gina Guest").then_some(()))
    })
    .await
    .unwrap();
    seller.go(&format!("{web}/app/spaces")).await.unwrap();
    look(&seller, "spaces").await;
    seller.go(&format!("{web}/app/profile")).await.unwrap();
    look(&seller, "profile").await;

    // Shut out, the guest's next page is one that says there is nothing.
    seller.go(&format!("{space}/people")).await.unwrap();
    seller.press("form[action$='/revoke'] button").await.unwrap();
    seller.arrive("done=revoked").await.unwrap();
    guest.go(&space).await.unwrap();
    guest.reads("Not found").await.unwrap();
    look(&guest, "not-found").await;
    seller.close().await.unwrap();
    guest.close().await.unwrap();
    drop(world);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_the_same_forms_work() {
    let Web { world, journey, accounts, address: web } = open().await;
    let seller = Browser::start(false).await.unwrap();
    sign_in(&seller, &web, (&accounts.organization, &accounts.members[0])).await;
    let space = create_space(&seller, &web, "Without a script").await;
    let dir = xtask::throwaway::Throwaway::create("upload").unwrap();
    let file = dir.path().join("plan.txt");
    std::fs::write(&file, "week by week\n").unwrap();
    seller.press(".adders details:nth-of-type(1) summary").await.unwrap();
    seller.type_into("[name=file]", &file.to_string_lossy()).await.unwrap();
    seller.press("form[action*='/files'] .primary").await.unwrap();
    seller.reads("plan.txt").await.unwrap();
    let guest_address = format!("gus.{}@buyer.example", unique());
    invite(&seller, &space, &guest_address).await;
    seller.arrive("done=invited").await.unwrap();

    let link = journey.outside.wait_for_mail(&guest_address, "").await.unwrap().link().unwrap();
    let guest = Browser::start(false).await.unwrap();
    guest.go(link.as_str()).await.unwrap();
    guest.type_into("[name=token]", link.as_str()).await.unwrap();
    guest.press("form[action$='/invitation'] .primary").await.unwrap();
    guest.reads("Privacy notice").await.unwrap();
    guest.press("[name=consent_given]").await.unwrap();
    guest.type_into("[name=display_name]", "Gus Guest").await.unwrap();
    guest.press("form[action$='/accept'] .primary").await.unwrap();
    guest.reads("plan.txt").await.unwrap();
    guest.press(".item .item-actions a:last-of-type").await.unwrap();
    guest.type_into("[name=text]", "Seen without a script.").await.unwrap();
    guest.press("form[action$='/comments'] .primary").await.unwrap();
    guest.arrive("done=added").await.unwrap();

    // The next sign-in is by code: the address first, then what the mail says.
    guest.press(".menu summary").await.unwrap();
    guest.press("form[action='/app/sign-out'] button").await.unwrap();
    guest.arrive("/sign-in").await.unwrap();
    guest.type_into("[name=email_address]", &guest_address).await.unwrap();
    guest.press("form[action$='/sign-in'] .primary").await.unwrap();
    guest.press("form[action$='/link'] button").await.unwrap();
    guest.arrive("/sign-in/code").await.unwrap();
    let mail = journey.outside.wait_for_mail(&guest_address, "sign-in link").await.unwrap();
    let code = journeys::signing_in::code_of(&mail).unwrap();
    guest.type_into("[name=code]", &code).await.unwrap();
    guest.press("form[action$='/code'] .primary").await.unwrap();
    guest.reads("Without a script").await.unwrap();
    seller.close().await.unwrap();
    guest.close().await.unwrap();
    drop(world);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sets_what_guests_may_and_how_spaces_look_in_any_of_three_languages() {
    let Web { world, accounts, address: web, .. } = open().await;
    let admin = Browser::start(true).await.unwrap();
    sign_in(&admin, &web, (&accounts.organization, &accounts.admin)).await;
    admin.go(&format!("{web}/app/spaces/new")).await.unwrap();
    assert_eq!(admin.count("[name=upload]").await.unwrap(), 1);
    look(&admin, "new-space").await;

    // What is switched off for the organisation is not offered at all.
    admin.go(&format!("{web}/app/admin")).await.unwrap();
    look(&admin, "policy").await;
    admin.press("[name=allow_upload]").await.unwrap();
    admin.press("form[action='/app/admin'] .primary").await.unwrap();
    admin.arrive("done=saved").await.unwrap();
    admin.go(&format!("{web}/app/spaces/new")).await.unwrap();
    assert_eq!(admin.count("[name=upload]").await.unwrap(), 0);
    assert_eq!(admin.count("[name=download]").await.unwrap(), 1);

    // A theme is seen before it is there, and dresses a space.
    admin.go(&format!("{web}/app/admin/look")).await.unwrap();
    admin.type_into("[name=name]", "Harbour").await.unwrap();
    admin.press("[name=preview]").await.unwrap();
    within(Duration::from_secs(60), "the preview", async || {
        Ok((admin.count("link[href^='/static/theme.css']").await? == 1).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(admin.held("[name=name]").await.unwrap(), "Harbour");
    admin.press("form[action='/app/admin/themes'] .primary").await.unwrap();
    admin.arrive("done=added").await.unwrap();
    look(&admin, "look").await;
    let space = create_space(&admin, &web, "Dressed").await;
    admin.go(&format!("{space}/settings")).await.unwrap();
    admin.type_into("[name=theme_id]", "Harbour").await.unwrap();
    admin.press("form[action$='/settings'] .primary").await.unwrap();
    admin.arrive("done=saved").await.unwrap();
    let hero =
        admin.run("return getComputedStyle(document.querySelector('.hero')).backgroundColor").await.unwrap();
    assert_eq!(hero, "rgb(15, 76, 74)");
    look(&admin, "dressed").await;
    for page in ["members", "mails"] {
        admin.go(&format!("{web}/app/admin/{page}")).await.unwrap();
        look(&admin, page).await;
    }
    for (language, words) in [("de", "Gesendete Mails"), ("fr", "E-mails envoyés"), ("en", "Mails sent")] {
        admin.press(&format!(".languages [value={language}]")).await.unwrap();
        admin.reads(words).await.unwrap();
    }
    admin.close().await.unwrap();
    drop(world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_site_changes_nothing_and_no_page_runs_or_fetches_what_is_not_ours() {
    let Web { world, address: web, .. } = open().await;
    let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let send = async |origin: Option<&str>| {
        let mut request = http.post(format!("{web}/app/language")).body("language=de&next=/");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        request.send().await.unwrap()
    };
    for foreign in [None, Some("https://evil.example"), Some("null")] {
        let refused = send(foreign).await;
        assert_eq!(refused.status(), 403, "{foreign:?}");
        assert!(refused.headers().get("set-cookie").is_none());
    }
    let taken = send(Some(&web)).await;
    assert_eq!(taken.status(), 303);
    let cookie = taken.headers()["set-cookie"].to_str().unwrap().to_owned();
    for part in ["__Host-language=de", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let page = http.get(format!("{web}/app/sign-in")).send().await.unwrap();
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert_eq!(page.headers()["cache-control"], "private, no-store");
    drop(world);
}
