// Variants of a drawing as another hand could have made it: turned, slanted, resized and moved a little.

/** @import { LabelledImages } from "./types.d.ts" */

import { SIDE, SIZE } from "./image_format.js";
import { randomNumbers } from "./solvers.js";

const MAX_TURN = 0.2; // radians
const MAX_SLANT = 0.2;
const MAX_SCALE = 0.12;
const MAX_SHIFT = 1.5; // pixels

/**
 * The images, and of each `count` variants.
 * @param {LabelledImages} data
 * @param {number} count
 * @param {number} seed
 * @returns {LabelledImages}
 */
export function variantsOf({ images, labels, classes }, count, seed) {
  const random = randomNumbers(seed);
  const [total, each] = [labels.length * (count + 1), count + 1];
  const all = { images: new Uint8Array(total * SIZE), labels: new Uint8Array(total), classes };
  for (let n = 0; n < labels.length; n++) {
    const image = images.subarray(n * SIZE, (n + 1) * SIZE);
    for (let k = 0; k <= count; k++) {
      const at = n * each + k;
      all.images.set(k ? deformed(image, random) : image, at * SIZE);
      all.labels[at] = labels[n];
    }
  }
  return all;
}

/**
 * @param {Uint8Array} image
 * @param {() => number} random
 */
function deformed(image, random) {
  /** @param {number} most */
  const within = (most) => most * (2 * random() - 1);
  const [turn, slant, scale] = [within(MAX_TURN), within(MAX_SLANT), 1 + within(MAX_SCALE)];
  const [right, down] = [within(MAX_SHIFT), within(MAX_SHIFT)];
  const [cos, sin] = [Math.cos(turn) / scale, Math.sin(turn) / scale];
  const middle = (SIDE - 1) / 2;
  const out = new Uint8Array(SIZE);
  for (let i = 0; i < SIZE; i++) {
    const [x, y] = [(i % SIDE) - middle - right, Math.floor(i / SIDE) - middle - down];
    out[i] = Math.round(sampled(image, middle + cos * x - sin * y + slant * y, middle + sin * x + cos * y));
  }
  return out;
}

/**
 * Linearly interpolated; 0 outside.
 * @param {Uint8Array} image
 * @param {number} x
 * @param {number} y
 */
function sampled(image, x, y) {
  const [left, top] = [Math.floor(x), Math.floor(y)];
  let sum = 0;
  for (const [u, across] of [
    [left, 1 - (x - left)],
    [left + 1, x - left],
  ])
    for (const [v, down] of [
      [top, 1 - (y - top)],
      [top + 1, y - top],
    ])
      if (u >= 0 && u < SIDE && v >= 0 && v < SIDE) sum += across * down * image[v * SIDE + u];
  return sum;
}
