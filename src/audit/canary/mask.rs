//! What a canary says, taken out of records. Its place shows `[canary NAME]`.
//!
//! Metadata is logged as it is, and a canary may have been typed where metadata goes: a file name, a nickname, a room. This is the one
//! place where a record changes after it was made, and it only ever replaces.

use super::declare::Canaries;
use super::decode::Decoder;
use super::frame::Seen;
use super::{Coding, needles};
use crate::record::{Body, Stanza};

/// Shortest piece of a canary that was split over elements, in bytes, that is not shown either.
const MIN_PIECE: usize = 4;

/// A text without the canaries in it; `None` when it holds none.
pub fn text(canaries: &Canaries, text: &str) -> Option<String> {
    let search = canaries.search()?;
    let mut found = Vec::new();
    search.find(text.as_bytes(), |one| found.push(one));
    if found.is_empty() {
        // What only shows when it is decoded cannot be cut out.
        let decoded = Decoder::new(search).text(text.as_bytes(), false);
        return decoded.first().map(|first| canaries.marker(first.canary));
    }
    found.sort_by_key(|one| (one.range.start, std::cmp::Reverse(one.range.end)));
    let mut out = String::new();
    let mut written = 0;
    for one in found {
        let mut end = one.range.end;
        if !text.is_char_boundary(one.range.start) || !text.is_char_boundary(end) {
            return Some(canaries.marker(one.canary));
        }
        // The word at its end goes with what is random in it.
        let whole = &canaries.all()[one.canary].canary.text;
        let rest = &whole[needles::decisive(whole).len()..];
        if text.get(end..end + rest.len()).is_some_and(|there| there.eq_ignore_ascii_case(rest)) {
            end += rest.len();
        }
        if one.range.start >= written {
            out.push_str(&text[written..one.range.start]);
            out.push_str(&canaries.marker(one.canary));
        }
        written = written.max(end);
    }
    out.push_str(&text[written..]);
    Some(out)
}

/// Takes the canaries that were seen in a frame out of its record.
pub fn stanza(canaries: &Canaries, seen: &Seen, stanza: &mut Stanza) {
    let split: Vec<usize> = seen.sightings.iter().filter(|s| s.found.chain.contains(&Coding::Joined)).map(|s| s.found.canary).collect();
    let new = |value: &str| text(canaries, value).or_else(|| piece(canaries, &split, value));
    let replace = |value: &mut String| {
        if let Some(masked) = new(value) {
            *value = masked;
        }
    };
    stanza.exposures.rewrite(new);
    let Stanza { name, namespace, stanza_type, payloads, conversation, gap, verdict, .. } = stanza;
    [name, namespace, stanza_type].into_iter().for_each(replace);
    payloads.iter_mut().chain(conversation).for_each(replace);
    gap.iter_mut().map(|gap| &mut gap.detail).for_each(replace);
    if let Some(verdict) = verdict {
        let details = verdict.details.iter_mut().flat_map(|detail| [&mut detail.path, detail.detail.to_mut()]);
        details.chain([verdict.because.to_mut()]).for_each(replace);
    }
}

/// The same for the evidence. Where a canary was split over elements nothing of it is shown.
pub fn evidence(canaries: &Canaries, seen: &Seen, stanza: &mut Stanza) {
    let Some(evidence) = &mut stanza.evidence else { return };
    if let Some(split) = seen.sightings.iter().find(|s| s.found.chain.contains(&Coding::Joined)) {
        *evidence = canaries.marker(split.found.canary);
    } else if let Some(masked) = text(canaries, evidence) {
        *evidence = masked;
    }
}

/// A value that is a part of a canary whose parts stood in several elements.
fn piece(canaries: &Canaries, split: &[usize], value: &str) -> Option<String> {
    let value = value.trim().to_ascii_lowercase();
    let of = |canary: &&usize| canaries.all()[**canary].canary.text.to_ascii_lowercase().contains(&value);
    (value.len() >= MIN_PIECE).then(|| split.iter().find(of).map(|canary| canaries.marker(*canary)))?
}

/// Takes canaries out of what did not come from a frame: a mark that somebody typed, what a rule says.
pub fn body(canaries: &Canaries, body: &mut Body) {
    let replace = |value: &mut String| {
        if let Some(masked) = text(canaries, value) {
            *value = masked;
        }
    };
    match body {
        Body::Mark { label } => replace(label),
        Body::Finding(finding) => finding.about.iter_mut().chain([&mut finding.fact, &mut finding.advice]).for_each(replace),
        Body::Gap(gap) => replace(&mut gap.detail),
        Body::Intervention(intervention) => replace(&mut intervention.detail),
        Body::Session(event) => event.account.iter_mut().chain([&mut event.detail]).for_each(replace),
        Body::Transport { exposures, .. } => exposures.rewrite(|value| text(canaries, value)),
        Body::Stanza(_) | Body::Keepalive { .. } | Body::Assessment(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_a_canary_shows_its_name() {
        let canaries = Canaries::of_texts(["CNRYAB2CDE3FGH7I-heron", "the heron lands at noon"]).unwrap();
        for (shown, expected) in [
            ("CNRYAB2CDE3FGH7I-heron.png", Some("[canary c1].png")),
            ("x CNRYAB2CDE3FGH7I-Swan, the heron lands at noon", Some("x [canary c1]-Swan, [canary c2]")),
            ("cnryab2cde3fgh7i@rooms.lab.test", Some("[canary c1]@rooms.lab.test")),
            ("the%20heron%20lands%20at%20noon.txt", Some("[canary c2]")),
            ("the heron", None),
            ("", None),
        ] {
            assert_eq!(text(&canaries, shown).as_deref(), expected, "{shown}");
        }
    }
}
