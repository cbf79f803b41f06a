// Search results that follow the weights: choose a sentence, take experts away, and the page scores all clips again.
// data: experts; captions: {text, weights, mentions, own: a clip's index}; clips: {id, what}; present (clips, experts);
// similarities (captions, clips, experts) in thousandths; sprite: one picture of all clips, columns wide, tile: [w, h]

const at = { caption: 0, on: data.experts.map(() => true) };
const id = `w${Math.random().toString(36).slice(2)}`;
const said = report();
const weightsAt = el("div", {}), list = el("ol", { style: "padding: 0; margin: 0.6em 0; list-style: none" });
const two = (x) => (x < 0 ? "−" : "") + Math.abs(x).toFixed(2);
const [wide, high] = data.tile;

// Score of each clip: weights over the experts that are on and that the clip has, made to sum to 1.
function scores() {
  const caption = data.captions[at.caption];
  return data.clips.map((_, clip) => {
    const weights = caption.weights.map((w, n) => (at.on[n] && data.present[clip][n] ? w : 0));
    const total = weights.reduce((a, b) => a + b, 0);
    const parts = weights.map((w, n) => (total ? (w / total) * data.similarities[at.caption][clip][n] / 1000 : 0));
    return { clip, parts, score: total ? parts.reduce((a, b) => a + b, 0) : -1 };
  });
}

// Boxes end to end; what is negative lies left of the line at zero.
function bars(parts, zero, unit, label) {
  const picture = svg("svg", { viewBox: "0 0 300 24", width: "100%", height: 24, preserveAspectRatio: "none", role: "img", "aria-label": label,
    style: "display: block; max-width: 24em" }, hatches(`${id}-${++counter}`));
  let right = zero, left = zero;
  parts.forEach((part, n) => {
    const width = unit * Math.abs(part);
    if (part < 0) left -= width;
    picture.append(svg("rect", { x: part < 0 ? left : right, y: 2, width, height: 20, fill: `url(#${id}-${counter}-${data.experts[n]})`,
      stroke: "currentColor", "stroke-width": width ? 0.8 : 0 }));
    if (part > 0) right += width;
  });
  picture.append(svg("line", { x1: zero, x2: zero, y1: 0, y2: 24, stroke: "currentColor" }));
  return picture;
}
let counter = 0;

function film(clip) {
  const x = (clip % data.columns) * wide, y = Math.floor(clip / data.columns) * high;
  return el("span", { role: "img", "aria-label": data.clips[clip].what, style: `display: block; flex: none; width: ${wide}px; `
    + `height: ${high}px; border-radius: 4px; background: url("${data.sprite}") -${x}px -${y}px` });
}

function row(hit, place, own) {
  const share = hit.parts.map((part, n) => `${data.experts[n]} ${two(part)}`).filter((_, n) => at.on[n]).join(", ");
  return el("li", { style: "display: flex; gap: 0.7em; align-items: center; margin: 0.4em 0" }, film(hit.clip),
    el("div", { style: "flex: 1; min-width: 0" },
      el("div", { style: "line-height: 1.3; font-size: 0.95em" }, `${own ? "✓" : "✗"} ${place}. ${data.clips[hit.clip].what}`),
      el("div", { style: "display: flex; gap: 0.5em; align-items: center" },
        el("div", { style: "flex: 1; max-width: 24em" }, bars(hit.parts, 60, 230, share)), el("span", {}, two(hit.score)))));
}

// Where the caption's own clip lies among all, from 1.
function place() {
  const all = scores(), own = all[data.captions[at.caption].own].score;
  return 1 + all.filter((hit) => hit.score > own).length;
}

function paint() {
  counter = 0;
  const caption = data.captions[at.caption];
  const used = caption.weights.map((w, n) => (at.on[n] ? w : 0));
  const total = used.reduce((a, b) => a + b, 0);
  const weights = used.map((w) => (total ? w / total : 0));
  const names = data.experts.map((name, n) => `${name} ${two(weights[n])}`).filter((_, n) => at.on[n]);
  weightsAt.replaceChildren(bars(weights, 1, 298, `weights: ${names.join(", ")}`),
    el("div", { style: "font-size: 0.95em" }, names.length ? names.join(", ") : "no expert is left"));
  if (!total) {
    list.replaceChildren();
    said.textContent = "Without an expert every clip has the score −1: nothing is ranked.";
    return;
  }
  const isOwn = (hit) => hit.clip === caption.own;
  const ranked = scores().sort((a, b) => b.score - a.score || isOwn(b) - isOwn(a));
  const rank = place();
  const shown = ranked.slice(0, 5).map((hit, i) => row(hit, i + 1, isOwn(hit)));
  if (rank > 5) shown.push(el("li", { "aria-hidden": "true" }, "…"), row(ranked[rank - 1], rank, true));
  list.replaceChildren(...shown);
  said.textContent = `The caption's own clip is at rank ${rank} of ${data.clips.length}. The caption talks about `
    + `${caption.mentions.map((n) => data.experts[n]).join(", ")}.`;
}

// One square of each expert's colour and hatch, beside its box to tick.
const boxes = data.experts.map((name, n) => {
  const square = svg("svg", { width: 16, height: 16, "aria-hidden": "true", style: "vertical-align: -2px; margin-right: 0.3em" }, hatches(`${id}-key${n}`),
    svg("rect", { width: 16, height: 16, fill: `url(#${id}-key${n}-${name})`, stroke: "currentColor" }));
  const box = tick(name, true, (on) => { at.on[n] = on; paint(); });
  box.insertBefore(square, box.lastChild);
  return box;
});
// Begin with the first caption of several experts whose own clip comes first.
at.caption = Math.max(0, data.captions.findIndex((caption, i) => { at.caption = i; return caption.mentions.length > 1 && place() === 1; }));
const sentence = choice("sentence", data.captions.map((caption) => caption.text), (index) => { at.caption = index; paint(); });
sentence.querySelector("select").value = at.caption;
root.append(
  sentence,
  el("div", { role: "group", "aria-label": "experts", style: ROW }, boxes),
  el("div", { style: "margin: 0.5em 0" }, "its mixture weights", weightsAt),
  said, list);
paint();
