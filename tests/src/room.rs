//! What people do in a room: its look, its content, its rules, its end.
//!
//! Owns the steps of a seller and an admin around one space, as a client app takes them; the demo narrates them, the
//! tests run the same.

use bytes::Bytes;
use prost_types::FieldMask;
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::spaces::v1 as spaces;
use tonic::Status;

use crate::api::{with_key, with_token};
use crate::visit::{Journey, Session, fresh_key};

/// What a client calls the parts of a theme that is easy to read.
pub fn readable_colors() -> spaces::ThemeColors {
    let color = |text: &str| text.to_owned();
    spaces::ThemeColors {
        background: color("#ffffff"),
        text: color("#1b1b1f"),
        header: color("#0b3d5c"),
        header_text: color("#ffffff"),
        accent: color("#0b6e4f"),
        accent_text: color("#ffffff"),
    }
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| (*path).to_owned()).collect() })
}

fn some<T>(part: Option<T>) -> Result<T, Status> {
    part.ok_or_else(|| Status::internal("the answer is empty"))
}

impl Journey {
    /// An admin creates a theme; returns it with what it warns of.
    pub async fn create_theme(
        &self,
        admin: &Session,
        name: &str,
        colors: spaces::ThemeColors,
    ) -> Result<(spaces::Theme, Vec<spaces::ContrastWarning>), Status> {
        let request = spaces::CreateThemeRequest {
            name: name.to_owned(),
            colors: Some(colors),
            font: spaces::ThemeFont::Humanist.into(),
            ..spaces::CreateThemeRequest::default()
        };
        let answer = self.api.policies.clone().create_theme(with_token(request, admin.token())).await?;
        let answer = answer.into_inner();
        Ok((some(answer.theme)?, answer.contrast_warnings))
    }

    /// Dresses a space in a theme.
    pub async fn choose_theme(
        &self,
        who: &Session,
        space_id: &str,
        theme_id: &str,
    ) -> Result<spaces::Space, Status> {
        let request = spaces::UpdateSpaceRequest {
            space_id: space_id.to_owned(),
            update_mask: mask(&["theme_id"]),
            theme_id: theme_id.to_owned(),
            ..spaces::UpdateSpaceRequest::default()
        };
        let answer = self.api.spaces.clone().update_space(with_token(request, who.token())).await?;
        some(answer.into_inner().space)
    }

    /// Drags the corner of the customer's logo, and chooses its background.
    pub async fn display_logo(
        &self,
        who: &Session,
        space_id: &str,
        height_px: i32,
        transparent_background: bool,
    ) -> Result<spaces::Space, Status> {
        let request = spaces::UpdateLogoDisplayRequest {
            space_id: space_id.to_owned(),
            update_mask: mask(&["customer_logo_height_px", "transparent_background"]),
            logo_display: Some(spaces::LogoDisplay {
                customer_logo_height_px: height_px,
                transparent_background,
                ..spaces::LogoDisplay::default()
            }),
        };
        let answer = self.api.spaces.clone().update_logo_display(with_token(request, who.token())).await?;
        some(answer.into_inner().space)
    }

    /// An admin uploads the organisation's own logo.
    pub async fn upload_organization_logo(
        &self,
        admin: &Session,
        file: &[u8],
    ) -> Result<assets::Logo, Status> {
        use assets::upload_organization_logo_request::Part;
        let header = assets::ImageHeader { file_name: "own.png".to_owned() };
        let parts = [Part::Header(header), Part::Chunk(Bytes::copy_from_slice(file))];
        let messages =
            parts.into_iter().map(|part| assets::UploadOrganizationLogoRequest { part: Some(part) });
        let request = with_token(tokio_stream::iter(messages.collect::<Vec<_>>()), admin.token());
        some(self.api.logos.clone().upload_organization_logo(request).await?.into_inner().logo)
    }

    /// Returns a logo in one size with an address to fetch it from.
    pub async fn get_logo(
        &self,
        who: &Session,
        logo_id: &str,
        rendition: assets::LogoRendition,
        transparent_background: bool,
    ) -> Result<assets::GetLogoResponse, Status> {
        let request = assets::GetLogoRequest {
            logo_id: logo_id.to_owned(),
            rendition: rendition.into(),
            transparent_background,
        };
        Ok(self.api.logos.clone().get_logo(with_token(request, who.token())).await?.into_inner())
    }

    /// Adds a folder to a space.
    pub async fn create_folder(
        &self,
        who: &Session,
        space_id: &str,
        title: &str,
    ) -> Result<spaces::Item, Status> {
        let request = spaces::CreateFolderRequest {
            space_id: space_id.to_owned(),
            title: title.to_owned(),
            ..spaces::CreateFolderRequest::default()
        };
        let request = with_key(request, who.token(), &fresh_key());
        some(self.api.content.clone().create_folder(request).await?.into_inner().item)
    }

    /// Adds a link to a folder of a space; an empty folder is the space itself.
    pub async fn add_link(
        &self,
        who: &Session,
        space_id: &str,
        folder_id: &str,
        title: &str,
    ) -> Result<spaces::Item, Status> {
        let request = spaces::AddItemRequest {
            space_id: space_id.to_owned(),
            folder_id: folder_id.to_owned(),
            title: title.to_owned(),
            description: format!("About {title}"),
            url: "https://www.example.com/brochure".to_owned(),
            asset_id: String::new(),
        };
        let request = with_key(request, who.token(), &fresh_key());
        some(self.api.content.clone().add_item(request).await?.into_inner().item)
    }

    /// Lists what is in a folder.
    pub async fn items(
        &self,
        who: &Session,
        space_id: &str,
        folder_id: &str,
    ) -> Result<Vec<spaces::Item>, Status> {
        let request = spaces::ListItemsRequest {
            space_id: space_id.to_owned(),
            folder_id: folder_id.to_owned(),
            ..spaces::ListItemsRequest::default()
        };
        Ok(self.api.content.clone().list_items(with_token(request, who.token())).await?.into_inner().items)
    }

    /// Returns a space as a guest would see it.
    pub async fn preview(&self, who: &Session, space_id: &str) -> Result<spaces::Space, Status> {
        let request = spaces::PreviewSpaceRequest { space_id: space_id.to_owned() };
        let answer = self.api.spaces.clone().preview_space(with_token(request, who.token())).await?;
        some(answer.into_inner().space)
    }

    /// An admin lets guests of the whole organisation download, or not.
    pub async fn allow_download(&self, admin: &Session, allow_download: bool) -> Result<(), Status> {
        let request = spaces::UpdateSharingPolicyRequest {
            update_mask: mask(&["allow_download"]),
            allow_download,
            ..spaces::UpdateSharingPolicyRequest::default()
        };
        self.api.policies.clone().update_sharing_policy(with_token(request, admin.token())).await.map(drop)
    }

    /// Returns who withholds a permission from somebody; nobody where they have it.
    pub async fn refused_by(
        &self,
        who: &Session,
        space_id: &str,
        permission: spaces::Permission,
    ) -> Result<Vec<spaces::Refusal>, Status> {
        let request = spaces::ExplainPermissionsRequest {
            space_id: space_id.to_owned(),
            ..spaces::ExplainPermissionsRequest::default()
        };
        let answer = self.api.spaces.clone().explain_permissions(with_token(request, who.token())).await?;
        let permissions = answer.into_inner().permissions;
        let found = permissions.into_iter().find(|explanation| explanation.permission() == permission);
        Ok(some(found)?.refused_by().collect())
    }

    /// Lists the spaces in which a text is found.
    pub async fn find_spaces(&self, who: &Session, query: &str) -> Result<Vec<spaces::SpaceSummary>, Status> {
        let request =
            spaces::ListSpacesRequest { query: query.to_owned(), ..spaces::ListSpacesRequest::default() };
        Ok(self.api.spaces.clone().list_spaces(with_token(request, who.token())).await?.into_inner().spaces)
    }

    /// Tells what a duplicate would have.
    pub async fn describe_duplication(
        &self,
        who: &Session,
        space_id: &str,
        locale: &str,
    ) -> Result<spaces::DescribeDuplicationResponse, Status> {
        let request =
            spaces::DescribeDuplicationRequest { space_id: space_id.to_owned(), locale: locale.to_owned() };
        let request = with_token(request, who.token());
        Ok(self.api.spaces.clone().describe_duplication(request).await?.into_inner())
    }

    /// Makes a new space of one.
    pub async fn duplicate(
        &self,
        who: &Session,
        space_id: &str,
        locale: &str,
    ) -> Result<spaces::Space, Status> {
        let request =
            spaces::DuplicateSpaceRequest { space_id: space_id.to_owned(), locale: locale.to_owned() };
        let request = with_key(request, who.token(), &fresh_key());
        some(self.api.spaces.clone().duplicate_space(request).await?.into_inner().space)
    }

    /// Shuts guests out of a space.
    pub async fn archive(&self, who: &Session, space_id: &str) -> Result<spaces::Space, Status> {
        let request = spaces::ArchiveSpaceRequest { space_id: space_id.to_owned() };
        let answer = self.api.spaces.clone().archive_space(with_token(request, who.token())).await?;
        some(answer.into_inner().space)
    }

    /// Opens an archived or deleted space again.
    pub async fn reactivate(&self, who: &Session, space_id: &str) -> Result<spaces::Space, Status> {
        let request = spaces::ReactivateSpaceRequest { space_id: space_id.to_owned() };
        let answer = self.api.spaces.clone().reactivate_space(with_token(request, who.token())).await?;
        some(answer.into_inner().space)
    }

    /// Deletes a space.
    pub async fn delete(&self, who: &Session, space_id: &str) -> Result<(), Status> {
        let request = spaces::DeleteSpaceRequest { space_id: space_id.to_owned() };
        self.api.spaces.clone().delete_space(with_token(request, who.token())).await.map(drop)
    }

    /// Returns the sentences of a space's timeline, the newest first.
    pub async fn timeline(&self, who: &Session, space_id: &str) -> Result<Vec<String>, Status> {
        let request = spaces::ListActivitiesRequest {
            space_id: space_id.to_owned(),
            ..spaces::ListActivitiesRequest::default()
        };
        let answer = self.api.activities.clone().list_activities(with_token(request, who.token())).await?;
        Ok(answer.into_inner().activities.into_iter().map(|activity| activity.summary).collect())
    }
}
