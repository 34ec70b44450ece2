//! The settings of the connectors to Dataverse, SAP C4C and SAP Sales Cloud.
//!
//! Owns their names and defaults. What is not documented in public, and so only assumed, is a setting here and listed in
//! docs/adding-a-crm.md; whoever has a live tenant corrects it without a new release.

use secrecy::SecretString;
use serde::Deserialize;
use service_kit::config::optional_secret;
use url::Url;

/// Microsoft Dynamics 365 (Dataverse).
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct DataverseConfig {
    /// The application that admins allow in the code flow. Empty: there is none, and only client credentials work.
    pub client_id: String,
    /// The application's secret.
    #[serde(deserialize_with = "optional_secret")]
    pub client_secret: Option<SecretString>,
    /// Where Microsoft sends the admin's browser back to; must be one of the application's redirect addresses.
    pub redirect_url: Option<Url>,
    /// Where the directory is. Absent: `https://login.microsoftonline.com`; national clouds have their own.
    pub login_url: Option<Url>,
    /// Hosts that are allowed beside Microsoft's own, with any scheme and address. In development only; a service that is
    /// not set to `development` does not start with any.
    pub allowed_hosts: Vec<String>,
    /// Version of the Web API.
    pub api_version: String,
    /// Whether parts of a batch carry `If-None-Match: *`, so that no try changes a record that is there. Without it a
    /// part is a plain upsert by the same key.
    pub only_new_in_batch: bool,
    /// The id of the model-driven app that links open in. Empty: the user's usual one.
    pub link_app_id: String,
}

impl Default for DataverseConfig {
    fn default() -> Self {
        Self {
            client_id: String::new(),
            client_secret: None,
            redirect_url: None,
            login_url: None,
            allowed_hosts: Vec::new(),
            api_version: "v9.2".to_owned(),
            only_new_in_batch: true,
            link_app_id: String::new(),
        }
    }
}

/// SAP Sales Cloud, formerly C4C (V1).
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct SapC4cConfig {
    /// Hosts that are allowed beside SAP's own, with any scheme and address. In development only; a service that is not
    /// set to `development` does not start with any.
    pub allowed_hosts: Vec<String>,
    /// The extension field of Tasks that holds a log's key, where a tenant has it; text of 36 or more characters.
    pub log_id_field: String,
    /// Status of a completed task.
    pub completed_status: String,
    /// `TypeCode` of a task's text.
    pub text_type_code: String,
    /// `TypeCode` of a reference to an Opportunity.
    pub opportunity_type_code: String,
    /// `TypeCode` of a reference to a Lead.
    pub lead_type_code: String,
    /// `BTDRoleCode` of references.
    pub reference_role_code: String,
    /// The property of a Contact that holds its address.
    pub contact_email_field: String,
    /// The property of a Lead that holds its person's address.
    pub lead_email_field: String,
    /// The property of a Lead that holds its person's first name.
    pub lead_first_name_field: String,
    /// The property of a Lead that holds its person's last name.
    pub lead_last_name_field: String,
    /// The property of a Lead that holds its status.
    pub lead_status_field: String,
    /// Its value for a converted Lead.
    pub lead_converted_status: String,
    /// `param.Type` of links to Tasks. Empty: no links to Tasks.
    pub task_link_type: String,
    /// `param.Type` of links to Leads. Empty: no links to Leads.
    pub lead_link_type: String,
}

impl Default for SapC4cConfig {
    fn default() -> Self {
        let text = str::to_owned;
        Self {
            allowed_hosts: Vec::new(),
            log_id_field: text("SharedSpacesLogId_KUT"),
            completed_status: text("3"),
            text_type_code: text("10002"),
            opportunity_type_code: text("72"),
            lead_type_code: text("64"),
            reference_role_code: text("1"),
            contact_email_field: text("Email"),
            lead_email_field: text("ContactEMail"),
            lead_first_name_field: text("ContactFirstName"),
            lead_last_name_field: text("ContactLastName"),
            lead_status_field: text("UserStatusCode"),
            lead_converted_status: text("04"),
            task_link_type: text("COD_TASK_TT"),
            lead_link_type: text("COD_LEAD_TT"),
        }
    }
}

/// SAP Sales Cloud Version 2.
#[derive(Clone, Debug, Deserialize)]
#[serde(default)]
pub struct SapSalesCloudConfig {
    /// Hosts that are allowed beside SAP's own, with any scheme and address. In development only; a service that is not
    /// set to `development` does not start with any.
    pub allowed_hosts: Vec<String>,
    /// The extension field of tasks that holds a log's key, where a tenant has it.
    pub log_id_extension: String,
    /// The longest `description` (the subject) of a task, in UTF-16 units.
    pub subject_max: usize,
    /// The longest `content` of a note, in UTF-16 units.
    pub note_max: usize,
    /// The reference of a task to an Opportunity.
    pub opportunity_reference: String,
    /// The reference of a task to a Contact.
    pub contact_reference: String,
    /// The reference of a task to a Lead.
    pub lead_reference: String,
    /// The property of Accounts and Contacts that holds their name.
    pub name_field: String,
    /// The property of Contacts and Leads that holds their address.
    pub email_field: String,
    /// The property of a Lead that holds its status.
    pub lead_status_field: String,
    /// Its value for a converted Lead.
    pub lead_converted_status: String,
    /// How many records a page is asked for.
    pub page_size: usize,
}

impl Default for SapSalesCloudConfig {
    fn default() -> Self {
        let text = str::to_owned;
        Self {
            allowed_hosts: Vec::new(),
            log_id_extension: text("logId"),
            subject_max: 255,
            note_max: 10_000,
            opportunity_reference: text("opportunity"),
            contact_reference: text("primaryContact"),
            lead_reference: text("lead"),
            name_field: text("formattedName"),
            email_field: text("eMail"),
            lead_status_field: text("status"),
            lead_converted_status: text("CONVERTED"),
            page_size: 50,
        }
    }
}
