//! The chronicle: what was read of the pages, as it outlives the daemon, so that a start with an unchanged folder is a
//! walk through it and no reading.
//!
//! It says no more than that a file with a certain seal reads so. It is a log of chunks, each with its length and a
//! digest: a page more is appended, and now and then the whole is written anew. What is torn, damaged, or of another reader
//! is no reason to doubt anything else; those pages are read again. Frames stand in it once, before the pages that were read
//! beside them, and of what feeds said of a page there is only a print: the feeds are read at every start.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Read};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::codec::{Pen, Text};
use crate::article::Print;
use crate::site::feed::Mention;
use crate::site::frame::Frame;
use crate::site::snapshot::Sighting;

/// The first bytes, with the version of the form.
const MAGIC: &[u8] = b"tidings pages 2\n";
/// Bytes of pages that are written as one chunk: few enough that reading one takes no memory to speak of.
const CHUNK: usize = 32 << 10;
/// Bytes of a chunk that is believed: a frame, or a page with many names, may be longer than others.
const MAX_CHUNK: usize = 16 << 20;
/// Bytes before the content of a chunk: its length, and the first 8 of a SHA-256 over it.
const HEAD: usize = 12;

/// What is told of a page.
const PAGE: u8 = 1;
const GONE: u8 = 2;
const FRAME: u8 = 3;

/// Writes a chronicle, or goes on with one.
#[derive(Debug, Default)]
pub(super) struct Writer {
    /// The frames that stand in it, by their numbers.
    frames: Vec<Arc<Frame>>,
    chunk: Vec<u8>,
    /// Pages, there and gone, that it tells of, each as often as it does.
    pub(super) told: usize,
}

/// What a chronicle told.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// The pages, without what the feeds say of them.
    pub(super) pages: BTreeMap<Arc<str>, Arc<Sighting>>,
    /// Prints of what the feeds said.
    pub(super) heard: HashMap<Arc<str>, Print>,
    /// To go on with it.
    pub(super) writer: Writer,
    /// Whether it was another reader that read the pages, of the same site.
    pub(super) by_another: bool,
}

/// Takes the bytes of a chronicle.
pub type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> io::Result<()>;

impl Writer {
    /// Begins a chronicle of what `reader` reads.
    pub(super) fn begin(reader: &str, sink: Sink<'_>) -> io::Result<Writer> {
        let mut writer = Writer::default();
        writer.chunk.extend_from_slice(MAGIC);
        writer.chunk.extend_from_slice(reader.as_bytes());
        writer.end(sink)?;
        Ok(writer)
    }

    /// Tells of a page, or that there is none any more.
    pub(super) fn tell(&mut self, page: &str, sighting: Option<&Sighting>, sink: Sink<'_>) -> io::Result<()> {
        self.told += 1;
        // A file whose seal can't be relied upon is read again.
        let Some(sighting) = sighting.filter(|sighting| !sighting.fresh) else {
            self.chunk.push(GONE);
            self.chunk.text(page);
            return self.end_of_many(sink);
        };
        let frame = match &sighting.frame {
            None => 0,
            Some(frame) => 1 + self.number(frame, sink)?,
        };
        self.chunk.push(PAGE);
        self.chunk.text(page);
        self.chunk.extend_from_slice(&frame.to_le_bytes());
        self.chunk.print(sighting.feed.as_deref().map(print));
        self.chunk.sighting(sighting);
        self.end_of_many(sink)
    }

    /// The number of a frame, which is told before if it wasn't yet.
    fn number(&mut self, frame: &Arc<Frame>, sink: Sink<'_>) -> io::Result<u32> {
        let known = self
            .frames
            .iter()
            .rposition(|known| Arc::ptr_eq(known, frame) || known == frame);
        let at = match known {
            Some(at) => at,
            None => {
                self.end(sink)?;
                self.chunk.push(FRAME);
                serde_json::to_writer(&mut self.chunk, frame.as_ref())?;
                self.end(sink)?;
                self.frames.push(Arc::clone(frame));
                self.frames.len() - 1
            }
        };
        u32::try_from(at).map_err(io::Error::other)
    }

    fn end_of_many(&mut self, sink: Sink<'_>) -> io::Result<()> {
        if self.chunk.len() < CHUNK {
            return Ok(());
        }
        self.end(sink)
    }

    /// Ends what was begun: what was told before stands in what `sink` took.
    pub(super) fn end(&mut self, sink: Sink<'_>) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        sink(&head(&self.chunk)?)?;
        sink(&self.chunk)?;
        self.chunk.clear();
        Ok(())
    }
}

fn head(chunk: &[u8]) -> io::Result<[u8; HEAD]> {
    let mut head = [0; HEAD];
    let length = u32::try_from(chunk.len()).map_err(io::Error::other)?;
    head[..4].copy_from_slice(&length.to_le_bytes());
    head[4..].copy_from_slice(&Sha256::digest(chunk)[..HEAD - 4]);
    Ok(head)
}

/// The print of what feeds say of a page.
pub(super) fn print(mention: &Mention) -> Print {
    let said = serde_json::to_vec(mention).unwrap_or_default();
    Print::of([said.as_slice()])
}

/// Reads a chronicle of what `reader` read; an error says why it is of no use.
pub(super) fn read(mut from: impl Read, reader: &str) -> Result<Told, String> {
    let begin = chunk(&mut from)?.ok_or("it is empty")?;
    let by = begin.strip_prefix(MAGIC).ok_or("it is of another form")?;
    // The first line is the reader's, the others are the site's.
    let site = |who: &[u8]| {
        who.iter()
            .position(|byte| *byte == b'\n')
            .map(|end| who[end..].to_vec())
    };
    let by_another = by != reader.as_bytes();
    if by_another && site(by) != site(reader.as_bytes()) {
        return Err("it is of another site".into());
    }
    let mut told = Told {
        by_another,
        ..Told::default()
    };
    while let Some(chunk) = chunk(&mut from)? {
        let content = match chunk.strip_prefix(&[FRAME]) {
            Some(frame) => {
                let frame = serde_json::from_slice(frame).map_err(|error| error.to_string())?;
                told.writer.frames.push(Arc::new(frame));
                continue;
            }
            None => chunk.as_slice(),
        };
        let mut text = Text(content);
        while !text.is_at_end() {
            entry(&mut text, &mut told).ok_or("it tells of what there can't be")?;
        }
    }
    Ok(told)
}

fn entry(text: &mut Text<'_>, told: &mut Told) -> Option<()> {
    told.writer.told += 1;
    match text.byte()? {
        GONE => {
            let page = text.text()?;
            told.pages.remove(page);
            told.heard.remove(page);
        }
        PAGE => {
            let page = text.text()?;
            let frame = match u32::from_le_bytes(text.bytes()?) {
                0 => None,
                number => Some(told.writer.frames.get(number as usize - 1)?),
            };
            let heard = text.print()?;
            let sighting = text.sighting(frame.cloned())?;
            let page: Arc<str> = page.into();
            match heard {
                Some(heard) => told.heard.insert(Arc::clone(&page), heard),
                None => told.heard.remove(&page),
            };
            told.pages.insert(page, Arc::new(sighting));
        }
        _ => return None,
    }
    Some(())
}

/// The next chunk; nothing at the end.
fn chunk(from: &mut impl Read) -> Result<Option<Vec<u8>>, String> {
    let mut head = Vec::with_capacity(HEAD);
    let failed = |error: io::Error| error.to_string();
    from.take(HEAD as u64).read_to_end(&mut head).map_err(failed)?;
    if head.is_empty() {
        return Ok(None);
    }
    let length = head.first_chunk().map(|length| u32::from_le_bytes(*length));
    let length = length.map_or(0, |length| length as usize);
    if length > MAX_CHUNK {
        return Err("it is damaged".into());
    }
    let mut chunk = Vec::with_capacity(length);
    from.take(length as u64).read_to_end(&mut chunk).map_err(failed)?;
    match self::head(&chunk) {
        Ok(right) if right == head.as_slice() => Ok(Some(chunk)),
        _ => Err("it is damaged".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::snapshot::Verdict;

    fn seen(reason: &str) -> Sighting {
        let mut sighting = Sighting::of_nothing();
        sighting.verdict = Verdict::Not(reason.into());
        sighting
    }

    /// A chronicle of three pages, of which one goes and one comes again.
    fn written() -> Vec<u8> {
        let mut file = Vec::new();
        let sink: Sink<'_> = &mut |bytes| {
            file.extend_from_slice(bytes);
            Ok(())
        };
        let mut writer = Writer::begin("me", sink).unwrap();
        writer.tell("/a/", Some(&seen("a")), sink).unwrap();
        writer.tell("/b/", Some(&seen("b")), sink).unwrap();
        writer.tell("/c/", Some(&seen("c")), sink).unwrap();
        writer.end(sink).unwrap();
        writer.tell("/b/", None, sink).unwrap();
        writer.tell("/c/", Some(&seen("d")), sink).unwrap();
        let fresh = Sighting {
            fresh: true,
            ..seen("a")
        };
        writer.tell("/a/", Some(&fresh), sink).unwrap();
        writer.end(sink).unwrap();
        file
    }

    #[test]
    fn the_last_word_on_a_page_counts_and_what_is_fresh_is_not_relied_upon() {
        let told = read(written().as_slice(), "me").unwrap();
        let pages: Vec<_> = told.pages.iter().collect();
        assert_eq!(pages, [(&"/c/".into(), &Arc::new(seen("d")))]);
        assert_eq!(told.writer.told, 6);
    }

    #[test]
    fn what_is_torn_damaged_or_of_another_reader_is_refused_and_never_panics() {
        let file = written();
        assert!(!read(file.as_slice(), "me").unwrap().by_another);
        assert!(read(file.as_slice(), "you").unwrap().by_another);
        assert!(
            read(file.as_slice(), "me\nelsewhere")
                .unwrap_err()
                .contains("another site")
        );
        for length in 0..file.len() {
            let told = read(&file[..length], "me");
            // At the end of a chunk nobody can tell that there was more.
            assert!(told.is_err() || told.unwrap().pages.len() != 1, "{length}");
        }
        for at in 0..file.len() {
            let mut damaged = file.clone();
            damaged[at] ^= 0x40;
            assert!(read(damaged.as_slice(), "me").is_err(), "{at}");
        }
    }
}
