// Images as points on a 2-D canvas, all of them or, of very many, fewer where they lie dense.
// Positions and colours come from files (or, where those cannot be written, with the data); a
// point's identity is its row in the index, never its place in a selection or among those drawn. Marks stand for no point: samples, a path, a decoded place.
// Events: pick (a row), lasso (corners in map units, [] to clear it), place (a place to decode,
// [] to forget it), only (the legend's entries to show), range (its lowest and highest level);
// `onHover` gets the row under the pointer or the keyboard, or null.
const KEPT = (window.__latentMap ??= { files: new Map(), sheets: new Map(), views: new Map() });
const INSTANCES = new WeakMap();
const GREY = 255;

function once(store, key, make) {
  if (!store.has(key)) {
    store.set(key, make());
    store.get(key).catch?.(() => store.delete(key));
  }
  return store.get(key);
}

function bytes(source) {
  if (source.buffer) return Promise.resolve(source.buffer);
  if (!source.url) return Promise.resolve(Uint8Array.from(atob(source.base64), (c) => c.charCodeAt(0)).buffer);
  return once(KEPT.files, source.url, () => fetch(source.url).then((r) => {
    if (!r.ok) throw Error(`${source.url}: ${r.status}`);
    return r.arrayBuffer();
  }));
}

function sheet(url, load) {
  return once(KEPT.sheets, url, () => {
    if (load) return load(url);
    const image = new Image();
    image.src = url;
    return image.decode().then(() => image);
  });
}

// Sheets are files of a numbered address, or a list of data URLs.
const sheetOf = (sheets, k) => (Array.isArray(sheets) ? sheets[k] : sheets.replace('{k}', k));
const rgb = (hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));

// A disc of radius r device pixels as offsets and coverages out of 256.
function disc(r, width, alpha) {
  const reach = Math.ceil(r), at = [], cover = [];
  for (let y = -reach; y <= reach; y++) for (let x = -reach; x <= reach; x++) {
    const c = Math.min(1, Math.max(0, r + 0.5 - Math.hypot(x, y)));
    if (c > 0.05) { at.push(y * width + x); cover.push(Math.round(c * alpha * 256)); }
  }
  return { at: Int32Array.from(at), cover: Uint16Array.from(cover), reach };
}

function stamp(pixels, p, d, [r, g, b]) {
  for (let k = 0; k < d.at.length; k++) {
    const q = p + d.at[k], a = d.cover[k], old = pixels[q], rest = 256 - a;
    const R = ((old & 255) * rest + r * a) >> 8;
    const G = (((old >> 8) & 255) * rest + g * a) >> 8;
    const B = (((old >> 16) & 255) * rest + b * a) >> 8;
    pixels[q] = (255 << 24) | (B << 16) | (G << 8) | R;
  }
}

class LatentMap {
  constructor(root) {
    this.$ = (s) => root.querySelector(s);
    [this.box, this.canvas, this.over, this.tip] = ['.box', '.points', '.over', '.tip'].map(this.$);
    Object.assign(this, { n: 0, W: 0, H: 0, R: 1, raf: 0, hover: -1, mark: null, line: null, grab: null, mode: 'pan', solo: null, aim: null, marks: [] });
    this.box.latentMap = this; // so that a test can ask what each point is
    this.view = { x: 0.5, y: 0.5, zoom: 1 };
    this.fingers = new Map();
    this.stop = new AbortController();
    this.listen();
    this.observer = new ResizeObserver(() => this.resize());
    this.observer.observe(this.box);
  }

  async update(data, send, onHover) {
    const first = this.data?.name !== data.name;
    Object.assign(this, { data, onHover });
    this.send = (event, value) => { if (event === 'pick' || !data.plain) send(event, value); };
    this.box.parentElement.classList.toggle('plain', !!data.plain);
    if (first) this.view = KEPT.views.get(data.name) ?? { x: 0.5, y: 0.5, zoom: 1 };
    const [points, colour, cluster, label] = await Promise.all(
      [data.points, data.colour, data.cluster, data.label].map((s) => (s ? bytes(s) : null)));
    if (this.data !== data) return; // a newer update overtook this one
    const n = (this.n = data.count);
    this.x = new Uint16Array(points, 0, n);
    this.y = new Uint16Array(points, 2 * n, n);
    this.row = new Uint32Array(points, 4 * n, n);
    this.colour = new Uint8Array(colour);
    this.cluster = new Uint8Array(cluster);
    this.label = label && new Uint8Array(label);
    if (first || !this.place) this.place = new Map(Array.from(this.row, (row, i) => [row, i]));
    this.shown = typeof data.shown === 'string' ? Uint8Array.from(atob(data.shown), (c) => c.charCodeAt(0)) : data.shown;
    this.rings = (data.rings ?? []).map((row) => this.place.get(row)).filter((i) => i !== undefined);
    this.at = data.mark ?? this.whereIs(this.place.get(data.selected));
    this.palette = data.palette.map(rgb);
    this.marks = data.marks.map((m) => this.marks.find((old) => old.png === m.png && old.kind === m.kind) ?? { ...m, image: null });
    for (const m of this.marks) if (!m.image) Object.assign(m, { image: new Image() }).image.src = m.png;
    this.mark = null;
    this.legend();
    this.buttons();
    if (data.focus && data.focus !== this.focused && this.at) this.centreOn(this.unit(this.at));
    this.focused = data.focus;
    this.box.dataset.ready = `${data.name} ${data.title}`;
    this.redraw();
  }

  // ---- geometry: steps of 1/65535 of the square <-> device pixels
  get scale() { return Math.min(this.W, this.H) * this.view.zoom; }
  screen(i) {
    const k = this.scale;
    return [(this.x[i] / 65535 - this.view.x) * k + this.W / 2, this.H / 2 - (this.y[i] / 65535 - this.view.y) * k];
  }
  toMap([a, b]) {
    const { centre, half } = this.data, k = this.scale;
    const unit = [(a - this.W / 2) / k + this.view.x, (this.H / 2 - b) / k + this.view.y];
    return unit.map((u, j) => +((u * 2 - 1) * half + centre[j]).toFixed(5));
  }
  unit(q) {
    const { centre, half } = this.data;
    return q.map((w, j) => ((w - centre[j]) / half + 1) / 2);
  }
  fromUnit([u, v]) {
    const k = this.scale;
    return [(u - this.view.x) * k + this.W / 2, this.H / 2 - (v - this.view.y) * k];
  }
  fromMap(q) { return this.fromUnit(this.unit(q)); }
  zoomAt([a, b], factor) {
    const k = this.scale, u = (a - this.W / 2) / k + this.view.x, v = (this.H / 2 - b) / k + this.view.y;
    this.view.zoom = Math.max(0.8, Math.min(120, this.view.zoom * factor));
    this.view.x = u - (a - this.W / 2) / this.scale;
    this.view.y = v - (this.H / 2 - b) / this.scale;
    this.redraw();
  }
  // Where the selected image is, if there is one. With `mark`, it needs no point: not all are drawn, and a person's own has none.
  chosen() { return this.at && this.fromMap(this.at); }
  whereIs(i) {
    const { centre, half } = this.data;
    return i === undefined ? null : [this.x, this.y].map((at, j) => ((at[i] / 65535) * 2 - 1) * half + centre[j]);
  }
  centreOn([u, v]) {
    const [a, b] = this.fromUnit([u, v]), edge = 40 * this.R;
    if (a > edge && b > edge && a < this.W - edge && b < this.H - edge) return;
    [this.view.x, this.view.y] = [u, v];
  }
  isShown(i) {
    const row = this.row[i];
    if (this.solo !== null && this.colour[row] !== this.solo) return false;
    return !this.shown || (this.shown[row >> 3] >> (7 - (row & 7))) & 1;
  }

  // ---- drawing
  redraw() { this.raf ||= requestAnimationFrame(() => this.draw()); }
  resize() {
    this.R = window.devicePixelRatio || 1;
    this.W = Math.round(this.box.clientWidth * this.R);
    this.H = Math.round(this.box.clientHeight * this.R);
    for (const c of [this.canvas, this.over]) [c.width, c.height] = [this.W, this.H];
    this.redraw();
  }
  draw() {
    this.raf = 0;
    if (!this.n || !this.W || !this.H) return;
    KEPT.views.set(this.data.name, this.view);
    const context = this.canvas.getContext('2d'), image = context.createImageData(this.W, this.H);
    const pixels = new Uint32Array(image.data.buffer);
    this.paper = getComputedStyle(this.box).backgroundColor.match(/\d+/g).slice(0, 3);
    const [r, g, b] = this.paper;
    pixels.fill((255 << 24) | (b << 16) | (g << 8) | r);
    const grow = Math.sqrt(Math.max(1, this.view.zoom)), radius = Math.min(5, 0.95 * grow) * this.R;
    const some = this.shown || this.solo !== null;
    if (some) this.layer(pixels, disc(radius * 0.85, this.W, 0.75), false);
    this.visible = this.layer(pixels, disc(radius, this.W, 0.78), true);
    context.putImageData(image, 0, 0);
    this.overlay();
  }
  // Draws the points in question, or all others in grey; gives those in sight if they are few.
  layer(pixels, d, wanted) {
    const { x, y, row, colour, palette, W, H, view } = this, k = this.scale, ax = k / 65535;
    const bx = W / 2 - view.x * k, by = H / 2 + view.y * k, edge = d.reach, few = [];
    const all = !this.shown && this.solo === null, quiet = rgb(this.data.quiet);
    for (let i = 0; i < this.n; i++) {
      const X = (x[i] * ax + bx) | 0, Y = (by - y[i] * ax) | 0;
      if (X < edge || Y < edge || X >= W - edge || Y >= H - edge) continue;
      if (!all && Boolean(this.isShown(i)) !== wanted) continue;
      stamp(pixels, Y * W + X, d, wanted ? palette[colour[row[i]]] ?? quiet : quiet);
      if (few.length <= 160) few.push(i);
    }
    return few.length <= 160 ? few : null;
  }
  overlay() {
    const c = this.over.getContext('2d'), { R } = this;
    c.clearRect(0, 0, this.W, this.H);
    if (!this.n) return;
    const ink = getComputedStyle(this.box).color;
    const pictured = this.visible && this.view.zoom > 6 && this.data.sheets;
    if (pictured) this.pictures(c);
    const ring = ([a, b], radius, width) => {
      for (const [style, extra] of [[`rgb(${this.paper})`, 2.5], [ink, 0]]) {
        c.strokeStyle = style;
        c.lineWidth = (width + extra) * R;
        c.beginPath();
        c.arc(a, b, radius * R, 0, 7);
        c.stroke();
      }
    };
    const chosen = this.chosen();
    for (const near of this.data.neighbours) {
      const other = this.fromMap(near);
      Object.assign(c, { strokeStyle: ink, lineWidth: R, globalAlpha: 0.45 });
      c.beginPath(); c.moveTo(...chosen); c.lineTo(...other); c.stroke();
      c.globalAlpha = 1;
      ring(other, pictured ? 22 : 4.5, 1.5);
    }
    this.labels(c, ink);
    this.polygon(c, ink);
    this.drawMarks(c, ink, ring);
    for (const i of this.rings) ring(this.screen(i), pictured ? 26 : 6, 2);
    if (chosen) {
      ring(chosen, pictured ? 26 : 9, 2.5);
      if (!pictured) ring(chosen, 2, 2);
    }
    if (this.hover >= 0) ring(this.screen(this.hover), pictured ? 24 : 6, 2);
  }
  drawMarks(c, ink, ring) {
    const { R } = this, stroke = (width, path) => {
      for (const [style, w] of [[`rgb(${this.paper})`, width + 3], [ink, width]]) {
        Object.assign(c, { strokeStyle: style, lineWidth: w * R });
        c.beginPath(); path(); c.stroke();
      }
    };
    const cross = ([a, b], r) => stroke(2.5, () => {
      c.moveTo(a - r, b - r); c.lineTo(a + r, b + r); c.moveTo(a - r, b + r); c.lineTo(a + r, b - r);
    });
    for (const m of this.marks) {
      const at = m.at.map((q) => this.fromMap(q));
      if (m.kind === 'path') stroke(2.5, () => at.forEach((q, i) => (i ? c.lineTo(...q) : c.moveTo(...q))));
      at.forEach((q, i) => {
        if (m.kind === 'place') cross(q, 7 * R);
        else if (m.kind === 'sample') { ring(q, 7, 1.5); ring(q, 3.5, 1.5); }
        else if (i === at.length - 1) this.star(c, q, ink);
        else ring(q, 3, 2);
        if (this.mark && this.mark[0] === m && this.mark[1] === i) ring(q, 12, 2);
      });
    }
    if (this.aim) cross(this.fromMap(this.aim), 12 * R);
  }
  star(c, [a, b], ink) {
    c.beginPath();
    for (let k = 0; k < 10; k++) {
      const r = (k % 2 ? 4.5 : 10) * this.R, turn = (k * Math.PI) / 5;
      c.lineTo(a + r * Math.sin(turn), b - r * Math.cos(turn));
    }
    c.closePath();
    Object.assign(c, { strokeStyle: `rgb(${this.paper})`, lineWidth: 4 * this.R, fillStyle: ink, lineJoin: 'round' });
    c.stroke(); c.fill();
  }
  labels(c, ink) {
    c.font = `600 ${14 * this.R}px ${getComputedStyle(this.box).fontFamily}`;
    Object.assign(c, { textAlign: 'center', textBaseline: 'middle', lineJoin: 'round', lineWidth: 4 * this.R });
    const chosen = this.chosen(), taken = chosen ? [this.around(chosen, 26 * this.R, 26 * this.R)] : [];
    for (const { text, at } of this.data.labels) {
      const [a, b] = this.clear(taken, this.fromMap(at), c.measureText(text).width + 8 * this.R, 18 * this.R);
      c.strokeStyle = `rgb(${this.paper} / 0.85)`.replace(/,/g, ' ');
      c.strokeText(text, a, b);
      c.fillStyle = ink;
      c.fillText(text, a, b);
    }
  }
  around([a, b], wide, high) { return [a - wide / 2, b - high / 2, a + wide / 2, b + high / 2]; }
  // The place nearest to where a label belongs that covers no other label and not the ring.
  clear(taken, [a, b], wide, high) {
    const steps = [0, -1, 1, -2, 2, -3, 3].map((k) => [a, b + k * high]);
    const free = (at) => {
      const [l, t, r, u] = this.around(at, wide, high);
      return taken.every(([L, T, R, U]) => r <= L || l >= R || u <= T || t >= U);
    };
    const place = steps.find(free) ?? [a, b];
    taken.push(this.around(place, wide, high));
    return place;
  }
  polygon(c, ink) {
    const corners = this.line ?? this.data.lasso?.map((q) => this.fromMap(q));
    if (!corners?.length) return;
    c.beginPath();
    corners.forEach((q, i) => (i ? c.lineTo(...q) : c.moveTo(...q)));
    if (!this.line) c.closePath();
    Object.assign(c, { strokeStyle: ink, lineWidth: 1.5 * this.R, fillStyle: ink, globalAlpha: 0.07 });
    c.fill();
    c.globalAlpha = 1;
    c.setLineDash([5 * this.R, 4 * this.R]); c.stroke(); c.setLineDash([]);
  }
  // Zoomed in so far that few points are left: show them as what they are.
  pictures(c) {
    const size = Math.round(Math.min(44, 14 + 2 * Math.sqrt(this.view.zoom))) * this.R;
    for (const i of this.visible) this.picture(c, i, ...this.screen(i).map((v) => v - size / 2), size, true);
  }
  // Where a point's picture is: which sheet, and its corner there.
  cell(i) {
    const { sheets, sheetImages, sheetColumns, cell: [w, h] } = this.data, k = i % sheetImages;
    return { url: sheetOf(sheets, Math.floor(i / sheetImages)), corner: [(k % sheetColumns) * w, Math.floor(k / sheetColumns) * h] };
  }
  // One picture of a sheet in a square, its proportions kept.
  paste(c, image, corner, a, b, size) {
    const [w, h] = this.data.cell, scale = size / Math.max(w, h), [x, y] = [a + (size - w * scale) / 2, b + (size - h * scale) / 2];
    c.clearRect(a, b, size, size);
    c.drawImage(image, ...corner, w, h, x, y, w * scale, h * scale);
  }
  async picture(c, i, a, b, size, wait) {
    const { url, corner } = this.cell(i);
    if (!KEPT.sheets.get(url)?.image) {
      const promise = sheet(url, this.data.load);
      promise.then((image) => { promise.image = image; if (wait) this.redraw(); });
      if (wait) return;
      c.clearRect(a, b, size, size); // the picture of another point
      await promise;
      if (this.hover !== i) return;
    }
    c.imageSmoothingEnabled = false;
    this.paste(c, KEPT.sheets.get(url).image, corner, a, b, size);
    if (wait) {
      c.strokeStyle = `rgb(${this.palette[this.colour[this.row[i]]] ?? [128, 128, 128]})`;
      c.lineWidth = 2 * this.R;
      c.strokeRect(a, b, size, size);
    }
  }

  // ---- words
  id(row) {
    const part = this.data.splits.findLast(([, start]) => row >= start);
    return `${part[0]}:${row - part[1]}`;
  }
  words(i) {
    const row = this.row[i], name = this.label && this.label[row] !== GREY ? `, label ${this.data.classNames[this.label[row]] ?? this.label[row]}` : '';
    return `cluster ${this.data.clusterNames[this.cluster[row]]}${name}`;
  }
  show(i) {
    if (i !== this.hover) this.onHover?.(i < 0 ? null : this.row[i]);
    [this.hover, this.mark] = [i, null];
    this.overlay();
    if (i < 0) { this.tip.hidden = true; return; }
    this.tell(this.screen(i), this.id(this.row[i]), this.words(i), this.data.sheets);
    if (this.data.sheets) this.picture(this.$('.tip canvas').getContext('2d'), i, 0, 0, 84, false);
  }
  showMark(m, k) {
    this.onHover?.(null);
    [this.hover, this.mark] = [-1, [m, k]];
    this.overlay();
    this.tell(this.fromMap(m.at[k]), ...m.words[k], true);
    const c = this.$('.tip canvas').getContext('2d');
    m.image.decode().then(() => {
      c.imageSmoothingEnabled = false;
      if (this.mark?.[0] === m && this.mark[1] === k) this.paste(c, m.image, [k * this.data.cell[0], 0], 0, 0, 84);
    });
  }
  tell(at, title, line, pictured) {
    const [a, b] = at.map((v) => v / this.R), { tip } = this;
    tip.hidden = false;
    this.$('.tip b').textContent = title;
    this.$('.tip span').textContent = line;
    this.$('.tip canvas').hidden = !pictured;
    const { offsetWidth: w, offsetHeight: h } = tip, wide = this.W / this.R, high = this.H / this.R;
    tip.style.left = `${a + 16 + w > wide ? a - w - 16 : a + 16}px`;
    tip.style.top = `${Math.max(4, Math.min(b - h / 2, high - h - 4))}px`;
  }
  // Made anew only when it says something else, so that a button keeps the keyboard's focus.
  legend() {
    const box = this.$('.legend'), d = this.data, says = JSON.stringify([d.title, d.legend, d.palette]);
    if (this.legendSays !== says) {
      this.legendSays = says;
      this.solo = null;
      const title = Object.assign(document.createElement('b'), { textContent: d.title });
      box.replaceChildren(title, ...(d.legend.names ? this.chips() : this.ramp()));
    }
    this.pressChips();
    box.querySelectorAll('input').forEach((input, k) => { input.value = d.range[k]; });
    if (d.legend.ends) this.bounds();
  }
  chips() {
    const { names, order } = this.data.legend;
    return order.map((k) => {
      const name = names[k];
      const chip = document.createElement('button'), dot = document.createElement('i');
      chip.type = 'button';
      chip.className = 'chip';
      chip.dataset.level = k;
      chip.title = `Show only ${name}; with Ctrl, ${name} as well`;
      dot.style.background = this.data.palette[k];
      chip.append(dot, name);
      chip.onpointerenter = () => { this.solo = k; this.redraw(); };
      chip.onpointerleave = () => { this.solo = null; this.redraw(); };
      chip.onclick = (e) => {
        const { only } = this.data, more = e.ctrlKey || e.metaKey;
        const rest = only.filter((j) => j !== k), on = more ? !only.includes(k) : only.length !== 1 || only[0] !== k;
        this.data.only = [...(more ? rest : []), ...(on ? [k] : [])].sort((u, v) => u - v);
        this.pressChips();
        this.send('only', this.data.only);
      };
      return chip;
    });
  }
  pressChips() {
    const { only } = this.data, box = this.$('.legend');
    for (const chip of box.querySelectorAll('.chip')) chip.setAttribute('aria-pressed', String(only.includes(+chip.dataset.level)));
    box.classList.toggle('some', only.length > 0);
  }
  ramp() {
    const { legend, palette } = this.data, box = document.createElement('span'), bar = document.createElement('span');
    const text = (t, name) => Object.assign(document.createElement('span'), { textContent: t, className: name });
    box.className = 'scale';
    bar.className = 'ramp';
    bar.style.background = `linear-gradient(90deg, ${palette.filter((_, k) => k % 16 === 0).join(',')})`;
    const inputs = ['Lowest', 'Highest'].map((which, k) => {
      const input = document.createElement('input');
      Object.assign(input, { type: 'range', min: 0, max: 254, step: 1 });
      input.setAttribute('aria-label', `${which} ${this.data.title.toLowerCase()} shown`);
      input.oninput = () => {
        const [low, high] = [...box.querySelectorAll('input')];
        if (+low.value > +high.value) (k ? high : low).value = (k ? low : high).value;
        this.bounds();
      };
      input.onchange = () => this.send('range', [...box.querySelectorAll('input')].map((i) => +i.value));
      return input;
    });
    box.append(bar, ...inputs);
    return [text(legend.low, 'low'), box, text(legend.high, 'high'), text(legend.note, 'note')];
  }
  // Say what the two ends of the range are.
  bounds() {
    const { ends, unit, low, high } = this.data.legend, box = this.$('.legend');
    [...box.querySelectorAll('input')].forEach((input, k) => {
      const value = +input.value, full = value === (k ? 254 : 0);
      const said = `${Number((ends[0] + ((ends[1] - ends[0]) * value) / 254).toPrecision(3))}${unit}`.replace('-', '\u2212');
      box.querySelector(k ? '.high' : '.low').textContent = full ? [low, high][k] : said;
      input.setAttribute('aria-valuetext', said);
    });
  }
  buttons() {
    for (const b of this.box.querySelectorAll('[data-mode]')) b.setAttribute('aria-pressed', String(b.dataset.mode === this.mode));
    const clear = this.$('[data-do=clear]');
    clear.hidden = !this.data.lasso;
    clear.textContent = `Clear lasso (${this.data.inQuestion} inside)`;
    this.over.setAttribute('aria-label', this.data.alt);
    this.$('[data-do=forget]').hidden = !this.marks.some((m) => m.kind === 'place');
    this.over.style.cursor = this.mode === 'pan' ? 'grab' : 'crosshair';
  }

  // ---- picking: brute force over 70,000 points takes 0.1 ms
  nearest(a, b, reach) {
    const { x, y, view } = this, k = this.scale, ax = k / 65535, bx = this.W / 2 - view.x * k, by = this.H / 2 + view.y * k;
    let best = -1, least = reach * reach, grey = -1, leastGrey = least;
    for (let i = 0; i < this.n; i++) {
      const dx = x[i] * ax + bx - a, dy = by - y[i] * ax - b;
      if (dx > reach || dx < -reach || dy > reach || dy < -reach) continue;
      const far = dx * dx + dy * dy;
      if (far < least && this.isShown(i)) [least, best] = [far, i];
      else if (far < leastGrey) [leastGrey, grey] = [far, i];
    }
    return best < 0 ? grey : best;
  }
  nearestMark([a, b], reach) {
    let best = null, least = reach;
    for (const m of this.marks) m.at.forEach((q, k) => {
      const [u, v] = this.fromMap(q), far = Math.hypot(u - a, v - b);
      if (far < least) [least, best] = [far, [m, k]];
    });
    return best;
  }
  // The nearest point within 45 degrees of a direction, at least a visible step away.
  toward(i, [ux, uy], step) {
    const [a, b] = this.screen(i);
    let best = -1, least = Infinity;
    for (let j = 0; j < this.n; j++) {
      const [p, q] = this.screen(j), along = (p - a) * ux + (q - b) * uy, side = Math.abs((p - a) * uy) + Math.abs((q - b) * ux);
      if (along < step || side > along) continue;
      const far = along + side;
      if (far < least && this.isShown(j)) [least, best] = [far, j];
    }
    return best;
  }
  pick(i) { if (i >= 0) this.send('pick', this.row[i]); }

  // ---- hands
  listen() {
    const { over } = this, at = (e) => {
      const r = over.getBoundingClientRect();
      return [((e.clientX - r.left) * this.W) / r.width, ((e.clientY - r.top) * this.H) / r.height];
    };
    over.onpointerdown = (e) => {
      over.focus({ preventScroll: true });
      over.setPointerCapture(e.pointerId);
      this.fingers.set(e.pointerId, at(e));
      this.down = at(e);
      if (this.fingers.size === 1 && (this.mode === 'lasso') !== e.shiftKey) this.line = [this.down];
      else [this.line, this.grab] = [null, this.down];
    };
    over.onpointermove = (e) => {
      const p = at(e);
      if (this.fingers.size === 2) return this.pinch(e.pointerId, p);
      if (this.line) return this.trace(p);
      if (this.grab) return this.pan(p);
      const m = this.nearestMark(p, 10 * this.R);
      if (m) { if (m[0] !== this.mark?.[0] || m[1] !== this.mark[1]) this.showMark(...m); return; }
      const i = this.nearest(...p, 14 * this.R);
      if (i !== this.hover || this.mark) this.show(i);
    };
    over.onpointerup = over.onpointercancel = (e) => this.release(e, at(e));
    over.onpointerleave = () => { if (!this.fingers.size && document.activeElement !== over) this.show(-1); };
    over.ondblclick = (e) => this.zoomAt(at(e), 2.2);
    over.onkeydown = (e) => this.key(e);
    over.onblur = () => { this.aim = null; this.show(-1); };
    over.addEventListener('wheel', (e) => this.wheel(e, at(e)), { passive: false, signal: this.stop.signal });
    for (const b of this.box.querySelectorAll('button')) b.onclick = () => this.press(b.dataset);
  }
  trace(p) {
    const last = this.line.at(-1);
    if (Math.hypot(p[0] - last[0], p[1] - last[1]) > 3 * this.R) this.line.push(p);
    this.overlay();
  }
  pan([a, b]) {
    this.view.x -= (a - this.grab[0]) / this.scale;
    this.view.y += (b - this.grab[1]) / this.scale;
    this.grab = [a, b];
    this.tip.hidden = true;
    this.redraw();
  }
  pinch(id, p) {
    const spread = () => { const [u, v] = [...this.fingers.values()]; return [Math.hypot(u[0] - v[0], u[1] - v[1]), [(u[0] + v[0]) / 2, (u[1] + v[1]) / 2]]; };
    const [before] = spread();
    this.fingers.set(id, p);
    const [after, middle] = spread();
    this.zoomAt(middle, after / Math.max(before, 1));
    this.pinched = true;
  }
  release(e, p) {
    this.fingers.delete(e.pointerId);
    const still = Math.hypot(p[0] - this.down[0], p[1] - this.down[1]) < 5 * this.R;
    if (this.line?.length > 4) this.send('lasso', this.line.map((q) => this.toMap(q)));
    else if (e.type === 'pointerup' && still && !this.pinched) {
      if (e.shiftKey || this.mode === 'place') this.send('place', this.toMap(p));
      else this.pick(this.nearest(...p, 14 * this.R));
    }
    this.line = this.grab = null;
    if (!this.fingers.size) this.pinched = false;
    this.overlay();
  }
  wheel(e, p) {
    if (!(e.ctrlKey || e.metaKey || this.over.matches(':focus'))) return this.hint();
    e.preventDefault();
    this.show(-1);
    this.zoomAt(p, Math.exp(-e.deltaY * 0.0016));
  }
  hint() {
    this.$('.hint').classList.add('on');
    clearTimeout(this.hinted);
    this.hinted = setTimeout(() => this.$('.hint').classList.remove('on'), 1400);
  }
  key(e) {
    const direction = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    const act = { '+': 'in', '=': 'in', '-': 'out', 0: 'fit', Escape: 'clear' }[e.key];
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    if (direction && this.mode === 'place') this.steer(direction, (e.shiftKey ? 60 : 10) * this.R);
    else if (direction) this.walk(direction, (e.shiftKey ? 40 : 6) * this.R);
    else if (act) this.press({ do: act });
    else if (e.key === 'Enter' || e.key === ' ') this.aim ? this.send('place', this.aim) : this.pick(this.hover);
    else return;
    e.preventDefault();
  }
  walk(direction, step) {
    const from = this.hover >= 0 ? this.hover : this.place.get(this.data.selected) ?? this.nearest(...(this.chosen() ?? [this.W / 2, this.H / 2]), Infinity);
    const next = this.hover < 0 ? from : this.toward(from, direction, step);
    if (next < 0) return;
    this.centreOn([this.x[next] / 65535, this.y[next] / 65535]);
    this.redraw();
    this.show(next);
    this.$('.live').textContent = `${this.id(this.row[next])}, ${this.words(next)}`;
  }
  // With the keyboard, a place to decode is aimed at by a cross.
  steer([ux, uy], step) {
    const [a, b] = this.aim ? this.fromMap(this.aim) : [this.W / 2, this.H / 2], go = this.aim ? step : 0;
    const p = [Math.max(0, Math.min(this.W, a + ux * go)), Math.max(0, Math.min(this.H, b + uy * go))];
    this.aim = this.toMap(p);
    this.show(this.nearest(...p, Infinity));
    this.$('.live').textContent = `Cross near ${this.id(this.row[this.hover])}, ${this.words(this.hover)}`;
  }
  press({ mode, do: act }) {
    if (mode) { this.mode = mode; this.aim = null; this.buttons(); this.overlay(); }
    const middle = this.hover < 0 ? [this.W / 2, this.H / 2] : this.screen(this.hover);
    if (act === 'in' || act === 'out') this.zoomAt(middle, act === 'in' ? 1.6 : 1 / 1.6);
    if (act === 'fit') { Object.assign(this.view, { x: 0.5, y: 0.5, zoom: 1 }); this.redraw(); }
    if (act === 'clear' && this.data.lasso) this.send('lasso', []);
    if ((act === 'forget' || act === 'clear') && this.marks.some((m) => m.kind === 'place')) this.send('place', []);
  }
  destroy() {
    this.stop.abort();
    this.observer.disconnect();
    cancelAnimationFrame(this.raf);
    clearTimeout(this.hinted);
  }
}

export default function latentMap({ parentElement: root, data, setTriggerValue, onHover }) {
  if (!INSTANCES.has(root)) INSTANCES.set(root, new LatentMap(root));
  const map = INSTANCES.get(root);
  map.update(data, setTriggerValue, onHover);
  return () => { map.destroy(); INSTANCES.delete(root); };
}
