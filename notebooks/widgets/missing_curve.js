// How much is found as experts go missing. data: shares (of deleted experts), sets: a list of {name, shares, chance: {metric:
// value}, curves: {treatment: {metric: [a value per share of the set]}}}, treatments, metrics, experts, kept: per clip and
// expert the number of shares at which it is still present.
const LINES = [
  { colour: "#D55E00", dash: "", width: 3 },
  { colour: "#0072B2", dash: "9 4", width: 3 },
  { colour: "currentColor", dash: "2 3", width: 1.8 },
  { colour: "currentColor", dash: "", width: 1.2 },
  { colour: "currentColor", dash: "10 3 2 3", width: 1.8 },
  { colour: "currentColor", dash: "5 5", width: 1.8 },
];
const state = { set: 0, metric: 0, share: 2, shown: data.treatments.map((_, i) => i < 4) };
const gallery = el("div", {});
const plot = el("div", {});
const said = report();
const percent = (share) => `${Math.round(100 * share)} %`;

// One row per expert, one column per clip: a square where the clip still has the expert.
function drawGallery(wide) {
  const left = 102, cell = Math.floor((wide - left) / data.kept.length), high = 18;
  const picture = svg("svg", { width: wide, height: 20 * data.experts.length, "aria-hidden": "true" }, hatches("missing-curve"));
  data.experts.forEach((name, row) => {
    picture.append(svg("text", { x: 0, y: 20 * row + 15, "font-size": 15, fill: "currentColor" }, name));
    data.kept.forEach((clip, column) => {
      const present = clip[row] > state.share;
      picture.append(svg("rect", { x: left + column * cell + 1, y: 20 * row + 1, width: cell - 2, height: high, rx: 2,
        fill: present ? `url(#missing-curve-${name})` : "none", stroke: "currentColor",
        "stroke-opacity": present ? 0.8 : 0.35, "stroke-dasharray": present ? "" : "2 2" }));
    });
  });
  const still = data.kept.flat().filter((count) => count > state.share).length;
  const all = data.kept.flat().filter((count) => count > 0).length;
  gallery.replaceChildren(
    el("div", { style: "margin: 0.4em 0 0.2em" },
      `${data.kept.length} of TinyClips' test clips: ${still} of their ${all} experts are left.`), picture);
}

function drawPlot(wide) {
  const set = data.sets[state.set], metric = data.metrics[state.metric];
  const high = 270, left = 40, right = wide - 14, top = 14, bottom = high - 44;
  const values = data.treatments.map((name) => set.curves[name][metric]);
  const most = Math.max(...values.flat());
  const step = most > 40 ? 20 : most > 15 ? 10 : 5;
  const x = (share) => left + ((right - left) * share) / 0.9;
  const y = (value) => bottom - ((bottom - top) * value) / (1.08 * most);
  const picture = svg("svg", { width: wide, height: high, "aria-hidden": "true", fill: "currentColor", "font-size": 15 });
  for (let value = 0; value <= 1.08 * most; value += step) {
    const faint = value ? 0.15 : 1;
    picture.append(
      svg("line", { x1: left, x2: right, y1: y(value), y2: y(value), stroke: "currentColor", "stroke-opacity": faint }),
      svg("text", { x: left - 6, y: y(value) + 5, "text-anchor": "end" }, String(value)));
  }
  data.shares.forEach((share) => {
    picture.append(svg("text", { x: x(share), y: bottom + 19, "text-anchor": "middle" }, String(Math.round(100 * share))));
  });
  picture.append(svg("text", { x: (left + right) / 2, y: high - 6, "text-anchor": "middle" }, "experts deleted, %"));
  const chance = y(set.chance[metric]);
  picture.append(svg("line", { x1: left, x2: right, y1: chance, y2: chance, stroke: "currentColor", "stroke-dasharray": "1 5" }));
  const here = data.shares[state.share], at = set.shares.indexOf(here);
  const cursor = { x1: x(here), x2: x(here), y1: top - 8, y2: bottom, stroke: "#8a8f98", "stroke-opacity": 0.35 };
  picture.append(svg("line", { ...cursor, "stroke-width": 8 }));
  [...data.treatments.keys()].reverse().filter((i) => state.shown[i]).forEach((i) => {
    const look = LINES[i];
    const points = values[i].map((value, at) => `${x(set.shares[at])},${y(value)}`).join(" ");
    const line = { stroke: look.colour, "stroke-width": look.width, "stroke-dasharray": look.dash };
    picture.append(svg("polyline", { points, fill: "none", ...line }));
    if (at >= 0) picture.append(svg("circle", { cx: x(here), cy: y(values[i][at]), r: 4.5, fill: look.colour }));
  });
  plot.replaceChildren(picture);
  const found = data.treatments.map((name, i) => [name, values[i][at], i]).filter(([, , i]) => state.shown[i]);
  found.sort((a, b) => b[1] - a[1]);
  const list = found.map(([name, value]) => `${name} ${value?.toFixed(1)}`).join(", ") || "tick a treatment";
  const words = at < 0 ? "not measured" : `${list}; chance ${set.chance[metric].toFixed(1)}`;
  said.textContent = `${set.name}, ${metric}, ${percent(here)} deleted: ${words}.`;
}

function draw() {
  const wide = Math.max(240, Math.min(620, (root.clientWidth || 660) - 34));
  gallery.hidden = state.set !== 0;
  if (!gallery.hidden) drawGallery(wide);
  drawPlot(wide);
}

function sample(i) {
  const look = LINES[i];
  return svg("svg", { width: 34, height: 12, "aria-hidden": "true", style: "vertical-align: middle; margin: 0 0.3em" },
    svg("line", { x1: 1, x2: 33, y1: 6, y2: 6, stroke: look.colour, "stroke-width": look.width, "stroke-dasharray": look.dash }));
}

const boxes = data.treatments.map((name, i) => {
  const box = tick(name, state.shown[i], (on) => { state.shown[i] = on; draw(); });
  box.insertBefore(sample(i), box.childNodes[1]);
  return box;
});
root.append(
  choice("clips", data.sets.map((set) => set.name), (i) => { state.set = i; draw(); }),
  choice("measured by", data.metrics, (i) => { state.metric = i; draw(); }),
  slider("experts deleted", { min: 0, max: data.shares.length - 1, step: 1, value: state.share,
    words: (i) => percent(data.shares[i]) }, (i) => { state.share = i; draw(); }),
  gallery,
  el("div", { role: "group", "aria-label": "treatments", style: "margin: 0.6em 0; line-height: 1.8" }, boxes),
  plot, said);
draw();
new ResizeObserver(draw).observe(root);
