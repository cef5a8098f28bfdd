// The page: which part is shown, in which language, light or dark.

import { hashOf, readAddress } from "./address.js";
import { backend, copies, hasServer } from "./backend.js";
import { Challenge } from "./challenge.js";
import { byId, find, messageOf } from "./dom.js";
import { Draw } from "./draw.js";
import { language, setLanguage, translate } from "./i18n.js";
import { Invitation } from "./invitation.js";
import { Learn } from "./learn.js";
import { OwnDigits } from "./own_digits.js";
import { decodeStrokes, encodeStrokes } from "./stroke_code.js";
import { Symbols } from "./symbols.js";
import { Understand } from "./understand.js";

const PARTS = backend.training ? ["draw", "learn", "symbols", "understand"] : ["draw", "symbols", "understand"];

// A private window may refuse to store: then nothing is remembered.
const settings = {
  /** @param {string} key */
  get(key) {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  },
  /**
   * @param {string} key
   * @param {string} value
   */
  set(key, value) {
    try {
      localStorage.setItem(key, value);
    } catch {}
  },
};

/** @param {string} message empty: no error any more */
function showError(message) {
  byId("error").textContent = message;
  byId("error").hidden = !message;
}

const draw = new Draw(showError);

/** @param {string} model */
async function drawWith(model) {
  location.hash = hashOf({ part: "draw" });
  await draw.loadModels(model);
}

const learn =
  backend.training && new Learn(showError, backend.training, { onSaved: () => draw.loadModels(), onUse: drawWith });
const ownDigits = new OwnDigits(draw);
const challenge = new Challenge(draw);
const invitation = new Invitation(draw.ink);
draw.onReading = () => {
  ownDigits.refresh();
  challenge.refresh();
  invitation.checkClasses(draw.bars.classes);
};
const symbols = new Symbols(showError, ownDigits, drawWith);
const understand = new Understand(showError, draw);
for (const element of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-needs]")))
  element.hidden = !(element.dataset.needs === "server" ? hasServer : backend.training);
find(document, "[data-i18n=foot_alone]").hidden = hasServer;
copies.onFetched = () => {
  byId("foot-copy").hidden = false;
};
const languageButtons = /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-language]"));

function showPart() {
  const { part, isProjected } = readAddress();
  const chosen = PARTS.includes(part) ? part : "draw";
  for (const name of PARTS) byId(name).hidden = name !== chosen;
  for (const link of /** @type {NodeListOf<HTMLAnchorElement>} */ (document.querySelectorAll("[data-part]"))) {
    link.setAttribute("href", hashOf({ part: link.dataset.part }));
    if (link.closest("nav") && link.dataset.part === chosen) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.documentElement.toggleAttribute("data-projector", isProjected);
  byId("projector").setAttribute("aria-pressed", String(isProjected));
  document.title = `${translate(`nav_${chosen}`)} · softreg`;
  scrollTo(0, 0);
  if (chosen === "draw") draw.ink.redraw();
  if (chosen === "learn") learn?.open();
  if (chosen === "symbols") symbols.open();
  if (chosen === "understand") understand.open();
}

// The language or the colours have changed.
function refresh() {
  for (const part of [draw, learn, symbols, understand]) part?.refresh();
}

/** @param {string} code */
async function chooseLanguage(code) {
  setLanguage(code, await backend.messages(code));
  settings.set("language", code);
  for (const button of languageButtons)
    button.setAttribute("aria-pressed", String(button.dataset.language === language));
  refresh();
  showPart();
}

/** @param {string | undefined} theme undefined: as the system is */
function chooseTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
  else delete document.documentElement.dataset.theme;
  refresh();
}

const systemDark = matchMedia("(prefers-color-scheme: dark)");
const isDark = () => (document.documentElement.dataset.theme ?? (systemDark.matches ? "dark" : "light")) === "dark";
systemDark.addEventListener("change", refresh);
byId("theme").onclick = () => {
  const theme = isDark() ? "light" : "dark";
  settings.set("theme", theme);
  chooseTheme(theme);
};

function toggleProjector() {
  const { isProjected, ...rest } = readAddress();
  location.hash = hashOf({ ...rest, part: rest.part || "draw", isProjected: !isProjected });
}
byId("projector").onclick = toggleProjector;
addEventListener("keydown", ({ key, target, ctrlKey, metaKey, altKey }) => {
  const isTyping = target instanceof Element && target.matches("input, select, textarea");
  if (key === "p" && !isTyping && !ctrlKey && !metaKey && !altKey) toggleProjector();
});
for (const button of languageButtons) button.onclick = () => chooseLanguage(button.dataset.language ?? "en");
addEventListener("hashchange", () => {
  showPart();
  loadFromAddress();
});

// A drawing that the address holds, and the sheet does not show already.
function loadFromAddress() {
  const { drawing } = readAddress();
  const strokes = decodeStrokes(drawing);
  if (strokes.length && drawing !== encodeStrokes(draw.ink.strokes)) draw.ink.loadStrokes(strokes);
}

const theme = settings.get("theme");
if (theme) document.documentElement.dataset.theme = theme;
const preferred = navigator.languages.find((code) => /^(en|ko)/.test(code)) ?? "en";
try {
  await chooseLanguage(settings.get("language") ?? preferred.slice(0, 2));
  await draw.loadModels();
  loadFromAddress();
  draw.ready.then(() => invitation.begin());
  document.documentElement.dataset.ready = "yes";
} catch (error) {
  showError(messageOf(error));
}
