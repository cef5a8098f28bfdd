// A line that grows while a model learns, with the lines of earlier trainings faint behind it.

const SVG = "http://www.w3.org/2000/svg";
const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP, RIGHT] = [480, 216, 44, 26, 10, 8];
export const MAX_EARLIER = 3;

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
 * @property {(points: Point[]) => string} label for those who cannot see the line
 * @property {(values: number[]) => [number, number]} bounds the range shown
 * @property {(value: number) => string | number} format of a value at the axis
 * @property {() => { value: number, text: string }} [reference] a value to mark
 * @property {boolean} [logarithmic] steps 0, 1, 3, 10, 30, ... at equal distances
 */

/**
 * @typedef {{ step: number, value: number }} Point
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
  /** @type {Point[]} */
  points = [];
  /** @type {Point[][]} */
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
    if (this.points.length > 1) this.earlier = [...this.earlier.slice(1 - MAX_EARLIER), this.points];
    this.points = [];
    this.total = total;
  }

  /**
   * Add points from a place on: a stream that broke off and was opened again begins at 0.
   * @param {number} from
   * @param {Point[]} points
   */
  add(from, points) {
    this.points.splice(from, Number.POSITIVE_INFINITY, ...points);
    this.show();
  }

  show() {
    const scales = this.#scales();
    const attributes = {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "img",
      "aria-label": this.options.label(this.points),
    };
    const svg = svgElement("svg", attributes);
    svg.append(...this.#axes(scales), ...this.#reference(scales), ...this.#lines(scales));
    this.box.replaceChildren(svg);
  }

  /** @returns {Scales} */
  #scales() {
    const shown = this.points.length ? this.points : this.earlier.flat(); // earlier lines may leave the chart
    const [low, high] = this.options.bounds(shown.map(({ value }) => value).filter(Number.isFinite));
    const lasts = [...this.earlier, this.points].map((points) => points.at(-1)?.step ?? 0);
    const { logarithmic } = this.options;
    const steps = Math.max(2, ...lasts, logarithmic ? this.total : Math.min(this.total, 60));
    /** @param {number} step */
    const place = (step) => (logarithmic ? Math.log(1 + step) / Math.log(1 + steps) : (step - 1) / (steps - 1));
    /** @param {number} step */
    const x = (step) => LEFT + place(step) * (WIDTH - LEFT - RIGHT);
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
    const marks = this.options.logarithmic
      ? decades(steps)
      : new Set([1, ...ticks(1, steps, 5).map(Math.round), steps]);
    for (const step of marks)
      if (step <= 1 || step === steps || x(steps) - x(step) > WIDTH / 12)
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
    /** @param {Point[]} points */
    const path = (points) =>
      points.map(({ step, value }, i) => `${i ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    const elements = this.earlier.map((points) => svgElement("path", { class: "old", d: path(points) }));
    const last = this.points.at(-1);
    if (last === undefined) return elements;
    elements.push(svgElement("path", { class: "now", d: path(this.points) }));
    elements.push(svgElement("circle", { class: "dot", cx: x(last.step), cy: y(last.value), r: 4.5 }));
    return elements;
  }
}

/**
 * 0, 1, 3, 10, 30, ... and the last step.
 * @param {number} steps
 */
function decades(steps) {
  const found = [0];
  for (let step = 1; step < steps; step *= 10) found.push(step, 3 * step);
  return [...found.filter((step) => step < steps), steps];
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
