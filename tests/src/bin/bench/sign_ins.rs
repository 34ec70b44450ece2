//! Signing in, against the hash alone; and whether an answer tells by its time who has an account.
//!
//! Owns the section on identity's sign-ins.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordVerifier, Version};
use futures_util::future::join_all;
use journeys::api::channel;
use journeys::visit::PASSWORD;
use sharedspaces_proto::identity::v1 as pb;
use sharedspaces_proto::identity::v1::sign_in_service_client::SignInServiceClient;
use tokio::task::{JoinSet, block_in_place};
use tonic::transport::Channel;
use tonic::{Code, Request};
use xtask::process::say;

use crate::load::Load;
use crate::memory::resident_mib;
use crate::stage::Stage;
use crate::statistics::{kolmogorov_smirnov, mean_ms};

/// Of each kind of address.
const SAMPLES: usize = 2_000;
const SIGN_IN_FOR: Duration = Duration::from_secs(8);
const AT_ONCE: usize = 500;
const SPARE_MIB: f64 = 64.0;
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// StartSignIn known against unknown; sign-ins against bare argon2; memory under many at once.
pub(crate) async fn sign_ins(stage: &mut Stage) -> anyhow::Result<()> {
    // Each call comes from a network of its own, as those of many people do: what one network may do is limited.
    stage.restart_with("identity", "run", &[("IDENTITY__TRUSTED_PROXIES", "1")])?;
    let client = SignInServiceClient::new(channel(&stage.world.environment()?.identity)?);
    known_and_unknown(stage, client.clone()).await?;
    let database = stage.superuser("identity").await?;
    let hash: String =
        sqlx::query_scalar("SELECT password_hash FROM credentials LIMIT 1").fetch_one(&database).await?;
    let cores = thread::available_parallelism()?.get();

    say("SignInWithPassword …");
    let ours = sign_in_for(stage, &client, cores * 2).await?;
    stage.memory.note(&stage.world)?;
    let (bare, memory_kib) = block_in_place(|| argon2_alone(&hash, cores))?;
    let what = format!("SignInWithPassword, {} callers", cores * 2);
    stage.report.add_calls(what, &ours, (bare, format!("argon2 alone, {cores} threads")), None);
    many_at_once(stage, &client, cores, f64::from(memory_kib) / 1_024.0).await?;
    stage.restart("identity", "run")
}

/// Returns a request as a proxy would hand it on, from one of 65,536 networks.
fn from_network<T>(message: T, network: usize) -> anyhow::Result<Request<T>> {
    let mut request = Request::new(message);
    let address = format!("10.{}.{}.1", network / 256 % 256, network % 256);
    request.metadata_mut().insert("x-forwarded-for", address.parse()?);
    Ok(request)
}

/// Interleaved, so that what else the machine does falls on both alike.
async fn known_and_unknown(
    stage: &mut Stage,
    mut client: SignInServiceClient<Channel>,
) -> anyhow::Result<()> {
    say("StartSignIn, known and unknown addresses …");
    let organization = stage.accounts.organization.clone();
    let known = stage.accounts.members.first().context("no member")?.clone();
    // As long as the known one: the bytes on the wire are no secret of ours.
    let unknown = known.replacen("mia", "zoe", 1);
    ensure!(unknown != known, "the unknown address is known");
    let mut took = [Vec::with_capacity(SAMPLES), Vec::with_capacity(SAMPLES)];
    for round in 0..SAMPLES + SAMPLES / 10 {
        for (address, took) in [&known, &unknown].into_iter().zip(&mut took) {
            let request = pb::StartSignInRequest {
                organization: organization.clone(),
                email_address: address.clone(),
                space_address: String::new(),
            };
            let request = from_network(request, round)?;
            let begin = Instant::now();
            client.start_sign_in(request).await.context("StartSignIn was refused")?;
            // The first tenth warms up.
            if round >= SAMPLES / 10 {
                took.push(begin.elapsed());
            }
        }
    }
    let [known, unknown] = took;
    let difference = kolmogorov_smirnov(&known, &unknown);
    stage.report.add_note(format!(
        "StartSignIn, {SAMPLES} known and {SAMPLES} unknown addresses in turn: means {:.3} and {:.3} ms, difference \
         {:+.3} ms (aim: < 1 ms); two-sample Kolmogorov–Smirnov D = {:.4}, p = {:.3} (aim: > 0.01).",
        mean_ms(&known),
        mean_ms(&unknown),
        mean_ms(&known) - mean_ms(&unknown),
        difference.statistic,
        difference.p,
    ));
    let (known, unknown) = (Load::of_one(known)?, Load::of_one(unknown)?);
    let limit = (unknown.per_second, "an unknown address".to_owned());
    stage.report.add_calls("StartSignIn, a known address, 1 caller".to_owned(), &known, limit, None);
    Ok(())
}

fn request(stage: &Stage, person: usize) -> pb::SignInWithPasswordRequest {
    let people = [&stage.accounts.admin, &stage.accounts.members[0], &stage.accounts.members[1]];
    pb::SignInWithPasswordRequest {
        organization: stage.accounts.organization.clone(),
        email_address: people.into_iter().cycle().nth(person % 3).cloned().unwrap_or_default(),
        password: PASSWORD.to_owned(),
        ..pb::SignInWithPasswordRequest::default()
    }
}

async fn sign_in_for(
    stage: &Stage,
    client: &SignInServiceClient<Channel>,
    callers: usize,
) -> anyhow::Result<Load> {
    let begin = Instant::now();
    let mut running = JoinSet::new();
    for caller in 0..callers {
        let (mut client, request) = (client.clone(), request(stage, caller));
        running.spawn(async move {
            let mut took = Vec::new();
            while begin.elapsed() < SIGN_IN_FOR {
                let request = from_network(request.clone(), caller + took.len() * callers)?;
                let begin = Instant::now();
                client.sign_in_with_password(request).await.context("a sign-in was refused")?;
                took.push(begin.elapsed());
            }
            Ok::<_, anyhow::Error>(took)
        });
    }
    let mut took = Vec::new();
    while let Some(ended) = running.join_next().await {
        took.extend(ended??);
    }
    Load::of(took, begin.elapsed())
}

/// Verifies the password with all cores; returns how often a second, and the KiB that one takes.
fn argon2_alone(stored: &str, cores: usize) -> anyhow::Result<(f64, u32)> {
    let parsed = PasswordHash::new(stored).map_err(|error| anyhow::anyhow!("{error}"))?;
    let params = Params::try_from(&parsed).map_err(|error| anyhow::anyhow!("{error}"))?;
    let memory_kib = params.m_cost();
    let hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let begin = Instant::now();
    let verified = thread::scope(|scope| {
        let verify = || {
            let mut count = 0_u32;
            while begin.elapsed() < SIGN_IN_FOR {
                count += u32::from(hasher.verify_password(PASSWORD.as_bytes(), &parsed).is_ok());
            }
            count
        };
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(verify)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).sum::<u32>()
    });
    ensure!(verified > 0, "the stored hash is not of the password that was signed in with");
    Ok((f64::from(verified) / begin.elapsed().as_secs_f64(), memory_kib))
}

/// Watches identity's memory while five hundred people sign in at once.
async fn many_at_once(
    stage: &mut Stage,
    client: &SignInServiceClient<Channel>,
    cores: usize,
    hash_mib: f64,
) -> anyhow::Result<()> {
    say(&format!("{AT_ONCE} sign-ins at once …"));
    let process_id = stage.world.process_id("identity").context("identity does not run")?;
    let base = resident_mib(process_id)?;
    let mut calls = Vec::with_capacity(AT_ONCE);
    for person in 0..AT_ONCE {
        let (mut client, request) = (client.clone(), from_network(request(stage, person), person)?);
        calls.push(async move { client.sign_in_with_password(request).await.map(drop) });
    }
    let all = join_all(calls);
    tokio::pin!(all);
    let mut highest = base;
    let answers = loop {
        tokio::select! {
            answers = &mut all => break answers,
            () = tokio::time::sleep(LOOK_EVERY) => highest = highest.max(resident_mib(process_id)?),
        }
    };
    let signed_in = answers.iter().filter(|answer| answer.is_ok()).count();
    let refused = |answer: &&Result<(), tonic::Status>| {
        answer.as_ref().is_err_and(|status| status.code() == Code::ResourceExhausted)
    };
    let put_off = answers.iter().filter(refused).count();
    ensure!(
        signed_in + put_off == AT_ONCE,
        "some sign-ins failed: {:?}",
        answers.iter().find(|a| a.is_err())
    );
    let cores = f64::from(u32::try_from(cores)?);
    let aim = base + cores * hash_mib + SPARE_MIB;
    stage.report.add_note(format!(
        "{AT_ONCE} sign-ins at once: {signed_in} signed in, {put_off} told to try again; identity held {base:.1} MiB \
         before and {highest:.1} MiB at most (aim: ≤ {aim:.1} = base + {cores} cores × {hash_mib:.0} MiB + \
         {SPARE_MIB:.0} MiB)."
    ));
    stage.memory.note(&stage.world)
}
