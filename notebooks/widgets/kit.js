// What the widgets share. A widget is a script beside this one: it gets root, an empty element to fill, and data, what the
// lesson computed. It runs in JupyterLab, on Colab and in the built book, so it loads nothing and asks no kernel.

// An HTML element: el("p", {class: "note"}, "words", another). Attributes that begin with "on" are listeners.
function el(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

// The same for SVG.
function svg(tag, attributes, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [key, value] of Object.entries(attributes || {})) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== undefined && value !== null && value !== false) element.setAttribute(key, value);
  }
  element.append(...children.flat());
  return element;
}

// A slider with its label and its value in words; change gets the number. It moves by the arrow keys.
function slider(label, { min, max, step, value, words = (x) => String(x) }, change) {
  const shown = el("output", { style: "display: inline-block; min-width: 3.5em" }, words(value));
  const update = (event) => {
    const number = Number(event.target.value);
    shown.textContent = words(number);
    change(number);
  };
  const input = el("input", { type: "range", min, max, step, value, oninput: update });
  return el("label", { style: ROW }, el("span", { style: "min-width: 7em" }, label), input, shown);
}

// A choice from a list of words; change gets the index.
function choice(label, words, change) {
  const options = words.map((word, index) => el("option", { value: index }, word));
  const select = el("select", { style: "max-width: 100%", onchange: (event) => change(Number(event.target.value)) }, options);
  return el("label", { style: ROW }, el("span", {}, label), select);
}

// A box to tick; change gets true or false.
function tick(label, on, change) {
  const input = el("input", { type: "checkbox", onchange: (event) => change(event.target.checked) });
  input.checked = on;
  return el("label", { style: "margin-right: 1em; white-space: nowrap" }, input, " ", label);
}

// What changed, in words: read aloud by a screen reader, and seen by all.
function report() {
  return el("p", { role: "status", "aria-live": "polite", style: "min-height: 1.5em; margin: 0.4em 0" });
}

// <defs> with the hatch of each expert: fill a shape with `url(#${id}-audio)`. Colours come from lesson.EXPERTS.
function hatches(id) {
  const lines = {
    "//": "M-2 2 L2 -2 M0 8 L8 0 M6 10 L10 6",
    "\\\\": "M-2 6 L2 10 M0 0 L8 8 M6 -2 L10 2",
    xx: "M0 0 L8 8 M0 8 L8 0",
    "..": "M2 2 h0.1 M6 6 h0.1",
    "": "",
  };
  const patterns = Object.entries(EXPERTS).map(([name, style]) =>
    svg("pattern", { id: `${id}-${name}`, width: 8, height: 8, patternUnits: "userSpaceOnUse" },
      svg("rect", { width: 8, height: 8, fill: style.color }),
      svg("path", { d: lines[style.hatch], stroke: style.edgecolor, "stroke-width": style.hatch === ".." ? 2.4 : 1.4,
        "stroke-linecap": "round" })));
  return svg("defs", {}, patterns);
}

const ROW = "display: flex; flex-wrap: wrap; gap: 0.6em; align-items: center; margin: 0.3em 0";
root.style.cssText = "border: 1px solid #8a8f98; border-radius: 8px; padding: 0.8em 1em; max-width: 44em";
