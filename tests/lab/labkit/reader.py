"""Looks at HTML pages of ours in a real browser, as readers do: on a wide screen and a telephone, in the light and in the dark,
on paper, with a keyboard, with a screen reader.

`look_at` gives what is wrong, in words. A page must run nothing, load nothing, break no rule of its Content-Security-Policy and say
nothing on the console; nothing may be wider than the screen or the paper.
"""

import io
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright
from pypdf import PdfReader

from .process import LabError

# Width, height, pixels a point. The smallest telephones in use are 320 points wide.
SCREENS = {"desktop": (1280, 900, 1), "phone": (390, 844, 2), "small phone": (320, 568, 2)}
SCHEMES = ("light", "dark")
# A4 without margins of 10 mm, in CSS pixels.
PAPER_WIDTH = 718
MARGIN = "10mm"
# How many steps of the Tab key are followed.
MOST_TABS = 60
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip

# Runs before anything of the page does.
LISTEN = """
window.__said = [];
document.addEventListener('securitypolicyviolation', e => __said.push('CSP: ' + e.violatedDirective + ' ' + e.blockedURI));
for (const name of ['alert', 'confirm', 'prompt', 'open', 'fetch']) window[name] = () => __said.push('a script called ' + name);
"""

TOO_WIDE = """(width) => {
    const clipped = e => { for (; e; e = e.parentElement) if (/hidden|clip|auto|scroll/.test(getComputedStyle(e).overflowX)) return true; };
    return [...document.querySelectorAll('body *')]
        .filter(e => { const r = e.getBoundingClientRect(); return r.width && r.right > width + 1 && !clipped(e); })
        .slice(0, 5).map(e => e.tagName + '.' + (e.getAttribute('class') || '') + ' "' + e.textContent.trim().slice(0, 60) + '"');
}"""

ACTIVE = """() => [...document.querySelectorAll('*')].flatMap(e => [
    ...(/^(script|iframe|frame|frameset|object|embed|applet|form|base|portal|foreignObject)$/i.test(e.tagName) ? [e.tagName] : []),
    ...(e.tagName == 'META' && /refresh/i.test(e.httpEquiv) ? ['refresh'] : []),
    ...[...e.attributes].filter(a => /^on/i.test(a.name) || /^(href|src|xlink:href|action|formaction|srcdoc|poster|srcset|background)$/i.test(a.name)
        && !/^(#|data:,$)/.test(a.value)).map(a => e.tagName + ' ' + a.name + '=' + a.value)])"""

READING = """() => {
    const problems = [], all = q => [...document.querySelectorAll(q)];
    const levels = all('h1,h2,h3,h4,h5,h6').map(h => +h.tagName[1]);
    if (levels[0] != 1 || levels.filter(l => l == 1).length != 1 || levels.some((l, i) => i && l > levels[i - 1] + 1))
        problems.push('headings out of order: ' + levels.slice(0, 20));
    for (const t of all('table')) {
        if (!t.caption || !t.caption.textContent.trim()) problems.push('a table has no caption: ' + t.textContent.trim().slice(0, 60));
        if (!t.querySelector('th[scope=col]')) problems.push('a table has no heads: ' + t.textContent.trim().slice(0, 60));
    }
    for (const p of all('svg')) {
        const names = (p.getAttribute('aria-labelledby') || '').split(/\\s+/).filter(Boolean).map(id => document.getElementById(id));
        if (p.getAttribute('role') != 'img' || !names.length || names.some(n => !n || !n.textContent.trim()))
            problems.push('a picture has no name');
    }
    for (const i of all('img')) if (!i.hasAttribute('alt')) problems.push('an image has no alt text');
    for (const a of all('a')) {
        if (!(a.textContent.trim() || a.getAttribute('aria-label'))) problems.push('a link has no text');
        if (!document.getElementById(decodeURIComponent(a.hash.slice(1)))) problems.push('a link leads nowhere: ' + a.getAttribute('href'));
    }
    return problems;
}"""

ON_PAPER = """() => {
    const problems = [];
    const light = c => { const [r, g, b, a = 1] = c.match(/[\\d.]+/g).map(Number); return a == 0 || (r + g + b) / 3 > 200; };
    for (const e of document.querySelectorAll('html, body, body *')) {
        const s = getComputedStyle(e), r = e.getBoundingClientRect();
        if (r.width && !e.closest('svg') && !light(s.backgroundColor)) problems.push('dark background on paper: ' + e.tagName + '.' + e.className);
        if (r.height && s.position == 'fixed') problems.push('stands on every sheet: ' + e.tagName);
    }
    // Paper has no links: the words of a link to a record have to say which record, and the record has to show it.
    for (const a of document.querySelectorAll('main a[href^="#r"]')) {
        if (!/^#r\\d+$/.test(a.hash)) continue;
        const record = document.getElementById(a.hash.slice(1)), label = record && record.querySelector('h3').innerText.trim();
        if (label && !a.innerText.includes(label)) problems.push('on paper nobody finds where it leads: "' + a.innerText + '" for ' + label);
    }
    return [...new Set(problems)].slice(0, 8);
}"""


@contextmanager
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium")
    if chromium is None:
        raise LabError("there is no chromium (scripts/test --real installs Debian's)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


def look_at(opened: Browser, page: Path, shots: Path | None = None) -> list[str]:
    """What is wrong with the page; with `shots`, pictures of it go there."""
    problems: list[str] = []
    for screen, (width, height, scale) in SCREENS.items():
        for scheme in SCHEMES:
            context = opened.new_context(viewport={"width": width, "height": height}, device_scale_factor=scale, color_scheme=scheme)
            said = [f"{text} ({screen}, {scheme})" for text in _on_screen(context.new_page(), page.resolve(), width)]
            problems += said
            if shots:
                context.pages[0].screenshot(path=shots / f"report-{screen.replace(' ', '-')}-{scheme}.png")
            context.close()
    context = opened.new_context(viewport={"width": PAPER_WIDTH, "height": 1000}, color_scheme="dark")
    problems += [f"{text} (on paper)" for text in _on_paper(context.new_page(), page.resolve())]
    context.close()
    return problems


def _on_screen(page: Page, path: Path, width: int) -> list[str]:
    problems: list[str] = []
    page.add_init_script(LISTEN)
    page.on("console", lambda message: problems.append(f"console: {message.text}"))
    page.on("pageerror", lambda error: problems.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (problems.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("popup", lambda popup: problems.append(f"popup: {popup.url}"))
    page.on("framenavigated", lambda frame: frame.url.split("#")[0] in (path.as_uri(), "about:blank") or problems.append(f"went to {frame.url}"))
    page.on(
        "request",
        lambda request: request.url == path.as_uri() or request.url == "data:," or problems.append(f"request: {request.url}"),
    )
    page.goto(path.as_uri())
    problems += page.evaluate("window.__said")
    problems += [f"must not be on the page: {what}" for what in page.evaluate(ACTIVE)]
    if (wide := page.evaluate("document.documentElement.scrollWidth")) > width or page.evaluate(TOO_WIDE, width):
        problems.append(f"{wide} wide on a screen of {width}: {page.evaluate(TOO_WIDE, width)}")
    problems += page.evaluate(READING)
    problems += _keyboard(page)
    # Colours differ by scheme, not by screen; it takes its time.
    violations = Axe().run(page).response["violations"] if width == SCREENS["desktop"][0] else []
    problems += [f"{found['id']}: {found['help']}: {found['nodes'][0]['html'][:200]} {found['nodes'][0].get('failureSummary', '')}" for found in violations]
    # Whatever a reader does by accident: the pointer over everything, a click on it.
    page.evaluate("document.querySelectorAll('main *').forEach(e => ['mouseover', 'pointerenter', 'focus', 'click'].forEach("
                  "kind => e.dispatchEvent(new Event(kind, { bubbles: true }))))")  # fmt: skip
    problems += page.evaluate("window.__said")
    return problems


def _keyboard(page: Page) -> list[str]:
    """Tab must go through what can be reached in the order in which it stands, visibly."""
    stand = page.evaluate("[...document.querySelectorAll('a,button,input,select,textarea,[tabindex]')].map(e => e.getAttribute('href'))")
    met, hidden = [], []
    for _ in range(min(MOST_TABS, len(stand))):
        page.keyboard.press("Tab")
        met.append(page.evaluate("document.activeElement.getAttribute('href')"))
        if not page.evaluate("getComputedStyle(document.activeElement).outlineStyle != 'none'"):
            hidden.append(met[-1])
    problems = [] if met == stand[: len(met)] else ["Tab does not go through the links in their order"]
    return problems + [f"nobody sees where the keyboard is: {hidden[0]}"] if hidden else problems


def _on_paper(page: Page, path: Path) -> list[str]:
    page.emulate_media(media="print")
    page.goto(path.as_uri())
    problems = page.evaluate(ON_PAPER)
    if (wide := page.evaluate("document.documentElement.scrollWidth")) > PAPER_WIDTH or page.evaluate(TOO_WIDE, PAPER_WIDTH):
        problems.append(f"{wide} wide on paper of {PAPER_WIDTH}: {page.evaluate(TOO_WIDE, PAPER_WIDTH)}")
    margins = dict.fromkeys(("top", "right", "bottom", "left"), MARGIN)
    sheets = PdfReader(io.BytesIO(page.pdf(format="A4", print_background=True, margin=margins))).pages
    printed = _letters("".join(sheet.extract_text() for sheet in sheets))
    for heading in page.evaluate("[...document.querySelectorAll('h1, h2')].map(h => h.innerText)"):
        # Text in other scripts comes out of a PDF in other orders; ours is what has to be there.
        if heading.isascii() and _letters(heading) not in printed:
            problems.append(f"not printed: {heading[:80]}")
    return problems


def _letters(text: str) -> str:
    """Without spaces, hyphens and ligatures: they are the printer's affair."""
    return "".join(c for c in unicodedata.normalize("NFKC", text) if c.isalnum())
