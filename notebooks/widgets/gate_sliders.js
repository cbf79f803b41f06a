// Three gates of a hand-made unit: move them, see what is let through, its unit-length vector, and its cosine with two clips.
// data: names, values (sentences, 3), gates (sentences, 3), right (sentences,) 0 or 1, clips (2, 3), clip_names

const at = { sentence: 0, gates: [1, 1, 1] };
const DIMENSIONS = ["bright", "bright again", "street"];
const two = (x) => (x < 0 ? "−" : "") + Math.abs(x).toFixed(2);

function compute(sentence, gates) {
  const product = data.values[sentence].map((value, i) => value * gates[i]);
  const length = Math.hypot(...product);
  const unit = product.map((x) => (length ? x / length : NaN));
  const cosines = data.clips.map((clip) => clip.reduce((sum, x, i) => sum + x * unit[i], 0));
  const chosen = Math.abs(cosines[0] - cosines[1]) < 1e-6 || !length ? -1 : cosines[0] > cosines[1] ? 0 : 1;
  return { product, length, unit, cosines, chosen };
}

const picture = svg("svg", { viewBox: "0 0 408 260", width: "100%", role: "img", "aria-label": "", fill: "currentColor",
  "font-size": 15, style: "display: block; max-width: 500px; margin-top: 0.5em" });
const said = report();
const ACCENT = "#b3261e", PALE = "#8a8f98";

// A bar up or down from the line at y; one unit is 40 high.
function bar(x, y, value, fill) {
  const high = 40 * Math.abs(value || 0);
  return svg("rect", { x, y: value > 0 ? y - high : y, width: 32, height: high, fill, stroke: "currentColor" });
}

function words(x, y, content, anchor = "middle") {
  return svg("text", { x, y, "text-anchor": anchor, stroke: "none" }, content);
}

function paint() {
  const now = compute(at.sentence, at.gates);
  picture.replaceChildren();
  [["value", 0], ["× gate", 137], ["÷ length", 274]].forEach(([label, x], panel) => {
    picture.append(words(x + 63, 16, label), svg("line", { x1: x, x2: x + 126, y1: 74, y2: 74, stroke: "currentColor" }));
    [data.values[at.sentence], now.product, now.unit][panel].forEach((value, i) => {
      picture.append(bar(x + 5 + 42 * i, 74, value, panel === 0 ? PALE : ACCENT),
        words(x + 21 + 42 * i, 136, Number.isFinite(value) ? two(value) : "?"));
    });
  });
  now.cosines.forEach((cosine, i) => {
    const y = 172 + 44 * i;
    picture.append(words(150, y + 18, `cosine with ${data.clip_names[i]}`, "end"),
      svg("line", { x1: 255, x2: 255, y1: y - 4, y2: y + 30, stroke: "currentColor" }),
      svg("rect", { x: cosine < 0 ? 255 + 90 * cosine : 255, y, width: Math.abs(90 * cosine) || 0, height: 26,
        fill: now.chosen === i ? ACCENT : PALE, stroke: "currentColor" }),
      words(399, y + 18, Number.isFinite(cosine) ? two(cosine) : "?", "end"));
  });
  const verdict = now.chosen < 0 ? "no clip is ahead"
    : `${data.clip_names[now.chosen]} is ahead: ${now.chosen === data.right[at.sentence] ? "right ✓" : "wrong ✗"}`;
  const fixed = data.names.filter((_, i) => compute(i, at.gates).chosen === data.right[i]).length;
  said.textContent = `${data.names[at.sentence]}: ${verdict}. These gates, kept for all sentences, get ${fixed} of 4 right. `
    + `Gates that read their sentence get ${data.names.filter((_, i) => compute(i, data.gates[i]).chosen === data.right[i]).length}.`;
  picture.setAttribute("aria-label", `Values ${data.values[at.sentence].map(two).join(", ")}; products `
    + `${now.product.map(two).join(", ")}; cosines ${now.cosines.map(two).join(" and ")}.`);
}

const sliders = DIMENSIONS.map((name, i) => slider(name, { min: 0, max: 1, step: 0.01, value: 1, words: (x) => x.toFixed(2) },
  (value) => { at.gates[i] = value; paint(); }));
sliders.forEach((label) => { // narrower than the others' sliders: one line each on a phone
  label.style.flexWrap = "nowrap";
  label.firstChild.style.minWidth = "6.5em";
  label.querySelector("input").style.cssText = "flex: 1; min-width: 4em; max-width: 16em";
  label.lastChild.style.minWidth = "2.5em";
});

// Move a slider as a reader would, so that its number follows.
function set(gates) {
  sliders.forEach((label, i) => {
    const input = label.querySelector("input");
    input.value = gates[i];
    input.dispatchEvent(new Event("input"));
  });
}

const button = (label, gates) => el("button", { type: "button", style: "margin: 0.3em 0.6em 0.3em 0", onclick: () => set(gates()) }, label);
root.append(
  choice("sentence", data.names, (index) => { at.sentence = index; paint(); }),
  el("div", {}, "the gate of each value:"),
  ...sliders,
  el("div", {}, button("let the gates read the sentence", () => data.gates[at.sentence]), button("open all", () => [1, 1, 1])),
  picture,
  said);
set(data.gates[0]);
