// Streamlit puts a `div` between its list of pages and their items, which HTML does not allow; with
// roles, screen readers find the list all the same.
function say() {
  for (const list of document.querySelectorAll('[data-testid="stSidebarNavItems"]')) {
    list.setAttribute('role', 'list');
    for (const item of list.querySelectorAll('li')) item.setAttribute('role', 'listitem');
  }
}

export default function () {
  say();
  const watch = new MutationObserver(say);
  watch.observe(document.body, { childList: true, subtree: true });
  return () => watch.disconnect();
}
