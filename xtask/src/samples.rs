//! The sample files of a release, shown where the book speaks of them.

use crate::Part;

const CADDY: &str = include_str!("../../infra/dist-files/Caddyfile");
const NGINX: &str = include_str!("../../infra/dist-files/nginx.conf");

/// The samples for proxies.
pub(crate) fn parts() -> Vec<Part> {
    let shown = |(name, file): (&'static str, &str)| Part {
        file: "deploying.md".to_owned(),
        name: Some(name),
        text: format!("```text\n{}\n```", file.trim_end()),
    };
    [("Caddyfile", CADDY), ("nginx.conf", NGINX)].map(shown).into()
}
