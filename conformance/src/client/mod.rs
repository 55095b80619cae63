//! The client fixture.
