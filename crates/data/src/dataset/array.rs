//! Arrays of pictures as they are in a file: numbers of one kind, a shape, an order.

use super::set::Items;
use crate::{DataError, Limits};
use restora_image::{Layout, Pixels, Raster, Size};
use serde::{Deserialize, Serialize};

/// Where an array of four dimensions has its channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Axes {
    /// `[n, c, h, w]`, as `PyTorch` has it.
    ChannelsFirst,
    /// `[n, h, w, c]`, as `TensorFlow`, OpenCV and scikit-image have it.
    ChannelsLast,
}

/// The kinds of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Element {
    Bool,
    U8,
    U16,
    U32,
    U64,
    I8,
    I16,
    I32,
    I64,
    F32,
    F64,
}

impl Element {
    pub const fn bytes(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Is it read as brightness?
    const fn is_brightness(self) -> bool {
        matches!(self, Self::Bool | Self::U8 | Self::U16 | Self::F32 | Self::F64)
    }

    /// NumPy's name.
    const fn name(self) -> &'static str {
        match self {
            Self::Bool => "bool",
            Self::U8 => "uint8",
            Self::U16 => "uint16",
            Self::U32 => "uint32",
            Self::U64 => "uint64",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::I64 => "int64",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }
}

/// What a header says of an array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    pub element: Element,
    pub big_endian: bool,
    pub shape: Vec<u64>,
    /// First index fastest.
    pub fortran: bool,
    /// Where the numbers begin in the file.
    pub start: u64,
}

impl Form {
    /// The length of the whole file, if it can be counted.
    pub fn file_len(&self) -> Option<u64> {
        let count = self.shape.iter().try_fold(1u64, |n, d| n.checked_mul(*d))?;
        count.checked_mul(self.element.bytes() as u64)?.checked_add(self.start)
    }

    fn shape_text(&self) -> String {
        let dims: Vec<_> = self.shape.iter().map(ToString::to_string).collect();
        format!("[{}]", dims.join(", "))
    }
}

/// A form, and the bytes of the file it heads, of which there are exactly enough.
pub(super) struct Array {
    form: Form,
    bytes: Vec<u8>,
}

impl Array {
    /// Checks that the bytes are what the form says, neither more nor less. An array of no numbers
    /// is refused, so that every index below a dimension is one of a number that is there.
    pub fn new(what: &'static str, form: Form, bytes: Vec<u8>) -> Result<Self, DataError> {
        let shape = form.shape_text();
        if form.shape.contains(&0) {
            return Err(DataError::damaged(what, format!("an array of shape {shape} is empty")));
        }
        match form.file_len() {
            Some(wanted) if wanted == bytes.len() as u64 => Ok(Self { form, bytes }),
            Some(wanted) => {
                let (name, got) = (form.element.name(), bytes.len());
                let detail = format!("{name} of shape {shape} takes {wanted} bytes, got {got}");
                Err(DataError::damaged(what, detail))
            }
            None => Err(DataError::damaged(what, format!("the shape {shape} overflows"))),
        }
    }

    pub fn dimensions(&self) -> usize {
        self.form.shape.len()
    }

    /// The value at index `k`, counted as the numbers lie in the file.
    fn word<const N: usize>(&self, k: usize) -> [u8; N] {
        let at = self.form.start as usize + k * N;
        let mut word = [0; N];
        word.copy_from_slice(&self.bytes[at..at + N]);
        // Little-endian from here on.
        if self.form.big_endian {
            word.reverse();
        }
        word
    }

    /// All numbers, in the order of the last index fastest, with the shape.
    pub fn numbers(&self, what: &'static str) -> Result<(Vec<usize>, Vec<f64>), DataError> {
        if self.form.fortran && self.dimensions() > 1 {
            let text = format!("{what}: numbers in Fortran's order");
            return Err(DataError::Unsupported(text));
        }
        let value = |k| match self.form.element {
            Element::Bool | Element::U8 => u8::from_le_bytes(self.word(k)).into(),
            Element::U16 => u16::from_le_bytes(self.word(k)).into(),
            Element::U32 => u32::from_le_bytes(self.word(k)).into(),
            Element::U64 => u64::from_le_bytes(self.word(k)) as f64,
            Element::I8 => i8::from_le_bytes(self.word(k)).into(),
            Element::I16 => i16::from_le_bytes(self.word(k)).into(),
            Element::I32 => i32::from_le_bytes(self.word(k)).into(),
            Element::I64 => i64::from_le_bytes(self.word(k)) as f64,
            Element::F32 => f32::from_le_bytes(self.word(k)).into(),
            Element::F64 => f64::from_le_bytes(self.word(k)),
        };
        let shape: Vec<usize> = self.form.shape.iter().map(|d| *d as usize).collect();
        let count = shape.iter().product();
        Ok((shape, (0..count).map(value).collect()))
    }

    /// The numbers of an array of one dimension (or with a second of 1) as class labels.
    pub fn labels(&self, what: &'static str) -> Result<Vec<u32>, DataError> {
        let n = match self.form.shape[..] {
            [n] | [n, 1] => n as usize,
            _ => {
                let shape = self.form.shape_text();
                let text = format!("{what}: labels are an array of shape [n], got {shape}");
                return Err(DataError::Unsupported(text));
            }
        };
        let value = |k| -> Option<i128> {
            Some(match self.form.element {
                Element::Bool | Element::U8 => u8::from_le_bytes(self.word(k)).into(),
                Element::U16 => u16::from_le_bytes(self.word(k)).into(),
                Element::U32 => u32::from_le_bytes(self.word(k)).into(),
                Element::U64 => u64::from_le_bytes(self.word(k)).into(),
                Element::I8 => i8::from_le_bytes(self.word(k)).into(),
                Element::I16 => i16::from_le_bytes(self.word(k)).into(),
                Element::I32 => i32::from_le_bytes(self.word(k)).into(),
                Element::I64 => i64::from_le_bytes(self.word(k)).into(),
                Element::F32 | Element::F64 => return None,
            })
        };
        (0..n)
            .map(|k| {
                let Some(value) = value(k) else {
                    let name = self.form.element.name();
                    let text = format!("{what}: labels are integers, got {name}");
                    return Err(DataError::Unsupported(text));
                };
                u32::try_from(value).map_err(|_| {
                    let detail = format!("label {k} is {value}, wanted 0..=4294967295");
                    DataError::damaged(what, detail)
                })
            })
            .collect()
    }
}

/// An array whose first index counts pictures.
pub(super) struct ArrayImages {
    name: String,
    array: Array,
    size: Size,
    layout: Layout,
    /// How far apart, in numbers: items, rows, columns, channels.
    strides: [usize; 4],
}

/// Size of an item that is a plain list of `d` numbers.
pub(super) fn flat_size(d: u64, width: Option<u32>) -> Result<Size, DataError> {
    let narrow = |v: u64| {
        u32::try_from(v).map_err(|_| DataError::Limit {
            what: "width of a picture",
            got: d,
            limit: u32::MAX.into(),
        })
    };
    match width {
        Some(width) if width == 0 || !d.is_multiple_of(width.into()) => {
            let wanted = format!("a divisor of the {d} pixels of an item");
            Err(DataError::param("width", wanted, width))
        }
        Some(width) => Ok(Size::new(width, narrow(d / u64::from(width))?)),
        None => {
            let side = d.isqrt();
            if side * side == d {
                Ok(Size::new(narrow(side)?, narrow(side)?))
            } else {
                Ok(Size::new(narrow(d)?, 1))
            }
        }
    }
}

fn layout_of(channels: u64) -> Option<Layout> {
    match channels {
        1 => Some(Layout::Gray),
        3 => Some(Layout::Rgb),
        4 => Some(Layout::Rgba),
        _ => None,
    }
}

impl ArrayImages {
    pub fn new(
        name: String,
        array: Array,
        width: Option<u32>,
        axes: Option<Axes>,
        limits: &Limits,
    ) -> Result<Self, DataError> {
        let form = &array.form;
        let shape = form.shape_text();
        if !form.element.is_brightness() {
            return Err(DataError::Unsupported(format!(
                "pictures are bool, uint8, uint16, float32 or float64, got {}",
                form.element.name()
            )));
        }
        if width.is_some() && form.shape.len() != 2 {
            let wanted = "given only with items that are lists of numbers";
            return Err(DataError::param("width", wanted, format!("an array of shape {shape}")));
        }
        if axes.is_some() && form.shape.len() != 4 {
            let wanted = "given only with an array of four dimensions";
            return Err(DataError::param("axes", wanted, format!("one of shape {shape}")));
        }
        // Strides of the dimensions as they are, then named.
        let mut dims = vec![1usize; form.shape.len()];
        let mut order: Vec<usize> = (0..dims.len()).collect();
        if !form.fortran {
            order.reverse();
        }
        for pair in order.windows(2) {
            // Fits: the whole array is in memory.
            dims[pair[1]] = dims[pair[0]] * form.shape[pair[0]] as usize;
        }
        let (height, width, channels, strides) = match (&form.shape[..], &dims[..]) {
            (&[_, d], &[n, s]) => {
                let size = flat_size(d, width)?;
                (size.height.into(), size.width.into(), 1, [n, s * size.w(), s, 0])
            }
            (&[_, h, w], &[n, y, x]) => (h, w, 1, [n, y, x, 0]),
            (&[_, a, b, c], &[n, sa, sb, sc]) => match four(axes, a, c, &shape)? {
                Axes::ChannelsFirst => (b, c, a, [n, sb, sc, sa]),
                Axes::ChannelsLast => (a, b, c, [n, sa, sb, sc]),
            },
            _ => {
                return Err(DataError::Unsupported(format!(
                    "an array of shape {shape}; pictures are [n, h, w], [n, h, w, c], \
                     [n, c, h, w] or [n, d]"
                )));
            }
        };
        let layout = layout_of(channels).ok_or_else(|| {
            DataError::Unsupported(format!(
                "{channels} channels in an array of shape {shape}; pictures have 1, 3 or 4"
            ))
        })?;
        let narrow = |v: u64| {
            let limit = u32::MAX.into();
            u32::try_from(v).map_err(|_| DataError::Limit {
                what: "side of a picture",
                got: v,
                limit,
            })
        };
        let size = Size::new(narrow(width)?, narrow(height)?);
        crate::limits::check("number of pixels", size.pixels(), limits.max_pixels)?;
        Ok(Self { name, array, size, layout, strides })
    }

    fn gather<const N: usize, T>(&self, i: usize, value: impl Fn([u8; N]) -> T) -> Vec<T> {
        let [item, row, column, channel] = self.strides;
        let samples = self.layout.samples();
        let mut out = Vec::with_capacity(self.size.len() * samples);
        let (w, dense) = (self.size.w(), channel == 1 || samples == 1);
        if dense && column == samples && row == w * samples {
            // Item after item, as most files are.
            let form = &self.array.form;
            let bytes = &self.array.bytes[form.start as usize + i * item * N..];
            let (words, _) = bytes.as_chunks::<N>();
            out.extend(words[..self.size.len() * samples].iter().map(|word| {
                let mut word = *word;
                if form.big_endian {
                    word.reverse();
                }
                value(word)
            }));
            return out;
        }
        for y in 0..self.size.h() {
            for x in 0..w {
                let at = i * item + y * row + x * column;
                out.extend((0..samples).map(|c| value(self.array.word(at + c * channel))));
            }
        }
        out
    }

    fn finite(&self, values: Vec<f32>) -> Result<Pixels, DataError> {
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(Pixels::F32(values)),
            Some(k) => {
                let pixel = k / self.layout.samples();
                let (x, y) = (pixel % self.size.w(), pixel / self.size.w());
                let detail = format!("the value at column {x}, row {y} is not a finite number");
                Err(DataError::damaged("array", detail))
            }
        }
    }
}

fn four(axes: Option<Axes>, first: u64, last: u64, shape: &str) -> Result<Axes, DataError> {
    match (axes, layout_of(first).is_some(), layout_of(last).is_some()) {
        (Some(axes), ..) => Ok(axes),
        (None, true, false) => Ok(Axes::ChannelsFirst),
        (None, false, true) => Ok(Axes::ChannelsLast),
        (None, true, true) => {
            let wanted = "given where the shape leaves open which dimension is the channels";
            Err(DataError::param("axes", wanted, format!("none, and an array of shape {shape}")))
        }
        (None, false, false) => Err(DataError::Unsupported(format!(
            "an array of shape {shape}: neither the second nor the last dimension is 1, 3 or 4 \
             channels"
        ))),
    }
}

impl Items for ArrayImages {
    fn len(&self) -> usize {
        self.array.form.shape[0] as usize
    }

    fn id(&self, i: usize) -> String {
        format!("{}[{i}]", self.name)
    }

    fn raster(&self, i: usize) -> Result<Raster, DataError> {
        let pixels = match self.array.form.element {
            Element::U16 => Pixels::U16(self.gather(i, u16::from_le_bytes)),
            Element::F32 => self.finite(self.gather(i, f32::from_le_bytes))?,
            Element::F64 => self.finite(self.gather(i, |b| f64::from_le_bytes(b) as f32))?,
            Element::Bool => Pixels::U8(self.gather(i, |[b]: [u8; 1]| u8::from(b != 0) * 255)),
            // The others were refused when the set was opened.
            _ => Pixels::U8(self.gather(i, u8::from_le_bytes)),
        };
        Ok(Raster { size: self.size, layout: self.layout, pixels })
    }

    fn shape(&self) -> Option<(Size, Layout)> {
        Some((self.size, self.layout))
    }
}
