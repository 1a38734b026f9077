//! The agent on desktops that are large to install: `make test-agent` runs these.

mod kwin;
