//! The `restora` command.
fn main() {}
