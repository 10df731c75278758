//! Pictures as SVG: our own drawing, one picture a file. Text in them is clipped, shown without control characters, and escaped.
//!
//! Pictures are narrow (400 units), so that their text can be read on a telephone. Colours come from the style sheet by class, so that
//! they follow light and dark; nothing is told by colour alone.

mod devices;
mod graph;
mod sizes;
mod timeline;
mod watchers;

use std::fmt::Write as _;

pub use devices::draw as devices;
pub use graph::draw as graph;
pub use sizes::draw as sizes;
pub use timeline::draw as timeline;
pub use watchers::draw as watchers;

use super::terminal::clipped;

/// Width of every picture.
pub const WIDTH: u32 = 400;

/// A drawing with what it shows in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Its id.
    pub id: &'static str,
    /// Its title.
    pub title: String,
    /// What it shows, for those who do not see it.
    pub description: String,
    /// The `<svg>` element.
    pub svg: String,
}

/// A drawing in the making.
#[derive(Debug, Default)]
pub struct Canvas {
    body: String,
}

/// Where text begins, ends or has its middle.
#[derive(Debug, Clone, Copy)]
pub enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

impl Canvas {
    /// Nothing yet.
    pub fn new() -> Canvas {
        Canvas::default()
    }

    /// Text of at most `max` columns.
    pub fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &'static str, text: &str, max: usize) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escaped(&clipped(text, max));
        self.put(format_args!("<text x='{x:.1}' y='{y:.1}' text-anchor='{anchor}' class='{class}'>{text}</text>"));
    }

    /// A rectangle.
    pub fn rect(&mut self, [x, y, width, height]: [f64; 4], class: &'static str) {
        self.put(format_args!("<rect x='{x:.1}' y='{y:.1}' width='{width:.1}' height='{height:.1}' rx='2' class='{class}'/>"));
    }

    /// A line.
    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), width: f64, class: &'static str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.put(format_args!("<line x1='{x1:.1}' y1='{y1:.1}' x2='{x2:.1}' y2='{y2:.1}' stroke-width='{width:.1}' class='{class}'/>"));
    }

    /// A circle.
    pub fn circle(&mut self, x: f64, y: f64, radius: f64, class: &'static str) {
        self.put(format_args!("<circle cx='{x:.1}' cy='{y:.1}' r='{radius:.1}' class='{class}'/>"));
    }

    fn put(&mut self, what: std::fmt::Arguments<'_>) {
        self.body.write_fmt(what).expect("writing to a string");
    }

    /// The picture, of the height given.
    pub fn finish(self, id: &'static str, height: f64, title: String, description: String) -> Picture {
        let svg = format!(
            "<svg viewBox='0 0 {WIDTH} {height:.0}' role='img' aria-labelledby='{id}-t {id}-d' xmlns='http://www.w3.org/2000/svg'>\
             <title id='{id}-t'>{}</title><desc id='{id}-d'>{}</desc>{}</svg>",
            escaped(&super::terminal::shown(&title)),
            escaped(&super::terminal::shown(&description)),
            self.body
        );
        Picture { id, title, description, svg }
    }
}

/// Text as it may stand in an element or a quoted attribute.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_clipped() {
        let mut canvas = Canvas::new();
        canvas.text(0.0, 0.0, Anchor::Start, "t", "<script>alert('x')</script>\u{202e}", 60);
        canvas.text(0.0, 0.0, Anchor::End, "t", &"x".repeat(100), 10);
        let picture = canvas.finish("p", 10.0, "a<b".into(), "c'd\u{1b}".into());
        assert!(!picture.svg.contains("<script") && picture.svg.contains("&lt;script&gt;"), "{}", picture.svg);
        assert!(!picture.svg.contains(['\u{202e}', '\u{1b}']) && picture.svg.contains("xxxxxxxxx…</text>"), "{}", picture.svg);
        assert!(picture.svg.contains("<title id='p-t'>a&lt;b</title>"));
    }
}
