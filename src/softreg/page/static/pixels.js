// Arrays of the API become pixels of a canvas. Signed numbers are orange (for) and violet (against).

/** @import { DecodedArray, EncodedArray } from "./types.d.ts" */

/**
 * @param {EncodedArray} array
 * @returns {DecodedArray}
 */
export function decode({ shape, type, scale, bytes }) {
  const raw = Uint8Array.from(atob(bytes), (character) => character.charCodeAt(0));
  return { shape, values: type === "int8" ? new Int8Array(raw.buffer) : raw, scale };
}

/**
 * The image number `i` of a stack (..., height, width).
 * @param {DecodedArray} stack
 * @param {number} i
 * @returns {DecodedArray}
 */
export function slice({ shape, values, scale }, i) {
  const [height, width] = shape.slice(-2);
  return { shape: [height, width], values: values.subarray(i * height * width, (i + 1) * height * width), scale };
}

/**
 * The largest magnitude, or 1 if all are 0.
 * @param {DecodedArray} array
 */
export function largest({ values, scale }) {
  let most = 0;
  for (const value of values) most = Math.max(most, Math.abs(value));
  return most * scale || 1;
}

/** @param {string} name */
function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim().split(/\s+/).map(Number);
}

/** @param {HTMLCanvasElement} canvas */
export function context2d(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new TypeError("this browser has no 2D canvas");
  return context;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {number[]} shape height, width
 * @param {(i: number) => number[]} rgba
 */
function drawPixels(canvas, [height, width], rgba) {
  canvas.width = width;
  canvas.height = height;
  const image = new ImageData(width, height);
  for (let i = 0; i < width * height; i++) image.data.set(rgba(i), 4 * i);
  context2d(canvas).putImageData(image, 0, 0);
}

/**
 * An image of MNIST's kind, in the page's colour of ink.
 * @param {HTMLCanvasElement} canvas
 * @param {DecodedArray} image
 */
export function drawInk(canvas, { shape, values }) {
  const [r, g, b] = colour("--ink-rgb");
  drawPixels(canvas, shape, (i) => [r, g, b, values[i]]);
}

/**
 * A picture as it is, grey or coloured; `drawn` on the sheet, it takes the page's colour of ink instead.
 * @param {HTMLCanvasElement} canvas
 * @param {DecodedArray} picture
 * @param {boolean} drawn
 */
export function drawPicture(canvas, { shape, values }, drawn) {
  const [height, width, channels = 1] = shape;
  const ink = colour("--ink-rgb");
  drawPixels(canvas, [height, width], (i) => {
    const [r, g = r, b = r] = values.subarray(channels * i, channels * (i + 1));
    return drawn && r === g && g === b ? [...ink, 255 - r] : [r, g, b, 255];
  });
}

/**
 * Signed numbers. `most` is the magnitude drawn in full colour; the ink of `under` shows through where they are small.
 * @param {HTMLCanvasElement} canvas
 * @param {DecodedArray} array
 * @param {number} most
 * @param {DecodedArray | null} [under]
 */
export function drawSigned(canvas, { shape, values, scale }, most, under = null) {
  const [plus, minus, ink] = [colour("--for-rgb"), colour("--against-rgb"), colour("--ink-rgb")];
  drawPixels(canvas, shape, (i) => {
    const strength = Math.min(1, Math.abs(values[i] * scale) / most) ** 0.7;
    const rest = under ? (under.values[i] / 255) * 0.13 * (1 - strength) : 0;
    const alpha = strength + rest;
    if (!alpha) return [0, 0, 0, 0];
    const tint = values[i] > 0 ? plus : minus;
    return [...tint.map((c, k) => (c * strength + ink[k] * rest) / alpha), 255 * alpha];
  });
}
