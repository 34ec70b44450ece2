//! Owns which collections the tenant has, their properties and where their navigations lead.

/// What a property holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text up to so many characters.
    Text(usize),
    /// Text of any length, which no filter can name.
    LargeText,
    Guid,
    Moment,
    Boolean,
    Decimal,
}

/// A property.
#[derive(Debug, Clone, Copy)]
pub(super) struct Property {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) creatable: bool,
    pub(super) updatable: bool,
    pub(super) nullable: bool,
}

/// A collection that belongs to one record.
#[derive(Debug, Clone, Copy)]
pub(super) struct Child {
    pub(super) navigation: &'static str,
    pub(super) entity: &'static str,
    pub(super) properties: &'static [Property],
}

/// A collection.
#[derive(Debug)]
pub(super) struct Set {
    pub(super) name: &'static str,
    pub(super) entity: &'static str,
    /// The property that the user interface knows a record by.
    pub(super) readable: &'static str,
    pub(super) title: &'static str,
    /// What links to the user interface call it.
    pub(super) thing: &'static str,
    pub(super) properties: &'static [Property],
    pub(super) children: &'static [Child],
    pub(super) writable: bool,
}

/// The field that an administrator added to Tasks.
pub(super) const LOG_ID_FIELD: &str = "SharedSpacesLogId_KUT";

impl Set {
    /// Finds a property; case counts.
    pub(super) fn property(&self, name: &str) -> Option<&'static Property> {
        self.all().find(|property| property.name == name)
    }

    /// Its own properties and those that all have.
    pub(super) fn all(&self) -> impl Iterator<Item = &'static Property> + use<> {
        COMMON.iter().chain(self.properties)
    }

    /// Finds a navigation.
    pub(super) fn child(&self, name: &str) -> Option<&'static Child> {
        self.children.iter().find(|child| child.navigation == name)
    }
}

impl Child {
    /// Finds a property; case counts.
    pub(super) fn property(&self, name: &str) -> Option<&'static Property> {
        self.all().find(|property| property.name == name)
    }

    /// Its own properties and the keys.
    pub(super) fn all(&self) -> impl Iterator<Item = &'static Property> + use<> {
        KEYS.iter().chain(self.properties)
    }
}

const fn property(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, creatable: true, updatable: true, nullable: true }
}

const fn text(name: &'static str, max: usize) -> Property {
    property(name, Kind::Text(max))
}

const fn fixed(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, creatable: false, updatable: false, nullable: true }
}

const fn key(name: &'static str, kind: Kind) -> Property {
    Property { name, kind, creatable: false, updatable: false, nullable: false }
}

const COMMON: &[Property] = &[
    key("ObjectID", Kind::Text(70)),
    fixed("UUID", Kind::Guid),
    fixed("CreationDateTime", Kind::Moment),
    fixed("EntityLastChangedOn", Kind::Moment),
    fixed("ETag", Kind::Moment),
];

const KEYS: &[Property] = &[key("ObjectID", Kind::Text(70)), fixed("ParentObjectID", Kind::Text(70))];

const TEXTS: &[Property] = &[text("TypeCode", 5), property("Text", Kind::LargeText), text("LanguageCode", 2)];
const PARTIES: &[Property] = &[
    text("PartyID", 60),
    text("RoleCode", 10),
    text("RoleCategoryCode", 15),
    property("MainIndicator", Kind::Boolean),
    text("EMail", 255),
];
const REFERENCES: &[Property] = &[text("ID", 35), text("TypeCode", 15), text("BTDRoleCode", 3)];

const fn child(navigation: &'static str, entity: &'static str, properties: &'static [Property]) -> Child {
    Child { navigation, entity, properties }
}

/// Every collection.
pub(super) static SETS: &[Set] = &[
    Set {
        name: "TasksCollection",
        entity: "Tasks",
        readable: "ID",
        title: "Subject",
        thing: "COD_TASK_TT",
        properties: &[
            fixed("ID", Kind::Text(35)),
            text("DocumentType", 4),
            text("Subject", 765),
            text("Status", 2),
            text("PriorityCode", 1),
            text("Category", 4),
            property("StartDateTime", Kind::Moment),
            property("DueDateTime", Kind::Moment),
            property("CompletionDateTime", Kind::Moment),
            text("MainAccountPartyID", 60),
            text("MainContactPartyID", 60),
            text("ProcessorPartyID", 60),
            property("AccountUUID", Kind::Guid),
            property("PrimaryContactUUID", Kind::Guid),
            property("OwnerUUID", Kind::Guid),
            text(LOG_ID_FIELD, 60),
        ],
        children: &[
            child("TasksTextCollection", "TasksTextCollection", TEXTS),
            child("TasksInvolvedParties", "TasksInvolvedParties", PARTIES),
            child("TasksBTDReference", "TasksBTDReference", REFERENCES),
        ],
        writable: true,
    },
    Set {
        name: "AppointmentCollection",
        entity: "Appointment",
        readable: "ID",
        title: "Subject",
        thing: "COD_APPOINTMENT_TT",
        properties: &[
            fixed("ID", Kind::Text(35)),
            text("Subject", 765),
            text("Status", 2),
            text("LocationName", 765),
            property("StartDateTime", Kind::Moment),
            property("EndDateTime", Kind::Moment),
            property("AccountUUID", Kind::Guid),
            property("PrimaryContactUUID", Kind::Guid),
        ],
        children: &[child("AppointmentBTDReference", "AppointmentBTDReference", REFERENCES)],
        writable: true,
    },
    Set {
        name: "PhoneCallCollection",
        entity: "PhoneCall",
        readable: "ID",
        title: "Subject",
        thing: "COD_PHONECALL_TT",
        properties: &[
            fixed("ID", Kind::Text(35)),
            text("Subject", 765),
            text("Status", 2),
            property("StartDateTime", Kind::Moment),
            property("EndDateTime", Kind::Moment),
            property("AccountUUID", Kind::Guid),
            property("PrimaryContactUUID", Kind::Guid),
        ],
        children: &[child("PhoneCallNotes", "PhoneCallNotes", TEXTS)],
        writable: true,
    },
    Set {
        name: "CorporateAccountCollection",
        entity: "CorporateAccount",
        readable: "AccountID",
        title: "Name",
        thing: "COD_ACCOUNT_TT",
        properties: &[
            text("AccountID", 10),
            text("ExternalID", 100),
            text("Name", 480),
            text("City", 120),
            text("StatusCode", 2),
        ],
        children: &[],
        writable: false,
    },
    Set {
        name: "ContactCollection",
        entity: "Contact",
        readable: "ContactID",
        title: "Name",
        thing: "COD_CONTACT_TT",
        properties: &[
            text("ContactID", 10),
            text("ExternalID", 100),
            text("Name", 480),
            text("FirstName", 120),
            text("LastName", 120),
            text("Email", 255),
            text("JobTitle", 120),
            text("AccountID", 10),
            text("AccountFormattedName", 480),
            text("StatusCode", 2),
        ],
        children: &[],
        writable: false,
    },
    Set {
        name: "OpportunityCollection",
        entity: "Opportunity",
        readable: "ID",
        title: "Name",
        thing: "COD_OPPORTUNITY_THINGTYPE",
        properties: &[
            text("ID", 35),
            text("ExternalID", 35),
            text("Name", 765),
            text("ProspectPartyID", 60),
            text("ProspectPartyName", 480),
            text("SalesCyclePhaseCode", 3),
            text("LifeCycleStatusCode", 2),
            property("ExpectedRevenueAmount", Kind::Decimal),
            property("ExpectedProcessingEndDate", Kind::Moment),
        ],
        children: &[],
        writable: false,
    },
    Set {
        name: "LeadCollection",
        entity: "Lead",
        readable: "ID",
        title: "Name",
        thing: "COD_LEAD_TT",
        properties: &[
            text("ID", 35),
            text("ExternalID", 35),
            text("Name", 765),
            text("Company", 480),
            text("ContactFirstName", 120),
            text("ContactLastName", 120),
            text("ContactEMail", 255),
            text("UserStatusCode", 2),
        ],
        children: &[],
        writable: false,
    },
];

/// Finds a collection; case counts.
pub(super) fn set(name: &str) -> Option<&'static Set> {
    SETS.iter().find(|set| set.name == name)
}
