//! The whole way of an event and of a job, on a real database and a real broker.

#[cfg(test)]
mod consumers;
#[cfg(test)]
mod dead_jobs;
#[cfg(test)]
mod jobs;
#[cfg(test)]
mod relays;
#[cfg(test)]
mod releases;
#[cfg(test)]
mod support;
