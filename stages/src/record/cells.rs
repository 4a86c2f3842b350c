//! The cells of a CSV record, or of any row whose values are texts by number.

use csv_async::StringRecord;

/// Texts by column number, refilled for each record.
#[derive(Clone, Debug, Default)]
pub struct Cells(pub StringRecord);

impl Cells {
    /// The text of column `index`, from 0.
    pub fn get(&self, index: usize) -> Option<&str> {
        self.0.get(index)
    }

    /// Number of cells.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no cell.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
