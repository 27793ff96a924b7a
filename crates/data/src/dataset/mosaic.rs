//! One picture made of equal cells, row by row: the form in which small pictures compress best.

use super::load::load;
use super::open::file_name;
use super::set::{DatasetOptions, Found, Items};
use crate::{DataError, decode};
use restora_image::{Layout, Pixels, Raster, Size};
use std::path::Path;

struct Mosaic {
    name: String,
    whole: Raster,
    cell: Size,
}

impl Mosaic {
    fn columns(&self) -> usize {
        self.whole.size.w() / self.cell.w()
    }
}

impl Items for Mosaic {
    fn len(&self) -> usize {
        self.columns() * (self.whole.size.h() / self.cell.h())
    }

    fn id(&self, i: usize) -> String {
        format!("{}[{i}]", self.name)
    }

    fn raster(&self, i: usize) -> Result<Raster, DataError> {
        let (row, column) = (i / self.columns(), i % self.columns());
        let (x, y) = (column * self.cell.w(), row * self.cell.h());
        let pixels = match &self.whole.pixels {
            Pixels::U8(v) => Pixels::U8(self.cut(v, x, y)),
            Pixels::U16(v) => Pixels::U16(self.cut(v, x, y)),
            Pixels::F32(v) => Pixels::F32(self.cut(v, x, y)),
        };
        Ok(Raster { size: self.cell, layout: self.whole.layout, pixels })
    }

    fn shape(&self) -> Option<(Size, Layout)> {
        Some((self.cell, self.whole.layout))
    }
}

impl Mosaic {
    fn cut<T: Copy>(&self, samples: &[T], x: usize, y: usize) -> Vec<T> {
        let per_pixel = self.whole.layout.samples();
        let width = self.whole.size.w();
        let mut out = Vec::with_capacity(self.cell.len() * per_pixel);
        for row in y..y + self.cell.h() {
            let start = (row * width + x) * per_pixel;
            out.extend_from_slice(&samples[start..start + self.cell.w() * per_pixel]);
        }
        out
    }
}

pub(super) fn open(path: &Path, options: &DatasetOptions) -> Result<Found, DataError> {
    let limits = &options.limits;
    let cell = options.cell.filter(|cell| !cell.is_empty()).ok_or_else(|| {
        let got = options.cell.map_or("none".into(), |cell| cell.to_string());
        DataError::param("cell", "1x1 or larger", got)
    })?;
    let mut pages = decode(&load(path, limits, |_| None)?, limits)?.pages;
    let [whole] = pages.as_slice() else {
        let pages = format!("{} pages", pages.len());
        return Err(DataError::param("cell", "given with a picture of one page", pages));
    };
    if whole.size.width % cell.width != 0 || whole.size.height % cell.height != 0 {
        let wanted = format!("a divisor of the picture's {}", whole.size);
        return Err(DataError::param("cell", wanted, cell));
    }
    let whole = pages.swap_remove(0);
    Ok(Found::new(Mosaic { name: file_name(path), whole, cell }, None))
}
