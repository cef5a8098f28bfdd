// What a model reads in a drawing, computed in the page: as src/softreg/inference/reading.py does it for plain paper,
// without cutting digits that touch.

/** @import { Component, Grey, PictureReading, Scores, Weights } from "./types.d.ts" */

import { isMnistImage, normalize } from "./digit_image.js";
import { mapGrey } from "./grey.js";
import { SIDE } from "./image_format.js";
import { findInk } from "./ink_map.js";
import { classify, logOdds, surprise } from "./linear_model.js";
import { cropInk, overlap, segment, stretchOf, union } from "./segmentation.js";

const CONVINCING = 0.05; // a reading that costs less is taken without looking at others
const [TURN, TURNED] = [5, 0.3]; // degrees by which a digit that costs more is tried turned, and what that costs
const [MAX_OVERLAP, OVERLAPPING, AT_EDGE, WHOLE] = [0.3, 2, 1, 0.2]; // what a reading costs besides its digits
const MAX_DOUBTFUL = 12; // digits: where there are more, turning them helps nobody
const MAX_ASPECT = 1.7; // of the width to the height of a digit
const [UNEXPLAINED, DISAGREEMENT, LEAST_ODDS] = [2.5, 1.5, 0.6]; // log odds of a digit that a mark needs to be named
const [NEIGHBOUR_GAIN, SURE, MIN_DIGITS] = [3, 2, 3]; // log odds that a mark gains among sure digits, in so long a line
const BAR = 0.15; // a component this narrow for its length is seldom a digit

/**
 * The digits of a picture, each an image 28 x 28 and its box, and the stages on the way; or the key of why there are
 * none.
 * @param {Grey} grey values from 0 to 255
 * @param {Weights} model decides which reading is the likeliest
 * @returns {PictureReading}
 */
export function readPicture(grey, model) {
  const upright = stage("stage_upright", grey);
  if (isMnistImage(grey)) return asItIs(grey, upright, model);
  const inverted = mapGrey(grey, (value) => 255 - value);
  if (isMnistImage(inverted)) return asItIs(inverted, upright, model);
  const found = findInk(grey);
  if (!found) return { digits: [], stages: [upright], reason: found === null ? "blank" : "uneven_paper" };
  const { density, evened } = found;
  const { lines, labels, components, dropped, reason } = segment(density);
  const stages = [
    upright,
    stage("stage_paper", evened),
    stage(
      "stage_ink",
      mapGrey(density, (v) => 255 * (1 - v)),
    ),
  ];
  if (!lines.length) return { digits: [], stages, reason };
  /**
   * @param {Component} component
   * @param {number} [widened]
   * @param {number} [turn]
   */
  const digitOf = (component, widened = 1, turn = 0) => {
    const image = normalize(cropInk(component, density, labels), widened, turn);
    return { component, image, scores: classify(model, image), widened };
  };
  const stretch = stretchOf(lines);
  let digits = lines.flat().map((component) => digitOf(component, stretch));
  let unexplained = misfit(lines, dropped, density.width);
  let disagreement = 0;
  const cost = costOf(digits) + unexplained;
  const all = cost < CONVINCING ? null : wholeInk(components);
  if (all) {
    const whole = [digitOf(all)];
    if (costOf(whole) + WHOLE < cost) {
      unexplained = WHOLE;
      disagreement = digits.length === 1 && likeliest(digits[0]) === likeliest(whole[0]) ? 0 : DISAGREEMENT;
      digits = whole;
    }
  }
  const lengths = digits.length === 1 ? [1] : lines.map((line) => line.length);
  const among = areAmongSure(digits, lengths);
  if (digits.filter(isDoubtful).length <= MAX_DOUBTFUL)
    digits = digits.map((digit) =>
      cheapest(
        digit,
        isDoubtful(digit) ? [TURN, -TURN].map((turn) => digitOf(digit.component, digit.widened, turn)) : [],
      ),
    );
  stages.push(boxesDrawn(density, digits), strip(digits.map(({ image }) => image)));
  const against = UNEXPLAINED * unexplained + disagreement;
  const read = digits.map(({ component, image, scores }, i) => ({
    box: boxOf(component),
    image,
    scores: among[i] ? { ...scores, novelty: scores.novelty - NEIGHBOUR_GAIN } : scores,
    doubt: model.detector ? against + (among[i] ? 0 : LEAST_ODDS) : undefined,
  }));
  return { digits: read, stages, reason: null };
}

/**
 * All ink of a drawing as one image, for symbols of several strokes; null without ink.
 * @param {Grey} grey
 */
export function readWhole(grey) {
  const found = findInk(grey);
  if (!found) return null;
  const { components, labels } = segment(found.density);
  return components.length ? normalize(cropInk(union(components), found.density, labels)) : null;
}

/**
 * @param {Grey} grey an image in MNIST's form
 * @param {ReturnType<typeof stage>} upright
 * @param {Weights} model
 * @returns {PictureReading}
 */
function asItIs(grey, upright, model) {
  const image = Uint8Array.from(grey.values);
  const digit = { box: [0, 0, SIDE, SIDE], image, scores: classify(model, image) };
  return { digits: [digit], stages: [upright, strip([image])], reason: null };
}

/**
 * Which digits stand in a line whose other digits are sure.
 * @param {{ scores: Scores }[]} digits
 * @param {number[]} lengths of the lines
 */
function areAmongSure(digits, lengths) {
  const odds = digits.map(({ scores }) => logOdds(scores));
  let first = 0;
  return lengths.flatMap((length) => {
    const own = odds.slice(first, first + length);
    first += length;
    return own.map((_, i) => {
      const others = own.filter((_, j) => j !== i).sort((a, b) => a - b);
      return length >= MIN_DIGITS && others[(length - 2) >> 1] > SURE;
    });
  });
}

/**
 * The digit as it is, or the way to turn it that costs less, if there is one.
 * @template {{ scores: Scores }} Digit
 * @param {Digit} upright
 * @param {Digit[]} turned
 */
function cheapest(upright, turned) {
  let [best, least] = [upright, surprise(upright.scores)];
  for (const digit of turned) {
    const cost = surprise(digit.scores) + TURNED;
    if (cost < least) [best, least] = [digit, cost];
  }
  return best;
}

/** @param {{ scores: Scores }} digit */
const isDoubtful = ({ scores }) => surprise(scores) > CONVINCING;

/** @param {{ scores: Scores }[]} digits */
const costOf = (digits) => digits.reduce((sum, { scores }) => sum + surprise(scores), 0) / digits.length;

/** @param {{ scores: Scores }} digit */
const likeliest = ({ scores: { probabilities } }) => probabilities.indexOf(Math.max(...probabilities));

/**
 * What a reading costs besides its digits: overlaps, digits cut off by the edge, ink left out.
 * @param {Component[][]} lines
 * @param {Component[]} dropped
 * @param {number} width
 */
function misfit(lines, dropped, width) {
  const digits = lines.flat();
  let overlaps = 0;
  for (const line of lines)
    for (let i = 1; i < line.length; i++) overlaps += Math.max(0, overlap(line[i - 1], line[i]) - MAX_OVERLAP);
  const cutOff = digits.length > 1 ? digits.filter(({ left, right }) => left <= 0 || right >= width).length : 0;
  const length = digits.reduce((sum, digit) => sum + longer(digit), 0);
  const ignored = dropped.reduce((sum, component) => sum + longer(component) * (isBar(component) ? 0.1 : 1), 0);
  return (OVERLAPPING * overlaps + AT_EDGE * cutOff) / digits.length + ignored / Math.max(length, 1);
}

/** @param {Component} component */
const longer = ({ top, left, bottom, right }) => Math.max(bottom - top, right - left);
/** @param {Component} component */
const isBar = (component) =>
  Math.min(component.bottom - component.top, component.right - component.left) < BAR * longer(component);

/**
 * All ink but specks as one digit; null if it is too wide for one, or in one piece anyway.
 * @param {Component[]} components
 */
function wholeInk(components) {
  const largest = Math.max(...components.map(({ area }) => area));
  const parts = components.filter(({ area }) => area > 0.02 * largest);
  const whole = union(parts);
  const isTooWide = whole.right - whole.left > MAX_ASPECT * (whole.bottom - whole.top);
  return parts.length < 2 || isTooWide ? null : whole;
}

/**
 * @param {string} key
 * @param {Grey} grey
 */
const stage = (key, { width, height, values }) => ({
  key,
  array: { shape: [height, width], values: new Uint8Array(values.map(Math.round)), scale: 1 },
});

/** @param {Uint8Array[]} images side by side */
function strip(images) {
  const values = new Uint8Array(images.length * SIDE * SIDE);
  for (const [k, image] of images.entries())
    for (let y = 0; y < SIDE; y++) values.set(image.subarray(y * SIDE, (y + 1) * SIDE), (y * images.length + k) * SIDE);
  return { key: "stage_image", array: { shape: [SIDE, images.length * SIDE], values, scale: 1 } };
}

/**
 * The ink map with a box around each digit.
 * @param {Grey} density
 * @param {{ component: Component }[]} digits
 */
function boxesDrawn({ width, height, values }, digits) {
  const drawn = new Uint8Array(3 * width * height);
  for (let i = 0; i < values.length; i++) drawn.fill(Math.round(255 * (1 - values[i])), 3 * i, 3 * i + 3);
  const line = 2;
  for (const { component: c } of digits)
    for (let y = Math.max(c.top - 4, 0); y < Math.min(c.bottom + 4, height); y++)
      for (let x = Math.max(c.left - 4, 0); x < Math.min(c.right + 4, width); x++) {
        const depth = Math.min(y - (c.top - 4), c.bottom + 3 - y, x - (c.left - 4), c.right + 3 - x);
        if (depth < line) drawn.set([220, 60, 40], 3 * (y * width + x));
      }
  return { key: "stage_found", array: { shape: [height, width, 3], values: drawn, scale: 1 } };
}

/** @param {Component} component */
const boxOf = ({ left, top, right, bottom }) => [left, top, right - left, bottom - top];
