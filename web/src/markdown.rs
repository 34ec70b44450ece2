//! The safe subset of Markdown: paragraphs, lists with `-`, bold, italic, links to the web.
//!
//! Owns turning what people wrote into HTML. Everything is escaped first; only what is made here is markup.

use url::Url;

/// Returns HTML.
pub(crate) fn html(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut html = String::new();
    for block in
        text.split("\n\n").map(|block| block.trim_matches('\n')).filter(|block| !block.trim().is_empty())
    {
        let mut lines = block.lines().peekable();
        while lines.peek().is_some() {
            let mut points = Vec::new();
            while let Some(point) = lines.next_if(|line| point_of(line).is_some()) {
                points.push(inline(point_of(point).unwrap_or_default()));
            }
            let mut plain = Vec::new();
            while let Some(line) = lines.next_if(|line| point_of(line).is_none()) {
                plain.push(inline(line));
            }
            if !points.is_empty() {
                html.push_str(&format!("<ul><li>{}</li></ul>", points.join("</li><li>")));
            }
            if !plain.is_empty() {
                html.push_str(&format!("<p>{}</p>", plain.join("<br>")));
            }
        }
    }
    html
}

fn point_of(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("- ").or_else(|| line.trim_start().strip_prefix("* "))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Bold, italic and links within a line; marks that are not closed stay as they are.
fn inline(line: &str) -> String {
    let mut html = String::new();
    let mut rest = line;
    while let Some(at) = rest.find(['*', '[']) {
        let (before, marked) = rest.split_at(at);
        html.push_str(&escape(before));
        let made =
            link(marked).or_else(|| between(marked, "**", "strong")).or_else(|| between(marked, "*", "em"));
        match made {
            Some((markup, after)) => {
                html.push_str(&markup);
                rest = after;
            }
            None => {
                let (mark, after) = marked.split_at(1);
                html.push_str(mark);
                rest = after;
            }
        }
    }
    html.push_str(&escape(rest));
    html
}

fn between<'a>(text: &'a str, mark: &str, tag: &str) -> Option<(String, &'a str)> {
    let (inner, after) = text.strip_prefix(mark)?.split_once(mark)?;
    if inner.trim() != inner || inner.is_empty() {
        return None;
    }
    Some((format!("<{tag}>{}</{tag}>", inline(inner)), after))
}

fn link(text: &str) -> Option<(String, &str)> {
    let (label, rest) = text.strip_prefix('[')?.split_once("](")?;
    let (address, after) = rest.split_once(')')?;
    let url = Url::parse(address).ok().filter(|url| matches!(url.scheme(), "https" | "http"))?;
    let markup = format!(
        "<a href=\"{}\" rel=\"noopener noreferrer\" target=\"_blank\">{}</a>",
        escape(url.as_str()),
        escape(label)
    );
    Some((markup, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paragraphs_lists_and_marks_become_markup() {
        let text =
            "Welcome, **Gina**!\nSee *below*.\n\n- one\n- [two](https://example.com/a?b=c&d)\n\n2 * 3 * 4";
        assert_eq!(
            html(text),
            "<p>Welcome, <strong>Gina</strong>!<br>See <em>below</em>.</p><ul><li>one</li><li>\
             <a href=\"https://example.com/a?b=c&amp;d\" rel=\"noopener noreferrer\" target=\"_blank\">two</a></li></ul>\
             <p>2 * 3 * 4</p>"
        );
    }

    #[test]
    fn nothing_that_somebody_wrote_becomes_a_tag_or_a_script() {
        for hostile in [
            "<script>alert(1)</script>",
            "[x](javascript:alert(1))",
            "[x](data:text/html,<script>)",
            "**<img src=x onerror=alert(1)>**",
            "[\"><script>](https://example.com/\"><script>)",
            "- <b>",
            "*[**](",
        ] {
            let made = html(hostile);
            for tag in ["<script", "<img", "<b>", "href=\"javascript", "href=\"data"] {
                assert!(!made.contains(tag), "{hostile:?} became {made:?}");
            }
        }
    }
}
