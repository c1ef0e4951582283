// The map beside the image under the pointer and the selected ones, as a widget (https://anywidget.dev).
// `selection` and `colour` are Python's too; Python sends pictures and says what a lasso encloses.
const NIGHT = matchMedia('(prefers-color-scheme: dark)');
const REST = 50; // milliseconds for which a pointer stays on a point whose image is asked for
const MOST_RINGS = 100;
const PANEL = `<label>Colour by <select class="colour"></select></label>
  <div class="image"></div>
  <div class="chosen"><p role="status"></p><button type="button" class="clear">Clear</button></div>
  <div class="strip"></div>
  <p class="quiet drawn"></p>`;

function isDark() {
  const { jpThemeLight, vscodeThemeKind } = document.body.dataset;
  if (jpThemeLight) return jpThemeLight === 'false';
  return vscodeThemeKind ? /dark|contrast$/.test(vscodeThemeKind) : NIGHT.matches;
}
const bufferOf = (view) => view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
const bitmap = (png) => createImageBitmap(new Blob([png], { type: 'image/png' }));

class Explorer {
  constructor(model, host) {
    const root = host.attachShadow({ mode: 'open' });
    root.innerHTML = `<style>${STYLE}</style><div class="explorer"><div class="stage">${MAP}</div><section aria-label="Images">${PANEL}</section></div>`;
    Object.assign(this, { model, host, $: (s) => root.querySelector(s), hover: null, pictured: null, asked: new Map(), waiting: new Map(), stop: new AbortController() });
    this.fixed = model.get('_map');
    this.bytes = Object.fromEntries(['points', 'cluster', 'label'].map((k) => [k, this.fixed[k] && { buffer: bufferOf(this.fixed[k]) }]));
    KEPT.made = (KEPT.made ?? 0) + 1;
    this.name = `widget ${KEPT.made}`; // of its own, as each map has its own view
    for (const [value, text] of this.fixed.colours) this.$('.colour').append(make('option', { value, text }));
    this.$('.drawn').textContent = this.fixed.note;
    this.listen();
    this.recolour();
    this.select();
  }
  listen() {
    const { model, stop: { signal } } = this;
    this.heard = {
      'change:selection': () => this.select(),
      'change:_colouring': () => this.recolour(true),
      'change:_pictures': () => this.strip(),
      'msg:custom': (asked, [png]) => this.waiting.get(JSON.stringify(asked))?.(bitmap(png)),
    };
    for (const [event, act] of Object.entries(this.heard)) model.on(event, act);
    this.$('.colour').onchange = (e) => this.save('colour', e.target.value);
    this.$('.clear').onclick = () => this.save('selection', []);
    NIGHT.addEventListener('change', () => this.draw(), { signal });
    this.watch = new MutationObserver(() => this.draw());
    this.watch.observe(document.body, { attributeFilter: ['data-jp-theme-light', 'data-vscode-theme-kind'] });
  }
  save(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }
  // What Python sends: {sheet: number} is a sheet of pictures, {image: row} an image and its reconstruction.
  ask(what) {
    const key = JSON.stringify(what);
    return once(this.asked, key, () => new Promise((resolve) => {
      this.waiting.set(key, resolve);
      this.model.send(what);
    }));
  }
  rowOf(id) {
    const [split, number] = id.split(':');
    return this.fixed.splits.find(([name]) => name === split)[1] + +number;
  }

  // ---- the map
  recolour(anew = false) {
    this.colouring = this.model.get('_colouring');
    this.levels = new Uint8Array(bufferOf(this.colouring.levels));
    Object.assign(this, { only: [], range: [0, 254] });
    this.$('.colour').value = this.model.get('colour');
    if (anew) this.draw();
  }
  select() {
    const ids = this.model.get('selection');
    this.focus = this.map && ids.length === 1 && ids[0] !== this.picked ? ids[0] : null; // what is clicked is in sight
    this.picked = null;
    this.rows = ids.map((id) => this.rowOf(id));
    this.$('.chosen p').textContent = ids.length ? `${ids.length.toLocaleString('en')} selected` : 'None selected';
    this.$('.clear').disabled = !ids.length;
    this.strip();
    this.draw();
    this.panel();
  }
  draw() {
    const { fixed, colouring, bytes, rows, levels } = this, dark = isDark(), many = rows.length > 1;
    const keeps = legendFilter(levels, this.only, this.range), chosen = many && new Set(rows);
    this.host.style.colorScheme = dark ? 'dark' : 'light';
    this.leave = latentMap({
      parentElement: this.$('.stage'),
      data: {
        ...fixed, ...colouring, ...colouring.colours[+dark], ...bytes, name: this.name, colour: { buffer: levels.buffer },
        sheets: `${this.name} {k}`, load: (url) => this.ask({ sheet: +url.split(' ').at(-1) }),
        shown: keeps || many ? packed(levels.length, (row) => (!keeps || keeps(row)) && (!many || chosen.has(row))) : null,
        selected: rows.length === 1 ? rows[0] : null, rings: many && rows.length <= MOST_RINGS ? rows : [],
        only: [...this.only], range: this.range, focus: this.focus, neighbours: [], lasso: null, marks: [], inQuestion: '',
        alt: describe(fixed.count, colouring.title),
      },
      setTriggerValue: (event, value) => this.did(event, value),
      onHover: (row) => this.point(row),
    });
    this.map = this.$('.box').latentMap;
  }
  did(event, value) {
    if (event === 'pick') {
      this.picked = this.map.id(value);
      this.save('selection', [this.picked]);
    } else if (event === 'lasso') this.model.send({ lasso: value, only: this.only, range: this.range });
    else if (event === 'only' || event === 'range') {
      this[event] = value;
      this.draw();
    }
  }

  // ---- the images
  point(row) {
    this.hover = row;
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.panel(), REST);
  }
  panel() {
    const row = this.hover ?? this.rows[0];
    if (row === this.pictured) return;
    this.pictured = row;
    if (row === undefined) {
      return this.$('.image').replaceChildren(make('p', { className: 'quiet', text: 'Point at a dot to see its image. A click selects it, a lasso selects many.' }));
    }
    const id = this.map.id(row), { cell, classNames, clusterNames, confidence } = this.fixed;
    const [cluster, label] = ['cluster', 'label'].map((k) => this.fixed[k]?.getUint8(row));
    const facts = [`cluster ${clusterNames[cluster]}, ${percent(confidence.getUint16(2 * row, true) / 65535)} sure`];
    if (label !== undefined && label !== GREY) facts.push(`label ${classNames[label] ?? label}`);
    const pair = make('div', { className: 'pair' });
    this.$('.image').replaceChildren(make('h3', { text: id }), make('p', { text: facts.join(' · ') }), pair);
    this.ask({ image: row }).then((image) => {
      const count = Math.round(image.width / cell[0]);
      pair.append(...['Input', 'Reconstruction'].slice(0, count).map((title, k) =>
        make('figure', {}, this.cut(image, k, count, `${title} of ${id}`), make('figcaption', { text: title }))));
    });
  }
  // One of a sheet's images.
  cut(image, k, columns, alt) {
    const [width, height] = this.fixed.cell, canvas = make('canvas', { width, height, ...(alt ? { role: 'img', ariaLabel: alt } : { ariaHidden: 'true' }) });
    canvas.getContext('2d').drawImage(image, -(k % columns) * width, -Math.floor(k / columns) * height);
    return canvas;
  }
  async strip() {
    const { ids, png } = this.model.get('_pictures'), now = this.model.get('selection'), strip = this.$('.strip');
    const fit = ids.length > 1 && ids.every((id, k) => id === now[k]), image = fit && (await bitmap(png));
    if (this.model.get('selection') !== now) return; // another strip follows
    strip.replaceChildren(...(fit ? ids : []).map((id, k) => make('button', {
      type: 'button', title: id, ariaLabel: `Select ${id}`, onclick: () => this.did('pick', this.rowOf(id)),
      onpointerenter: () => this.show(id), onfocus: () => this.show(id), onpointerleave: () => this.show(null), onblur: () => this.show(null),
    }, this.cut(image, k, this.fixed.sheetColumns, ''))));
    if (fit && ids.length < now.length) strip.append(make('span', { className: 'quiet', text: `the first ${ids.length}` }));
  }
  // Show a selected image, on the map if its point is drawn there.
  show(id) {
    const row = id && this.rowOf(id);
    this.map.show(this.map.place.get(row) ?? -1);
    this.point(row);
  }
  destroy() {
    for (const [event, act] of Object.entries(this.heard)) this.model.off(event, act);
    this.stop.abort();
    this.watch.disconnect();
    this.leave();
    clearTimeout(this.resting);
    KEPT.views.delete(this.name);
    for (const key of KEPT.sheets.keys()) if (key.startsWith(`${this.name} `)) KEPT.sheets.delete(key);
  }
}

export default {
  render({ model, el }) {
    const host = make('div');
    host.dataset.lmSuppressShortcuts = 'true'; // arrow keys are the map's, not the notebook's
    el.append(host);
    const explorer = new Explorer(model, host);
    return () => { explorer.destroy(); host.remove(); };
  },
};
