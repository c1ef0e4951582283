// The latent plane as an SVG in latent units, with a point that can be dragged.
const SVG = 'http://www.w3.org/2000/svg';

function node(kind, attributes, ...children) {
  const made = document.createElementNS(SVG, kind);
  Object.entries(attributes).forEach(([name, value]) => made.setAttribute(name, value));
  made.append(...children);
  return made;
}

function text(words, x, y, size, more = {}) {
  return node('text', { x, y, 'font-size': size, class: 'name', ...more }, words);
}

function ellipse(x, y, rx, ry, more) {
  return node('ellipse', { cx: x, cy: y, rx, ry, 'vector-effect': 'non-scaling-stroke', ...more });
}

// Upwards on the plane is downwards in an SVG: y is negated here, once.
function picture(d) {
  const [left, bottom, side] = d.window, top = -bottom - side;
  const drawn = node('g', { role: 'img', 'aria-label': d.alt });
  if (d.cells) {
    drawn.append(node('image', {
      href: d.cells, x: left, y: top, width: side, height: side,
      preserveAspectRatio: 'none', class: d.sharp ? 'cells sharp' : 'cells',
    }));
  }
  if (d.codes) {
    const [x, y, wide] = d.codesWindow;
    drawn.append(node('image', { href: d.codes, x, y: -y - wide, width: wide, height: wide }));
  }
  const size = side / 34;
  d.gaussians.forEach(([name, x, y, scale, colour]) => {
    [1, 2].forEach((times) => drawn.append(ellipse(x, -y, times * scale, times * scale, {
      class: 'gaussian', stroke: colour, 'stroke-opacity': 1 / times,
    })));
    drawn.append(text(name, x, -y, size, { class: 'name middle' }));
  });
  if (d.path.length) {
    const points = d.path.map(([x, y]) => `${x},${-y}`).join(' ');
    drawn.append(node('polyline', { points, class: 'path', 'vector-effect': 'non-scaling-stroke' }));
    const [x, y] = d.path.at(-1);
    drawn.append(ellipse(x, -y, side / 90, side / 90, { class: 'end' }));
  }
  const [x, y, sx, sy] = d.posterior;
  drawn.append(ellipse(x, -y, 2 * sx, 2 * sy, { class: 'posterior' }));
  drawn.append(ellipse(x, -y, side / 130, side / 130, { class: 'mean' }));
  drawn.append(text(d.imageName, x, -y + side / 26, size * 0.85));
  return node('svg', { viewBox: `${left} ${top} ${side} ${side}` }, drawn);
}

// The decoded image between four of the grid: a convex combination, drawn by opacity.
function preview(canvas, d, sheet, place) {
  const [left, bottom, side] = d.window, n = d.count, [h, w] = d.cell;
  const clamp = (v) => Math.min(Math.max(v, 0), n - 1);
  const u = clamp(((place[0] - left) / side) * n - 0.5);
  const v = clamp(((bottom + side - place[1]) / side) * n - 0.5);
  const column = Math.min(Math.floor(u), n - 2), row = Math.min(Math.floor(v), n - 2);
  const fx = u - column, fy = v - row, pen = canvas.getContext('2d');
  let total = 0;
  [[0, 0, (1 - fx) * (1 - fy)], [1, 0, fx * (1 - fy)], [0, 1, (1 - fx) * fy], [1, 1, fx * fy]]
    .filter(([, , weight]) => weight > 0)
    .forEach(([i, j, weight]) => {
      total += weight;
      pen.globalAlpha = weight / total;
      pen.drawImage(sheet, (column + i) * w, (row + j) * h, w, h, 0, 0, w, h);
    });
  pen.globalAlpha = 1;
}

export default function ({ parentElement: root, data: d, setTriggerValue }) {
  const box = root.querySelector('.plane'), [left, bottom, side] = d.window;
  const focused = root.activeElement?.classList?.contains('handle');
  const svg = picture(d), canvas = root.querySelector('canvas'), sheet = new Image();
  const [h, w] = d.cell;
  Object.assign(canvas, { width: w, height: h, hidden: true });
  sheet.src = d.sheet;
  const inside = (v, low) => Math.min(Math.max(v, low), low + side);
  let place = d.place;
  const handle = node('g', { class: 'handle', tabindex: 0, role: 'button', 'aria-label': d.handle },
    ellipse(0, 0, side / 45, side / 45, {}), node('path', {
      d: `M${-side / 70} 0H${side / 70}M0 ${-side / 70}V${side / 70}`,
      'vector-effect': 'non-scaling-stroke',
    }));
  function put(next) {
    place = [inside(next[0], left), inside(next[1], bottom)];
    handle.setAttribute('transform', `translate(${place[0]} ${-place[1]})`);
  }
  function show() {
    if (!sheet.complete || !sheet.naturalWidth) return;
    preview(canvas, d, sheet, place);
    canvas.hidden = false;
    const across = (place[0] - left) / side, down = (bottom + side - place[1]) / side;
    canvas.style.left = across < 0.5 ? `calc(${100 * across}% + 18px)` : `calc(${100 * across}% - 110px)`;
    canvas.style.top = `calc(${100 * Math.min(down, 0.85)}% - 40px)`;
  }
  function done() {
    canvas.hidden = true;
    setTriggerValue('place', place);
  }
  function under(event) {
    const at = svg.getBoundingClientRect();
    return [
      left + ((event.clientX - at.left) / at.width) * side,
      bottom + ((at.bottom - event.clientY) / at.height) * side,
    ];
  }
  let dragging = false;
  svg.onpointerdown = (event) => {
    dragging = true;
    svg.setPointerCapture(event.pointerId);
    put(under(event));
    show();
    event.preventDefault();
    handle.focus();
  };
  svg.onpointermove = (event) => {
    if (!dragging) return;
    put(under(event));
    show();
  };
  svg.onpointerup = () => {
    if (dragging) done();
    dragging = false;
  };
  svg.onpointercancel = () => {
    dragging = false;
    canvas.hidden = true;
    put(d.place);
  };
  const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
  handle.onkeydown = (event) => {
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const step = d.step * (event.shiftKey ? 10 : 1);
    put([place[0] + move[0] * step, place[1] + move[1] * step]);
    show();
  };
  handle.onkeyup = (event) => { if (moves[event.key]) done(); };
  put(place);
  svg.append(handle);
  box.querySelector('svg')?.remove();
  box.prepend(svg);
  if (focused) handle.focus();
}
