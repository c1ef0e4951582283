// The page around the map: colours, search, and what is known about the selected image.
// Everything from the bundle becomes text by textContent, never markup.
const read = (id) => JSON.parse(document.getElementById(id).textContent);
const DATA = read('data'), SHEETS = read('sheets'), NIGHT = matchMedia('(prefers-color-scheme: dark)');
const $ = (id) => document.getElementById(id);
const state = { colour: Object.keys(DATA.columns)[0], row: null, only: [], range: [0, 254], focus: 0, matches: [], at: -1 };
const levelsOf = {}, probs = {}, unpack = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const blob = unpack(DATA.points).buffer, X = new Uint16Array(blob, 0, DATA.count);
const Y = new Uint16Array(blob, 2 * DATA.count, DATA.count), ROWS = new Uint32Array(blob, 4 * DATA.count, DATA.count);
const PLACE = new Map(Array.from(ROWS, (row, i) => [row, i]));
const EXPLAINED = new Map(DATA.explained.map((one) => [one.row, one]));
for (const [name, column] of Object.entries(DATA.columns)) levelsOf[name] = unpack(column.levels);

const idOf = (row) => { const [name, start] = DATA.splits.findLast(([, first]) => row >= first); return `${name}:${row - start}`; };
const nameIn = (column, row) => DATA.columns[column]?.legend.names[levelsOf[column][row]];
const themed = (pair) => pair[NIGHT.matches ? 1 : 0];

// ---- the map
function draw() {
  const column = DATA.columns[state.colour], levels = levelsOf[state.colour];
  const keeps = legendFilter(levels, state.only, state.range);
  latentMap({
    parentElement: $('map'),
    data: {
      ...DATA, ...column, ...themed(column.colours), points: { buffer: blob },
      colour: { buffer: levels.buffer }, cluster: { buffer: levelsOf.cluster.buffer },
      label: levelsOf.label ? { buffer: levelsOf.label.buffer } : null,
      sheets: SHEETS.input, shown: keeps && packed(levels.length, keeps), selected: state.row, neighbours: [], lasso: null, marks: [],
      only: [...state.only], range: state.range, inQuestion: '', focus: state.focus,
      alt: describe(DATA.count, column.title),
    },
    setTriggerValue(event, value) {
      if (event === 'pick') select(value);
      if (event === 'only') Object.assign(state, { only: value });
      if (event === 'range') Object.assign(state, { range: value });
      draw();
    },
  });
}
function colourBy(name, only = []) {
  Object.assign(state, { colour: name, only, range: [0, 254] });
  $('colour').value = name;
}

// ---- the selected image
function select(row, focus = false) {
  state.row = row;
  if (focus) state.focus += 1;
  history.replaceState(null, '', `#${idOf(row)}`);
  panel();
  draw();
}
function cut(sheets, row) {
  const canvas = make('canvas'), [w, h] = DATA.cell, i = PLACE.get(row), k = i % DATA.sheetImages, image = new Image();
  [canvas.width, canvas.height] = [w, h];
  image.src = sheets[Math.floor(i / DATA.sheetImages)];
  image.decode().then(() => canvas.getContext('2d').drawImage(image, -(k % DATA.sheetColumns) * w, -Math.floor(k / DATA.sheetColumns) * h));
  return canvas;
}
function shown(picture, title, note, alt) {
  if (picture.tagName === 'CANVAS') { picture.setAttribute('role', 'img'); picture.setAttribute('aria-label', alt); } else picture.alt = alt;
  const caption = make('figcaption', {}, make('b', { text: title }));
  if (note) caption.append(` ${note}`);
  return make('figure', {}, picture, caption);
}
function bars(title, kind, names, palette, row) {
  const all = probs[kind], count = names.length, from = PLACE.get(row) * count;
  const best = names.map((name, c) => [all[from + c] / 65535, name, palette[c]]).sort((a, b) => b[0] - a[0]).slice(0, 4);
  const body = make('tbody');
  for (const [p, name, colour] of best) {
    const bar = make('span', { className: 'bar' });
    Object.assign(bar.style, { width: `${100 * p}%`, background: colour });
    body.append(make('tr', {}, Object.assign(make('th', { text: name }), { scope: 'row' }), make('td', {}, bar), make('td', { text: percent(p) })));
  }
  return [make('h3', { text: title }), make('table', { ariaLabel: title }, body)];
}
function panel() {
  const { row } = state, id = idOf(row), one = EXPLAINED.get(row), facts = [`cluster ${nameIn('cluster', row)}`];
  const label = nameIn('label', row), answer = nameIn('predicted', row);
  if (label !== undefined) facts.push(`label ${label}`);
  if (answer !== undefined) facts.push(`classifier's answer ${answer}`);
  const pair = make('div', { className: 'row' }, shown(cut(SHEETS.input, row), 'Input', '', `The image ${id}`));
  if (SHEETS.reconstruction.length) pair.append(shown(cut(SHEETS.reconstruction, row), 'Reconstruction', '', "The decoder's reconstruction"));
  const colours = (name) => themed(DATA.columns[name].colours).palette, nodes = [make('h2', { text: id }), make('p', { className: 'quiet', text: facts.join(' · ') }), pair];
  if (probs.cluster) nodes.push(...bars('Cluster, q(c|x)', 'cluster', DATA.clusterNames, colours('cluster'), row));
  if (probs.class) nodes.push(...bars('Classifier, p(class|x)', 'class', classes(), colours('predicted'), row));
  nodes.push(...(one ? explanation(one) : elsewhere()));
  $('panel').replaceChildren(...nodes);
  for (const button of document.querySelectorAll('#explained button')) button.setAttribute('aria-pressed', String(+button.dataset.row === row));
}
const classes = () => Array.from({ length: probs.class.length / DATA.count }, (_, c) => DATA.columns.predicted.legend.names[c] ?? String(c));
function explanation({ heat, changed }) {
  const image = (src) => make('img', { src }), { explained, method, note } = DATA.about;
  const nodes = [make('h3', { text: 'Why, and what if?' }), make('p', { className: 'quiet', text: `Explained: ${explained}. ${note}` })];
  const pair = make('div', { className: 'row' }, shown(image(themed(heat)), 'Heatmap', `${method}.`, `Heatmap by ${method}`));
  if (changed) {
    const arrived = changed.reason ? `not reached: ${changed.reason}` : `${changed.reached} probable`;
    pair.append(shown(image(changed.image), 'Counterfactual', `${changed.to}: ${arrived}.`, `This image turned into ${changed.to}`),
      shown(image(themed(changed.change)), 'Change', `${changed.ink}.`, changed.ink));
  }
  return [...nodes, pair];
}
function elsewhere() {
  if (!EXPLAINED.size) return [];
  const i = PLACE.get(state.row), far = (row) => { const j = PLACE.get(row); return Math.hypot(X[i] - X[j], Y[i] - Y[j]); };
  const near = [...EXPLAINED.keys()].reduce((a, b) => (far(b) < far(a) ? b : a));
  return [make('h3', { text: 'Why, and what if?' }),
    make('p', { className: 'quiet', text: `This file holds the heatmap and the counterfactual of ${EXPLAINED.size} images, not of this one.` }),
    make('button', { type: 'button', text: `Nearest of them: ${idOf(near)}`, onclick: () => select(near, true) })];
}
function strips() {
  for (const group of new Set(DATA.explained.map((one) => one.group))) {
    const strip = make('div', { className: 'strip' });
    for (const one of DATA.explained.filter((other) => other.group === group)) {
      const words = `${idOf(one.row)}, cluster ${nameIn('cluster', one.row)}`;
      const button = make('button', { type: 'button', title: words, onclick: () => select(one.row, true) }, make('img', { src: one.input, alt: words }));
      button.dataset.row = one.row;
      strip.append(button);
    }
    $('explained').append(make('h3', { text: `Explained in this file: ${group.toLowerCase()}` }), strip);
  }
}

// ---- search: an id selects its image, a name shows its images one after another
function find(text) {
  const [, split, number] = /^\s*(\w+)\s*:\s*(\d+)\s*$/.exec(text) ?? [], part = DATA.splits.findIndex(([name]) => name === split);
  if (part >= 0) {
    const row = DATA.splits[part][1] + +number, end = DATA.splits[part + 1]?.[1] ?? levelsOf.cluster.length;
    if (row >= end) return `There is no image ${text.trim()}.`;
    if (!PLACE.has(row)) return `${text.trim()} is not in this file.`;
    select(row, true);
    return '';
  }
  const wanted = text.trim().toLowerCase();
  for (const column of ['label', 'predicted', 'cluster']) {
    const level = DATA.columns[column]?.legend.names.findIndex((name) => name.toLowerCase() === wanted) ?? -1;
    if (level >= 0 && wanted) return step(column, level);
  }
  return wanted ? 'Nothing found. Enter an id such as test:18, a label or a cluster.' : '';
}
function step(column, level) {
  const key = `${column} ${level}`;
  if (state.key !== key) Object.assign(state, { key, at: -1, matches: [...PLACE.keys()].filter((row) => levelsOf[column][row] === level).sort((a, b) => a - b) });
  if (!state.matches.length) return 'No image of this file has this name.';
  state.at = (state.at + 1) % state.matches.length;
  colourBy(column, [level]);
  select(state.matches[state.at], true);
  return `${(state.at + 1).toLocaleString('en')} of ${state.matches.length.toLocaleString('en')} images. Find again for the next.`;
}

async function start() {
  for (const [name, { title }] of Object.entries(DATA.columns)) $('colour').append(make('option', { value: name, text: title }));
  $('colour').onchange = () => { colourBy($('colour').value); draw(); };
  document.querySelector('.controls').onsubmit = (event) => { event.preventDefault(); $('found').textContent = find($('find').value); };
  NIGHT.addEventListener('change', () => { panel(); draw(); });
  strips();
  find(location.hash.slice(1));
  if (state.row === null) select(EXPLAINED.size ? [...EXPLAINED.keys()].at(-1) : ROWS[0]);
  for (const [kind, text] of Object.entries(SHEETS.probs)) {
    const inflated = new Blob([unpack(text)]).stream().pipeThrough(new DecompressionStream('gzip'));
    probs[kind] = new Uint16Array(await new Response(inflated).arrayBuffer());
  }
  panel();
}
start();
