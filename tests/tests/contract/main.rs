//! The contract with clients, over real HTTP against the real program. The modules mirror the URLs
//! and, below them, the chapters of the documentation.

mod api;
mod assets;
mod badge;
mod configuration;
mod health;
mod home;
mod listening;
mod logs;
mod many_processes;
mod og;
mod outage;
mod pages;
mod stopping;
