// R@K of the lesson's networks in galleries of any size: each is the right clip and a random choice of the wrong ones.
// data: {clips, above: {name: [how many captions have 0, 1, 2, ... wrong clips above the right one]}}

const logs = [0]; // log k!
for (let k = 1; k <= data.clips; k++) logs.push(logs[k - 1] + Math.log(k));
const choose = (a, b) => (b < 0 || b > a ? -Infinity : logs[a] - logs[b] - logs[a - b]);

// Percent of the captions whose clip is expected among the first k of size clips: the hypergeometric distribution.
function recall(above, k, size) {
  const wrong = data.clips - 1, all = choose(wrong, size - 1);
  let found = 0, captions = 0;
  above.forEach((count, a) => {
    captions += count;
    if (!count) return;
    for (let j = 0; j < k; j++) found += count * Math.exp(choose(a, j) + choose(wrong - a, size - 1 - j) - all);
  });
  return (100 * found) / captions;
}

const names = Object.keys(data.above);
const metrics = [1, 5, 10];
let k = 10, size = 100;

const wide = 460, high = 280, left = 46, right = 14, top = 14, bottom = 46;
const x = (s) => left + ((s - 10) / (data.clips - 10)) * (wide - left - right);
const y = (r) => high - bottom - (r / 100) * (high - top - bottom);
const picture = svg("svg", { viewBox: `0 0 ${wide} ${high}`, "aria-hidden": "true", fill: "currentColor",
  style: "width: 100%; max-width: 38em; height: auto; display: block", "font-size": 15 });
const curves = svg("g", {}), marks = svg("g", {});
const label = (px, py, words, anchor) => svg("text", { x: px, y: py, "text-anchor": anchor }, words);

for (const r of [0, 25, 50, 75, 100])
  picture.append(
    svg("line", { x1: left, x2: wide - right, y1: y(r), y2: y(r), stroke: "#8a8f98", "stroke-width": r ? 0.5 : 1.4 }),
    label(left - 6, y(r) + 5, r, "end"));
for (const s of [10, 100, 200, 300, 400, 500].filter((s) => s <= data.clips))
  picture.append(label(x(s), high - bottom + 20, s, "middle"));
picture.append(label((left + wide) / 2, high - 6, "clips in the gallery", "middle"), curves, marks);

// How each line looks, on the curve and in the key.
const looks = [
  { stroke: "currentColor", "stroke-width": 2.4 },
  { stroke: "#b3261e", "stroke-width": 3, "stroke-dasharray": "9 4" },
  { stroke: "#8a8f98", "stroke-width": 2.4, "stroke-dasharray": "2 4" },
];
const line = (index, points) =>
  svg("path", { d: "M" + points.map((p) => p.join(" ")).join(" L"), fill: "none", ...looks[index] });
const key = el("p", { style: "margin: 0.2em 0", "aria-hidden": "true" }, [...names, "chance"].map((name, index) =>
  el("span", { style: "white-space: nowrap; margin-right: 1.4em" },
    svg("svg", { width: 40, height: 10 }, line(index, [[0, 5], [40, 5]])), ` ${name}`)));
const spoken = report();

const functions = () => [...names.map((name) => (s) => recall(data.above[name], k, s)), (s) => Math.min(100, (100 * k) / s)];

function draw() {
  const sizes = [];
  for (let s = 10; s <= data.clips; s += 10) sizes.push(s);
  const points = (f) => sizes.map((s) => [x(s).toFixed(1), y(f(s)).toFixed(1)]);
  curves.replaceChildren(...functions().map((f, index) => line(index, points(f))));
  mark();
}

function mark() {
  const values = functions().map((f) => f(size));
  marks.replaceChildren(
    svg("line", { x1: x(size), x2: x(size), y1: top, y2: high - bottom, stroke: "currentColor", "stroke-width": 1 }),
    ...values.map((value) => svg("circle", { cx: x(size), cy: y(value), r: 5 })));
  const models = names.map((name, index) => `${name} ${values[index].toFixed(0)} %`);
  const chance = values[names.length], times = Math.min(...values.slice(0, -1)) / chance;
  spoken.textContent = `R@${k} among ${size} clips: ${models.join(", ")}, chance ${chance.toFixed(1)} %. ` +
    `The weaker of the two networks is ${times < 10 ? times.toFixed(1) : times.toFixed(0)} times as good as chance.`;
}

root.append(
  slider("Clips in the gallery", { min: 10, max: data.clips, step: 10, value: size }, (s) => { size = s; mark(); }),
  choice("Metric", metrics.map((m) => `R@${m}`), (index) => { k = metrics[index]; draw(); }),
  picture, key, spoken);
root.querySelector("select").value = metrics.indexOf(k);
draw();
