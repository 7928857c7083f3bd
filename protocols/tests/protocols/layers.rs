//! What holds for every layer, alone and in stacks of any order: it is not there, as far as its
//! neighbours can tell.

mod conversation;
mod producers;
mod slipping;
mod stack;
mod witness;
