//! The pages of this name.
