// A grid of small images cut from one PNG sheet; with ids, each image is a button.
function cell(d, i, pick) {
  const [h, w] = d.size.map((v) => v * d.scale), rows = Math.ceil(d.count / d.sheet);
  const id = d.ids[i], node = document.createElement(id ? 'button' : 'div');
  node.className = 'cell';
  const pic = document.createElement('span');
  pic.className = 'pic';
  Object.assign(pic.style, {
    width: `${w}px`, height: `${h}px`, backgroundImage: `url(${d.png})`,
    backgroundSize: `${w * d.sheet}px ${h * rows}px`,
    backgroundPosition: `${-(i % d.sheet) * w}px ${-Math.floor(i / d.sheet) * h}px`,
  });
  node.append(pic);
  if (id) {
    node.type = 'button';
    node.title = d.alt[i];
    node.setAttribute('aria-label', `Select ${d.alt[i]}`);
    node.setAttribute('aria-pressed', String(id === d.selected));
    node.onclick = () => pick(id);
  } else {
    pic.setAttribute('role', 'img');
    pic.setAttribute('aria-label', d.alt[i]);
  }
  if (d.colours[i]) {
    const bar = document.createElement('span');
    bar.className = 'bar';
    bar.style.background = d.colours[i];
    node.append(bar);
  }
  if (d.captions[i]) {
    const text = document.createElement('span');
    text.className = 'cap';
    text.textContent = d.captions[i];
    node.append(text);
  }
  const item = document.createElement('div');
  item.setAttribute('role', 'listitem');
  item.append(node);
  return item;
}

const WATCHES = new WeakMap(); // grid -> what watches its width

// As many columns as fit, evened out: 20 images where 13 fit are two rows of 10, not 13 and 7.
function arrange(grid, d) {
  const room = d.size[1] * d.scale + 10, fit = Math.floor((grid.clientWidth + 2) / room) || 1;
  const columns = d.columns || Math.ceil(d.count / Math.ceil(d.count / fit)) || 1;
  grid.style.gridTemplateColumns = `repeat(${columns}, minmax(calc(var(--cell) + 8px), max-content))`;
}

export default function ({ parentElement: root, data: d, setTriggerValue }) {
  const grid = root.querySelector('.grid');
  const focused = root.activeElement?.dataset?.id;
  grid.style.setProperty('--cell', `${d.size[1] * d.scale}px`);
  WATCHES.get(grid)?.disconnect();
  WATCHES.set(grid, new ResizeObserver(() => arrange(grid, d)));
  WATCHES.get(grid).observe(grid);
  grid.replaceChildren(...Array.from({ length: d.count }, (_, i) =>
    cell(d, i, (id) => setTriggerValue('pick', id))));
  d.ids.forEach((id, i) => { grid.children[i].firstChild.dataset.id = id; });
  arrange(grid, d); // at once: the watch calls it a frame later
  if (focused) grid.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus();
}
