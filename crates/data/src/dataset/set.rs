use super::array::Axes;
use super::labels::Labels;
use super::open::{SetFormat, open};
use crate::{DataError, ItemError, Limits};
use restora_image::{Image, Layout, Raster, Size};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// How to read a set of pictures. The defaults suit files in their usual form.
///
/// An option that the format found has no use for is an error, never passed over.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatasetOptions {
    /// How large a file, and a picture, may be.
    pub limits: Limits,
    /// A file with one class label per picture, in the set's order: IDX, NPY, raw bytes, or a text
    /// with one label per line (or a column `label`). It goes before labels found in the set.
    pub labels: Option<PathBuf>,
    /// The array of pictures in an NPZ. Otherwise `images`, `x`, `x_train`, `data`, `arr_0`, the
    /// first of these that is there, or the only array of three or more dimensions.
    pub key: Option<String>,
    /// The array of labels in an NPZ. Otherwise `labels`, `label`, `y`, `y_train`, if one is there.
    pub label_key: Option<String>,
    /// Pixels in a row, for arrays and tables whose items are plain lists of numbers. Otherwise such
    /// an item is a square if it can be one, and a single row if not.
    pub width: Option<u32>,
    /// Where the channels are in an array of four dimensions, where its shape does not say.
    pub axes: Option<Axes>,
    /// The file is one picture, made of cells of this size, row by row.
    pub cell: Option<Size>,
    /// Take only the first so many items: 1 or more, and no more than there are. A mosaic whose last
    /// cells are empty needs it.
    pub count: Option<usize>,
}

/// One picture of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Its name in the set, for messages: the path below the folder, or `file[index]`.
    pub id: String,
    /// The picture in the depth of the file, upright. Of a file with several pages, the first.
    pub raster: Raster,
    /// Its class, where the set is labeled: an index into [`Dataset::classes`] where that has names.
    pub label: Option<u32>,
}

impl Item {
    /// The picture as planes in nominal range: integers are divided by their maximum, floats taken
    /// as they are.
    pub fn image(&self) -> Image {
        self.raster.to_image()
    }
}

/// What every format offers.
pub(super) trait Items: Send + Sync {
    fn len(&self) -> usize;
    /// The name of item `i`, which is below `len`.
    fn id(&self, i: usize) -> String;
    /// The picture `i`, which is below `len`.
    fn raster(&self, i: usize) -> Result<Raster, DataError>;
    /// Size and samples of every picture, where one holds for all and is known.
    fn shape(&self) -> Option<(Size, Layout)> {
        None
    }
}

/// A format's answer to opening a file.
pub(super) struct Found {
    pub items: Box<dyn Items>,
    pub labels: Option<Labels>,
    pub skipped: u64,
}

impl Found {
    pub fn new(items: impl Items + 'static, labels: Option<Labels>) -> Self {
        Self { items: Box::new(items), labels, skipped: 0 }
    }
}

/// A set of pictures, in a fixed order, with class labels where there are any.
///
/// Pictures are read on demand, from any number of threads.
pub struct Dataset {
    format: SetFormat,
    path: PathBuf,
    items: Box<dyn Items>,
    labels: Option<Labels>,
    skipped: u64,
    len: usize,
}

impl Dataset {
    /// Opens a set: a folder, a pattern (`photos/**/*.jpg`), a list of files (`@list.txt`), a zip of
    /// pictures, IDX, CIFAR-10 or -100 (one batch, or the folder of them), NPY, NPZ, a CSV of
    /// pixels, or one picture that is a mosaic of many (see [`DatasetOptions::cell`]). Content and
    /// name decide which it is.
    ///
    /// Labels are found where the format has a place for them: beside IDX under the usual name, in
    /// the records of CIFAR, under their key in NPZ, in a column `label` of CSV. Pictures in folders
    /// (or in folders of a zip) are labeled with the name of the folder they lie in, if none lies
    /// outside and there is more than one name.
    ///
    /// # Errors
    /// [`DataError::Io`], [`DataError::Corrupt`], [`DataError::Limit`]; [`DataError::Unsupported`]
    /// if no picture is there or the form is not known; [`DataError::Param`] if an option does not
    /// fit what was found.
    pub fn open(path: &Path, options: &DatasetOptions) -> Result<Self, DataError> {
        let (format, found) = open(path, options)?;
        let there = found.items.len();
        if there == 0 {
            return Err(DataError::Unsupported(format!("{}: no pictures there", path.display())));
        }
        let len = match options.count {
            Some(count) if count == 0 || count > there => {
                return Err(DataError::param("count", format!("in 1..={there}"), count));
            }
            Some(count) => count,
            None => there,
        };
        let labels = match &options.labels {
            Some(file) => {
                let mut labels = Labels::read(file, &[there, len], &options.limits)?;
                let got = labels.values.len();
                if got != there && got != len {
                    let wanted = format!("a file of {there} labels, as there are pictures");
                    return Err(DataError::param("labels", wanted, format!("{got} labels")));
                }
                labels.values.truncate(len);
                Some(labels)
            }
            None => found.labels.map(|mut labels| {
                labels.values.truncate(len);
                labels
            }),
        };
        let (items, skipped) = (found.items, found.skipped);
        Ok(Self { format, path: path.to_path_buf(), items, labels, skipped, len })
    }

    /// What kind of file it is.
    pub fn format(&self) -> SetFormat {
        self.format
    }

    /// Number of pictures, at least 1.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Never true: a set without pictures is not opened.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Size and samples of every picture, for the formats where they are all of one shape. `None`
    /// for folders, lists and zips, where each picture has its own.
    pub fn shape(&self) -> Option<(Size, Layout)> {
        self.items.shape()
    }

    /// The class labels, one per picture, if the set has any.
    pub fn labels(&self) -> Option<&[u32]> {
        self.labels.as_ref().map(|labels| labels.values.as_slice())
    }

    /// The names of the classes, for labels that came as names; empty for labels that are numbers.
    pub fn classes(&self) -> &[String] {
        self.labels.as_ref().map_or(&[], |labels| &labels.classes)
    }

    /// How many files were passed over because they are no pictures.
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// The name of item `i`, empty if there is none.
    pub fn id(&self, i: usize) -> String {
        if i < self.len { self.items.id(i) } else { String::new() }
    }

    /// Reads item `i`.
    ///
    /// # Errors
    /// The item's own trouble (a damaged picture, a value that is not finite), with its name;
    /// [`DataError::Param`] for an `i` that is not below [`Dataset::len`].
    pub fn get(&self, i: usize) -> Result<Item, ItemError> {
        if i >= self.len {
            let error = DataError::param("i", format!("below {}", self.len), i);
            return Err(ItemError { id: format!("[{i}]"), path: self.path.clone(), error });
        }
        let id = self.items.id(i);
        match self.items.raster(i) {
            Ok(raster) => {
                let label = self.labels.as_ref().and_then(|labels| labels.values.get(i).copied());
                Ok(Item { id, raster, label })
            }
            Err(error) => Err(ItemError { id, path: self.path.clone(), error }),
        }
    }

    /// All items in order, each read when its turn comes.
    pub fn iter(&self) -> impl Iterator<Item = Result<Item, ItemError>> + '_ {
        (0..self.len).map(|i| self.get(i))
    }
}

impl std::fmt::Debug for Dataset {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dataset")
            .field("format", &self.format)
            .field("path", &self.path)
            .field("len", &self.len)
            .finish_non_exhaustive()
    }
}
