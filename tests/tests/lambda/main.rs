//! Lambda functions: real programs, fed with events of API Gateway.

mod functions;
mod links;
mod parity;
mod secrets;
mod stream;
