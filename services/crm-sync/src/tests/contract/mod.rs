//! What every connector promises, checked with each over its look-alike.
//!
//! A promise is a function of a [`Crm`](crm::Crm), and a test of it for each CRM. A new connector adds its row in [`crm`]
//! and one line below.

mod crm;
mod guarding;
mod searching;
mod signing_in;
mod special;
mod writing;

/// Makes a module for each CRM with a test for each promise.
macro_rules! contract {
    ($($module:ident $provider:ident;)*) => {
        $(mod $module {
            super::promises! { $provider;
                signing_in: it_connects_with_each_way_to_sign_in,
                signing_in: it_refuses_wrong_credentials_and_asks_for_others,
                signing_in: it_tells_of_an_expired_token_and_takes_a_new_one,
                signing_in: it_refuses_a_form_that_leads_elsewhere,
                signing_in: it_finds_nothing_wrong_where_nothing_is,
                signing_in: it_names_a_missing_right,
                searching: it_finds_parts_of_names_and_takes_hostile_text_literally,
                searching: it_finds_people_contacts_first,
                searching: it_matches_addresses_whole_and_contacts_before_leads,
                writing: it_writes_logs_on_accounts_opportunities_contacts_and_leads,
                writing: it_has_one_log_whatever_is_retried,
                writing: it_has_one_log_after_an_answer_that_was_lost,
                writing: it_cuts_texts_that_are_too_long,
                writing: it_plans_the_same_for_the_same_log,
                writing: it_refuses_ids_of_another_shape_before_any_call,
                writing: it_says_how_long_to_wait,
                writing: it_says_what_is_refused_for_good,
                guarding: it_follows_no_redirect_and_no_foreign_link,
                guarding: it_reads_no_more_than_1_mib,
            }
        })*
    };
}

macro_rules! promises {
    ($provider:ident; $($of:ident: $promise:ident,)*) => {
        $(#[tokio::test]
        async fn $promise() {
            let crm = crate::tests::contract::crm::Crm::start(crate::connectors::Provider::$provider).await;
            crate::tests::contract::$of::$promise(crm).await;
        })*
    };
}

use promises;

contract! {
    salesforce Salesforce;
    dataverse Dataverse;
    sap_c4c SapC4c;
    sap_sales_cloud SapSalesCloud;
}
