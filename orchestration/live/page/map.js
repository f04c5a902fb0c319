"use strict";
// The map: stops, routes and vans on a canvas. No tiles and nothing from elsewhere; 2,000 stops are drawn in a few milliseconds.
const COLOURS = ["#1f77b4", "#e6851e", "#2a9d4b", "#9461c9", "#c2559d", "#7a6a4f", "#12a5b8", "#b3a11c"];
class DayMap {
  constructor(canvas, chosen) {
    this.canvas = canvas; this.chosen = chosen;
    this.orders = new Map(); this.depots = []; this.routes = new Map(); this.fleetOf = new Map(); this.fleets = []; this.hidden = new Set();
    this.vans = new Map(); this.marked = {order: "", vehicle: "", orders: new Set(), zone: "", proposed: {}}; this.holder = new Map(); this.late = new Set(); this.done = new Set();
    this.view = null; this.due = false;
    new ResizeObserver(() => this.draw()).observe(canvas);
    canvas.addEventListener("wheel", e => { e.preventDefault(); this.zoom(e.deltaY < 0 ? 1.2 : 1 / 1.2, e.offsetX, e.offsetY) }, {passive: false});
    let from = null, moved = false;
    canvas.addEventListener("pointerdown", e => { from = [e.offsetX, e.offsetY]; moved = false; canvas.setPointerCapture(e.pointerId) });
    canvas.addEventListener("pointermove", e => { if (!from) return; const dx = e.offsetX - from[0], dy = e.offsetY - from[1]; if (moved || Math.hypot(dx, dy) > 4) { moved = true; this.move(dx, dy); from = [e.offsetX, e.offsetY] } });
    canvas.addEventListener("pointerup", e => { if (from && !moved) this.pick(e.offsetX, e.offsetY); from = null });
    canvas.addEventListener("keydown", e => {
      const step = {ArrowLeft: [40, 0], ArrowRight: [-40, 0], ArrowUp: [0, 40], ArrowDown: [0, -40]}[e.key];
      const middle = [canvas.clientWidth / 2, canvas.clientHeight / 2];
      if (step) this.move(...step); else if (e.key === "+" || e.key === "=") this.zoom(1.3, ...middle); else if (e.key === "-") this.zoom(1 / 1.3, ...middle); else if (e.key === "0") this.fit(); else return;
      e.preventDefault(); e.stopPropagation();
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }
  colour(fleet) { const n = this.fleets.indexOf(fleet); return n < 0 ? "#888" : COLOURS[n % COLOURS.length] }
  places(found) {
    const flat = at => at && [at[1] / 1e6, at[0] / 1e6];
    this.depots = found.depots.map(([name, at]) => [name, flat(at)]).filter(one => one[1]);
    this.orders = new Map(found.orders.map(([name, at, windows, zone, status]) => [name, {at: flat(at), windows, zone, status}]));
    if (!this.view) this.fit(); this.draw();
  }
  known() { return this.depots.length > 0 || [...this.orders.values()].some(one => one.at) }
  route(one) {
    const before = this.routes.get(one.vehicle_id);
    if (before) for (const [name] of before.stops) { if (this.holder.get(name) === one.vehicle_id) this.holder.delete(name); this.late.delete(name) }
    this.routes.set(one.vehicle_id, one);
    for (const [name, , late] of one.stops) { this.holder.set(name, one.vehicle_id); this.done.delete(name); if (late > 0) this.late.add(name) }
    for (const name of one.done) this.done.add(name);
    this.draw();
  }
  // where a vehicle goes on from: its position, else its last stop, else the depot
  begin(name) {
    const route = this.routes.get(name), last = route && this.orders.get(route.done[route.done.length - 1]);
    return this.vans.get(name) || (last && last.at) || (this.depots[0] && this.depots[0][1]);
  }
  fit() {
    const all = [...this.orders.values()].map(one => one.at).concat(this.depots.map(one => one[1])).filter(Boolean);
    if (!all.length) { this.view = null; return }
    const xs = all.map(a => a[0]).sort((a, b) => a - b), ys = all.map(a => a[1]).sort((a, b) => a - b);
    const [w, e, s, n] = [xs[0], xs[xs.length - 1], ys[0], ys[ys.length - 1]];
    this.shrink = Math.cos((s + n) / 2 * Math.PI / 180) || 1;
    const scale = Math.min((this.canvas.clientWidth - 30) / Math.max(1e-6, (e - w) * this.shrink), (this.canvas.clientHeight - 30) / Math.max(1e-6, n - s));
    this.view = {x: (w + e) / 2, y: (s + n) / 2, scale}; this.draw();
  }
  move(dx, dy) { if (!this.view) return; this.view.x -= dx / this.view.scale / this.shrink; this.view.y += dy / this.view.scale; this.draw() }
  zoom(by, px, py) {
    if (!this.view) return;
    const v = this.view, dx = px - this.canvas.clientWidth / 2, dy = py - this.canvas.clientHeight / 2;
    v.x += dx / v.scale / this.shrink * (1 - 1 / by); v.y -= dy / v.scale * (1 - 1 / by); v.scale *= by; this.draw();
  }
  to(at) { if (at && this.view) { this.view.x = at[0]; this.view.y = at[1]; this.draw() } }
  at(place) { const v = this.view; return [this.canvas.clientWidth / 2 + (place[0] - v.x) * this.shrink * v.scale, this.canvas.clientHeight / 2 - (place[1] - v.y) * v.scale] }
  pick(px, py) {
    if (!this.view) return; let best = "", near = 14;
    for (const [name, one] of this.orders) { if (!one.at) continue; const [x, y] = this.at(one.at), far = Math.hypot(x - px, y - py); if (far < near) { near = far; best = name } }
    this.chosen(best);
  }
  draw() { if (!this.due) { this.due = true; requestAnimationFrame(() => { this.due = false; this.paint() }) } }
  paint() {
    const c = this.canvas, ratio = devicePixelRatio || 1, width = c.clientWidth, height = c.clientHeight;
    if (c.width !== Math.round(width * ratio) || c.height !== Math.round(height * ratio)) { c.width = Math.round(width * ratio); c.height = Math.round(height * ratio) }
    const g = c.getContext("2d"), style = getComputedStyle(document.documentElement), ink = style.getPropertyValue("--ink"), bad = style.getPropertyValue("--bad"), mark = style.getPropertyValue("--mark"), quiet = style.getPropertyValue("--quiet");
    g.setTransform(ratio, 0, 0, ratio, 0, 0); g.clearRect(0, 0, width, height);
    if (!this.view) { if (this.known() && width > 0 && height > 0) this.fit(); if (!this.view) { g.fillStyle = ink; g.font = "14px system-ui"; g.fillText("This day has no positions: no map.", 16, 28); return } }
    const wide = this.orders.size > 800 ? 2.2 : 3.4, m = this.marked;
    for (const [name, route] of this.routes) {
      const fleet = this.fleetOf.get(name); if (this.hidden.has(fleet)) continue;
      const mine = name === m.vehicle, line = route.stops.map(([id]) => this.orders.get(id)).filter(one => one && one.at).map(one => one.at);
      const begin = this.begin(name); if (begin) line.unshift(begin);
      if (line.length < 2) continue;
      g.beginPath(); line.forEach((p, n) => { const [x, y] = this.at(p); n ? g.lineTo(x, y) : g.moveTo(x, y) });
      g.strokeStyle = this.colour(fleet); g.globalAlpha = mine ? 1 : m.vehicle ? 0.15 : 0.4; g.lineWidth = mine ? 2.5 : 1; g.stroke();
    }
    g.globalAlpha = 1;
    // what is proposed, as it would be driven
    for (const [name, stops] of Object.entries(m.proposed)) {
      const line = stops.map(id => this.orders.get(id)).filter(one => one && one.at).map(one => one.at), begin = this.begin(name); if (begin) line.unshift(begin);
      g.beginPath(); line.forEach((p, n) => { const [x, y] = this.at(p); n ? g.lineTo(x, y) : g.moveTo(x, y) });
      g.setLineDash([7, 4]); g.strokeStyle = mark; g.lineWidth = 2; g.stroke(); g.setLineDash([]);
    }
    for (const [name, one] of this.orders) {
      if (!one.at) continue; const holder = this.holder.get(name), fleet = this.fleetOf.get(holder); if (holder && this.hidden.has(fleet)) continue;
      const [x, y] = this.at(one.at); if (x < -20 || y < -20 || x > width + 20 || y > height + 20) continue;
      const over = !holder && (this.done.has(name) || one.status !== "open");
      g.fillStyle = over ? quiet : holder ? this.colour(fleet) : bad; g.beginPath(); g.arc(x, y, over ? wide * 0.7 : wide, 0, 7); g.fill();
      if (this.late.has(name)) { g.strokeStyle = bad; g.lineWidth = 1.5; g.beginPath(); g.arc(x, y, wide + 2.5, 0, 7); g.stroke() }
      if (m.zone && one.zone === m.zone) { g.strokeStyle = mark; g.lineWidth = 1; g.strokeRect(x - wide - 2, y - wide - 2, 2 * wide + 4, 2 * wide + 4) }
      if (m.orders.has(name) || name === m.order) { g.strokeStyle = name === m.order ? ink : mark; g.lineWidth = 2.5; g.beginPath(); g.arc(x, y, wide + 5, 0, 7); g.stroke() }
    }
    g.fillStyle = ink; for (const [, at] of this.depots) { const [x, y] = this.at(at); g.fillRect(x - 5, y - 5, 10, 10) }
    for (const [name, at] of this.vans) { const [x, y] = this.at(at); g.fillStyle = this.colour(this.fleetOf.get(name)); g.strokeStyle = ink; g.lineWidth = 1.5; g.beginPath(); g.moveTo(x, y - 7); g.lineTo(x + 6, y + 5); g.lineTo(x - 6, y + 5); g.closePath(); g.fill(); g.stroke() }
  }
}
