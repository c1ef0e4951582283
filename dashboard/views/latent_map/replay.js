// The replay of a training: points move from frame to frame, rings mark changes of cluster.
const FRAME_MS = 900, PAUSE = 0.25, RADIUS = 2.2;
const ENDS = new WeakMap();

function numbers(base64, Kind) {
  const bytes = Uint8Array.from(atob(base64), (sign) => sign.charCodeAt(0));
  return new Kind(bytes.buffer);
}

export default function ({ parentElement: root, data: d }) {
  const box = root.querySelector('.replay'), count = d.images, last = d.epochs.length - 1;
  const places = numbers(d.places, Uint16Array), clusters = numbers(d.clusters, Uint16Array);
  const canvas = box.querySelector('canvas'), slider = box.querySelector('input');
  const button = box.querySelector('button'), said = box.querySelector('output');
  const still = window.matchMedia('(prefers-reduced-motion: reduce)');
  let at = box.dataset.name === d.name ? Number(box.dataset.at) : last;
  let playing = 0, before = 0, wide = 0, high = 0;
  ENDS.get(box)?.();

  const changed = Array.from(d.epochs, (_, frame) => {
    const own = clusters.subarray(frame * count, (frame + 1) * count);
    const old = clusters.subarray(Math.max(0, frame - 1) * count, Math.max(1, frame) * count);
    return Uint8Array.from(own, (cluster, i) => Number(cluster !== old[i]));
  });

  function draw() {
    const pen = canvas.getContext('2d'), frame = Math.min(last, Math.floor(at)), next = Math.min(last, frame + 1);
    const along = Math.min(1, Math.max(0, (at - frame - PAUSE) / (1 - PAUSE)));
    const eased = along * along * (3 - 2 * along), shown = along < 0.5 ? frame : next;
    const scale = Math.min(wide - 12, high - 12) / 65535;
    const left = (wide - 65535 * scale) / 2, top = (high - 65535 * scale) / 2;
    const place = (i, axis) => {
      const a = places[2 * (frame * count + i) + axis], b = places[2 * (next * count + i) + axis];
      return a + (b - a) * eased;
    };
    pen.clearRect(0, 0, wide, high);
    for (let i = 0; i < count; i += 1) {
      const x = left + place(i, 0) * scale, y = top + (65535 - place(i, 1)) * scale;
      const colour = d.colours[clusters[shown * count + i]];
      pen.beginPath();
      pen.arc(x, y, RADIUS, 0, 2 * Math.PI);
      pen.fillStyle = colour;
      pen.fill();
      if (changed[shown][i]) {
        pen.beginPath();
        pen.arc(x, y, 2.4 * RADIUS, 0, 2 * Math.PI);
        pen.strokeStyle = colour;
        pen.stroke();
      }
    }
    slider.value = String(at);
    const name = d.names[shown];
    if (said.textContent !== name) {
      said.textContent = name;
      canvas.setAttribute('aria-label', `${d.alt} ${name}`);
      slider.setAttribute('aria-valuetext', name);
    }
    Object.assign(box.dataset, { name: d.name, at });
  }
  function step(now) {
    if (!canvas.isConnected || !playing) return;
    const passed = (now - before) / FRAME_MS;
    if (still.matches ? passed >= 1 : true) {
      at = Math.min(last, still.matches ? Math.floor(at) + 1 : at + passed);
      before = now;
      draw();
    }
    if (at < last) playing = requestAnimationFrame(step);
    else stop();
  }
  function stop() {
    cancelAnimationFrame(playing);
    playing = 0;
    at = Math.round(at);
    button.textContent = 'Play';
    draw();
  }
  function play() {
    if (at >= last) at = 0;
    button.textContent = 'Pause';
    before = performance.now();
    playing = requestAnimationFrame(step);
  }
  function fit() {
    const ratio = window.devicePixelRatio || 1;
    [wide, high] = [canvas.clientWidth, canvas.clientHeight];
    Object.assign(canvas, { width: wide * ratio, height: high * ratio });
    canvas.getContext('2d').setTransform(ratio, 0, 0, ratio, 0, 0);
    draw();
  }
  Object.assign(slider, { min: 0, max: last, step: 'any' });
  slider.oninput = () => {
    if (playing) stop();
    at = Number(slider.value);
    draw();
  };
  slider.onchange = stop;
  slider.onkeydown = (event) => {
    const moves = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1 };
    if (!moves[event.key]) return;
    event.preventDefault();
    at = Math.min(last, Math.max(0, Math.round(at) + moves[event.key]));
    stop();
  };
  button.onclick = () => (playing ? stop() : play());
  const watcher = new ResizeObserver(fit);
  watcher.observe(canvas);
  stop();
  const end = () => {
    watcher.disconnect();
    cancelAnimationFrame(playing);
  };
  ENDS.set(box, end);
  return end;
}
