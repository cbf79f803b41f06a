// Questions that a search answers wrongly: choose one, take experts away, and see the first clips that are left.
// data: experts; total, how many clips are searched; shown, how many of them are seen; questions: {text, want, why, fitting, weights, clips: a list of [picture, fits or
// not as 1 or 0, a similarity per expert or null where the clip lacks it]}; facts: a line per picture; sprite: one image
// of all pictures, columns wide, tile: [w, h]

const state = { question: 0, on: data.experts.map(() => true) };
const key = `q${Math.random().toString(36).slice(2)}`;
const [width, height] = data.tile;
const want = el("p", { style: "margin: 0.5em 0" });
const films = el("ol", { style: "display: flex; flex-wrap: wrap; gap: 0.9em; padding: 0; margin: 0.6em 0; list-style: none" });
const verdict = report();
const signed = (x) => (x < 0 ? "−" : "+") + Math.abs(x).toFixed(2);

// The masked score: weights over the experts that are ticked and that the clip has, made to sum to 1.
function ranked(question) {
  return question.clips.map(([picture, fits, ...similarities]) => {
    const used = question.weights.map((w, n) => (state.on[n] && similarities[n] !== null ? w : 0));
    const total = used.reduce((a, b) => a + b, 0);
    const parts = used.map((w, n) => (w ? (w / total) * similarities[n] : null));
    return { picture, fits, parts, score: total ? parts.reduce((a, b) => a + (b || 0), 0) : -9 };
  }).filter((hit) => hit.score > -9).sort((a, b) => b.score - a.score).slice(0, data.shown);
}

// What each expert added, as bars beside each other: up from the line, or down if it took away.
function bars(parts) {
  const words = parts.map((x, n) => (x === null ? "" : `${data.experts[n]} ${signed(x)}`)).filter(Boolean).join(", ");
  const picture = svg("svg", { viewBox: "0 0 100 60", width: 100, height: 60, role: "img", "aria-label": words }, hatches(`${key}-${++made}`));
  parts.forEach((part, n) => {
    if (part === null) return;
    const high = Math.min(40, 70 * Math.abs(part));
    picture.append(svg("rect", { x: 6 + 23 * n, y: part < 0 ? 42 : 42 - high, width: 18, height: high,
      fill: `url(#${key}-${made}-${data.experts[n]})`, stroke: "currentColor", "stroke-width": 0.8 }));
  });
  picture.append(svg("line", { x1: 2, x2: 98, y1: 42, y2: 42, stroke: "currentColor" }));
  return picture;
}
let made = 0;

function film(hit, place) {
  const x = (hit.picture % data.columns) * width, y = Math.floor(hit.picture / data.columns) * height;
  const scale = 100 / width, columns = data.columns * 100;
  return el("li", { style: "width: 100px" },
    el("div", { style: "font-weight: bold" }, `${place} ${hit.fits ? "✓" : "✗"}`),
    el("div", { role: "img", "aria-label": data.facts[hit.picture], title: data.facts[hit.picture], style: `width: 100px; height: `
      + `${height * scale}px; border-radius: 4px; background: url("${data.sprite}") -${x * scale}px -${y * scale}px / ${columns}px` }),
    bars(hit.parts), el("div", { style: "font-size: 0.9em" }, `score ${hit.score.toFixed(2).replace("-", "−")}`));
}

function paint() {
  made = 0;
  const question = data.questions[state.question], hits = ranked(question);
  want.textContent = `✓ marks ${question.want}: ${question.fitting} of ${data.total} clips. ${question.why}`;
  films.replaceChildren(...hits.map((hit, n) => film(hit, n + 1)));
  const right = hits.filter((hit) => hit.fits).length, used = data.experts.filter((_, n) => state.on[n]);
  verdict.textContent = hits.length
    ? `${right} of the first ${hits.length} are right by ${used.length === data.experts.length ? "all experts" : used.join(", ")}.`
    : "No expert is left: there is nothing to compare.";
}

const boxes = data.experts.map((name, n) => {
  const box = tick(name, true, (on) => { state.on[n] = on; paint(); });
  const square = svg("svg", { width: 16, height: 16, "aria-hidden": "true", style: "vertical-align: -2px; margin-right: 0.3em" }, hatches(`${key}-key${n}`),
    svg("rect", { width: 16, height: 16, fill: `url(#${key}-key${n}-${name})`, stroke: "currentColor" }));
  box.insertBefore(square, box.lastChild);
  return box;
});
root.append(
  choice("question", data.questions.map((question) => question.text), (index) => { state.question = index; paint(); }),
  el("div", { role: "group", "aria-label": "experts to use", style: ROW }, boxes),
  want, verdict, films);
paint();
