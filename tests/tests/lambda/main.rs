//! Lambda functions: real programs, fed with events of API Gateway.

mod functions;
mod parity;
mod stream;
