//! The tables of one store in a SQLite file, and what was added to them later.
//!
//! A file that an earlier version of the program made has its tables without the columns that came since: they are
//! added when it is opened. A column that is there is never changed, and none is ever removed.

use rusqlite::Connection;

/// The tables of one store.
#[derive(Clone, Copy, Debug)]
pub struct Schema {
    statements: &'static str,
    added: &'static [Added],
}

/// A column that a table did not have in an earlier version of the program.
#[derive(Clone, Copy, Debug)]
pub struct Added {
    /// The table, which an earlier version made without it.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// Its type and constraints. What is `NOT NULL` needs a `DEFAULT`, which the rows that are there take.
    pub definition: &'static str,
}

impl Schema {
    /// The tables that `statements` make; running them again changes nothing.
    pub const fn new(statements: &'static str) -> Self {
        Self {
            statements,
            added: &[],
        }
    }

    /// The same tables, of which these columns came later.
    #[must_use]
    pub const fn with_added(self, added: &'static [Added]) -> Self {
        Self { added, ..self }
    }

    /// Makes the tables, or brings those that are there up to date.
    pub(super) fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
        // First: an index among the statements may be over a new column.
        for added in self.added {
            added.apply(connection)?;
        }
        connection.execute_batch(self.statements)
    }
}

impl Added {
    fn apply(&self, connection: &Connection) -> rusqlite::Result<()> {
        let Self {
            table,
            column,
            definition,
        } = self;
        let select = "SELECT max(name = ?2) FROM pragma_table_info(?1)";
        let has: Option<bool> = connection.query_row(select, [table, column], |row| row.get(0))?;
        match has {
            Some(false) => connection.execute_batch(&format!(
                "ALTER TABLE {table} ADD COLUMN {column} {definition}"
            )),
            // It has it, or there is no such table yet.
            Some(true) | None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Schema = Schema::new("CREATE TABLE IF NOT EXISTS t (n INTEGER NOT NULL)");
    const ADDED: Added = Added {
        table: "t",
        column: "m",
        definition: "INTEGER NOT NULL DEFAULT 5",
    };
    const SECOND: Schema = Schema::new(
        "CREATE TABLE IF NOT EXISTS t (n INTEGER NOT NULL, m INTEGER NOT NULL);
         CREATE INDEX IF NOT EXISTS t_m ON t (m)",
    )
    .with_added(&[ADDED]);

    fn rows(connection: &Connection) -> Vec<(i64, i64)> {
        let mut select = connection.prepare("SELECT n, m FROM t ORDER BY n").unwrap();
        let rows = select.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
        rows.unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn a_table_of_an_earlier_version_gets_the_column_once_and_keeps_its_rows() {
        let connection = Connection::open_in_memory().unwrap();
        FIRST.apply(&connection).unwrap();
        let insert = |text: &str| connection.execute(text, []).unwrap();
        insert("INSERT INTO t (n) VALUES (1)");
        SECOND.apply(&connection).unwrap();
        insert("INSERT INTO t (n, m) VALUES (2, 7)");
        SECOND.apply(&connection).unwrap();
        assert_eq!(rows(&connection), [(1, 5), (2, 7)]);
    }

    #[test]
    fn a_new_table_is_made_as_its_statement_says() {
        let connection = Connection::open_in_memory().unwrap();
        SECOND.apply(&connection).unwrap();
        let without = connection.execute("INSERT INTO t (n) VALUES (1)", []);
        assert!(without.is_err());
        assert_eq!(rows(&connection), []);
    }
}
