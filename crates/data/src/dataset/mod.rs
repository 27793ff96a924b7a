//! Sets of pictures to train on, in the forms people have them in: folders, zips, and the array
//! files of the machine-learning world.
//!
//! ```text
//!  path + DatasetOptions -> Dataset::open -> len(), labels(), classes()
//!                                  |
//!                                  `-> get(i) -> Item { id, raster, label }
//! ```
//!
//! Folders and zips are read picture by picture when asked. Array files are held in memory once, as
//! the bytes they are, and converted item by item.
//!
//! Every reader counts the bytes that are there before it believes a size that a header claims.

mod array;
mod cifar;
mod csv;
mod folder;
mod idx;
mod labels;
mod load;
mod mosaic;
mod npy;
mod open;
mod set;
mod split;
mod zip;

pub use array::Axes;
pub(crate) use array::{Element, Form};
pub(crate) use npy::form as npy_form;
pub use npy::{Numbers, npz_numbers};
pub use open::SetFormat;
pub use set::{Dataset, DatasetOptions, Item};
pub use split::split;
