//! Forwarding from an enum to the value inside its variant.

/// Writes methods of an enum whose variants each hold one value, every method calling the method of the
/// same name on that value.
///
/// ```
/// struct Square(u32);
/// impl Square {
///     fn area(&self) -> u32 {
///         self.0 * self.0
///     }
/// }
/// enum Shape {
///     Square(Square),
/// }
/// impl Shape {
///     libwebrtc::enum_dispatch!(
///         [Square];
///         fn area(self: &Self) -> u32;
///     );
/// }
/// assert_eq!(Shape::Square(Square(3)).area(), 9);
/// ```
#[macro_export]
macro_rules! enum_dispatch {
    (@arms [$($variant:ident),+ $(,)?], $receiver:ident, $method:ident, $arguments:tt) => {
        match $receiver {
            $(Self::$variant(inner) => inner.$method $arguments,)+
        }
    };
    ($variants:tt;) => {};
    (
        $variants:tt;
        $(#[$attribute:meta])*
        $vis:vis fn $method:ident($receiver:ident: $receiver_type:ty $(, $argument:ident: $argument_type:ty)* $(,)?)
            -> $ret:ty;
        $($rest:tt)*
    ) => {
        $(#[$attribute])*
        #[inline]
        $vis fn $method($receiver: $receiver_type $(, $argument: $argument_type)*) -> $ret {
            $crate::enum_dispatch!(@arms $variants, $receiver, $method, ($($argument),*))
        }
        $crate::enum_dispatch!($variants; $($rest)*);
    };
}
