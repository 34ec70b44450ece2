//! Field masks (AIP-134): which fields of a request are to be changed.

use service_kit::validate::Violations;

/// The fields that a request names.
pub(super) struct Mask(Vec<String>);

impl Mask {
    /// Reads a mask: at least one field, each of `known`; naming one twice is the same as once.
    pub(super) fn read(check: &mut Violations, paths: Vec<String>, known: &[&str]) -> Self {
        if paths.is_empty() {
            check.add("update_mask", format!("must name at least one of {}", known.join(", ")));
        }
        if paths.iter().any(|path| !known.contains(&path.as_str())) {
            check.add("update_mask", format!("must name only {}", known.join(", ")));
        }
        Self(paths)
    }

    /// Reads the value of a field with `read`, where the mask names it.
    pub(super) fn value<T>(&self, field: &'static str, read: impl FnOnce(&'static str) -> T) -> Option<T> {
        self.0.iter().any(|path| path == field).then(|| read(field))
    }
}
