// Streamlit opens a page at its bare address and then adds the full one as a second entry of the
// history, so that one Back press per page would do nothing. The full address replaces the bare one.
const CHANGED = Symbol.for('cluster-vae-explorer.history');

export default function () {
  if (history[CHANGED]) return;
  history[CHANGED] = true;
  const push = history.pushState.bind(history);
  history.pushState = (state, title, url) => {
    const bare = !location.search && new URL(url, location.href).pathname === location.pathname;
    if (bare) history.replaceState(state, title, url);
    else push(state, title, url);
  };
}
