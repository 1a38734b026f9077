//! Strangers who mean no good, or do not know what they do.

mod attempts;
mod connections;
mod readers;
mod sites;
