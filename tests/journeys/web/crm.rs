//! CRMs in the web client: an admin connects each of the four by clicking, a seller logs to one, through a broken connection
//! too, and the same works without JavaScript.

use journeys::crm::Crm;
use serde_json::json;

use super::*;

const NORA: &str = "nora.field@contoso.test";

/// Waits until some text is in a part of the page, and not only in another.
async fn says(browser: &Browser, css: &str, words: &str) {
    within(PATIENCE, words, async || {
        let text = browser.text(css).await?;
        anyhow::ensure!(text.contains(words), "{css} says:\n{text}");
        Ok(Some(()))
    })
    .await
    .unwrap();
}

/// Waits until as many parts of the page match.
async fn counts(browser: &Browser, css: &str, count: usize) {
    within(PATIENCE, css, async || {
        let found = browser.count(css).await?;
        anyhow::ensure!(found == count, "there are {found}: {}", browser.text("body").await?);
        Ok(Some(()))
    })
    .await
    .unwrap();
}

/// Fills in the form that a CRM is connected with, and sends it.
async fn fill_in(browser: &Browser, journey: &Journey, which: Crm) {
    let outside = &journey.outside;
    let fields: Vec<(&str, &str)> = match which {
        Crm::Salesforce => vec![("login_url", outside.salesforce())],
        Crm::Dynamics => vec![
            ("instance_url", outside.dataverse()),
            ("tenant", sandbox::DATAVERSE_TENANT),
            ("client_id", sandbox::DATAVERSE_CLIENT_ID),
            ("client_secret", sandbox::DATAVERSE_CLIENT_SECRET),
        ],
        Crm::C4c => vec![
            ("instance_url", outside.c4c()),
            ("username", sandbox::C4C_USER),
            ("password", sandbox::C4C_PASSWORD),
        ],
        Crm::SalesCloud => vec![
            ("instance_url", outside.sales_cloud()),
            ("username", sandbox::SALES_CLOUD_USER),
            ("password", sandbox::SALES_CLOUD_PASSWORD),
        ],
    };
    for (name, value) in fields {
        browser.replace(&format!("[name={name}]"), value).await.unwrap();
    }
    browser.press("form[action*='/crm/connect/'] .primary").await.unwrap();
}

/// Goes to the CRM's own page, allows it, and comes back.
async fn allow(browser: &Browser) {
    browser.press(".card a.primary").await.unwrap();
    browser.reads("Allow access?").await.unwrap();
    browser.press("[name=decision][value=allow]").await.unwrap();
    browser.arrive("done=crm-connected").await.unwrap();
}

fn slug(which: Crm) -> &'static str {
    match which {
        Crm::Salesforce => "salesforce",
        Crm::Dynamics => "dynamics",
        Crm::C4c => "sap-c4c",
        Crm::SalesCloud => "sap-sales-cloud",
    }
}

/// Opens the connections; crm-sync hears of a new organisation a moment later than others.
async fn open_connections(browser: &Browser, web: &str) {
    within(PATIENCE, "crm-sync's knowledge of the organisation", async || {
        browser.go(&format!("{web}/app/admin/crm")).await?;
        Ok((browser.count(".kinds").await? == 1).then_some(()))
    })
    .await
    .unwrap();
}

/// Opens what is logged of a space, once it is linked.
async fn open_panel(browser: &Browser, space: &str) {
    within(PATIENCE, "the link of the space", async || {
        browser.go(&format!("{space}/crm")).await?;
        Ok((browser.count(".record").await? == 1).then_some(()))
    })
    .await
    .unwrap();
}

/// Connects a CRM by clicking.
async fn connect(browser: &Browser, journey: &Journey, (web, which): (&str, Crm)) {
    open_connections(browser, web).await;
    browser.press(&format!(".kinds a[href$='/{}']", slug(which))).await.unwrap();
    fill_in(browser, journey, which).await;
    if which == Crm::Salesforce {
        browser.reads("Allow access at Salesforce").await.unwrap();
        allow(browser).await;
    }
    browser.arrive("done=crm-connected").await.unwrap();
}

/// Searches where something is to be chosen, while typing, and chooses what is found by this name.
async fn choose(browser: &Browser, name: &str, (query, found): (&str, &str)) {
    browser.replace(&format!("[name={name}_query]"), query).await.unwrap();
    let choice = format!("[name={name}][value*='{}']", found.replace(' ', "+"));
    browser.press(&choice).await.unwrap();
}

/// Presses what starts with these words.
async fn press_text(browser: &Browser, css: &str, words: &str) {
    let script = format!(
        "const found = [...document.querySelectorAll({css:?})].find(of => of.textContent.trim().startsWith({words:?})); \
         if (found) found.click(); return Boolean(found);"
    );
    within(PATIENCE, words, async || Ok((browser.run(&script).await? == true).then_some(()))).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_connects_each_of_four_crms_by_clicking_tests_them_and_ends_one() {
    let Web { world, journey, accounts, address: web } = open().await;
    let admin = Browser::start(true).await.unwrap();
    sign_in(&admin, &web, (&accounts.organization, &accounts.admin)).await;
    admin.go(&format!("{web}/app/spaces/new")).await.unwrap();
    assert_eq!(admin.count("[name=crm_log]").await.unwrap(), 0, "a log is offered without a CRM");
    open_connections(&admin, &web).await;
    admin.reads("No CRM is connected yet").await.unwrap();
    look(&admin, "no-crms").await;

    // An address that is not the CRM's is refused with the rule, and what was typed stays.
    admin.press(".kinds a[href$='/salesforce']").await.unwrap();
    admin.replace("[name=display_name]", "Our Salesforce").await.unwrap();
    admin.replace("[name=login_url]", "https://evil.example").await.unwrap();
    admin.press("form[action*='/crm/connect/'] .primary").await.unwrap();
    admin.reads("such as https://login.salesforce.com").await.unwrap();
    assert_eq!(admin.held("[name=display_name]").await.unwrap(), "Our Salesforce");
    look(&admin, "crm-connect").await;
    fill_in(&admin, &journey, Crm::Salesforce).await;
    admin.reads("Allow access at Salesforce").await.unwrap();
    look(&admin, "crm-leave").await;

    // Who says no there comes back to words; then they say yes.
    admin.press(".card a.primary").await.unwrap();
    admin.reads("Allow access?").await.unwrap();
    admin.press("[name=decision][value=deny]").await.unwrap();
    admin.reads("Access was not allowed in the CRM").await.unwrap();
    connect(&admin, &journey, (&web, Crm::Salesforce)).await;

    // A wrong secret is told in the CRM's words and is not shown again.
    admin.press(".kinds a[href$='/dynamics']").await.unwrap();
    look(&admin, "crm-dynamics").await;
    admin.type_into("[name=client_secret]", "not the secret").await.unwrap();
    admin.type_into("[name=tenant]", sandbox::DATAVERSE_TENANT).await.unwrap();
    admin.type_into("[name=client_id]", sandbox::DATAVERSE_CLIENT_ID).await.unwrap();
    admin.type_into("[name=instance_url]", journey.outside.dataverse()).await.unwrap();
    admin.press("form[action*='/crm/connect/'] .primary").await.unwrap();
    admin.reads("The CRM refused this").await.unwrap();
    assert_eq!(admin.held("[name=client_secret]").await.unwrap(), "");
    assert_eq!(admin.held("[name=tenant]").await.unwrap(), sandbox::DATAVERSE_TENANT);
    for which in [Crm::Dynamics, Crm::C4c, Crm::SalesCloud] {
        connect(&admin, &journey, (&web, which)).await;
    }
    counts(&admin, ".connections .tag.good", 4).await;

    // Each is tested; what one lacks is named.
    for number in 1..=4 {
        admin
            .press(&format!(".connections > li:nth-of-type({number}) form[action*='/test'] button"))
            .await
            .unwrap();
        says(&admin, &format!(".connections > li:nth-of-type({number}) .findings"), "Works").await;
    }
    journey.outside.fail_next(&json!({"target": "salesforce", "unique": false})).await.unwrap();
    admin.press(".connections > li:nth-of-type(1) form[action*='/test'] button").await.unwrap();
    says(&admin, ".connections > li:nth-of-type(1) .findings", "Missing").await;
    says(&admin, ".connections > li:nth-of-type(1) .findings", "custom field").await;
    look(&admin, "crms").await;
    journey.outside.fail_no_more().await.unwrap();

    // On by default, whoever creates a space is asked at once; off, nobody is.
    for (mode, offered, ticked) in [("default-on", 1, 1), ("off", 0, 0), ("available", 1, 0)] {
        admin.go(&format!("{web}/app/admin/crm")).await.unwrap();
        admin.press(&format!("#m-{mode}")).await.unwrap();
        admin.press("form[action$='/crm/mode'] .primary").await.unwrap();
        admin.arrive("done=saved").await.unwrap();
        admin.go(&format!("{web}/app/spaces/new")).await.unwrap();
        assert_eq!(admin.count("[name=crm_log]").await.unwrap(), offered, "{mode}");
        assert_eq!(admin.count("[name=crm_log]:checked").await.unwrap(), ticked, "{mode}");
    }

    // Dynamics is connected anew as a person, who is led to Microsoft and back.
    admin.go(&format!("{web}/app/admin/crm")).await.unwrap();
    admin.press(".connections > li:nth-of-type(2) a[href*='again=']").await.unwrap();
    admin.press("#s-code").await.unwrap();
    admin.type_into("[name=tenant]", sandbox::DATAVERSE_TENANT).await.unwrap();
    admin.press("form[action*='/crm/connect/'] .primary").await.unwrap();
    admin.reads("Allow access at Microsoft Dynamics 365").await.unwrap();
    allow(&admin).await;
    counts(&admin, ".connections .tag.good", 4).await;
    says(&admin, ".connections > li:nth-of-type(2)", "Allowed in the CRM").await;

    // Ending one asks first.
    admin.press(".connections > li:nth-of-type(4) a.danger").await.unwrap();
    admin.reads("What was logged stays listed here").await.unwrap();
    look(&admin, "crm-disconnect").await;
    admin.press("form[action$='/disconnect'] .danger").await.unwrap();
    admin.arrive("done=crm-disconnected").await.unwrap();
    counts(&admin, ".connections .tag.good", 3).await;
    admin.close().await.unwrap();
    drop(world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_logs_a_space_an_invitation_and_a_snapshot_through_a_broken_connection_too() {
    let Web { world, journey, accounts, address: web } = open().await;
    let admin = Browser::start(true).await.unwrap();
    sign_in(&admin, &web, (&accounts.organization, &accounts.admin)).await;
    connect(&admin, &journey, (&web, Crm::Salesforce)).await;

    // The record is found while typing; a log that is wanted without one is refused, and nothing is lost.
    let seller = Browser::start(true).await.unwrap();
    sign_in(&seller, &web, (&accounts.organization, &accounts.members[0])).await;
    let title = format!("Renewal {}", unique());
    seller.go(&format!("{web}/app/spaces/new")).await.unwrap();
    seller.type_into("[name=title]", &title).await.unwrap();
    seller.press("[name=crm_log]").await.unwrap();
    seller.press("form[action='/app/spaces/new'] .primary").await.unwrap();
    seller.reads("Choose an account or an opportunity").await.unwrap();
    assert_eq!(seller.held("[name=title]").await.unwrap(), title);
    choose(&seller, "target", ("contoso", "Contoso Ltd")).await;
    look(&seller, "new-space-with-log").await;
    seller.press("form[action='/app/spaces/new'] .primary").await.unwrap();
    let space = seller.arrive("done=crm-created").await.unwrap().split('?').next().unwrap().to_owned();
    seller.press(".hero-actions a[href$='/crm']").await.unwrap();
    seller.arrive("/crm").await.unwrap();
    open_panel(&seller, &space).await;
    says(&seller, ".record", "Contoso Ltd").await;
    counts(&seller, ".logs .tag.good", 1).await;

    // Contacts and leads alone can be invited with a log.
    seller.go(&format!("{space}/people")).await.unwrap();
    seller.type_into("[name=personal_note]", "See you on Tuesday!").await.unwrap();
    seller.press("[name=crm_switch]").await.unwrap();
    seller.reads("Invite contacts and leads of the CRM").await.unwrap();
    assert_eq!(seller.held("[name=personal_note]").await.unwrap(), "See you on Tuesday!");
    assert_eq!(seller.count("[name=target][value*='Contoso+Ltd']:checked").await.unwrap(), 1);
    seller.type_into("[name=recipients_query]", "nora").await.unwrap();
    seller.press(&format!("[name=recipients_add][value='{NORA}']")).await.unwrap();
    let stranger = format!("stranger.{}@buyer.example", unique());
    seller.type_into("[name=pasted_list]", &format!("\n{stranger}")).await.unwrap();
    seller.press("[name=crm_match]").await.unwrap();
    says(&seller, ".matches", "Nora Field, Contact").await;
    says(&seller, ".matches .missing", "neither contact nor lead").await;
    look(&seller, "crm-invitation").await;
    seller.press("form[action$='/crm/invite'] .primary").await.unwrap();
    says(&seller, ".alert", &stranger).await;
    assert!(journey.outside.mails(&stranger).await.unwrap().is_empty());
    seller.replace("[name=pasted_list]", NORA).await.unwrap();
    seller.press("form[action$='/crm/invite'] .primary").await.unwrap();
    seller.arrive("done=crm-invited").await.unwrap();
    counts(&seller, ".logs .tag.good", 2).await;

    // A snapshot on a lead; every record opens in the CRM.
    seller.press("#add summary").await.unwrap();
    choose(&seller, "person", ("lena", "Lena Brook")).await;
    seller.press("#add .primary").await.unwrap();
    seller.arrive("done=crm-logging").await.unwrap();
    counts(&seller, ".logs .tag.good", 3).await;
    look(&seller, "crm").await;
    let urls = seller
        .run("return [...document.querySelectorAll('.record a, .logs .item-actions a')].map(of => of.href)")
        .await
        .unwrap();
    let urls: Vec<&str> = urls.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(urls.len(), 4);
    seller.go(urls[0]).await.unwrap();
    seller.reads("Contoso Ltd").await.unwrap();
    seller.go(urls[1]).await.unwrap();
    seller.reads(&title).await.unwrap();

    // An admin takes part, so that they see the space's logs.
    invite(&seller, &space, &accounts.admin).await;
    seller.arrive("done=invited").await.unwrap();

    // The connection breaks: it is seen in the space and by the admin, who connects again; then it is tried once more.
    journey.break_off(Crm::Salesforce).await.unwrap();
    seller.go(&format!("{space}/crm")).await.unwrap();
    seller.press("#add summary").await.unwrap();
    seller.press("#add .primary").await.unwrap();
    counts(&seller, ".logs .tag.bad", 1).await;
    says(&seller, ".logs > li:first-of-type", "Reconnect needed").await;
    look(&seller, "crm-broken").await;
    admin.go(&format!("{web}/app/admin/crm/logs")).await.unwrap();
    says(&admin, ".logs", &title).await;
    look(&admin, "crm-trouble").await;
    admin.go(&format!("{web}/app/admin/crm")).await.unwrap();
    says(&admin, ".connections .tag.bad", "Must be connected again").await;
    look(&admin, "crm-reconnect").await;
    journey.outside.fail_no_more().await.unwrap();
    admin.press(".connections a[href*='again=']").await.unwrap();
    fill_in(&admin, &journey, Crm::Salesforce).await;
    admin.reads("Allow access at Salesforce").await.unwrap();
    allow(&admin).await;
    counts(&admin, ".connections .tag.good", 1).await;
    seller.go(&format!("{space}/crm")).await.unwrap();
    press_text(&seller, ".logs button", "Try again").await;
    seller.arrive("done=crm-retrying").await.unwrap();
    counts(&seller, ".logs .tag.good", 4).await;

    // The record is changed, and taken away.
    seller.press("form[action$='/unlink'] button").await.unwrap();
    seller.arrive("done=crm-unlinked").await.unwrap();
    seller.press("details.edit summary").await.unwrap();
    choose(&seller, "record", ("northwind", "Northwind Traders")).await;
    seller.press("form[action$='/crm/link'] .primary").await.unwrap();
    seller.arrive("done=crm-linked").await.unwrap();
    says(&seller, ".record", "Northwind Traders").await;

    // Where it is on by default, inviting begins with the CRM's fields, filled in from the link.
    admin.go(&format!("{web}/app/admin/crm")).await.unwrap();
    admin.press("#m-default-on").await.unwrap();
    admin.press("form[action$='/crm/mode'] .primary").await.unwrap();
    admin.arrive("done=saved").await.unwrap();
    seller.go(&space).await.unwrap();
    seller.press(".hero-actions .primary").await.unwrap();
    seller.arrive("/crm/invite").await.unwrap();
    assert_eq!(seller.count("[name=target][value*='Northwind+Traders']:checked").await.unwrap(), 1);

    // A guest finds nothing of it.
    let link = journey.outside.wait_for_mail(NORA, "").await.unwrap().link().unwrap();
    let guest = Browser::start(true).await.unwrap();
    guest.go(link.as_str()).await.unwrap();
    guest.reads("Privacy notice").await.unwrap();
    guest.press("[name=consent_given]").await.unwrap();
    guest.type_into("[name=display_name]", "Nora Field").await.unwrap();
    guest.press("form[action$='/accept'] .primary").await.unwrap();
    guest.reads(&title).await.unwrap();
    assert_eq!(guest.count("a[href$='/crm']").await.unwrap(), 0, "a guest sees the CRM");
    guest.go(&format!("{space}/crm")).await.unwrap();
    guest.reads("You may not do that here").await.unwrap();
    for browser in [admin, seller, guest] {
        browser.close().await.unwrap();
    }
    drop(world);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_a_record_is_found_by_a_button_and_logged_to() {
    let Web { world, journey, accounts, address: web } = open().await;
    let admin = Browser::start(false).await.unwrap();
    sign_in(&admin, &web, (&accounts.organization, &accounts.admin)).await;
    connect(&admin, &journey, (&web, Crm::Dynamics)).await;
    admin.press(".connections form[action*='/test'] button").await.unwrap();
    says(&admin, ".findings", "Works").await;

    let seller = Browser::start(false).await.unwrap();
    sign_in(&seller, &web, (&accounts.organization, &accounts.members[0])).await;
    let title = format!("Renewal {}", unique());
    seller.go(&format!("{web}/app/spaces/new")).await.unwrap();
    seller.type_into("[name=title]", &title).await.unwrap();
    seller.press("[name=crm_log]").await.unwrap();
    seller.type_into("[name=target_query]", "contoso").await.unwrap();
    seller.press("[name=target_find]").await.unwrap();
    seller.press("[name=target][value*='Contoso+Ltd']").await.unwrap();
    assert_eq!(seller.held("[name=title]").await.unwrap(), title);
    seller.press("form[action='/app/spaces/new'] .primary").await.unwrap();
    let space = seller.arrive("done=crm-created").await.unwrap().split('?').next().unwrap().to_owned();

    seller.go(&format!("{space}/crm/invite")).await.unwrap();
    seller.type_into("[name=recipients_query]", "nora").await.unwrap();
    seller.press("[name=recipients_find]").await.unwrap();
    seller.press(&format!("[name=recipients_add][value='{NORA}']")).await.unwrap();
    says(&seller, ".matches", "Nora Field, Contact").await;
    assert_eq!(seller.held("[name=pasted_list]").await.unwrap(), NORA);
    seller.press("form[action$='/crm/invite'] .primary").await.unwrap();
    seller.arrive("done=crm-invited").await.unwrap();

    seller.press("#add summary").await.unwrap();
    seller.type_into("[name=person_query]", "lena").await.unwrap();
    seller.press("[name=person_find]").await.unwrap();
    seller.press("[name=person][value*='Lena+Brook']").await.unwrap();
    seller.press("#add .primary").await.unwrap();
    seller.arrive("done=crm-logging").await.unwrap();
    within(PATIENCE, "all logs in the CRM", async || {
        seller.go(&format!("{space}/crm")).await?;
        Ok((seller.count(".logs .tag.good").await? == 3).then_some(()))
    })
    .await
    .unwrap();
    assert!(journey.records_naming(Crm::Dynamics, &title).await.unwrap() >= 3);
    admin.close().await.unwrap();
    seller.close().await.unwrap();
    drop(world);
}

#[tokio::test(flavor = "multi_thread")]
async fn where_the_plan_has_no_crm_nothing_of_it_is_offered() {
    let Web { world, journey, address: web, .. } = open().await;
    let accounts = Accounts::of(&format!("org-{}", unique()));
    journey.found(&accounts, "Modest", "en", Plan::Plus).await.unwrap();
    let admin = Browser::start(true).await.unwrap();
    sign_in(&admin, &web, (&accounts.organization, &accounts.admin)).await;
    within(PATIENCE, "crm-sync's knowledge of the organisation", async || {
        admin.go(&format!("{web}/app/admin/crm")).await?;
        anyhow::ensure!(admin.text("main").await?.contains("part of the plan Ultimate"));
        Ok(Some(()))
    })
    .await
    .unwrap();
    look(&admin, "crm-no-plan").await;
    let space = create_space(&admin, &web, "Without a CRM").await;
    assert_eq!(admin.count("a[href$='/crm']").await.unwrap(), 0);
    admin.go(&format!("{space}/people")).await.unwrap();
    assert_eq!(admin.count("[name=crm_switch]").await.unwrap(), 0);
    admin.go(&format!("{web}/app/spaces/new")).await.unwrap();
    assert_eq!(admin.count("[name=crm_log]").await.unwrap(), 0);

    // Nor may a member look after connections.
    let member = Browser::start(true).await.unwrap();
    sign_in(&member, &web, (&accounts.organization, &accounts.members[0])).await;
    member.go(&format!("{web}/app/admin/crm")).await.unwrap();
    member.reads("You may not do that here").await.unwrap();
    admin.close().await.unwrap();
    member.close().await.unwrap();
    drop(world);
}
