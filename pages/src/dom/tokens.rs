//! From the text of a page to the tokens of which html5ever builds it.
//!
//! html5ever's own tokenizer takes pages in piece by piece as they arrive, which costs it half of its time. Here a page is
//! there whole, so that names, values and texts are slices of it. What is met in pages by mistake, or hardly ever (a page that
//! ends inside of a tag, a script with a comment in it, CDATA), is left to html5ever: it takes over where that begins. The
//! tokens are those of the [standard](https://html.spec.whatwg.org/multipage/parsing.html#tokenization); what html5ever does
//! otherwise is done as there. A test compares both.

use std::borrow::Cow;

use html5ever::buffer_queue::BufferQueue;
use html5ever::interface::TokenizerResult;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::states::{Data, Plaintext, RawData, RawKind, Rcdata, ScriptData, State};
use html5ever::tokenizer::{
    CharacterTokens, CommentToken, DoctypeToken, EOFToken, EndTag, ParseError, StartTag, Tag, TagKind,
    TagToken, Token, TokenSink as _, TokenSinkResult, Tokenizer, TokenizerOpts,
};
use html5ever::tree_builder::{TreeBuilder, TreeSink as _};
use html5ever::{Attribute, LocalName, QualName, ns};
use memchr::{memchr, memchr2, memmem};

use super::Html;
use super::declaration::{doctype, end_of_comment};
use super::reference::{Place, Reference};
use super::sink::Sink;

/// Names that are remembered; looking one up in html5ever's table takes longer.
const NAMES: usize = 128;

/// Lines aren't counted.
const LINE: u64 = 1;

/// U+FEFF, which html5ever drops at the beginning and after what it stops at: a script, and a word about the encoding.
const MARK: &str = "\u{feff}";

/// Builds a page.
pub(super) fn build(html: &str, tree: TreeBuilder<u32, Sink>) -> Html {
    // One kind of line end, as the standard has it.
    let html = match memchr(b'\r', html.as_bytes()) {
        Some(_) => Cow::Owned(html.replace("\r\n", "\n").replace('\r', "\n")),
        None => Cow::Borrowed(html),
    };
    Reader::new(&html, tree).run()
}

/// Reads a page from its beginning to its end.
struct Reader<'a> {
    html: &'a str,
    /// The same, of which parts can be had without copying them.
    shared: StrTendril,
    tree: TreeBuilder<u32, Sink>,
    /// The byte that is next.
    at: usize,
    names: [Option<LocalName>; NAMES],
}

/// Where html5ever takes over, and what it is in the middle of.
struct Handover {
    at: usize,
    state: State,
    /// The last start tag.
    name: Option<String>,
}

/// What was read is done with.
type Done = Result<(), Handover>;

impl<'a> Reader<'a> {
    fn new(html: &'a str, tree: TreeBuilder<u32, Sink>) -> Reader<'a> {
        Reader {
            html,
            shared: StrTendril::from_slice(html),
            tree,
            at: 0,
            names: [const { None }; NAMES],
        }
    }

    fn run(mut self) -> Html {
        match self.read() {
            Ok(()) => {
                self.give(EOFToken);
                self.tree.end();
                self.tree.sink.finish()
            }
            Err(handover) => self.hand_over(handover),
        }
    }

    /// Lets html5ever read the rest.
    fn hand_over(self, Handover { at, state, name }: Handover) -> Html {
        let options = TokenizerOpts {
            discard_bom: at == 0 || !self.html[at..].starts_with(MARK),
            initial_state: Some(state),
            last_start_tag_name: name,
            ..TokenizerOpts::default()
        };
        let input = BufferQueue::default();
        input.push_back(self.part(at, self.html.len()));
        let tokenizer = Tokenizer::new(self.tree, options);
        while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
        tokenizer.end();
        tokenizer.sink.sink.finish()
    }

    fn read(&mut self) -> Done {
        let html = self.html;
        if memchr(0, html.as_bytes()).is_some() {
            return Err(self.left(0));
        }
        self.skip_mark();
        while let Some(found) = memchr2(b'<', b'&', &html.as_bytes()[self.at..]) {
            let at = self.at + found;
            self.text(self.at, at);
            self.at = at;
            if html.as_bytes()[at] == b'&' {
                self.reference();
            } else {
                self.markup()?;
            }
        }
        self.text(self.at, html.len());
        Ok(())
    }

    /// Reads what begins with `<`.
    fn markup(&mut self) -> Done {
        let start = self.at;
        let rest = &self.html.as_bytes()[start..];
        match *rest {
            [_, b'a'..=b'z' | b'A'..=b'Z', ..] => self.start_tag(),
            [_, b'/', b'a'..=b'z' | b'A'..=b'Z', ..] => {
                let tag = self.tag(start + 2, EndTag).ok_or_else(|| self.left(start))?;
                self.end_tag(tag);
                Ok(())
            }
            [_, b'/', b'>', ..] => {
                self.at += 3;
                self.error();
                Ok(())
            }
            [_, b'!', b'-', b'-', ..] => {
                let end = end_of_comment(&rest[4..]).ok_or_else(|| self.left(start))?;
                self.at += 4 + end;
                self.give(CommentToken(StrTendril::new()));
                Ok(())
            }
            [_, b'!', ..] if begins(&rest[2..], b"doctype") => self.doctype(),
            [_, b'!', b'[', b'C', ..] => Err(self.left(start)),
            [_, b'!' | b'/' | b'?', _, ..] => {
                // A comment, though not written as one.
                let end = memchr(b'>', rest).ok_or_else(|| self.left(start))?;
                self.at += end + 1;
                self.give(CommentToken(StrTendril::new()));
                Ok(())
            }
            [_, next, ..] if !matches!(next, b'!' | b'/' | b'?') => {
                self.text(start, start + 1);
                self.at += 1;
                Ok(())
            }
            _ => Err(self.left(start)),
        }
    }

    fn start_tag(&mut self) -> Done {
        let start = self.at;
        let tag = self.tag(start + 1, StartTag).ok_or_else(|| self.left(start))?;
        let name = tag.name.clone();
        match self.give_tag(tag) {
            TokenSinkResult::RawData(kind) => self.raw(kind, &name),
            TokenSinkResult::Plaintext => Err(Handover {
                state: Plaintext,
                ..self.left(self.at)
            }),
            _ => Ok(()),
        }
    }

    /// Reads the tag whose name begins at `from`; `None` if it doesn't end.
    fn tag(&mut self, from: usize, kind: TagKind) -> Option<Tag> {
        let bytes = self.html.as_bytes();
        let mut at = until(bytes, from, |byte| {
            is_space(byte) | (byte == b'/') | (byte == b'>')
        });
        let mut tag = Tag {
            kind,
            name: self.name(from, at),
            self_closing: false,
            attrs: vec![],
            had_duplicate_attributes: false,
        };
        loop {
            at = until(bytes, at, |byte| !is_space(byte));
            match *bytes.get(at)? {
                b'>' => break,
                b'/' => {
                    at += 1;
                    if *bytes.get(at)? == b'>' {
                        tag.self_closing = true;
                        break;
                    }
                }
                _ => at = self.attribute(at, &mut tag)?,
            }
        }
        self.at = at + 1;
        Some(tag)
    }

    /// Reads an attribute; answers where it ends.
    fn attribute(&mut self, from: usize, tag: &mut Tag) -> Option<usize> {
        let bytes = self.html.as_bytes();
        // Its first sign belongs to the name whatever it is.
        let end = until(bytes, from + 1, |byte| {
            is_space(byte) | (byte == b'/') | (byte == b'>') | (byte == b'=')
        });
        let name = self.name(from, end);
        let mut at = until(bytes, end, |byte| !is_space(byte));
        let mut value = StrTendril::new();
        if *bytes.get(at)? == b'=' {
            at = until(bytes, at + 1, |byte| !is_space(byte));
            match *bytes.get(at)? {
                quote @ (b'"' | b'\'') => {
                    let start = at + 1;
                    let end = start + memchr(quote, &bytes[start..])?;
                    value = self.value(start, end);
                    at = end + 1;
                }
                b'>' => {}
                _ => {
                    let start = at;
                    at = until(bytes, at, |byte| is_space(byte) | (byte == b'>'));
                    bytes.get(at)?;
                    value = self.value(start, at);
                }
            }
        }
        if tag.attrs.iter().any(|other| other.name.local == name) {
            tag.had_duplicate_attributes = true;
        } else {
            tag.attrs.push(Attribute {
                name: QualName::new(None, ns!(), name),
                value,
            });
        }
        Some(at)
    }

    /// The value of an attribute.
    fn value(&self, start: usize, end: usize) -> StrTendril {
        let mut rest = &self.html[start..end];
        if memchr(b'&', rest.as_bytes()).is_none() {
            return self.part(start, end);
        }
        let mut value = String::with_capacity(rest.len());
        while let Some(sign) = memchr(b'&', rest.as_bytes()) {
            value.push_str(&rest[..sign]);
            rest = &rest[sign..];
            let meant = Reference::of(rest, Place::Value);
            match meant {
                Some(Reference { letters, length, .. }) => {
                    value.extend(letters.into_iter().flatten());
                    rest = &rest[length..];
                }
                None => {
                    value.push('&');
                    rest = &rest[1..];
                }
            }
        }
        value.push_str(rest);
        StrTendril::from_slice(&value)
    }

    /// A name, in lower case.
    fn name(&mut self, start: usize, end: usize) -> LocalName {
        let name = &self.html[start..end];
        let bytes = name.as_bytes();
        if bytes.iter().any(u8::is_ascii_uppercase) {
            return LocalName::from(name.to_ascii_lowercase());
        }
        let sign = |at: usize| usize::from(bytes.get(at).copied().unwrap_or(0));
        let slot =
            (sign(0) + 3 * sign(bytes.len() / 2) + 7 * sign(bytes.len() - 1) + 11 * bytes.len()) % NAMES;
        match &self.names[slot] {
            Some(known) if **known == *name => known.clone(),
            _ => {
                let atom = LocalName::from(name);
                self.names[slot] = Some(atom.clone());
                atom
            }
        }
    }

    /// Reads what is text until its element ends.
    fn raw(&mut self, kind: RawKind, name: &LocalName) -> Done {
        let start = self.at;
        let bytes = self.html.as_bytes();
        let left = |at: usize| Handover {
            at,
            state: RawData(kind),
            name: Some(name.to_string()),
        };
        let is_end = |at: &usize| {
            let behind = &bytes[at + 2..];
            begins(behind, name.as_bytes())
                && behind
                    .get(name.len())
                    .is_some_and(|byte| is_space(*byte) || matches!(byte, b'/' | b'>'))
        };
        let mut ends = memmem::find_iter(&bytes[start..], b"</").map(|at| start + at);
        let end = ends.find(is_end).ok_or_else(|| left(start))?;
        if kind == ScriptData && memmem::find(&bytes[start..end], b"<!--").is_some() {
            return Err(left(start));
        }
        if kind == Rcdata {
            while let Some(sign) = memchr(b'&', &bytes[self.at..end]) {
                let sign = self.at + sign;
                self.text(self.at, sign);
                self.at = sign;
                self.reference();
            }
        }
        self.text(self.at, end);
        let tag = self.tag(end + 2, EndTag).ok_or_else(|| left(end))?;
        self.end_tag(tag);
        Ok(())
    }

    /// Reads `<!DOCTYPE …>` in the forms that are in use.
    fn doctype(&mut self) -> Done {
        const BEGINS: usize = "<!doctype".len();
        let start = self.at;
        let rest = &self.html[start..];
        let end = memchr(b'>', rest.as_bytes()).ok_or_else(|| self.left(start))?;
        let doctype = doctype(&rest[BEGINS..end]).ok_or_else(|| self.left(start))?;
        self.at += end + 1;
        self.give(DoctypeToken(doctype));
        Ok(())
    }

    /// Reads a character reference, or the sign that begins one as itself.
    fn reference(&mut self) {
        match Reference::of(&self.html[self.at..], Place::Text) {
            Some(Reference {
                letters,
                length,
                is_whole,
            }) => {
                self.at += length;
                if !is_whole {
                    self.error();
                }
                for letter in letters.into_iter().flatten() {
                    self.give(CharacterTokens(StrTendril::from_char(letter)));
                }
            }
            None => {
                self.text(self.at, self.at + 1);
                self.at += 1;
            }
        }
    }

    fn text(&self, start: usize, end: usize) {
        if start < end {
            self.give(CharacterTokens(self.part(start, end)));
        }
    }

    fn part(&self, start: usize, end: usize) -> StrTendril {
        let size = |bytes: usize| u32::try_from(bytes).expect("what is parsed is far below 4 GB");
        self.shared.subtendril(size(start), size(end - start))
    }

    /// Nothing but a script is read otherwise after it, and scripts aren't run.
    fn end_tag(&mut self, tag: Tag) {
        let _continues = self.give_tag(tag);
    }

    fn give_tag(&mut self, tag: Tag) -> TokenSinkResult<u32> {
        let result = self.tree.process_token(TagToken(tag), LINE);
        if matches!(
            result,
            TokenSinkResult::Script(_) | TokenSinkResult::EncodingIndicator(_)
        ) {
            self.skip_mark();
        }
        result
    }

    /// Gives the builder what isn't a tag. It goes on from there in any case.
    fn give(&self, token: Token) {
        let _continues = self.tree.process_token(token, LINE);
    }

    /// html5ever's builder looks at what came last, be it only an error.
    fn error(&self) {
        self.give(ParseError(Cow::Borrowed("")));
    }

    fn skip_mark(&mut self) {
        if self.html[self.at..].starts_with(MARK) {
            self.at += MARK.len();
        }
    }

    /// What is left from `at` on, between tags.
    fn left(&self, at: usize) -> Handover {
        Handover {
            at,
            state: Data,
            name: None,
        }
    }
}

/// White space between tags' parts; line ends have one form already.
pub(super) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\t' | 0xc)
}

/// The first byte from `at` on of which something holds, or the end.
pub(super) fn until(bytes: &[u8], at: usize, holds: impl Fn(u8) -> bool) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    let found = rest.iter().position(|byte| holds(*byte));
    found.map_or(bytes.len(), |found| at + found)
}

/// Whether some text begins with a word, whatever the case.
fn begins(text: &[u8], word: &[u8]) -> bool {
    text.get(..word.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(word))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::dom::{Node, NodeRef};
    use html5ever::local_name;
    use html5ever::tree_builder::TreeBuilderOpts;
    use proptest::prelude::*;

    /// A page of which html5ever reads all itself.
    fn by_html5ever(html: &str) -> Html {
        let sink = Sink::new(html.len(), QualName::new(None, ns!(), local_name!("")));
        let reader = Reader::new(html, TreeBuilder::new(sink, TreeBuilderOpts::default()));
        let whole = reader.left(0);
        reader.hand_over(whole)
    }

    /// All that can be asked of a page.
    fn told(html: &Html) -> String {
        let node = |node: NodeRef<'_>| {
            let what = match node.value() {
                Node::Element(element) => {
                    let attributes: Vec<_> = element.attrs().collect();
                    let classes: Vec<_> = element.classes().collect();
                    format!("{} {attributes:?} {classes:?}", element.name())
                }
                Node::Text(text) => format!("{text:?}"),
                Node::Other => "-".to_owned(),
            };
            let place = (
                node.parent().map(NodeRef::id),
                node.prev_sibling().map(NodeRef::id),
            );
            format!("{place:?} {what} {}\n", node.text().len())
        };
        html.root().descendants().map(node).collect()
    }

    fn same(html: &str) {
        assert_eq!(
            told(&Html::parse_document(html)),
            told(&by_html5ever(html)),
            "{html:?}"
        );
    }

    #[test]
    fn a_page_is_read_as_html5ever_reads_it() {
        for html in [
            "",
            "\u{feff}\u{feff}<!DOCTYPE html>\r\n<title>a &amp; b</title>\r<p CLASS='B a' x=\"&copy;&copy=1&lt\" y=&amp z>c<br/>d",
            "<!DOCTYPE html PUBLIC '-//W3C//DTD HTML 4.01//EN' \"http://www.w3.org/TR/html4/strict.dtd\"><p><table>",
            "<!DOCTYPE html PUBLIC \"-//W3C//DTD HTML 4.01//EN\"><p><table>",
            "<!doctype html SYSTEM 'about:legacy-compat' ><p><table>",
            "<!DOCTYPEhtml><p><table>",
            "<!doctype><p><table>",
            "<script>a<!--<script>b</script>c--></script>d",
            "<script>a</scripts></script x>\u{feff}b",
            "<meta charset=utf-8>\u{feff}b",
            "<style><!--</style>--></style /a>b",
            "<textarea>\n&lt;</p></textarea><pre>\n\na",
            "<pre>&#10\na</pre><pre>&#10;a</pre><pre></>\na",
            "<svg><![CDATA[a]]><title>&amp;<b></title></svg><![CDATA[a]]>b",
            "<plaintext>a</plaintext>\r\nb",
            "<p>a<p>\0b<script>\0",
            "&#x80;&#0;&#xD800;&#x110000;&#99999999999999999999;&#;&#x;&#65&notit;&NotEqualTilde;&nosuch;&",
            "<!-->a<!--->b<!--c--!>d<!--e--->f<!----!>g<!--h",
            "<?php a?>b</ c>d<!e>f</>g< h<",
            "<p =a b==c d/e / f='g'h/>i<p a a=1 A=2",
        ] {
            same(html);
            for end in (0..html.len()).filter(|end| html.is_char_boundary(*end)) {
                same(&html[..end]);
            }
        }
    }

    proptest! {
        #[test]
        fn any_soup_is_read_as_html5ever_reads_it(parts in proptest::collection::vec(part(), 0..40)) {
            same(&parts.concat());
        }
    }

    /// A piece of markup, sound or not.
    pub(in crate::dom) fn part() -> impl Strategy<Value = String> {
        let signs = "[<>/!&;#='\"a-cA-C \n\r-]{1,4}";
        let tags = "<p> </p> <b> </b> <a> </a> <table> <tr> <td> </table> <svg> </svg> <template> </template> <select> \
            <option> <frameset> <title> </title> <script> </script> <style> </style> <textarea> </textarea> <noscript> \
            <pre> <form> </form> <li> <math><mi> <!doctype\thtml> <!-- --> --!> <![CDATA[ ]]> &amp; &amp &lt= &#38; \
            &#x26 <a\thref=x> <body\tclass=x> <html\tlang=y> \u{feff} ü text";
        let tags: Vec<&str> = tags.split(' ').filter(|tag| !tag.is_empty()).collect();
        prop_oneof![proptest::sample::select(tags).prop_map(str::to_owned), signs]
    }
}
