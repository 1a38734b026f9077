//! The launchd agent's property list (`launchd.plist(5)`).

/// Name of the agent to launchd.
pub(super) const LABEL: &str = "io.github.heartbeat-server.heartbeat-agent";

/// Interval in which launchd starts the agent again after an error, in seconds. Its own would be ten, too often for an
/// error in the configuration.
const THROTTLE_INTERVAL: u32 = 60;

/// Returns the property list that runs `program` in each session with a screen, and again after an error.
pub(super) fn plist(program: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>{LABEL}</string>
  <key>ProgramArguments</key>
  <array>
    <string>{program}</string>
    <string>run</string>
    <string>--log-to-file</string>
  </array>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>{THROTTLE_INTERVAL}</integer>
  <key>LimitLoadToSessionType</key>
  <string>Aqua</string>
  <key>ProcessType</key>
  <string>Background</string>
</dict>
</plist>
"#,
        program = escaped(program)
    )
}

/// Returns `text` as XML has it.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_signs_of_xml_stays_one_path() {
        let plist = plist("/Users/you/R&D <1>/heartbeat-agent");
        assert!(plist.contains("<string>/Users/you/R&amp;D &lt;1&gt;/heartbeat-agent</string>"), "{plist}");
    }
}
