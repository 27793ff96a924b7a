//! Undoes what JPEG compression left: blocks, ringing, lost detail.
//!
//! Both ways want to know where the block grid lies and how coarse the quantization was. The belt measures both
//! (`restora_metrics::no_reference::jpeg_quality`) where an option leaves them open.

pub mod deblock_bm3d;
pub mod jpeg_trace;

pub use deblock_bm3d::{DeblockBm3d, deblock_bm3d};
pub use jpeg_trace::JpegTrace;
