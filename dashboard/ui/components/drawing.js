// A static chart as inline SVG, in the page's text colour; below it its table, a button to save it,
// and the value of the pixel at the pointer.
function table(columns, rows) {
  const whole = document.createElement('table');
  for (const [kind, cells] of [['th', columns], ...rows.map((row) => ['td', row])]) {
    const line = whole.insertRow();
    for (const words of cells) {
      const cell = document.createElement(kind);
      if (kind === 'th') cell.scope = 'col';
      cell.textContent = words;
      line.append(cell);
    }
  }
  return whole;
}

// The table is built when it is unfolded: that of an image has a cell per pixel.
function folded(title, make) {
  const box = document.createElement('details'), summary = document.createElement('summary');
  summary.textContent = title;
  box.append(summary);
  box.ontoggle = () => { if (box.children.length === 1) box.append(make()); };
  return box;
}

function save(svg, d, colour) {
  const text = svg.replace('>', ` color="${colour}">${d.origin}`);
  const link = document.createElement('a');
  link.href = URL.createObjectURL(new Blob([text], {type: 'image/svg+xml'}));
  link.download = d.file;
  link.click();
  URL.revokeObjectURL(link.href);
}

const plain = (value) => (Number.isNaN(value) ? '' : String(+value.toPrecision(3)).replace('-', '\u2212'));

// Numbers of the pixels, row by row.
function grid({ numbers, columns }) {
  const bytes = Uint8Array.from(atob(numbers), (letter) => letter.charCodeAt(0));
  const all = new Float32Array(bytes.buffer);
  return Array.from({ length: all.length / columns }, (_, row) =>
    all.subarray(row * columns, (row + 1) * columns));
}

function read(svg, output, [left, top, width, height], lines) {
  svg.onpointermove = (event) => {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const row = Math.floor((at.y - top) / height * lines.length);
    const column = Math.floor((at.x - left) / width * lines[0].length);
    const value = lines[row]?.[column] ?? NaN;
    output.textContent = Number.isNaN(value) ? '' : `row ${row}, column ${column}: ${plain(value)}`;
  };
  svg.onpointerleave = () => { output.textContent = ''; };
}

export default function ({ data: d, parentElement }) {
  const parsed = new DOMParser().parseFromString(d.svg, 'image/svg+xml').documentElement;
  const svg = document.importNode(parsed, true);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', d.alt);
  [svg.style.minWidth, svg.style.maxWidth] = d.width.map((side) => `${side}px`);
  const figure = parentElement.querySelector('figure'), output = document.createElement('output');
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'SVG';
  button.setAttribute('aria-label', `Save as ${d.file}`);
  button.onclick = () => save(d.svg, d, getComputedStyle(figure).color);
  const lines = d.values && grid(d.values);
  if (lines) read(svg, output, d.values.box, lines);
  const rows = () => lines.map((line, row) => [row, ...Array.from(line, plain)]);
  const numbered = () => table(['', ...lines[0].keys()], rows());
  const chart = document.createElement('div'), below = document.createElement('div');
  chart.className = 'chart';
  below.className = 'below';
  below.append(folded('Table', d.rows.length ? () => table(d.columns, d.rows) : numbered), button, output);
  chart.append(svg);
  figure.replaceChildren(chart, below);
  for (const box of [chart, below]) if (box.scrollWidth > box.clientWidth) box.tabIndex = 0;
  below.addEventListener('toggle', () => { if (below.scrollWidth > below.clientWidth) below.tabIndex = 0; }, true);
}
