"use strict";
(() => {
  const all = (query) => [...document.querySelectorAll(query)];
  const map = document.querySelector("svg.map");
  const whole = map.viewBox.baseVal;
  const start = { x: whole.x, y: whole.y, width: whole.width, height: whole.height };
  let chosen = null;

  const show = () => {
    const kinds = new Set(all("input[data-kind]").filter((box) => box.checked).map((box) => box.dataset.kind));
    for (const part of all("[data-route]")) {
      part.classList.toggle("hidden", !kinds.has(part.dataset.fleet));
      if (part.matches("svg g")) part.classList.toggle("dim", chosen !== null && part.dataset.route !== chosen);
      if (part.matches("tr, .lane, svg g")) part.classList.toggle("on", part.dataset.route === chosen);
    }
  };
  const choose = (route) => {
    chosen = chosen === route ? null : route;
    show();
  };
  for (const box of all("input[data-kind]")) box.addEventListener("change", show);
  let dragged = false;
  for (const part of all(".pick, svg .route, .lane[data-route]")) {
    part.addEventListener("click", () => { if (!dragged) choose(part.dataset.route); });
  }
  const open = (route) => {
    const target = all("details[data-route]").find((part) => part.dataset.route === route);
    if (!target) return null;
    target.open = true;
    chosen = route;
    show();
    return target;
  };
  for (const link of all("button[data-open]")) {
    link.addEventListener("click", (event) => {
      event.stopPropagation();
      const target = open(link.dataset.open);
      if (target) target.scrollIntoView({ behavior: "smooth", block: "start" });
    });
  }
  document.getElementById("find").addEventListener("input", (event) => {
    const wanted = event.target.value.trim().toLowerCase();
    for (const row of all("tr.found")) row.classList.remove("found");
    if (wanted.length < 3) return;
    const rows = [...all("details tr[data-find]"), ...all("tr[data-find]")];
    const row = rows.find((one) => one.dataset.find.toLowerCase() === wanted)
      || rows.find((one) => one.dataset.find.toLowerCase().includes(wanted));
    if (!row) return;
    const route = row.closest("[data-route]");
    if (route) open(route.dataset.route);
    row.classList.add("found");
    row.scrollIntoView({ block: "center" });
  });

  const zoom = (factor, x, y) => {
    const width = Math.min(start.width, Math.max(start.width / 60, whole.width * factor));
    const ratio = width / whole.width;
    whole.x = x - (x - whole.x) * ratio;
    whole.y = y - (y - whole.y) * ratio;
    whole.width = width;
    whole.height = start.height * (width / start.width);
    // dots and texts keep their size on the screen, so that places that are close come apart
    map.style.setProperty("--zoom", Math.max(width / start.width, 0.15));
  };
  const at = (event) => {
    const box = map.getBoundingClientRect();
    return {
      x: whole.x + ((event.clientX - box.left) / box.width) * whole.width,
      y: whole.y + ((event.clientY - box.top) / box.height) * whole.height,
    };
  };
  map.addEventListener("wheel", (event) => {
    event.preventDefault();
    const point = at(event);
    zoom(event.deltaY < 0 ? 0.8 : 1.25, point.x, point.y);
  }, { passive: false });
  let held = null;
  map.addEventListener("pointerdown", (event) => { held = at(event); dragged = false; });
  map.addEventListener("pointermove", (event) => {
    if (!held || !event.buttons) return;
    const point = at(event);
    if (Math.hypot(held.x - point.x, held.y - point.y) > 4 * (whole.width / start.width)) dragged = true;
    if (!dragged) return;
    whole.x += held.x - point.x;
    whole.y += held.y - point.y;
  });
  window.addEventListener("pointerup", () => { held = null; });
  const middle = () => [whole.x + whole.width / 2, whole.y + whole.height / 2];
  document.getElementById("nearer").addEventListener("click", () => zoom(0.7, ...middle()));
  document.getElementById("farther").addEventListener("click", () => zoom(1.4, ...middle()));
  document.getElementById("all").addEventListener("click", () => {
    Object.assign(whole, start);
    zoom(1, ...middle());
    chosen = null;
    show();
  });
})();
