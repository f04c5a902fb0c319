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
      if (part.matches("tr")) part.classList.toggle("on", part.dataset.route === chosen);
    }
  };
  const choose = (route) => {
    chosen = chosen === route ? null : route;
    show();
  };
  for (const box of all("input[data-kind]")) box.addEventListener("change", show);
  for (const part of all(".pick, svg .route, .lane[data-route]")) {
    part.addEventListener("click", () => choose(part.dataset.route));
  }
  for (const link of all("button[data-open]")) {
    link.addEventListener("click", () => {
      const target = all("details[data-route]").find((part) => part.dataset.route === link.dataset.open);
      if (!target) return;
      target.open = true;
      target.scrollIntoView({ behavior: "smooth", block: "start" });
      chosen = link.dataset.open;
      show();
    });
  }

  const zoom = (factor, x, y) => {
    const width = Math.min(start.width, Math.max(start.width / 60, whole.width * factor));
    const ratio = width / whole.width;
    whole.x = x - (x - whole.x) * ratio;
    whole.y = y - (y - whole.y) * ratio;
    whole.width = width;
    whole.height = start.height * (width / start.width);
    const size = width / start.width;
    map.style.setProperty("--zoom", size);
    for (const dot of all("svg .route circle")) dot.setAttribute("style", `r:${3 * Math.max(size, 0.25)}`);
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
  map.addEventListener("pointerdown", (event) => { held = at(event); });
  map.addEventListener("pointermove", (event) => {
    if (!held || !event.buttons) return;
    const point = at(event);
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
