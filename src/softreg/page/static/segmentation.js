// From an ink map to lines of digits, as src/softreg/imaging/segmentation.py does it: connected pieces of ink, those of
// one digit joined, in reading order.

/** @import { Component, Grey } from "./types.d.ts" */

import { createGrey, quantile } from "./grey.js";

const INK = 0.45; // density from which a pixel belongs to a component
const MAX_COMPONENTS = 400;
const MAX_DIGITS = 64;
const IN_LINE = 0.75; // of the height of two marks that stand beside each other in one line
const [MIN_STROKE, MAX_STROKE, DARKNESS] = [0.35, 1.5, 0.75]; // of a 1 at the edge, to the strokes beside it
const [MANY, CONDENSED, USUAL_ASPECT] = [3, 0.42, 0.6]; // so many slimmer digits in a line are brought to the last
const SPECK = 1 / 3; // of the height of the tallest digit: smaller ink is no digit of its own

/** @param {Component} component */
const heightOf = ({ top, bottom }) => bottom - top;
/** @param {Component} component */
const widthOf = ({ left, right }) => right - left;
/** @param {Component} component */
const lengthOf = (component) => Math.max(heightOf(component), widthOf(component));
/** @param {Component[]} components */
const longestOf = (components) => Math.max(0, ...components.map(lengthOf));
/** @param {Component[]} components */
const largestOf = (components) => Math.max(...components.map(({ area }) => area));

/**
 * The lines of digits in an ink map, the labels of its pixels, and the components taken for something else.
 * @param {Grey} density
 * @returns {import("./types.d.ts").Segmentation}
 */
export function segment(density) {
  const { labels, components: unsorted } = labelComponents(density);
  let components = [...unsorted].sort((a, b) => lengthOf(b) - lengthOf(a));
  const nothing = { lines: [], labels, components, dropped: [] };
  if (!components.length) return { ...nothing, reason: "blank" };
  if (isNoise(components, density)) return { ...nothing, reason: "noise" };
  components = components.slice(0, MAX_COMPONENTS);
  components = components.filter((component) => !isFrame(component, components, labels, density.width));
  const digits = withoutSpecks(joined(withoutDashes(withoutSurroundings(components, density, labels))), density);
  if (digits.length > MAX_DIGITS) return { ...nothing, reason: "crowded" };
  const kept = new Set(digits.flatMap((digit) => digit.labels));
  const tallest = longestOf(digits);
  const dropped = components.filter((c) => !kept.has(c.labels[0]) && lengthOf(c) > SPECK * tallest);
  return { lines: inLines(digits), labels, components, dropped, reason: null };
}

/** @param {Grey} density */
function labelComponents({ width, height, values }) {
  const labels = new Int32Array(width * height);
  /** @type {Component[]} */
  const components = [];
  for (let seed = 0; seed < values.length; seed++) {
    if (values[seed] <= INK || labels[seed]) continue;
    const number = components.length + 1;
    const component = { labels: [number], top: height, left: width, bottom: 0, right: 0, area: 0 };
    const stack = [seed];
    labels[seed] = number;
    for (let i = stack.pop(); i !== undefined; i = stack.pop()) {
      const [x, y] = [i % width, Math.floor(i / width)];
      component.top = Math.min(component.top, y);
      component.left = Math.min(component.left, x);
      component.bottom = Math.max(component.bottom, y + 1);
      component.right = Math.max(component.right, x + 1);
      component.area++;
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++)
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const j = v * width + u;
          if (values[j] <= INK || labels[j]) continue;
          labels[j] = number;
          stack.push(j);
        }
    }
    components.push(component);
  }
  return { labels, components };
}

/**
 * Several components as one.
 * @param {Component[]} components
 * @returns {Component}
 */
export const union = (components) => ({
  labels: components.flatMap(({ labels }) => labels),
  top: Math.min(...components.map(({ top }) => top)),
  left: Math.min(...components.map(({ left }) => left)),
  bottom: Math.max(...components.map(({ bottom }) => bottom)),
  right: Math.max(...components.map(({ right }) => right)),
  area: components.reduce((sum, { area }) => sum + area, 0),
});

/**
 * The ink of one component with its soft edges, scaled so that its strokes are dense in the middle; other ink is left
 * out.
 * @param {Component} component
 * @param {Grey} density
 * @param {Int32Array} labels
 */
export function cropInk(component, density, labels) {
  const [x0, y0] = [Math.max(component.left - 2, 0), Math.max(component.top - 2, 0)];
  const [x1, y1] = [Math.min(component.right + 2, density.width), Math.min(component.bottom + 2, density.height)];
  const ink = createGrey(x1 - x0, y1 - y0);
  const own = new Set(component.labels);
  /**
   * @param {number} x
   * @param {number} y
   */
  const isNear = (x, y) => {
    for (let v = Math.max(y0, y - 2); v <= Math.min(y1 - 1, y + 2); v++)
      for (let u = Math.max(x0, x - 2); u <= Math.min(x1 - 1, x + 2); u++)
        if (own.has(labels[v * density.width + u])) return true;
    return false;
  };
  const ownInk = [];
  for (let y = y0; y < y1; y++)
    for (let x = x0; x < x1; x++) {
      const i = y * density.width + x;
      if (own.has(labels[i])) ownInk.push(density.values[i]);
      const belongs = own.has(labels[i]) || (density.values[i] && labels[i] === 0 && isNear(x, y));
      if (belongs) ink.values[(y - y0) * ink.width + x - x0] = density.values[i];
    }
  const dense = Math.max(quantile(ownInk, 0.9), INK);
  ink.values = ink.values.map((value) => Math.min(value / dense, 1));
  return ink;
}

/**
 * Whether all ink is specks.
 * @param {Component[]} components the longest first
 * @param {Grey} density
 */
function isNoise(components, { width, height }) {
  const lengths = components.map(lengthOf);
  if (lengths[0] < Math.max(4, 0.02 * Math.max(width, height))) return true;
  const visible = lengths.filter((length) => length > 2);
  return lengths.length > 100 && lengths[0] < 4 * quantile(visible.length ? visible : [1], 0.5) && lengths[0] < 20;
}

/**
 * Whether it is thin ink along all four sides of its box, with something inside.
 * @param {Component} component
 * @param {Component[]} components
 * @param {Int32Array} labels
 * @param {number} width of the picture
 */
function isFrame(component, components, labels, width) {
  const { top, left, bottom, right, area } = component;
  const [h, w] = [heightOf(component), widthOf(component)];
  if (area > 0.3 * h * w || Math.min(h, w) < 12) return false;
  const length = lengthOf(component);
  /** @param {Component} c */
  const isInside = (c) => top < c.top && left < c.left && bottom > c.bottom && right > c.right;
  if (!components.some((c) => isInside(c) && lengthOf(c) > 0.15 * length)) return false;
  const band = Math.max(2, Math.floor(length / 20));
  /**
   * The share of lines along one side that have ink within the band.
   * @param {number} count
   * @param {(line: number, depth: number) => [number, number]} at
   */
  const filled = (count, at) => {
    let lines = 0;
    for (let line = 0; line < count; line++)
      for (let depth = 0; depth < band; depth++) {
        const [x, y] = at(line, depth);
        if (labels[y * width + x] !== component.labels[0]) continue;
        lines++;
        break;
      }
    return lines / count;
  };
  return (
    filled(w, (i, d) => [left + i, top + d]) > 0.85 &&
    filled(w, (i, d) => [left + i, bottom - 1 - d]) > 0.85 &&
    filled(h, (i, d) => [left + d, top + i]) > 0.85 &&
    filled(h, (i, d) => [right - 1 - d, top + i]) > 0.85
  );
}

/**
 * Which edges of the picture it touches: top, left, bottom, right.
 * @param {Component} c
 * @param {Grey} picture
 */
const edgesOf = (c, { width, height }) => [c.top === 0, c.left === 0, c.bottom === height, c.right === width];
/**
 * @param {Component} c
 * @param {Grey} picture
 */
const countEdges = (c, picture) => edgesOf(c, picture).filter(Boolean).length;

/**
 * Drop ink along the picture's edges, if something remains.
 * @param {Component[]} components
 * @param {Grey} picture
 * @param {Int32Array} labels
 */
function withoutSurroundings(components, picture, labels) {
  const apart = components.filter((component) => !liesAlongEdge(component, picture));
  let inner = components.filter((c) => apart.includes(c) || standsInLine(c, apart, picture, labels));
  const tallest = longestOf(inner.filter((component) => !countEdges(component, picture)));
  const whole = inner.filter((component) => !countEdges(component, picture) && lengthOf(component) > 0.5 * tallest);
  if (whole.length > 1) inner = inner.filter((c) => lengthOf(c) >= 0.5 * tallest || !countEdges(c, picture));
  const framed = components.some((component) => countEdges(component, picture) >= 3);
  if (framed && inner.some((c) => lengthOf(c) >= 12 && c.area >= 30)) return inner;
  const [longest, largest] = [longestOf(components), largestOf(components)];
  const isDigit = (/** @type {Component} */ c) =>
    lengthOf(c) > 0.15 * longest && lengthOf(c) >= 8 && c.area > 0.03 * largest;
  return inner.some(isDigit) ? inner : components;
}

/**
 * Whether it is the first or last digit of a line that reaches the picture's edge: as high as others beside it, and as
 * wide or a 1.
 * @param {Component} component
 * @param {Component[]} others
 * @param {Grey} picture
 * @param {Int32Array} labels
 */
function standsInLine(component, others, picture, labels) {
  const [top, , bottom] = edgesOf(component, picture);
  const beside = others.filter(
    (c) => sharedHeight(c, component) > IN_LINE * Math.max(heightOf(c), heightOf(component)),
  );
  if (top || bottom || !beside.length) return false;
  if (beside.length > 1 && widthOf(component) > 0.5 * quantile(beside.map(widthOf), 0.5)) return true;
  const own = strokeOf(component, picture, labels);
  const strokes = beside.map((c) => strokeOf(c, picture, labels));
  const ratio =
    own.width /
    quantile(
      strokes.map(({ width }) => width),
      0.5,
    );
  const darkness = quantile(
    strokes.map((stroke) => stroke.darkness),
    0.5,
  );
  return MIN_STROKE <= ratio && ratio <= MAX_STROKE && own.darkness > DARKNESS * darkness;
}

/**
 * The width of a component's strokes across, the median over its rows, and its median density.
 * @param {Component} component
 * @param {Grey} density
 * @param {Int32Array} labels
 */
function strokeOf({ labels: numbers, top, left, bottom, right }, density, labels) {
  const own = new Set(numbers);
  const widths = [];
  const densities = [];
  for (let y = top; y < bottom; y++) {
    let [pixels, runs, wasInk] = [0, 0, false];
    for (let x = left; x < right; x++) {
      const i = y * density.width + x;
      const isInk = own.has(labels[i]);
      if (isInk) densities.push(density.values[i]);
      pixels += Number(isInk);
      runs += Number(isInk && !wasInk);
      wasInk = isInk;
    }
    widths.push(pixels / Math.max(runs, 1));
  }
  return { width: quantile(widths, 0.5), darkness: quantile(densities, 0.5) };
}

/**
 * @param {Component} one
 * @param {Component} other
 */
const sharedHeight = (one, other) => Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);

/**
 * By how much the digits of a picture have to be widened to be as wide as usual: several tall, slim ones are condensed.
 * @param {Component[][]} lines
 */
export function stretchOf(lines) {
  if (!lines.some((line) => line.length >= MANY)) return 1;
  const aspect = quantile(
    lines.flat().map((digit) => widthOf(digit) / heightOf(digit)),
    0.75,
  );
  return aspect < CONDENSED ? USUAL_ASPECT / aspect : 1;
}

/**
 * Whether it touches two edges of the picture, or lies along half of one, or is flat or narrow along it.
 * @param {Component} component
 * @param {Grey} picture
 */
function liesAlongEdge(component, picture) {
  const [top, left, bottom, right] = edgesOf(component, picture);
  const [h, w] = [heightOf(component), widthOf(component)];
  const along = ((left || right) && h > 0.5 * picture.height) || ((top || bottom) && w > 0.5 * picture.width);
  const flat = h < 0.4 * w && (top || bottom || left || right);
  const narrow = w < 0.35 * h && (left || right);
  return along || flat || narrow || countEdges(component, picture) >= 2;
}

/**
 * Drop long flat components if there are others that could be digits.
 * @param {Component[]} components
 */
function withoutDashes(components) {
  const longest = longestOf(components);
  const upright = components.filter((c) => heightOf(c) > 0.2 * widthOf(c) || lengthOf(c) < 0.5 * longest);
  return upright.some((c) => heightOf(c) > 0.1 * longest && heightOf(c) >= 8) ? upright : components;
}

/**
 * Join the components that belong to one digit, the largest first taking in what is near it.
 * @param {Component[]} components
 */
function joined(components) {
  /** @type {Component[]} */
  const digits = [];
  const tallest = Math.max(...components.map(heightOf));
  for (const component of [...components].sort((a, b) => lengthOf(b) - lengthOf(a))) {
    const near = digits.filter((digit) => belongTogether(digit, component, tallest));
    if (near.length) {
      const host = near.reduce((a, b) => (gap(b, component) < gap(a, component) ? b : a));
      digits[digits.indexOf(host)] = union([host, component]);
    } else digits.push(component);
  }
  return digits;
}

/**
 * The distance of two boxes, across and down added; 0 where they overlap.
 * @param {Component} a
 * @param {Component} b
 */
function gap(a, b) {
  const across = Math.max(a.left, b.left) - Math.min(a.right, b.right);
  const down = Math.max(a.top, b.top) - Math.min(a.bottom, b.bottom);
  return Math.max(across, 0) + Math.max(down, 0);
}

/**
 * Whether `small` is a part of the same digit as `large`: the bar of a 5, the second half of a broken 8.
 * @param {Component} large
 * @param {Component} small
 * @param {number} tallest
 */
function belongTogether(large, small, tallest) {
  const [length, smallLength] = [lengthOf(large), lengthOf(small)];
  const apart = gap(large, small) / length;
  if (smallLength < 0.3 * length) return apart < 0.12 && smallLength > 0.04 * length;
  const height = Math.max(large.bottom, small.bottom) - Math.min(large.top, small.top);
  if (height > Math.max(1.5 * length, tallest) && apart > 0.06) return false;
  const across = Math.min(large.right, small.right) - Math.max(large.left, small.left);
  const down = Math.min(large.bottom, small.bottom) - Math.max(large.top, small.top);
  if (across > 0.4 * Math.min(widthOf(large), widthOf(small))) return apart < 0.25;
  return apart < 0.12 && (down < 0.35 * heightOf(small) || heightOf(small) < 0.4 * heightOf(large));
}

/**
 * Drop what is much smaller than the digits, and what the picture's edge cuts off if it is not as large as the others.
 * @param {Component[]} digits
 * @param {Grey} picture
 */
function withoutSpecks(digits, picture) {
  const [longest, largest] = [longestOf(digits), largestOf(digits)];
  return digits.filter((digit) => {
    if (digit.area === largest) return true;
    const isLarge = heightOf(digit) >= SPECK * longest && digit.area >= 0.03 * largest;
    return isLarge && (heightOf(digit) >= 0.6 * longest || !countEdges(digit, picture));
  });
}

/**
 * Lines from top to bottom, the digits of each from left to right; digits that overlap by half in height share one.
 * @param {Component[]} digits
 */
function inLines(digits) {
  /** @type {Component[][]} */
  const lines = [];
  for (const digit of [...digits].sort((a, b) => a.top + a.bottom - b.top - b.bottom)) {
    const shared = (/** @type {Component} */ other) =>
      Math.min(digit.bottom, other.bottom) - Math.max(digit.top, other.top) >
      0.5 * Math.min(heightOf(digit), heightOf(other));
    const last = lines.at(-1);
    if (last?.some(shared)) last.push(digit);
    else lines.push([digit]);
  }
  return lines.map((line) => line.sort((a, b) => a.left + a.right - b.left - b.right));
}

/**
 * How far two components overlap from side to side, as a share of the narrower; negative if they are apart.
 * @param {Component} a
 * @param {Component} b
 */
export const overlap = (a, b) =>
  (Math.min(a.right, b.right) - Math.max(a.left, b.left)) / Math.max(1, Math.min(widthOf(a), widthOf(b)));
