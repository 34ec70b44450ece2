//! What the operator does on the command line.
//!
//! Owns the commands beside those that every service has, and what they print. Each goes the way a call goes: the same
//! checks, the same use case. Must not print a password, a token or a link.

use anyhow::Context;
use clap::Subcommand;
use service_kit::caller::Call;
use service_kit::validate::Violations;
use service_kit::{Kit, Outcome};
use sharedspaces_proto::identity::v1 as pb;

use crate::consent::{Verdict, hex};
use crate::organization::{NewOrganization, Plan};
use crate::{Foundation, Identity, Settings};

/// The operator's commands.
#[derive(Clone, Debug, Eq, PartialEq, Subcommand)]
pub enum Command {
    /// Creates an organisation with its first admin, who has no password and signs in by link.
    CreateOrganization {
        /// Short name in addresses.
        #[arg(long)]
        slug: String,
        /// Name people see.
        #[arg(long)]
        name: String,
        /// PLUS or ULTIMATE.
        #[arg(long)]
        plan: String,
        /// en, fr or de.
        #[arg(long)]
        locale: String,
        /// The admin's e-mail address.
        #[arg(long)]
        admin_address: String,
        /// The admin's name.
        #[arg(long)]
        admin_name: String,
        /// Where links of this organisation lead; the installation's own where it is left out.
        #[arg(long, default_value_t)]
        base_url: String,
    },
    /// Changes what an organisation has paid for.
    SetPlan {
        /// The organisation.
        #[arg(long)]
        slug: String,
        /// PLUS or ULTIMATE.
        #[arg(long)]
        plan: String,
    },
    /// Recomputes the ledger of consent of one organisation or of all. Exit code 1: an entry does not hold.
    VerifyConsents {
        /// The organisation; all where it is left out.
        #[arg(long)]
        slug: Option<String>,
    },
    /// Publishes the next signing key, which signs ten minutes later.
    RotateKeys,
}

/// Carries a command out.
pub async fn execute(kit: Kit<Settings>, command: Command) -> anyhow::Result<Outcome> {
    let identity = Identity::assemble(Foundation::of(&kit)).await?;
    identity.execute(command).await
}

impl Identity {
    /// Carries a command out.
    pub(crate) async fn execute(&self, command: Command) -> anyhow::Result<Outcome> {
        match command {
            Command::CreateOrganization { slug, name, plan, locale, admin_address, admin_name, base_url } => {
                let admin = pb::NewMember {
                    email_address: admin_address,
                    display_name: admin_name,
                    ..pb::NewMember::default()
                };
                let plan = pb::Plan::from_str_name(&format!("PLAN_{plan}")).unwrap_or_default();
                let request = pb::CreateOrganizationRequest {
                    slug,
                    display_name: name,
                    plan: plan.into(),
                    locale,
                    admin: Some(admin),
                    base_url,
                };
                self.create_organization(request).await
            }
            Command::SetPlan { slug, plan } => self.set_plan(slug, &plan).await,
            Command::VerifyConsents { slug: Some(slug) } => self.verify_consents(vec![slug]).await,
            Command::VerifyConsents { slug: None } => {
                let slugs = self.consents.slugs().await?;
                self.verify_consents(slugs).await
            }
            Command::RotateKeys => {
                let next = self.keys.rotate_now().await?;
                Ok(done(format!(
                    "key {} is published and signs from {}",
                    next.kid,
                    next.not_before.to_rfc3339()
                )))
            }
        }
    }

    async fn create_organization(&self, request: pb::CreateOrganizationRequest) -> anyhow::Result<Outcome> {
        let new = NewOrganization::try_from(request)?;
        let call = Call::internal("operator");
        let made: pb::CreateOrganizationResponse = self.organizations.create(&call, new).await?;
        let (organization, admin) = (made.organization.unwrap_or_default(), made.admin.unwrap_or_default());
        Ok(done(format!(
            "organisation {} created: {}\nadmin {} has no password and signs in by link at {}/{}/sign-in",
            organization.slug,
            organization.organization_id,
            admin.user_id,
            organization.base_url,
            organization.slug
        )))
    }

    async fn set_plan(&self, slug: String, plan: &str) -> anyhow::Result<Outcome> {
        let plan = Plan::find(plan).ok_or_else(|| Violations::one("plan", "must be PLUS or ULTIMATE"))?;
        let organization = self.organizations.set_plan(slug, plan).await?;
        Ok(done(format!("organisation {} has the plan {}", organization.slug, organization.plan.as_str())))
    }

    async fn verify_consents(&self, slugs: Vec<String>) -> anyhow::Result<Outcome> {
        let (mut lines, mut is_success) = (Vec::new(), true);
        for slug in slugs {
            let verdict = self.consents.verify_by_slug(slug.clone()).await;
            let verdict = verdict.with_context(|| format!("organisation {slug}"))?;
            is_success &= verdict.first_broken_sequence == 0;
            lines.push(format!("{slug}: {}", line(&verdict)));
        }
        Ok(Outcome { text: lines.join("\n"), is_success })
    }
}

fn line(verdict: &Verdict) -> String {
    let head = verdict.head_hash.as_deref().map(hex).unwrap_or_default();
    match verdict.first_broken_sequence {
        0 => format!("intact, {} entries, head {head}", verdict.entry_count),
        broken => format!("BROKEN at entry {broken}, {} entries, head {head}", verdict.entry_count),
    }
}

fn done(text: String) -> Outcome {
    Outcome { text, is_success: true }
}
