"""The live map of a notebook: the real widget, and its module in a page that is not Jupyter's."""

import base64
import json

import pytest

from dashboard import notebook

from ..test_access import AXE, findings
from ..test_exports import OVERFLOW

HOST = """([script, text]) => {
    const view = (base64) => {
        const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
        const part = new Uint8Array(bytes.length + 8); // as in JupyterLab, a part of a message
        part.set(bytes, 8);
        return new DataView(part.buffer, 8);
    };
    const revived = (_, v) => (v?.base64 === undefined ? v : view(v.base64));
    const read = (text) => JSON.parse(text, revived);
    const state = read(text), heard = {}, changes = {};
    const fire = (event, ...args) => (heard[event] ?? []).forEach((act) => act(...args));
    const tell = async (message) => window.hear(await window.kernel(JSON.stringify(message)));
    window.hear = (answers) => read(answers).forEach(({method, state: news, content, buffers}) => {
        if (method === 'custom') fire('msg:custom', content, buffers);
        Object.assign(state, news);
        Object.keys(news ?? {}).forEach((name) => fire(`change:${name}`));
    });
    const model = {
        get: (name) => state[name],
        set: (name, value) => {
            state[name] = changes[name] = value;
            fire(`change:${name}`);
        },
        save_changes: () => tell({method: 'update', state: changes}),
        send: (content) => tell({method: 'custom', content}),
        on: (event, act) => (heard[event] ??= []).push(act),
        off: (event, act) => { heard[event] = heard[event].filter((other) => other !== act); },
    };
    const url = URL.createObjectURL(new Blob([script], {type: 'text/javascript'}));
    const el = document.getElementById('cell');
    window.shown = import(url).then(({default: {render}}) => render({model, el}));
}"""
"""A notebook's page as far as a widget sees it (https://anywidget.dev/en/afm)."""
ADDRESS = "http://localhost/notebook"
PAGE = """<!doctype html><html lang="en"><title>Notebook</title>
<meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark">
<main id="cell"></main></html>"""
MARKED = """box => {
    const map = box.latentMap, id = (i) => map.id(map.row[i]), {selected} = map.data;
    return {
        one: selected === null ? null : map.id(selected),
        rings: map.rings.map(id).sort(),
        coloured: Array.from(map.row.keys()).filter((i) => map.isShown(i)).map(id).sort(),
    };
}"""
"""What the map shows of a selection."""
PLACES = """box => {
    const map = box.latentMap, r = map.over.getBoundingClientRect();
    return Array.from(map.row.keys()).map((i) => {
        const [x, y] = map.screen(i);
        return [map.id(map.row[i]), r.left + x / map.R, r.top + y / map.R];
    });
}"""
"""The id of each point, and where it is in the window."""
INK = """canvas => new Set(new Uint32Array(canvas.getContext('2d')
    .getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size > 1"""
"""Whether a picture has more than one colour."""
ON_PAPER = "([box, dark]) => box.latentMap.paper?.every((level) => level < 128 === dark)"
"""Whether the map was last drawn on dark or light paper."""
NOTEBOOK_THEMES = (
    ("jpThemeLight", "false", True),
    ("jpThemeLight", "true", False),
    ("vscodeThemeKind", "vscode-dark", True),
    ("vscodeThemeKind", "vscode-light", False),
)
"""How JupyterLab and VS Code say whether they are dark."""


def as_text(messages):
    return json.dumps(messages, default=lambda part: {"base64": base64.b64encode(part).decode()})


class Notebook:
    """A page with a widget, and the kernel behind it."""

    def __init__(self, page, widget):
        self.page, self.widget, self.sent = page, widget, []
        widget._send = self._collect
        page.expose_function("kernel", self._received)
        page.route(ADDRESS, lambda route: route.fulfill(body=PAGE, content_type="text/html"))
        page.goto(ADDRESS)
        page.evaluate(HOST, [widget._esm, as_text(widget.get_state())])
        page.locator(".box[data-ready]").wait_for()

    @property
    def box(self):
        return self.page.locator(".box")

    def deliver(self):
        """Send what has changed in Python."""
        self.page.evaluate("text => window.hear(text)", self._taken())

    def places(self):
        """Return where each point is in the window, by id."""
        return {image: (x, y) for image, x, y in self.box.evaluate(PLACES)}

    def marked(self):
        return self.box.evaluate(MARKED)

    def lasso(self, corners):
        """Draw a line through places in the window."""
        self.page.get_by_role("button", name="Lasso", exact=True).click()
        self.page.mouse.move(*corners[0])
        self.page.mouse.down()
        for corner in (*corners[1:], corners[0]):
            self.page.mouse.move(*corner, steps=4)
        self.page.mouse.up()

    def wait_for(self, text):
        """Wait until the panel says something."""
        self.page.locator("section").get_by_text(text, exact=True).wait_for()

    def wait_for_ink(self, canvas):
        """Wait until a picture is drawn."""
        self.page.wait_for_function(INK, arg=canvas.element_handle())

    def wait_for_paper(self, dark):
        """Wait until the map is drawn for a dark or a light page."""
        self.page.wait_for_function(ON_PAPER, arg=[self.box.element_handle(), dark])

    def _received(self, text):
        data = json.loads(text) | {"buffer_paths": []}
        self.widget._handle_msg({"content": {"data": data}, "buffers": []})
        return self._taken()

    def _collect(self, message, buffers=None):
        if message["method"] == "update":
            for path, buffer in zip(message["buffer_paths"], buffers or [], strict=True):
                at = message["state"]
                for key in path[:-1]:
                    at = at[key]
                at[path[-1]] = buffer
        self.sent.append(message | {"buffers": buffers or []})

    def _taken(self):
        taken, self.sent = self.sent, []
        return as_text([m for m in taken if m["method"] in ("update", "custom")])


@pytest.fixture
def opened(browser):
    """Show widgets in pages without a network; none may raise or ask for anything."""
    problems, contexts = [], []

    def show(widget, *, theme="light", width=900):
        context = browser.new_context(
            offline=True, color_scheme=theme, viewport={"width": width, "height": 900}
        )
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: problems.append(request.url[:80])
                if not request.url.startswith(("blob:", "data:", ADDRESS)) else None)  # fmt: skip
        return Notebook(page, widget)

    yield show
    for context in contexts:
        context.close()
    assert not problems


SQUARE = ((-1, -1), (1, -1), (1, 1), (-1, 1))


def test_hover_click_and_lasso_reach_python(opened, tiny_bundle):
    there = opened(notebook.explore(tiny_bundle))
    page, widget, places = there.page, there.widget, there.places()
    index = tiny_bundle.index.set_index("id")
    everything, (x, y) = sorted(index.index), places["test:3"]
    assert page.get_by_text("Point at a dot to see its image").is_visible()
    page.mouse.move(x, y)
    there.wait_for("test:3")
    there.wait_for_ink(page.locator(".tip canvas"))
    row, classes = index.loc["test:3"], tiny_bundle.manifest.dataset.class_names
    facts = page.locator(".image p").inner_text()
    assert facts.startswith(f"cluster {tiny_bundle.clusters.names[row['cluster']]}, ")
    assert facts.endswith(f" sure · label {classes[row['label']]}")
    for title in ("Input", "Reconstruction"):
        there.wait_for_ink(page.get_by_role("img", name=f"{title} of test:3"))
    assert widget.selection == [] and there.marked()["coloured"] == everything

    page.mouse.click(x, y)
    there.wait_for("1 selected")
    assert widget.selection == ["test:3"]
    assert there.marked() == {"one": "test:3", "rings": [], "coloured": everything}

    corners = [(x + 60 * a, y + 60 * b) for a, b in SQUARE]
    near = sorted(i for i, (u, v) in places.items() if max(abs(u - x), abs(v - y)) < 60)
    there.lasso(corners)
    there.wait_for(f"{len(near)} selected")
    assert 1 < len(near) < len(index) and sorted(widget.selection) == near
    assert there.marked() == {"one": None, "rings": near, "coloured": near}
    page.get_by_role("button", name=f"Select {widget.selection[0]}", exact=True).hover()
    there.wait_for(widget.selection[0])

    page.locator(".chip").first.click()
    level = int(page.locator(".chip").first.get_attribute("data-level"))
    box = there.box.bounding_box()
    start = (box["x"] + 5, box["y"] + box["height"] - 5)
    there.lasso([start, *((2000 * a, 2000 * b) for a, b in SQUARE[:3])])
    kept = index.index[index["cluster"] == level].tolist()
    there.wait_for(f"{len(kept)} selected")
    assert widget.selection == kept

    page.get_by_role("button", name="Clear").click()
    there.wait_for("None selected")
    page.get_by_role("application").press("ArrowRight")
    page.keyboard.press("Enter")
    there.wait_for("1 selected")
    assert widget.selection == [page.locator(".tip b").inner_text()]
    page.get_by_label("Colour by").select_option("confidence")
    page.locator(".legend").get_by_text("Confidence").wait_for()
    assert widget.colour == "confidence"


def test_python_marks_images_on_a_map_for_everyone(opened, tiny_bundle, subtests):
    few = ["test:3", "train:5", "train:0"]
    for theme, width in (("light", 900), ("dark", 900), ("light", 390), ("dark", 390)):
        with subtests.test(theme=theme, width=width):
            there = opened(notebook.explore(tiny_bundle, few[:1]), theme=theme, width=width)
            page, widget = there.page, there.widget
            there.wait_for("1 selected")
            assert there.marked()["one"] == "test:3"
            widget.selection, widget.colour = few, "elbo"
            there.deliver()
            there.wait_for("3 selected")
            assert there.marked()["rings"] == there.marked()["coloured"] == sorted(few)
            assert page.get_by_label("Colour by").input_value() == "elbo"
            thumbs = page.locator(".strip canvas")
            there.wait_for_ink(thumbs.last)
            assert page.locator(".strip button").evaluate_all("b => b.map((n) => n.title)") == few
            assert page.evaluate(OVERFLOW) <= 0
            page.evaluate(AXE)
            assert findings(page) == []
            there.wait_for_paper(theme == "dark")
            for key, value, dark in NOTEBOOK_THEMES:
                page.evaluate("([k, v]) => { document.body.dataset[k] = v; }", [key, value])
                there.wait_for_paper(dark)
                page.evaluate("k => { delete document.body.dataset[k]; }", key)
            page.evaluate("async () => (await window.shown)()")
            assert there.box.count() == 0
