//! Two places for each service, as a rolling restart needs them.
//!
//! Owns the second ones, what stands between the services as a cluster's own addresses do, and replacing a process as
//! Kubernetes does with `maxSurge: 1` and `maxUnavailable: 0`: another is started and waited for, nobody is sent to the
//! old one any more, it is asked to stop and ends by itself. Must not know a call.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use xtask::environment::ServiceAddresses;
use xtask::ports;
use xtask::process::{Child, wait_until};
use xtask::workspace::SERVICES;

use crate::world::{World, is_ready};

/// How long a process still answers calls after it was asked to stop: the gateway asks every second.
pub const LINGER: Duration = Duration::from_millis(2_000);
/// How long a new process is ready before another is replaced, as `minReadySeconds` says.
const MIN_READY: Duration = Duration::from_millis(1_200);
const READY_WITHIN: Duration = Duration::from_secs(120);
const PEERS: [(&str, &str); 4] = [
    ("identity", "PEERS__IDENTITY"),
    ("spaces", "PEERS__SPACES"),
    ("assets", "PEERS__ASSETS"),
    ("crm-sync", "PEERS__CRM_SYNC"),
];

/// One of the two.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Replica {
    /// The one that the world has by itself.
    First,
    /// The other.
    Second,
}

impl Replica {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::First, Self::Second];

    fn other(self) -> Self {
        if self == Self::First { Self::Second } else { Self::First }
    }
}

/// A world behind the gateway, with room for a second process of each service.
pub struct Replicas {
    /// The world.
    pub world: World,
    settings: Vec<(String, String)>,
    second: BTreeMap<&'static str, Child>,
    junctions: BTreeMap<&'static str, Junction>,
}

impl Replicas {
    /// Starts all of it with further settings for each service. Must be called within a runtime, off its threads.
    pub fn start(settings: &[(&str, &str)]) -> anyhow::Result<Self> {
        let mut junctions = BTreeMap::new();
        let mut all: Vec<(String, String)> =
            settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        all.push(("SHUTDOWN__LINGER_MS".to_owned(), LINGER.as_millis().to_string()));
        for service in SERVICES {
            let junction = Junction::open()?;
            if let Some((_, key)) = PEERS.iter().find(|(name, _)| *name == service) {
                all.push(((*key).to_owned(), format!("http://{}", junction.address)));
            }
            junctions.insert(service, junction);
        }
        let world = World::start_with(&borrowed(&all))?;
        let mut this = Self { world, settings: all, second: BTreeMap::new(), junctions };
        for service in SERVICES {
            let first = this.world.addresses.service(service)?.clone();
            let address = || ports::free().map(|port| format!("127.0.0.1:{port}"));
            let second = ServiceAddresses { grpc: address()?, health: address()?, ..first };
            this.world.addresses.replicas.insert(service.to_owned(), second);
            this.send_to(service, &[Replica::First])?;
        }
        this.world.start_gateway(&["--calls-per-second", "5000"])?;
        Ok(this)
    }

    /// Starts a service's other process beside the one that runs, and waits for it.
    pub fn add(&mut self, service: &'static str, which: Replica) -> anyhow::Result<()> {
        self.spawn(service, which)?;
        self.wait_ready(service, which)?;
        self.send_to(service, &Replica::BOTH)?;
        std::thread::sleep(MIN_READY);
        Ok(())
    }

    /// Replaces a process by its other one, as a rolling restart does; returns how long the old one took to end.
    /// `at_the_signal` comes right before it is asked to.
    pub fn replace(
        &mut self,
        service: &'static str,
        which: Replica,
        at_the_signal: impl FnOnce(),
    ) -> anyhow::Result<Duration> {
        self.add(service, which.other())?;
        self.send_to(service, &[which.other()])?;
        at_the_signal();
        let asked = Instant::now();
        if which == Replica::First {
            self.world.stop_service(service)?;
        } else {
            let mut child = self.second.remove(service).context("no such service runs")?;
            let status = child.terminate(READY_WITHIN)?;
            ensure!(status.success(), "{service} ended with {status}:\n{}", child.last_lines(20));
        }
        Ok(asked.elapsed())
    }

    /// Ends the first process with SIGKILL, with nobody told of it.
    pub fn kill(&mut self, service: &'static str) -> anyhow::Result<()> {
        self.world.kill_service(service)
    }

    fn spawn(&mut self, service: &'static str, which: Replica) -> anyhow::Result<()> {
        match which {
            Replica::First => self.world.start_service(service, &borrowed(&self.settings)),
            Replica::Second => self.start_second(service),
        }
    }

    fn has_died(&mut self, service: &str, which: Replica) -> bool {
        match which {
            Replica::First => self.world.has_died(service),
            Replica::Second => self.second.get_mut(service).is_some_and(|child| !child.is_running()),
        }
    }

    fn start_second(&mut self, service: &'static str) -> anyhow::Result<()> {
        let own = self.address(service, Replica::Second)?.clone();
        let mut settings = borrowed(&self.settings);
        settings.extend([("GRPC__LISTEN", own.grpc.as_str()), ("HEALTH__LISTEN", own.health.as_str())]);
        let content = format!("127.0.0.1:{}", ports::free()?);
        if service == "assets" {
            settings.push(("CONTENT__LISTEN", &content));
        }
        let child = self.world.spawn("run", service, &settings)?;
        self.second.insert(service, child);
        Ok(())
    }

    fn wait_ready(&mut self, service: &'static str, which: Replica) -> anyhow::Result<()> {
        let address = self.address(service, which)?.health.clone();
        let ready = wait_until(READY_WITHIN, || {
            if self.has_died(service, which) {
                // As a kubelet does, where a process gives up because what it needs does not answer in time.
                self.spawn(service, which)?;
            }
            Ok(is_ready(&address).then_some(()))
        })?;
        ready.with_context(|| format!("{service} was not ready; its logs:\n{}", self.last_words(service)))
    }

    fn last_words(&self, service: &str) -> String {
        self.second.get(service).map(|child| child.last_lines(20)).unwrap_or_default()
    }

    fn address(&self, service: &str, which: Replica) -> anyhow::Result<&ServiceAddresses> {
        match which {
            Replica::First => self.world.addresses.service(service),
            Replica::Second => {
                let second = self.world.addresses.replicas.get(service);
                second.with_context(|| format!("{service} has no second replica"))
            }
        }
    }

    fn send_to(&self, service: &str, replicas: &[Replica]) -> anyhow::Result<()> {
        let targets: anyhow::Result<Vec<String>> =
            replicas.iter().map(|which| Ok(self.address(service, *which)?.grpc.clone())).collect();
        self.junctions.get(service).context("no such service")?.send_to(targets?);
        Ok(())
    }
}

fn borrowed(settings: &[(String, String)]) -> Vec<(&str, &str)> {
    settings.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect()
}

/// One address before several processes, as a Service of Kubernetes is: each new connection goes to one of those that are
/// ready, and stays there.
struct Junction {
    address: SocketAddr,
    targets: Arc<Mutex<Vec<String>>>,
    _accepting: JoinSet<()>,
}

impl Junction {
    fn open() -> anyhow::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let targets: Arc<Mutex<Vec<String>>> = Arc::default();
        let mut accepting = JoinSet::new();
        let known = Arc::clone(&targets);
        accepting.spawn_on(
            async move {
                if let Ok(listener) = TcpListener::from_std(listener) {
                    accept(listener, known).await;
                }
            },
            &Handle::try_current()?,
        );
        Ok(Self { address, targets, _accepting: accepting })
    }

    fn send_to(&self, targets: Vec<String>) {
        *self.targets.lock().unwrap_or_else(PoisonError::into_inner) = targets;
    }
}

async fn accept(listener: TcpListener, targets: Arc<Mutex<Vec<String>>>) {
    let mut links = JoinSet::new();
    let mut turn = 0_usize;
    loop {
        let Ok((mut near, _)) = listener.accept().await else { continue };
        let ready = targets.lock().unwrap_or_else(PoisonError::into_inner).clone();
        turn = turn.wrapping_add(1);
        let Some(target) = ready.get(turn % ready.len().max(1)).cloned() else { continue };
        links.spawn(async move {
            if let Ok(mut far) = TcpStream::connect(&target).await {
                // Ends when either side does, which is what it is for.
                let _ended = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            }
        });
        while links.try_join_next().is_some() {}
    }
}
