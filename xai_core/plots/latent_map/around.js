// What pages around the map share: nodes, words, the legend's filter.
function make(tag, { text, ...rest } = {}, ...children) {
  const node = Object.assign(document.createElement(tag), rest);
  if (text !== undefined) node.textContent = text;
  node.append(...children);
  return node;
}
const percent = (p) => (p <= 0.0005 ? 'under 0.1 %' : p >= 0.9995 ? 'over 99.9 %' : `${(100 * p).toFixed(1)} %`);
const describe = (count, title) => `Map of ${count.toLocaleString('en')} images coloured by ${title.toLowerCase()}. Arrow keys move from point to point, with Shift in longer steps; Enter selects; plus, minus and 0 zoom.`;

// Whether the legend's filter keeps a row; null if it keeps all.
function legendFilter(levels, only, [low, high]) {
  if (only.length) return (row) => only.includes(levels[row]);
  return low === 0 && high === 254 ? null : (row) => levels[row] >= low && levels[row] <= high;
}
// One bit per row, the first in the highest place.
function packed(count, keeps) {
  const bits = new Uint8Array((count + 7) >> 3);
  for (let row = 0; row < count; row++) if (keeps(row)) bits[row >> 3] |= 128 >> (row & 7);
  return bits;
}
