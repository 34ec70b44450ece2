//! Owns who is in the demo organisation that `up` opens on: the demo's seed makes them, `up` prints them.
//!
//! Must not make them.

/// The organisation's name in addresses.
pub const ORGANIZATION: &str = "acme";
/// The password of everybody in [`PEOPLE`].
pub const PASSWORD: &str = "seven violet tractors hum quietly";
/// The space that is filled.
pub const SPACE_TITLE: &str = "Contoso renewal 2027";
/// The last part of its address, which somebody who was not invited would be given.
pub const SPACE_ADDRESS: &str = "contoso-renewal-2027";
/// A guest who is in.
pub const GUEST: &str = "nora.field@contoso.test";
/// A guest who was invited and has not come: the mail waits in the mailbox.
pub const INVITED: &str = "owen.pike@contoso.test";
/// Somebody who asks to be let in.
pub const REQUESTER: &str = "rita.moss@contoso-retail.test";

/// Who may be signed in as: what they are, and their address.
pub const PEOPLE: [(&str, &str); 4] = [
    ("seller", "mia@acme.example"),
    ("colleague", "noah@acme.example"),
    ("admin", "ada@acme.example"),
    ("guest", GUEST),
];
