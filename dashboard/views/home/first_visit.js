// Five steps round Home, shown until they were finished or skipped; this browser remembers.
const DONE = 'cluster-vae-explorer.tour', TOURS = new WeakMap();

function remembered() {
  try { return localStorage.getItem(DONE) !== null; } catch { return false; }
}
function remember() {
  try { localStorage.setItem(DONE, 'done'); } catch { /* storage is off: it will be offered again */ }
}

class Tour {
  constructor(root, steps) {
    this.$ = (selector) => root.querySelector(selector);
    Object.assign(this, { steps, at: 0, framed: null });
    this.$('.next').onclick = () => (this.at + 1 < this.steps.length ? this.go(this.at + 1) : this.end());
    this.$('.back').onclick = () => this.go(this.at - 1);
    this.$('.skip').onclick = () => this.end();
    this.$('.again').onclick = () => { this.open(true); this.go(0); this.$('.next').focus(); };
    this.$('.card').onkeydown = (e) => { if (e.key === 'Escape') this.end(); };
    this.open(!remembered());
    if (!remembered()) this.go(0, false);
  }
  open(on) {
    this.$('.card').hidden = !on;
    this.$('.again').hidden = on;
  }
  go(at, show = true) {
    this.at = at;
    const { title, text, where } = this.steps[at], last = at + 1 === this.steps.length;
    this.$('.count').textContent = `${at + 1} of ${this.steps.length}`;
    this.$('.says b').textContent = `${title}.`;
    this.$('.text').textContent = text;
    this.$('.back').hidden = !at;
    this.$('.skip').hidden = last;
    this.$('.next').textContent = last ? 'Done' : 'Continue';
    this.frame(show ? document.querySelector(where) : null);
  }
  frame(node) {
    if (this.framed) Object.assign(this.framed.style, { outline: '', scrollMarginBottom: '' });
    this.framed = node?.checkVisibility() ? node : null;
    if (!this.framed) return;
    const colour = getComputedStyle(this.$('.tour')).getPropertyValue('--st-primary-color');
    Object.assign(this.framed.style, { outline: `3px solid ${colour}`, outlineOffset: '4px', borderRadius: '6px' });
    this.framed.style.scrollMarginBottom = `${this.$('.card').offsetHeight + 32}px`;
    this.framed.scrollIntoView({ block: 'nearest' });
  }
  end() {
    remember();
    this.frame(null);
    this.open(false);
    this.$('.again').focus({ preventScroll: true });
  }
}

export default function ({ parentElement: root, data }) {
  if (!TOURS.has(root)) TOURS.set(root, new Tour(root, data.steps));
  return () => { TOURS.get(root)?.frame(null); TOURS.delete(root); };
}
