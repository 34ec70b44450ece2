//! The system that is measured.
//!
//! Owns starting it, its one organisation, and reaching its databases beside the services.

use anyhow::Context;
use journeys::visit::{Accounts, Journey, Session};
use journeys::world::World;
use sharedspaces_proto::identity::v1::Plan;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio::task::block_in_place;
use xtask::throwaway::Throwaway;

use crate::memory::Memory;
use crate::report::Report;

/// All services over servers of their own, one organisation, and what has been measured so far.
pub(crate) struct Stage {
    pub(crate) world: World,
    pub(crate) journey: Journey,
    pub(crate) accounts: Accounts,
    pub(crate) report: Report,
    pub(crate) memory: Memory,
    /// For scripts and logs.
    pub(crate) dir: Throwaway,
}

impl Stage {
    /// Starts all services.
    pub(crate) async fn set() -> anyhow::Result<Self> {
        let world = block_in_place(World::start_durable)?;
        let journey = Journey::new(&world.environment()?)?;
        Ok(Self {
            world,
            journey,
            accounts: Accounts::of("acme"),
            report: Report::default(),
            memory: Memory::default(),
            dir: Throwaway::create("bench")?,
        })
    }

    /// Founds the organisation and waits until every service knows of it.
    pub(crate) async fn found(&self) -> anyhow::Result<()> {
        self.journey.found(&self.accounts, "Acme", "en", Plan::Ultimate).await?;
        self.world.quiesce().await.map(drop)
    }

    /// Signs a member in; access tokens live five minutes, so each section does it anew.
    pub(crate) async fn sign_in(&self) -> anyhow::Result<Session> {
        let [member, _] = &self.accounts.members;
        self.journey.sign_in(&self.accounts.organization, member).await
    }

    /// Opens a service's database as the superuser.
    pub(crate) async fn superuser(&self, service: &str) -> anyhow::Result<PgPool> {
        let url = self.world.superuser_url(service)?;
        PgPoolOptions::new().max_connections(2).connect(&url).await.context("the database did not answer")
    }

    /// Stops a service and starts it to `serve`, `work` or `run`.
    pub(crate) fn restart(&mut self, service: &'static str, command: &str) -> anyhow::Result<()> {
        self.restart_with(service, command, &[])
    }

    /// The same with further settings.
    pub(crate) fn restart_with(
        &mut self,
        service: &'static str,
        command: &str,
        settings: &[(&str, &str)],
    ) -> anyhow::Result<()> {
        block_in_place(|| {
            if self.world.process_id(service).is_some() {
                self.world.stop_service(service)?;
            }
            self.world.start_service_as(command, service, settings)?;
            self.world.wait_ready()
        })
    }

    /// Stops a service, where it runs.
    pub(crate) fn stop(&mut self, service: &str) -> anyhow::Result<()> {
        block_in_place(|| self.world.stop_service(service))
    }
}
