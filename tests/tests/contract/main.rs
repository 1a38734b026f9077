//! Contract with clients, over real HTTP against the real program. Modules mirror the URLs; the others are about
//! the process: configuration, logs, outages, shutdown.

mod api;
mod assets;
mod badge;
mod badge_builder;
mod batches;
mod command_line;
mod configuration;
mod demo;
mod embed;
mod evaluation;
mod health;
mod history_on_pages;
mod home;
mod links;
mod listening;
mod logs;
mod manage;
mod many_processes;
mod metrics;
mod og;
mod outage;
mod page_sizes;
mod pages;
mod pictures;
mod pooler;
mod presence;
mod prometheus;
mod published_figures;
mod retention;
mod roll_up;
mod stopping;
mod who_can_see_what;
