//! The book and the README, held against the program and against each other.
//!
//! - [`page`]: a page as its reader sees it: headings, links, blocks of code.
//! - [`links`]: every link leads somewhere, every page is in the table of contents.
//! - [`lines`]: the lines that readers are told to type, typed.
//! - [`messages`]: the messages that the page of troubles explains.
//! - [`snippets`]: the programs, configurations and statements that readers copy.

mod lines;
mod links;
mod messages;
mod page;
mod snippets;
