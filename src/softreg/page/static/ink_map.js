// From the pixels of a drawing to its ink map: 0 on paper, 1 in the middle of a stroke. As src/softreg/imaging/ink.py
// does it for paper of one level, which a drawing and a scan have; a photo, where the light varies, is read by the
// server alone.

/** @import { Grey } from "./types.d.ts" */

import { cropGrey, mapGrey, maximumFilter } from "./grey.js";

const MIN_CONTRAST = 0.05; // of the paper's brightness: fainter is not called ink
const MIN_PLAIN = 0.6; // the share of pixels, and of those along the edges, that have the paper's level

/**
 * The ink map, and the picture with dark ink on even paper; null if nothing stands out. Undefined if the paper is not
 * plain.
 * @param {Grey} grey values from 0 to 255
 */
export function findInk(grey) {
  const paper = plainPaper(grey);
  if (paper === null) return undefined;
  const balance = grey.values.reduce((sum, value) => sum + (value - paper) * Math.abs(value - paper), 0);
  const sign = balance > 0 ? 1 : -1; // of light ink
  const darkness = mapGrey(grey, (value) => (sign * (value - paper)) / 255);
  const threshold = edgeThreshold(darkness);
  if (threshold === null) return null;
  return {
    density: mapGrey(darkness, (value) => Math.min(1, Math.max(0, value / (2 * threshold)))),
    evened: mapGrey(darkness, (value) => Math.min(255, Math.max(0, 255 * (1 - value / Math.max(1, 2 * threshold))))),
  };
}

/**
 * The paper's level if it is one and the same in most pixels and along the edges; else null.
 * @param {Grey} grey
 */
function plainPaper({ width, height, values }) {
  const counts = new Uint32Array(256);
  for (const value of values) counts[Math.round(value)]++;
  const level = counts.indexOf(Math.max(...counts));
  let atEdge = 0;
  /** @param {number} i */
  const isPaper = (i) => Number(Math.abs(values[i] - level) <= 0.5);
  for (let x = 0; x < width; x++) atEdge += isPaper(x) + isPaper((height - 1) * width + x);
  for (let y = 0; y < height; y++) atEdge += isPaper(y * width) + isPaper((y + 1) * width - 1);
  return counts[level] < MIN_PLAIN * values.length || atEdge < MIN_PLAIN * 2 * (width + height) ? null : level;
}

/**
 * The mean density at edges, steep edges counting most: half of the ink's density wherever its edges are. Null without
 * ink.
 * @param {Grey} whole
 */
function edgeThreshold(whole) {
  const dark = whole.values.map((value) => Number(value > MIN_CONTRAST));
  if (dark.reduce((sum, value) => sum + value, 0) < 4) return null;
  const { top, left, bottom, right } = bounds({ ...whole, values: dark }, 0.5);
  const [x0, y0] = [Math.max(left - 2, 0), Math.max(top - 2, 0)];
  const [width, height] = [Math.min(right + 2, whole.width) - x0, Math.min(bottom + 2, whole.height) - y0];
  const { values } = cropGrey(whole, x0, y0, width, height);
  const near = maximumFilter({ width, height, values }).values;
  let [sum, total] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    if (near[i] <= MIN_CONTRAST) continue;
    const dx = difference(values, i, i % width, width, 1);
    const dy = difference(values, i, Math.floor(i / width), height, width);
    const steep = (dx * dx + dy * dy) ** 1.5;
    sum += steep * values[i];
    total += steep;
  }
  return Math.max(sum / Math.max(total, 1e-30), MIN_CONTRAST / 2);
}

/**
 * The central difference along a line, at its ends the difference to the only neighbour.
 * @param {Float32Array} values
 * @param {number} i
 * @param {number} at on the line
 * @param {number} length of it
 * @param {number} stride from one pixel of it to the next
 */
function difference(values, i, at, length, stride) {
  if (length < 2) return 0;
  if (at === 0) return values[i + stride] - values[i];
  if (at === length - 1) return values[i] - values[i - stride];
  return (values[i + stride] - values[i - stride]) / 2;
}

/**
 * The box, bottom and right exclusive, of what lies above a level; all of the image if nothing does.
 * @param {Grey} grey
 * @param {number} level
 */
export function bounds({ width, height, values }, level) {
  let [top, left, bottom, right] = [height, width, 0, 0];
  for (let i = 0; i < values.length; i++) {
    if (values[i] <= level) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    top = Math.min(top, y);
    left = Math.min(left, x);
    bottom = Math.max(bottom, y + 1);
    right = Math.max(right, x + 1);
  }
  return bottom ? { top, left, bottom, right } : { top: 0, left: 0, bottom: height, right: width };
}
