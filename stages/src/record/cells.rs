//! The cells of a CSV record, or of any row whose values are texts by number.
//!
//! One buffer holds the text of a record, and a cell is a place in it: a refill copies once, and allocates
//! nothing when the buffers are large enough.

use super::Text;

/// Texts by column number, refilled for each record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cells {
    text: String,
    /// Where each cell begins and ends.
    places: Vec<(u32, u32)>,
}

impl Cells {
    /// Forgets everything before; cells are places in `text`, of at most 4 GiB.
    #[inline]
    pub fn refill(&mut self, text: &str) {
        self.text.clear();
        self.text.push_str(text);
        self.places.clear();
    }

    /// Adds the cell from byte `start` to byte `end` of the text.
    #[inline]
    pub fn place(&mut self, start: usize, end: usize) {
        self.places.push((start as u32, end as u32));
    }

    /// Adds a cell that is not there: [`Self::get`] gives none.
    pub fn skip(&mut self) {
        self.places.push((1, 0));
    }

    /// Adds a cell, and its text to the buffer.
    pub fn push(&mut self, cell: &str) {
        let start = self.append(cell);
        self.place(start, self.text.len());
    }

    /// Adds `piece` to the text, of which no cell is a place yet, and returns where it begins.
    #[inline]
    pub fn append(&mut self, piece: &str) -> usize {
        let start = self.text.len();
        self.text.push_str(piece);
        start
    }

    /// The text of column `index`, from 0, where it is there.
    #[inline]
    pub fn get(&self, index: usize) -> Option<&str> {
        let &(start, end) = self.places.get(index)?;
        // A place that ends before it begins is no cell.
        self.text.get(start as usize..end as usize)
    }

    /// Where the text of column `index`, from 0, stands in a record that has taken over the row's texts, where it is there.
    #[inline]
    pub fn place_of(&self, index: usize) -> Option<Text> {
        let &(start, end) = self.places.get(index)?;
        (start <= end).then_some(Text { start, end })
    }

    /// The buffer with the texts of all columns.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// The texts of all columns that are there, in order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        (0..self.len()).filter_map(|index| self.get(index))
    }

    /// Number of cells.
    #[inline]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

impl<'t> FromIterator<&'t str> for Cells {
    fn from_iter<I: IntoIterator<Item = &'t str>>(cells: I) -> Self {
        let mut row = Self::default();
        cells.into_iter().for_each(|cell| row.push(cell));
        row
    }
}
