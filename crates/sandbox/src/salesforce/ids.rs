//! Owns record ids: 15 characters where case counts, or 18 whose last three tell the case.
//!
//! Knows nothing of records.

/// The alphabet of the three check characters.
const CHECK: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345";

/// Makes the 18-character form: each check character holds, for five characters, which are capitals.
pub(super) fn to_18(id: &str) -> String {
    let mut long = id.to_owned();
    for chunk in id.as_bytes().chunks(5) {
        let capitals = chunk
            .iter()
            .enumerate()
            .filter(|(_, byte)| byte.is_ascii_uppercase())
            .fold(0_usize, |bits, (place, _)| bits | 1 << place);
        long.push(CHECK.get(capitals).copied().map_or('A', char::from));
    }
    long
}

/// Gives the 18-character form of either form; None if it is no id.
///
/// The 18-character form is understood in any case, as that is what its check characters are for.
pub(super) fn normalize(id: &str) -> Option<String> {
    if !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    match id.len() {
        15 => Some(to_18(id)),
        18 => {
            let (short, check) = id.split_at_checked(15)?;
            let mut restored = String::with_capacity(18);
            for (chunk, check) in short.as_bytes().chunks(5).zip(check.bytes()) {
                let capitals = CHECK.iter().position(|known| *known == check.to_ascii_uppercase())?;
                for (place, byte) in chunk.iter().enumerate() {
                    let capital = capitals & (1 << place) != 0;
                    if capital && byte.is_ascii_digit() {
                        return None;
                    }
                    let byte = if capital { byte.to_ascii_uppercase() } else { byte.to_ascii_lowercase() };
                    restored.push(char::from(byte));
                }
            }
            Some(to_18(&restored))
        }
        _other => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn id_of_15_gets_the_check_characters_of_its_capitals() {
        assert_eq!(to_18("001A0000006Vm9r"), "001A0000006Vm9rIAC");
        assert_eq!(to_18("005000000000001"), "005000000000001AAA");
    }

    #[test]
    fn both_forms_of_an_id_are_equal_and_18_forgives_case() {
        let long = to_18("001SbX00000001a");
        assert_eq!(normalize("001SbX00000001a"), Some(long.clone()));
        assert_eq!(normalize(&long), Some(long.clone()));
        assert_eq!(normalize(&long.to_lowercase()), Some(long.clone()));
        assert_ne!(normalize("001sbx00000001a"), Some(long));
    }

    #[test]
    fn what_is_no_id_is_refused() {
        for wrong in
            ["", "001", "001SbX00000001", "001SbX00000001aAAAA", "001SbX0000000'a", "005000000000001BAA"]
        {
            assert_eq!(normalize(wrong), None, "{wrong}");
        }
    }
}
