//! Abuse: brute force, slow clients, floods of requests, cross-site scripts, oversized input, viewers at rest.

mod attempts;
mod connections;
mod editors;
mod readers;
mod resting_viewers;
mod sites;
