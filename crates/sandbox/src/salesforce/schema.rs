//! Owns the objects of the org: their fields, and what may be done with each.
//!
//! Holds no records.

/// The field that makes logs exactly-once; made on Activity, so that Task has it.
pub(super) const EXTERNAL_ID_FIELD: &str = "SharedSpacesLogId__c";
/// The values of Task.Status and whether each is closed. Not those of a fresh org: a client has to ask.
pub(super) const TASK_STATUSES: &[(&str, bool)] =
    &[("Open", false), ("In Progress", false), ("Waiting", false), ("Done", true)];
/// The values of Task.Priority.
pub(super) const TASK_PRIORITIES: &[&str] = &["High", "Normal", "Low"];

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The record's own id.
    Id,
    /// The id of a record of one of these objects.
    Reference(&'static [&'static str]),
    /// Text up to so many characters.
    Text(usize),
    /// Text up to so many characters that no query can filter on.
    LongText(usize),
    /// One of the org's values.
    Picklist,
    /// A date without time.
    Date,
    /// A moment.
    DateTime,
    /// True or false.
    Boolean,
    /// A number.
    Number,
}

/// Who may write a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Only the org itself.
    ReadOnly,
    /// At creation only.
    Create,
    /// Always.
    Write,
}

/// A field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) access: Access,
}

impl Field {
    /// The name of the relation a reference is followed by, as in `Account.Name`.
    pub(super) fn relation(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Reference(_) => self.name.strip_suffix("Id"),
            _other => None,
        }
    }
}

/// An object.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) name: &'static str,
    pub(super) prefix: &'static str,
    pub(super) fields: &'static [Field],
}

impl Object {
    /// Finds a field by name; case does not count.
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name.eq_ignore_ascii_case(name))
    }
}

const fn field(name: &'static str, kind: Kind, access: Access) -> Field {
    Field { name, kind, access }
}

const fn fixed(name: &'static str, kind: Kind) -> Field {
    field(name, kind, Access::ReadOnly)
}

const ID: Field = fixed("Id", Kind::Id);
const NAME: Field = fixed("Name", Kind::Text(255));
const ACCOUNT: Field = fixed("AccountId", Kind::Reference(&["Account"]));
const EMAIL: Field = fixed("Email", Kind::Text(80));

/// Task.
pub(super) static TASK: Object = Object {
    name: "Task",
    prefix: "00T",
    fields: &[
        ID,
        field("Subject", Kind::Text(255), Access::Write),
        field("Description", Kind::LongText(32_000), Access::Write),
        field("Status", Kind::Picklist, Access::Write),
        field("Priority", Kind::Picklist, Access::Write),
        field("ActivityDate", Kind::Date, Access::Write),
        field("WhoId", Kind::Reference(&["Contact", "Lead"]), Access::Write),
        field("WhatId", Kind::Reference(&["Account", "Opportunity"]), Access::Write),
        ACCOUNT,
        field("TaskSubtype", Kind::Picklist, Access::Create),
        field("Type", Kind::Picklist, Access::Write),
        field(EXTERNAL_ID_FIELD, Kind::Text(64), Access::Write),
        fixed("OwnerId", Kind::Reference(&["User"])),
        fixed("IsClosed", Kind::Boolean),
        fixed("CreatedDate", Kind::DateTime),
        fixed("LastModifiedDate", Kind::DateTime),
    ],
};

static OTHERS: &[Object] = &[
    Object {
        name: "Account",
        prefix: "001",
        fields: &[
            ID,
            NAME,
            fixed("Industry", Kind::Picklist),
            fixed("BillingCity", Kind::Text(40)),
            fixed("Website", Kind::Text(255)),
        ],
    },
    Object {
        name: "Opportunity",
        prefix: "006",
        fields: &[
            ID,
            NAME,
            ACCOUNT,
            fixed("StageName", Kind::Picklist),
            fixed("Amount", Kind::Number),
            fixed("CloseDate", Kind::Date),
            fixed("IsClosed", Kind::Boolean),
        ],
    },
    Object {
        name: "Contact",
        prefix: "003",
        fields: &[
            ID,
            NAME,
            fixed("FirstName", Kind::Text(40)),
            fixed("LastName", Kind::Text(80)),
            EMAIL,
            fixed("Phone", Kind::Text(40)),
            fixed("Title", Kind::Text(128)),
            ACCOUNT,
        ],
    },
    Object {
        name: "Lead",
        prefix: "00Q",
        fields: &[
            ID,
            NAME,
            fixed("FirstName", Kind::Text(40)),
            fixed("LastName", Kind::Text(80)),
            EMAIL,
            fixed("Phone", Kind::Text(40)),
            fixed("Company", Kind::Text(255)),
            fixed("Status", Kind::Picklist),
            fixed("IsConverted", Kind::Boolean),
        ],
    },
    Object {
        name: "TaskStatus",
        prefix: "01J",
        fields: &[
            ID,
            fixed("ApiName", Kind::Text(255)),
            fixed("MasterLabel", Kind::Text(255)),
            fixed("IsClosed", Kind::Boolean),
            fixed("IsDefault", Kind::Boolean),
            fixed("SortOrder", Kind::Number),
        ],
    },
];

/// Finds an object by name; case does not count.
pub(super) fn object(name: &str) -> Option<&'static Object> {
    std::iter::once(&TASK).chain(OTHERS).find(|object| object.name.eq_ignore_ascii_case(name))
}
