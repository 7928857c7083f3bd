/// Makes a test of each case over each of these ways: a module for each name, in it the modules of
/// the cases, and in those `whole`, `at_every_cut`, or `any`.
///
/// ```
/// use retwist_conformance::streams::{Layered, Memory, Plain};
///
/// retwist_conformance::streams! {
///     // Tests such as `memory::closing::whole::closing_twice_is_once`.
///     memory: Memory,
///     layer: Layered<Plain, Memory>,
/// }
/// # fn main() {}
/// ```
///
/// An attribute before a name is one of its module.
#[macro_export]
macro_rules! streams {
    ($($(#[$attribute:meta])* $name:ident: $way:ty),+ $(,)?) => { $(
        #[cfg(test)]
        $(#[$attribute])*
        mod $name {
            #[allow(unused_imports, reason = "the way may be named by a whole path")]
            use super::*;

            type TheWay = $way;

            $crate::__stream_cases! { $crate::__stream_tests! }
        }
    )+ };
}

/// Makes a test of each case over each of these [`Layering`](crate::streams::Layering)s, on TCP, on
/// UNIX sockets where the system has them, on memory, and on itself on memory.
///
/// ```
/// use retwist_conformance::streams::Plain;
///
/// retwist_conformance::layers! {
///     // Tests such as `plain::over_tcp::closing::whole::closing_twice_is_once`.
///     plain: Plain,
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! layers {
    ($($(#[$attribute:meta])* $name:ident: $layering:ty),+ $(,)?) => { $(
        #[cfg(test)]
        $(#[$attribute])*
        mod $name {
            #[allow(unused_imports, reason = "the layering may be named by a whole path")]
            use super::*;

            type TheLayering = $layering;

            $crate::streams! {
                over_tcp: $crate::streams::Layered<TheLayering, $crate::streams::TcpV4>,
                #[cfg(unix)]
                over_unix: $crate::streams::Layered<TheLayering, $crate::streams::Unix>,
                over_memory: $crate::streams::Layered<TheLayering, $crate::streams::Memory>,
                over_itself: $crate::streams::Layered<
                    TheLayering,
                    $crate::streams::Layered<TheLayering, $crate::streams::Memory>,
                >,
            }
        }
    )+ };
}
