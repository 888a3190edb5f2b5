//! Slack's markup, written so that nothing from outside becomes a mention, and read as plain text.

use crate::bounds::{cut, one_line};
use crate::mask;
use jiff::Timestamp;

/// Longest text of a message, in characters: what a section of a card holds.
pub const MAX_TEXT: usize = 3_000;
/// Longest label of a link.
const MAX_LABEL: usize = 150;
/// Longest address of a link.
const MAX_URL: usize = 2_000;
/// Room that is kept for the mark of a text that was cut.
const CUT: &str = "…";

/// A text for Slack, built from pieces. Texts from outside come in by [`plain`](Self::plain) and [`code`](Self::code), masked and
/// escaped; what would not fit any more is left out whole, so that no tag and no entity is ever cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mrkdwn {
    text: String,
    /// In characters.
    len: usize,
    full: bool,
}

impl Mrkdwn {
    pub fn new() -> Self {
        Self::default()
    }

    /// Words from anywhere.
    pub fn plain(self, text: &str) -> Self {
        mask::text(text).chars().fold(self, |this, c| this.piece(&escaped(c)))
    }

    /// As code; on one line.
    pub fn code(self, text: &str) -> Self {
        self.between('`', &text.replace('`', "'"))
    }

    /// Words in bold; on one line.
    pub fn bold(self, text: &str) -> Self {
        self.between('*', &text.replace('*', "∗"))
    }

    /// Somebody, who is notified.
    pub fn user(self, id: &str) -> Self {
        if is_id(id) { self.piece(&format!("<@{id}>")) } else { self.plain(id) }
    }

    /// A user group, all of whom are notified.
    pub fn group(self, id: &str) -> Self {
        if is_id(id) { self.piece(&format!("<!subteam^{id}>")) } else { self.plain(id) }
    }

    /// A link, or only its label if it is none that may be clicked.
    pub fn link(self, url: &str, label: &str) -> Self {
        let label: String = cut(&one_line(&mask::text(label)), MAX_LABEL).chars().map(escaped).collect();
        let web = url.starts_with("https://") || url.starts_with("http://");
        if !web || url.len() > MAX_URL || url.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return self.piece(&label);
        }
        // What would end the link, here or where a client looks for its end.
        let mut address = String::with_capacity(url.len() + 16);
        for c in url.chars() {
            match c {
                '(' | ')' | '\'' | '|' | '<' | '>' => address.push_str(&format!("%{:02X}", u32::from(c))),
                '&' => address.push_str("&amp;"),
                c => address.push(c),
            }
        }
        self.piece(&if label.is_empty() { format!("<{address}>") } else { format!("<{address}|{label}>") })
    }

    /// A time, shown in each reader's own zone.
    pub fn time(self, at: Timestamp) -> Self {
        let fallback = at.strftime("%Y-%m-%d %H:%M UTC");
        self.piece(&format!("<!date^{}^{{date_short_pretty}} {{time}}|{fallback}>", at.as_second()))
    }

    pub fn line(self) -> Self {
        self.piece("\n")
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether something had no room any more.
    pub fn is_cut(&self) -> bool {
        self.full
    }

    pub fn is_empty(&self) -> bool {
        self.text.trim().is_empty()
    }

    fn piece(mut self, piece: &str) -> Self {
        let len = piece.chars().count();
        if !self.full && len > self.room() {
            self.full = true;
            self.text.push_str(CUT);
            self.len += 1;
        }
        if !self.full {
            self.text.push_str(piece);
            self.len += len;
        }
        self
    }

    /// What still fits beside the mark of a text that was cut.
    fn room(&self) -> usize {
        MAX_TEXT.saturating_sub(self.len + 1)
    }

    /// Both marks stand there or none, however much fits between them.
    fn between(self, mark: char, text: &str) -> Self {
        let text = one_line(&mask::text(text));
        if text.is_empty() {
            return self;
        }
        let (mut piece, mut len, room) = (String::from(mark), 2, self.room());
        let mut whole = true;
        for c in text.chars().map(escaped) {
            len += c.chars().count();
            if len > room {
                whole = false;
                break;
            }
            piece.push_str(&c);
        }
        piece.push(mark);
        let mut this = if piece.chars().count() > 2 { self.piece(&piece) } else { self };
        if !whole && !this.full {
            this.full = true;
            this.text.push_str(CUT);
            this.len += 1;
        }
        this
    }
}

fn escaped(c: char) -> String {
    match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        // PostgreSQL's reason is ours too: nobody means it.
        '\0' => "\u{fffd}".to_owned(),
        c => c.to_string(),
    }
}

fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// What somebody wrote there, as people read it: mentions by name, links with their address. Masked and bounded.
pub fn plain(text: &str) -> String {
    cut(&mask::text(&typed(text)).replace('\0', "\u{fffd}"), MAX_TEXT)
}

/// The same as they have typed it: for what is looked up. Nothing of it is to be kept.
pub fn typed(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, tag)) = rest.split_once('<') {
        out.push_str(&unescaped(before));
        match tag.split_once('>') {
            Some((inside, after)) => {
                out.push_str(&spoken(inside));
                rest = after;
            }
            None => {
                out.push('<');
                rest = tag;
            }
        }
    }
    out.push_str(&unescaped(rest));
    out
}

/// The inside of `<…>`.
fn spoken(tag: &str) -> String {
    let (what, label) = tag.split_once('|').map_or((tag, None), |(what, label)| (what, Some(unescaped(label))));
    let name = |id: &str| label.clone().unwrap_or_else(|| id.to_owned());
    let with = |mark: char, name: String| if name.starts_with(mark) { name } else { format!("{mark}{name}") };
    if let Some(id) = what.strip_prefix('@') {
        with('@', name(id))
    } else if let Some(id) = what.strip_prefix('#') {
        with('#', name(id))
    } else if let Some(id) = what.strip_prefix("!subteam^") {
        with('@', name(id))
    } else if what.starts_with("!date^") {
        name("")
    } else if let Some(word) = what.strip_prefix('!') {
        with('@', name(word))
    } else {
        let address = unescaped(what);
        match label.filter(|label| *label != address) {
            Some(label) => format!("{label} ({address})"),
            None => address,
        }
    }
}

fn unescaped(text: &str) -> String {
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_becomes_a_mention() {
        let hostile = "<!channel> <@U1> & <https://evil.example|click>";
        let text = Mrkdwn::new().plain(hostile).line().code("a`b\n<!here>").bold("x*y").as_str().to_owned();
        let expected = "&lt;!channel&gt; &lt;@U1&gt; &amp; &lt;https://evil.example|click&gt;\n`a'b &lt;!here&gt;`*x∗y*";
        assert_eq!(text, expected);
        assert_eq!(Mrkdwn::new().user("U1> <!channel").group("s^1").as_str(), "U1&gt; &lt;!channels^1");
        assert_eq!(Mrkdwn::new().user("U1").group("S1").as_str(), "<@U1><!subteam^S1>");
        assert_eq!(Mrkdwn::new().plain("card 4111111111111111").as_str(), "card ****1111");
    }

    #[test]
    fn links_end_where_they_should() {
        for (url, label, expected) in [
            (
                "https://k.example/#/?_a=(x:'y|z')&b=1",
                "Logs > all",
                "<https://k.example/#/?_a=%28x:%27y%7Cz%27%29&amp;b=1|Logs &gt; all>",
            ),
            ("https://a.example", "", "<https://a.example>"),
            ("javascript:alert(1)", "click", "click"),
            ("https://a.example/ b", "x", "x"),
        ] {
            assert_eq!(Mrkdwn::new().link(url, label).as_str(), expected);
        }
        let at = "2026-01-02T03:04:05Z".parse().unwrap();
        let time = "<!date^1767323045^{date_short_pretty} {time}|2026-01-02 03:04 UTC>";
        assert_eq!(Mrkdwn::new().time(at).as_str(), time);
    }

    #[test]
    fn long_texts_are_cut_between_pieces() {
        for text in [
            Mrkdwn::new().plain(&"<".repeat(9_000)),
            Mrkdwn::new().code(&"é".repeat(9_000)).plain("more"),
            Mrkdwn::new().plain(&"x".repeat(MAX_TEXT - 3)).bold("y").plain("z"),
            Mrkdwn::new().plain(&"x".repeat(2_990)).link("https://a.example", "label").user("U1"),
        ] {
            let shown = text.as_str();
            assert!(shown.chars().count() <= MAX_TEXT && shown.contains(CUT), "{}", shown.chars().count());
            assert!(!shown.contains("&l…") && !shown.contains("<@"));
            assert!(shown.matches('`').count() % 2 == 0 && shown.matches('*').count() % 2 == 0, "{shown}");
        }
    }

    #[test]
    fn what_people_wrote_is_read() {
        for (wire, text) in [
            ("a &lt;b&gt; &amp;amp; c", "a <b> &amp; c"),
            ("<@U1> <@U2|bob> <#C1|general> <!subteam^S1|@team-ff> <!here>", "@U1 @bob #general @team-ff @here"),
            ("<https://x.example?a=1&amp;b=2|docs> <https://x.example>", "docs (https://x.example?a=1&b=2) https://x.example"),
            ("<!date^1767323045^{date}|yesterday>", "yesterday"),
            ("open < and never closed", "open < and never closed"),
            ("password=hunter2", "password=****"),
        ] {
            assert_eq!(plain(wire), text);
        }
        assert_eq!(plain(&"<".repeat(100_000)).chars().count(), MAX_TEXT);
    }
}
