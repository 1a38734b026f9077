//! Sample files of a release, included in the documentation.

use crate::Part;

const CADDY: &str = include_str!("../../infra/dist-files/Caddyfile");
const NGINX: &str = include_str!("../../infra/dist-files/nginx.conf");

/// Returns the sample configurations of reverse proxies.
pub(crate) fn parts() -> Vec<Part> {
    let part = |(name, file): (&'static str, &str)| Part {
        file: "deploying.md".to_owned(),
        name: Some(name),
        text: format!("```text\n{}\n```", file.trim_end()),
    };
    [("Caddyfile", CADDY), ("nginx.conf", NGINX)].map(part).into()
}
