//! What moves on a page: notices as they come, dragging, editing in place, files on their way, a connection that breaks off;
//! and how much and how long the first page takes.

use std::time::Instant;

use journeys::visit::png;

use super::*;

const ENTER: &str = "\u{e007}";
const ESCAPE: &str = "\u{e00c}";
const UP: &str = "\u{e013}";
const DOWN: &str = "\u{e015}";
const RIGHT: &str = "\u{e014}";

/// What waits for the stream to say something.
const SOON: Duration = Duration::from_secs(30);

/// A space with its id and the address of its page, and its seller over the API.
struct Place {
    id: String,
    page: String,
    seller: Session,
}

async fn place(Web { journey, accounts, address, .. }: &Web, title: &str) -> Place {
    let seller = journey.sign_in(&accounts.organization, &accounts.members[0]).await.unwrap();
    let id = journey.create_space(&seller, title, "", None).await.unwrap().space_id;
    Place { page: format!("{address}/app/spaces/{id}"), id, seller }
}

async fn seller_in(Web { accounts, address, .. }: &Web, has_script: bool) -> Browser {
    let seller = Browser::start(has_script).await.unwrap();
    sign_in(&seller, address, (&accounts.organization, &accounts.members[0])).await;
    seller
}

/// Waits until a script of the test's own returns true.
async fn holds(browser: &Browser, what: &str, script: &str) {
    within(SOON, what, async || Ok((browser.run(script).await? == true).then_some(()))).await.unwrap();
}

async fn titles(browser: &Browser) -> Value {
    browser
        .run("return [...document.querySelectorAll('.item h3 a')].map(of => of.firstChild.textContent)")
        .await
        .unwrap()
}

/// The number that the bell shows.
async fn shows_unread(browser: &Browser, count: &str) {
    let script = "const badge = document.querySelector('[data-unread]'); return badge.hidden ? '' : badge.querySelector('b').textContent";
    within(SOON, "the number of unread notices", async || {
        let shown = browser.run(script).await?;
        anyhow::ensure!(shown == count, "the bell shows {shown}, not {count:?}");
        Ok(Some(()))
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn notices_come_while_one_looks_and_none_is_lost_when_the_connection_breaks_off() {
    let web = open().await;
    let space = place(&web, "Fabrikam").await;
    let item = web.journey.add_link(&space.seller, &space.id, "", "Product tour").await.unwrap();
    let seller = seller_in(&web, true).await;
    seller.go(&format!("{}/app/notices", web.address)).await.unwrap();
    seller.reads("Nothing new").await.unwrap();
    look(&seller, "no-notices").await;

    // Somebody joins: the list, the bell and a line at the corner say so at once.
    let guest = web.journey.bring_in(&space.seller, &space.id, "Gina Guest").await.unwrap();
    seller.reads("Gina Guest").await.unwrap();
    assert!(seller.text(".toast").await.unwrap().contains("Gina Guest"));
    assert_eq!(seller.count(".notices > .fresh").await.unwrap(), 1);
    shows_unread(&seller, "1").await;

    // What is said while nobody is connected is there when they are again.
    seller.offline(true).await.unwrap();
    seller.reads("You are offline").await.unwrap();
    web.journey.comment(&guest, &space.id, &item.item_id, "Is the price per month?", &[]).await.unwrap();
    seller.offline(false).await.unwrap();
    within(SOON, "the notice of the comment", async || {
        Ok(seller.text(".toast").await?.contains("Product tour").then_some(()))
    })
    .await
    .unwrap();
    shows_unread(&seller, "2").await;
    seller.press(".toast button").await.unwrap();
    look(&seller, "notices").await;

    // A notice leads to what it is about, and is read.
    seller.press(".notices li:first-child a").await.unwrap();
    seller.reads("Is the price per month?").await.unwrap();
    shows_unread(&seller, "1").await;
    seller.press(".bell").await.unwrap();
    seller.press("form[action='/app/notices/read'] button").await.unwrap();
    shows_unread(&seller, "").await;
    assert_eq!(seller.count(".notices .fresh").await.unwrap(), 0);

    // The stream ends with the session, and the page says so.
    seller.run("fetch('/app/sign-out', { method: 'POST' })").await.unwrap();
    seller.reads("Your session has ended").await.unwrap();
    seller.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_listens_does_not_hold_up_the_end_of_the_web_client() {
    let mut web = open().await;
    let space = place(&web, "Fabrikam").await;
    let seller = seller_in(&web, true).await;
    web.journey.bring_in(&space.seller, &space.id, "Gina Guest").await.unwrap();
    // The stream is open: it has told.
    shows_unread(&seller, "1").await;
    let begun = Instant::now();
    tokio::task::block_in_place(|| web.world.stop_web()).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(5), "the web client took {:?} to end", begun.elapsed());
    seller.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn items_and_logos_are_dragged_with_the_mouse_and_with_keys_and_stay_where_they_were_put() {
    let web = open().await;
    let space = place(&web, "Fabrikam").await;
    for title in ["Alpha", "Beta", "Gamma"] {
        web.journey.add_link(&space.seller, &space.id, "", title).await.unwrap();
    }
    web.journey.show_logo(&space.seller, &space.id, &png(240, 120).unwrap()).await.unwrap();
    let seller = seller_in(&web, true).await;
    seller.go(&space.page).await.unwrap();
    seller.resize(WIDE, 900).await.unwrap();
    let kept = async |order: [&str; 3]| {
        assert_eq!(titles(&seller).await, serde_json::json!(order));
        within(SOON, "the order", async || {
            let items = web.journey.items(&space.seller, &space.id, "").await?;
            Ok((items.iter().map(|item| item.title.as_str()).collect::<Vec<_>>() == order).then_some(()))
        })
        .await
        .unwrap();
    };

    // By the mouse: the last to the top.
    seller.drag(".item:nth-child(3) .grip", (0, -320)).await.unwrap();
    kept(["Gamma", "Alpha", "Beta"]).await;
    // By keys: taken, moved, put down; and put back.
    seller.run("document.querySelector('.item:nth-child(1) .grip').focus()").await.unwrap();
    seller.keys(&[ENTER, DOWN].concat()).await.unwrap();
    look(&seller, "item-held").await;
    assert_eq!(
        seller.run("return document.querySelector('[data-moves]').textContent").await.unwrap(),
        "Gamma, place 2 of 3."
    );
    seller.keys(ENTER).await.unwrap();
    kept(["Alpha", "Gamma", "Beta"]).await;
    seller.keys(&[ENTER, UP, ESCAPE].concat()).await.unwrap();
    kept(["Alpha", "Gamma", "Beta"]).await;
    seller.go(&space.page).await.unwrap();
    kept(["Alpha", "Gamma", "Beta"]).await;

    // The logo's corner, by the mouse and by keys; the size is everybody's, and the picture keeps its shape.
    let height = async || seller.run("return document.querySelector('.logo img').height").await.unwrap();
    assert_eq!(height().await, 64);
    seller.drag("[data-corner]", (0, 64)).await.unwrap();
    assert_eq!(height().await, 128);
    seller.run("document.querySelector('[data-corner]').focus()").await.unwrap();
    seller.keys(&[RIGHT, RIGHT].concat()).await.unwrap();
    assert_eq!(height().await, 136);
    within(SOON, "the logo's height", async || {
        let seen = web.journey.get_space(&space.seller, &space.id).await?;
        Ok((seen.logo_display.unwrap_or_default().customer_logo_height_px == 136).then_some(()))
    })
    .await
    .unwrap();
    seller.go(&space.page).await.unwrap();
    assert_eq!(height().await, 136);
    assert_eq!(seller.run("return document.querySelector('.logo img').width").await.unwrap(), 272);
    look(&seller, "space-arranged").await;

    // The organisation's own logo has its own height in each space.
    let admin = web.journey.sign_in(&web.accounts.organization, &web.accounts.admin).await.unwrap();
    web.journey.upload_organization_logo(&admin, &png(200, 100).unwrap()).await.unwrap();
    seller.go(&space.page).await.unwrap();
    let own = "[data-corner=own]";
    let before =
        seller.run("return document.querySelector('.logo img').height").await.unwrap().as_i64().unwrap();
    seller.drag(own, (0, 40)).await.unwrap();
    within(SOON, "the own logo's height", async || {
        let seen = web.journey.get_space(&space.seller, &space.id).await?.logo_display.unwrap_or_default();
        let is_kept = i64::from(seen.organization_logo_height_px) == before + 40;
        Ok((is_kept && seen.customer_logo_height_px == 136).then_some(()))
    })
    .await
    .unwrap();
    look(&seller, "both-logos").await;
    seller.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_welcome_text_and_comments_are_edited_where_they_stand() {
    let web = open().await;
    let space = place(&web, "Fabrikam").await;
    let item = web.journey.add_link(&space.seller, &space.id, "", "Product tour").await.unwrap();
    web.journey.comment(&space.seller, &space.id, &item.item_id, "First thougt", &[]).await.unwrap();
    let seller = seller_in(&web, true).await;
    seller.go(&space.page).await.unwrap();
    seller.press(".welcome summary").await.unwrap();
    look(&seller, "description-edited").await;
    assert_eq!(
        seller
            .run("return getComputedStyle(document.querySelector('.welcome .prose')).display")
            .await
            .unwrap(),
        "none"
    );
    seller.replace("[name=description]", "Nothing of this").await.unwrap();
    seller.press(".welcome [data-cancel]").await.unwrap();
    seller.reads("everything about the offer").await.unwrap();
    seller.press(".welcome summary").await.unwrap();
    assert!(
        seller.held("[name=description]").await.unwrap().starts_with("Welcome!"),
        "Cancel kept what was typed"
    );
    seller.replace("[name=description]", "Good to see *you*").await.unwrap();
    seller.press(".welcome .primary").await.unwrap();
    seller.arrive("done=saved").await.unwrap();
    seller.reads("Good to see you").await.unwrap();

    // A comment that has become empty comes back with its rule; put right, it is marked as edited; then it goes.
    seller.go(&format!("{}/items/{}", space.page, item.item_id)).await.unwrap();
    seller.press(".change summary").await.unwrap();
    seller.run("for (const form of document.forms) form.noValidate = true").await.unwrap();
    seller.replace(".change textarea", " ").await.unwrap();
    seller.press(".change .primary").await.unwrap();
    within(SOON, "the rule", async || Ok((seller.count(".change .error").await? == 1).then_some(())))
        .await
        .unwrap();
    look(&seller, "comment-refused").await;
    seller.replace(".change textarea", "First thought").await.unwrap();
    seller.press(".change .primary").await.unwrap();
    seller.arrive("done=saved").await.unwrap();
    assert_eq!(seller.text(".comments .prose").await.unwrap(), "First thought");
    seller.press(".comments form[action$='/delete'] button").await.unwrap();
    seller.arrive("done=removed").await.unwrap();
    assert_eq!(seller.count(".comments li").await.unwrap(), 0);
    seller.close().await.unwrap();
}

/// Writes files to send: two of a few bytes, and one with one byte too many.
fn files(dir: &xtask::throwaway::Throwaway) -> [String; 3] {
    let path = |name: &str| dir.path().join(name);
    std::fs::write(path("plan.txt"), "week by week\n").unwrap();
    std::fs::write(path("prices.txt"), "42 a month\n").unwrap();
    std::fs::File::create(path("film.mp4")).unwrap().set_len(100_000_001).unwrap();
    ["plan.txt", "prices.txt", "film.mp4"].map(|name| path(name).to_string_lossy().into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn several_files_go_at_once_and_one_that_is_too_large_is_told_while_the_others_arrive() {
    let web = open().await;
    let space = place(&web, "Fabrikam").await;
    let dir = xtask::throwaway::Throwaway::create("upload").unwrap();
    let [plan, prices, film] = files(&dir);
    let seller = seller_in(&web, true).await;
    seller.go(&space.page).await.unwrap();
    seller.press(".adders details:nth-of-type(1) summary").await.unwrap();
    seller.type_into("[name=file]", &format!("{film}\n{plan}")).await.unwrap();
    seller.press("form[action*='/files'] .primary").await.unwrap();
    seller.reads("film.mp4 is larger than 100 MB").await.unwrap();
    holds(
        &seller,
        "plan.txt",
        "return document.querySelector('[data-told]').textContent === 'plan.txt is there.'",
    )
    .await;
    look(&seller, "upload-refused").await;
    seller.go(&space.page).await.unwrap();
    seller.press(".adders details:nth-of-type(1) summary").await.unwrap();
    seller.type_into("[name=file]", &format!("{plan}\n{prices}")).await.unwrap();
    seller.press("form[action*='/files'] .primary").await.unwrap();
    seller.arrive("done=added").await.unwrap();
    assert_eq!(titles(&seller).await, serde_json::json!(["plan.txt", "plan.txt", "prices.txt"]));
    seller.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_javascript_notices_comments_folders_and_files_are_forms() {
    let web = open().await;
    let space = place(&web, "Fabrikam").await;
    let item = web.journey.add_link(&space.seller, &space.id, "", "Product tour").await.unwrap();
    web.journey.create_folder(&space.seller, &space.id, "Contracts").await.unwrap();
    web.journey.comment(&space.seller, &space.id, &item.item_id, "First thougt", &[]).await.unwrap();
    let guest = web.journey.bring_in(&space.seller, &space.id, "Gina Guest").await.unwrap();
    web.journey.comment(&guest, &space.id, &item.item_id, "Is the price per month?", &[]).await.unwrap();
    let seller = seller_in(&web, false).await;
    within(SOON, "both notices", async || {
        seller.go(&format!("{}/app/notices", web.address)).await?;
        Ok((seller.count(".notices .fresh").await? == 2).then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(seller.text(".badge b").await.unwrap(), "2");
    seller.press(".notices .fresh form button").await.unwrap();
    within(SOON, "one unread", async || Ok((seller.text(".badge b").await? == "1").then_some(())))
        .await
        .unwrap();
    seller.press("form[action='/app/notices/read'] button").await.unwrap();
    within(SOON, "none unread", async || Ok((seller.count(".notices .fresh").await? == 0).then_some(())))
        .await
        .unwrap();

    // Into a folder, and a comment put right.
    let page = format!("{}/items/{}", space.page, item.item_id);
    seller.go(&page).await.unwrap();
    seller.press(".change summary").await.unwrap();
    seller.replace(".change textarea", "First thought").await.unwrap();
    seller.press(".change .primary").await.unwrap();
    seller.reads("First thought").await.unwrap();
    seller.press("details.edit summary").await.unwrap();
    seller.type_into("[name=folder]", "Contracts").await.unwrap();
    seller.press("form[action$='/place'] button").await.unwrap();
    within(SOON, "the item in its folder", async || {
        let items = web.journey.items(&space.seller, &space.id, "").await?;
        Ok((items.len() == 1).then_some(()))
    })
    .await
    .unwrap();
    seller.go(&space.page).await.unwrap();
    assert_eq!(titles(&seller).await, serde_json::json!(["Contracts"]));
    assert_eq!(seller.count(".grip:not([hidden])").await.unwrap(), 0, "a handle that nothing moves by");

    // Two files with one form: the one that is too large is named, the other is there.
    let dir = xtask::throwaway::Throwaway::create("upload").unwrap();
    let [plan, _, film] = files(&dir);
    seller.press(".adders details:nth-of-type(1) summary").await.unwrap();
    seller.type_into("form[action*='/files'] [name=description]", "For Tuesday").await.unwrap();
    seller.type_into("[name=file]", &format!("{film}\n{plan}")).await.unwrap();
    seller.press("form[action*='/files'] .primary").await.unwrap();
    seller.reads("film.mp4 is larger than 100 MB").await.unwrap();
    seller.reads("plan.txt").await.unwrap();
    seller.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_stays_when_the_browser_is_offline_or_the_server_does_not_answer() {
    let mut web = open().await;
    let space = place(&web, "Fabrikam").await;
    let item = web.journey.add_link(&space.seller, &space.id, "", "Product tour").await.unwrap();
    let seller = seller_in(&web, true).await;
    seller.go(&format!("{}/items/{}", space.page, item.item_id)).await.unwrap();
    let form = "form[action$='/comments']";
    seller.offline(true).await.unwrap();
    seller.type_into(&format!("{form} textarea"), "Typed in the train").await.unwrap();
    seller.press(&format!("{form} .primary")).await.unwrap();
    seller.reads("You are offline").await.unwrap();
    look(&seller, "offline").await;
    assert_eq!(seller.held(&format!("{form} textarea")).await.unwrap(), "Typed in the train");
    seller.offline(false).await.unwrap();
    seller.reads("You are back online").await.unwrap();
    seller.press(&format!("{form} .primary")).await.unwrap();
    seller.arrive("done=added").await.unwrap();
    seller.reads("Typed in the train").await.unwrap();

    tokio::task::block_in_place(|| web.world.stop_web()).unwrap();
    seller.type_into(&format!("{form} textarea"), "Typed while it was away").await.unwrap();
    seller.press(&format!("{form} .primary")).await.unwrap();
    seller.reads("That could not be sent").await.unwrap();
    assert_eq!(seller.held(&format!("{form} textarea")).await.unwrap(), "Typed while it was away");
    tokio::task::block_in_place(|| web.world.start_web()).unwrap();
    seller.press(&format!("{form} .primary")).await.unwrap();
    seller.arrive("done=added").await.unwrap();
    seller.reads("Typed while it was away").await.unwrap();
    seller.close().await.unwrap();
}

/// What the first page of a guest weighs, how long it took, and what moved on it.
const MEASURED: &str = "const done = arguments[0]; const paints = [], moved = []; let shifts = 0; \
     const where = of => [of.node && (of.node.outerHTML || of.node.textContent).slice(0, 80), of.previousRect, of.currentRect]; \
     new PerformanceObserver(list => { for (const of of list.getEntries()) { \
     shifts += of.value; moved.push([of.startTime, ...of.sources.map(where)]); } }) \
     .observe({ type: 'layout-shift', buffered: true }); \
     new PerformanceObserver(list => { for (const of of list.getEntries()) paints.push(of.startTime); }) \
     .observe({ type: 'largest-contentful-paint', buffered: true }); \
     const fetched = performance.getEntriesByType('resource').filter(of => /\\.(css|js)($|\\?)/.test(of.name)); \
     const [page] = performance.getEntriesByType('navigation'); \
     const finish = () => requestAnimationFrame(() => setTimeout(() => done({ shifts, moved, \
     paint: Math.max(0, ...paints), html: page.encodedBodySize, server: page.responseStart - page.requestStart, \
     others: fetched.reduce((sum, of) => sum + of.encodedBodySize, 0), count: fetched.length }), 300)); \
     document.readyState === 'complete' ? finish() : addEventListener('load', finish);";

/// Nothing moves on pages that come in bit by bit, on a phone or on a wide screen.
async fn stays_still(browser: &Browser, pages: &[&str]) {
    for (width, page) in [360, 1280].into_iter().flat_map(|width| pages.iter().map(move |page| (width, page)))
    {
        browser.resize(width, 900).await.unwrap();
        browser.slow(10_000).await.unwrap();
        browser.go(page).await.unwrap();
        let measured = browser.run_async(MEASURED).await.unwrap();
        assert!(measured["shifts"].as_f64() == Some(0.0), "{page} shifts at {width}: {}", measured["moved"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::print_stdout, reason = "times are told, not judged: the machine runs other tests")]
async fn the_first_page_of_a_guest_is_small_and_nothing_on_it_moves() {
    let web = open().await;
    let space = place(&web, "Fabrikam").await;
    web.journey.show_logo(&space.seller, &space.id, &png(600, 200).unwrap()).await.unwrap();
    for number in 0..20 {
        web.journey.add_link(&space.seller, &space.id, "", &format!("Chapter {number}")).await.unwrap();
    }
    let address = format!("gina.{}@buyer.example", unique());
    web.journey.invite(&space.seller, &space.id, &[&address], "").await.unwrap();
    let link = web.journey.outside.wait_for_mail(&address, "").await.unwrap().link().unwrap();
    let guest = Browser::start(true).await.unwrap();
    guest.go(link.as_str()).await.unwrap();
    guest.press("[name=consent_given]").await.unwrap();
    guest.type_into("[name=display_name]", "Gina Guest").await.unwrap();
    guest.press("form[action$='/accept'] .primary").await.unwrap();
    guest.reads("Chapter 19").await.unwrap();
    let measured = guest.run_async(MEASURED).await.unwrap();
    println!("the first page of a guest: {measured}");
    let number = |name: &str| measured[name].as_f64().unwrap();
    assert!(number("html") > 1_000.0 && number("html") <= 30_000.0, "HTML of {} bytes", number("html"));
    assert!(
        number("count") >= 2.0 && number("others") <= 40_000.0,
        "CSS and scripts of {} bytes",
        number("others")
    );
    assert!(number("shifts") == 0.0, "the layout shifts: {}", measured["moved"]);
    stays_still(&guest, &[&space.page]).await;
    let seller = seller_in(&web, true).await;
    stays_still(
        &seller,
        &[&space.page, &format!("{}/people", space.page), &format!("{}/app/spaces", web.address)],
    )
    .await;
    seller.close().await.unwrap();
    guest.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_can_be_read_by_night_and_on_paper() {
    let web = open().await;
    let space = place(&web, "Fabrikam").await;
    let item = web.journey.add_link(&space.seller, &space.id, "", "Product tour").await.unwrap();
    web.journey
        .comment(&space.seller, &space.id, &item.item_id, "Is the price per month?", &[])
        .await
        .unwrap();
    web.journey.bring_in(&space.seller, &space.id, "Gina Guest").await.unwrap();
    let seller = seller_in(&web, true).await;
    seller.show_for("screen", "dark").await.unwrap();
    let item = format!("{}/items/{}", space.page, item.item_id);
    for page in
        [&space.page, &item, &format!("{}/people", space.page), &format!("{}/app/notices", web.address)]
    {
        seller.go(page).await.unwrap();
        look(&seller, "by-night").await;
    }
    seller.show_for("print", "light").await.unwrap();
    seller.go(&space.page).await.unwrap();
    let shown = |css: &str| {
        format!("return [...document.querySelectorAll('{css}')].some(of => of.offsetParent !== null)")
    };
    for pressed in [
        ".top",
        ".hero-actions a",
        ".grip",
        ".tabs a",
        ".adders summary",
        ".item-actions a",
        ".bottom button",
    ] {
        assert_eq!(seller.run(&shown(pressed)).await.unwrap(), false, "{pressed} is printed");
    }
    for read in ["h1", ".welcome .prose", ".item h3"] {
        assert_eq!(seller.run(&shown(read)).await.unwrap(), true, "{read} is not printed");
    }
    seller.close().await.unwrap();
}
