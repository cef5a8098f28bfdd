// The thread in which the page reads drawings itself, so that the pen never waits for an answer.

/** @import { AnswerCommand, Grey, Model, PictureReading, Weights } from "./types.d.ts" */

import { answerOf } from "./answering.js";
import { SIDE } from "./image_format.js";
import { classify } from "./linear_model.js";
import { readPicture, readWhole } from "./reading.js";
import { readResized } from "./whole_picture.js";

/** @type {Map<string, Weights & Model>} */
const models = new Map();
/** @type {{ picture: number, model: Weights, reading: PictureReading } | null} the last: evidence is asked for after */
let last = null;

/** @param {MessageEvent<AnswerCommand>} event */
self.onmessage = ({ data }) => {
  if (data.type === "model") models.set(data.model.model, data.model);
  else if (data.type === "image") self.postMessage({ id: data.id, answer: readWhole(data.grey) });
  else {
    const model = /** @type {Weights & Model} */ (models.get(data.key));
    if (last?.picture !== data.picture || last.model !== model)
      last = { picture: data.picture, model, reading: readerFor(model)(data.grey, model) };
    self.postMessage({ id: data.id, answer: answerOf(model, last.reading, data.include, data.digit) });
  }
};

/** @param {Weights & Model} model */
const readerFor = ({ shape, whole }) => (shape ? readResized : whole ? readAsWhole : readPicture);

/**
 * A symbol, however many strokes it has.
 * @param {Grey} grey
 * @param {Weights} model
 * @returns {PictureReading}
 */
function readAsWhole(grey, model) {
  const image = readWhole(grey);
  if (!image) return { digits: [], stages: [], reason: "blank" };
  const array = { shape: [SIDE, SIDE], values: image, scale: 1 };
  return {
    digits: [{ box: [0, 0, grey.width, grey.height], image, scores: classify(model, image) }],
    stages: [{ key: "stage_image", array }],
    reason: null,
  };
}
