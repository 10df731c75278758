//! However a stream is cut, its frames are the same, and no byte is lost.

use super::*;
use proptest::prelude::*;

fn label(framer: &Framer, frame: &Frame) -> String {
    let text = String::from_utf8_lossy(framer.bytes(frame)).into_owned();
    match frame.kind {
        FrameKind::StreamOpen => "open".into(),
        FrameKind::StreamClose => "close".into(),
        FrameKind::Element => format!("element {text}"),
        FrameKind::Keepalive => format!("keepalive {}", frame.len),
        FrameKind::Declaration => "declaration".into(),
        FrameKind::Stray => format!("stray {text}"),
        FrameKind::TooLong => format!("too long {}", frame.len),
        FrameKind::Truncated => format!("truncated {text}"),
    }
}

fn frames(chunks: &[&[u8]], max: usize) -> Vec<(u64, String)> {
    let mut framer = Framer::new(max);
    let mut out = Vec::new();
    for chunk in chunks {
        framer.feed(chunk);
        while let Some(frame) = framer.poll() {
            out.push((frame.offset, label(&framer, &frame)));
        }
    }
    while let Some(frame) = framer.finish() {
        out.push((frame.offset, label(&framer, &frame)));
    }
    out
}

#[track_caller]
fn check(input: &str, expected: &[&str]) {
    let whole: Vec<_> = frames(&[input.as_bytes()], 1000);
    assert_eq!(whole.iter().map(|(_, l)| l.as_str()).collect::<Vec<_>>(), expected);
    let single: Vec<&[u8]> = input.as_bytes().chunks(1).collect();
    assert_eq!(frames(&single, 1000), whole, "one byte at a time");
}

#[test]
fn keepalive_is_a_frame_of_its_own() {
    check("<presence/>\n<presence/>", &["element <presence/>", "keepalive 1", "element <presence/>"]);
}

#[test]
fn a_whole_stream() {
    check(
        "<?xml version='1.0'?><stream:stream to='a' xmlns='jabber:client'><a><b/></a> </stream:stream>",
        &["declaration", "open", "element <a><b/></a>", "keepalive 1", "close"],
    );
}

#[test]
fn a_restart_needs_no_close() {
    check("<s:stream><auth/><s:stream><iq/>", &["open", "element <auth/>", "open", "element <iq/>"]);
    check("<stream><a/></stream>", &["open", "element <a/>", "close"]);
}

#[test]
fn quotes_hide_markup() {
    check("<a b='>' c=\"/>'\"><d e='<'/></a><f/>", &["element <a b='>' c=\"/>'\"><d e='<'/></a>", "element <f/>"]);
    check("<a b='x/'>1</a>", &["element <a b='x/'>1</a>"]);
}

#[test]
fn asides_inside_and_outside() {
    check("<a><!-- </a> --><![CDATA[</a>]]]]><?x </a>?></a>", &["element <a><!-- </a> --><![CDATA[</a>]]]]><?x </a>?></a>"]);
    check("<!--x--><a/><!DOCTYPE a [<!ENTITY b '>'>]>", &["stray <!--x-->", "element <a/>", "stray <!DOCTYPE a [<!ENTITY b '>'>]>"]);
    check("hello<a/>", &["stray hello", "element <a/>"]);
}

#[test]
fn input_that_ends_inside() {
    check("<message a='", &["truncated <message a='"]);
    check("<message><body>x", &["truncated <message><body>x"]);
    check("<", &["truncated <"]);
}

#[test]
fn too_long_elements_are_skipped_to_their_end() {
    let long = format!("<a>{}</a><b/>", "x".repeat(5000));
    check(&long, &["too long 5007", "element <b/>"]);
    let quoted = format!("<a b='{}'/><b/>", "x".repeat(5000));
    check(&quoted, &["too long 5009", "element <b/>"]);
}

#[test]
fn an_oversized_element_is_not_kept() {
    let mut framer = Framer::new(100);
    framer.feed(b"<a>");
    for _ in 0..1000 {
        framer.feed(&[b'x'; 1000]);
        assert!(framer.poll().is_none());
    }
    assert!(framer.buffer.capacity() < 10_000, "{}", framer.buffer.capacity());
}

proptest! {
    #[test]
    fn any_cut_gives_the_same_frames(input in "[<>/!\\?\\[\\]'\" =a-c\\-]{0,60}", cuts in proptest::collection::vec(0usize..60, 0..6)) {
        let bytes = input.as_bytes();
        let mut cuts: Vec<usize> = cuts.into_iter().map(|c| c.min(bytes.len())).collect();
        cuts.push(0);
        cuts.push(bytes.len());
        cuts.sort_unstable();
        let chunks: Vec<&[u8]> = cuts.windows(2).map(|w| &bytes[w[0]..w[1]]).collect();
        prop_assert_eq!(frames(&chunks, 1000), frames(&[bytes], 1000));
    }

    #[test]
    fn no_byte_is_lost(input in proptest::collection::vec(any::<u8>(), 0..200)) {
        let mut framer = Framer::new(64);
        framer.feed(&input);
        let mut at = 0;
        while let Some(frame) = framer.poll() {
            prop_assert_eq!(frame.offset, at);
            at += frame.len;
        }
        while let Some(frame) = framer.finish() {
            prop_assert_eq!(frame.offset, at);
            at += frame.len;
        }
        prop_assert_eq!(at, input.len() as u64);
    }
}
