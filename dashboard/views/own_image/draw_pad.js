// A sheet to draw on with a soft brush. After each stroke its ink is sent as base64, a byte a
// pixel, or as '' when it is blank. Event: ink.
const SIDE = 112, BRUSH = 4.6, SOFT = 3, CELL = 4, KEPT = 60;
const INSTANCES = new WeakMap();

class Pad {
  constructor(root) {
    this.$ = (s) => root.querySelector(s);
    [this.canvas, this.pen, this.live] = ['.ink', '.pen', '.live'].map(this.$);
    this.context = this.canvas.getContext('2d', { willReadFrequently: true });
    Object.assign(this, { ink: new Uint8Array(SIDE * SIDE), past: [], at: null, down: false, cursor: [54, 30], token: null });
    this.listen();
    this.draw();
  }

  // Another image than the one drawn here was chosen: show it, to be drawn on.
  update(data, send) {
    this.send = send;
    this.canvas.setAttribute('aria-label', data.label);
    if (data.token === this.token) return;
    this.token = data.token;
    const blank = !this.ink.some(Boolean);
    if (data.seed ? data.drawn && !blank : data.drawn || blank) return;
    this.past = [];
    this.ink = data.seed ? this.enlarged(data.seed) : new Uint8Array(SIDE * SIDE);
    this.draw();
  }
  enlarged(seed) {
    const small = Object.assign(document.createElement('canvas'), { width: 28, height: 28 }), c = small.getContext('2d');
    const image = c.createImageData(28, 28);
    [...atob(seed)].forEach((byte, i) => image.data.set([byte.charCodeAt(0), 0, 0, 255], 4 * i));
    c.putImageData(image, 0, 0);
    this.context.drawImage(small, 0, 0, SIDE, SIDE);
    return this.context.getImageData(0, 0, SIDE, SIDE).data.filter((_, i) => i % 4 === 0);
  }

  // ---- ink
  stroke([a, b], [u, v]) {
    const steps = Math.max(1, Math.ceil(Math.hypot(u - a, v - b)));
    for (let k = 0; k <= steps; k++) this.dab(a + ((u - a) * k) / steps, b + ((v - b) * k) / steps);
    this.draw();
  }
  dab(a, b) {
    const reach = BRUSH + SOFT;
    for (let y = Math.max(0, Math.floor(b - reach)); y <= Math.min(SIDE - 1, b + reach); y++) {
      for (let x = Math.max(0, Math.floor(a - reach)); x <= Math.min(SIDE - 1, a + reach); x++) {
        const cover = Math.min(1, Math.max(0, (BRUSH + SOFT / 2 - Math.hypot(x + 0.5 - a, y + 0.5 - b)) / SOFT));
        this.ink[y * SIDE + x] = Math.max(this.ink[y * SIDE + x], Math.round(255 * cover));
      }
    }
  }
  draw() {
    const image = this.context.createImageData(SIDE, SIDE), pixels = new Uint32Array(image.data.buffer);
    this.ink.forEach((v, i) => { pixels[i] = 0xff000000 | (v << 16) | (v << 8) | v; });
    this.context.putImageData(image, 0, 0);
    this.$('[data-do=undo]').disabled = !this.past.length;
    this.$('[data-do=clear]').disabled = !this.ink.some(Boolean);
  }
  keep() {
    this.past.push(this.ink.slice());
    if (this.past.length > KEPT) this.past.shift();
  }
  report() {
    const blank = !this.ink.some(Boolean);
    this.send('ink', blank ? '' : btoa(Array.from(this.ink, (v) => String.fromCharCode(v)).join('')));
  }
  undo() {
    if (!this.past.length) return;
    this.lift(false);
    this.ink = this.past.pop();
    this.draw();
    this.report();
    this.say('Took the last stroke back');
  }
  clear() {
    this.lift(false);
    if (!this.ink.some(Boolean)) return;
    this.keep();
    this.ink = new Uint8Array(SIDE * SIDE);
    this.draw();
    this.report();
    this.say('Cleared');
  }

  // ---- hands
  listen() {
    const { canvas } = this, at = (e) => {
      const r = canvas.getBoundingClientRect();
      return [((e.clientX - r.left) * SIDE) / r.width, ((e.clientY - r.top) * SIDE) / r.height];
    };
    canvas.onpointerdown = (e) => {
      if (this.at || e.button) return;
      canvas.focus({ preventScroll: true });
      canvas.setPointerCapture(e.pointerId);
      this.lift(false);
      this.keep();
      [this.finger, this.at] = [e.pointerId, at(e)];
      this.stroke(this.at, this.at);
      e.preventDefault();
    };
    canvas.onpointermove = (e) => {
      if (!this.at || e.pointerId !== this.finger) return;
      const path = e.getCoalescedEvents?.() ?? [];
      for (const part of path.length ? path : [e]) {
        const next = at(part);
        this.stroke(this.at, next);
        this.at = next;
      }
    };
    canvas.onpointerup = canvas.onpointercancel = (e) => {
      if (!this.at || e.pointerId !== this.finger) return;
      this.at = null;
      this.report();
    };
    canvas.onkeydown = (e) => this.key(e);
    canvas.onblur = () => { this.lift(true); this.pen.hidden = true; };
    this.$('[data-do=undo]').onclick = () => this.undo();
    this.$('[data-do=clear]').onclick = () => this.clear();
  }
  key(e) {
    const way = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[e.key];
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === 'z') this.undo();
    else if (e.ctrlKey || e.metaKey || e.altKey) return;
    else if (way) this.move(way, (e.shiftKey ? 4 : 1) * CELL);
    else if (e.key === ' ') this.press();
    else if (e.key === 'Backspace') this.undo();
    else if (e.key === 'Delete') this.clear();
    else if (e.key === 'Escape') this.lift(true);
    else return;
    e.preventDefault();
  }
  move(way, step) {
    const next = this.cursor.map((v, k) => Math.max(6, Math.min(SIDE - 6, v + way[k] * step)));
    if (this.down) this.stroke(this.cursor, next);
    this.cursor = next;
    this.point();
  }
  press() {
    if (this.down) { this.lift(true); return; }
    this.keep();
    this.down = true;
    this.stroke(this.cursor, this.cursor);
    this.point();
  }
  lift(send) {
    if (!this.down) return;
    this.down = false;
    this.point();
    if (send) this.report();
  }
  point() {
    const [left, top] = this.cursor.map((v) => `${(100 * v) / SIDE}%`);
    Object.assign(this.pen.style, { left, top });
    this.pen.hidden = false;
    this.pen.classList.toggle('down', this.down);
    const [column, row] = this.cursor.map((v) => Math.floor(v / CELL) + 1);
    this.say(`Pen ${this.down ? 'down' : 'up'}, row ${row} of 28, column ${column}`);
  }
  say(text) { this.live.textContent = text; }
}

export default function ({ parentElement: root, data, setTriggerValue }) {
  if (!INSTANCES.has(root)) INSTANCES.set(root, new Pad(root));
  INSTANCES.get(root).update(data, setTriggerValue);
}
