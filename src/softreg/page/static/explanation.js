// Why: the evidence of a class, pixel by pixel, and the steps from the picture to the image.

/** @import { DecodedArray, Evidence, Stage } from "./types.d.ts" */

import { byId, createCanvas, createElement } from "./dom.js";
import { signed, translate } from "./i18n.js";
import { SIDE } from "./image_format.js";
import { context2d, drawInk, drawPicture, drawSigned, largest, slice } from "./pixels.js";

/**
 * Why the most probable class and not the runner-up or, of a class that was tapped, the evidence for and against it;
 * and the sum that makes its lead, or its logit.
 * @param {Evidence | null} evidence
 * @param {import("./bars.js").Bars} bars
 * @param {boolean} isEmpty whether nothing is drawn
 */
export function showEvidence(evidence, { classes, chosen, leading, second }, isEmpty) {
  const canvas = byId("evidence", HTMLCanvasElement);
  byId("why").classList.remove("stale");
  if (!evidence || !leading || !second) {
    context2d(canvas).clearRect(0, 0, canvas.width, canvas.height);
    byId("why-title").textContent = translate("why_title");
    byId("why-sentence").textContent = "";
    byId("why-sum").replaceChildren(isEmpty ? translate("why_nothing") : "");
    return;
  }
  const [name, other] = chosen ? [chosen, null] : [leading, second];
  const map = slice(evidence.pixels, classes.indexOf(name));
  const shown = other ? less(map, slice(evidence.pixels, classes.indexOf(other))) : map;
  drawSigned(canvas, shown, largest(other ? shown : evidence.pixels), evidence.image);
  const bias = evidence.bias[name] - (other ? evidence.bias[other] : 0);
  const total = logitIn(evidence, name) - (other ? logitIn(evidence, other) : 0);
  const plus = other ? positiveSum(shown) : evidence.for[name];
  const minus = total - bias - plus;
  const key = other ? "why_lead" : name === leading ? "why_class" : "why_not";
  const params = { name, other: other ?? "", lead: signed(total) };
  byId("legend-for").textContent = translate(other ? "for_name" : "for", { name });
  byId("legend-against").textContent = other ? translate("for_name", { name: other }) : translate("against");
  byId("why-title").textContent = translate(key, params);
  byId("why-sentence").textContent = translate(other ? "why_lead_sentence" : "why_class_sentence", params);
  byId("why-sum").replaceChildren(
    term("plus", translate(other ? "for_name" : "for", { name }), plus),
    term("minus", other ? translate("for_name", { name: other }) : translate("against"), minus),
    term("", translate("bias"), bias),
    term("total", translate(other ? "lead" : "logit"), total, "= "),
  );
}

/**
 * One number of the sum, with its name.
 * @param {string} className
 * @param {string} name
 * @param {number} value
 */
const term = (className, name, value, before = "") =>
  createElement("span", { className: `term ${className}` }, createElement("small", {}, name), before + signed(value));

/**
 * @param {DecodedArray} a
 * @param {DecodedArray} b
 * @returns {DecodedArray}
 */
function less(a, b) {
  const values = Float32Array.from(
    { length: a.values.length },
    (_, i) => a.values[i] * a.scale - b.values[i] * b.scale,
  );
  return { shape: a.shape, values, scale: 1 };
}

/** @param {DecodedArray} map */
function positiveSum({ values, scale }) {
  let sum = 0;
  for (const value of values) sum += Math.max(0, value);
  return scale * sum;
}

/**
 * @param {Evidence} evidence
 * @param {string} name
 */
const logitIn = (evidence, name) => evidence.for[name] + evidence.against[name] + evidence.bias[name];

/**
 * @param {Stage[]} stages
 * @param {boolean} drawn on the sheet, rather than a picture put there
 */
export function showStages(stages, drawn) {
  const items = stages.map(({ title, array: stage }, i) => {
    const canvas = createCanvas(title);
    const isImage = i > 0 && i === stages.length - 1;
    if (isImage && stage.shape[0] === SIDE) drawInk(canvas, stage);
    else drawPicture(canvas, stage, drawn && !isImage);
    canvas.style.aspectRatio = `${stage.shape[1]} / ${stage.shape[0]}`;
    return createElement("li", {}, canvas, title);
  });
  byId("stages").replaceChildren(...items);
}
