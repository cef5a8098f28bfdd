// A line that grows by one value a step, with the lines of earlier trainings faint behind it.

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [480, 216, 44, 26, 10, 8];
const MAX_EARLIER = 3;

/**
 * @param {string} tag
 * @param {Record<string, string | number>} attributes
 * @param {string | number} [text]
 */
function svgElement(tag, attributes, text) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  if (text !== undefined) element.textContent = String(text);
  return element;
}

/**
 * @typedef {object} ChartOptions
 * @property {(values: number[]) => string} label for those who cannot see the line
 * @property {(values: number[]) => [number, number]} bounds the range shown
 * @property {(value: number) => string | number} format of a value at the axis
 * @property {() => { value: number, text: string }} [reference] a value to mark
 */

/**
 * @typedef {object} Scales
 * @property {number} low
 * @property {number} high
 * @property {number} steps
 * @property {(step: number) => number} x
 * @property {(value: number) => number} y
 */

export class Chart {
  /** @type {number[]} */
  values = [];
  /** @type {number[][]} */
  earlier = [];
  total = 1;

  /**
   * @param {HTMLElement} box
   * @param {ChartOptions} options
   */
  constructor(box, options) {
    this.box = box;
    this.options = options;
  }

  /** @param {number} total how many steps are expected */
  begin(total) {
    if (this.values.length > 1) this.earlier = [...this.earlier.slice(1 - MAX_EARLIER), this.values];
    this.values = [];
    this.total = total;
  }

  /**
   * Add values from a step on: a stream that broke off and was opened again begins at 0.
   * @param {number} from
   * @param {number[]} values
   */
  add(from, values) {
    this.values.splice(from, Number.POSITIVE_INFINITY, ...values);
    this.show();
  }

  show() {
    const scales = this.#scales();
    const attributes = {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "img",
      "aria-label": this.options.label(this.values),
    };
    const svg = svgElement("svg", attributes);
    svg.append(...this.#axes(scales), ...this.#reference(scales), ...this.#lines(scales));
    this.box.replaceChildren(svg);
  }

  /** @returns {Scales} */
  #scales() {
    const shown = this.values.length ? this.values : this.earlier.flat(); // earlier lines may leave the chart
    const [low, high] = this.options.bounds(shown.filter(Number.isFinite));
    const lengths = this.earlier.map((values) => values.length);
    const steps = Math.max(2, ...lengths, this.values.length, Math.min(this.total, 60));
    /** @param {number} step */
    const x = (step) => LEFT + ((step - 1) / (steps - 1)) * (WIDTH - LEFT - RIGHT);
    /** @param {number} value */
    const y = (value) =>
      TOP + (1 - (Math.min(high, Math.max(low, value)) - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
    return { low, high, steps, x, y };
  }

  /** @param {Scales} scales */
  #axes({ low, high, steps, x, y }) {
    const elements = [];
    for (const value of ticks(low, high)) {
      elements.push(svgElement("line", { class: "grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }));
      const place = { x: LEFT - 8, y: y(value) + 4, "text-anchor": "end" };
      elements.push(svgElement("text", place, this.options.format(value)));
    }
    for (const step of new Set([1, ...ticks(1, steps, 5).map(Math.round), steps]))
      if (step === 1 || step === steps || steps - step > steps / 12)
        elements.push(svgElement("text", { x: x(step), y: HEIGHT - 6, "text-anchor": "middle" }, step));
    return elements;
  }

  /** @param {Scales} scales */
  #reference({ low, high, y }) {
    const mark = this.options.reference?.();
    if (!mark || mark.value <= low || mark.value >= high) return [];
    const [at, right] = [y(mark.value), WIDTH - RIGHT];
    return [
      svgElement("line", { class: "guess", x1: LEFT, x2: right, y1: at, y2: at }),
      svgElement("text", { class: "guess-text", x: right, y: at - 6, "text-anchor": "end" }, mark.text),
    ];
  }

  /** @param {Scales} scales */
  #lines({ x, y }) {
    /** @param {number[]} values */
    const path = (values) =>
      values.map((value, i) => `${i ? "L" : "M"}${x(i + 1).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    const elements = this.earlier.map((values) => svgElement("path", { class: "old", d: path(values) }));
    const [n, last] = [this.values.length, this.values.at(-1)];
    if (last === undefined) return elements;
    elements.push(svgElement("path", { class: "now", d: path(this.values) }));
    elements.push(svgElement("circle", { class: "dot", cx: x(n), cy: y(last), r: 4.5 }));
    return elements;
  }
}

/**
 * Round numbers from `low` to `high`, about `count` of them.
 * @param {number} low
 * @param {number} high
 */
function ticks(low, high, count = 4) {
  const rough = (high - low) / count;
  const size = 10 ** Math.floor(Math.log10(rough));
  const step = size * ([1, 2, 5].find((factor) => factor * size >= rough) ?? 10);
  const found = [];
  for (let value = Math.ceil(low / step) * step; value <= high + step / 1e6; value += step)
    found.push(Number(value.toPrecision(6)));
  return found;
}
