//! What a pickle can build.

use crate::import::torch::Storage;

/// The place of a value in its [`Pickle`](super::Pickle).
pub(in crate::import) type Id = usize;

/// A Python value, as far as state dicts need them.
#[derive(Clone, Debug)]
pub(in crate::import) enum Value {
    None,
    Int(i64),
    /// Booleans, floats, byte strings, long integers: read past, never needed.
    Other,
    Text(String),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    /// `module.name`: a function or class.
    Global(String),
    Storage(Box<Storage>),
    Tensor(Box<View>),
}

/// A tensor: a window of a storage, whose bytes come later.
#[derive(Clone, Debug)]
pub(in crate::import) struct View {
    pub(in crate::import) storage: Storage,
    pub(in crate::import) offset: usize,
    pub(in crate::import) shape: Vec<usize>,
    pub(in crate::import) strides: Vec<usize>,
}
