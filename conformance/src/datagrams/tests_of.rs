/// Makes a test of each case over each of these [`Way`](crate::datagrams::Way)s of datagrams: a
/// module for each name, and in it the modules of the cases.
///
/// ```
/// use retwist_conformance::datagrams::Memory;
///
/// retwist_conformance::datagrams! {
///     // Tests such as `memory::closing::stopping_twice_is_once`.
///     memory: Memory,
/// }
/// # fn main() {}
/// ```
///
/// An attribute before a name is one of its module.
#[macro_export]
macro_rules! datagrams {
    ($($(#[$attribute:meta])* $name:ident: $way:ty),+ $(,)?) => { $(
        #[cfg(test)]
        $(#[$attribute])*
        mod $name {
            #[allow(unused_imports, reason = "the way may be named by a whole path")]
            use super::*;

            type TheWay = $way;

            $crate::__datagram_cases! { $crate::__datagram_tests! }
        }
    )+ };
}
