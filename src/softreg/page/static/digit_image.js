// From the ink of one digit to an image of MNIST's form, as src/softreg/imaging/normalization.py does it.

/** @import { Grey } from "./types.d.ts" */

import {
  cropGrey,
  distanceTransform,
  gaussianFilter,
  mapGrey,
  maximumFilter,
  quantile,
  resizeGrey,
  turnGrey,
} from "./grey.js";
import { SIDE } from "./image_format.js";
import { bounds } from "./ink_map.js";

const BOX = 20;
const FINE = 5; // fine pixels per pixel of the image
const [THINNEST, THICKEST] = [1.7, 4.5]; // strokes in most of MNIST, in pixels of the image
const SHARPENING = 2; // of the edges of strokes that are not reshaped: blurred in photos, they are not in MNIST

/**
 * @param {Grey} ink of one digit, from 0 to 1
 * @param {number} [stretch] how many times as wide as it is
 * @param {number} [turn] by how many degrees, anticlockwise
 * @returns {Uint8Array} 28 x 28, bright ink on black
 */
export function normalize(ink, stretch = 1, turn = 0) {
  const fine = fineInk(ink, stretch, turn);
  const depth = signedDepth(fine);
  const width = strokeWidth(depth);
  const change = widening(depth, width);
  const edges = change ? reshaped(depth, width, change) : mapGrey(fine, (value) => SHARPENING * (value - 0.5));
  return centred(boxed(mapGrey(edges, (value) => Math.min(1, Math.max(0, value + 0.5)))));
}

/**
 * The ink at `FINE` times MNIST's resolution with an empty margin.
 * @param {Grey} ink
 * @param {number} stretch
 * @param {number} turn
 */
function fineInk(ink, stretch, turn) {
  const { top, left, bottom, right } = bounds(ink, 0.5);
  const [width, height] = [right - left + 4, bottom - top + 4]; // two pixels more on each side
  const scale = (BOX * FINE) / Math.max(bottom - top, stretch * (right - left));
  const [fineWidth, fineHeight] = [round(stretch * width * scale), round(height * scale)];
  const padded = cropGrey(ink, -2, -2, ink.width + 4, ink.height + 4);
  const upright = resizeGrey(padded, fineWidth, fineHeight, [left, top, left + width, top + height]);
  const fine = turn ? turnGrey(upright, turn) : upright;
  const margin = (BOX * FINE) / 5;
  return cropGrey(fine, -margin, -margin, fine.width + 2 * margin, fine.height + 2 * margin);
}

/**
 * How deep each fine pixel lies in the ink; negative outside.
 * @param {Grey} fine
 */
function signedDepth(fine) {
  const { width, height, values } = fine;
  const inside = new Uint8Array(values.map((value) => Number(value > 0.5)));
  const toPaper = distanceTransform(
    inside.map((value) => 1 - value),
    width,
    height,
  ).distance;
  const toInk = distanceTransform(inside, width, height).distance;
  return mapGrey(fine, (_, i) => (inside[i] ? toPaper[i] - 0.5 : 0.5 - toInk[i]));
}

/** @param {Grey} depth */
function ridge(depth) {
  const highest = maximumFilter(depth).values;
  return new Uint8Array(depth.values.map((value, i) => Number(value > 0 && value >= highest[i])));
}

/**
 * Width of the strokes in fine pixels: twice the median depth along their ridges.
 * @param {Grey} depth
 */
function strokeWidth(depth) {
  const onRidge = ridge(depth);
  const depths = depth.values.filter((_, i) => onRidge[i]);
  return depths.length ? 2 * quantile(depths, 0.5) + 0.5 : 1;
}

/**
 * By how much to widen the strokes, in fine pixels, for them to be as wide in the image as MNIST's; 0 if they are.
 * @param {Grey} depth
 * @param {number} width
 */
function widening(depth, width) {
  const { top, left, bottom, right } = bounds(depth, 0);
  const length = Math.max(bottom - top, right - left);
  const now = (BOX * width) / length;
  const aim = Math.min(Math.max(now, THINNEST), THICKEST);
  return aim === now ? 0 : ((aim * length) / BOX - width) / (1 - aim / BOX);
}

/**
 * The signed depth after widening the strokes, or narrowing the thick ones, each along its own ridge.
 * @param {Grey} depth
 * @param {number} width
 * @param {number} widened
 */
function reshaped(depth, width, widened) {
  if (widened >= 0) return mapGrey(depth, (value) => value + widened / 2);
  const { nearest } = distanceTransform(ridge(depth), depth.width, depth.height);
  const tooDeep = mapGrey(depth, (_, i) => Math.max(depth.values[nearest[i]] - (width + widened) / 2, 0));
  const less = gaussianFilter(tooDeep, FINE / 2).values;
  return mapGrey(depth, (value, i) => value - less[i]);
}

/**
 * The shape shrunk to fit 20 x 20, its proportions kept.
 * @param {Grey} shape
 */
function boxed(shape) {
  const { top, left, bottom, right } = bounds(shape, 0.25);
  const scale = BOX / Math.max(right - left, bottom - top);
  const [width, height] = [right - left, bottom - top].map((length) => Math.max(1, round(length * scale)));
  const small = resizeGrey(shape, width, height, [left, top, right, bottom]);
  return mapGrey(small, (value) => Math.min(1, Math.max(0, value)));
}

/**
 * In 28 x 28, the centre of mass within half a pixel of the middle.
 * @param {Grey} small
 */
function centred({ width, height, values }) {
  let [mass, x, y] = [0, 0, 0];
  for (const [i, value] of values.entries()) {
    mass += value;
    x += value * (i % width);
    y += value * Math.floor(i / width);
  }
  /**
   * @param {number} centre
   * @param {number} length
   */
  const place = (centre, length) => Math.min(SIDE - length, Math.max(0, Math.floor(SIDE / 2 + 0.5 - centre)));
  const [across, down] = [place(x / mass, width), place(y / mass, height)];
  const image = new Uint8Array(SIDE * SIDE);
  for (const [i, value] of values.entries())
    image[(down + Math.floor(i / width)) * SIDE + across + (i % width)] = Math.round(255 * value);
  return image;
}

/**
 * Whether a picture is an image of MNIST's form already: bright ink on pure black, 19 or 20 pixels long, its centre of
 * mass in the middle of 28 x 28.
 * @param {Grey} grey
 */
export function isMnistImage(grey) {
  if (grey.width !== SIDE || grey.height !== SIDE || Math.max(...grey.values) < 100) return false;
  const { top, left, bottom, right } = bounds(grey, 0);
  if (![BOX - 1, BOX].includes(Math.max(bottom - top, right - left))) return false;
  let [mass, x, y] = [0, 0, 0];
  for (const [i, value] of grey.values.entries()) {
    mass += value;
    x += value * (i % SIDE);
    y += value * Math.floor(i / SIDE);
  }
  return [x, y].every((moment) => Math.abs(moment / mass - SIDE / 2) < 0.55);
}

/**
 * Halves to the even neighbour, as Python rounds.
 * @param {number} value
 */
function round(value) {
  const low = Math.floor(value);
  return value - low === 0.5 ? low + (low % 2) : Math.round(value);
}
