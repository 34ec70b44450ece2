//! How the organisation and the room look: a theme and two logos.

use journeys::api::with_token;
use sharedspaces_proto::assets::v1 as assets;
use sharedspaces_proto::spaces::v1 as spaces;
use tonic::Code;

use super::Stage;
use crate::drawing::{Color, Stroke, png, word};

const THEME: &str = "Harbour";
/// Seen on a dark header and on white paper.
const WAVE: Color = [0x3f, 0xa3, 0x9b];
const BRIGHT: Color = [0xe0, 0x7a, 0x3f];
const INK: Color = [0x24, 0x3b, 0x6b];
/// How high the customer's logo is shown.
const LOGO_HEIGHT_PX: i32 = 72;

fn colors() -> spaces::ThemeColors {
    let color = |text: &str| text.to_owned();
    spaces::ThemeColors {
        background: color("#fbfaf7"),
        text: color("#1f2a2e"),
        header: color("#0f4c4a"),
        header_text: color("#ffffff"),
        accent: color("#0f6b5c"),
        accent_text: color("#ffffff"),
    }
}

/// The organisation's: two hills, and its name.
fn own_logo() -> anyhow::Result<Vec<u8>> {
    let mut strokes = vec![
        Stroke::new(&[(24, 96), (64, 32), (104, 96)], 13, WAVE),
        Stroke::new(&[(82, 96), (108, 58), (134, 96)], 13, BRIGHT),
    ];
    strokes.extend(word("ACME", (176, 34), 5, BRIGHT));
    png((384, 128), None, &strokes)
}

/// The customer's: a ring that is open, and its name, on white.
fn customers_logo() -> anyhow::Result<Vec<u8>> {
    let ring = [
        (90, 86),
        (84, 92),
        (77, 96),
        (69, 98),
        (60, 98),
        (52, 96),
        (45, 92),
        (39, 87),
        (34, 80),
        (31, 72),
        (30, 64),
        (31, 56),
        (34, 48),
        (39, 41),
        (45, 36),
        (52, 32),
        (60, 30),
        (69, 30),
        (77, 32),
        (84, 36),
        (90, 42),
    ];
    let mut strokes = vec![Stroke::new(&ring, 10, INK), Stroke::new(&[(98, 64)], 11, BRIGHT)];
    strokes.extend(word("CONTOSO", (148, 40), 4, INK));
    png((448, 128), Some([255, 255, 255]), &strokes)
}

impl Stage<'_> {
    /// Puts up the organisation's logo and theme; returns the theme.
    pub(super) async fn dress(&self) -> anyhow::Result<String> {
        let request = assets::GetOrganizationLogoRequest { rendition: assets::LogoRendition::Header.into() };
        let request = with_token(request, self.admin.token());
        match self.journey.api.logos.clone().get_organization_logo(request).await {
            Err(status) if status.code() == Code::NotFound => {
                self.journey.upload_organization_logo(&self.admin, &own_logo()?).await?;
            }
            answer => drop(answer?),
        }
        let request = with_token(spaces::ListThemesRequest::default(), self.admin.token());
        let themes = self.journey.api.policies.clone().list_themes(request).await?.into_inner().themes;
        if let Some(theme) = themes.into_iter().find(|theme| theme.name == THEME) {
            return Ok(theme.theme_id);
        }
        Ok(self.journey.create_theme(&self.admin, THEME, colors()).await?.0.theme_id)
    }

    /// Puts up the customer's logo.
    pub(super) async fn show_customer(&self, room: &spaces::Space) -> anyhow::Result<()> {
        if room.customer_logo.is_none() {
            self.journey.show_logo(&self.seller, &room.space_id, &customers_logo()?).await?;
            self.journey.display_logo(&self.seller, &room.space_id, LOGO_HEIGHT_PX, false).await?;
        }
        Ok(())
    }
}
