//! Accounts and the CRM as spaces meets them while it invites.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use futures_util::future::BoxFuture;
use service_kit::validate::Violations;
use sharedspaces_proto::crmsync::v1 as crmsync;
use sharedspaces_proto::crmsync::v1::record_service_server::RecordService;
use sharedspaces_proto::identity::v1 as identity;
use sharedspaces_proto::identity::v1::account_service_server::AccountService;
use tonic::{Code, Request, Response, Status};
use tonic_types::{ErrorDetails, StatusExt};

use super::peers::not_asked;

#[derive(Default)]
struct Accounts {
    people: HashMap<String, identity::Person>,
    asked: Vec<identity::UpdateGuestProfileRequest>,
    is_down: bool,
}

/// AccountService, as far as spaces asks it, and the people that the directory met.
#[derive(Clone, Default)]
pub(crate) struct PlayedAccounts(Arc<Mutex<Accounts>>);

impl PlayedAccounts {
    /// Returns somebody as they are known; who was not met before is kept as they are now.
    pub(super) fn meet(&self, new: identity::Person) -> identity::Person {
        self.0.lock().unwrap().people.entry(new.user_id.clone()).or_insert(new).clone()
    }

    /// Changes no profile any more.
    pub(crate) fn go_down(&self) {
        self.0.lock().unwrap().is_down = true;
    }

    /// Returns what it was asked to change.
    pub(crate) fn asked(&self) -> Vec<identity::UpdateGuestProfileRequest> {
        self.0.lock().unwrap().asked.clone()
    }
}

#[tonic::async_trait]
impl AccountService for PlayedAccounts {
    async fn update_guest_profile(
        &self,
        request: Request<identity::UpdateGuestProfileRequest>,
    ) -> Result<Response<identity::UpdateGuestProfileResponse>, Status> {
        let wanted = request.into_inner();
        let mut accounts = self.0.lock().unwrap();
        accounts.asked.push(wanted.clone());
        if accounts.is_down {
            return Err(Status::unavailable("away"));
        }
        let person = accounts.people.entry(wanted.user_id.clone()).or_default();
        person.user_id.clone_from(&wanted.user_id);
        for path in wanted.update_mask.unwrap_or_default().paths {
            match path.as_str() {
                "display_name" => person.display_name.clone_from(&wanted.display_name),
                "job_title" => person.job_title.clone_from(&wanted.job_title),
                "company" => person.company.clone_from(&wanted.company),
                "phone" => person.phone.clone_from(&wanted.phone),
                "locale" => person.locale.clone_from(&wanted.locale),
                "time_zone" if wanted.time_zone == "Nowhere" => {
                    return Err(Violations::one("time_zone", "must be a time zone").into());
                }
                "time_zone" => person.time_zone.clone_from(&wanted.time_zone),
                other => panic!("{other} is no field of a profile"),
            }
        }
        Ok(Response::new(identity::UpdateGuestProfileResponse { person: Some(person.clone()) }))
    }

    not_asked! {
        get_profile(identity::GetProfileRequest) -> identity::GetProfileResponse,
        update_profile(identity::UpdateProfileRequest) -> identity::UpdateProfileResponse,
        set_password(identity::SetPasswordRequest) -> identity::SetPasswordResponse,
        change_password(identity::ChangePasswordRequest) -> identity::ChangePasswordResponse,
        request_password_reset(identity::RequestPasswordResetRequest) -> identity::RequestPasswordResetResponse,
        reset_password(identity::ResetPasswordRequest) -> identity::ResetPasswordResponse,
    }
}

#[derive(Default)]
struct Crm {
    asked: Vec<crmsync::CheckInvitationRequest>,
    refuses: Option<(Code, &'static str)>,
}

/// RecordService, as far as spaces asks it: whoever has an address at crm.example is a Contact.
#[derive(Clone, Default)]
pub(crate) struct PlayedCrm(Arc<Mutex<Crm>>);

impl PlayedCrm {
    /// Refuses to check addresses, for a reason.
    pub(crate) fn refuse(&self, code: Code, reason: &'static str) {
        self.0.lock().unwrap().refuses = Some((code, reason));
    }

    /// Returns what it was asked.
    pub(crate) fn asked(&self) -> Vec<crmsync::CheckInvitationRequest> {
        self.0.lock().unwrap().asked.clone()
    }
}

#[tonic::async_trait]
impl RecordService for PlayedCrm {
    async fn check_invitation(
        &self,
        request: Request<crmsync::CheckInvitationRequest>,
    ) -> Result<Response<crmsync::CheckInvitationResponse>, Status> {
        let request = request.into_inner();
        let mut crm = self.0.lock().unwrap();
        crm.asked.push(request.clone());
        if let Some((code, reason)) = crm.refuses {
            let mut details = ErrorDetails::with_error_info(reason, "crm-sync.sharedspaces", []);
            details.set_retry_info(Some(std::time::Duration::from_secs(7)));
            return Err(Status::with_error_details(code, reason, details));
        }
        let unknown =
            request.email_addresses.into_iter().filter(|address| !address.ends_with("@crm.example"));
        Ok(Response::new(crmsync::CheckInvitationResponse { unknown_email_addresses: unknown.collect() }))
    }

    not_asked! {
        search_accounts(crmsync::SearchAccountsRequest) -> crmsync::SearchAccountsResponse,
        search_opportunities(crmsync::SearchOpportunitiesRequest) -> crmsync::SearchOpportunitiesResponse,
        search_people(crmsync::SearchPeopleRequest) -> crmsync::SearchPeopleResponse,
        match_addresses(crmsync::MatchAddressesRequest) -> crmsync::MatchAddressesResponse,
    }
}
