//! Nothing that is watched is dead: a real Prometheus is asked what every panel, rule and runbook asks, of services,
//! broker and gateway that run and fail.

use std::path::Path;
use std::time::Duration;

use journeys::outside::within;
use journeys::prometheus::{Prometheus, programs};
use journeys::telemetry::OtlpSink;
use journeys::visit::Journey;
use journeys::wire::Wire;
use journeys::workload::{self, Used};
use journeys::world::World;
use observability::objective::all as all_objectives;
use observability::platform::{METRICS, Source};
use observability::rule::{Group, Rule, alerts, all, file, first_command};
use observability::{dashboards, panel};
use promql_parser::parser::{Expr, VectorSelector, parse};
use promql_parser::util::{ExprVisitor, walk_expr};
use xtask::process::output;

use crate::start;

const PATIENCE: Duration = Duration::from_secs(180);
/// Longer than all that happens here.
const WINDOW: &str = "15m";

/// Who does not run here: what a cluster brings, and the collector, whose place a sink has.
const ELSEWHERE: [Source; 6] = [
    Source::Collector,
    Source::SpanMetrics,
    Source::Kubernetes,
    Source::Keda,
    Source::CertManager,
    Source::CloudNativePg,
];

/// Panels whose trouble cannot be brought about here, and why.
const UNSEEN: [(&str, &str); 1] =
    [("Events refused by the broker", "it refuses no event that the topology has a queue for")];

/// Something that must have an answer.
struct Question {
    place: String,
    expr: String,
}

/// What is asked: the panels and the recorded rules as they are; of alerts, which are silent when all is well, every
/// series that they look at.
fn questions() -> Vec<Question> {
    let mut questions = Vec::new();
    for dashboard in dashboards::all() {
        for panel in dashboard.panels().filter(|panel| UNSEEN.iter().all(|(title, _)| *title != panel.title))
        {
            let place = format!("{}: {}", dashboard.title, panel.title);
            let expr = |query: &panel::Query| panel::with_values(&query.expr, WINDOW);
            questions.extend(
                panel.queries.iter().map(|query| Question { place: place.clone(), expr: expr(query) }),
            );
        }
    }
    for rule in all().into_iter().flat_map(|group| group.rules) {
        match rule {
            Rule::Record { name, expr, .. } => questions.push(Question { place: name, expr }),
            Rule::Alert(alert) => questions.extend(
                selections(&alert.expr)
                    .into_iter()
                    .map(|expr| Question { place: alert.name.to_owned(), expr }),
            ),
        }
    }
    let is_elsewhere = |question: &Question| {
        METRICS.iter().any(|metric| ELSEWHERE.contains(&metric.source) && question.expr.contains(metric.name))
    };
    questions.retain(|question| !is_elsewhere(question));
    questions
}

/// Whether events, mails and logs have been seen, each of which may be rare.
fn every_effect() -> Vec<Question> {
    let of_effects = all_objectives().into_iter().filter(|objective| !objective.metric.starts_with("rpc_"));
    of_effects
        .map(|objective| Question {
            place: objective.metric.to_owned(),
            expr: format!("{}_count{{job=\"{}\"}}", objective.metric, objective.service),
        })
        .collect()
}

/// The series that an expression looks at, now.
fn selections(expr: &str) -> Vec<String> {
    struct Selections(Vec<String>);
    impl Selections {
        fn take(&mut self, selector: &VectorSelector) {
            self.0.push(VectorSelector { offset: None, ..selector.clone() }.to_string());
        }
    }
    impl ExprVisitor for Selections {
        type Error = ();
        fn pre_visit(&mut self, expr: &Expr) -> Result<bool, ()> {
            match expr {
                Expr::VectorSelector(selector) => self.take(selector),
                Expr::MatrixSelector(matrix) => self.take(&matrix.vs),
                _ => {}
            }
            Ok(true)
        }
    }
    let mut found = Selections(Vec::new());
    walk_expr(&mut found, &parse(expr).unwrap()).unwrap();
    found.0
}

/// Everything that is watched.
struct Watched {
    world: World,
    gateway: String,
    prometheus: Prometheus,
    _sink: OtlpSink,
}

async fn watched() -> Watched {
    let sink = OtlpSink::start().await.unwrap();
    let settings = sink.settings();
    let mut world = start(move || {
        let settings = settings.each_ref().map(|(key, value)| (*key, value.as_str()));
        World::start_with_metrics(&settings)
    })
    .await;
    let [admin, metrics] = [(), ()].map(|()| format!("127.0.0.1:{}", xtask::ports::free().unwrap()));
    let further = ["--admin", &admin, "--metrics", &metrics];
    let gateway = tokio::task::block_in_place(|| world.start_gateway(&further)).unwrap();
    let metrics = format!("http://{metrics}/stats/prometheus");
    other_pages_of_envoys_are_not_shown(&metrics).await;
    let broker = world.broker.as_ref().unwrap().metrics_url().unwrap();
    let targets = [("sink", sink.openmetrics_url()), ("broker", &broker), ("gateway", &metrics)];
    // As often as it asks: some are evaluated every five minutes else.
    let rules: Vec<Group> = all().into_iter().map(|group| Group { interval: None, ..group }).collect();
    let prometheus = Prometheus::start(&targets, &file(&rules)).unwrap();
    Watched { world, gateway, prometheus, _sink: sink }
}

async fn other_pages_of_envoys_are_not_shown(metrics: &str) {
    assert_eq!(reqwest::get(metrics).await.unwrap().status(), reqwest::StatusCode::OK);
    for page in ["config_dump", "quitquitquit", "stats"] {
        let page = reqwest::get(metrics.replace("stats/prometheus", page)).await.unwrap();
        assert_eq!(page.status(), reqwest::StatusCode::NOT_FOUND, "{}", page.url());
    }
}

impl Watched {
    /// All that is measured happens, failures included; then some of it through the gateway.
    async fn work(&self) {
        let journey = Journey::new(&self.world.environment().unwrap()).unwrap();
        workload::run(&self.world, &journey).await.unwrap();
        self.answer(every_effect()).await;
        // Once more: growth can only be seen of what was there before.
        let used = workload::run(&self.world, &journey).await.unwrap();
        journey.notices(&used.member).await.unwrap();
        self.pass_the_gateway(&used).await;
    }

    async fn pass_the_gateway(&self, used: &Used) {
        let environment = self.world.environment().unwrap().over(Wire::Grpc);
        let through = Journey::new(&environment).unwrap();
        let seen = || async { Ok(through.get_space(&used.member, &used.space_id).await.ok()) };
        within(PATIENCE, "an answer through the gateway", seen).await.unwrap();
        let nobody = reqwest::get(format!("{}/v1/spaces", self.gateway)).await.unwrap();
        assert_eq!(nobody.status(), reqwest::StatusCode::UNAUTHORIZED);
    }

    /// Asks until everything has an answer.
    async fn answer(&self, mut questions: Vec<Question>) {
        within(PATIENCE, "an answer to every question", async || {
            let mut open = 0;
            while let Some(question) = questions.get(open) {
                if self.prometheus.ask(&question.expr).await?.is_empty() {
                    open += 1;
                } else {
                    questions.swap_remove(open);
                }
            }
            let places: Vec<String> =
                questions.iter().map(|question| format!("{}: {}", question.place, question.expr)).collect();
            anyhow::ensure!(places.is_empty(), "{} have no answer:\n{}", places.len(), places.join("\n"));
            Ok(Some(()))
        })
        .await
        .unwrap();
    }

    /// Runs what each runbook begins with.
    fn open_every_runbook(&self) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        for alert in alerts() {
            let page = root.join("docs/runbooks").join(format!("{}.md", alert.name));
            let page = std::fs::read_to_string(page).unwrap();
            let mut path = programs().unwrap().into_os_string();
            path.push(":/usr/bin:/bin");
            let mut shell = std::process::Command::new("/bin/sh");
            shell.arg("-c").arg(first_command(&page).unwrap());
            output(shell.env("PATH", path).env("PROMETHEUS_URL", self.prometheus.url()))
                .unwrap_or_else(|error| panic!("{}: {error}", alert.name));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_panel_rule_and_runbook_gets_an_answer_from_what_runs() {
    let watched = watched().await;
    watched.work().await;
    let questions = questions();
    assert!(questions.len() > 200, "{}", questions.len());
    watched.answer(questions).await;
    for rule in watched.prometheus.rules().await.unwrap() {
        assert_eq!(rule["health"], "ok", "{rule}");
    }
    // The workload parks a message: whoever must know of it is told.
    let parked = "ALERTS{alertname=\"MessagesParked\", alertstate=\"firing\", job=\"notifications\"}";
    within(PATIENCE, "the alert on a parked message", async || {
        Ok(watched.prometheus.ask(parked).await?.into_iter().next())
    })
    .await
    .unwrap();
    tokio::task::block_in_place(|| watched.open_every_runbook());
}
