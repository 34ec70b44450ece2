//! Owns which collections the tenant has, and the fields of a record.
//!
//! How long a field may be is not known of the real one, so nothing is too long here.

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// One of these values.
    OneOf(&'static [&'static str]),
    Moment,
    /// An object with the id of a record of this collection.
    Reference(&'static str),
    /// An object with the id of somebody.
    Somebody,
    /// Objects with a `content`.
    Notes,
    /// Fields that the administrator added.
    Extensions,
    /// An object that only the tenant writes.
    Object,
}

/// A collection.
#[derive(Debug)]
pub(super) struct Collection {
    pub(super) service: &'static str,
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) fields: &'static [(&'static str, Kind)],
    pub(super) writable: bool,
}

impl Collection {
    /// Finds a field; case counts.
    pub(super) fn kind(&self, name: &str) -> Option<Kind> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }
}

const ADMIN_FIELDS: [&str; 3] = ["id", "displayId", "adminData"];

/// Whether only the tenant writes a field.
pub(super) fn is_of_tenant(name: &str) -> bool {
    ADMIN_FIELDS.contains(&name)
}

/// Where the references of a task lead whose names are not known of the real one.
pub(super) const EXTRA_REFERENCES: [(&str, &str); 3] =
    [("primaryContact", "contactPersons"), ("opportunity", "opportunities"), ("lead", "leads")];

/// Every collection.
pub(super) static COLLECTIONS: &[Collection] = &[
    Collection {
        service: "task-service",
        name: "tasks",
        title: "description",
        fields: &[
            ("description", Kind::Text),
            ("taskCategory", Kind::Text),
            ("status", Kind::OneOf(&["OPEN", "INPROCESS", "COMPLETED", "CANCELED"])),
            ("priority", Kind::Text),
            ("startDateTime", Kind::Moment),
            ("dueDateTime", Kind::Moment),
            ("account", Kind::Reference("accounts")),
            ("owner", Kind::Somebody),
            ("organizer", Kind::Somebody),
            ("notes", Kind::Notes),
            ("extensions", Kind::Extensions),
        ],
        writable: true,
    },
    Collection {
        service: "account-service",
        name: "accounts",
        title: "formattedName",
        fields: &[("formattedName", Kind::Text), ("city", Kind::Text), ("industry", Kind::Text)],
        writable: false,
    },
    Collection {
        service: "contact-person-service",
        name: "contactPersons",
        title: "formattedName",
        fields: &[
            ("formattedName", Kind::Text),
            ("givenName", Kind::Text),
            ("familyName", Kind::Text),
            ("eMail", Kind::Text),
            ("jobTitle", Kind::Text),
            ("account", Kind::Object),
        ],
        writable: false,
    },
    Collection {
        service: "opportunity-service",
        name: "opportunities",
        title: "name",
        fields: &[
            ("name", Kind::Text),
            ("phase", Kind::Text),
            ("status", Kind::Text),
            ("closeDate", Kind::Moment),
            ("account", Kind::Object),
        ],
        writable: false,
    },
    Collection {
        service: "lead-service",
        name: "leads",
        title: "name",
        fields: &[
            ("name", Kind::Text),
            ("companyName", Kind::Text),
            ("givenName", Kind::Text),
            ("familyName", Kind::Text),
            ("eMail", Kind::Text),
            ("status", Kind::Text),
        ],
        writable: false,
    },
];
