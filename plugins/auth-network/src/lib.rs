//! Allows and denies by network, per line or bouquet.
