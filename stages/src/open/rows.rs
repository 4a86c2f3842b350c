//! Every row of an input as its parser gives it, for whoever looks at a file before there is a spec of its fields.
//!
//! The same framer and parser as in a run, so that what is seen here is what a run meets; nothing is bound, nothing is
//! counted, and no more than a block is kept.

use super::{Front, Opened};
use crate::frame::csv::Head;
use crate::record::{Cells, Tree};
use pipeline::{Block, Fatal, Parser, Position};

/// Room made for each read, in bytes.
const READ_BYTES: usize = 64 * 1024;

/// One record as it was parsed.
pub enum Row<'r> {
    /// Texts by column.
    Cells(&'r Cells),
    /// A JSON value.
    Tree(&'r Tree),
    /// Not to be read: the code of its reject, and what is wrong.
    Broken(&'r str, &'r str),
}

impl Opened {
    /// The titles of the columns, where the format has any.
    pub fn titles(&self) -> Vec<String> {
        serde_json::from_str(&self.from.head)
            .map(|head: Head| head.columns)
            .unwrap_or_default()
    }

    /// Gives every record to `each`, in the order of the file.
    ///
    /// # Errors
    /// What the source, the framer and the parser say.
    pub async fn rows(
        mut self,
        each: &mut (dyn FnMut(Position, Row<'_>) + Send),
    ) -> Result<(), Fatal> {
        let mut at_end = false;
        loop {
            while let Some(block) = self.framer.next_block(at_end)? {
                self.rows_of(&block, each)?;
            }
            if at_end {
                return Ok(());
            }
            self.framer.buffer().reserve(READ_BYTES);
            at_end = self.source.read(self.framer.buffer()).await? == 0;
        }
    }

    fn rows_of(
        &self,
        block: &Block,
        each: &mut (dyn FnMut(Position, Row<'_>) + Send),
    ) -> Result<(), Fatal> {
        let next = &mut 0;
        match &self.front {
            Front::Cells(parser, _) => {
                give(&**parser, block, next, each, |cells| Row::Cells(cells))
            }
            Front::Tree(parser, _) => give(&**parser, block, next, each, |tree| Row::Tree(tree)),
            Front::KindsOfCells(_) | Front::KindsOfTrees(_) => {
                let message = "records of several kinds have no rows in common";
                Err(Fatal::new("internal", message))
            }
        }?;
        broken(block, *next, block.frames.len(), each);
        Ok(())
    }
}

fn give<W>(
    parser: &dyn Parser<W>,
    block: &Block,
    next: &mut usize,
    each: &mut (dyn FnMut(Position, Row<'_>) + Send),
    row_of: impl for<'r> Fn(&'r W) -> Row<'r>,
) -> Result<(), Fatal> {
    parser.parse(block, &mut |index, row| {
        broken(block, *next, index, each);
        *next = index + 1;
        match row {
            Ok(row) => each(block.position(index), row_of(row)),
            Err(problem) => each(
                block.position(index),
                Row::Broken(&problem.code, &problem.message),
            ),
        }
    })
}

/// The records between two that were parsed: the framer gave them up.
fn broken(block: &Block, from: usize, to: usize, each: &mut (dyn FnMut(Position, Row<'_>) + Send)) {
    for index in from..to {
        let code = block.frames[index].broken.unwrap_or("broken");
        each(
            block.position(index),
            Row::Broken(code, "its end was not found"),
        );
    }
}
