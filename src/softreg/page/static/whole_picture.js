// A picture as one image, for models of other images than digits on paper: resized as a whole, as
// src/softreg/imaging/picture.py's `as_one_image` does it.

/** @import { Grey, PictureReading, Weights } from "./types.d.ts" */

import { resizeGrey, triangle } from "./grey.js";
import { classify } from "./linear_model.js";

const [DARK, LIGHT, SHARE] = [64, 191, 0.9]; // of a ground, and how much of the border is of it

/**
 * @param {Grey} grey
 * @param {Weights} model whose `shape` says how large its images are
 * @returns {PictureReading}
 */
export function readResized(grey, model) {
  const [height, width] = /** @type {[number, number]} */ (model.shape);
  const small = resizeGrey(grey, width, height, [0, 0, grey.width, grey.height], triangle);
  const found = groundOf(small);
  const isInverted = found && model.ground && found !== model.ground;
  const image = Uint8Array.from(small.values, (value) => Math.round(isInverted ? 255 - value : value));
  const upright = { shape: [grey.height, grey.width], values: Uint8Array.from(grey.values), scale: 1 };
  return {
    digits: [{ box: [0, 0, grey.width, grey.height], image, scores: classify(model, image) }],
    stages: [
      { key: "stage_upright", array: upright },
      { key: "stage_whole", array: { shape: [height, width], values: image, scale: 1 } },
    ],
    reason: null,
  };
}

/**
 * What ink is on, told by the border; null if that is neither dark nor light.
 * @param {Grey} grey
 */
function groundOf({ width, height, values }) {
  const border = [...values].filter((_, i) => {
    const [x, y] = [i % width, Math.floor(i / width)];
    return x === 0 || y === 0 || x === width - 1 || y === height - 1;
  });
  if (border.filter((value) => value < DARK).length >= SHARE * border.length) return "dark";
  return border.filter((value) => value > LIGHT).length >= SHARE * border.length ? "light" : null;
}
