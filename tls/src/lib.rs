//! TLS as a layer over any transport.
