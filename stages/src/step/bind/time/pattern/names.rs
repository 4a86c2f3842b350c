//! Names of months and weekdays in the languages of Europe that partners write, as the Unicode CLDR has them, with
//! the spellings that programs without accents and with their own abbreviations give. English ones are read beside
//! each language; no name means two things in one language and English, which a test shows.

use super::{MONTHS, SHORT_NAME_BYTES, WEEKDAYS};
use schemars::JsonSchema;
use serde::Deserialize;

/// The language of names in dates.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Locale {
    /// German.
    De,
    /// English.
    #[default]
    En,
    /// Spanish.
    Es,
    /// French.
    Fr,
    /// Italian.
    It,
    /// Dutch.
    Nl,
}

/// The names of one language, each month and weekday with all its spellings between blanks, in small letters.
#[derive(Debug)]
pub struct Names {
    months: [&'static str; 12],
    /// From Thursday.
    weekdays: [&'static str; 7],
}

impl Locale {
    /// The names beside the English ones; none for English itself.
    pub fn names(self) -> Option<&'static Names> {
        match self {
            Self::En => None,
            Self::De => Some(&GERMAN),
            Self::Es => Some(&SPANISH),
            Self::Fr => Some(&FRENCH),
            Self::It => Some(&ITALIAN),
            Self::Nl => Some(&DUTCH),
        }
    }
}

impl Names {
    /// The month (from 0) or weekday (from Thursday) whose name begins `text`, and how many bytes that takes: the
    /// longest name counts.
    pub fn find(&self, text: &str, is_month: bool) -> Option<(u32, usize)> {
        let own: &[&str] = if is_month {
            &self.months
        } else {
            &self.weekdays
        };
        let own = own
            .iter()
            .zip(0..)
            .flat_map(|(spellings, index)| spellings.split(' ').map(move |name| (name, index)));
        let english: &[&str] = if is_month { &MONTHS } else { &WEEKDAYS };
        let english = english
            .iter()
            .zip(0..)
            .flat_map(|(name, index)| [(*name, index), (&name[..SHORT_NAME_BYTES], index)]);
        own.chain(english)
            .filter_map(|(name, index)| Some((index, begins(text, name)?)))
            .max_by_key(|&(_, bytes)| bytes)
    }
}

/// The bytes of `text` that are `name` in any case.
fn begins(text: &str, name: &str) -> Option<usize> {
    let mut rest = text.chars();
    for wanted in name.chars() {
        let found = rest.next()?;
        if found != wanted && !found.to_lowercase().eq([wanted]) {
            return None;
        }
    }
    Some(text.len() - rest.as_str().len())
}

static GERMAN: Names = Names {
    months: [
        "januar jänner jan jän",
        "februar feber feb",
        "märz maerz mär mrz mar",
        "april apr",
        "mai",
        "juni jun",
        "juli jul",
        "august aug",
        "september sept sep",
        "oktober okt",
        "november nov",
        "dezember dez",
    ],
    weekdays: [
        "donnerstag don do",
        "freitag fre fr",
        "samstag sonnabend sam sa",
        "sonntag son so",
        "montag mon mo",
        "dienstag die di",
        "mittwoch mit mi",
    ],
};

static SPANISH: Names = Names {
    months: [
        "enero ene",
        "febrero feb",
        "marzo mar",
        "abril abr",
        "mayo may",
        "junio jun",
        "julio jul",
        "agosto ago",
        "septiembre setiembre sept sep set",
        "octubre oct",
        "noviembre nov",
        "diciembre dic",
    ],
    weekdays: [
        "jueves jue",
        "viernes vie",
        "sábado sabado sáb sab",
        "domingo dom",
        "lunes lun",
        "martes mar",
        "miércoles miercoles mié mie",
    ],
};

static FRENCH: Names = Names {
    months: [
        "janvier janv jan",
        "février fevrier févr fevr fév fev",
        "mars",
        "avril avr",
        "mai",
        "juin",
        "juillet juil",
        "août aout",
        "septembre sept sep",
        "octobre oct",
        "novembre nov",
        "décembre decembre déc dec",
    ],
    weekdays: [
        "jeudi jeu",
        "vendredi ven",
        "samedi sam",
        "dimanche dim",
        "lundi lun",
        "mardi mar",
        "mercredi mer",
    ],
};

static ITALIAN: Names = Names {
    months: [
        "gennaio gen",
        "febbraio feb",
        "marzo mar",
        "aprile apr",
        "maggio mag",
        "giugno giu",
        "luglio lug",
        "agosto ago",
        "settembre set sett",
        "ottobre ott",
        "novembre nov",
        "dicembre dic",
    ],
    weekdays: [
        "giovedì giovedi gio",
        "venerdì venerdi ven",
        "sabato sab",
        "domenica dom",
        "lunedì lunedi lun",
        "martedì martedi mar",
        "mercoledì mercoledi mer",
    ],
};

static DUTCH: Names = Names {
    months: [
        "januari jan",
        "februari feb",
        "maart mrt",
        "april apr",
        "mei",
        "juni jun",
        "juli jul",
        "augustus aug",
        "september sept sep",
        "oktober okt",
        "november nov",
        "december dec",
    ],
    weekdays: [
        "donderdag don do",
        "vrijdag vri vr",
        "zaterdag zat za",
        "zondag zon zo",
        "maandag maa ma",
        "dinsdag din di",
        "woensdag woe wo",
    ],
};

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Locale; 5] = [Locale::De, Locale::Es, Locale::Fr, Locale::It, Locale::Nl];

    #[test]
    fn every_name_means_one_thing_and_every_english_one_is_read_too() {
        for locale in ALL {
            let names = locale.names().unwrap();
            for (is_month, own, english) in [
                (true, &names.months[..], &MONTHS[..]),
                (false, &names.weekdays[..], &WEEKDAYS[..]),
            ] {
                for (index, spellings) in own.iter().enumerate() {
                    for name in spellings
                        .split(' ')
                        .chain([english[index], &english[index][..3]])
                    {
                        let found = names.find(name, is_month);
                        assert_eq!(found, Some((index as u32, name.len())), "{locale:?} {name}");
                        let loud = name.to_uppercase();
                        let found = names.find(&loud, is_month);
                        assert_eq!(found, Some((index as u32, loud.len())), "{locale:?} {loud}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_name_is_none() {
        for locale in ALL {
            for text in ["", "x", "ja", "\u{304}", "1", "foo"] {
                let names = locale.names().unwrap();
                assert_eq!(names.find(text, true), None, "{locale:?} {text}");
            }
        }
    }
}
