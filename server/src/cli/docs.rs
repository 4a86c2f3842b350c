//! `docs`: the reference of the spec language as Markdown, generated from the types that read it.

use super::Exit;

pub fn docs() -> Exit {
    super::print(&stages::spec::markdown())
}
