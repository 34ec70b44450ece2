//! What pages say, in each language.
//!
//! Owns the one table per language, which the compiler keeps complete, and which words belong to a reason of the API, to a
//! field's rule, and to what has just been done. A `{}` is a place that a page fills.

#[macro_use]
mod table;

mod administration;
pub(crate) mod crm;
mod de;
mod en;
mod fr;
pub(crate) mod live;
mod own;
mod team;

use service_kit::locale::Locale;

/// Declares the table.
macro_rules! texts {
    ($($name:ident,)*) => {
        /// All texts of one language.
        pub(crate) struct Texts {
            /// The people of a space.
            pub(crate) team: &'static team::TeamTexts,
            /// One's own account.
            pub(crate) own: &'static own::OwnTexts,
            /// The organisation's administration.
            pub(crate) admin: &'static administration::AdminTexts,
            $(pub(crate) $name: &'static str,)*
            pub(crate) crm: &'static crm::CrmTexts,
            pub(crate) live: &'static live::Live,
        }

        #[cfg(test)]
        impl Texts {
            fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

texts! {
    language_name, skip, language, nav_main, nav_spaces, nav_admin, nav_profile, nav_space, sign_in,
    sign_out, sign_in_heading, sign_in_by_link, sign_in_now, organization, organization_hint, email,
    password, next_step, change, forgot, or, have_code, link_explained, send_link, request_explained,
    request_access, code_heading, code_sent, code, code_hint, start_over, forgot_heading,
    forgot_explained, forgot_sent, send_mail, reset_heading, link_of_mail, link_of_mail_hint,
    new_password, old_password, password_hint, set_password, invitation_heading,
    invitation_without_script, opening, inviting, welcome, landing_words, privacy_notice, consent,
    consent_needed, consent_again, about_you, your_name, name, job_title, company, phone, time_zone,
    time_zone_hint, optional, choose_password, choose_password_hint, enter_space, request_intro,
    message_to_owner, request_sent, unsubscribe_heading, unsubscribe_explained, unsubscribe,
    unsubscribed, new_space, search, search_spaces, order, order_activity, order_title, order_created,
    gallery, list, no_spaces, no_spaces_member, no_spaces_guest, nothing_found, nothing_for, show_all,
    archived, last_activity, open, more, actions_for, duplicate, settings, title, title_hint, address,
    address_hint, description, markdown_hint, guests_may, may_download, may_invite, may_upload, theme,
    theme_default, members_get, mail_visits, mail_joiners, mail_comments, mail_content, create_space,
    cancel, save, edit, remove, delete, copy, customer_logo, own_logo, preview, preview_explained,
    end_preview, invite, get_link, content, people, timeline, insights, notifications, no_description,
    edit_description, folders, folder, no_content, no_content_add, no_content_guest, from_guest,
    opens_new, download, add_content, add_file, add_link, add_folder, file, file_hint,
    upload, link_address, added_by, move_up, move_down, comments, comment, no_comments, changed,
    your_comment, send_comment, asked_for_access, not_verified, grant, decline, taking_part, invited,
    owner, colleague, guest, last_seen, never_seen, remind, revoke, invite_people, bad_addresses,
    send_good_ones, addresses, addresses_hint, personal_note, personal_note_hint, send_invitations,
    link_is_no_invitation, no_activity, visits, time_spent, visitors, opened, no_guests, minutes,
    opened_of, logo_file, logo_hint, logo_height, transparent, remove_logo, more_actions, archive,
    archive_explained, reactivate, delete_space, delete_explained, duplicate_heading, duplicate_named,
    copied, not_copied, notifications_explained, policy, policy_explained, members, new_member,
    is_admin, member, add_member, mails_sent, mail, to, state, when, no_mails, state_pending,
    state_sent, state_failed, state_not_due, mail_guest_invitation, mail_colleague_invitation,
    mail_invitation_accepted, mail_sign_in_link, mail_password, mail_security, mail_reminder,
    mail_access, mail_news, person_one, person_many, item_one, item_many, comment_none, comment_one,
    comment_many, part_title, part_logo, part_description, part_internal_content, part_sharing,
    part_theme, part_notification_defaults, part_participants, part_comments, part_external_content,
    part_visits, part_crm, part_timeline, part_address, to_start, request_number, failed_heading,
    not_found_heading, not_found, unavailable_heading, foreign_form, bad_form, reason_internal,
    reason_denied, reason_too_many, reason_unavailable, reason_fields, reason_changed,
    credentials_refused, sign_in_busy, organization_not_found, link_refused, other_browser,
    invitation_refused, notice_outdated, password_exists, password_refused, address_taken,
    member_exists, space_archived, plan_required, not_ready, too_many_invitations, upload_refused,
    download_refused, inline_refused, quota, file_missing, file_refused, file_waiting,
    logo_too_large, logo_format, logo_damaged, logo_dimensions, transparency_png, background_uneven,
    reminded, owner_stays, request_ended, not_verified_yet, consent_required, rule_title, rule_address,
    rule_description, rule_url, rule_text, rule_email, rule_name, rule_phone, rule_time_zone,
    rule_password, rule_note, rule_organization, rule_query, rule_logo_height, rule_addresses,
    done_saved, done_created, done_duplicated, done_added, done_removed, done_invited, done_reminded,
    done_revoked, done_granted, done_declined, done_archived, done_reactivated, done_deleted,
    done_password, done_signed_out, look, themes, no_themes, new_theme, create_theme, default,
    make_default, used_by, space_one, space_many, hard_to_read, font, color_background, color_text,
    color_header, color_header_text, color_accent, color_accent_text, theme_name_taken, theme_in_use,
    rule_theme_name,
}

/// Returns the texts of a language.
pub(crate) fn of(locale: Locale) -> &'static Texts {
    match locale {
        Locale::English => &en::ENGLISH,
        Locale::French => &fr::FRENCH,
        Locale::German => &de::GERMAN,
    }
}

impl Texts {
    /// What a reason of the API means to a person.
    pub(crate) fn reason(&self, reason: &str) -> Option<&'static str> {
        Some(match reason {
            "CREDENTIALS_REFUSED" => self.credentials_refused,
            "SIGN_IN_BUSY" | "UPLOADS_BUSY" | "OVERLOADED" => self.sign_in_busy,
            "ORGANIZATION_NOT_FOUND" => self.organization_not_found,
            "SIGN_IN_LINK_REFUSED" | "REQUEST_LINK_REFUSED" | "UNSUBSCRIBE_LINK_REFUSED" => self.link_refused,
            "OTHER_BROWSER" => self.other_browser,
            "INVITATION_LINK_REFUSED" => self.invitation_refused,
            "NOTICE_OUTDATED" => self.notice_outdated,
            "PASSWORD_ALREADY_SET" => self.password_exists,
            "PASSWORD_REFUSED" => self.password_refused,
            "SPACE_ADDRESS_TAKEN" => self.address_taken,
            "ADDRESS_TAKEN" => self.member_exists,
            "SPACE_ARCHIVED" => self.space_archived,
            "PLAN_REQUIRED" => self.plan_required,
            "ORGANIZATION_NOT_READY" => self.not_ready,
            "TOO_MANY_INVITATIONS" => self.too_many_invitations,
            "UPLOADING_NOT_ALLOWED" => self.upload_refused,
            "DOWNLOADING_NOT_ALLOWED" => self.download_refused,
            "INLINE_NOT_ALLOWED" => self.inline_refused,
            "QUOTA_EXCEEDED" => self.quota,
            "LOGO_TOO_LARGE" => self.logo_too_large,
            "LOGO_FORMAT_REFUSED" => self.logo_format,
            "LOGO_DAMAGED" => self.logo_damaged,
            "LOGO_DIMENSIONS_REFUSED" => self.logo_dimensions,
            "TRANSPARENCY_NEEDS_PNG" => self.transparency_png,
            "BACKGROUND_NOT_UNIFORM" => self.background_uneven,
            "THEME_NAME_TAKEN" => self.theme_name_taken,
            "THEME_IN_USE" => self.theme_in_use,
            "REMINDED_LATELY" | "REMINDED_ENOUGH" => self.reminded,
            "OWNER_STAYS" => self.owner_stays,
            "ACCESS_REQUEST_ENDED" => self.request_ended,
            "ADDRESS_NOT_VERIFIED" => self.not_verified_yet,
            "CONSENT_REQUIRED" => self.consent_required,
            "NEW_OWNER_NOT_INTERNAL" => self.team.not_an_owner,
            "NOT_A_GUEST" => self.team.not_a_guest,
            "NOT_INVITED" => self.team.not_invited,
            "INVITING_NOT_ALLOWED" => self.team.guests_may_not_invite,
            "LAST_ADMIN" => self.admin.last_admin,
            "DELIVERY_NOT_FAILED" => self.admin.not_failed,
            "DEAD_JOB_NOT_FOUND" => self.admin.not_dead,
            reason => return self.crm.reason(reason),
        })
    }

    /// The rule of a field.
    pub(crate) fn rule(&self, field: &str) -> Option<&'static str> {
        Some(match field {
            "title" => self.rule_title,
            "address" => self.rule_address,
            "description" => self.rule_description,
            "url" => self.rule_url,
            "text" => self.rule_text,
            "email_address" | "member" => self.rule_email,
            "display_name" => self.rule_name,
            "name" => self.rule_theme_name,
            "phone" => self.rule_phone,
            "time_zone" => self.rule_time_zone,
            "password" | "new_password" => self.rule_password,
            "personal_note" | "message" => self.rule_note,
            "organization" => self.rule_organization,
            "query" => self.rule_query,
            "consent_given" => self.consent_needed,
            "logo_display" => self.rule_logo_height,
            "pasted_list" | "email_addresses" => self.rule_addresses,
            "preferences" => self.own.rule_quiet,
            "password_min_length" => self.admin.rule_password_length,
            "texts" => self.admin.rule_notice,
            _ => return None,
        })
    }

    /// What has just been done, by the word that an address carries.
    pub(crate) fn done(&self, what: &str) -> Option<&'static str> {
        Some(match what {
            "saved" => self.done_saved,
            "created" => self.done_created,
            "duplicated" => self.done_duplicated,
            "added" => self.done_added,
            "removed" => self.done_removed,
            "invited" => self.done_invited,
            "reminded" => self.done_reminded,
            "revoked" => self.done_revoked,
            "granted" => self.done_granted,
            "declined" => self.done_declined,
            "archived" => self.done_archived,
            "reactivated" => self.done_reactivated,
            "deleted" => self.done_deleted,
            "password" => self.done_password,
            "signed-out" => self.done_signed_out,
            "transferred" => self.team.done_transferred,
            "left" => self.team.done_left,
            "ended" => self.own.done_ended,
            "withdrawn" => self.own.done_withdrawn,
            "published" => self.admin.done_published,
            "deactivated" => self.admin.done_deactivated,
            "retried" => self.admin.done_retried,
            "running" => self.admin.done_running,
            "allowed" => self.admin.done_allowed,
            "restored" => self.admin.done_restored,
            what => return self.crm.done(what),
        })
    }
}

/// Counts something: `one` where it is one, else `many` with the number.
pub(crate) fn count(count: i32, (one, many): (&'static str, &'static str)) -> String {
    if count == 1 { one.to_owned() } else { crate::frame::fill(many, count) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_every_language_with_the_same_places_to_fill() {
        let english = of(Locale::English).all();
        for locale in Locale::ALL {
            let texts = of(locale).all();
            for ((name, text), (_, original)) in texts.iter().zip(&english) {
                assert!(!text.trim().is_empty(), "{locale:?} {name}");
                assert_eq!(text.matches("{}").count(), original.matches("{}").count(), "{locale:?} {name}");
            }
        }
    }

    #[test]
    fn the_languages_say_different_things() {
        let differing = |other: Locale| {
            let pairs = of(Locale::English).all().into_iter().zip(of(other).all());
            pairs.filter(|((_, english), (_, text))| english == text).count()
        };
        // Words such as `Code` and `Password` are the same in two languages; whole languages are not.
        for locale in [Locale::French, Locale::German] {
            assert!(differing(locale) < 25, "{locale:?}: {}", differing(locale));
        }
    }
}
