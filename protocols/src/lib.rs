//! Framing and layers: what people build protocols from.
