// Why: the evidence of a class, pixel by pixel, and the steps from the picture to the image.

/** @import { Evidence, Stage } from "./types.d.ts" */

import { byId, createCanvas, createElement } from "./dom.js";
import { signed, translate } from "./i18n.js";
import { context2d, drawInk, drawPicture, drawSigned, largest, slice } from "./pixels.js";

/**
 * The evidence for and against the class that the bars chose, and the sum that makes its logit.
 * @param {Evidence | null} evidence
 * @param {import("./bars.js").Bars} bars
 */
export function showEvidence(evidence, { classes, explained, leading }) {
  const canvas = byId("evidence", HTMLCanvasElement);
  const sum = byId("why-sum");
  const title = explained === leading ? "why_class" : "why_not";
  byId("why-title").textContent = explained ? translate(title, { name: explained }) : translate("why_title");
  if (!evidence || !explained) {
    context2d(canvas).clearRect(0, 0, canvas.width, canvas.height);
    sum.replaceChildren(translate("why_nothing"));
    return;
  }
  drawSigned(canvas, slice(evidence.pixels, classes.indexOf(explained)), largest(evidence.pixels), evidence.image);
  const [plus, minus, bias] = [evidence.for[explained], evidence.against[explained], evidence.bias[explained]];
  sum.replaceChildren(
    createElement("span", { className: "plus", textContent: signed(plus) }),
    " ",
    createElement("span", { className: "minus", textContent: signed(minus) }),
    ` ${signed(bias)} = ${signed(plus + minus + bias)}`,
  );
  sum.title = translate("why_sum");
}

/**
 * @param {Stage[]} stages
 * @param {boolean} drawn on the sheet, rather than a picture put there
 */
export function showStages(stages, drawn) {
  const items = stages.map(({ title, array: stage }, i) => {
    const canvas = createCanvas(title);
    if (i === stages.length - 1 && stage.shape[0] === 28) drawInk(canvas, stage);
    else drawPicture(canvas, stage, drawn);
    canvas.style.aspectRatio = `${stage.shape[1]} / ${stage.shape[0]}`;
    return createElement("li", {}, canvas, title);
  });
  byId("stages").replaceChildren(...items);
}
