//! Each stage of a format driven alone, and all of them as the chain: what every bench of single stages runs.
//!
//! Framing is fed as the runner feeds it, 256 KiB at a time, and includes that copy. One thread, bytes in memory, no
//! target. Nothing here measures: whoever drives does.

use crate::Input;
use bytes::{Bytes, BytesMut};
use pipeline::{
    BLOCK_BYTES, Bind, Block, Converted, Encode, Fatal, FrameLimits, Framer, Parser, Position,
    Problem, Step, Verdict,
};
use stages::frame::csv::CsvFramer;
use stages::frame::json::JsonFramer;
use stages::frame::lines::LinesFramer;
use stages::frame::xml::XmlFramer;
use stages::identity::LoadIdentity;
use stages::json::RecordPath;
use stages::parse::csv::CsvParser;
use stages::parse::{JsonParser, XmlParser};
use stages::plan::FormatPlan;
use stages::record::{Cells, DocumentWriter, Record, Tree};
use stages::sink::{Nulls, mongodb, null};
use stages::source::Origin;
use stages::source::memory::MemoryOrigin;
use stages::unpack::{self, Unpack};
use std::hint::black_box;
use std::sync::Arc;

type MakeFramer = Box<dyn Fn() -> Box<dyn Framer>>;

/// The stages of one format over one input; `W` is what its parser fills.
pub struct Stages<W> {
    /// What they read.
    pub input: Input,
    /// Where the first record begins: the head of a CSV is none.
    pub rows_at: usize,
    framer: MakeFramer,
    parser: Box<dyn Parser<W>>,
    bind: Box<dyn Bind<W, Record>>,
    steps: Vec<Arc<dyn Step<Record>>>,
}

impl Stages<Cells> {
    /// Orders as CSV, at least `min_bytes` bytes.
    pub fn orders(min_bytes: usize) -> Self {
        let input = Input::orders(min_bytes);
        let (dialect, titles) = input.csv();
        let dialect = dialect.clone();
        let bound = input.plan.bind.for_columns(&titles, &Default::default());
        let bind = bound.unwrap_or_else(|refusal| panic!("{refusal:?}"));
        let parser = CsvParser::new(&dialect, titles.len());
        let head = input.bytes.iter().position(|&byte| byte == b'\n');
        let framer: MakeFramer =
            Box::new(move || Box::new(CsvFramer::new(&dialect, Position::START, limits())));
        Self::of(
            input,
            head.map_or(0, |end| end + 1),
            framer,
            parser,
            Box::new(bind),
        )
    }
}

impl Stages<Tree> {
    /// Events as JSON Lines, at least `min_bytes` bytes.
    pub fn events(min_bytes: usize) -> Self {
        let input = Input::events(min_bytes);
        let bind = Box::new(input.plan.bind.for_tree(&Default::default()));
        let framer: MakeFramer = Box::new(|| Box::new(LinesFramer::new(Position::START, limits())));
        Self::of(input, 0, framer, JsonParser, bind)
    }

    /// The same events as one JSON document.
    pub fn events_document(min_bytes: usize) -> Self {
        let input = Input::events_document(min_bytes);
        let FormatPlan::Json(path) = input.plan.format.clone() else {
            panic!("{} is no JSON document", input.plan.name);
        };
        let bind = Box::new(input.plan.bind.for_tree(&Default::default()));
        let framer: MakeFramer =
            Box::new(move || Box::new(JsonFramer::new(&path, Position::START, limits())));
        Self::of(input, 0, framer, JsonParser, bind)
    }

    /// The same events as one XML document.
    pub fn events_xml(min_bytes: usize) -> Self {
        let input = Input::events_xml(min_bytes);
        let FormatPlan::Xml(xml) = input.plan.format.clone() else {
            panic!("{} is no XML", input.plan.name);
        };
        let parser = XmlParser::new(xml.path.namespaces.clone(), xml.takes.clone());
        let bind = Box::new(input.plan.bind.for_tree(&Default::default()));
        let encoding = input.plan.input.unpack.encoding;
        let framer: MakeFramer = Box::new(move || {
            Box::new(XmlFramer::new(
                &xml.path,
                encoding,
                Position::START,
                limits(),
            ))
        });
        Self::of(input, 0, framer, parser, bind)
    }
}

/// Frames `bytes` as the runner would.
pub fn frame(mut framer: Box<dyn Framer>, bytes: &[u8], each: &mut dyn FnMut(Block)) {
    let mut drain = |framer: &mut dyn Framer, at_end| loop {
        match framer.next_block(at_end) {
            Ok(Some(block)) => each(block),
            Ok(None) => break,
            Err(fatal) => panic!("{fatal}"),
        }
    };
    for piece in bytes.chunks(BLOCK_BYTES) {
        let buffer: &mut BytesMut = framer.buffer();
        buffer.reserve(BLOCK_BYTES);
        buffer.extend_from_slice(piece);
        drain(&mut *framer, false);
    }
    drain(&mut *framer, true);
}

/// A framer of a JSON document whose records are where `path` leads.
pub fn json_framer(path: &str) -> Box<dyn Framer> {
    match RecordPath::parse(path) {
        Ok(path) => Box::new(JsonFramer::new(&path, Position::START, limits())),
        Err(bad) => panic!("{path}: {}", bad.message),
    }
}

impl<W: Clone> Stages<W> {
    fn of(
        input: Input,
        rows_at: usize,
        framer: MakeFramer,
        parser: impl Parser<W> + 'static,
        bind: Box<dyn Bind<W, Record>>,
    ) -> Self {
        let steps = input.plan.steps.iter();
        Self {
            steps: steps.map(|planned| planned.step.clone()).collect(),
            input,
            rows_at,
            framer,
            parser: Box::new(parser),
            bind,
        }
    }

    /// The bytes of the records, without a head.
    pub fn bytes(&self) -> &[u8] {
        &self.input.bytes[self.rows_at..]
    }

    /// Frames the input.
    pub fn frame(&self, each: &mut dyn FnMut(Block)) {
        frame((self.framer)(), self.bytes(), each);
    }

    /// Every block of the input.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        self.frame(&mut |block| blocks.push(block));
        blocks
    }

    /// Parses a block: its good rows.
    pub fn parse(&self, block: &Block, each: &mut dyn FnMut(&mut W)) {
        let parsed = self.parser.parse(block, &mut |_, row| {
            if let Ok(row) = row {
                each(row);
            }
        });
        parsed.unwrap_or_else(|fatal| panic!("{fatal}"));
    }

    /// The good rows of some blocks.
    pub fn rows(&self, blocks: &[Block]) -> Vec<W> {
        let mut rows = Vec::new();
        for block in blocks {
            self.parse(block, &mut |row| rows.push(row.clone()));
        }
        rows
    }

    /// Binds and validates one row.
    pub fn bind(&self, row: &mut W, record: &mut Record) -> Verdict {
        self.bind.bind(row, record)
    }

    /// The good records of some rows, before the steps.
    pub fn records(&self, rows: &mut [W]) -> Vec<Record> {
        let bound = rows.iter_mut().filter_map(|row| {
            let mut record = Record::default();
            (self.bind(row, &mut record) == Verdict::Keep).then_some(record)
        });
        bound.collect()
    }

    /// Whether the spec has steps.
    pub fn has_steps(&self) -> bool {
        !self.steps.is_empty()
    }

    /// The steps over one record. Deriving a field again changes nothing, so the same record can be judged again.
    pub fn judge(&self, record: &mut Record) -> Verdict {
        let verdicts = self.steps.iter().map(|step| step.apply(record));
        let mut other = verdicts.skip_while(|verdict| *verdict == Verdict::Keep);
        other.next().unwrap_or(Verdict::Keep)
    }
}

fn limits() -> FrameLimits {
    FrameLimits::default()
}

/// Makes an encoder for an input.
pub type MakeEncoder = fn(&Input) -> Box<dyn Encode<Record>>;

/// The encoders of MongoDB and, but for its key, of the embedded store.
pub const ENCODERS: [(&str, MakeEncoder); 2] = [
    ("BSON", |input| {
        let encode = mongodb::encoder(
            &input.plan.sink.target,
            &input.plan.sink.flow,
            &input.load(),
        );
        encode.unwrap_or_else(|fatal| panic!("{fatal}"))
    }),
    ("JSON", |input| {
        let load = input.load();
        Box::new(Json {
            documents: DocumentWriter::new(&load.schema, Nulls::default(), None),
            identity: load.identity,
        })
    }),
];

/// The encoder of the null sink.
pub const TO_NULL: (&str, MakeEncoder) = ("null", |_| null::open().encode);

/// Documents as JSON with their `_id`.
struct Json {
    documents: DocumentWriter,
    identity: LoadIdentity,
}

impl Encode<Record> for Json {
    fn encode(
        &self,
        at: Position,
        part: u32,
        record: &Record,
        out: &mut Vec<u8>,
    ) -> Result<(), Problem> {
        let id = self.identity.document_id(at.ordinal, part);
        self.documents.write(Some(&id), at, record, out);
        Ok(())
    }
}

/// Encodes one record behind the other into `out`, with room for about one block; leaves it empty.
pub fn encode(encode: &dyn Encode<Record>, records: &[Record], out: &mut Vec<u8>) {
    for (record, ordinal) in records.iter().zip(0..) {
        if out.len() > 2 * BLOCK_BYTES {
            out.clear();
        }
        let at = Position {
            ordinal,
            ..Position::START
        };
        black_box(encode.encode(at, 0, record, out))
            .unwrap_or_else(|problem| panic!("{problem:?}"));
    }
    out.clear();
}

/// The chain as the program opens it, from the source's bytes to the outcome of each block, which `each` is given.
pub async fn chain(
    input: &Input,
    encode: Box<dyn Encode<Record>>,
    each: &mut (dyn FnMut(Converted) + Send),
) {
    let (mut parts, convert) = input.open(encode).await;
    let mut at_end = false;
    loop {
        while let Ok(Some(block)) = parts.framer.next_block(at_end) {
            let converted = convert.convert(block);
            each(converted.unwrap_or_else(|fatal| panic!("{fatal}")));
        }
        if at_end {
            return;
        }
        let buffer = parts.framer.buffer();
        buffer.reserve(BLOCK_BYTES);
        let read = parts.source.read(buffer).await;
        at_end = read.unwrap_or_else(|fatal| panic!("{fatal}")) == 0;
    }
}

/// Unpacks to the end, and says how many bytes came.
pub async fn unpack(packed: Bytes) -> u64 {
    let unpacked = async {
        let source = MemoryOrigin::new("bench", packed).read_from(0).await?;
        let mut unpacked = unpack::unpack(source, &Unpack::default()).await?;
        let (mut buffer, mut bytes) = (BytesMut::new(), 0);
        loop {
            buffer.clear();
            buffer.reserve(BLOCK_BYTES);
            match unpacked.source.read(&mut buffer).await? {
                0 => return Ok::<_, Fatal>(bytes),
                read => bytes += read as u64,
            }
        }
    };
    unpacked.await.unwrap_or_else(|fatal| panic!("{fatal}"))
}
