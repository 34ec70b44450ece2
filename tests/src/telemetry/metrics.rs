//! Metrics, as tests look at them.

use std::collections::{BTreeMap, BTreeSet};

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::KeyValue;
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, metric, number_data_point};
use service_kit::telemetry::names::Kind;

use super::spans::{attributes_of, texts};

/// The last value of one set of attributes of one process.
#[derive(Clone, Debug)]
pub struct Series {
    /// Whose it is.
    pub service: String,
    /// Of which process of it.
    pub instance: String,
    /// The metric's name.
    pub name: String,
    /// The attributes, as text.
    pub attributes: BTreeMap<String, String>,
    /// The value.
    pub value: Value,
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Of a counter or gauge.
    Number(f64),
    /// Of a histogram.
    Histogram {
        /// The upper bounds of all buckets but the last.
        bounds: Vec<f64>,
        /// How many values fell into each bucket.
        counts: Vec<u64>,
        /// Of all values.
        sum: f64,
        /// How many values there were.
        count: u64,
    },
}

/// What was emitted of one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Emitted {
    /// Its unit.
    pub unit: String,
    /// How it counts.
    pub kind: Kind,
    /// Its attributes, with all their values.
    pub attributes: BTreeMap<String, BTreeSet<String>>,
    /// The bounds of a histogram's buckets.
    pub bounds: Vec<f64>,
    /// The most sets of attributes that one process had.
    pub most_series: usize,
    /// By which schemas: of scopes and resources.
    pub schemas: BTreeSet<String>,
    /// Which services emitted it.
    pub services: BTreeSet<String>,
}

type SeriesKey = (String, String, BTreeMap<String, String>);

/// All series by metric, with what is said of the metric itself.
#[derive(Debug, Default)]
pub(super) struct Store {
    pub(super) families: BTreeMap<String, Family>,
    /// Name, version and instance of each process.
    pub(super) processes: BTreeSet<(String, String, String)>,
}

#[derive(Debug)]
pub(super) struct Family {
    pub(super) unit: String,
    pub(super) kind: Kind,
    pub(super) description: String,
    schemas: BTreeSet<String>,
    pub(super) series: BTreeMap<SeriesKey, Value>,
}

impl Store {
    pub(super) fn take(&mut self, request: ExportMetricsServiceRequest) {
        for of_resource in request.resource_metrics {
            let resource = attributes_of(of_resource.resource.as_ref());
            let get = |name: &str| resource.get(name).cloned().unwrap_or_default();
            let (service, instance) = (get("service.name"), get("service.instance.id"));
            self.processes.insert((service.clone(), instance.clone(), get("service.version")));
            for of_scope in of_resource.scope_metrics {
                let schemas = [of_scope.schema_url.clone(), of_resource.schema_url.clone()];
                for metric in of_scope.metrics {
                    self.take_metric((&service, &instance), &schemas, metric);
                }
            }
        }
    }

    fn take_metric(&mut self, (service, instance): (&str, &str), schemas: &[String; 2], metric: Metric) {
        let Some((kind, points)) = metric.data.map(points_of) else { return };
        let family = self.families.entry(metric.name).or_insert_with(|| Family {
            unit: metric.unit,
            kind,
            description: metric.description,
            schemas: BTreeSet::new(),
            series: BTreeMap::new(),
        });
        family.schemas.extend(schemas.iter().cloned());
        for (attributes, value) in points {
            let key = (service.to_owned(), instance.to_owned(), texts(&attributes));
            family.series.insert(key, value);
        }
    }

    pub(super) fn series(&self) -> Vec<Series> {
        let mut all = Vec::new();
        for (name, family) in &self.families {
            for ((service, instance, attributes), value) in &family.series {
                all.push(Series {
                    service: service.clone(),
                    instance: instance.clone(),
                    name: name.clone(),
                    attributes: attributes.clone(),
                    value: value.clone(),
                });
            }
        }
        all
    }

    pub(super) fn emitted(&self) -> BTreeMap<String, Emitted> {
        self.families.iter().map(|(name, family)| (name.clone(), family.emitted())).collect()
    }
}

impl Family {
    fn emitted(&self) -> Emitted {
        let mut by_process: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        let mut emitted = Emitted {
            unit: self.unit.clone(),
            kind: self.kind,
            attributes: BTreeMap::new(),
            bounds: Vec::new(),
            most_series: 0,
            schemas: self.schemas.clone(),
            services: BTreeSet::new(),
        };
        for ((service, instance, attributes), value) in &self.series {
            *by_process.entry((service, instance)).or_default() += 1;
            emitted.services.insert(service.clone());
            for (key, value) in attributes {
                emitted.attributes.entry(key.clone()).or_default().insert(value.clone());
            }
            if let Value::Histogram { bounds, .. } = value {
                emitted.bounds.clone_from(bounds);
            }
        }
        emitted.most_series = by_process.into_values().max().unwrap_or_default();
        emitted
    }
}

fn points_of(data: metric::Data) -> (Kind, Vec<(Vec<KeyValue>, Value)>) {
    match data {
        metric::Data::Gauge(gauge) => (Kind::Gauge, numbers(gauge.data_points)),
        metric::Data::Sum(sum) if sum.is_monotonic => (Kind::Counter, numbers(sum.data_points)),
        metric::Data::Sum(sum) => (Kind::UpDownCounter, numbers(sum.data_points)),
        metric::Data::Histogram(histogram) => {
            let points = histogram.data_points.into_iter().map(|point| {
                let value = Value::Histogram {
                    bounds: point.explicit_bounds,
                    counts: point.bucket_counts,
                    sum: point.sum.unwrap_or_default(),
                    count: point.count,
                };
                (point.attributes, value)
            });
            (Kind::Histogram, points.collect())
        }
        // Nothing here emits these: kept without points, so that it shows.
        metric::Data::ExponentialHistogram(_) | metric::Data::Summary(_) => (Kind::Histogram, Vec::new()),
    }
}

fn numbers(points: Vec<NumberDataPoint>) -> Vec<(Vec<KeyValue>, Value)> {
    let read = |point: NumberDataPoint| {
        let value = match point.value {
            Some(number_data_point::Value::AsDouble(value)) => value,
            #[expect(clippy::cast_precision_loss, reason = "no test counts to 2⁵³")]
            Some(number_data_point::Value::AsInt(value)) => value as f64,
            None => 0.0,
        };
        (point.attributes, Value::Number(value))
    };
    points.into_iter().map(read).collect()
}
