//! Abuse: brute force, slow clients, floods of requests, cross-site scripts, oversized input.

mod attempts;
mod connections;
mod editors;
mod readers;
mod sites;
