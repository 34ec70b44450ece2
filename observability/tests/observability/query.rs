//! What an expression asks for, and which labels come out of it.

use std::collections::{BTreeMap, BTreeSet};

use promql_parser::label::{MatchOp, Matchers};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, VectorMatchCardinality, VectorSelector, parse,
};

/// Names of labels.
pub(crate) type Names = BTreeSet<String>;

/// What is emitted: each metric with its labels.
#[derive(Clone, Debug, Default)]
pub(crate) struct Emitted(pub(crate) BTreeMap<String, Names>);

impl Emitted {
    /// Returns the labels of what an expression gives, after looking at every name in it; none for a number.
    pub(crate) fn check(&self, expr: &str, used: &mut Names) -> Result<Option<Names>, String> {
        let parsed = parse(expr).map_err(|error| format!("{error}: {expr}"))?;
        self.labels(&parsed, used).map_err(|error| format!("{error}: {expr}"))
    }

    fn labels(&self, expr: &Expr, used: &mut Names) -> Result<Option<Names>, String> {
        match expr {
            Expr::Aggregate(aggregate) => self.aggregated(aggregate, used),
            Expr::Binary(binary) => self.combined(binary, used),
            Expr::Unary(unary) => self.labels(&unary.expr, used),
            Expr::Paren(paren) => self.labels(&paren.expr, used),
            Expr::Subquery(subquery) => self.labels(&subquery.expr, used),
            Expr::NumberLiteral(_) | Expr::StringLiteral(_) => Ok(None),
            Expr::VectorSelector(selector) => self.selected(selector, used).map(Some),
            Expr::MatrixSelector(matrix) => self.selected(&matrix.vs, used).map(Some),
            Expr::Call(call) => self.called(call, used),
            Expr::Extension(_) => Err("an extension".to_owned()),
        }
    }

    fn selected(&self, selector: &VectorSelector, used: &mut Names) -> Result<Names, String> {
        let name = selector.name.as_deref().ok_or("a selection without a name")?;
        let labels = self.0.get(name).ok_or_else(|| format!("nobody emits {name}"))?;
        used.insert(name.to_owned());
        for matcher in &selector.matchers.matchers {
            if !labels.contains(&matcher.name) {
                return Err(format!("{name} has no label {}", matcher.name));
            }
        }
        Ok(labels.clone())
    }

    fn aggregated(&self, aggregate: &AggregateExpr, used: &mut Names) -> Result<Option<Names>, String> {
        let inner = self.labels(&aggregate.expr, used)?.ok_or("a number is summed up")?;
        if ["topk", "bottomk"].contains(&aggregate.op.to_string().as_str()) {
            return Ok(Some(inner));
        }
        let named = |labels: &LabelModifier| -> Result<Names, String> {
            let names: Names = labels.labels().labels.iter().cloned().collect();
            match names.difference(&inner).next() {
                Some(name) => Err(format!("there is no label {name} to group by")),
                None => Ok(names),
            }
        };
        match &aggregate.modifier {
            None => Ok(Some(Names::new())),
            Some(by @ LabelModifier::Include(_)) => named(by).map(Some),
            Some(without @ LabelModifier::Exclude(_)) => {
                named(without).map(|names| Some(inner.difference(&names).cloned().collect()))
            }
        }
    }

    fn combined(&self, binary: &BinaryExpr, used: &mut Names) -> Result<Option<Names>, String> {
        let (left, right) = (self.labels(&binary.lhs, used)?, self.labels(&binary.rhs, used)?);
        let (left, right) = match (left, right) {
            (Some(left), Some(right)) => (left, right),
            (left, right) => return Ok(left.or(right)),
        };
        let operator = binary.op.to_string();
        if operator == "or" {
            return Ok(Some(left.union(&right).cloned().collect()));
        }
        let matching = binary.modifier.as_ref().and_then(|modifier| modifier.matching.as_ref());
        let on: Names = match matching {
            None if left == right => return Ok(Some(left)),
            None => return Err(format!("{left:?} {operator} {right:?} never match")),
            Some(LabelModifier::Include(labels)) => labels.labels.iter().cloned().collect(),
            Some(LabelModifier::Exclude(_)) => return Err("`ignoring` hides what is matched on".to_owned()),
        };
        if !on.is_subset(&left) || !on.is_subset(&right) {
            return Err(format!("{left:?} and {right:?} have no {on:?}"));
        }
        let is_set = ["and", "unless"].contains(&operator.as_str());
        let keeps_left = is_set
            || binary
                .modifier
                .as_ref()
                .is_some_and(|modifier| matches!(modifier.card, VectorMatchCardinality::ManyToOne(_)));
        if !keeps_left && on != left && on != right {
            return Err(format!("several of {left:?} may match on {on:?}"));
        }
        Ok(Some(if keeps_left { left } else { on }))
    }

    fn called(&self, call: &Call, used: &mut Names) -> Result<Option<Names>, String> {
        let mut last = None;
        for argument in &call.args.args {
            last = self.labels(argument, used)?;
        }
        match call.func.name {
            "time" => Ok(None),
            "vector" => Ok(Some(Names::new())),
            "histogram_quantile" => {
                let mut labels = last.ok_or("a quantile of a number")?;
                if labels.remove("le") { Ok(Some(labels)) } else { Err("a quantile without `le`".to_owned()) }
            }
            "absent" | "absent_over_time" => match call.args.args.first().map(AsRef::as_ref) {
                Some(Expr::VectorSelector(selector)) => Ok(Some(equal(&selector.matchers))),
                Some(Expr::MatrixSelector(matrix)) => Ok(Some(equal(&matrix.vs.matchers))),
                _ => Ok(Some(Names::new())),
            },
            _ => Ok(last),
        }
    }
}

/// What is absent has the labels that were asked for.
fn equal(matchers: &Matchers) -> Names {
    let equal = matchers.matchers.iter().filter(|matcher| matches!(matcher.op, MatchOp::Equal));
    equal.map(|matcher| matcher.name.clone()).collect()
}

/// The labels that a text such as `{{job}} of {{ $labels.slo }}` names.
pub(crate) fn placeholders(text: &str) -> Names {
    text.split("{{")
        .skip(1)
        .filter_map(|rest| rest.split_once("}}"))
        .map(|(name, _)| name.trim().trim_start_matches("$labels.").to_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn emitted() -> Emitted {
        let labels = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Names>();
        Emitted(BTreeMap::from([
            ("calls_total".to_owned(), labels(&["job", "method"])),
            ("calls_bucket".to_owned(), labels(&["job", "le"])),
            ("limit".to_owned(), labels(&["job"])),
        ]))
    }

    #[test]
    fn what_nobody_emits_and_what_never_matches_is_found() {
        for wrong in [
            "sum(rate(call_total[5m]))",
            "rate(calls_total{metod=\"a\"}[5m])",
            "sum by (instance) (calls_total)",
            "sum by (job) (calls_total) / sum by (method) (calls_total)",
            "calls_total / on (job, zone) limit",
            "histogram_quantile(0.9, sum by (job) (rate(calls_bucket[5m])))",
            "sum(calls_total",
        ] {
            assert!(emitted().check(wrong, &mut Names::new()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn labels_come_out_of_what_keeps_them() {
        for (expr, expected) in [
            ("sum by (job) (rate(calls_total[5m])) > 0.5 * limit", "job"),
            ("histogram_quantile(0.9, sum by (job, le) (rate(calls_bucket[5m])))", "job"),
            ("topk(3, calls_total)", "job method"),
            ("calls_total / on (job) group_left limit", "job method"),
            ("absent(calls_total{job=\"a\",method=~\"b\"})", "job"),
            ("sum(calls_total) or vector(0)", ""),
        ] {
            let labels = emitted().check(expr, &mut Names::new()).unwrap().unwrap();
            assert_eq!(labels.into_iter().collect::<Vec<_>>().join(" "), expected, "{expr}");
        }
    }
}
