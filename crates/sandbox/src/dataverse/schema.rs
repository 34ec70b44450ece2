//! Owns which entities the environment has, their fields and where their lookups lead.

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Text up to so many UTF-16 units.
    Text(usize),
    Integer,
    Number,
    Boolean,
    Moment,
    Date,
    /// A GUID.
    Id,
}

/// A field.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Whether a client's value is kept; otherwise it is taken and forgotten.
    pub(super) kept: bool,
}

/// A navigation property that leads to one record of one entity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Navigation {
    /// The name, where case counts.
    pub(super) name: &'static str,
    /// The lookup it fills.
    pub(super) attribute: &'static str,
    /// The logical name of the entity it leads to.
    pub(super) target: &'static str,
}

/// A status of an activity: its state and what it is called there.
pub(super) type Status = (i64, i64);

/// An entity.
#[derive(Debug)]
pub(super) struct Entity {
    pub(super) set: &'static str,
    pub(super) logical: &'static str,
    pub(super) key: &'static str,
    pub(super) title: &'static str,
    pub(super) fields: &'static [Field],
    pub(super) navigations: &'static [Navigation],
    /// The collection of an activity's parties, where there is one.
    pub(super) parties: Option<&'static str>,
    /// State and status of an activity, the first of each state being its usual one; empty for others.
    pub(super) statuses: &'static [Status],
    /// The field of the alternate key.
    pub(super) alternate_key: Option<&'static str>,
    /// Whether clients may write it.
    pub(super) writable: bool,
}

impl Entity {
    /// Finds a field; case counts.
    pub(super) fn field(&self, name: &str) -> Option<Field> {
        let of_activity: &[Field] = if self.is_activity() { ACTIVITY } else { &[] };
        let known = self.fields.iter().chain(of_activity).chain(COMMON).find(|field| field.name == name);
        known.copied().or_else(|| (name == self.key).then(|| taken(self.key, Kind::Id)))
    }

    /// The names of all fields and lookups, as reads show them.
    pub(super) fn columns(&self) -> Vec<String> {
        let of_activity: &[Field] = if self.is_activity() { ACTIVITY } else { &[] };
        let mut names = vec![self.key.to_owned()];
        names.extend(self.fields.iter().chain(of_activity).chain(COMMON).map(|field| field.name.to_owned()));
        for navigation in self.every_navigation() {
            let name = lookup(navigation.attribute);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Its own navigation properties and the owner's.
    pub(super) fn every_navigation(&self) -> impl Iterator<Item = &'static Navigation> {
        self.navigations.iter().chain(OWNER)
    }

    /// Tells whether a column can be read, filtered on and sorted by.
    pub(super) fn has_column(&self, name: &str) -> bool {
        self.field(name).is_some()
            || self.every_navigation().any(|navigation| lookup(navigation.attribute) == name)
    }

    /// Whether it is an activity, which can be completed.
    pub(super) fn is_activity(&self) -> bool {
        !self.statuses.is_empty()
    }
}

/// The column that shows a lookup.
pub(super) fn lookup(attribute: &str) -> String {
    format!("_{attribute}_value")
}

const fn field(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, kept: true }
}

const fn text(name: &'static str, max: usize) -> Field {
    field(name, Kind::Text(max))
}

const fn taken(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, kept: false }
}

const fn nav(name: &'static str, attribute: &'static str, target: &'static str) -> Navigation {
    Navigation { name, attribute, target }
}

const OWNER: &[Navigation] = &[nav("ownerid", "ownerid", "systemuser")];

const COMMON: &[Field] = &[
    field("statecode", Kind::Integer),
    field("statuscode", Kind::Integer),
    field("overriddencreatedon", Kind::Moment),
    taken("createdon", Kind::Moment),
    taken("modifiedon", Kind::Moment),
    taken("versionnumber", Kind::Integer),
];

const ACTIVITY: &[Field] = &[
    text("subject", 200),
    text("category", 250),
    text("subcategory", 250),
    field("scheduledstart", Kind::Moment),
    field("scheduledend", Kind::Moment),
    field("actualstart", Kind::Moment),
    field("actualend", Kind::Moment),
    field("prioritycode", Kind::Integer),
    taken("activitytypecode", Kind::Text(64)),
];

const PLAIN: Entity = Entity {
    set: "",
    logical: "",
    key: "",
    title: "",
    fields: &[],
    navigations: &[],
    parties: None,
    statuses: &[],
    alternate_key: None,
    writable: true,
};

/// The field that an administrator added to Task, with an alternate key.
pub(super) const LOG_ID_FIELD: &str = "new_sharedspaceslogid";

/// Every entity.
pub(super) static ENTITIES: &[Entity] = &[
    Entity {
        set: "tasks",
        logical: "task",
        key: "activityid",
        title: "subject",
        fields: &[text("description", 2_000), text(LOG_ID_FIELD, 100)],
        navigations: &[
            nav("regardingobjectid_account_task", "regardingobjectid", "account"),
            nav("regardingobjectid_contact_task", "regardingobjectid", "contact"),
            nav("regardingobjectid_opportunity_task", "regardingobjectid", "opportunity"),
            nav("regardingobjectid_lead_task", "regardingobjectid", "lead"),
        ],
        statuses: &[(0, 2), (0, 3), (0, 4), (0, 7), (1, 5), (2, 6)],
        alternate_key: Some(LOG_ID_FIELD),
        ..PLAIN
    },
    Entity {
        set: "phonecalls",
        logical: "phonecall",
        key: "activityid",
        title: "subject",
        fields: &[
            text("description", 2_000),
            text("phonenumber", 200),
            field("directioncode", Kind::Boolean),
        ],
        navigations: &[
            nav("regardingobjectid_account_phonecall", "regardingobjectid", "account"),
            nav("regardingobjectid_contact_phonecall", "regardingobjectid", "contact"),
            nav("regardingobjectid_opportunity_phonecall", "regardingobjectid", "opportunity"),
            nav("regardingobjectid_lead_phonecall", "regardingobjectid", "lead"),
        ],
        parties: Some("phonecall_activity_parties"),
        statuses: &[(0, 1), (1, 2), (1, 4), (2, 3)],
        ..PLAIN
    },
    Entity {
        set: "appointments",
        logical: "appointment",
        key: "activityid",
        title: "subject",
        fields: &[text("description", 1_048_576), text("location", 200)],
        navigations: &[
            nav("regardingobjectid_account_appointment", "regardingobjectid", "account"),
            nav("regardingobjectid_contact_appointment", "regardingobjectid", "contact"),
            nav("regardingobjectid_opportunity_appointment", "regardingobjectid", "opportunity"),
            nav("regardingobjectid_lead_appointment", "regardingobjectid", "lead"),
        ],
        parties: Some("appointment_activity_parties"),
        statuses: &[(0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (3, 6)],
        ..PLAIN
    },
    Entity {
        set: "annotations",
        logical: "annotation",
        key: "annotationid",
        title: "subject",
        fields: &[
            text("subject", 500),
            text("notetext", 100_000),
            text("filename", 255),
            text("mimetype", 256),
            text("documentbody", 1_073_741_823),
            taken("isdocument", Kind::Boolean),
        ],
        navigations: &[
            nav("objectid_account", "objectid", "account"),
            nav("objectid_contact", "objectid", "contact"),
            nav("objectid_opportunity", "objectid", "opportunity"),
            nav("objectid_lead", "objectid", "lead"),
            nav("objectid_task", "objectid", "task"),
            nav("objectid_phonecall", "objectid", "phonecall"),
            nav("objectid_appointment", "objectid", "appointment"),
        ],
        ..PLAIN
    },
    Entity {
        set: "accounts",
        logical: "account",
        key: "accountid",
        title: "name",
        fields: &[
            text("name", 160),
            text("accountnumber", 20),
            text("emailaddress1", 100),
            text("telephone1", 50),
            text("websiteurl", 200),
            text("address1_city", 80),
        ],
        navigations: &[nav("primarycontactid", "primarycontactid", "contact")],
        ..PLAIN
    },
    Entity {
        set: "contacts",
        logical: "contact",
        key: "contactid",
        title: "fullname",
        fields: &[
            taken("fullname", Kind::Text(160)),
            text("firstname", 50),
            text("lastname", 50),
            text("emailaddress1", 100),
            text("emailaddress2", 100),
            text("telephone1", 50),
            text("jobtitle", 100),
        ],
        navigations: &[nav("parentcustomerid_account", "parentcustomerid", "account")],
        ..PLAIN
    },
    Entity {
        set: "opportunities",
        logical: "opportunity",
        key: "opportunityid",
        title: "name",
        fields: &[
            text("name", 300),
            text("stepname", 200),
            field("estimatedvalue", Kind::Number),
            field("estimatedclosedate", Kind::Date),
        ],
        navigations: &[
            nav("parentaccountid", "parentaccountid", "account"),
            nav("parentcontactid", "parentcontactid", "contact"),
            nav("customerid_account", "customerid", "account"),
            nav("customerid_contact", "customerid", "contact"),
        ],
        ..PLAIN
    },
    Entity {
        set: "leads",
        logical: "lead",
        key: "leadid",
        title: "fullname",
        fields: &[
            taken("fullname", Kind::Text(160)),
            text("firstname", 50),
            text("lastname", 50),
            text("subject", 300),
            text("companyname", 100),
            text("emailaddress1", 100),
            text("telephone1", 50),
            text("jobtitle", 100),
        ],
        navigations: &[
            nav("parentaccountid", "parentaccountid", "account"),
            nav("parentcontactid", "parentcontactid", "contact"),
        ],
        ..PLAIN
    },
    Entity {
        set: "systemusers",
        logical: "systemuser",
        key: "systemuserid",
        title: "fullname",
        fields: &[
            text("fullname", 200),
            text("domainname", 1024),
            text("internalemailaddress", 100),
            field("applicationid", Kind::Id),
            field("isdisabled", Kind::Boolean),
        ],
        writable: false,
        ..PLAIN
    },
    Entity {
        set: "activityparties",
        logical: "activityparty",
        key: "activitypartyid",
        title: "addressused",
        fields: &[text("addressused", 320), field("participationtypemask", Kind::Integer)],
        navigations: &[
            nav("partyid_account", "partyid", "account"),
            nav("partyid_contact", "partyid", "contact"),
            nav("partyid_lead", "partyid", "lead"),
            nav("partyid_systemuser", "partyid", "systemuser"),
            nav("activityid_phonecall", "activityid", "phonecall"),
            nav("activityid_appointment", "activityid", "appointment"),
        ],
        writable: false,
        ..PLAIN
    },
];

/// The entities that come with the Sales app only.
pub(super) const OF_SALES: [&str; 2] = ["opportunity", "lead"];

/// Finds an entity by its logical name.
pub(super) fn by_logical(name: &str) -> Option<&'static Entity> {
    ENTITIES.iter().find(|entity| entity.logical == name)
}
