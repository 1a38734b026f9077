//! Snippets to copy, which follow from the form.

use super::form::{Form, Kind};

/// Characters of an alternative text that Markdown could take for markup, or a table for the end of a cell.
const MARKDOWN_SPECIAL: [char; 8] = ['\\', '[', ']', '<', '`', '*', '&', '|'];

/// A snippet: id, name and text. The text is empty where there is none for this kind.
pub(super) type Snippet = (&'static str, &'static str, String);

impl Form<'_> {
    /// Returns the snippets, in which `absolute` makes URLs of paths. There are none if the form is invalid.
    pub(super) fn snippets(&self, absolute: impl Fn(&str) -> String) -> [Snippet; 3] {
        let (markdown, html, url) = match self.kind {
            _ if !self.is_valid() => Default::default(),
            Kind::Element => (String::new(), self.element(&absolute), String::new()),
            // Markdown has no words for two pictures of which one is shown, but lets HTML through.
            _ if self.has_both_themes() => {
                let html = self.html(&absolute);
                (html.clone(), html, absolute(&self.path()))
            }
            _ => (self.markdown(&absolute), self.html(&absolute), absolute(&self.path())),
        };
        [("markdown", "Markdown", markdown), ("html", "HTML", html), ("url", "URL", url)]
    }

    fn markdown(&self, absolute: impl Fn(&str) -> String) -> String {
        let mut text = String::new();
        for c in self.alt_text().chars() {
            if MARKDOWN_SPECIAL.contains(&c) {
                text.push('\\');
            }
            text.push(c);
        }
        format!("[![{text}]({})]({})", absolute(&self.path()), absolute("/"))
    }

    fn html(&self, absolute: impl Fn(&str) -> String) -> String {
        let url = |path: &str| escape(&absolute(path));
        let image = format!(r#"<img src="{}" alt="{}">"#, url(&self.path()), escape(&self.alt_text()));
        let image = if self.has_both_themes() {
            let dark = url(&self.dark_path());
            format!(
                r#"<picture><source media="(prefers-color-scheme: dark)" srcset="{dark}">{image}</picture>"#
            )
        } else {
            image
        };
        format!(r#"<a href="{}">{image}</a>"#, url("/"))
    }

    fn element(&self, absolute: impl Fn(&str) -> String) -> String {
        let (script, server) = (escape(&absolute("/embed.js")), absolute("/"));
        let server = escape(server.trim_end_matches('/'));
        let device = self.device.map(|device| format!(r#" device="{}""#, device.id)).unwrap_or_default();
        format!(
            "<script async src=\"{script}\"></script>\n<heartbeat-status src=\"{server}\"{device}></heartbeat-status>"
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
