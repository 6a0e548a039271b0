"use strict";
// Data of the page: whole numbers packed as base64, floats as they are.
const data = JSON.parse(document.getElementById("data").textContent);
const at = id => document.getElementById(id);
const unpack = ({ type, data: text }) => {
  const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
  return new { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array }[type](bytes.buffer);
};
const { concepts, grid, norms, sentences, places } = data;
const size = concepts.length;
for (const level of grid) level.shared = unpack(level.shared);
const [members, ap, unitPlace, unitIndex, driving] = ["members", "ap", "unit_place", "unit_index", "driving"].map(name => unpack(data[name]));
const starts = [0];
for (const count of data.listed) starts.push(starts[starts.length - 1] + count);
const order = concepts.map((_, number) => number).sort((a, b) => concepts[a].domain.localeCompare(concepts[b].domain) || a - b);
const row = new Map(order.map((concept, place) => [concept, place]));
const state = { a: 0, b: 1, t: 0, units: 12, all: [false, false] };

// Helpers: elements, numbers.
const make = (tag, options = {}, ...children) => {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(options)) name === "text" ? (made.textContent = value) : made.setAttribute(name, value);
  made.append(...children);
  return made;
};
const draw = (tag, options, text) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(options)) made.setAttribute(name, value);
  if (text !== undefined) made.textContent = text;
  return made;
};
const whole = value => value.toLocaleString("en");
const fixed = (value, digits = 2) => value === null || Number.isNaN(value) ? "not defined" : value.toFixed(digits);
const within = (low, high) => low === null || low === undefined ? "" : ` [${fixed(low)}, ${fixed(high)}]`;
const limitOf = place => String(grid[place].threshold);
const level = () => `${Math.round(100 * data.level)}%`;

// Overlap of two concepts.
const pairAt = (a, b) => a > b ? a * (a - 1) / 2 + b : b * (b - 1) / 2 + a;
const sharedOf = (a, b, t) => grid[t].shared[pairAt(a, b)];
const jaccard = (a, b, t) => {
  const common = sharedOf(a, b, t), either = grid[t].experts[a] + grid[t].experts[b] - common;
  return either ? common / either : NaN;
};
const every = t => {
  const level = grid[t];
  if (!level.sorted) {
    const values = [];
    for (let a = 1; a < size; a += 1) for (let b = 0; b < a; b += 1) { const own = jaccard(a, b, t); if (!Number.isNaN(own)) values.push(own); }
    level.sorted = Float64Array.from(values).sort();
  }
  return level.sorted;
};
const quantile = (sorted, share) => sorted.length ? sorted[Math.round(share * (sorted.length - 1))] : 0;
const belowShare = (sorted, value) => {
  let low = 0, high = sorted.length;
  while (low < high) { const middle = (low + high) >> 1; sorted[middle] < value ? (low = middle + 1) : (high = middle); }
  return sorted.length ? low / sorted.length : NaN;
};
const median = values => { const own = [...values].sort((x, y) => x - y), middle = own.length >> 1; return own.length % 2 ? own[middle] : (own[middle - 1] + own[middle]) / 2; };

// Experts of a concept at a threshold are the first of its list.
const listedAt = t => grid[t].threshold >= data.floor - 1e-9;
const expertsOf = (concept, t) => members.subarray(starts[concept], starts[concept] + grid[t].experts[concept]);
function common(a, b, t) {
  const scores = new Map();
  expertsOf(a, t).forEach((unit, place) => scores.set(unit, ap[starts[a] + place] / 65535));
  const found = [];
  expertsOf(b, t).forEach((unit, place) => { if (scores.has(unit)) found.push({ unit, a: scores.get(unit), b: ap[starts[b] + place] / 65535 }); });
  return found.sort((x, y) => Math.min(y.a, y.b) - Math.min(x.a, x.b) || x.unit - y.unit);
}
function perPlace(units) {
  const counts = new Array(places.length).fill(0);
  units.forEach(unit => { counts[unitPlace[unit]] += 1; });
  return counts;
}
function byChance(a, b, t) {
  const [own, other] = [a, b].map(concept => perPlace(expertsOf(concept, t)));
  return places.map((place, number) => own[number] * other[number] / place.units);
}

// What each part shows.
function tellFacts() {
  const { a, b, t } = state, [one, two] = [concepts[a], concepts[b]];
  at("h-pair").textContent = `${one.name} and ${two.name} at AP >= ${limitOf(t)}`;
  const own = jaccard(a, b, t), sorted = every(t);
  const facts = [["Jaccard overlap", fixed(own, 3), Number.isNaN(own) ? "neither has an expert" : `above ${Math.floor(100 * belowShare(sorted, own))}% of ${whole(sorted.length)} pairs`]];
  const chance = listedAt(t) ? `${byChance(a, b, t).reduce((sum, value) => sum + value, 0).toFixed(1)} in random sets of as many units of each layer and site` : "";
  facts.push(["Shared experts", whole(sharedOf(a, b, t)), chance]);
  for (const concept of [a, b]) {
    const expected = grid[t].expected?.[concept];
    facts.push([`Experts of ${concepts[concept].name}`, whole(grid[t].experts[concept]), expected === undefined ? "" : `${expected.toFixed(1)} under shuffled labels`]);
  }
  for (const norm of norms) {
    const rated = norm.rated.get(pairAt(a, b));
    if (rated === undefined) { facts.push([norm.label, "not rated", `people rated ${norm.pairs.length} pairs of these concepts`]); continue; }
    const more = norm.pairs.filter(pair => pair[2] > rated).length, closer = norm.pairs.filter(([c, d]) => jaccard(c, d, t) > own).length;
    facts.push([norm.label, String(rated), `on a scale of ${norm.scale[0]} to ${norm.scale[1]}; rated no. ${more + 1}, overlap no. ${closer + 1} of ${norm.pairs.length} rated pairs`]);
  }
  at("facts").replaceChildren(...facts.map(([name, value, more]) => make("div", {}, make("dt", { text: name }), make("dd", { text: value }, make("span", { text: more })))));
}

const WIDE = 460, TALL = 230, EDGE = { left: 50, right: 16, top: 10, bottom: 34 };
function frame(label, low, step, steps) {
  const high = low + step * steps;
  const chart = draw("svg", { viewBox: `0 0 ${WIDE} ${TALL}`, role: "img", "aria-label": label });
  const first = grid[0].threshold, last = grid[grid.length - 1].threshold;
  const x = value => EDGE.left + (WIDE - EDGE.left - EDGE.right) * (last > first ? (value - first) / (last - first) : 0.5);
  const y = value => TALL - EDGE.bottom - (TALL - EDGE.top - EDGE.bottom) * (value - low) / (high - low);
  for (let tick = 0; tick <= steps; tick += 1) {
    const value = low + step * tick;
    chart.append(draw("line", { x1: EDGE.left, x2: WIDE - EDGE.right, y1: y(value), y2: y(value), stroke: "var(--line)" }), draw("text", { x: EDGE.left - 6, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(2)));
  }
  for (const value of data.measured) chart.append(draw("text", { x: x(value), y: TALL - EDGE.bottom + 16, "text-anchor": "middle" }, String(value)));
  chart.append(draw("text", { x: (WIDE + EDGE.left) / 2, y: TALL - 4, "text-anchor": "middle" }, "AP threshold"));
  const here = x(grid[state.t].threshold);
  chart.append(draw("line", { x1: here, x2: here, y1: EDGE.top, y2: TALL - EDGE.bottom, stroke: "var(--ink)", "stroke-dasharray": "3 3" }));
  return { chart, x, y };
}
const path = points => points.map(([x, y], place) => `${place ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

function tellCurve() {
  const { a, b, t } = state, own = grid.map((_, place) => jaccard(a, b, place));
  const ends = grid.map((_, place) => [quantile(every(place), 0.05), quantile(every(place), 0.5), quantile(every(place), 0.95)]);
  const top = Math.max(0.04, ...own.filter(value => !Number.isNaN(value)), ...ends.map(end => end[2]));
  const step = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2].find(own => 4 * own >= top) ?? 0.25;
  const { chart, x, y } = frame(`Jaccard overlap of ${concepts[a].name} and ${concepts[b].name} by threshold: ${fixed(own[0], 3)} at ${limitOf(0)}, ${fixed(own[t], 3)} at ${limitOf(t)}, ${fixed(own[own.length - 1], 3)} at ${limitOf(own.length - 1)}`, 0, step, 4);
  const spot = (value, place) => [x(grid[place].threshold), y(value)];
  chart.append(draw("path", { d: `${path(ends.map((end, place) => spot(end[2], place)))}${path(ends.map((end, place) => spot(end[0], place)).reverse()).replace("M", "L")}Z`, fill: "var(--null)" }));
  chart.append(draw("path", { d: path(ends.map((end, place) => spot(end[1], place))), fill: "none", stroke: "var(--soft)", "stroke-width": 1.5 }));
  chart.append(draw("path", { d: path(own.map(spot).filter((_, place) => !Number.isNaN(own[place]))), fill: "none", stroke: "var(--own)", "stroke-width": 2.5 }));
  if (!Number.isNaN(own[t])) { const [cx, cy] = spot(own[t], t); chart.append(draw("circle", { cx, cy, r: 5, fill: "var(--own)" })); }
  at("curve").replaceChildren(chart);
  at("curve-note").textContent = `Thick: this pair. Thin and grey: median and middle 90% of all ${whole(size * (size - 1) / 2)} pairs.`;
}

function tellPeople() {
  const parts = norms.map(norm => {
    const point = norm.alignment[state.t], names = [...new Set(norm.alignment.flatMap(own => Object.keys(own.controls ?? {})))];
    const { chart, x, y } = frame(`Spearman correlation of expert overlap with ${norm.label} by threshold`, -0.5, 0.5, 3);
    const where = (value, place) => [x(grid[place].threshold), y(value)];
    const measured = norm.alignment.map((own, place) => [own, place]).filter(([own]) => own.measured);
    const band = measured.filter(([own]) => own.null_low !== null);
    if (band.length) chart.append(draw("path", { d: `${path(band.map(([own, place]) => where(own.null_high, place)))}${path(band.map(([own, place]) => where(own.null_low, place)).reverse()).replace("M", "L")}Z`, fill: "var(--null)" }));
    for (const name of names) {
      const rows = measured.filter(([own]) => own.controls[name]?.rho !== null && own.controls[name]);
      chart.append(draw("path", { d: path(rows.map(([own, place]) => where(own.controls[name].rho, place))), fill: "none", stroke: "var(--control)", "stroke-width": 2, "stroke-dasharray": "5 4" }));
    }
    const known = norm.alignment.map((own, place) => [own.rho, place]).filter(([rho]) => rho !== null);
    chart.append(draw("path", { d: path(known.map(([rho, place]) => where(rho, place))), fill: "none", stroke: "var(--own)", "stroke-width": 2.5 }));
    for (const [own, place] of measured) {
      if (own.low === null) continue;
      const [px, py] = where(own.rho, place);
      chart.append(draw("line", { x1: px, x2: px, y1: y(own.low), y2: y(own.high), stroke: "var(--own)" }), draw("circle", { cx: px, cy: py, r: place === state.t ? 5 : 3, fill: "var(--own)" }));
    }
    if (!point.measured && point.rho !== null) { const [cx, cy] = where(point.rho, state.t); chart.append(draw("circle", { cx, cy, r: 5, fill: "var(--page)", stroke: "var(--own)", "stroke-width": 2 })); }
    return make("div", {}, make("h3", { text: norm.label }), chart, make("p", { text: alignmentText(norm) }));
  });
  parts.push(make("p", { class: "soft", text: `Line: expert overlap, with ${level()} intervals at the thresholds of the study; between them none is computed. Dashed: untrained weights. Grey: ${level()} of node permutations.` }));
  at("people").replaceChildren(...parts);
}

function alignmentText(norm) {
  const point = norm.alignment[state.t], rest = [];
  const basis = `${point.n_pairs} pairs of ${point.n_concepts} concepts`;
  if (!point.measured) return `rho = ${fixed(point.rho)}, ${basis}; no interval between the study's thresholds.`;
  if (point.p !== null) rest.push(`p = ${point.p < 0.001 ? point.p.toFixed(4) : point.p.toFixed(3)} by node permutation (${fixed(point.null_low)} to ${fixed(point.null_high)})`);
  for (const [name, own] of Object.entries(point.controls)) rest.push(`${name} ${fixed(own.rho)}${within(own.low, own.high)}`);
  if (point.random !== null && point.random !== undefined) rest.push(`random units, as many of each layer and site, ${fixed(point.random)}`);
  if (point.rho_within !== null) rest.push(`within domains ${fixed(point.rho_within)}${within(point.low_within, point.high_within)}, ${point.n_pairs_within} pairs`);
  if (point.ceiling !== null) rest.push(`ceiling ${fixed(point.ceiling)}`);
  return `rho = ${fixed(point.rho)}${within(point.low, point.high)}, ${basis}; ${rest.join("; ")}.`;
}

const unlisted = () => make("p", { class: "soft", text: `Below AP ${data.floor} the page holds counts alone, not the units: raise the threshold.` });
function tellLayers() {
  const { a, b, t } = state;
  if (!listedAt(t)) { at("layers").replaceChildren(unlisted()); return; }
  const counts = perPlace(common(a, b, t).map(own => own.unit)), chance = byChance(a, b, t), found = new Map(), sites = new Map();
  places.forEach((place, number) => {
    const own = found.get(place.layer) ?? { count: 0, chance: 0 }, site = sites.get(place.site) ?? { count: 0, chance: 0 };
    for (const sum of [own, site]) { sum.count += counts[number]; sum.chance += chance[number]; }
    found.set(place.layer, own); sites.set(place.site, site);
  });
  const most = Math.max(1e-9, ...[...found.values()].map(own => Math.max(own.count, own.chance)));
  const cells = [...found].flatMap(([layer, own]) => {
    const bar = make("span", { class: "bar", "aria-hidden": "true" }, make("b"), make("i"));
    bar.firstChild.style.width = `${100 * own.count / most}%`; bar.lastChild.style.left = `calc(${100 * own.chance / most}% - 1px)`;
    return [make("span", { text: `layer ${layer}` }), bar, make("span", { text: `${own.count} (${own.chance.toFixed(1)} by chance)` })];
  });
  at("layers").replaceChildren(make("div", { class: "bars" }, ...cells), make("p", { class: "soft", text: `Line across a bar: as many units of each layer and site at random. By site: ${[...sites].map(([site, own]) => `${site} ${own.count} (${own.chance.toFixed(1)} by chance)`).join(", ")}.` }));
}

function sentence(number, marked = true) {
  const [concept, text, named] = sentences[number], letters = [...text], item = make("li");
  let last = 0;
  for (const [from, to] of marked ? named : []) { item.append(letters.slice(last, from).join(""), make("mark", { text: letters.slice(from, to).join("") })); last = to; }
  item.append(letters.slice(last).join(""));
  if (!marked) item.append(" ", make("span", { class: "soft", text: `(${concepts[concept].name})` }));
  return item;
}

function tellUnits() {
  const { a, b, t } = state;
  if (!listedAt(t)) { at("units").replaceChildren(unlisted()); return; }
  const units = common(a, b, t), shown = units.slice(0, state.units);
  const parts = shown.map(({ unit, a: first, b: second }, number) => {
    const place = places[unitPlace[unit]], from = unit * data.driving_count;
    const heading = `layer ${place.layer} ${place.site} ${unitIndex[unit]}: AP ${first.toFixed(2)} for ${concepts[a].name}, ${second.toFixed(2)} for ${concepts[b].name}`;
    if (!data.driving_count) return make("p", { text: heading });
    const own = make("details", number ? {} : { open: "" }, make("summary", { text: heading }));
    own.append(make("ul", { class: "plain" }, ...[...driving.subarray(from, from + data.driving_count)].map(place => sentence(place, false))));
    return own;
  });
  if (!units.length) parts.push(make("p", { text: "No unit is an expert for both." }));
  if (units.length > shown.length) {
    const more = make("button", { type: "button", text: `Show more (${shown.length} of ${units.length})` });
    more.addEventListener("click", () => { state.units += 12; tellUnits(); at("units").querySelectorAll("summary")[shown.length]?.focus(); });
    parts.push(more);
  }
  parts.push(make("p", { class: "soft", text: `The smaller of the two APs decides the order. ${data.driving_count ? "Sentences: the highest responses of the unit over all sentences." : "The page has no room for the sentences that drive each unit; the audit shows those of a concept's best units."}` }));
  at("units").replaceChildren(...parts);
}

function tellTexts() {
  const parts = [state.a, state.b].map((concept, side) => {
    const own = sentences.map((_, number) => number).filter(number => sentences[number][0] === concept);
    const shown = state.all[side] ? own : own.slice(0, 5), part = make("div", {}, make("h3", { text: concepts[concept].name }));
    part.append(make("ul", { class: "plain" }, ...shown.map(number => sentence(number))));
    if (own.length > 5) {
      const button = make("button", { type: "button", "aria-expanded": String(state.all[side]), text: state.all[side] ? "Show five" : `Show ${own.length}` });
      button.addEventListener("click", () => { state.all[side] = !state.all[side]; tellTexts(); at("texts").children[side].querySelector("button").focus(); });
      part.append(button);
    }
    return part;
  });
  at("texts").replaceChildren(...parts);
}

// Viridis: dark to light without red against green.
const RAMP = [[68, 1, 84], [72, 40, 120], [62, 74, 137], [49, 104, 142], [38, 130, 142], [31, 158, 137], [53, 183, 121], [110, 206, 88], [181, 222, 43], [253, 231, 37]];
const shade = share => {
  const along = Math.max(0, Math.min(1, share)) * (RAMP.length - 1), low = Math.min(Math.floor(along), RAMP.length - 2);
  return RAMP[low].map((part, place) => Math.round(part + (RAMP[low + 1][place] - part) * (along - low)));
};
function tellMatrix() {
  const { a, b, t } = state, canvas = at("matrix"), pen = canvas.getContext("2d"), top = quantile(every(t), 0.995) || 1;
  const small = document.createElement("canvas");
  small.width = small.height = size;
  const image = new ImageData(size, size);
  order.forEach((one, i) => order.forEach((two, j) => {
    const own = one === two ? NaN : jaccard(one, two, t);
    image.data.set(Number.isNaN(own) ? [128, 128, 128, 90] : [...shade(own / top), 255], 4 * (i * size + j));
  }));
  small.getContext("2d").putImageData(image, 0, 0);
  pen.imageSmoothingEnabled = false;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(small, 0, 0, canvas.width, canvas.height);
  const cell = canvas.width / size, middle = concept => (row.get(concept) + 0.5) * cell;
  for (const [width, colour] of [[5, "#000"], [2, "#fff"]]) {
    pen.lineWidth = width; pen.strokeStyle = colour;
    for (const [x, y] of [[middle(b), middle(a)], [middle(a), middle(b)]]) { pen.beginPath(); pen.arc(x, y, Math.max(8, cell), 0, 2 * Math.PI); pen.stroke(); }
  }
  at("ramp").style.background = `linear-gradient(90deg, ${RAMP.map(part => `rgb(${part})`).join(", ")})`;
  at("highest").textContent = `${top.toFixed(3)} or more (highest 0.5% of pairs)`;
  at("cell").textContent = `Marked: ${concepts[a].name} (${concepts[a].domain || "no domain"}), ${concepts[b].name} (${concepts[b].domain || "no domain"}), ${fixed(jaccard(a, b, t), 3)}.`;
  const best = [];
  for (let one = 1; one < size; one += 1) for (let two = 0; two < one; two += 1) { const own = jaccard(one, two, t); if (own > (best[9]?.[2] ?? 0)) { best.push([one, two, own]); best.sort((x, y) => y[2] - x[2]); best.length = Math.min(10, best.length); } }
  at("top").replaceChildren(...best.map(([one, two, own]) => {
    const pick = make("button", { type: "button", text: `${concepts[two].name} and ${concepts[one].name}` });
    pick.addEventListener("click", () => choose(two, one));
    return make("tr", {}, make("td", {}, pick), make("td", { text: own.toFixed(3) }), make("td", { text: whole(sharedOf(one, two, t)) }));
  }));
  canvas.setAttribute("aria-label", `Jaccard overlap of ${size} by ${size} concepts at AP >= ${limitOf(t)}; marked: ${concepts[a].name} and ${concepts[b].name}, ${fixed(jaccard(a, b, t), 3)}. The table beside it lists the most alike pairs.`);
}

function tell() {
  const { a, b, t } = state, counts = grid[t].experts, none = counts.filter(count => !count).length;
  at("a").value = a; at("b").value = b; at("t").value = t;
  at("limit").textContent = `AP >= ${limitOf(t)}`;
  at("t").setAttribute("aria-valuetext", `AP at least ${limitOf(t)}`);
  const aligned = norms.map(norm => `${norm.label}: rho = ${fixed(norm.alignment[t].rho)}${within(norm.alignment[t].low, norm.alignment[t].high)}, ${norm.alignment[t].n_pairs} pairs`);
  at("said").textContent = [`${concepts[a].name} and ${concepts[b].name}: Jaccard ${fixed(jaccard(a, b, t), 3)}, ${whole(sharedOf(a, b, t))} shared`, `a concept has ${whole(median(counts))} experts (median)${none ? `, ${none} have none` : ""}`, ...aligned].join(" · ");
  const rated = [...at("rated").options].find(option => option.value === `${Math.min(a, b)} ${Math.max(a, b)}`);
  at("rated").value = rated ? rated.value : "";
  for (const part of [tellFacts, tellCurve, tellPeople, tellLayers, tellUnits, tellTexts, tellMatrix]) part();
  const address = new URLSearchParams({ a: concepts[a].name, b: concepts[b].name, t: limitOf(t) });
  // Safari refuses more than a hundred changes in half a minute; the page then keeps what it shows.
  try { history.replaceState(null, "", `#${address}`); } catch (refused) { if (refused.name !== "SecurityError") throw refused; }
}
function choose(a, b) {
  if (a === b) b = b === state.a ? state.b : state.a;
  Object.assign(state, { a, b, units: 12, all: [false, false] });
  tell();
}

function readAddress() {
  const asked = new URLSearchParams(location.hash.slice(1)), number = name => concepts.findIndex(own => own.name === asked.get(name));
  const limit = Number(asked.get("t") ?? data.start);
  const nearest = grid.reduce((best, own, place) => Math.abs(own.threshold - limit) < Math.abs(grid[best].threshold - limit) ? place : best, 0);
  const first = norms.length ? norms[0].pairs.reduce((best, pair) => pair[2] > best[2] ? pair : best) : [0, 1];
  const [a, b] = [number("a"), number("b")];
  state.t = nearest;
  if (a >= 0 && b >= 0 && a !== b) Object.assign(state, { a, b });
  else if (a >= 0) Object.assign(state, { a, b: a === first[0] ? first[1] : first[0] });
  else Object.assign(state, { a: first[0], b: first[1] });
}

// Controls.
for (const norm of norms) norm.rated = new Map(norm.pairs.map(([a, b, rating]) => [pairAt(a, b), rating]));
const named = concepts.map((own, number) => [own.name, number]).sort((x, y) => x[0].localeCompare(y[0]));
for (const id of ["a", "b"]) at(id).append(...named.map(([text, value]) => make("option", { text, value })));
at("rated").append(make("option", { text: "pick one", value: "" }), ...norms.map(norm => make("optgroup", { label: norm.label }, ...[...norm.pairs].sort((x, y) => y[2] - x[2]).map(([a, b, rating]) => make("option", { value: `${Math.min(a, b)} ${Math.max(a, b)}`, text: `${concepts[a].name}, ${concepts[b].name}: ${rating}` })))));
at("rated").closest("label").hidden = !norms.length;
at("h-people").parentElement.hidden = !norms.length;
at("t").max = grid.length - 1;
at("a").addEventListener("change", event => choose(Number(event.target.value), state.b));
at("b").addEventListener("change", event => { const picked = Number(event.target.value); choose(picked === state.a ? state.b : state.a, picked); });
at("swap").addEventListener("click", () => choose(state.b, state.a));
at("rated").addEventListener("change", event => { if (event.target.value) choose(...event.target.value.split(" ").map(Number)); });
at("pick").addEventListener("submit", event => event.preventDefault());
at("t").addEventListener("input", event => { state.t = Number(event.target.value); tell(); });
at("matrix").addEventListener("click", event => {
  const box = event.target.getBoundingClientRect(), spot = (value, start) => Math.max(0, Math.min(size - 1, Math.floor(size * (value - start) / box.width)));
  choose(order[spot(event.clientY, box.top)], order[spot(event.clientX, box.left)]);
});
at("matrix").addEventListener("keydown", event => {
  const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
  if (!move) return;
  event.preventDefault();
  const next = (place, by) => Math.max(0, Math.min(size - 1, place + by));
  let [i, j] = [next(row.get(state.a), move[0]), next(row.get(state.b), move[1])];
  if (i === j) [i, j] = [next(i, move[0]), next(j, move[1])];
  if (i !== j) choose(order[i], order[j]);
});
window.addEventListener("hashchange", () => { readAddress(); tell(); });
readAddress();
tell();
