//! Owns reading the query options of an address.

/// The query options, as written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) select: Vec<String>,
    pub(crate) filter: Option<String>,
    /// The field and whether it is descending.
    pub(crate) order: Vec<(String, bool)>,
    pub(crate) top: Option<usize>,
    pub(crate) skip: Option<usize>,
    pub(crate) skip_token: Option<String>,
    /// Whether the number of records is asked for.
    pub(crate) count: bool,
    pub(crate) expand: Vec<String>,
    pub(crate) search: Option<String>,
    pub(crate) format: Option<String>,
}

impl Options {
    /// Reads a query; the error names the option that cannot be, or is there twice.
    pub(crate) fn parse(query: &str) -> Result<Self, String> {
        let mut options = Self::default();
        let mut seen = Vec::new();
        for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
            if !name.starts_with('$') {
                continue;
            }
            if seen.contains(&name) {
                return Err(name.into_owned());
            }
            options.set(&name, &value).ok_or(&*name)?;
            seen.push(name);
        }
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &str) -> Option<()> {
        match name {
            "$select" => self.select = list(value),
            "$filter" => self.filter = Some(value.to_owned()),
            "$orderby" => self.order = list(value).iter().map(|key| order(key)).collect::<Option<_>>()?,
            "$top" => self.top = Some(value.parse().ok()?),
            "$skip" => self.skip = Some(value.parse().ok()?),
            "$skiptoken" => self.skip_token = Some(value.to_owned()),
            "$count" => self.count = value.parse().ok()?,
            "$inlinecount" => {
                self.count = match value {
                    "allpages" => true,
                    "none" => false,
                    _other => return None,
                }
            }
            "$expand" => self.expand = list(value),
            "$search" => self.search = Some(value.to_owned()),
            "$format" => self.format = Some(value.to_owned()),
            _other => return None,
        }
        Some(())
    }
}

/// Cuts at commas that are not in brackets.
fn list(text: &str) -> Vec<String> {
    let mut depth = 0_usize;
    text.split(|character| {
        match character {
            '(' => depth += 1,
            ')' => depth = depth.saturating_sub(1),
            _other => {}
        }
        character == ',' && depth == 0
    })
    .map(|entry| entry.trim().to_owned())
    .filter(|entry| !entry.is_empty())
    .collect()
}

fn order(text: &str) -> Option<(String, bool)> {
    match text.split_whitespace().collect::<Vec<_>>().as_slice() {
        [field] | [field, "asc"] => Some(((*field).to_owned(), false)),
        [field, "desc"] => Some(((*field).to_owned(), true)),
        _other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read_and_the_wrong_one_is_named() {
        let read =
            Options::parse("$select=a,%20b&$orderby=a%20desc,b&$expand=x($select=p,q),y&$top=3").unwrap();
        assert_eq!(read.select, ["a", "b"]);
        assert_eq!(read.order, [("a".to_owned(), true), ("b".to_owned(), false)]);
        assert_eq!(read.expand, ["x($select=p,q)", "y"]);
        assert_eq!(read.top, Some(3));
        for (query, name) in [
            ("$apply=x", "$apply"),
            ("$top=-1", "$top"),
            ("$top=1&$top=2", "$top"),
            ("$orderby=a up", "$orderby"),
        ] {
            assert_eq!(Options::parse(query), Err(name.to_owned()));
        }
    }
}
