//! Weights from elsewhere: `PyTorch` files and foreign safetensors, their names turned into ours.
//!
//! [`read`] gives the tensors of any such file by the names it has; a [`KeyMap`] renames them;
//! [`dncnn`] and [`ffdnet`] know the layouts in which those nets are passed around and need no map.
//! Nothing in a file is ever run: a pickle is read by a machine that can build state dicts and
//! refuses, by name, whatever else the file asks for.

mod fold;
mod key_map;
mod known;
mod pickle;
mod torch;
mod zip;

pub use fold::fold_batch_norm;
pub use key_map::{KeyMap, Rule};
pub use known::{SubImages, dncnn, ffdnet};

use crate::weights::safetensors;
use crate::{NnError, Tensors};

/// The tensors of a safetensors file or of a `PyTorch` file (`torch.save` of a state dict, or of a
/// checkpoint that holds one under `params_ema`, `params`, `state_dict`, `model_state_dict`, `model`
/// or `net`), told apart by their first bytes. Zip files (since 1.6) and the older form are read.
///
/// # Errors
/// [`NnError::Corrupt`] where the file is damaged or holds NaN or infinite numbers;
/// [`NnError::Unsupported`] where it asks for anything that a state dict does not need, or is of
/// another kind; [`NnError::Limit`] where it asks for more memory than its length justifies.
pub fn read(bytes: &[u8]) -> Result<Tensors, NnError> {
    if bytes.starts_with(b"PK\x03\x04") {
        torch::read_zip(bytes)
    } else if torch::is_legacy(bytes) {
        torch::read_legacy(bytes)
    } else if bytes.get(8) == Some(&b'{') {
        safetensors::read(bytes).map(|(tensors, _)| tensors)
    } else {
        let start = &bytes[..bytes.len().min(8)];
        Err(NnError::Unsupported(format!(
            "wanted a safetensors or PyTorch file, got one that begins with {start:02x?}"
        )))
    }
}
