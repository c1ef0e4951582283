// A talk: right and left arrow keys walk its pages, Escape ends it. Keys that a control uses itself
// (a slider, the map, a list) stay its own.
const OWN = 'input, textarea, select, canvas, [role="slider"], [role="radio"], [role="option"]';

export default function ({ data, setTriggerValue }) {
  const path = () => location.pathname.split('/').pop();
  const go = (by) => {
    const at = data.stops.indexOf(path()), next = data.stops[(at < 0 ? 0 : at) + by];
    if (next === undefined) return;
    for (const link of document.querySelectorAll('[data-testid="stSidebarNavLink"]')) {
      if (new URL(link.href).pathname.split('/').pop() === next) { link.click(); return; }
    }
  };
  const press = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const target = event.composedPath()[0];
    if (event.key === 'Escape') setTriggerValue('leave', true);
    else if (target.matches?.(OWN)) return;
    else if (event.key === 'ArrowRight') go(1);
    else if (event.key === 'ArrowLeft') go(-1);
  };
  addEventListener('keydown', press);
  return () => removeEventListener('keydown', press);
}
