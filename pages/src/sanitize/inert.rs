//! HTML in which no template language finds anything.
//!
//! Generators include rendered fragments, and many read what they include as a template: a reply that says
//! `{{ site.password }}` or `<% system("…") %>` would run where the site is built. Whoever draws the fragment sees
//! the same characters.

/// What opens a tag of a template, and what stands there instead.
///
/// - A brace: Jinja, Liquid, Nunjucks, Twig, Tera, Go, Handlebars, Vue (`{{`, `{%`, `{#`), Mako (`${`), Pug (`#{`), Astro, JSX.
/// - `<%` and `<?`: EJS, ERB, Mako, JSP, PHP. `<!--#`: server-side includes. They can only stand inside an attribute, for
///   everywhere else `<` is escaped.
const OPENING: [(&str, &str); 4] = [
    ("{", "&#123;"),
    ("<%", "&lt;%"),
    ("<?", "&lt;?"),
    ("<!--#", "&lt;!--#"),
];

/// The same HTML, with whatever could open a tag of a template written as an entity.
pub fn inert_html(html: &str) -> String {
    let mut out = String::with_capacity(html.len() + html.len() / 50);
    for (number, line) in html.split('\n').enumerate() {
        if number > 0 {
            out.push('\n');
        }
        let mut rest = line;
        // A line that begins so is code to Mako, and to Jinja where line statements are on.
        let text = line.trim_start();
        if let Some(after) = text.strip_prefix('%') {
            out.push_str(&line[..line.len() - text.len()]);
            out.push_str("&#37;");
            rest = after;
        }
        while let Some((at, (sign, instead))) = next(rest) {
            out.push_str(&rest[..at]);
            out.push_str(instead);
            rest = &rest[at + sign.len()..];
        }
        out.push_str(rest);
    }
    out
}

/// The first sign in some text.
fn next(text: &str) -> Option<(usize, (&'static str, &'static str))> {
    let candidates = text.match_indices(['{', '<']);
    for (at, _) in candidates {
        let sign = OPENING.into_iter().find(|(sign, _)| text[at..].starts_with(sign));
        if let Some(sign) = sign {
            return Some((at, sign));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_opens_a_template_and_readers_see_the_same() {
        for (html, expected) in [
            (
                "<p>{{ 7 * 7 }} {% x %}</p>",
                "<p>&#123;&#123; 7 * 7 }} &#123;% x %}</p>",
            ),
            (
                "<a title=\"<%= x %><?php x ?><!--#exec x-->\">5 &lt; 6 %</a>",
                "<a title=\"&lt;%= x %>&lt;?php x ?>&lt;!--#exec x-->\">5 &lt; 6 %</a>",
            ),
            (
                "<pre>\n  % if x:\n% y</pre>",
                "<pre>\n  &#37; if x:\n&#37; y</pre>",
            ),
            ("<!-- mine --><p>100%</p>", "<!-- mine --><p>100%</p>"),
            ("", ""),
            ("ä{ö<", "ä&#123;ö<"),
        ] {
            assert_eq!(inert_html(html), expected);
            assert_eq!(inert_html(&inert_html(html)), expected, "twice is once");
            assert_eq!(
                crate::sanitize::plain(&inert_html(html)),
                crate::sanitize::plain(html)
            );
        }
    }
}
