// Fetches the page again when something has changed, and puts its parts in place of those that differ. Without this
// script, or when the connection is gone, a page shows what it showed when it was loaded.
"use strict";

const page = document.querySelector("[data-live]");

// Told by screen readers: a payment's new state, or that a list is another.
function announce(state) {
  const status = document.querySelector("[data-live-status]");
  if (status) status.textContent = state ?? "The list has changed.";
}

function replaceParts(fresh) {
  const before = document.querySelector("[data-state]")?.textContent;
  let isChanged = false;
  for (const part of document.querySelectorAll("[data-part]")) {
    const name = part.dataset.part;
    const next = fresh.querySelector(`[data-part="${CSS.escape(name)}"]`);
    if (!next || next.innerHTML === part.innerHTML || part.contains(document.activeElement)) continue;
    const known = part.querySelectorAll("[data-row]").length;
    part.replaceChildren(...next.childNodes);
    const rows = [...part.querySelectorAll("[data-row]")];
    rows.slice(known).forEach((row) => row.classList.add("fresh"));
    isChanged = true;
  }
  const after = document.querySelector("[data-state]")?.textContent;
  if (isChanged && (after === undefined || after !== before)) announce(after);
  document.title = fresh.title;
}

async function refresh() {
  const answer = await fetch(location.href, { credentials: "same-origin" });
  if (answer.redirected) location.reload(); // the session has ended
  else if (answer.ok) replaceParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
}

if (page) {
  const mark = document.querySelector("[data-live-mark]");
  const source = new EventSource(page.dataset.live);
  let isFetching = false;
  let isBehind = false;
  const show = (isLive) => mark && (mark.hidden = !isLive);
  source.addEventListener("open", () => show(true));
  source.addEventListener("error", () => show(false));
  source.addEventListener("changed", async () => {
    isBehind = true;
    if (isFetching) return;
    isFetching = true;
    try {
      while (isBehind) {
        isBehind = false;
        await refresh();
      }
    } catch {
      show(false);
    } finally {
      isFetching = false;
    }
  });
}
