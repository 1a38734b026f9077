//! Abuse: brute force, guessed pairing codes, slow clients, floods of requests, cross-site scripts, oversized input, viewers at rest.

mod attempts;
mod connections;
mod editors;
mod pairing;
mod readers;
mod resting_viewers;
mod sites;
