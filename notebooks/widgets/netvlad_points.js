// Six points and three centres to move, by mouse or arrow keys; shares, residuals and the vector follow.
// data: points [[x, y]], centres [[x, y]], sharpness: the length of each c_k, which points the same way as its centre.
const UNIT = 62, WIDE = 400, HIGH = 330, LOOKS = [["#b3261e", ""], ["#2a7f8e", "7 4"], ["#8a8f98", "2 3"]];
const K = data.centres.length;
let points, centres, scaled = true;
const at = ([x, y]) => [WIDE / 2 + UNIT * x, HIGH / 2 - UNIT * y];
const said = (x) => x.toFixed(2).replace("-", "−");
const norm = (v) => Math.hypot(...v) || 1;

function pool() {
  const c = centres.map((v) => v.map((x) => (data.sharpness * x) / norm(v)));
  const shares = points.map((p) => {
    const e = c.map((v) => Math.exp(p[0] * v[0] + p[1] * v[1]));
    return e.map((x) => x / e.reduce((a, b) => a + b));
  });
  const sums = centres.map((v, k) => [0, 1].map((d) => points.reduce((s, p, i) => s + shares[i][k] * (p[d] - v[d]), 0)));
  const columns = scaled ? sums.map((v) => v.map((x) => x / norm(v))) : sums;
  const flat = [0, 1].flatMap((d) => columns.map((v) => v[d])); // as V lies in memory: dimension by dimension
  return { shares, columns, vector: flat.map((x) => x / norm(flat)) };
}

const plane = svg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, width: "100%", style: "max-width: 30em; touch-action: none",
  role: "group", "aria-label": "the plane with points and centres" });
const bars = svg("svg", { viewBox: "0 0 400 176", width: "100%", style: "max-width: 30em", "aria-hidden": "true" });
const words = report();
const lines = svg("g", {}), handles = svg("g", {});
plane.append(
  svg("path", { d: `M0 ${HIGH / 2} H${WIDE} M${WIDE / 2} 0 V${HIGH}`, stroke: "#8a8f98", "stroke-width": 0.8 }), lines, handles);

// One thing that moves: a slider for the keyboard, something to drag for the mouse.
function handle(kind, i) {
  const list = () => (kind === "point" ? points : centres);
  const mark = kind === "point"
    ? [svg("circle", { r: 10, fill: "#5c6068" })]
    : [svg("path", { d: "M-9 -9 L9 9 M-9 9 L9 -9", stroke: LOOKS[i][0], "stroke-width": 6 })];
  const ring = svg("circle", { r: 17, fill: "transparent", stroke: "currentColor", "stroke-width": 0 });
  const name = kind === "point" // in the dot, where no arrow runs over it
    ? svg("text", { y: 5, "text-anchor": "middle", "font-size": 14, "font-weight": "bold", fill: "white" }, i)
    : svg("text", { x: -14, y: 6, "text-anchor": "end", "font-size": 15, fill: "currentColor" }, `centre ${i}`);
  const group = svg("g", { tabindex: 0, role: "slider", "aria-label": `${kind} ${i}, arrow keys move it`,
    "aria-valuemin": -3, "aria-valuemax": 3, style: "cursor: move; outline: none" }, ring, ...mark, name);
  const move = (x, y) => {
    list()[i] = [Math.max(-3, Math.min(3, x)), Math.max(-2.5, Math.min(2.5, y))];
    update(`${kind} ${i} at ${said(list()[i][0])}, ${said(list()[i][1])}. `, kind === "point" ? i : -1);
  };
  group.addEventListener("focus", () => ring.setAttribute("stroke-width", 2.5));
  group.addEventListener("blur", () => ring.setAttribute("stroke-width", 0));
  group.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: [-0.1, 0], ArrowRight: [0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    move(list()[i][0] + step[0], list()[i][1] + step[1]);
  });
  group.addEventListener("pointerdown", (event) => group.setPointerCapture(event.pointerId));
  group.addEventListener("pointermove", (event) => {
    if (!group.hasPointerCapture(event.pointerId)) return;
    const box = plane.getBoundingClientRect(), scale = WIDE / box.width;
    move(((event.clientX - box.left) * scale - WIDE / 2) / UNIT, (HIGH / 2 - (event.clientY - box.top) * scale) / UNIT);
  });
  return { group, list, i };
}

const all = [...data.points.map((_, i) => handle("point", i)), ...data.centres.map((_, i) => handle("centre", i))];
handles.append(...all.map((one) => one.group));

function update(what, point) {
  const { shares, columns, vector } = pool();
  for (const { group, list, i } of all) {
    const [x, y] = list()[i];
    group.setAttribute("transform", `translate(${at([x, y]).join(" ")})`);
    group.setAttribute("aria-valuenow", x.toFixed(1));
    group.setAttribute("aria-valuetext", `${said(x)} to the right, ${said(y)} up`);
  }
  lines.replaceChildren();
  points.forEach((p, i) => centres.forEach((v, k) => {
    const [[x1, y1], [x2, y2]] = [at(v), at(p)];
    if (shares[i][k] > 0.03) lines.append(svg("line", { x1, y1, x2, y2, stroke: LOOKS[k][0], "stroke-width": 5 * shares[i][k],
      "stroke-dasharray": LOOKS[k][1], "stroke-opacity": 0.8 }));
  }));
  centres.forEach((v, k) => { // the sum of its residuals, as an arrow
    const [x, y] = at(v), [tx, ty] = at([v[0] + columns[k][0], v[1] + columns[k][1]]), turn = (Math.atan2(ty - y, tx - x) * 180) / Math.PI;
    lines.append(svg("line", { x1: x, y1: y, x2: tx, y2: ty, stroke: "currentColor", "stroke-width": 3 }),
      svg("path", { d: "M0 0 L-13 6 L-13 -6 z", fill: "currentColor", transform: `translate(${tx} ${ty}) rotate(${turn})` }));
  });
  bars.replaceChildren(svg("line", { x1: 200, y1: 0, x2: 200, y2: 176, stroke: "currentColor" }));
  vector.forEach((x, j) => bars.append(
    svg("rect", { x: x < 0 ? 200 + 130 * x : 200, y: 4 + 29 * j, width: 130 * Math.abs(x), height: 21, fill: LOOKS[j % K][0] }),
    svg("text", { x: 0, y: 20 + 29 * j, "font-size": 15, fill: "currentColor" }, `d${Math.floor(j / K)} k${j % K}`),
    svg("text", { x: 400, y: 20 + 29 * j, "font-size": 15, fill: "currentColor", "text-anchor": "end" }, said(x))));
  const surest = shares.map((share) => Math.max(...share)); // of no point in particular: the one that is torn most
  const torn = point >= 0 ? point : surest.indexOf(Math.min(...surest));
  words.textContent = `${what}Point ${torn}: ${shares[torn].map((x, k) => `${said(x)} to centre ${k}`).join(", ")}. ` +
    `The vector: ${vector.map(said).join(", ")}.`;
}

function reset() {
  scaled = box.checked = true;
  [points, centres] = [data.points.map((p) => [...p]), data.centres.map((v) => [...v])];
  update("", -1);
}

const label = tick("scale each sum to length 1", true, (on) => { scaled = on; update("", -1); });
const box = label.querySelector("input");
const restart = el("button", { type: "button", onclick: reset }, "as at first");
root.append(plane, el("p", { style: ROW }, label, restart), el("div", {}, "The vector, of length 1:"), bars, words);
reset();
