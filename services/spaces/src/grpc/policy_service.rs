//! PolicyService over the use cases of the sharing policy and of themes.

use service_kit::caller::{Call, Caller};
use sharedspaces_proto::spaces::v1 as pb;
use sharedspaces_proto::spaces::v1::policy_service_server::PolicyService;
use tonic::{Request, Response, Status};

use super::convert_theme::{ThemeDeletion, ThemeUpdate, list_themes_response, theme_page};
use crate::policy::{Policies, PolicyChange};
use crate::theme::{NewTheme, Themes};

/// PolicyService.
pub(crate) struct PolicyGrpc {
    pub(crate) policies: Policies,
    pub(crate) themes: Themes,
}

#[tonic::async_trait]
impl PolicyService for PolicyGrpc {
    async fn get_sharing_policy(
        &self,
        request: Request<pb::GetSharingPolicyRequest>,
    ) -> Result<Response<pb::GetSharingPolicyResponse>, Status> {
        let caller = Caller::of(&request)?;
        Ok(Response::new(self.policies.get(&caller).await?.into()))
    }

    async fn update_sharing_policy(
        &self,
        request: Request<pb::UpdateSharingPolicyRequest>,
    ) -> Result<Response<pb::UpdateSharingPolicyResponse>, Status> {
        let call = Call::of(&request)?;
        let change = PolicyChange::try_from(request.into_inner())?;
        Ok(Response::new(self.policies.update(&call, change).await?))
    }

    async fn create_theme(
        &self,
        request: Request<pb::CreateThemeRequest>,
    ) -> Result<Response<pb::CreateThemeResponse>, Status> {
        let call = Call::of(&request)?;
        let new = NewTheme::try_from(request.into_inner())?;
        Ok(Response::new(self.themes.create(&call, new).await?))
    }

    async fn update_theme(
        &self,
        request: Request<pb::UpdateThemeRequest>,
    ) -> Result<Response<pb::UpdateThemeResponse>, Status> {
        let call = Call::of(&request)?;
        let ThemeUpdate { theme_id, change } = ThemeUpdate::try_from(request.into_inner())?;
        Ok(Response::new(self.themes.update(&call, theme_id, change).await?))
    }

    async fn delete_theme(
        &self,
        request: Request<pb::DeleteThemeRequest>,
    ) -> Result<Response<pb::DeleteThemeResponse>, Status> {
        let call = Call::of(&request)?;
        let ThemeDeletion { theme_id, replacement_theme_id } = ThemeDeletion::try_from(request.into_inner())?;
        Ok(Response::new(self.themes.delete(&call, theme_id, replacement_theme_id).await?))
    }

    async fn list_themes(
        &self,
        request: Request<pb::ListThemesRequest>,
    ) -> Result<Response<pb::ListThemesResponse>, Status> {
        let caller = Caller::of(&request)?;
        let page = theme_page(&request.into_inner())?;
        Ok(Response::new(list_themes_response(self.themes.list(&caller, page).await?)))
    }
}
