//! Texts that people may write and that must not get out of their place in a mail.

pub(super) const HOSTILE: [&str; 16] = [
    "x\r\nBcc: eve@evil.test",
    "x\nBcc: eve@evil.test\n\n<p>body</p>",
    "\r\n.\r\nMAIL FROM:<eve@evil.test>",
    "\n.\n",
    "%0d%0aBcc: eve@evil.test",
    "a\u{2028}Bcc: eve@evil.test\u{2029}b",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</td></tr></table><a href=\"http://evil.test\">x</a>",
    "http://evil.test/login www.evil.test eve@evil.test",
    "{{ mail.link }} {% include \"x\" %}",
    "=?utf-8?q?=0D=0ABcc:_eve@evil.test?=",
    "\"Ines\" <ines@evil.test>, eve",
    "\u{202e}tset\u{0}\u{7}\u{85}\u{9b}",
    "日本語のタイトル 🚀 عربى",
    "''\"\"&amp;&#10;",
];

/// Texts made of what is dangerous somewhere, the same at every run.
pub(super) fn made_up(count: usize) -> Vec<String> {
    const PIECES: [&str; 24] = [
        "\r\n",
        "\n",
        "\r",
        ".",
        "<",
        ">",
        "\"",
        "'",
        "&",
        "=",
        "?",
        "Bcc: ",
        "evil.test",
        "http://",
        "@",
        ",",
        ";",
        "\u{202e}",
        "\u{2066}",
        "\u{2028}",
        "\u{0}",
        "\u{9b}",
        "é日",
        "x",
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        PIECES[usize::try_from(state % 24).unwrap()]
    };
    // What is left must be seen: a text of nothing but spaces is left out of a mail.
    (0..count).map(|_| std::iter::once("x").chain((0..40).map(|_| next())).collect()).collect()
}
