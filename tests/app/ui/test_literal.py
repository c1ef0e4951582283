"""The escape for Markdown and the one for Plotly: whatever a text holds, it is shown as it is."""

import re

import plotly.graph_objects as go
from markdown_it import MarkdownIt

from dashboard.ui import messages
from xai_core.plots import style

HOSTILE = (
    "![x](http://evil/x.png)",
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "`", "a ` b", "``` x", "$x$", "$$x$$", ":red[x]", ":material/face:", ":smile:",
    "| a |", "a | b", "# head", "1. one", "123) one", "- item", "+ item", "> quote", "---", "===",
    "**bold**",
    "__bold__", "a_b", "_a_b_", "a __ b", "*", "_", "~~gone~~", "[x](http://evil)", "[x][y]",
    "[^1]", "&lt;b&gt;",
    "&#36;", "http://evil", "www.evil.com", "me@evil.com", "a -> b", "<- b", "a -- b", ">= 1",
    "\\", "\\*", "    code", "tab\there", "line\n# break", "carriage\r\n- return", "%{x}",
    "%{y:.1%}",
    "<a href='http://evil'>x</a>", "<b>x</b>", "<br>", "7", "t-shirt/top",
    "3 \N{RIGHTWARDS ARROW} 7",
)  # fmt: skip
TURNED = "abc\u202edef\u2066g\u200f"
PLAIN = {"paragraph_open", "inline", "paragraph_close", "text", "text_special"}


def kinds(tokens):
    return {t.type for t in tokens} | {k for t in tokens if t.children for k in kinds(t.children)}


def test_markdown_shows_a_literal_text_as_it_is(subtests):
    for text in HOSTILE:
        for around in ["{}", "**{}**", "of {} to", "“{}”"]:
            with subtests.test(text=text, around=around):
                reader = MarkdownIt("commonmark").enable(["table", "strikethrough"])
                tokens = reader.parse(around.format(messages.literal(text)))
                assert kinds(tokens) - {"strong_open", "strong_close"} <= PLAIN
                shown = "".join(t.content for t in tokens[1].children)
                kept = " ".join(text.split())
                assert shown.replace("\N{WORD JOINER}", "") == around.replace("**", "").format(
                    kept
                )
                if around == "{}":
                    assert not re.search(r"https?://|www\.\w|\w@\w|:[\w/+-]+:", shown)
                    assert not re.search(r"(^|\s)(<->|->|<-|--|>=|<=|~=)(\s|$)", shown)


def test_code_shows_a_text_as_it_is(subtests):
    for text in HOSTILE:
        with subtests.test(text=text):
            (_, inline, _) = MarkdownIt().parse(f"No image {messages.code(text)}.")
            (_, code, _) = inline.children
            assert code.type == "code_inline" and code.content == " ".join(text.split())


def test_a_figure_shows_a_literal_text_as_it_is(subtests):
    for text in HOSTILE:
        with subtests.test(text=text):
            shown = style.literal(text)
            assert not re.search(r"<\w|</|%\{|\$", shown)
            assert go.Figure(layout={"title": {"text": shown}}).layout.title.text == shown


def test_marks_that_turn_the_direction_are_left_out_and_arabic_words_stay_apart():
    assert style.one_line(TURNED) == "abcdefg"
    isolated = style.one_line("\u0645\u0631\u062d\u0628\u0627")
    assert (
        isolated[0] == "\N{FIRST STRONG ISOLATE}" and isolated[-1] == "\N{POP DIRECTIONAL ISOLATE}"
    )


def test_a_message_keeps_its_code_and_nothing_else():
    said = messages.plain_message("`a.png` is [not](http://x) an image. See `xai train`.")
    assert said == r"`a.png` is \[not\](http\:" + "\N{WORD JOINER}//x) an image. See `xai train`."
