//! Whole records: a reject keeps the start of its record, and the rest is in the object.
//!
//! The object is read once, forward: rejects come in the order of the file. It is cut by the framer of the plan, from the
//! place of the reject, so a record is here what it was in the load. What is between two long records is passed over, and
//! skipped where the object can be opened in its middle. A document of XML is always walked through, for the sake of what it
//! declares around its records. Memory is one record and one read.

use bytes::{Buf, Bytes, BytesMut};
use pipeline::{Fatal, FrameLimits, Framer, MAX_RAW_BYTES, Position, Reject, Retry, Source};
use stages::frame::csv::CsvFramer;
use stages::frame::json::JsonFramer;
use stages::frame::lines::LinesFramer;
use stages::frame::xml::XmlFramer;
use stages::plan::{FormatPlan, Plan};
use stages::source::Origin;
use stages::unpack::{TextForm, open_at};
use std::sync::Arc;

/// Room made for each read, in bytes.
const READ_BYTES: usize = 64 * 1024;
/// The most bytes that are read to be passed over, where the object could be opened behind them instead.
const MAX_PASSED_BYTES: u64 = 4 * 1024 * 1024;

/// A record of which a reject has the start, or all.
pub(super) enum Record {
    /// The reject has all of it.
    Kept,
    /// All of it, from the object.
    Read(Bytes),
    /// More than the reject has cannot be had; why.
    Cut(&'static str),
}

impl Record {
    /// Its bytes, as far as they are there, without a line end.
    pub(super) fn bytes<'a>(&'a self, reject: &'a Reject) -> &'a [u8] {
        match self {
            Self::Read(bytes) => bytes,
            Self::Kept | Self::Cut(_) => &reject.raw,
        }
    }

    /// Why its end is missing, where it is.
    pub(super) fn why_cut(&self) -> Option<&'static str> {
        match self {
            Self::Cut(why) => Some(why),
            Self::Kept | Self::Read(_) => None,
        }
    }
}

/// Reads whole records from an object.
pub(super) struct Whole {
    plan: Arc<Plan>,
    /// None where the object is gone, or turned out to be.
    origin: Option<Box<dyn Origin>>,
    reader: Option<Reader>,
    /// The walk through a document of XML.
    elements: Option<Elements>,
    /// What stands around the last record, where that is known.
    context: Option<Bytes>,
}

/// Goes from element to element of a document.
struct Elements {
    framer: XmlFramer,
    source: Box<dyn Source>,
    at_end: bool,
}

struct Reader {
    source: Box<dyn Source>,
    /// Whether it can be opened in its middle.
    is_plain: bool,
    form: TextForm,
    /// Decoded bytes before `buffer`.
    at: u64,
    buffer: BytesMut,
}

impl Whole {
    pub(super) fn new(plan: Arc<Plan>, origin: Option<Box<dyn Origin>>) -> Self {
        Self {
            plan,
            origin,
            reader: None,
            elements: None,
            context: None,
        }
    }

    /// What stands around the record that was asked for last, in a document of XML: the start tags that declare
    /// namespaces. `None` where the object is gone.
    pub(super) fn context(&self) -> Option<&[u8]> {
        self.context.as_deref()
    }

    pub(super) fn origin(&self) -> Option<&dyn Origin> {
        self.origin.as_deref()
    }

    /// How the text of the object is encoded, as it is found, or as the spec says where the object is gone. A mark of
    /// UTF-8 is only kept in a CSV, which spreadsheets read by it.
    pub(super) async fn form(&mut self) -> Result<TextForm, Fatal> {
        let said = self.plan.input.unpack.encoding;
        let opened = self.reader_at(0).await;
        let found = opened.map(|reader| reader.map(|reader| reader.form));
        let found = self.unless_gone(found)?;
        let form = found.unwrap_or_else(|| TextForm::as_said(said));
        Ok(match self.plan.format {
            FormatPlan::Csv(_) => form,
            _ => form.unmarked_utf_8(),
        })
    }

    /// The first `len` decoded bytes; `None` when the object is gone.
    pub(super) async fn head(&mut self, len: u64) -> Result<Option<Vec<u8>>, Fatal> {
        let read = self.try_head(len as usize).await;
        self.unless_gone(read)
    }

    async fn try_head(&mut self, len: usize) -> Result<Option<Vec<u8>>, Fatal> {
        let Some(reader) = self.reader_at(0).await? else {
            return Ok(None);
        };
        while reader.buffer.len() < len {
            if reader.read().await? == 0 {
                return Err(changed());
            }
        }
        Ok(Some(reader.buffer[..len].to_vec()))
    }

    /// The record of a reject. Rejects are asked for in the order of the file.
    pub(super) async fn record(&mut self, reject: &Reject) -> Result<Record, Fatal> {
        let element = match &self.plan.format {
            FormatPlan::Xml(_) => {
                let found = self.element(reject.at.ordinal).await;
                self.unless_gone(found)?
            }
            _ => None,
        };
        self.context = element.as_ref().map(|(context, _)| context.clone());
        if reject.raw.len() < MAX_RAW_BYTES {
            return Ok(Record::Kept);
        }
        match reject.leading().map_or("", |problem| &problem.code) {
            "record_too_large" => return Ok(Record::Cut("the record is longer than is allowed")),
            "unclosed_quote" => return Ok(Record::Cut("the record has no end")),
            _ => {}
        }
        let found = match element {
            Some((_, bytes)) => Some(bytes),
            None => {
                let read = self.try_record(reject.at).await;
                self.unless_gone(read)?
            }
        };
        Ok(match found.filter(|bytes| bytes.starts_with(&reject.raw)) {
            Some(bytes) => Record::Read(bytes),
            None => Record::Cut("the file is gone"),
        })
    }

    /// What stands around an element of a document, and the element.
    async fn element(&mut self, ordinal: u64) -> Result<Option<(Bytes, Bytes)>, Fatal> {
        let (FormatPlan::Xml(xml), Some(origin)) = (&self.plan.format, &self.origin) else {
            return Ok(None);
        };
        let (unpack, limits) = (&self.plan.input.unpack, self.limits());
        let walk = match &mut self.elements {
            Some(walk) => walk,
            none => none.insert(Elements {
                framer: XmlFramer::new(&xml.path, unpack.encoding, Position::START, limits),
                source: open_at(&**origin, unpack, 0).await?.source,
                at_end: false,
            }),
        };
        loop {
            match walk.framer.next_block(walk.at_end)? {
                Some(block) if block.start.ordinal == ordinal => {
                    let frame = block.frames.first().ok_or_else(changed)?;
                    let bytes = block.bytes.slice(frame.start as usize..frame.end as usize);
                    return Ok(Some((block.context, bytes)));
                }
                Some(_) => {}
                None if walk.at_end => return Err(changed()),
                None => {
                    let buffer = walk.framer.buffer();
                    buffer.reserve(READ_BYTES);
                    walk.at_end = walk.source.read(buffer).await? == 0;
                }
            }
        }
    }

    async fn try_record(&mut self, at: Position) -> Result<Option<Bytes>, Fatal> {
        let mut framer = self.framer(at);
        let Some(reader) = self.reader_at(at.offset).await? else {
            return Ok(None);
        };
        *framer.buffer() = std::mem::take(&mut reader.buffer);
        let mut at_end = false;
        let block = loop {
            if let Some(block) = framer.next_block(at_end)? {
                break block;
            }
            if at_end {
                return Err(changed());
            }
            let buffer = framer.buffer();
            buffer.reserve(READ_BYTES);
            at_end = reader.source.read(buffer).await? == 0;
        };
        reader.buffer = std::mem::take(framer.buffer());
        reader.at = block.end.offset;
        match block.frames.first() {
            Some(frame) if frame.offset == at.offset && frame.broken.is_none() => {
                let len = block.text(0).len();
                let start = frame.start as usize;
                Ok(Some(block.bytes.slice(start..start + len)))
            }
            _ => Err(changed()),
        }
    }

    fn limits(&self) -> FrameLimits {
        FrameLimits {
            max_record_bytes: self.plan.input.max_record_bytes,
            max_block_records: 1,
            ..FrameLimits::default()
        }
    }

    /// A framer that cuts one record at a time.
    fn framer(&self, at: Position) -> Box<dyn Framer> {
        let limits = self.limits();
        match &self.plan.format {
            FormatPlan::Csv(dialect) => Box::new(CsvFramer::new(dialect, at, limits)),
            FormatPlan::Json(path) => Box::new(JsonFramer::of_one(path, at, limits)),
            FormatPlan::Xml(xml) => Box::new(XmlFramer::of_one(&xml.path, at, limits)),
            FormatPlan::Jsonl | FormatPlan::Lines(..) | FormatPlan::Fixed(..) => {
                Box::new(LinesFramer::new(at, limits))
            }
        }
    }

    /// A reader that stands at `offset`, which is never before that of an earlier call.
    async fn reader_at(&mut self, offset: u64) -> Result<Option<&mut Reader>, Fatal> {
        let Some(origin) = &self.origin else {
            return Ok(None);
        };
        let near = |reader: &Reader| {
            let gap = offset.checked_sub(reader.at);
            gap.is_some_and(|gap| !reader.is_plain || gap <= MAX_PASSED_BYTES)
        };
        let reader = match self.reader.take().filter(near) {
            Some(reader) => reader,
            None => {
                let opened = open_at(&**origin, &self.plan.input.unpack, offset).await?;
                Reader {
                    source: opened.source,
                    is_plain: opened.restartable,
                    form: opened.form,
                    at: opened.decoded_offset,
                    buffer: BytesMut::new(),
                }
            }
        };
        let reader = self.reader.insert(reader);
        reader.pass_to(offset).await?;
        Ok(Some(reader))
    }

    /// What no further try gives is gone; nothing is asked of the object any more.
    fn unless_gone<T>(&mut self, read: Result<Option<T>, Fatal>) -> Result<Option<T>, Fatal> {
        match read {
            Err(fatal) if fatal.retry == Retry::Never => {
                tracing::warn!(
                    code = fatal.code,
                    reason = fatal.message,
                    "the object is gone"
                );
                (self.origin, self.reader, self.elements) = (None, None, None);
                Ok(None)
            }
            read => read,
        }
    }
}

impl Reader {
    async fn read(&mut self) -> Result<usize, Fatal> {
        self.buffer.reserve(READ_BYTES);
        self.source.read(&mut self.buffer).await
    }

    async fn pass_to(&mut self, offset: u64) -> Result<(), Fatal> {
        loop {
            let left = offset.saturating_sub(self.at);
            let here = left.min(self.buffer.len() as u64);
            self.buffer.advance(here as usize);
            self.at += here;
            if left == here {
                return Ok(());
            }
            if self.read().await? == 0 {
                return Err(changed());
            }
        }
    }
}

fn changed() -> Fatal {
    Fatal::new(
        "source_changed",
        "the object is not the one that was loaded",
    )
}
