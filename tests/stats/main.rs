//! What a reactor tells of itself: on sockets, and in memory on a clock that is moved by hand.

mod loop_times;
mod memory;
mod sockets;
