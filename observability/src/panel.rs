//! Grafana's dashboards, as much of the model as is used (schema version 42, Grafana 12 and 13).
//!
//! Owns the form that all panels share: the data source is chosen by a variable, every panel has title, unit and
//! description, every curve a name. Must not know a metric.

use serde_json::{Value, json};

/// The version of the model.
pub const SCHEMA_VERSION: u32 = 42;
/// The variable that chooses among the sources of data.
const SOURCE: &str = "${datasource}";
const COLUMNS: u32 = 24;

/// A dashboard.
#[derive(Clone, Debug)]
pub struct Dashboard {
    /// Its id in links, and its file's name.
    pub uid: &'static str,
    /// Its name.
    pub title: &'static str,
    /// What it is for, in a sentence.
    pub description: &'static str,
    /// Whether it shows the services that are chosen at its top.
    pub by_service: bool,
    /// Its panels, in groups.
    pub rows: Vec<Row>,
}

/// A group of panels under a heading.
#[derive(Clone, Debug)]
pub struct Row {
    /// The heading.
    pub title: &'static str,
    /// The panels, from left to right.
    pub panels: Vec<Panel>,
}

/// How a panel looks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Shape {
    /// Curves over time.
    Lines,
    /// The last value of each query, large.
    Stat,
    /// A histogram over time.
    Heatmap,
    /// The last values with their labels.
    Table,
}

/// A panel.
#[derive(Clone, Debug)]
pub struct Panel {
    /// Its heading.
    pub title: &'static str,
    /// Grafana's name of the unit.
    pub unit: &'static str,
    /// What one sees, and what is good or bad of it.
    pub description: &'static str,
    /// How it looks.
    pub shape: Shape,
    /// What it asks for.
    pub queries: Vec<Query>,
    /// The value from which on it is drawn red.
    pub limit: Option<f64>,
    /// Whether red is below the limit.
    pub is_red_below: bool,
    /// Whether its points lead to traces.
    pub has_exemplars: bool,
}

/// A question to Prometheus.
#[derive(Clone, Debug)]
pub struct Query {
    /// The question, with Grafana's variables.
    pub expr: String,
    /// The name of each curve, from its labels.
    pub legend: &'static str,
}

impl Panel {
    fn new(shape: Shape, title: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self {
            title,
            unit,
            description,
            shape,
            queries: Vec::new(),
            limit: None,
            is_red_below: false,
            has_exemplars: false,
        }
    }

    /// Makes a panel of curves.
    #[must_use]
    pub fn lines(title: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self::new(Shape::Lines, title, unit, description)
    }

    /// Makes a panel of large numbers.
    #[must_use]
    pub fn stat(title: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self::new(Shape::Stat, title, unit, description)
    }

    /// Makes a panel of a histogram over time.
    #[must_use]
    pub fn heatmap(title: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self::new(Shape::Heatmap, title, unit, description)
    }

    /// Makes a table.
    #[must_use]
    pub fn table(title: &'static str, unit: &'static str, description: &'static str) -> Self {
        Self::new(Shape::Table, title, unit, description)
    }

    /// Adds a question; `legend` names its curves, such as `{{job}}`.
    #[must_use]
    pub fn query(mut self, expr: impl Into<String>, legend: &'static str) -> Self {
        self.queries.push(Query { expr: expr.into(), legend });
        self
    }

    /// Draws values from `limit` on red.
    #[must_use]
    pub fn red_from(mut self, limit: f64) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Draws values below `limit` red.
    #[must_use]
    pub fn red_below(mut self, limit: f64) -> Self {
        self.limit = Some(limit);
        self.is_red_below = true;
        self
    }

    /// Shows points that lead to traces.
    #[must_use]
    pub fn with_exemplars(mut self) -> Self {
        self.has_exemplars = true;
        self
    }

    /// Tells whether it asks for the last values only.
    #[must_use]
    pub fn is_instant(&self) -> bool {
        matches!(self.shape, Shape::Stat | Shape::Table)
    }

    fn json(&self, id: usize, place: &Value) -> Value {
        let kind = match self.shape {
            Shape::Lines => "timeseries",
            Shape::Stat => "stat",
            Shape::Heatmap => "heatmap",
            Shape::Table => "table",
        };
        let targets: Vec<Value> =
            self.queries.iter().enumerate().map(|(index, query)| self.target(index, query)).collect();
        json!({
            "id": id,
            "type": kind,
            "title": self.title,
            "description": self.description,
            "datasource": source(),
            "gridPos": place,
            "fieldConfig": {"defaults": self.field_defaults(), "overrides": []},
            "options": self.options(),
            "targets": targets,
        })
    }

    fn target(&self, index: usize, query: &Query) -> Value {
        let reference =
            char::from_u32(u32::from('A') + u32::try_from(index).unwrap_or_default()).unwrap_or('A');
        json!({
            "refId": reference.to_string(),
            "datasource": source(),
            "editorMode": "code",
            "expr": query.expr,
            "legendFormat": query.legend,
            "exemplar": self.has_exemplars,
            "instant": self.is_instant(),
            "range": !self.is_instant(),
            "format": match self.shape {
                Shape::Lines | Shape::Stat => "time_series",
                Shape::Heatmap => "heatmap",
                Shape::Table => "table",
            },
        })
    }

    fn field_defaults(&self) -> Value {
        let (usual, beyond) = if self.is_red_below { ("red", "green") } else { ("green", "red") };
        let mut steps = vec![json!({"color": usual, "value": null})];
        steps.extend(self.limit.map(|limit| json!({"color": beyond, "value": limit})));
        let custom = match self.shape {
            Shape::Lines => json!({
                "drawStyle": "line",
                "fillOpacity": 10,
                "lineWidth": 1,
                "showPoints": "never",
                "spanNulls": false,
                "thresholdsStyle": {"mode": if self.limit.is_some() { "line" } else { "off" }},
            }),
            Shape::Stat | Shape::Heatmap | Shape::Table => json!({}),
        };
        let color = if self.shape == Shape::Lines { "palette-classic" } else { "thresholds" };
        json!({
            "unit": self.unit,
            "color": {"mode": color},
            "custom": custom,
            "thresholds": {"mode": "absolute", "steps": steps},
        })
    }

    fn options(&self) -> Value {
        match self.shape {
            Shape::Lines => json!({
                "legend": {"displayMode": "table", "placement": "bottom", "showLegend": true, "calcs": ["lastNotNull", "max"]},
                "tooltip": {"mode": "multi", "sort": "desc"},
            }),
            Shape::Stat => json!({
                "colorMode": "value",
                "graphMode": "none",
                "justifyMode": "auto",
                "orientation": "auto",
                "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": false},
                "textMode": "value_and_name",
            }),
            Shape::Heatmap => json!({
                "calculate": false,
                "cellGap": 1,
                "color": {"exponent": 0.5, "fill": "dark-orange", "mode": "scheme", "scale": "exponential", "scheme": "Oranges", "steps": 64},
                "exemplars": {"color": "rgba(255,0,255,0.7)"},
                "filterValues": {"le": 1e-9},
                "legend": {"show": true},
                "rowsFrame": {"layout": "auto"},
                "tooltip": {"mode": "single", "showColorScale": false, "yHistogram": true},
                "yAxis": {"axisPlacement": "left", "reverse": false, "unit": self.unit},
            }),
            Shape::Table => json!({"cellHeight": "sm", "showHeader": true}),
        }
    }
}

fn source() -> Value {
    json!({"type": "prometheus", "uid": SOURCE})
}

impl Dashboard {
    /// Returns every panel.
    pub fn panels(&self) -> impl Iterator<Item = &Panel> {
        self.rows.iter().flat_map(|row| &row.panels)
    }

    /// Returns it as Grafana reads it.
    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "uid": self.uid,
            "title": self.title,
            "description": self.description,
            "tags": ["sharedspaces"],
            "schemaVersion": SCHEMA_VERSION,
            "version": 1,
            "editable": false,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-3h", "to": "now"},
            "timezone": "browser",
            "templating": {"list": self.variables()},
            "annotations": {"list": [alerts_as_annotations()]},
            "links": [{
                "title": "Shared Spaces", "type": "dashboards", "tags": ["sharedspaces"],
                "asDropdown": true, "includeVars": true, "keepTime": true, "targetBlank": false,
                "icon": "external link", "tooltip": "The other dashboards", "url": "",
            }],
            "panels": self.laid_out(),
        })
    }

    fn variables(&self) -> Vec<Value> {
        let mut variables = vec![json!({
            "type": "datasource",
            "name": "datasource",
            "label": "Data source",
            "query": "prometheus",
            "hide": 0,
            "multi": false,
            "includeAll": false,
            "options": [],
            "refresh": 1,
            "regex": "",
            "current": {"selected": true, "text": "default", "value": "default"},
        })];
        if self.by_service {
            let query = "label_values(sharedspaces_build_info, job)";
            variables.push(json!({
                "type": "query",
                "name": "service",
                "label": "Service",
                "datasource": source(),
                "definition": query,
                "query": {"qryType": 1, "query": query, "refId": "service"},
                "hide": 0,
                "multi": true,
                "includeAll": true,
                "allValue": ".+",
                "options": [],
                "refresh": 2,
                "regex": "",
                "sort": 1,
                "current": {"selected": true, "text": ["All"], "value": ["$__all"]},
            }));
        }
        variables
    }

    /// Rows one below the other, their panels side by side as far as they fit.
    fn laid_out(&self) -> Vec<Value> {
        let mut panels = Vec::new();
        let mut top = 0;
        for row in &self.rows {
            panels.push(json!({
                "id": panels.len() + 1, "type": "row", "title": row.title, "collapsed": false, "panels": [],
                "gridPos": {"h": 1, "w": COLUMNS, "x": 0, "y": top},
            }));
            top += 1;
            let (mut left, mut height) = (0, 0);
            for panel in &row.panels {
                let (width, own) = match panel.shape {
                    Shape::Stat => (6, 4),
                    Shape::Lines | Shape::Heatmap | Shape::Table => (12, 8),
                };
                if left + width > COLUMNS {
                    (left, top, height) = (0, top + height, 0);
                }
                let place = json!({"h": own, "w": width, "x": left, "y": top});
                panels.push(panel.json(panels.len() + 1, &place));
                left += width;
                height = height.max(own);
            }
            top += height;
        }
        panels
    }
}

/// Alerts that page somebody, as marks on every panel.
fn alerts_as_annotations() -> Value {
    json!({
        "name": "Alerts",
        "datasource": source(),
        "enable": true,
        "hide": false,
        "iconColor": "red",
        "expr": "ALERTS{alertstate=\"firing\", severity=\"page\"}",
        "titleFormat": "{{alertname}}",
        "textFormat": "{{service}}",
        "step": "60s",
    })
}

/// Puts values in the place of Grafana's variables, for tests: any service, `window` for each range.
#[must_use]
pub fn with_values(expr: &str, window: &str) -> String {
    expr.replace("$__rate_interval", window).replace("$__range", window).replace("$service", ".+")
}
