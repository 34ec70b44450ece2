//! The pages, by area.
//!
//! Owns which address leads to which page. Everything of our own lies below `/app`, which is neither an organisation's
//! nor a space's name; the rest are the addresses that mails carry.

mod account;
mod admin;
mod arrange;
mod comments;
mod content;
mod crm;
mod door;
mod files;
mod home;
mod invitation;
mod inviting;
mod jobs;
mod look;
mod mails;
mod members;
mod notices;
mod organization;
mod own;
mod people;
mod person;
mod pictures;
mod privacy;
mod room;
mod settings;
mod sign_in;
mod spaces;
mod themes;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::response::Redirect;
use axum::routing::{get, post};

use crate::failure::{Failure, Reason};
use crate::guard::ONE_CLICK;

/// Returns all pages.
pub(crate) fn routes() -> Router {
    Router::new()
        .merge(doors())
        .merge(lists())
        .merge(room_pages())
        .merge(items())
        .merge(own_pages())
        .merge(people_pages())
        .merge(administration())
        .merge(crm::routes())
        .merge(live())
        .fallback(async || Failure::from(Reason::NoSuchPage))
        .layer(axum::middleware::from_fn(notices::count))
}

/// The ways in.
fn doors() -> Router {
    Router::new()
        .route("/", get(home::start))
        .route("/app/language", post(home::choose_language))
        .route("/app/sign-in", get(sign_in::choose_organization).post(sign_in::take_organization))
        .route("/app/sign-out", post(sign_in::sign_out))
        .route("/app/consent", get(invitation::consent_page).post(invitation::give_consent))
        .route("/unsubscribe", get(door::unsubscribe_page).post(door::unsubscribe))
        .route(ONE_CLICK, post(door::one_click))
        .route("/{organization}/sign-in", get(sign_in::start).post(sign_in::ways))
        .route("/{organization}/sign-in/password", post(sign_in::with_password))
        .route("/{organization}/sign-in/link", post(sign_in::send_link))
        .route("/{organization}/sign-in/code", get(sign_in::code_page).post(sign_in::with_code))
        .route("/{organization}/sign-in/redeem", post(sign_in::with_link))
        .route("/{organization}/sign-in/forgot", get(sign_in::forgot_page).post(sign_in::forgot))
        .route("/{organization}/reset-password", get(sign_in::reset_page).post(sign_in::reset))
        .route("/{organization}/invitation", get(invitation::landing).post(invitation::show))
        .route("/{organization}/invitation/accept", post(invitation::accept))
        .route("/{organization}/request-access", get(door::request_page).post(door::request))
        .route("/{organization}/{space}", get(door::space))
        .route("/{organization}/{space}/{place}", get(door::place))
}

fn lists() -> Router {
    Router::new()
        .route("/app", get(async || Redirect::to("/app/spaces")))
        .route("/app/spaces", get(spaces::list))
        .route("/app/spaces/view", post(spaces::choose_view))
        .route("/app/spaces/new", get(spaces::new_page).post(spaces::create))
        .route("/app/spaces/{space}/duplicate", get(spaces::duplicate_page).post(spaces::duplicate))
        .route("/app/logos/own", get(files::own_logo))
        .route("/app/logos/{logo}", get(files::logo))
}

/// One space.
fn room_pages() -> Router {
    Router::new()
        .route("/app/spaces/{space}", get(content::page))
        .route("/app/spaces/{space}/preview", get(content::preview))
        .route("/app/spaces/{space}/visit", post(room::visit))
        .route("/app/spaces/{space}/description", post(content::describe))
        .route("/app/spaces/{space}/people", get(people::page).post(inviting::invite))
        .route("/app/spaces/{space}/people/{participant}/remind", post(people::remind))
        .route("/app/spaces/{space}/people/{participant}/revoke", post(people::revoke))
        .route("/app/spaces/{space}/requests/{request}/grant", post(people::grant))
        .route("/app/spaces/{space}/requests/{request}/decline", post(people::decline))
        .route("/app/spaces/{space}/timeline", get(room::timeline))
        .route("/app/spaces/{space}/insights", get(room::insights))
        .route("/app/spaces/{space}/notifications", get(room::notifications).post(room::change_notifications))
        .route("/app/spaces/{space}/settings", get(settings::page).post(settings::save))
        .route("/app/spaces/{space}/logo", post(files::upload_logo).layer(DefaultBodyLimit::disable()))
        .route("/app/spaces/{space}/logo/display", post(settings::display_logo))
        .route("/app/spaces/{space}/logo/remove", post(settings::remove_logo))
        .route("/app/spaces/{space}/archive", post(settings::archive))
        .route("/app/spaces/{space}/reactivate", post(settings::reactivate))
        .route("/app/spaces/{space}/delete", post(settings::delete))
}

/// What is in a space.
fn items() -> Router {
    Router::new()
        .route("/app/spaces/{space}/links", post(content::add_link))
        .route("/app/spaces/{space}/folders", post(content::add_folder))
        .route("/app/spaces/{space}/files", post(files::upload).layer(DefaultBodyLimit::disable()))
        .route("/app/spaces/{space}/items/{item}", get(comments::page).post(comments::change))
        .route("/app/spaces/{space}/items/{item}/open", get(files::open))
        .route("/app/spaces/{space}/items/{item}/download", get(files::download))
        .route("/app/spaces/{space}/items/{item}/move", post(comments::move_item))
        .route("/app/spaces/{space}/items/{item}/remove", post(comments::remove))
        .route("/app/spaces/{space}/items/{item}/comments", post(comments::add))
        .route("/app/spaces/{space}/items/{item}/comments/{comment}/delete", post(comments::delete))
}

/// Notices, and what the script sends of a space.
fn live() -> Router {
    Router::new()
        .route("/app/notices", get(notices::list))
        .route("/app/notices/read", post(notices::mark_read))
        .route("/app/notices/live", get(notices::live))
        .route("/app/notices/{notice}", get(notices::follow))
        .route("/app/spaces/{space}/logo/size", post(arrange::resize_logo))
        .route("/app/spaces/{space}/items/{item}/place", post(arrange::place))
        .route("/app/spaces/{space}/items/{item}/comments/{comment}", post(comments::edit))
}

/// One's own account.
fn own_pages() -> Router {
    Router::new()
        .route("/app/profile", get(account::page).post(account::save))
        .route("/app/profile/password", post(account::set_password))
        .route("/app/profile/picture", post(pictures::upload))
        .route("/app/profile/picture/remove", post(pictures::remove))
        .route("/app/profile/sessions", get(own::sessions))
        .route("/app/profile/sessions/others", post(own::end_others))
        .route("/app/profile/sessions/all", post(own::end_all))
        .route("/app/profile/sessions/{session}/end", post(own::end_session))
        .route("/app/profile/mails", get(own::mails).post(own::save_mails))
        .route("/app/profile/privacy", get(own::privacy))
        .route("/app/profile/privacy/withdraw", post(own::withdraw))
}

/// The people of a space, one by one.
fn people_pages() -> Router {
    Router::new()
        .route("/app/members/suggest", get(inviting::suggest))
        .route("/app/spaces/{space}/people/{participant}", get(person::page))
        .route("/app/spaces/{space}/people/{participant}/profile", post(person::save_profile))
        .route("/app/spaces/{space}/people/{participant}/owner", post(person::hand_over))
        .route("/app/spaces/{space}/leave", post(person::leave))
}

/// What admins manage.
fn administration() -> Router {
    Router::new()
        .route("/app/admin", get(admin::policy_page).post(admin::save_policy))
        .route("/app/admin/organization", get(organization::page).post(organization::save))
        .route("/app/admin/members", get(members::page).post(members::add))
        .route("/app/admin/members/{member}", get(members::member_page).post(members::save))
        .route("/app/admin/members/{member}/deactivate", post(members::deactivate))
        .route("/app/admin/notices", get(privacy::page))
        .route("/app/admin/notices/new", get(privacy::new_page).post(privacy::publish))
        .route("/app/admin/notices/verify", post(privacy::verify))
        .route("/app/admin/mails", get(mails::page))
        .route("/app/admin/mails/{mail}/retry", post(mails::retry))
        .route("/app/admin/jobs", get(jobs::page))
        .route("/app/admin/jobs/{service}/{job}/retry", post(jobs::retry))
        .route("/app/admin/suppressions", get(mails::suppressions))
        .route("/app/admin/suppressions/remove", post(mails::allow))
        .route("/app/admin/deleted", get(admin::deleted_page))
        .route("/app/admin/deleted/{space}/restore", post(admin::restore))
        .route("/app/admin/look", get(look::page))
        .route("/app/admin/logo", post(look::upload_logo).layer(DefaultBodyLimit::disable()))
        .route("/app/admin/logo/remove", post(look::remove_logo))
        .route("/app/admin/themes", post(look::create_theme))
        .route("/app/admin/themes/{theme}", get(themes::page).post(themes::save))
        .route("/app/admin/themes/{theme}/default", post(look::make_default))
        .route("/app/admin/themes/{theme}/delete", post(look::delete_theme))
}
