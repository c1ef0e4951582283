// An image on which a line is drawn around the pixels that may change. When the pointer is lifted
// the corners are sent, in pixels of the image from its upper left corner. Event: corners.
const LEAST = 3; // screen pixels between two corners
const LINES = new WeakMap(); // canvas -> the line, in pixels of the image

function paint(canvas, image, [height, width]) {
  const context = canvas.getContext('2d'), scale = canvas.width / width;
  context.imageSmoothingEnabled = false;
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  const line = LINES.get(canvas);
  if (!line?.length) return;
  context.beginPath();
  line.forEach(([x, y]) => context.lineTo(x * scale, y * scale));
  context.closePath();
  context.fillStyle = 'rgb(230 120 20 / 0.3)';
  context.fill();
  context.lineWidth = 2;
  context.strokeStyle = 'rgb(230 120 20)';
  context.stroke();
}

export default function ({ parentElement: root, data: d, setTriggerValue }) {
  const canvas = root.querySelector('canvas'), [height, width] = d.size;
  [canvas.width, canvas.height] = [width * d.scale, height * d.scale];
  canvas.setAttribute('aria-label', d.label);
  const image = new Image();
  const show = () => paint(canvas, image, d.size);
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    const place = [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
    return [width, height].map((side, k) => side * Math.max(0, Math.min(1, place[k])));
  };
  let line = null;
  LINES.set(canvas, d.corners);
  image.onload = show;
  image.src = d.png;
  canvas.onpointerdown = (event) => {
    if (event.button) return;
    canvas.setPointerCapture(event.pointerId);
    line = [at(event)];
    LINES.set(canvas, line);
    event.preventDefault();
  };
  canvas.onpointermove = (event) => {
    if (!line) return;
    const next = at(event), last = line.at(-1);
    if (Math.hypot(next[0] - last[0], next[1] - last[1]) * d.scale < LEAST) return;
    line.push(next);
    show();
  };
  canvas.onpointerup = canvas.onpointercancel = () => {
    if (!line) return;
    const drawn = line;
    line = null;
    if (drawn.length > 2) setTriggerValue('corners', drawn);
    else {
      LINES.set(canvas, d.corners);
      show();
    }
  };
}
