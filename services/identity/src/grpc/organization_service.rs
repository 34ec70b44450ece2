//! `OrganizationService`.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::identity::v1 as pb;
use tonic::{Request, Response, Status};

use super::call_without_password;
use super::convert::{ListMembers, MemberToCreate, MemberToDeactivate};
use crate::mac::MacKey;
use crate::organization::{NewOrganization, OrganizationChange, Organizations};
use crate::person::{MemberChange, MemberSearch, People, Wanted};

/// Answers `OrganizationService`.
pub(crate) struct OrganizationGrpc {
    pub(crate) organizations: Organizations,
    pub(crate) people: People,
    pub(crate) mac: MacKey,
}

#[tonic::async_trait]
impl pb::organization_service_server::OrganizationService for OrganizationGrpc {
    async fn create_organization(
        &self,
        request: Request<pb::CreateOrganizationRequest>,
    ) -> Result<Response<pb::CreateOrganizationResponse>, Status> {
        let call = call_without_password(&request, &self.mac, |r| {
            r.admin.iter_mut().map(|admin| &mut admin.password).collect()
        })?;
        let new = NewOrganization::try_from(request.into_inner())?;
        let response: pb::CreateOrganizationResponse = self.organizations.create(&call, new).await?;
        Ok(Response::new(response))
    }

    async fn get_organization(
        &self,
        request: Request<pb::GetOrganizationRequest>,
    ) -> Result<Response<pb::GetOrganizationResponse>, Status> {
        let caller = Caller::of(&request)?;
        let organization = self.organizations.get(&caller).await?;
        Ok(Response::new(pb::GetOrganizationResponse { organization: Some(organization.into()) }))
    }

    async fn create_member(
        &self,
        request: Request<pb::CreateMemberRequest>,
    ) -> Result<Response<pb::CreateMemberResponse>, Status> {
        let call = call_without_password(&request, &self.mac, |r| {
            r.member.iter_mut().map(|member| &mut member.password).collect()
        })?;
        let MemberToCreate { new, role } = request.into_inner().try_into()?;
        let response: pb::CreateMemberResponse = self.people.create_member(&call, new, role).await?;
        Ok(Response::new(response))
    }

    async fn list_members(
        &self,
        request: Request<pb::ListMembersRequest>,
    ) -> Result<Response<pb::ListMembersResponse>, Status> {
        let caller = Caller::of(&request)?;
        let ListMembers(page) = request.into_inner().try_into()?;
        let page = self.people.list_members(&caller, page).await?;
        let members = page.items.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::ListMembersResponse { members, next_page_token: page.next_page_token }))
    }

    async fn resolve_addresses(
        &self,
        request: Request<pb::ResolveAddressesRequest>,
    ) -> Result<Response<pb::ResolveAddressesResponse>, Status> {
        let call = Call::of(&request)?;
        let wanted = Wanted::try_from(request.into_inner())?;
        let response: pb::ResolveAddressesResponse = self.people.resolve(&call, wanted).await?;
        Ok(Response::new(response))
    }

    async fn update_organization(
        &self,
        request: Request<pb::UpdateOrganizationRequest>,
    ) -> Result<Response<pb::UpdateOrganizationResponse>, Status> {
        let call = Call::of(&request)?;
        let change = OrganizationChange::try_from(request.into_inner())?;
        let response: pb::UpdateOrganizationResponse = self.organizations.update(&call, change).await?;
        Ok(Response::new(response))
    }

    async fn update_member(
        &self,
        request: Request<pb::UpdateMemberRequest>,
    ) -> Result<Response<pb::UpdateMemberResponse>, Status> {
        let call = Call::of(&request)?;
        let change = MemberChange::try_from(request.into_inner())?;
        let response: pb::UpdateMemberResponse = self.people.update_member(&call, change).await?;
        Ok(Response::new(response))
    }

    async fn deactivate_member(
        &self,
        request: Request<pb::DeactivateMemberRequest>,
    ) -> Result<Response<pb::DeactivateMemberResponse>, Status> {
        let call = Call::of(&request)?;
        let MemberToDeactivate(user_id) = request.into_inner().try_into()?;
        let response: pb::DeactivateMemberResponse = self.people.deactivate_member(&call, user_id).await?;
        Ok(Response::new(response))
    }

    async fn search_members(
        &self,
        request: Request<pb::SearchMembersRequest>,
    ) -> Result<Response<pb::SearchMembersResponse>, Status> {
        let caller = Caller::of(&request)?;
        let search = MemberSearch::try_from(request.into_inner())?;
        let members = self.people.search_members(&caller, search).await?;
        let members = members.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::SearchMembersResponse { members }))
    }
}
