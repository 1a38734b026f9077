//! The stats stream: which frames viewers get and when, and the stream to WebSockets that API Gateway holds. The local
//! server has WebSockets of its own.
//!
//! - [`frames`]: the frames that a viewer asks for, and when the next one is due.
//! - `gateway`: the viewers at API Gateway, as the database knows them.
//! - `places`: how many viewers there may be, in all and of one client IP.
//! - `pusher`: sends frames to those viewers.
//! - `delivery`: sending a frame to one viewer.
//! - `audience`: the pusher's memory of viewers: who gets the next frame, and in which order.

mod audience;
mod delivery;
pub mod frames;
mod gateway;
mod places;
mod pusher;

pub use delivery::{Delivery, Gateway, POST_TIMEOUT};
pub use gateway::GatewayStream;
pub use places::Places;
pub use pusher::{Ended, Pusher};
