// The thread in which the page trains, so that it stays responsive: by SGD, step by step, or a few drawings to the
// minimum.

/** @import { AdjustRequest, FitRequest, TrainRequest, TrainerCommand, TrainerSnapshot } from "./types.d.ts" */

import { Adjustment } from "./adjustment.js";
import { variantsOf } from "./deformation.js";
import { FEATURE_MAPS } from "./feature_maps.js";
import { SIZE } from "./image_format.js";
import { Objective, pack, unpack } from "./objective.js";
import { lbfgs, SGD } from "./solvers.js";

const SLICE = 30; // milliseconds of steps, after which the page's commands are read
const PACE = 300; // milliseconds that each of the first snapshots is left to be looked at
const PACED_STEPS = 30;
const N_HARDEST = 12;
const NEAR_ENOUGH = { tolerance: 3e-3, maxIterations: 200 }; // logits of the drawings within 0.1 of the minimum's

/** @type {{ sgd: SGD, test: Objective, total: number, paused: boolean, stopped: boolean } | null} */
let training = null;

/** @param {MessageEvent<TrainerCommand>} event */
self.onmessage = ({ data }) => {
  if (data.type === "train") train(data);
  else if (data.type === "fit") self.postMessage(fit(data));
  else if (data.type === "adjustModel") self.postMessage(adjustModel(data));
  else if (training) command(training, data);
};

/**
 * @param {NonNullable<typeof training>} running
 * @param {TrainerCommand} data
 */
function command(running, data) {
  if (data.type === "adjust") running.sgd.lr = data.lr;
  if (data.type === "pause") running.paused = true;
  if (data.type === "continue") running.paused = false;
  if (data.type === "stop") running.stopped = true;
  if (data.type === "step" && running.sgd.steps < running.total) {
    running.paused = true;
    running.sgd.step();
    tell("paused");
  }
}

/** @param {TrainRequest} request */
async function train({ train: data, test, features, recipe, paused }) {
  const objective = objectiveOf(data, features, 0);
  const sgd = new SGD(objective, { lr: recipe.lr, batchSize: recipe.batch_size, seed: recipe.seed });
  const total = sgd.stepsPerEpoch * recipe.epochs;
  const running = { sgd, test: objectiveOf(test, features, 0), total, paused, stopped: false };
  training = running;
  let next = 0; // the step of the next snapshot
  while (!running.stopped) {
    if (sgd.steps >= next || sgd.steps >= total) {
      next = Math.max(sgd.steps + 1, Math.round(sgd.steps * 1.3));
      tell(running.paused ? "paused" : "running");
      if (sgd.steps >= total) break;
      if (sgd.steps < PACED_STEPS) await sleep(PACE);
    }
    while (running.paused && !running.stopped) {
      await sleep(SLICE);
      next = Math.max(next, sgd.steps + 1);
      if (sgd.steps >= total) running.paused = false;
    }
    const began = performance.now();
    while (sgd.steps < Math.min(next, total) && performance.now() - began < SLICE && !running.stopped) sgd.step();
    await sleep(0);
  }
  tell("ended");
  training = null;
}

/** @param {number} milliseconds */
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** @param {TrainerSnapshot["status"]} status */
function tell(status) {
  if (!training) return;
  const { sgd, test, total } = training;
  const classes = sgd.objective.classes;
  const { loss, accuracy, ofLabel, predicted } = test.evaluate(sgd.theta);
  const order = Array.from(ofLabel.keys()).sort((a, b) => ofLabel[a] - ofLabel[b]);
  const hardest = order.slice(0, N_HARDEST).map((row) => ({
    row,
    label: test.labels[row],
    prediction: predicted[row],
    probability: ofLabel[row],
  }));
  self.postMessage({ status, step: sgd.steps, total, cost: loss, accuracy, hardest, ...unpack(sgd.theta, classes) });
}

/**
 * The model of a few drawings: the minimum of the objective, to which one number of iterations or another leads.
 * @param {FitRequest} request
 */
function fit({ train: data, features, l2, variants, seed }) {
  const began = performance.now();
  const all = variants ? variantsOf(data, variants, seed) : data;
  const { theta, value, iterations } = lbfgs(objectiveOf(all, features, l2));
  const seconds = (performance.now() - began) / 1000;
  return { ...unpack(theta, data.classes.length), value, iterations, seconds, n: all.labels.length };
}

/**
 * A model that has learnt a few drawings as well.
 * @param {AdjustRequest} request
 */
function adjustModel({ train: data, test, model, reference, variants, seed }) {
  const began = performance.now();
  const all = variants ? variantsOf(data, variants, seed) : data;
  const start = pack(model);
  /** @param {import("./types.d.ts").LabelledImages} part */
  const objective = (part) => objectiveOf(part, model.features, 0, model.buffers);
  const kept = featuresOf(reference, model.features, model.buffers);
  const adjustment = new Adjustment(objective(all), data.labels.length, start, kept);
  const { theta, value, iterations } = lbfgs(adjustment, { start, ...NEAR_ENOUGH });
  const seconds = (performance.now() - began) / 1000;
  /** @param {Objective} on */
  const compared = (on) => ({ before: on.evaluate(start).accuracy, now: on.evaluate(theta).accuracy });
  const own = compared(objective(data));
  const onTest = test && { n: test.labels.length, ...compared(objective(test)) };
  const { length: classes } = model.bias;
  return { ...unpack(theta, classes), value, iterations, seconds, n: all.labels.length, own, onTest };
}

/**
 * @param {import("./types.d.ts").LabelledImages} data
 * @param {string} features
 * @param {number} l2
 * @param {import("./types.d.ts").Buffers} [buffers]
 */
const objectiveOf = ({ images, labels, classes }, features, l2, buffers) =>
  new Objective(featuresOf(images, features, buffers), labels, classes.length, l2);

/**
 * The features (N, D) of images.
 * @param {Uint8Array} images
 * @param {string} features
 * @param {import("./types.d.ts").Buffers} [buffers]
 */
function featuresOf(images, features, buffers = {}) {
  const [count, { transform }] = [images.length / SIZE, FEATURE_MAPS[features]];
  /** @type {Float32Array | undefined} */
  let x;
  for (let row = 0; row < count; row++) {
    const values = transform(images.subarray(row * SIZE, (row + 1) * SIZE), buffers);
    x ??= new Float32Array(count * values.length);
    x.set(values, row * values.length);
  }
  return x ?? new Float32Array(0);
}
