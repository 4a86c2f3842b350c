//! What stands behind the bind of a load: its steps in order, what makes several records of one or one of several, the
//! encoder, and what is judged of all records. It joins these with parser and bind, of one kind of record or of several.

use crate::control::Totals;
use crate::corrected::{Corrected, Referred, Taking};
use crate::record::Record;
use crate::step::{ExplodePlan, Joiner};
use pipeline::{
    Bind, Branch, Chain, Convert, Cover, Encode, Identify, Measure, Parser, Position, Reader, Rear,
    Role, Sorted, Step,
};
use std::sync::Arc;

/// What stands behind the bind, and what is added up.
pub struct Behind {
    pub steps: Vec<Arc<dyn Step<Record>>>,
    pub explode: Option<ExplodePlan>,
    pub join: Option<Joiner>,
    pub encode: Box<dyn Encode<Record>>,
    pub cover: Option<Arc<dyn Cover>>,
    pub totals: Option<Arc<Totals>>,
    pub unique: Option<Arc<dyn Identify<Record>>>,
    /// What was added to the records is taken off, and what their references mean.
    pub corrected: Option<(Taking, Arc<[Referred]>)>,
}

impl Behind {
    /// Parser, bind, steps and encoder as one.
    pub fn join<W: 'static>(
        mut self,
        parser: Box<dyn Parser<W>>,
        bind: impl Bind<W, Record> + 'static,
    ) -> Arc<dyn Convert> {
        let (parser, places): (Box<dyn Parser<W>>, _) = match self.corrected.take() {
            None => (parser, None),
            Some((taking, referred)) => {
                // One without a place never becomes a document.
                let places = referred.iter().map(Referred::place);
                let places = places.map(|place| place.unwrap_or(Position::START));
                let places = Arc::from_iter(places);
                let corrected = Corrected {
                    parser,
                    taking,
                    referred,
                };
                (Box::new(corrected), Some(places))
            }
        };
        let reader = Reader {
            parser,
            bind: Box::new(bind),
        };
        // Totals are of whole files, never of corrected records.
        if self.totals.is_some() {
            return self.sort(vec![Branch {
                name: "record".into(),
                role: Role::Load(reader),
            }]);
        }
        let cover = self.cover.clone();
        let chain = Chain::new(reader, self.rear()).covered(cover);
        Arc::new(chain.placed(places))
    }

    /// The same for several kinds of records, or where records are added up.
    pub fn sort<W: 'static>(mut self, branches: Vec<Branch<W, Record>>) -> Arc<dyn Convert> {
        let totals = self.totals.take();
        let measure = totals.map(|totals| totals as Arc<dyn Measure<Record>>);
        let cover = self.cover.clone();
        let sorted = Sorted::new(branches, self.rear());
        Arc::new(sorted.covered(cover).measured(measure))
    }

    fn rear(self) -> Rear<Record> {
        let mut rear = Rear::new(self.encode);
        let mut explode = self.explode;
        let before = explode
            .as_ref()
            .map_or(usize::MAX, |explode| explode.behind);
        for (number, step) in self.steps.into_iter().enumerate() {
            if number == before
                && let Some(explode) = explode.take()
            {
                rear = rear.explode(Box::new(explode));
            }
            rear = rear.step(Box::new(step));
        }
        if let Some(explode) = explode {
            rear = rear.explode(Box::new(explode));
        }
        if let Some(join) = self.join {
            rear = rear.join(Box::new(join));
        }
        rear.identified(self.unique)
    }
}
