//! The people of a space, one's own account, and the organisation's administration, as they are clicked.

use journeys::visit::png;
use serde_json::json;

use super::*;

/// Brings a guest from their invitation into the space.
async fn come_in(journey: &Journey, guest: &Browser, address: &str, has_script: bool) {
    let link = journey.outside.wait_for_mail(address, "").await.unwrap().link().unwrap();
    guest.go(link.as_str()).await.unwrap();
    if !has_script {
        guest.type_into("[name=token]", link.as_str()).await.unwrap();
        guest.press("form[action$='/invitation'] .primary").await.unwrap();
    }
    guest.reads("Privacy notice").await.unwrap();
    guest.press("[name=consent_given]").await.unwrap();
    guest.type_into("[name=display_name]", "Gina Guest").await.unwrap();
    guest.press("form[action$='/accept'] .primary").await.unwrap();
    guest.arrive("/app/spaces/").await.unwrap();
}

/// Lets the server's own rule answer, not the browser's.
async fn without_the_browsers_rules(browser: &Browser) {
    browser.run("for (const form of document.forms) form.noValidate = true").await.unwrap();
}

/// Presses what belongs to one line of a list: the line is found by its text.
async fn press_beside(browser: &Browser, text: &str, css: &str) {
    let script = format!(
        "const line = [...document.querySelectorAll('li, tr')].find(line => line.textContent.includes({})); \
         line.closest('details')?.setAttribute('open', ''); line.querySelector({}).click()",
        json!(text),
        json!(css)
    );
    browser.run(&script).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_seller_invites_with_suggestions_sees_who_stands_where_and_hands_the_room_over() {
    let Web { world, journey, accounts, address: web } = open().await;
    let seller = Browser::start(true).await.unwrap();
    sign_in(&seller, &web, (&accounts.organization, &accounts.members[0])).await;
    let space = create_space(&seller, &web, "Handed over").await;

    // Up to fifteen people are recommended; the sixteenth is let in, and that is said.
    let crowd = |count, from| -> String {
        (from..from + count).map(|n| format!("p{n}.{}@buyer.example\n", unique())).collect()
    };
    let crowded = create_space(&seller, &web, "Crowded").await;
    invite(&seller, &crowded, &crowd(14, 0)).await;
    seller.arrive("done=invited").await.unwrap();
    assert!(!seller.text("main").await.unwrap().contains("works best with up to 15"));
    invite(&seller, &crowded, &crowd(1, 14)).await;
    seller.reads("There are 16 people here now. A space works best with up to 15.").await.unwrap();

    // A colleague is found by the beginning of a name and taken by keyboard alone.
    seller.go(&format!("{space}/people")).await.unwrap();
    within(Duration::from_secs(60), "suggestions", async || {
        seller.replace("[name=pasted_list]", "Noa").await?;
        Ok(within(Duration::from_secs(5), "Noah", async || {
            Ok((seller.count("[role=option]").await? == 1).then_some(()))
        })
        .await
        .ok())
    })
    .await
    .unwrap();
    assert!(seller.text("[role=option]").await.unwrap().contains("Noah Novak"));
    look(&seller, "suggestions").await;
    // Arrow down, Enter.
    seller.type_into("[name=pasted_list]", "\u{e015}\u{e007}").await.unwrap();
    let taken = format!("\"Noah Novak\" <{}>, ", accounts.members[1]);
    assert_eq!(seller.held("[name=pasted_list]").await.unwrap(), taken);

    // Each bad entry is marked with its rule; the rest is kept, and goes alone once that is asked for.
    let guest_address = format!("gina.{}@buyer.example", unique());
    let list = format!("{guest_address}, nobody; eve@b");
    seller.type_into("[name=pasted_list]", &list).await.unwrap();
    seller.press("form[action$='/people'] .primary").await.unwrap();
    seller.reads("nothing has been sent yet").await.unwrap();
    for bad in ["nobody A whole address is needed", "eve@b A whole address is needed"] {
        seller.reads(bad).await.unwrap();
    }
    assert_eq!(seller.held("[name=pasted_list]").await.unwrap(), format!("{taken}{list}"));
    seller.press("[name=send_good_ones]").await.unwrap();
    seller.press("form[action$='/people'] .primary").await.unwrap();
    seller.arrive("done=invited").await.unwrap();
    seller.reads("2 entries were left out").await.unwrap();
    look(&seller, "invited-just-now").await;

    // What is known of the guest is filled in; what is refused keeps what was typed.
    seller.press(".told .item-actions a").await.unwrap();
    seller.type_into("[name=display_name]", "Gina Given").await.unwrap();
    seller.type_into("[name=company]", "Fabrikam").await.unwrap();
    seller.type_into("[name=phone]", "call me").await.unwrap();
    seller.press("form[action$='/profile'] .primary").await.unwrap();
    seller.reads("Digits, spaces and").await.unwrap();
    assert_eq!(seller.held("[name=company]").await.unwrap(), "Fabrikam");
    look(&seller, "profile-of-a-guest-refused").await;
    seller.replace("[name=phone]", "+41 44 555 01 01").await.unwrap();
    seller.press("form[action$='/profile'] .primary").await.unwrap();
    seller.arrive("done=saved").await.unwrap();
    seller.reads("+41 44 555 01 01").await.unwrap();

    // A guest sees who is here, and nothing to decide.
    let guest = Browser::start(true).await.unwrap();
    come_in(&journey, &guest, &guest_address, true).await;
    guest.go(&format!("{space}/people")).await.unwrap();
    guest.reads("Noah Novak").await.unwrap();
    assert_eq!(
        guest.count("form[action$='/revoke'], form[action$='/remind'], [data-suggest]").await.unwrap(),
        0
    );
    press_beside(&guest, "Noah Novak", "a.name").await;
    guest.arrive("/people/").await.unwrap();
    guest.reads(&accounts.members[1]).await.unwrap();
    assert_eq!(guest.count("main form").await.unwrap(), 0);
    look(&guest, "colleague-seen-by-a-guest").await;

    // What the guest may do is told with who says no.
    seller.go(&format!("{space}/people")).await.unwrap();
    press_beside(&seller, &guest_address, "a.name").await;
    seller.arrive("/people/").await.unwrap();
    seller.reads("the settings of this space say no").await.unwrap();
    look(&seller, "person").await;

    // Removed, they are folded away; a second mail on the same day is refused by its rule, and the address is kept.
    seller.go(&format!("{space}/people")).await.unwrap();
    press_beside(&seller, &guest_address, "form[action$='/revoke'] button").await;
    seller.arrive("done=revoked").await.unwrap();
    assert_eq!(seller.count("details.fold li").await.unwrap(), 1);
    look(&seller, "people-removed").await;
    press_beside(&seller, &guest_address, "form[action$='/people'] button").await;
    seller.reads("Please try again tomorrow.").await.unwrap();
    assert_eq!(seller.held("textarea[name=pasted_list]").await.unwrap(), guest_address);

    // The owner stays until the room is handed over; then they may leave.
    press_beside(&seller, "Mia Meyer", "a.name").await;
    seller.reads("To leave it, hand it over").await.unwrap();
    seller.go(&format!("{space}/people")).await.unwrap();
    press_beside(&seller, "Noah Novak", "a.name").await;
    seller.arrive("/people/").await.unwrap();
    seller.press("form[action$='/owner'] button").await.unwrap();
    seller.arrive("done=transferred").await.unwrap();
    press_beside(&seller, "Mia Meyer", "a.name").await;
    seller.arrive("/people/").await.unwrap();
    look(&seller, "leave").await;
    seller.press("form[action$='/leave'] button").await.unwrap();
    seller.arrive("done=left").await.unwrap();
    seller.go(&space).await.unwrap();
    seller.reads("Not found").await.unwrap();

    // Who left is invited again by one press, and is back.
    let owner = Browser::start(true).await.unwrap();
    sign_in(&owner, &web, (&accounts.organization, &accounts.members[1])).await;
    owner.go(&format!("{space}/people")).await.unwrap();
    press_beside(&owner, "Mia Meyer", "form[action$='/people'] button").await;
    owner.arrive("done=invited").await.unwrap();
    seller.go(&space).await.unwrap();
    seller.reads("team Fabrikam").await.unwrap();
    owner.close().await.unwrap();
    seller.close().await.unwrap();
    guest.close().await.unwrap();
    drop(world);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_minds_where_they_are_signed_in_when_mails_wait_and_what_they_agreed_to() {
    let Web { world, journey, accounts, address: web } = open().await;
    let seller = Browser::start(true).await.unwrap();
    sign_in(&seller, &web, (&accounts.organization, &accounts.members[0])).await;
    let space = create_space(&seller, &web, "Minded").await;

    // Another device is seen, and signed out from here.
    let other = Browser::start(false).await.unwrap();
    sign_in(&other, &web, (&accounts.organization, &accounts.members[0])).await;
    seller.go(&format!("{web}/app/profile/sessions")).await.unwrap();
    assert_eq!(seller.count(".people li").await.unwrap(), 2);
    look(&seller, "sessions").await;
    seller.press("form[action$='/others'] button").await.unwrap();
    seller.arrive("done=ended").await.unwrap();
    assert_eq!(seller.count(".people li").await.unwrap(), 1);

    // Quiet hours: a rule is told beside what was typed.
    seller.go(&format!("{web}/app/profile/mails")).await.unwrap();
    seller.reads("Minded").await.unwrap();
    look(&seller, "quiet-hours").await;
    let set = async |start: &str, end: &str| {
        let script = format!(
            "document.querySelector('[name=start]').value = {}; document.querySelector('[name=end]').value = {}",
            json!(start),
            json!(end)
        );
        seller.run(&script).await.unwrap();
        seller.press("form[action='/app/profile/mails'] .primary").await.unwrap();
    };
    set("22:00", "22:00").await;
    seller.reads("not the same one twice").await.unwrap();
    assert_eq!(seller.held("[name=start]").await.unwrap(), "22:00");
    look(&seller, "quiet-hours-refused").await;
    set("22:00", "07:30").await;
    seller.arrive("done=saved").await.unwrap();
    assert_eq!(seller.held("[name=end]").await.unwrap(), "07:30");
    seller.press("[name=none]").await.unwrap();
    seller.reads("Saved.").await.unwrap();
    assert_eq!(seller.held("[name=end]").await.unwrap(), "");
    seller.press(".plain-list a").await.unwrap();
    seller.arrive("/notifications").await.unwrap();

    // A picture that is none is refused with the rule; one that is stands beside the name, for a guest too.
    let profile = format!("{web}/app/profile");
    let dir = xtask::throwaway::Throwaway::create("picture").unwrap();
    for (name, content) in [("me.txt", b"me".to_vec()), ("me.png", png(300, 200).unwrap())] {
        let file = dir.path().join(name);
        std::fs::write(&file, content).unwrap();
        seller.go(&profile).await.unwrap();
        seller.type_into("[name=file]", &file.to_string_lossy()).await.unwrap();
        seller.press("form[action$='/picture'] .primary").await.unwrap();
        if name == "me.txt" {
            seller.reads("The picture is no PNG, JPEG or WebP.").await.unwrap();
            look(&seller, "picture-refused").await;
        }
    }
    seller.arrive("done=saved").await.unwrap();
    look(&seller, "profile").await;
    let guest_address = format!("gina.{}@buyer.example", unique());
    invite(&seller, &space, &guest_address).await;
    let guest = Browser::start(true).await.unwrap();
    come_in(&journey, &guest, &guest_address, true).await;
    guest.go(&format!("{space}/people")).await.unwrap();
    let drawn = "return [...document.querySelectorAll('.avatar img')].filter(of => of.naturalWidth).length";
    within(PATIENCE, "the picture", async || Ok((guest.run(drawn).await? == 1).then_some(()))).await.unwrap();
    look(&guest, "people-with-a-picture").await;
    seller.go(&profile).await.unwrap();
    seller.press("form[action$='/picture/remove'] button").await.unwrap();
    seller.arrive("done=removed").await.unwrap();
    guest.go(&format!("{space}/people")).await.unwrap();
    assert_eq!(guest.count(".avatar img").await.unwrap(), 0);

    // The guest reads what they agreed to, takes it back, and is asked before they see anything again.
    guest.go(&format!("{web}/app/profile/privacy")).await.unwrap();
    guest.reads("Agreed to version 1").await.unwrap();
    look(&guest, "privacy").await;
    guest.press("main details.edit summary").await.unwrap();
    guest.press("form[action$='/withdraw'] button").await.unwrap();
    guest.reads("Took back the consent to version 1").await.unwrap();
    look(&guest, "privacy-withdrawn").await;
    within(Duration::from_secs(30), "the withdrawal to hold", async || {
        guest.go(&space).await?;
        Ok(guest.address().await?.contains("/app/consent").then_some(()))
    })
    .await
    .unwrap();
    guest.press("[name=consent_given]").await.unwrap();
    guest.press("form[action='/app/consent'] .primary").await.unwrap();
    guest.reads("Welcome").await.unwrap();

    // Signed out everywhere, here too.
    seller.go(&format!("{web}/app/profile/sessions")).await.unwrap();
    seller.press("form[action$='/all'] button").await.unwrap();
    seller.arrive("done=signed-out").await.unwrap();
    for browser in [seller, other, guest] {
        browser.close().await.unwrap();
    }
    drop(world);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_minds_the_organisation_its_members_and_its_privacy_notice() {
    let Web { world, accounts, address: web, .. } = open().await;
    let admin = Browser::start(true).await.unwrap();
    sign_in(&admin, &web, (&accounts.organization, &accounts.admin)).await;

    // How people sign in: a rule is told beside what was typed.
    admin.go(&format!("{web}/app/admin/organization")).await.unwrap();
    look(&admin, "organization").await;
    without_the_browsers_rules(&admin).await;
    admin.replace("[name=password_min_length]", "8").await.unwrap();
    admin.press("[value=guided]").await.unwrap();
    admin.press("form[action='/app/admin/organization'] .primary").await.unwrap();
    admin.reads("12 to 64 characters.").await.unwrap();
    assert_eq!(admin.held("[name=password_min_length]").await.unwrap(), "8");
    look(&admin, "organization-refused").await;
    admin.replace("[name=password_min_length]", "16").await.unwrap();
    admin.press("form[action='/app/admin/organization'] .primary").await.unwrap();
    admin.arrive("done=saved").await.unwrap();
    assert_eq!(admin.count("[value=guided]:checked").await.unwrap(), 1);

    // Members: taken in, found, made admin, shut out; the last admin stays.
    admin.go(&format!("{web}/app/admin/members")).await.unwrap();
    let nina = format!("nina@{}.example", accounts.organization);
    admin.type_into("[name=email_address]", &nina).await.unwrap();
    admin.type_into("[name=display_name]", "Nina Neumann").await.unwrap();
    admin.press("form[method=post][action='/app/admin/members'] .primary").await.unwrap();
    admin.arrive("done=added").await.unwrap();
    look(&admin, "members").await;
    admin.type_into("[name=q]", "Neum").await.unwrap();
    admin.press("form[role=search] button").await.unwrap();
    admin.arrive("q=Neum").await.unwrap();
    assert_eq!(admin.count(".people li").await.unwrap(), 1);
    admin.press(".people a").await.unwrap();
    admin.press("[name=is_admin]").await.unwrap();
    admin.press("main form .primary").await.unwrap();
    admin.arrive("done=saved").await.unwrap();
    look(&admin, "member").await;
    admin.press("main details.edit summary").await.unwrap();
    admin.press("form[action$='/deactivate'] button").await.unwrap();
    admin.arrive("done=deactivated").await.unwrap();
    assert!(!admin.text("main").await.unwrap().contains("Nina"));
    press_beside(&admin, &accounts.admin, "a.quiet").await;
    admin.arrive("/members/").await.unwrap();
    admin.press("[name=is_admin]").await.unwrap();
    admin.press("main form .primary").await.unwrap();
    admin.reads("Somebody must remain admin").await.unwrap();
    look(&admin, "last-admin").await;
    admin.go(&format!("{web}/app/admin/members?q=zzz")).await.unwrap();
    look(&admin, "nobody-found").await;

    // The next notice starts from the one in force, is seen as guests will read it, and kept beside the old one.
    admin.go(&format!("{web}/app/admin/notices/new")).await.unwrap();
    assert!(!admin.held("[name=text_en]").await.unwrap().is_empty());
    for language in ["en", "fr", "de"] {
        admin.replace(&format!("[name=text_{language}]"), " ").await.unwrap();
    }
    admin.press("main form .primary").await.unwrap();
    admin.reads("and a text in the organisation’s own language").await.unwrap();
    look(&admin, "notice-refused").await;
    admin.replace("[name=text_en]", "We keep what you do here for a year.").await.unwrap();
    admin.press("[name=is_material]").await.unwrap();
    admin.press("[name=preview]").await.unwrap();
    admin.reads("This is what guests read").await.unwrap();
    assert_eq!(admin.text("#preview .notice").await.unwrap(), "We keep what you do here for a year.");
    assert_eq!(admin.count("[name=is_material]:checked").await.unwrap(), 1);
    look(&admin, "notice-preview").await;
    admin.press("main form .primary").await.unwrap();
    admin.arrive("done=published").await.unwrap();
    admin.reads("Version 2").await.unwrap();
    admin.reads("Version 1").await.unwrap();
    look(&admin, "notices").await;
    admin.press("form[action$='/verify'] button").await.unwrap();
    admin.reads("The evidence is whole").await.unwrap();

    // A theme is changed after it was made, and gives way to another.
    for name in ["Harbour", "Heath"] {
        admin.go(&format!("{web}/app/admin/look")).await.unwrap();
        admin.type_into("[name=name]", name).await.unwrap();
        admin.press("form[action='/app/admin/themes'] .primary").await.unwrap();
        admin.arrive("done=added").await.unwrap();
    }
    press_beside(&admin, "Harbour", "a.quiet").await;
    admin.arrive("/admin/themes/").await.unwrap();
    admin.replace("[name=name]", "Heath").await.unwrap();
    admin.press("main form .primary").await.unwrap();
    admin.reads("There is a theme of this name already.").await.unwrap();
    admin.replace("[name=name]", "Quay").await.unwrap();
    admin.press("main form .primary").await.unwrap();
    admin.arrive("done=saved").await.unwrap();
    press_beside(&admin, "Quay", "a.quiet").await;
    admin.arrive("/admin/themes/").await.unwrap();
    look(&admin, "theme").await;
    admin.press("form[action$='/delete'] button").await.unwrap();
    admin.arrive("done=removed").await.unwrap();
    assert!(!admin.text("main").await.unwrap().contains("Quay"));
    admin.close().await.unwrap();
    drop(world);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_sees_why_a_mail_failed_sends_it_again_and_takes_a_deleted_space_back() {
    let Web { world, journey, accounts, address: web } = open().await;
    let admin = Browser::start(true).await.unwrap();
    sign_in(&admin, &web, (&accounts.organization, &accounts.admin)).await;

    // What the policy hides at creation is left at its default, which holds once it is allowed.
    admin.go(&format!("{web}/app/admin")).await.unwrap();
    admin.press("[name=allow_download]").await.unwrap();
    admin.press("form[action='/app/admin'] .primary").await.unwrap();
    admin.arrive("done=saved").await.unwrap();
    let space = create_space(&admin, &web, "Taken back").await;
    admin.go(&format!("{space}/settings")).await.unwrap();
    assert_eq!(admin.count("[name=download]").await.unwrap(), 0);
    admin.go(&format!("{web}/app/admin")).await.unwrap();
    admin.press("[name=allow_download]").await.unwrap();
    admin.press("form[action='/app/admin'] .primary").await.unwrap();
    admin.arrive("done=saved").await.unwrap();
    admin.go(&format!("{space}/settings")).await.unwrap();
    assert_eq!(admin.count("[name=download]:checked").await.unwrap(), 1);
    assert!(admin.held("#space-address").await.unwrap().contains(&accounts.organization));
    look(&admin, "own-address").await;

    // A mail that the server refuses for good is there with its reason, and its address among those without mails.
    let guest_address = format!("gil.{}@buyer.example", unique());
    let fault = json!({ "phase": "rcpt", "reply": "550 5.1.1 unknown", "recipient": guest_address });
    journey.outside.fail_next(&fault).await.unwrap();
    invite(&admin, &space, &guest_address).await;
    admin.arrive("done=invited").await.unwrap();
    within(Duration::from_secs(60), "the mail that failed", async || {
        admin.go(&format!("{web}/app/admin/mails?state=failed&to={guest_address}")).await?;
        Ok((admin.count("tbody tr").await? == 1).then_some(()))
    })
    .await
    .unwrap();
    look(&admin, "mails-failed").await;
    admin.go(&format!("{web}/app/admin/suppressions")).await.unwrap();
    admin.reads(&guest_address).await.unwrap();
    look(&admin, "suppressions").await;
    admin.press("form[action$='/suppressions/remove'] button").await.unwrap();
    admin.reads("Every address gets its mails.").await.unwrap();
    admin.go(&format!("{web}/app/admin/mails?state=failed")).await.unwrap();
    admin.press("form[action$='/retry'] button").await.unwrap();
    admin.arrive("done=retried").await.unwrap();
    journey.outside.wait_for_mail(&guest_address, "").await.unwrap();

    // Archived and opened again, deleted and taken back.
    for (form, done) in [("archive", "archived"), ("reactivate", "reactivated")] {
        admin.go(&format!("{space}/settings")).await.unwrap();
        admin.press(&format!("form[action$='/{form}'] button")).await.unwrap();
        admin.arrive(&format!("done={done}")).await.unwrap();
    }
    admin.press("main details.edit summary").await.unwrap();
    admin.press("form[action$='/delete'] button").await.unwrap();
    admin.arrive("done=deleted").await.unwrap();
    admin.go(&format!("{web}/app/admin/deleted")).await.unwrap();
    admin.reads("Taken back").await.unwrap();
    look(&admin, "deleted").await;
    admin.press("form[action$='/restore'] button").await.unwrap();
    admin.arrive("done=restored").await.unwrap();
    admin.reads("Nothing is waiting to be purged").await.unwrap();
    admin.go(&space).await.unwrap();
    admin.reads("Taken back").await.unwrap();
    admin.close().await.unwrap();
    drop(world);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_people_are_invited_and_minded_all_the_same() {
    let Web { world, journey, accounts, address: web } = open().await;
    let admin = Browser::start(false).await.unwrap();
    sign_in(&admin, &web, (&accounts.organization, &accounts.admin)).await;
    let space = create_space(&admin, &web, "By forms alone").await;
    let guest_address = format!("gus.{}@buyer.example", unique());
    invite(&admin, &space, &format!("{guest_address}; {}; nonsense", accounts.members[1])).await;
    admin.reads("nonsense A whole address is needed").await.unwrap();
    admin.press("[name=send_good_ones]").await.unwrap();
    admin.press("form[action$='/people'] .primary").await.unwrap();
    admin.reads("1 entry was left out").await.unwrap();
    admin.press(".told .item-actions a").await.unwrap();
    admin.type_into("[name=company]", "Fabrikam").await.unwrap();
    admin.press("form[action$='/profile'] .primary").await.unwrap();
    admin.arrive("done=saved").await.unwrap();

    let guest = Browser::start(false).await.unwrap();
    come_in(&journey, &guest, &guest_address, false).await;
    guest.go(&format!("{web}/app/profile/privacy")).await.unwrap();
    guest.press("main details.edit summary").await.unwrap();
    guest.press("form[action$='/withdraw'] button").await.unwrap();
    guest.reads("No consent of yours stands").await.unwrap();

    admin.go(&format!("{web}/app/admin/notices/new")).await.unwrap();
    admin.replace("[name=text_en]", "Version two.").await.unwrap();
    admin.press("main form .primary").await.unwrap();
    admin.arrive("done=published").await.unwrap();
    admin.go(&format!("{web}/app/admin/members?q=noah")).await.unwrap();
    admin.press(".people a").await.unwrap();
    admin.replace("[name=display_name]", "Noah N. Novak").await.unwrap();
    admin.press("main form .primary").await.unwrap();
    admin.arrive("done=saved").await.unwrap();
    admin.reads("Noah N. Novak").await.unwrap();
    admin.close().await.unwrap();
    guest.close().await.unwrap();
    drop(world);
}
