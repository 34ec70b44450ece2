//! Owns one private RabbitMQ node and the Erlang port mapper that belongs to it.
//!
//! Must not declare any exchange or queue: the topology is `messaging`'s.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::packages::{self, Package, find_epmd, find_rabbitmq};
use crate::ports;
use crate::process::{Child, wait_until};
use crate::throwaway::Throwaway;

const START_TIMEOUT: Duration = Duration::from_secs(120);
const STOP_TIMEOUT: Duration = Duration::from_secs(40);
const PROBE_TIMEOUT: Duration = Duration::from_secs(2);
/// The same on every start, since the node's data lies below its name; the private port mapper keeps it apart.
const NODE_NAME: &str = "sharedspaces@localhost";
/// The protocol header of AMQP 0-9-1 (§4.2.2), with which every client begins.
const AMQP_HEADER: &[u8; 8] = b"AMQP\0\0\x09\x01";
/// A method frame (1) on channel 0.
const METHOD_FRAME_START: [u8; 3] = [1, 0, 0];
/// Class 10, method 10: `Connection.Start`.
const CONNECTION_START: [u8; 4] = [0, 10, 0, 10];

/// The ports of one node, all on 127.0.0.1.
#[derive(Clone, Copy, Debug)]
pub struct RabbitPorts {
    /// Where clients connect.
    pub amqp: u16,
    /// Where the command-line tools reach the node.
    pub distribution: u16,
    /// Where the node's own port mapper listens.
    pub epmd: u16,
}

impl RabbitPorts {
    /// Takes three free ports.
    ///
    /// # Errors
    /// Fails when no port is free.
    pub fn free() -> Result<Self> {
        Ok(Self { amqp: ports::free()?, distribution: ports::free()?, epmd: ports::free()? })
    }
}

/// A private RabbitMQ node, stopped when dropped.
#[derive(Debug)]
pub struct RabbitMq {
    // The node goes before its port mapper.
    node: Option<Child>,
    epmd: Option<Child>,
    dir: PathBuf,
    ports: RabbitPorts,
    metrics: Option<u16>,
    _throwaway: Option<Throwaway>,
}

impl RabbitMq {
    /// Starts a node that keeps its data below `dir`, and waits until it speaks AMQP (about ten seconds).
    ///
    /// # Errors
    /// Fails when RabbitMQ is missing, a port is taken, or the node does not answer within two minutes.
    pub fn start(dir: &Path, ports: RabbitPorts) -> Result<Self> {
        let mut this = Self::launch(dir, ports)?;
        this.wait_ready()?;
        Ok(this)
    }

    /// Starts an empty node in a temporary directory.
    ///
    /// # Errors
    /// As [`RabbitMq::start`].
    pub fn start_throwaway() -> Result<Self> {
        let mut this = Self::launch_throwaway()?;
        this.wait_ready()?;
        Ok(this)
    }

    /// Starts an empty node in a temporary directory that shows its metrics at [`RabbitMq::metrics_url`].
    ///
    /// # Errors
    /// As [`RabbitMq::start`].
    pub fn start_throwaway_with_metrics() -> Result<Self> {
        let throwaway = Throwaway::create("rabbitmq")?;
        let (dir, ports) = (throwaway.path().join("node"), RabbitPorts::free()?);
        let mut this = Self::launch_in(&dir, ports, Some(throwaway), Some(ports::free()?))?;
        this.wait_ready()?;
        Ok(this)
    }

    /// Begins to start an empty node in a temporary directory; [`RabbitMq::wait_ready`] waits for it.
    ///
    /// # Errors
    /// Fails when RabbitMQ is missing or a port is taken.
    pub fn launch_throwaway() -> Result<Self> {
        let throwaway = Throwaway::create("rabbitmq")?;
        Self::launch_in(&throwaway.path().join("node"), RabbitPorts::free()?, Some(throwaway), None)
    }

    /// Begins to start a node that keeps its data below `dir`; [`RabbitMq::wait_ready`] waits for it.
    ///
    /// # Errors
    /// Fails when RabbitMQ is missing or a port is taken.
    pub fn launch(dir: &Path, ports: RabbitPorts) -> Result<Self> {
        Self::launch_in(dir, ports, None, None)
    }

    fn launch_in(
        dir: &Path,
        ports: RabbitPorts,
        throwaway: Option<Throwaway>,
        metrics: Option<u16>,
    ) -> Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("{} cannot be created", dir.display()))?;
        let mut this =
            Self { node: None, epmd: None, dir: dir.canonicalize()?, ports, metrics, _throwaway: throwaway };
        this.write_settings()?;
        this.begin()?;
        Ok(this)
    }

    /// Starts the node again with the same data on the same ports, and waits until it speaks AMQP.
    ///
    /// # Errors
    /// As [`RabbitMq::start`].
    pub fn start_again(&mut self) -> Result<()> {
        self.begin()?;
        self.wait_ready()
    }

    /// Waits until the node answers a client's greeting as AMQP 0-9-1 asks.
    ///
    /// # Errors
    /// Fails when the node ends or does not answer within two minutes.
    pub fn wait_ready(&mut self) -> Result<()> {
        let Some(node) = self.node.as_mut() else { bail!("RabbitMQ has been stopped; start it again first") };
        let port = self.ports.amqp;
        let answered = wait_until(START_TIMEOUT, || {
            if !node.is_running() {
                bail!(
                    "RabbitMQ ended while starting; its log {} says:\n{}",
                    node.log().display(),
                    node.last_lines(12)
                );
            }
            Ok(speaks_amqp(port).then_some(()))
        })?;
        if answered.is_none() {
            bail!("RabbitMQ did not answer within {START_TIMEOUT:?}; see {}", node.log().display());
        }
        Ok(())
    }

    /// The address for clients: user and password `guest`, which RabbitMQ accepts from the loopback address only.
    #[must_use]
    pub fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.ports.amqp)
    }

    /// Where Prometheus finds what its queues hold; nothing where it was not started with metrics.
    #[must_use]
    pub fn metrics_url(&self) -> Option<String> {
        let families = "family=queue_coarse_metrics&family=queue_consumer_count";
        self.metrics.map(|port| format!("http://127.0.0.1:{port}/metrics/detailed?{families}"))
    }

    /// The port on 127.0.0.1 that speaks AMQP.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.ports.amqp
    }

    /// Tells whether the node's process runs.
    pub fn is_running(&mut self) -> bool {
        self.node.as_mut().is_some_and(Child::is_running)
    }

    /// Stops the node in an orderly way, then its port mapper, and waits for both.
    ///
    /// # Errors
    /// Fails when a process cannot be signalled.
    pub fn stop(&mut self) -> Result<()> {
        let node = self.node.take().map_or(Ok(()), |mut node| node.terminate(STOP_TIMEOUT).map(drop));
        let epmd = self.epmd.take().map_or(Ok(()), |mut epmd| epmd.terminate(STOP_TIMEOUT).map(drop));
        node.and(epmd)
    }

    /// Kills the node and its port mapper without warning, as a crash would.
    ///
    /// # Errors
    /// Fails when a process cannot be signalled.
    pub fn kill(&mut self) -> Result<()> {
        let node = self.node.take().map_or(Ok(()), |mut node| node.kill().map(drop));
        let epmd = self.epmd.take().map_or(Ok(()), |mut epmd| epmd.kill().map(drop));
        node.and(epmd)
    }

    /// Starts the port mapper and the node, both as children of this process, without waiting.
    fn begin(&mut self) -> Result<()> {
        packages::require(Package::RabbitMq)?;
        let (Some(script), Some(epmd)) = (find_rabbitmq(), find_epmd()) else {
            bail!("RabbitMQ's programs are missing; install the package rabbitmq-server");
        };
        // A node left behind by a run that was killed holds the ports and the data.
        crate::process::reap_all(&self.dir)?;
        for (purpose, port) in
            [("AMQP", self.ports.amqp), ("distribution", self.ports.distribution), ("epmd", self.ports.epmd)]
        {
            if !ports::is_free(port) {
                bail!(
                    "port {port} of 127.0.0.1, meant for RabbitMQ's {purpose}, is taken; end the program that holds it"
                );
            }
        }
        // Started here rather than by the node, which would leave it behind as a daemon.
        let mut mapper = Command::new(epmd);
        mapper.args(["-address", "127.0.0.1", "-port", &self.ports.epmd.to_string()]);
        self.epmd = Some(Child::spawn("epmd", mapper, &self.dir.join("epmd.log"))?);
        let mapper = SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports.epmd));
        let listens =
            wait_until(PROBE_TIMEOUT, || Ok(TcpStream::connect_timeout(&mapper, PROBE_TIMEOUT).ok()))?;
        if listens.is_none() {
            bail!("Erlang's port mapper did not answer; see {}", self.dir.join("epmd.log").display());
        }
        self.node =
            Some(Child::spawn("RabbitMQ", self.node_command(&script), &self.dir.join("rabbitmq.log"))?);
        Ok(())
    }

    fn write_settings(&self) -> Result<()> {
        let mut settings = format!(
            "listeners.tcp.1 = 127.0.0.1:{}\n\
             vm_memory_high_watermark.absolute = 512MiB\n\
             disk_free_limit.absolute = 50MB\n\
             raft.wal_max_size_bytes = 64000000\n",
            self.ports.amqp
        );
        let mut plugins = "[].\n";
        if let Some(port) = self.metrics {
            settings.push_str(&format!("prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {port}\n"));
            plugins = "[rabbitmq_prometheus].\n";
        }
        fs::write(self.dir.join("rabbitmq.conf"), settings)?;
        fs::write(self.dir.join("enabled_plugins"), plugins)?;
        Ok(())
    }

    fn node_command(&self, script: &Path) -> Command {
        let mut command = Command::new(script);
        command.current_dir(&self.dir);
        for (name, _) in std::env::vars_os() {
            // Settings for another node must not reach this one.
            let text = name.to_string_lossy();
            if ["RABBITMQ_", "ERL_", "ERLANG_", "NOTIFY_SOCKET"].iter().any(|prefix| text.starts_with(prefix))
            {
                command.env_remove(name);
            }
        }
        command
            // The cookie lies in the home directory, so a home of its own keeps other nodes' cookies out.
            .env("HOME", &self.dir)
            // Makes the script become the node instead of staying before it, so that the node is our child.
            .env("RUNNING_UNDER_SYSTEMD", "true")
            .env("RABBITMQ_NODENAME", NODE_NAME)
            .env("RABBITMQ_NODE_IP_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_NODE_PORT", self.ports.amqp.to_string())
            .env("RABBITMQ_DIST_PORT", self.ports.distribution.to_string())
            .env("ERL_EPMD_PORT", self.ports.epmd.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .env("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}")
            .env("RABBITMQ_MNESIA_BASE", self.dir.join("mnesia"))
            .env("RABBITMQ_LOG_BASE", self.dir.join("log"))
            .env("RABBITMQ_PID_FILE", self.dir.join("node-id"))
            .env("RABBITMQ_ENABLED_PLUGINS_FILE", self.dir.join("enabled_plugins"))
            .env("RABBITMQ_CONFIG_FILE", self.dir.join("rabbitmq.conf"))
            .env("RABBITMQ_CONF_ENV_FILE", "/dev/null");
        command
    }
}

impl Drop for RabbitMq {
    fn drop(&mut self) {
        // Nobody is left to hear of a failure; dropping the children kills what did not stop.
        let _ = self.stop();
    }
}

/// Sends the protocol header and reads whether `Connection.Start` comes back (AMQP 0-9-1 §2.2.4).
fn speaks_amqp(port: u16) -> bool {
    let greet = || -> std::io::Result<bool> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let mut stream = TcpStream::connect_timeout(&address, PROBE_TIMEOUT)?;
        stream.set_read_timeout(Some(PROBE_TIMEOUT))?;
        stream.write_all(AMQP_HEADER)?;
        // A frame begins with its type, channel and size; the method's class and number follow.
        let mut frame = [0; 11];
        stream.read_exact(&mut frame)?;
        Ok(frame.starts_with(&METHOD_FRAME_START) && frame.ends_with(&CONNECTION_START))
    };
    greet().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Holds the ports a system's own servers would hold; one already held serves as well.
    fn occupy_standard_ports() -> Vec<TcpListener> {
        [5672, 4369, 25672, 5432]
            .into_iter()
            .filter_map(|port| TcpListener::bind(("127.0.0.1", port)).ok())
            .collect()
    }

    #[test]
    fn a_node_starts_beside_standard_ports_restarts_after_a_kill_and_leaves_nothing() {
        let _held = occupy_standard_ports();
        let dir = Throwaway::create("node").unwrap();
        let ports = RabbitPorts::free().unwrap();
        let mut node = RabbitMq::start(&dir.path().join("node"), ports).unwrap();
        assert!(node.url().contains(&ports.amqp.to_string()));
        node.kill().unwrap();
        assert!(!node.is_running());
        node.start_again().unwrap();
        node.stop().unwrap();
        for port in [ports.amqp, ports.distribution, ports.epmd] {
            assert!(ports::is_free(port), "{port}");
        }
        node.start_again().unwrap();
        drop(node);
        for port in [ports.amqp, ports.distribution, ports.epmd] {
            assert!(ports::is_free(port), "{port}");
        }
    }

    #[test]
    fn a_taken_port_is_refused_with_its_number() {
        let dir = Throwaway::create("taken").unwrap();
        let ports = RabbitPorts::free().unwrap();
        let _held = TcpListener::bind(("127.0.0.1", ports.amqp)).unwrap();
        let error = RabbitMq::start(dir.path(), ports).unwrap_err().to_string();
        assert!(error.contains(&ports.amqp.to_string()) && error.contains("taken"), "{error}");
    }

    #[test]
    fn a_listener_that_says_nothing_of_amqp_is_not_taken_for_a_broker() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let answer = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        });
        assert!(!speaks_amqp(port));
        answer.join().unwrap();
    }
}
