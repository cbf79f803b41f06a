// The losses of a small score matrix: the scores, the margin and the temperature can be changed.
// data: {scores: [[...]], margin, temperature}

const n = data.scores.length;
const start = { scores: data.scores, margin: data.margin, temperature: data.temperature };
const taus = [0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1];
let scores, margin, temperature;

const CELL = "border: 1px solid #8a8f98; padding: 0.35em 0.2em; text-align: center; min-width: 3.9em; height: 2.9em";
const HEAD = "padding: 0.2em 0.3em; white-space: nowrap; font-weight: normal; text-align: center";

// A table with a heading and n x n cells; cell(i, j) is what stands in one.
function grid(title, cell) {
  const head = el("tr", {}, el("td", {}), scores.map((_, j) => el("th", { scope: "col", style: HEAD }, `clip ${j}`)));
  const rows = scores.map((_, i) =>
    el("tr", {}, el("th", { scope: "row", style: HEAD }, `text ${i}`), scores.map((_, j) => cell(i, j))));
  const caption = el("caption", { style: "caption-side: top; color: inherit; text-align: left; padding: 0.2em 0" },
    el("strong", {}, title));
  return el("table", { style: "border-collapse: collapse; font-size: 0.9em; width: auto; margin: 0.3em 0" }, caption, head, rows);
}

// A cell: push from 0 to 1 colours it, right pairs are outlined.
function shaded(i, j, push, bold, words) {
  const ground = i === j ? "" : `; background: rgba(179, 38, 30, ${(0.6 * push).toFixed(2)})`;
  const line = i === j ? "; outline: 2px solid currentColor; outline-offset: -3px" : "";
  return el("td", { style: `${CELL}${ground}${line}` }, bold ? el("strong", {}, words) : words);
}

const shares = (row) => {
  const powers = row.map((x) => Math.exp((x - Math.max(...row)) / temperature));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((x) => x / sum);
};
const column = (j) => scores.map((row) => row[j]);
const two = (x) => x.toFixed(2);

const inputs = el("div", {});
const tables = el("div", { style: "display: flex; flex-wrap: wrap; gap: 0.4em 1.4em" });
const margins = el("div", {}), nce = el("div", {}), controls = el("div", {});
const spoken = report();
tables.append(inputs, margins, nce);

function update() {
  // max margin: of each wrong pair, the term of its row and that of its column
  const term = (i, j, owner) => Math.max(0, Math.round(1e9 * (margin + scores[i][j] - scores[owner][owner])) / 1e9);
  let sum = 0, above = 0;
  margins.replaceChildren(grid("Max margin: terms ↔\uFE0E, ↕\uFE0E", (i, j) => {
    if (i === j) return shaded(i, j, 0, false, "right");
    const pair = [term(i, j, i), term(i, j, j)];
    const costly = pair.filter((x) => x > 0).length;
    sum += pair[0] + pair[1];
    above += costly;
    return shaded(i, j, costly / 2, costly > 0, pair.map(two).join(", "));
  }));
  // InfoNCE: of each pair, its share of the row and of the column
  const rows = scores.map(shares), columns = scores.map((_, j) => shares(column(j)));
  let loss = 0;
  const wrong = [];
  nce.replaceChildren(grid("InfoNCE: shares ↔\uFE0E, ↕\uFE0E", (i, j) => {
    const pair = [rows[i][j], columns[j][i]];
    if (i === j) loss -= (Math.log(pair[0]) + Math.log(pair[1])) / (2 * n);
    const push = (pair[0] + pair[1]) / 2;
    if (i !== j) wrong.push({ push, name: `(${i}, ${j})` });
    return shaded(i, j, push, i === j, pair.map(two).join(", "));
  }));
  wrong.sort((a, b) => b.push - a.push);
  const all = wrong.reduce((total, pair) => total + pair.push, 0);
  const most = (100 * (wrong[0].push + wrong[1].push)) / all;
  spoken.textContent =
    `Max margin ${two(margin)}: ${above} of ${2 * n * (n - 1)} terms are above 0, loss ${(sum / (2 * n * (n - 1))).toFixed(3)}. ` +
    `InfoNCE at temperature ${temperature}: loss ${loss.toFixed(3)}; the wrong pairs ${wrong[0].name} and ` +
    `${wrong[1].name} get ${most.toFixed(0)} % of the push.`;
}

function reset() {
  ({ margin, temperature } = start);
  scores = start.scores.map((row) => [...row]);
  inputs.replaceChildren(grid("Scores: change them", (i, j) => {
    const change = (event) => {
      const value = Number(event.target.value);
      if (event.target.value !== "" && Math.abs(value) <= 1) { scores[i][j] = value; update(); }
    };
    const field = el("input", { type: "number", min: -1, max: 1, step: 0.1, value: scores[i][j], oninput: change,
      "aria-label": `score of text ${i} and clip ${j}`, style: "width: 3.6em; font: inherit; text-align: center" });
    return el("td", { style: CELL }, field);
  }));
  controls.replaceChildren(
    slider("Margin", { min: 0, max: 1, step: 0.05, value: margin, words: two }, (x) => { margin = x; update(); }),
    slider("Temperature", { min: 0, max: taus.length - 1, step: 1, value: taus.indexOf(temperature),
      words: (k) => String(taus[k]) }, (k) => { temperature = taus[k]; update(); }));
  update();
}

reset();
root.append(controls, tables, spoken, el("button", { type: "button", onclick: reset }, "As in the lesson"));
