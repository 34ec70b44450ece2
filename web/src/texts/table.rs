//! Tables of texts with the languages side by side.
//!
//! Owns the macro that declares one, with the test that its languages leave the same places to fill.

/// Declares a table: one line per text, in English, French and German.
macro_rules! side_by_side {
    ($(#[$doc:meta])* $table:ident { $($name:ident: $english:literal, $french:literal, $german:literal;)* }) => {
        $(#[$doc])*
        pub(crate) struct $table {
            $(pub(crate) $name: &'static str,)*
        }

        pub(super) static ENGLISH: $table = $table { $($name: $english,)* };
        pub(super) static FRENCH: $table = $table { $($name: $french,)* };
        pub(super) static GERMAN: $table = $table { $($name: $german,)* };

        #[cfg(test)]
        mod tests {
            #[test]
            fn every_text_is_there_in_every_language_with_the_same_places_to_fill() {
                let texts = [$((stringify!($name), [$english, $french, $german]),)*];
                for (name, languages) in texts {
                    let places = languages.map(|text| text.matches("{}").count());
                    assert!(places.iter().all(|count| *count == places[0]), "{name}: {places:?}");
                    assert!(languages.iter().all(|text| !text.trim().is_empty()), "{name}");
                }
            }
        }
    };
}
