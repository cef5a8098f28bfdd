// A line that grows: one value per step, earlier trainings faint behind it.

const SPACE = "http://www.w3.org/2000/svg";
const [W, H, LEFT, BOTTOM, TOP, RIGHT] = [480, 216, 44, 26, 10, 8];

function draw(name, attributes, text) {
  const element = document.createElementNS(SPACE, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (text !== undefined) element.textContent = text;
  return element;
}

export class Chart {
  // `bounds(values)` gives the range shown; `line` is a value to mark, with its words.
  constructor(box, { label, bounds, format, line }) {
    Object.assign(this, { box, label, bounds, format, line, old: [], values: [], total: 1 });
  }

  begin(total) {
    if (this.values.length > 1) this.old = [...this.old.slice(-2), this.values];
    this.values = [];
    this.total = total;
  }

  // From a place on: a stream that broke off and was opened again begins at 0.
  add(from, values) { this.values.splice(from, Infinity, ...values); this.show(); }

  show() {
    const all = (this.values.length ? this.values : this.old.flat()).filter(Number.isFinite); // earlier ones may run off the chart
    const [low, high] = this.bounds(all);
    const steps = Math.max(2, ...this.old.map((each) => each.length), this.values.length, Math.min(this.total, 60));
    const x = (step) => LEFT + ((step - 1) / (steps - 1)) * (W - LEFT - RIGHT);
    const y = (value) => TOP + (1 - (Math.min(high, Math.max(low, value)) - low) / (high - low)) * (H - TOP - BOTTOM);
    const svg = draw("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": this.label(this.values) });
    for (const value of ticks(low, high)) {
      svg.append(draw("line", { class: "grid", x1: LEFT, x2: W - RIGHT, y1: y(value), y2: y(value) }));
      svg.append(draw("text", { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" }, this.format(value)));
    }
    for (const step of new Set([1, ...ticks(1, steps, 5).map(Math.round), steps]))
      if (step === 1 || step === steps || steps - step > steps / 12) svg.append(draw("text", { x: x(step), y: H - 6, "text-anchor": "middle" }, step));
    const mark = this.line?.();
    if (mark && mark.value > low && mark.value < high) {
      svg.append(draw("line", { class: "guess", x1: LEFT, x2: W - RIGHT, y1: y(mark.value), y2: y(mark.value) }));
      svg.append(draw("text", { class: "guess-text", x: W - RIGHT, y: y(mark.value) - 6, "text-anchor": "end" }, mark.words));
    }
    const path = (values) => values.map((value, i) => `${i ? "L" : "M"}${x(i + 1).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    for (const values of this.old) svg.append(draw("path", { class: "old", d: path(values) }));
    if (this.values.length) {
      svg.append(draw("path", { class: "now", d: path(this.values) }));
      svg.append(draw("circle", { class: "dot", cx: x(this.values.length), cy: y(this.values.at(-1)), r: 4.5 }));
    }
    this.box.replaceChildren(svg);
  }
}

function ticks(low, high, count = 4) {
  const rough = (high - low) / count, size = 10 ** Math.floor(Math.log10(rough));
  const step = size * [1, 2, 5, 10].find((each) => each * size >= rough);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step) found.push(Number(value.toPrecision(6)));
  return found;
}
