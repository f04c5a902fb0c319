"use strict";
const by = id => document.getElementById(id);
let token = "", currency = "", person = "", day = null, proposals = [], chosen = "", item = 0, since = 0, asked = 0, again = false, held = new Map();
const versions = new Map(), mine = new Set();
const ask = (path, body) => fetch(path, {method: body ? "POST" : "GET", body: body && JSON.stringify(body), headers: {Authorization: "Bearer " + token, ...(body ? {"Content-Type": "application/json"} : {})}, cache: "no-store"});
const clock = s => { const m = Math.floor(s / 60); return String(Math.floor((m % 1440 + 1440) % 1440 / 60)).padStart(2, "0") + ":" + String((m % 60 + 60) % 60).padStart(2, "0") };
const money = minor => (minor / 100).toFixed(2) + " " + currency;
const map = new DayMap(by("map"), name => show(name));
function make(tag, text, kind) { const one = document.createElement(tag); if (text !== undefined) one.textContent = text; if (kind) one.className = kind; return one }
function row(cells) { const tr = make("tr"); for (const [text, kind] of cells) tr.append(make("td", text, kind)); return tr }
function tell(text) { by("told").textContent = text; clearTimeout(tell.timer); tell.timer = setTimeout(() => by("told").textContent = "", 8000) }
function decision(one) {
  const others = one.alternatives.map(a => a.what + " " + money(a.price_minor)).join(", ");
  const orders = one.orders || one.order_ids;
  const tr = row([[one.kind, one.kind === "refuse" ? "bad" : ""], [orders.slice(0, 2).join(", ") + (orders.length > 2 ? " and " + (orders.length - 2) + " more" : "")], [one.vehicle_id || one.fleet_id, "id"], [money(one.price_minor), "n"], [one.reason + (others ? "; instead of " + others : "")]]);
  tr.children[1].title = orders.join(", "); by("decisions").prepend(tr);
  while (by("decisions").children.length > 300) by("decisions").lastChild.remove();
  if (mine.has(one.decision_id.split("/")[0])) tell(one.kind + " " + orders.join(", ") + ": " + one.reason);
}
// --- the day
async function refresh() {
  if (asked) { again = true; return }
  asked = 1; again = false;
  try {
    const answer = await ask("/v1/day"); if (!answer.ok) return;
    day = await answer.json(); currency = day.currency;
    by("date").textContent = day.service_date; by("clock").textContent = clock(day.clock_s);
    by("numbers").textContent = Object.entries(day.orders).map(([k, n]) => n + " " + k).join(", ") + [["held", "held back"], ["tendered", "with other fleets"], ["unplaced", "unplaced"]].map(([k, text]) => day[k].length ? " · " + day[k].length + " " + text : "").join("") + (day.refused ? " · " + day.refused + " events refused" : "") + strange();
    by("desk").textContent = day.desk.touches + " touches, " + day.desk.touch_minutes + " min, " + day.desk.touches_per_100_orders + " per 100 orders" + (day.outcomes.newest_s === null ? "" : "; newest outcome " + Math.max(0, Math.round((day.clock_s - day.outcomes.newest_s) / 60)) + " min old" + (day.outcomes.decisions ? ", at decisions p95 " + day.outcomes.newest_outcome_age_min_p95 + " (target " + day.outcomes.target_min + ")" : ""));
    vehicles(); queue(); holding(); standing(); await routes();
  } finally { asked = 0; setTimeout(() => { if (again) refresh() }, 1000) }
}
// what events speak of and nothing describes, and vehicles that cannot have been where they say
function strange() {
  const jumps = day.vehicles.filter(v => v.impossible);
  const names = (text, all) => all.length ? " · " + text + " " + all.slice(0, 3).join(", ") + (all.length > 3 ? " and " + (all.length - 3) + " more" : "") : "";
  return names("unknown orders", day.unknown) + names("unknown vehicles", day.unknown_vehicles) + names("impossible positions of", jumps.map(v => v.vehicle_id));
}
function vehicles() {
  by("vehicles").replaceChildren(...day.vehicles.map(v => {
    const tr = row([[v.vehicle_id, "id"], [v.fleet_id, "id"], [v.status, v.status === "broken" ? "bad" : ""], [v.done, "n"], [v.left, "n"], [v.late, v.late ? "n bad" : "n"], [v.next, "id"], [clock(v.ends_s), "n"]]);
    if (v.vehicle_id === map.marked.vehicle) tr.classList.add("mine");
    tr.addEventListener("click", () => { mark({vehicle: map.marked.vehicle === v.vehicle_id ? "" : v.vehicle_id}); vehicles() });
    return tr;
  }));
  map.fleets = [...new Set(day.vehicles.map(v => v.fleet_id))].sort();
  for (const v of day.vehicles) { map.fleetOf.set(v.vehicle_id, v.fleet_id); if (v.at_e6) map.vans.set(v.vehicle_id, [v.at_e6[1] / 1e6, v.at_e6[0] / 1e6]) }
  if (by("legend").children.length !== map.fleets.length) by("legend").replaceChildren(...map.fleets.map(name => {
    const label = make("label"), box = make("input"), dot = make("i"); box.type = "checkbox"; box.checked = !map.hidden.has(name); dot.style.background = map.colour(name);
    box.addEventListener("change", () => { box.checked ? map.hidden.delete(name) : map.hidden.add(name); map.draw() }); label.append(box, dot, name); return label }));
  const old = by("van").value; if (by("van").options.length !== day.vehicles.length + 1) { by("van").replaceChildren(new Option("no", ""), ...day.vehicles.map(v => new Option(v.vehicle_id, v.vehicle_id))); by("van").value = old }
}
// orders that wait for what may come: until when, and why
function holding() {
  held = new Map(day.held.map(one => [one.order_id, "waits until " + clock(one.until_s) + ": " + one.why]));
  by("holds").hidden = !day.held.length; by("holding").textContent = day.held.length;
  by("held").replaceChildren(...day.held.map(one => {
    const tr = row([[one.order_id], [clock(one.until_s), "n"], [one.why]]);
    tr.addEventListener("click", () => show(one.order_id)); return tr;
  }));
}
const late = one => one.late_s ? " and " + Math.ceil(one.late_s / 60) + " min late" : "";
// what people let be done without being asked: in force, and offered
function standing() {
  const {in_force, offered} = day.standing; by("stands").hidden = !in_force.length && !offered.length; by("standing").textContent = in_force.length;
  const button = (text, does) => { const b = make("button", text); b.type = "button"; b.addEventListener("click", does); return b };
  const line = (one, state, ...does) => { const li = make("li"), div = make("div", undefined, "does"); li.append(make("strong", one.sort), " up to " + money(one.limit_minor) + late(one) + " a cause, until " + one.until + "; " + state); div.append(...does); li.append(div); return li };
  by("stand").replaceChildren(
    ...offered.map(one => line(one, "offered" + (one.after ? " after " + one.after + " answers alike" : ""), button("Accept", () => say("standing_accepted", "", {standing: one.standing})), button("Decline", () => end("standing_declined", "Decline", one)))),
    ...in_force.map(one => line(one, "of " + one.by + "; today " + one.causes_today + " of " + one.a_day + ", " + money(one.spent_minor_today), button("Withdraw", () => end("standing_withdrawn", "Withdraw", one)))));
}
async function end(kind, title, one) { const answer = await reason(title, one.sort, null); if (answer) say(kind, "", {standing: one.standing, reason: answer.why}) }
const stands = one => one.would_stand.map(s => s.sort + " up to " + money(s.limit_minor) + late(s) + " a cause, " + s.a_day + " a day, until " + s.until).join("; ");
async function routes() {
  const sign = v => v.version + "/" + v.done + "/" + v.left + "/" + v.late, changed = day.vehicles.filter(v => versions.get(v.vehicle_id) !== sign(v));
  const named = [...day.unplaced, ...day.tendered, ...day.held.map(one => one.order_id), ...proposals.flatMap(one => one.items.map(i => i.order_id))];
  if (changed.length) {
    const answer = await ask("/v1/routes?vehicles=" + encodeURIComponent(changed.map(v => v.vehicle_id).join(","))); if (!answer.ok) return;
    for (const one of (await answer.json()).routes) { map.route(one); named.push(...one.stops.map(stop => stop[0])) }
    for (const v of changed) versions.set(v.vehicle_id, sign(v));
  }
  if (named.some(name => !map.orders.has(name))) await places();
}
async function places() {
  const answer = await ask("/v1/places"); if (!answer.ok) return;
  map.places(await answer.json());
  const zones = new Map(); for (const [name, one] of map.orders) if (one.zone && map.holder.has(name)) zones.set(one.zone, (zones.get(one.zone) || 0) + 1);
  const old = by("zone").value; by("zone").replaceChildren(new Option("no", ""), ...[...zones].sort((a, b) => b[1] - a[1]).map(([name, n]) => new Option(name + " (" + n + " open)", name))); by("zone").value = old;
}
// --- what waits
function queue() {
  proposals = day.queue; by("waiting").textContent = proposals.length; by("waiting").className = proposals.length ? "count" : "count none"; by("empty").hidden = proposals.length > 0;
  if (!proposals.some(one => one.proposal === chosen)) choose(proposals.length ? proposals[0].proposal : "", false);
  by("queue").replaceChildren(...proposals.map(card));
}
function card(one) {
  const li = make("li"); li.setAttribute("role", "option"); li.setAttribute("aria-selected", String(one.proposal === chosen)); li.dataset.proposal = one.proposal;
  const head = make("div", undefined, "head"), first = one.items[0];
  head.append(make("span", one.items.length > 1 ? one.items.length + " orders: " + [...new Set(one.items.map(i => i.kind))].join(", ") : first.kind + " " + first.order_id), make("span", money(one.price_minor), "n")); li.append(head);
  li.append(make("div", "by " + clock(one.until_s) + " · " + one.because + (one.late_s ? " · up to " + Math.ceil(one.late_s / 60) + " min later than promised" : ""), "dim"));
  const more = make("div", undefined, "more");
  more.append(...parts(one));
  if (one.would_stand.length) more.append(make("div", "s: yes, and from now on without asking: " + stands(one), "dim"));
  const does = make("div", undefined, "does");
  for (const [text, what] of [["Approve (a)", () => approve()], ...(one.would_stand.length ? [["For good (s)", () => forGood()]] : []), ["Reject (r)", () => reject()], ["Override (o)", () => override(own().order_id)]]) { const b = make("button", text); b.type = "button"; b.addEventListener("click", event => { event.stopPropagation(); if (one.proposal !== chosen) choose(one.proposal, true); what() }); does.append(b) }
  more.append(does); li.append(more);
  li.addEventListener("click", () => choose(one.proposal, true));
  return li;
}
// what one cause calls for, by who would take it: a chip an order, in full the order that is chosen
function parts(one) {
  const groups = new Map();
  one.items.forEach((own, n) => { const to = own.vehicle_id || own.fleet_id, name = own.kind + (to ? " to " + to : ""); if (!groups.has(name)) groups.set(name, []); groups.get(name).push([own, n]) });
  return [...groups].map(([name, items]) => {
    const div = make("div", undefined, "item"), alone = one.items.length < 2, chips = make("div", undefined, "chips"), chosenOne = alone ? items[0] : one.proposal === chosen && items.find(([, n]) => n === item);
    if (!alone) {
      const head = make("div", undefined, "head"); head.append(make("span", name + ": " + items.length + (items.length > 1 ? " orders" : " order")), make("span", money(items.reduce((sum, [own]) => sum + own.price_minor, 0)), "n")); div.append(head, chips);
      for (const [own, n] of items) {
        const chip = make("span", own.order_id, "chip" + (n === item && one.proposal === chosen ? " mine" : "") + (own.late_s ? " late" : "")); chip.title = money(own.price_minor) + ": " + own.reason;
        chip.addEventListener("click", event => { event.stopPropagation(); item = n; choose(one.proposal, true) }); chips.append(chip);
      }
    }
    if (chosenOne) {
      const [own] = chosenOne, ul = make("ul");
      div.append(make("div", (alone ? name.replace(own.kind, own.kind + " " + own.order_id) : own.order_id) + ", " + money(own.price_minor) + ": " + own.reason));
      for (const a of own.alternatives.slice(0, 6)) ul.append(make("li", "or " + a.what + " " + money(a.price_minor) + " (" + (a.price_minor >= own.price_minor ? "+" : "") + money(a.price_minor - own.price_minor) + ")"));
      div.append(ul); if (!alone) div.classList.add("mine");
    }
    return div;
  });
}
const current = () => proposals.find(one => one.proposal === chosen);
const own = () => { const one = current(); return one && (one.items[item] || one.items[0]) };
function choose(name, redraw) {
  if (name !== chosen) { item = 0; since = performance.now() }
  chosen = name; const one = current(), it = own();
  mark({order: it ? it.order_id : "", vehicle: it ? it.vehicle_id : "", orders: new Set(one ? one.items.map(i => i.order_id) : []), proposed: one ? one.routes : {}});
  if (it && redraw) show(it.order_id, true);
  if (redraw) { by("queue").replaceChildren(...proposals.map(card)); const li = by("queue").querySelector("[aria-selected=true]"); if (li) li.scrollIntoView({block: "nearest"}) }
}
function mark(more) { Object.assign(map.marked, more); map.draw() }
// --- what a person says: an event, with a name of its own, so that sent twice it counts once
async function say(kind, order, facts, more) {
  const name = "page-" + crypto.randomUUID(), handled = Math.min(600000, Math.round(performance.now() - since)); mine.add(name);
  const event = {event_id: name, kind, at_s: Math.max(0, day.clock_s), order_id: order, facts: {by: person, handled_ms: handled, ...facts}, ...more};
  for (let n = 0; n < 5; n++) {
    try {
      const answer = await ask("/v1/events", {events: [event]});
      if (answer.ok) { const [one] = (await answer.json()).results; if (one.result === "refused") tell("Refused: " + one.reason); break }
      if (answer.status < 429) { tell("Not taken: " + answer.status); break }
    } catch { }
    await new Promise(go => setTimeout(go, 500));
  }
  since = performance.now(); refresh();
}
function approve() { const one = current(); if (one) say("approved", "", {proposal: one.proposal}) }
function forGood() { const one = current(); if (one && one.would_stand.length) say("approved", "", {proposal: one.proposal, standing: "yes"}) }
async function reject() { const one = current(); if (!one) return; const answer = await reason("Reject", one.items.map(i => i.order_id).join(", "), null); if (answer) say("rejected", "", {proposal: one.proposal, reason: answer.why}) }
async function override(name) {
  if (!name || !map.orders.has(name)) { tell("Choose an order first"); return }
  const holder = map.holder.get(name), prices = new Map((own() && own().order_id === name ? own().alternatives : []).map(a => [a.what, a.price_minor]));
  const options = day.vehicles.filter(v => v.vehicle_id !== holder && v.status !== "broken" && v.status !== "ended").map(v => ["vehicle " + v.vehicle_id, "v:" + v.vehicle_id]).sort((a, b) => (prices.get(a[0]) ?? 1e15) - (prices.get(b[0]) ?? 1e15));
  for (const fleet of day.offers) options.push(["ask " + fleet, "f:" + fleet]);
  options.push(["leave it for another day", "leave"]);
  const answer = await reason("Override", name + (holder ? ", now with " + holder : ""), options.map(([text, value]) => [text + (prices.has(text) ? " (" + money(prices.get(text)) + ")" : ""), value]));
  if (!answer) return;
  const facts = {reason: answer.why, ...(answer.choice === "leave" ? {leave: "yes"} : {}), ...(own() && own().order_id === name ? {proposal: chosen} : {})};
  const more = answer.choice.startsWith("v:") ? {vehicle_id: answer.choice.slice(2)} : answer.choice.startsWith("f:") ? {fleet_id: answer.choice.slice(2)} : {};
  say("override", name, facts, more);
}
function reason(title, what, options) {
  by("reason-title").textContent = title; by("reason-what").textContent = what; by("why").value = ""; by("choice-label").hidden = !options;
  by("choice").replaceChildren(...(options || []).map(([text, value]) => new Option(text, value)));
  by("reason").returnValue = "no"; by("reason").showModal(); (options ? by("choice") : by("why")).focus();
  return new Promise(done => by("reason").addEventListener("close", () => done(by("reason").returnValue === "do" && by("why").value.trim() ? {why: by("why").value.trim(), choice: by("choice").value} : null), {once: true}));
}
function show(name, quiet) {
  const one = map.orders.get(name); by("stop").replaceChildren(); if (!one) { if (!quiet) mark({order: "", vehicle: ""}); return }
  const holder = map.holder.get(name), stop = holder && map.routes.get(holder).stops.find(s => s[0] === name);
  mark({order: name, ...(holder && !quiet ? {vehicle: holder} : {})});
  by("stop").append(make("strong", name), " " + (one.windows.length ? one.windows.map(w => clock(w[0]) + "–" + clock(w[1])).join(", ") : "any time") + (holder ? " · " + holder + " at " + clock(stop[1]) : map.done.has(name) ? " · done" : " · " + (held.get(name) || one.status)) + (one.zone ? " · zone " + one.zone : "") + " ", make("span", stop && stop[2] > 0 ? Math.ceil(stop[2] / 60) + " min late " : "", "bad"));
  const b = make("button", "Override"); b.type = "button"; b.addEventListener("click", () => override(name)); by("stop").append(b);
  scored(name);
  if (!quiet) { since = performance.now(); vehicles() }
}
// --- how stops were scored last: chances, when and why, what moved them
const share = p => p === null ? "" : Math.round(100 * p) + " %", when = t => t ? t.slice(11, 16) : ""; // in the day's zone, as it was sent
const words = name => name.replace(/_+/g, " ");
const why = one => one.factors.map(([name, by]) => words(name) + " " + (by > 0 ? "+" : "") + by.toFixed(2)).join("; ");
const span = one => one.eta_p10 ? when(one.eta_p10) + "–" + when(one.eta_p90) : "there";
async function risks() {
  const answer = await ask("/v1/scores"); if (!answer.ok) return;
  const {scores} = await answer.json(); by("risk-none").hidden = scores.length > 0;
  by("risks").replaceChildren(...scores.map(one => {
    const tr = row([[one.order_id, "id"], [map.holder.get(one.order_id) || "", "id"], [share(one.p_late), one.p_late >= 0.5 ? "n bad" : "n"], [share(one.p_failed), "n"], [span(one), "id"], [(one.factors.length ? words(one.factors[0][0]) + "; " : "") + one.moment + " " + when(one.as_of)]]);
    tr.title = why(one);
    tr.addEventListener("click", () => show(one.order_id)); return tr;
  }));
}
async function scored(name) {
  const answer = await ask("/v1/scores?order=" + encodeURIComponent(name)); if (!answer.ok) return;
  const [one] = (await answer.json()).scores; if (!one || map.marked.order !== name) return;
  const told = by("stop").querySelector(".score") || by("stop").appendChild(make("span", "", "score dim"));
  told.textContent = " arrives " + span(one) + ", late " + share(one.p_late) + (one.p_failed === null ? "" : ", failed " + share(one.p_failed)) + " (" + one.moment + " " + when(one.as_of) + (one.factors.length ? ": " + why(one) : "") + ")";
}
// --- what if
by("zone").addEventListener("change", () => mark({zone: by("zone").value}));
by("suppose").addEventListener("submit", async event => {
  event.preventDefault(); by("answer").textContent = "asking ...";
  const wish = {}; if (by("zone").value) wish.close_zone = by("zone").value; if (by("van").value) wish.lose_van = by("van").value; if (Number(by("more").value)) wish.add_orders = Number(by("more").value);
  const answer = await ask("/v1/what-if", wish), found = await answer.json();
  if (!answer.ok) { by("answer").textContent = found.detail; return }
  const kinds = {}; for (const one of found.decisions) kinds[one.kind] = (kinds[one.kind] || 0) + 1;
  const table = make("table"), change = (name, a, b, say) => row([[name], [say(a), "n"], [say(b), "n"], [(b >= a ? "+" : "") + say(b - a), "n"]]);
  table.append(row([[""], ["now", "n"], ["then", "n"], ["change", "n"]]), change("routes from here", found.before.routes_minor, found.after.routes_minor, money), change("stops", found.before.stops, found.after.stops, String), change("late", found.before.late, found.after.late, String), change("asked by tender", found.before.asked, found.after.asked, String), change("for tenders", found.before.asked_minor, found.after.asked_minor, money), change("nobody will serve", found.before.unplaced, found.after.unplaced, String));
  by("answer").replaceChildren(make("p", (Object.entries(kinds).map(([k, n]) => n + " " + k).join(", ") || "nothing would be decided") + "; decisions cost " + money(found.cost_minor)), table);
});
// --- finding, keys
by("find").addEventListener("input", () => { const text = by("find").value.trim(); if (map.orders.has(text)) { map.to(map.orders.get(text).at); show(text) } else if (map.routes.has(text)) { mark({vehicle: text, order: ""}); vehicles() } });
by("fit").addEventListener("click", () => map.fit());
by("help-open").addEventListener("click", () => by("help").showModal());
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || by("day").hidden || document.querySelector("dialog[open]")) return;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) { if (event.key === "Escape") event.target.blur(); return }
  const at = proposals.findIndex(one => one.proposal === chosen), go = n => { const one = proposals[Math.max(0, Math.min(proposals.length - 1, at + n))]; if (one) choose(one.proposal, true) };
  const keys = {j: () => go(1), k: () => go(-1), a: approve, s: forGood, r: reject, o: () => override(map.marked.order), w: () => { by("if").open = true; by("zone").focus() }, "/": () => by("find").focus(), m: () => by("map").focus(), "?": () => by("help").showModal(),
    "]": () => { const one = current(); if (one) { item = Math.min(one.items.length - 1, item + 1); choose(chosen, true) } }, "[": () => { item = Math.max(0, item - 1); choose(chosen, true) }, "0": () => map.fit()};
  if (event.target !== by("map")) Object.assign(keys, {ArrowDown: keys.j, ArrowUp: keys.k});
  if (event.key.startsWith("Arrow") && event.target.closest && event.target.closest(".scroll")) return;
  if (keys[event.key]) { event.preventDefault(); keys[event.key]() }
});
async function follow() {
  for (;;) {
    try {
      const answer = await ask("/v1/stream"); if (!answer.ok) throw new Error(answer.status);
      by("link").textContent = "connected"; by("link").className = "ok";
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader(); let text = "";
      refresh();
      for (;;) {
        const {value, done} = await reader.read(); if (done) break;
        text += value; const parts = text.split("\n\n"); text = parts.pop(); let news = false;
        for (const part of parts) { const data = part.split("\n").find(line => line.startsWith("data: ")); if (data) { decision(JSON.parse(data.slice(6))); news = true } }
        if (news) refresh();
      }
    } catch { }
    by("link").textContent = "not connected"; by("link").className = "bad"; await new Promise(go => setTimeout(go, 1000));
  }
}
by("by").value = localStorage.getItem("fivefold-by") || "";
by("door").addEventListener("submit", async event => {
  event.preventDefault(); token = by("token").value; person = by("by").value.trim(); localStorage.setItem("fivefold-by", person);
  const answer = await ask("/v1/decisions?most=5000");
  if (!answer.ok) { by("wrong").textContent = "That token does not open this day."; return }
  by("door").hidden = true; by("day").hidden = false;
  await refresh(); await places();
  for (const one of (await answer.json()).decisions.slice(-300)) decision(one);
  follow(); risks(); setInterval(refresh, 5000); setInterval(risks, 20000); by("queue").focus();
});
