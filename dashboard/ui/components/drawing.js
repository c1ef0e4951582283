// A small chart as inline SVG, in the page's text colour; below it its table and a button to save it.
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

function folded(title, content) {
  const box = document.createElement('details'), summary = document.createElement('summary');
  summary.textContent = title;
  box.append(summary, content);
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

export default function ({ data: d, parentElement }) {
  const parsed = new DOMParser().parseFromString(d.svg, 'image/svg+xml').documentElement;
  const svg = document.importNode(parsed, true);
  svg.setAttribute('role', 'img');
  svg.setAttribute('aria-label', d.alt);
  const figure = parentElement.querySelector('figure');
  const button = document.createElement('button');
  button.type = 'button';
  button.textContent = 'SVG';
  button.setAttribute('aria-label', `Save as ${d.file}`);
  button.onclick = () => save(d.svg, d, getComputedStyle(figure).color);
  const below = document.createElement('div');
  below.append(folded('Table', table(d.columns, d.rows)), button);
  figure.replaceChildren(svg, below);
}
