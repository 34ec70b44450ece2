//! Owns the made-up companies, deals and people that every CRM look-alike starts with.
//!
//! Knows nothing of how a CRM writes them down.

/// A company.
pub(crate) struct Company {
    pub(crate) name: &'static str,
    pub(crate) industry: &'static str,
    pub(crate) city: &'static str,
}

/// A deal with a company, which is named by its number, from 1.
pub(crate) struct Deal {
    pub(crate) name: &'static str,
    pub(crate) company: u64,
    pub(crate) stage: &'static str,
    pub(crate) amount: u32,
    pub(crate) close: &'static str,
}

/// Somebody at a company, which is named by its number, from 1.
pub(crate) struct Person {
    pub(crate) first: &'static str,
    pub(crate) last: &'static str,
    pub(crate) email: &'static str,
    pub(crate) title: &'static str,
    pub(crate) company: u64,
}

/// Somebody who may become a customer.
pub(crate) struct Prospect {
    pub(crate) first: &'static str,
    pub(crate) last: &'static str,
    pub(crate) email: &'static str,
    pub(crate) company: &'static str,
    pub(crate) converted: bool,
}

const fn company(name: &'static str, industry: &'static str, city: &'static str) -> Company {
    Company { name, industry, city }
}

/// The companies.
pub(crate) const COMPANIES: &[Company] = &[
    company("Contoso Ltd", "Manufacturing", "Leeds"),
    company("Contoso Retail", "Retail", "York"),
    company("O'Hara & Sons", "Construction", "Cork"),
    company("Northwind Traders", "Wholesale", "Bristol"),
    company("Fabrikam", "Electronics", "Ghent"),
    company("Müller Maschinenbau", "Manufacturing", "Ulm"),
    company("Société Lumière", "Energy", "Lyon"),
    company("100% Organic", "Food", "Bath"),
    company("Under_Score Media", "Media", "Dublin"),
    company("Back\\Slash Labs", "Research", "Delft"),
    company("Tailspin Toys", "Retail", "Basel"),
    company("Wide World Importers", "Logistics", "Hull"),
];

const fn deal(
    name: &'static str,
    company: u64,
    stage: &'static str,
    amount: u32,
    close: &'static str,
) -> Deal {
    Deal { name, company, stage, amount, close }
}

/// The deals.
pub(crate) const DEALS: &[Deal] = &[
    deal("Contoso renewal 2027", 1, "Negotiation", 84_000, "2027-01-31"),
    deal("Contoso new plant", 1, "Qualification", 410_000, "2027-06-30"),
    deal("Contoso Retail tills", 2, "Proposal", 56_500, "2027-02-28"),
    deal("O'Hara site offices", 3, "Proposal", 23_000, "2027-03-15"),
    deal("Northwind pilot", 4, "Closed Won", 12_000, "2026-05-01"),
    deal("Fabrikam sensors", 5, "Qualification", 77_700, "2027-04-30"),
    deal("Müller Wartung", 6, "Negotiation", 31_000, "2027-02-01"),
    deal("Tailspin spring range", 11, "Closed Lost", 9_000, "2026-03-31"),
];

const fn person(
    first: &'static str,
    last: &'static str,
    email: &'static str,
    title: &'static str,
    company: u64,
) -> Person {
    Person { first, last, email, title, company }
}

/// The people; the last two share an address.
pub(crate) const PEOPLE: &[Person] = &[
    person("Nora", "Field", "nora.field@contoso.test", "Head of Purchasing", 1),
    person("Owen", "Pike", "owen.pike@contoso.test", "Plant Manager", 1),
    person("Rita", "Moss", "rita.moss@contoso-retail.test", "Store Operations", 2),
    person("Sean", "O'Hara", "sean@ohara.test", "Partner", 3),
    person("Tess", "North", "tess.north@northwind.test", "Buyer", 4),
    person("Femke", "Maes", "femke.maes@fabrikam.test", "Engineer", 5),
    person("Jürgen", "Müller", "juergen.mueller@mueller.test", "Geschäftsführer", 6),
    person("Luc", "Lumière", "luc@lumiere.test", "Directeur", 7),
    person("Pat", "Double", "pat.double@tailspin.test", "Buyer", 11),
    person("Patricia", "Double", "pat.double@tailspin.test", "Accounts", 11),
];

const fn prospect(
    first: &'static str,
    last: &'static str,
    email: &'static str,
    company: &'static str,
    converted: bool,
) -> Prospect {
    Prospect { first, last, email, company, converted }
}

/// The prospects; the converted one is the first of the people by now.
pub(crate) const PROSPECTS: &[Prospect] = &[
    prospect("Lena", "Brook", "lena.brook@brookside.test", "Brookside Clinics", false),
    prospect("Max", "Vale", "max.vale@valley.test", "Valley Foods", false),
    prospect("Ines", "Roca", "ines.roca@roca.test", "Roca Estudio", false),
    prospect("Nora", "Field", "nora.field@contoso.test", "Contoso Ltd", true),
    prospect("Ugo", "Ferri", "ugo.ferri@ferri.test", "Ferri Legno", false),
];

/// Counts rows from 1.
pub(crate) fn numbered<T>(rows: &[T]) -> impl Iterator<Item = (u64, &T)> {
    (1..).zip(rows)
}
