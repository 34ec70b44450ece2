//! What identity does without being asked.

pub(crate) mod delete_old_sign_ins;
pub(crate) mod log_consent_heads;
pub(crate) mod rotate_keys;
