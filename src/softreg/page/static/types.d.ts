// What the modules hand to each other, for the type checker alone.

export interface EncodedArray {
  shape: number[];
  type: "uint8" | "int8";
  scale: number;
  bytes: string;
}
export interface DecodedArray {
  shape: number[];
  values: Uint8Array | Int8Array | Float32Array;
  scale: number;
}
export interface Grey {
  width: number;
  height: number;
  values: Float32Array;
}
export interface Picture {
  isDrawn: boolean; // on the sheet: clean ink on plain paper
  blob(): Blob;
  grey(): Promise<Grey>;
}
export interface Component {
  labels: number[];
  top: number;
  left: number;
  bottom: number;
  right: number;
  area: number;
}
export interface Segmentation {
  lines: Component[][];
  labels: Int32Array;
  components: Component[];
  dropped: Component[];
  reason: string | null;
}
export interface PictureReading {
  digits: FoundDigit[];
  stages: { key: string; array: DecodedArray }[];
  reason: string | null;
}
export interface FoundDigit {
  box: number[];
  image: Uint8Array;
  scores: Scores;
  doubt?: number; // the log odds of a digit that it needs to be named, where there was something to choose
}
export interface Weights {
  features: string;
  classes: string[];
  weight: Float32Array;
  bias: Float32Array;
  buffers?: Buffers; // of the feature map
  detector?: Detector;
  shape?: number[]; // of images that pictures are resized to as a whole
  ground?: string | null; // of those images: "dark" or "light"
}
export type Buffers = Record<string, Float32Array>;
export interface GaussianDetector {
  axes: Float32Array;
  centre: Float32Array;
  mean: Float32Array;
  precision_cholesky: Float32Array;
  weight: Float32Array;
  bias: Float32Array;
}
export interface LinearDetector {
  direction: Float32Array;
  weight: Float32Array;
  bias: Float32Array;
}
export type Detector = GaussianDetector | LinearDetector;
export interface Scores {
  logits: number[];
  probabilities: number[];
  novelty: number;
}
export interface PackedFloats {
  type: "int8" | "float16" | "float32";
  bytes: string; // base64, little-endian
}
export interface PackedWeights {
  features: string;
  classes: string[];
  weight: PackedFloats;
  bias: PackedFloats;
  buffers: Record<string, PackedFloats>;
  detector: Record<string, PackedFloats> | null;
}
export interface LabelledImages {
  images: Uint8Array;
  labels: Uint8Array;
  classes: string[];
}
export interface EmbeddedImages {
  classes: string[];
  counts: { train: number; test: number };
  train: string; // in base64, or the file's name
  test: string;
  inFiles: boolean;
}
export interface TrainRequest {
  type: "train";
  train: LabelledImages;
  test: LabelledImages;
  features: string;
  recipe: { epochs: number; batch_size: number; lr: number; seed: number };
  paused: boolean;
}
export interface FitRequest {
  type: "fit";
  train: LabelledImages;
  features: string;
  l2: number;
  variants: number;
  seed: number;
}
export interface AdjustRequest {
  type: "adjustModel";
  train: LabelledImages;
  model: Weights;
  reference: Uint8Array; // images that it should go on answering as before
  test: LabelledImages | null;
  variants: number;
  seed: number;
}
export interface FitResult {
  weight: Float32Array;
  bias: Float32Array;
  value: number;
  iterations: number;
  seconds: number;
  n: number; // drawings and variants
}
export interface AdjustResult extends FitResult {
  own: { before: number; now: number }; // accuracy on the drawings,
  onTest: { n: number; before: number; now: number } | null; // and on the test images
}
export type TrainerCommand =
  | TrainRequest
  | FitRequest
  | AdjustRequest
  | { type: "adjust"; lr: number }
  | { type: "pause" }
  | { type: "continue" }
  | { type: "stop" }
  | { type: "step" };
export interface TrainerSnapshot {
  status: "running" | "paused" | "ended";
  step: number;
  total: number;
  cost: number;
  accuracy: number;
  hardest: { row: number; label: number; prediction: number; probability: number }[];
  weight: Float32Array;
  bias: Float32Array;
}
export interface Training {
  imageCount: number; // of those that travel with the page; 0 with a server
  adjustable: boolean;
  fields(): Promise<RecipeField[]>;
  start(recipe: Record<string, unknown>): Promise<unknown>;
  step(recipe: Record<string, unknown>): Promise<unknown>;
  control(action: "pause" | "continue" | "stop"): Promise<unknown>;
  adjust(lr: number): void;
  watch(onEvent: (event: TrainingEvent) => void): void;
}
export interface Embedded {
  messages: Record<string, Record<string, string>>;
  models: (Model & PackedWeights)[];
  reference?: string; // images of MNIST, gzip'd, in base64
  images?: EmbeddedImages;
}
export type ByClass = Record<string, number>;

export interface Reading {
  label: string | null; // null where the model abstains
  probability: number | null;
  probabilities: ByClass | null;
  logits?: ByClass;
  reason: string | null;
}
export interface DigitReading extends Reading {
  probability: number;
  box: number[];
}
export interface Prediction extends Reading {
  digits?: DigitReading[]; // in reading order
}
export interface Stage {
  title: string;
  array: DecodedArray;
}
export interface Evidence {
  image: DecodedArray;
  pixels: DecodedArray;
  for: ByClass;
  against: ByClass;
  bias: ByClass;
}
export interface PredictAnswer {
  predictions: [Prediction];
  stages?: Stage[];
  evidence?: Evidence;
}

export type AnswerRequest =
  | { type: "picture"; picture: number; grey: Grey; key: string; include: string[]; digit: number | null }
  | { type: "image"; grey: Grey };
export type AnswerCommand = { type: "model"; model: Weights & Model } | (AnswerRequest & { id: number });

export interface Model {
  model: string;
  features: string;
  solver: string;
  accuracy: number | null;
  whole?: boolean; // every drawing is one symbol
  learnt?: { from: string; n: number }; // a model that learnt n drawings besides
  version?: string; // of a server's weights
}
export interface ModelList {
  default: string;
  answers?: "page" | "server"; // who should answer
  models: Model[];
}

export interface RecipeField {
  name: string;
  default: string | number;
  choices: string[];
  low: number;
  high: number;
  whole: boolean;
  solvers: string[];
  help: string;
}
export interface HardImage {
  image: DecodedArray;
  label: string;
  prediction: string;
  probability: number;
}
export interface Snapshot {
  templates: DecodedArray;
  n: number;
  hardest: HardImage[];
}
export interface TrainingEvent {
  training: number;
  status: "idle" | "preparing" | "running" | "paused" | "saving" | "ended" | "failed";
  total: number;
  from: number;
  steps: { step?: number; cost: number; accuracy: number }[];
  view: Snapshot | null;
  ending?: string;
  features?: string;
  solver?: string;
  lr?: number;
  message?: Record<string, string>;
  model?: string;
  accuracy?: number;
  seconds?: number;
}
export interface Walkthrough {
  classes: string[];
  label: string;
  prediction: string;
  image: DecodedArray;
  evidence: DecodedArray;
  gradient: DecodedArray;
  bias: number[];
  logits: number[];
  probabilities: number[];
  residual: number[];
  cross_entropy: number;
}
