// A mixture of Gaussians on a line, whose means and whose point x can be dragged.
const SVG = 'http://www.w3.org/2000/svg', HIGH = 280, BASE = 246, TOP = 22;

function node(kind, attributes, ...children) {
  const made = document.createElementNS(SVG, kind);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  made.append(...children);
  return made;
}

function weighted(x, d, means) {
  return means.map((mean, k) => {
    const variance = d.variances[k];
    return (d.weights[k] * Math.exp(-((x - mean) ** 2) / (2 * variance)))
      / Math.sqrt(2 * Math.PI * variance);
  });
}

const sum = (values) => values.reduce((a, b) => a + b, 0);

export default function ({ parentElement: root, data: d, setTriggerValue }) {
  const box = root.querySelector('.density'), [low, high] = d.window;
  const values = [...d.means, d.point], names = [...d.names, 'x'], last = d.means.length;
  const wide = Math.min(720, box.clientWidth || 720);
  const focused = root.activeElement?.dataset?.which;
  const across = (x) => ((x - low) / (high - low)) * wide;
  const up = (density) => BASE - (density / d.top) * (BASE - TOP);
  const grid = Array.from({ length: 281 }, (_, i) => low + ((high - low) * i) / 280);
  const svg = node('svg', { viewBox: `0 0 ${wide} ${HIGH}` });
  const parts = d.means.map((_, k) => node('path', { class: 'part', stroke: d.colours[k] }));
  const whole = node('path', { class: 'whole' }), mark = node('line', { class: 'point', y1: TOP, y2: BASE });
  const chart = node('g', { role: 'img', 'aria-label': d.alt }, mark, ...parts, whole,
    node('line', { class: 'axis', x1: 0, x2: wide, y1: BASE, y2: BASE }));
  for (let x = 2 * Math.ceil((low + 0.5) / 2); x < high - 0.5; x += 2) {
    chart.append(node('text', { x: across(x), y: BASE + 26 }, String(x).replace('-', '\u2212')));
  }
  const handles = names.map((name, i) => node('g', {
    class: 'handle', tabindex: 0, role: 'slider', 'data-which': i, 'aria-label': name,
    'aria-valuemin': d.span[0], 'aria-valuemax': d.span[1],
  }, node('circle', { r: 22, class: 'reach' }),
  node('circle', { r: 8, fill: i < last ? d.colours[i] : 'currentColor' }), node('text', { y: i < last ? -14 : TOP - BASE - 8 })));
  const line = (heights) => heights.map((h, i) => `${i ? 'L' : 'M'}${across(grid[i])} ${up(h)}`).join('');

  function draw() {
    const means = values.slice(0, last), seen = grid.map((x) => weighted(x, d, means));
    parts.forEach((path, k) => path.setAttribute('d', line(seen.map((at) => at[k]))));
    whole.setAttribute('d', line(seen.map(sum)));
    const x = across(values[last]);
    mark.setAttribute('x1', x);
    mark.setAttribute('x2', x);
    handles.forEach((handle, i) => {
      const peak = i < last ? up(weighted(values[i], d, means)[i]) : BASE;
      handle.setAttribute('transform', `translate(${across(values[i])} ${peak})`);
      handle.setAttribute('aria-valuenow', values[i]);
      handle.lastChild.textContent = `${names[i]} = ${values[i].toFixed(1)}`.replace('-', '\u2212');
    });
  }
  function put(i, value) {
    const [least, most, step] = d.span;
    values[i] = Math.min(Math.max(Math.round(value / step) * step, least), most);
    draw();
  }
  const done = (i) => setTriggerValue('moved', [i, values[i]]);
  let dragged = -1;
  handles.forEach((handle, i) => {
    handle.onpointerdown = (event) => {
      dragged = i;
      handle.setPointerCapture(event.pointerId);
      event.preventDefault();
      handle.focus();
    };
    handle.onpointermove = (event) => {
      if (dragged !== i) return;
      const at = svg.getBoundingClientRect();
      put(i, low + ((event.clientX - at.left) / at.width) * (high - low));
    };
    handle.onpointerup = () => {
      if (dragged === i) done(i);
      dragged = -1;
    };
    handle.onpointercancel = () => {
      dragged = -1;
      put(i, i < last ? d.means[i] : d.point);
    };
    const moves = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };
    handle.onkeydown = (event) => {
      if (!moves[event.key]) return;
      event.preventDefault();
      put(i, values[i] + moves[event.key] * d.span[2] * (event.shiftKey ? 5 : 1));
    };
    handle.onkeyup = (event) => { if (moves[event.key]) done(i); };
  });
  draw();
  svg.append(chart, ...handles);
  box.replaceChildren(svg);
  if (focused) handles[focused].focus();
}
