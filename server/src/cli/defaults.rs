//! `defaults`: every default of the spec language, as a commented spec.

use super::Exit;

pub fn defaults() -> Exit {
    super::print(stages::spec::DEFAULTS)
}
