// The feature maps pixels and deskew, as src/softreg/features does. Images are 28 x 28.

/** @import { Buffers } from "./types.d.ts" */

import { SIDE, SIZE } from "./image_format.js";

/**
 * @typedef {object} FeatureMap
 * @property {(image: Uint8Array, buffers: Buffers) => Float32Array | Float64Array} transform features x of an image
 * @property {(image: Uint8Array, buffers: Buffers) => (weight: Float32Array) => Float32Array} explainer gives each
 * pixel's part of weight · x
 * @property {(image: Uint8Array, buffers: Buffers) => Float64Array} [project] what the features are computed from and a
 * detector sees, if that is not the features
 * @property {(projections: Float64Array, buffers: Buffers) => Float64Array} [expand] the features of that
 */

/** @param {Uint8Array} image */
export const inkOf = (image) => Float32Array.from(image, (value) => value / 255);

/** @type {FeatureMap} */
export const pixels = {
  transform: inkOf,
  explainer: (image) => (weight) => weight.map((w, i) => (w * image[i]) / 255),
};

/** @type {FeatureMap} */
export const deskew = {
  transform(image) {
    const ink = inkOf(image);
    return warp(ink, alignment(ink));
  },
  explainer(image) {
    const ink = inkOf(image);
    const shifts = alignment(ink);
    return (weight) => warpAdjoint(weight, shifts).map((gradient, i) => gradient * ink[i]);
  },
};

/**
 * By how much to shift all columns, then each row, to centre and deskew an image.
 * @typedef {{ down: number, across: Float64Array }} Alignment
 */

/**
 * @param {Float32Array} ink from 0 to 1
 * @returns {Alignment}
 */
export function alignment(ink) {
  const middle = SIDE / 2;
  const down = centre(sums(ink, (i) => Math.floor(i / SIDE))) - middle;
  const level = shiftColumns(ink, down);
  const rows = sums(level, (i) => Math.floor(i / SIDE));
  const x0 = centre(sums(level, (i) => i % SIDE));
  let [mu11, mu02] = [0, 0];
  for (const [i, value] of level.entries()) mu11 += ((i % SIDE) - x0) * (Math.floor(i / SIDE) - middle) * value;
  for (const [y, mass] of rows.entries()) mu02 += (y - middle) ** 2 * mass;
  const slant = Math.min(1, Math.max(-1, mu11 / Math.max(mu02, 1e-6)));
  return { down, across: rows.map((_, y) => x0 - middle + slant * (y - middle)) };
}

/**
 * By how much to shift all columns, then all rows, to centre an image; its slant is kept.
 * @param {Float32Array} ink from 0 to 1
 * @returns {Alignment}
 */
export function centring(ink) {
  const down = centre(sums(ink, (i) => Math.floor(i / SIDE))) - SIDE / 2;
  return { down, across: new Float64Array(SIDE).fill(centre(sums(ink, (i) => i % SIDE)) - SIDE / 2) };
}

/**
 * @param {Float32Array} ink
 * @param {(i: number) => number} bin
 */
function sums(ink, bin) {
  const total = new Float64Array(SIDE);
  for (const [i, value] of ink.entries()) total[bin(i)] += value;
  return total;
}

/** @param {Float64Array} mass on a line; its mean position, the middle where there is none */
function centre(mass) {
  const total = mass.reduce((sum, value) => sum + value, 0);
  return total > 0 ? mass.reduce((sum, value, i) => sum + i * value, 0) / Math.max(total, 1e-6) : SIDE / 2;
}

/**
 * @param {Float32Array} ink
 * @param {Alignment} alignment
 */
export const warp = (ink, { down, across }) =>
  interpolate(
    shiftColumns(ink, down),
    pairs(1, (i) => across[Math.floor(i / SIDE)]),
  );

/**
 * @param {Float32Array} ink
 * @param {number} down
 */
const shiftColumns = (ink, down) =>
  interpolate(
    ink,
    pairs(SIDE, () => down),
  );

/**
 * The two pixels between which `i + by` lies, in the row of each pixel i (stride 1) or in its column (stride 28), and
 * the share of the second; what is outside is pixel `SIZE`, which is 0.
 * @typedef {{ first: Int32Array, second: Int32Array, share: Float64Array }} Pairs
 */

/**
 * @param {number} stride
 * @param {(i: number) => number} by
 * @returns {Pairs}
 */
function pairs(stride, by) {
  const [first, second, share] = [new Int32Array(SIZE), new Int32Array(SIZE), new Float64Array(SIZE)];
  for (let i = 0; i < SIZE; i++) {
    const at = stride === 1 ? i % SIDE : Math.floor(i / SIDE);
    const shift = by(i);
    const whole = Math.floor(shift);
    const place = at + whole;
    share[i] = shift - whole;
    first[i] = place >= 0 && place < SIDE ? i + whole * stride : SIZE;
    second[i] = place >= -1 && place < SIDE - 1 ? i + (whole + 1) * stride : SIZE;
  }
  return { first, second, share };
}

/**
 * `out[i] = ink[i + by]`, linearly interpolated, 0 outside.
 * @param {Float32Array} ink
 * @param {Pairs} pairs
 */
function interpolate(ink, { first, second, share }) {
  const framed = new Float32Array(SIZE + 1);
  framed.set(ink);
  const out = new Float32Array(SIZE);
  for (let i = 0; i < SIZE; i++) out[i] = (1 - share[i]) * framed[first[i]] + share[i] * framed[second[i]];
  return out;
}

/**
 * The transpose of `interpolate`: each pixel gets what it gave.
 * @param {Float32Array} out
 * @param {Pairs} pairs
 */
function interpolateAdjoint(out, { first, second, share }) {
  const ink = new Float32Array(SIZE + 1);
  for (let i = 0; i < SIZE; i++) {
    ink[first[i]] += (1 - share[i]) * out[i];
    ink[second[i]] += share[i] * out[i];
  }
  return ink.subarray(0, SIZE);
}

/**
 * @param {Float32Array} weight
 * @param {Alignment} alignment
 */
const warpAdjoint = (weight, { down, across }) =>
  interpolateAdjoint(
    interpolateAdjoint(
      weight,
      pairs(1, (i) => across[Math.floor(i / SIDE)]),
    ),
    pairs(SIDE, () => down),
  );

/**
 * Evidence on the pixels of the warped image, moved back to the original pixels; the sum is kept.
 * @param {Float32Array} evidence
 * @param {Alignment} shifts
 */
export function unwarp(evidence, shifts) {
  const whole = warp(new Float32Array(SIZE).fill(1), shifts);
  const inside = evidence.map((value, i) => (whole[i] > 1e-6 ? value / whole[i] : 0));
  const shares = warpAdjoint(inside, shifts);
  /** @param {Float32Array} values */
  const total = (values) => values.reduce((sum, value) => sum + value, 0);
  const lost = total(evidence) - total(shares);
  return shares.map((share) => share + lost / SIZE);
}
