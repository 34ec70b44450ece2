//! What is listened to: one file per service that events come from.

pub(crate) mod identity;
pub(crate) mod spaces;

use anyhow::Context;
use uuid::Uuid;

fn id<T: From<Uuid>>(field: &str, value: &str) -> anyhow::Result<T> {
    Ok(T::from(value.parse().with_context(|| format!("the event's {field} is no id"))?))
}
